"""The error microscope: which operation made the error of a result?"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxlab.arithmetic._binding import dtype_of, is_float
from jaxlab.arithmetic._places import STORED, Place, Site, sites
from jaxlab.arithmetic._program import argument_names, flatten, trace
from jaxlab.arithmetic._rounding_visitor import RoundingVisitor
from jaxlab.arithmetic._shadow._records import Counts, measure
from jaxlab.arithmetic._shadow._row import Row
from jaxlab.arithmetic._shadow._run import INPUT, Result, blame, run
from jaxlab.arithmetic._shadow._trace import Trace
from jaxlab.arithmetic._shadow._visitors import CARRIER, PairVisitor
from jaxlab.arithmetic._source import Location
from jaxlab.arithmetic.carriers import carrier_for
from jaxlab.arithmetic.formats import Format
from jaxlab.arithmetic.model import both_passes, check_key
from jaxlab.arithmetic.rounding import Rounding


def shadow(
    fn: Callable[..., Any],
    fmt: Any,
    *,
    rounding: Rounding | None = None,
    accumulate: Any = None,
    backward: Any = None,
    key: Any = None,
) -> Callable[..., tuple[Any, Trace]]:
    """Run a function in a number format beside a float64 twin and say which operation erred.

    Every primitive is computed three times: rounded, as :func:`rounded` does it on a float64
    carrier; on the same rounded inputs without rounding (the difference is the *local* error); and
    in the twin, on exact inputs (the difference is the *inherited* error). One backward pass
    through the twin then tells what each local error contributes to the error of the result:
    ``error = sum of adjoint * local error`` to first order, operation by operation, forward and
    backward pass alike (reverse over reverse where ``fn`` is a gradient).

    Parameters
    ----------
    fn
        A pure JAX function; ``jax.grad(loss)`` to look at both passes.
    fmt, rounding, accumulate, backward, key
        As in :func:`rounded`; ``fmt`` must be a format.

    Returns
    -------
    A function of the same arguments returning the rounded value and a :class:`Trace`. It runs on
    concrete arrays, compiles one program per call, and keeps all intermediates of all iterations
    in memory, several times: meant for small instances of a problem.

    Raises
    ------
    ValueError
        As :func:`rounded`; also if ``fmt`` is None.

    Notes
    -----
    The error explained is the sum over the outputs of their normwise relative errors. Branches and
    trip counts are those of the rounded run; comparisons that the twin decides otherwise are
    counted (``flipped``) but not explained, being discontinuous. Errors made inside a ``while``
    loop are counted (those of its condition are not), and neither attributed nor followed; a
    ``fori_loop`` with static bounds is a scan, and is. Literals, constants that are single numbers,
    count as errors of the operation that they stand in. The twin's own error is some float64 ulps.
    The idea is that of CHEF-FP (Vassilev et al.), for gradients too.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> variance = lambda x: jnp.mean(x**2) - jnp.mean(x) ** 2
    >>> value, trace = shadow(variance, "fp16")(jnp.array([100.0, 100.5, 101.0]))
    >>> float(value), round(trace.measured, 2)
    (0.0, 1.0)
    >>> max(row.total("cancelled_bits") for row in trace.rows)
    11.0
    """
    forward, back = both_passes(fmt, rounding, accumulate, backward)
    if forward.format is None:
        raise ValueError("fmt: got None, expected a format")
    for arithmetic in (forward, back):
        if arithmetic.format is not None:
            carrier_for(arithmetic.format, "float64")
    check_key(key, forward, back)

    def look(*args: Any, **kwargs: Any) -> tuple[Any, Trace]:
        arrays, flat = flatten(fn, args, kwargs)
        program, tree = trace(flat, arrays)
        visitor = RoundingVisitor(forward, back, CARRIER).visiting(program)
        with jax.enable_x64(True):
            result = jax.jit(run(program, visitor, key), compiler_options=_quick())(arrays)
        rows = _rows(program, argument_names(args, kwargs), result, PairVisitor(visitor))
        value = jax.tree.unflatten(tree, result.value)
        return value, _report(forward.format, rows, value, result)

    return look


def _quick() -> dict[str, Any]:
    """Compiler options: a program that runs once is not worth optimising."""
    return {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else {}


def _rows(program: Any, names: list[str], result: Result, visitor: PairVisitor) -> list[Row]:
    """Measure on the host what every operation left behind."""
    arguments = {f"{INPUT}{number}": name for number, name in enumerate(names)}
    found, rows = sites(program), []
    for path, var in zip(arguments, program.jaxpr.invars, strict=True):
        found[path] = Site(Place(path), "store", (var,))
    records, adjoints = jax.tree.map(np.asarray, (result.records, result.adjoints))
    for path, seen in records.items():
        place, name, defines = found[path]
        fmt = visitor.format([dtype_of(var) for var in defines], place)
        assert fmt is not None  # nothing is recorded where nothing is rounded
        if name == "store":
            what = arguments.get(path, f"constant {defines[0].aval.str_short()}")
            where, part = Location(what, 0, ""), "storage"
        else:
            where, part = place.location, visitor.rounding.part(name, place)
        fault = blame(adjoints[path], seen, fmt) if path in adjoints else None
        scope = "/".join(place.scopes)
        rows.append(
            Row(path, name, where, scope, place.backward, part, fmt, _count(seen, fmt), fault)
        )
    return sorted(rows, key=lambda row: [_order(part) for part in row.path.split(".")])


def _count(seen: Any, fmt: Format) -> Counts:
    if isinstance(seen, Counts):
        return seen
    with np.errstate(all="ignore"):
        return measure(seen, fmt, np)


def _report(fmt: Format, rows: list[Row], value: Any, result: Result) -> Trace:
    paths = [
        jax.tree_util.keystr(path) or "value"
        for path, leaf in jax.tree.leaves_with_path(value)
        if is_float(leaf.dtype)
    ]
    errors = dict(zip(paths, map(float, result.errors), strict=True))
    finite = all(
        bool(np.all(np.isfinite(np.asarray(x, np.float64))))
        for x in result.value
        if is_float(x.dtype)
    )
    return Trace(fmt, tuple(rows), errors, finite)


def _order(part: str) -> tuple[int, int, str]:
    digits = "".join(c for c in part if c.isdigit())
    stores = [part.startswith(INPUT), part.startswith(STORED), True]  # first, in this order
    return (stores.index(True), int(digits or -1), part)
