"""Which floating dtypes a program really uses: an audit of its jaxpr, equation by equation.

Nothing is run. A constant of the wrong dtype, an unwanted promotion or a cast shows up with the
user's file and line, in the forward and in the backward pass.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Var, jaxprs_in_params

from jaxlab.arithmetic._source import Location, in_backward, location
from jaxlab.arithmetic.formats import Format, as_format


class Finding(NamedTuple):
    """An equation whose result has another floating dtype than its inputs.

    Numbers written into the program are no inputs: they have the dtype that they meet.

    Attributes
    ----------
    change
        ``"wider"``: the result's dtype holds numbers that no floating input's dtype holds. For an
        equation without floating inputs, the arguments of the function count as its inputs; if
        these are not floating either, every dtype is wider.
        ``"narrower"``: it is strictly narrower than a floating input's.
    primitive
        Name of the JAX primitive.
    inputs
        Names of the floating dtypes of its inputs, without numbers written into the program.
    output
        Name of the dtype of the result.
    where
        The user's source line.
    backward
        Whether the equation belongs to the backward pass.
    """

    change: Literal["wider", "narrower"]
    primitive: str
    inputs: tuple[str, ...]
    output: str
    where: Location
    backward: bool

    def __str__(self) -> str:
        inputs = ", ".join(self.inputs) or "no float"
        direction = "backward" if self.backward else "forward"
        return (
            f"{self.change}: {self.primitive} {inputs} -> {self.output}, {direction}, {self.where}"
        )


class Audit(NamedTuple):
    """Floating dtypes of a program.

    Attributes
    ----------
    inputs, constants, outputs
        Dtype names of the floating arguments, of the arrays that the function closes over, and of
        the results, in the order of their leaves.
    dtypes
        How many equation results have each floating dtype, nested programs included once.
    findings
        All changes of dtype, in program order.
    """

    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    outputs: tuple[str, ...]
    dtypes: dict[str, int]
    findings: tuple[Finding, ...]

    def wider_than(self, fmt: Any) -> tuple[Finding, ...]:
        """The findings whose result holds numbers that the format does not.

        Examples
        --------
        >>> found = audit(lambda x: x.astype(jnp.float32))(jnp.ones(2, jnp.bfloat16))
        >>> len(found.wider_than("bfloat16")), len(found.wider_than("float32"))
        (1, 0)
        """
        limit = as_format(fmt)
        return tuple(f for f in self.findings if not limit.holds(as_format(f.output)))

    def require(self, fmt: Any) -> "Audit":
        """The audit itself, if nothing in the program is wider than the format.

        Raises
        ------
        TypeError
            Listing every equation (with file and line), argument, constant and result that is
            wider, and how many values of each wider dtype there are.

        Examples
        --------
        >>> audit(lambda x: x * 2)(jnp.ones(2, jnp.bfloat16)).require("bfloat16").outputs
        ('bfloat16',)
        """
        limit = as_format(fmt)
        named = [("argument", name) for name in self.inputs]
        named += [("constant", name) for name in self.constants]
        named += [("result", name) for name in self.outputs]
        named += [(f"{count} values", name) for name, count in self.dtypes.items()]
        guilty = [f"{what} of dtype {n}" for what, n in named if not limit.holds(as_format(n))]
        guilty += [str(finding) for finding in self.wider_than(fmt)]
        if guilty:
            listed = "\n  ".join(guilty)
            raise TypeError(f"fn: got wider dtypes, expected at most {limit.name}:\n  {listed}")
        return self


def audit(fn: Callable[..., Any]) -> Callable[..., Audit]:
    """A function that traces ``fn`` and reports the floating dtypes in its program.

    It descends into ``jit``, ``scan``, ``while``, ``cond``, ``remat`` and custom derivatives. Audit
    ``jax.grad(loss)`` for residuals and cotangents, and a whole training step for the optimiser.

    Parameters
    ----------
    fn
        Any JAX function.

    Returns
    -------
    A function of the same arguments (arrays or ``jax.ShapeDtypeStruct``) that returns an
    :class:`Audit`.

    Examples
    --------
    >>> report = audit(lambda x: jnp.dot(x, x, preferred_element_type="float32"))(
    ...     jnp.ones(3, jnp.bfloat16))
    >>> report.inputs, report.outputs, [(f.change, f.primitive) for f in report.findings]
    (('bfloat16',), ('float32',), [('wider', 'dot_general')])
    """

    def run(*args: Any, **kwargs: Any) -> Audit:
        program = jax.make_jaxpr(fn)(*args, **kwargs)
        inputs, outputs = _names(program.in_avals), _names(program.out_avals)
        constants = _names(var.aval for var in program.jaxpr.constvars)
        findings: list[Finding] = []
        dtypes: dict[str, int] = {}
        for eqn, where, backward in _equations(program.jaxpr, Location("<unknown>", 0, ""), False):
            own = _names(atom.aval for atom in eqn.invars if isinstance(atom, Var))
            for output in _names(var.aval for var in eqn.outvars):
                dtypes[output] = dtypes.get(output, 0) + 1
                change = _change(output, own, inputs)
                if change and not list(jaxprs_in_params(eqn.params)):
                    name = eqn.primitive.name
                    findings.append(Finding(change, name, own, output, where, backward))
        return Audit(inputs, constants, outputs, dtypes, tuple(findings))

    return run


def _equations(
    jaxpr: Jaxpr, around: Location, backward: bool
) -> Iterator[tuple[JaxprEqn, Location, bool]]:
    """Every equation at every depth, with its source line (or that of the equation around it)."""
    for eqn in jaxpr.eqns:
        own = location(eqn)
        where = own if own.line else around
        behind = in_backward(eqn, backward)
        yield eqn, where, behind
        for program in jaxprs_in_params(eqn.params):
            yield from _equations(program, where, behind)


def _names(avals: Any) -> tuple[str, ...]:
    """Names of the floating dtypes among abstract values."""
    dtypes = [aval.dtype for aval in avals if hasattr(aval, "dtype")]
    return tuple(dtype.name for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating))


def _change(
    output: str, own: tuple[str, ...], arguments: tuple[str, ...]
) -> Literal["wider", "narrower"] | None:
    result = as_format(output)
    if not any(as_format(name).holds(result) for name in own or arguments):
        return "wider"
    return "narrower" if any(_wider(as_format(name), result) for name in own) else None


def _wider(a: Format, b: Format) -> bool:
    return a.holds(b) and not b.holds(a)
