"""A program run by NumPy, every operation in one low-precision dtype: what ``rounded`` must equal.

The jaxpr of the function is evaluated equation by equation on arrays of an ml_dtypes or NumPy
dtype, whose operations round once. Sums are sequential and their products are rounded. Nothing is
borrowed from the implementation, and XLA takes no part.
"""

import jax
import numpy as np

from jaxlab.arithmetic import as_format
from tests.arithmetic.rational_numbers import Number


def run(fn, dtype, *args):
    """Leaves of ``fn(*args)``, evaluated in ``dtype``."""
    program = jax.make_jaxpr(fn)(*args)
    with np.errstate(all="ignore"):
        values = [_enter(np.asarray(leaf), dtype) for leaf in jax.tree.leaves(args)]
        return _evaluate(program.jaxpr, program.consts, values, dtype)


def _enter(x, dtype):
    return x.astype(dtype) if jax.numpy.issubdtype(x.dtype, np.floating) else x


def _evaluate(jaxpr, consts, values, dtype):
    env = dict(zip(jaxpr.invars, values, strict=True))
    env |= {
        var: _enter(np.asarray(const), dtype)
        for var, const in zip(jaxpr.constvars, consts, strict=True)
    }

    def read(atom):
        if not hasattr(atom, "val"):
            return env[atom]
        return _enter(np.asarray(atom.val, atom.aval.dtype), dtype)

    for eqn in jaxpr.eqns:
        outputs = _OPERATIONS[eqn.primitive.name](eqn.params, dtype, *map(read, eqn.invars))
        outputs = outputs if eqn.primitive.multiple_results else [outputs]
        for var, value in zip(eqn.outvars, outputs, strict=True):
            value = np.asarray(value)
            assert value.shape == var.aval.shape, eqn
            if jax.numpy.issubdtype(var.aval.dtype, np.floating):
                assert value.dtype == dtype, (eqn, value.dtype)
            env[var] = value
    return [read(atom) for atom in jaxpr.outvars]


def _call(params, dtype, *values):
    program = params.get("jaxpr", params.get("call_jaxpr"))
    inner = getattr(program, "jaxpr", program)
    return _evaluate(inner, getattr(program, "consts", ()), list(values), dtype)


def _scan(params, dtype, *values):
    a, b = params["num_consts"], params["num_carry"]
    consts, carry, xs = list(values[:a]), list(values[a : a + b]), values[a + b :]
    program, stacked = params["jaxpr"], []
    steps = range(params["length"])
    for i in reversed(steps) if params["reverse"] else steps:
        scanned = [x[i] for x in xs]
        outs = _evaluate(program.jaxpr, program.consts, [*consts, *carry, *scanned], dtype)
        carry = outs[:b]
        stacked.append(outs[b:])
    stacked = stacked[::-1] if params["reverse"] else stacked
    return [*carry, *(np.stack(ys) for ys in zip(*stacked, strict=True))]


def _while(params, dtype, *values):
    a, b = params["cond_nconsts"], params["body_nconsts"]
    cond, body = params["cond_jaxpr"], params["body_jaxpr"]
    state = list(values[a + b :])
    while _evaluate(cond.jaxpr, cond.consts, [*values[:a], *state], dtype)[0]:
        state = _evaluate(body.jaxpr, body.consts, [*values[a : a + b], *state], dtype)
    return state


def _cond(params, dtype, index, *values):
    program = params["branches"][int(index)]
    return _evaluate(program.jaxpr, program.consts, list(values), dtype)


def _convert(params, dtype, x):
    new = params["new_dtype"]
    return x.astype(dtype if jax.numpy.issubdtype(new, np.floating) else new)


def _broadcast(params, dtype, x):
    shape = [1] * len(params["shape"])
    for size, dim in zip(x.shape, params["broadcast_dimensions"], strict=True):
        shape[dim] = size
    return np.broadcast_to(x.reshape(shape), params["shape"])


def _sum(params, dtype, x):
    axes = sorted(params["axes"])
    terms = np.moveaxis(x, axes, range(len(axes)))
    return _total(list(terms.reshape(-1, *terms.shape[len(axes) :])))


def _dot(params, dtype, x, y):
    (x_sum, y_sum), (x_batch, y_batch) = params["dimension_numbers"]
    x, y = _terms_first(x, x_sum, x_batch), _terms_first(y, y_sum, y_batch)
    batch = len(x_batch)
    x = x.reshape(*x.shape, *[1] * (y.ndim - 1 - batch))
    y = y.reshape(*y.shape[: 1 + batch], *[1] * (x.ndim - y.ndim), *y.shape[1 + batch :])
    return _total([a * b for a, b in zip(x, y, strict=True)])


def _terms_first(x, contracted, batch):
    free = [d for d in range(x.ndim) if d not in (*contracted, *batch)]
    x = x.transpose(*contracted, *batch, *free)
    return x.reshape(-1, *x.shape[len(contracted) :])


def _total(terms):
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _select(params, dtype, which, *cases):
    return np.choose(which.astype(int), cases) if cases[0].dtype != dtype else _pick(which, cases)


def _pick(which, cases):
    result = cases[0]
    for number, case in enumerate(cases):
        result = np.where(which == number, case, result)
    return result


def _power(params, dtype, x):
    fmt = as_format(dtype)
    powers = [Number(float(v), fmt).power(params["y"]).value for v in x.ravel()]
    return np.array(powers).astype(dtype).reshape(x.shape)  # exact: they are numbers of the dtype


def _elementwise(fn):
    return lambda params, dtype, *values: fn(*values)


_OPERATIONS = {
    "add": _elementwise(np.add),
    "add_any": _elementwise(np.add),
    "sub": _elementwise(np.subtract),
    "mul": _elementwise(np.multiply),
    "div": _elementwise(lambda x, y: x / y if x.dtype.kind in "fV" else x // y),
    "neg": _elementwise(np.negative),
    "abs": _elementwise(np.abs),
    "max": _elementwise(np.maximum),
    "sqrt": _elementwise(np.sqrt),
    "integer_pow": _power,
    "square": _elementwise(lambda x: x * x),
    "eq": _elementwise(np.equal),
    "ne": _elementwise(np.not_equal),
    "lt": _elementwise(np.less),
    "le": _elementwise(np.less_equal),
    "gt": _elementwise(np.greater),
    "ge": _elementwise(np.greater_equal),
    "and": _elementwise(np.logical_and),
    "copy": _elementwise(np.asarray),
    "optimization_barrier": lambda params, dtype, *values: values,
    "select_n": _select,
    "convert_element_type": _convert,
    "broadcast_in_dim": _broadcast,
    "reshape": lambda params, dtype, x: x.reshape(params["new_sizes"]),
    "slice": lambda params, dtype, x: x[
        tuple(
            map(
                slice,
                params["start_indices"],
                params["limit_indices"],
                params["strides"] or [None] * x.ndim,
            )
        )
    ],
    "squeeze": lambda params, dtype, x: x.squeeze(params["dimensions"]),
    "transpose": lambda params, dtype, x: x.transpose(params["permutation"]),
    "iota": lambda params, dtype: np.indices(params["shape"])[params["dimension"]].astype(
        params["dtype"]
    ),
    "split": lambda params, dtype, x: np.split(x, np.cumsum(params["sizes"])[:-1], params["axis"]),
    "reduce_sum": _sum,
    "dot_general": _dot,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "jit": _call,
    "closed_call": _call,
    "checkpoint": _call,
    "remat2": _call,
    "custom_jvp_call": _call,
    "custom_vjp_call": _call,
}
