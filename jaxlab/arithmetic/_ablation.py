"""Which part of a computation the error comes from: round one part, leave the others exact."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxlab.arithmetic._binding import is_float
from jaxlab.arithmetic._places import Place
from jaxlab.arithmetic._program import flatten, trace
from jaxlab.arithmetic._rounding_visitor import PARTS, RoundingVisitor, evaluate
from jaxlab.arithmetic._shadow import shadow
from jaxlab.arithmetic._shadow._run import scales
from jaxlab.arithmetic.model import Arithmetic, both_passes
from jaxlab.arithmetic.rounding import Rounding


class Ablation(NamedTuple):
    """How much of the error of a result each part of its computation makes.

    Errors are sums over the floating outputs of normwise relative errors.

    Attributes
    ----------
    total
        The error with everything rounded.
    made
        Contribution of each part's rounding errors to the total, signed, from the same run; these
        add up to the total to first order.
    alone
        The error of a run in which one part is rounded and all others are exact. A rounding error
        depends on every digit of its operands, so these are errors of other runs: comparable in
        size with ``made``, not its terms.
    """

    total: float
    made: dict[str, float]
    alone: dict[str, float]

    @property
    def remainder(self) -> float:
        """What first order does not explain, relative to the total error."""
        return abs(self.total - sum(self.made.values())) / (self.total or 1.0)

    def table(self) -> str:
        """One line a part."""
        scale = self.total or 1.0
        lines = [f"{'part':<12}{'made':>11}{'share':>9}{'alone':>11}"]
        for part, made in self.made.items():
            lines.append(f"{part:<12}{made:>11.3g}{made / scale:>9.1%}{self.alone[part]:>11.3g}")
        explained = sum(self.made.values())
        lines.append(f"{'sum':<12}{explained:>11.3g}{explained / scale:>9.1%}")
        lines.append(f"{'measured':<12}{self.total:>11.3g}")
        return "\n".join(lines)


def ablation(
    fn: Callable[..., Any],
    fmt: Any,
    *,
    rounding: Rounding | None = None,
    accumulate: Any = None,
    backward: Any = None,
    key: Any = None,
) -> Callable[..., Ablation]:
    """Measure how much of the error of a result each part of its computation makes.

    The parts are those of :func:`rounded`: ``storage`` (arguments and constants), ``forward``,
    ``backward``, ``accumulate`` (sums of many terms), and ``update`` (what a training step
    does outside the differentiated function). They do not overlap, and together they are
    everything.

    Parameters
    ----------
    fn
        A pure JAX function; a whole training step to see all five parts.
    fmt, rounding, accumulate, backward, key
        As in :func:`rounded`.

    Returns
    -------
    A function of the same arguments returning an :class:`Ablation`. Runs are carried in float64;
    the reference is the run that rounds nothing.

    Notes
    -----
    Literals, constants that are single numbers, count as ``storage`` in ``alone``, and in ``made``
    as part of the operation that they stand in.

    Raises
    ------
    ValueError
        As :func:`rounded`; also if ``fmt`` is None.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> loss = lambda w, x: jnp.mean(jnp.tanh(x @ w) ** 2)
    >>> w, x = jnp.linspace(-1.0, 1.0, 12).reshape(4, 3), jnp.linspace(-2.0, 1.0, 20).reshape(5, 4)
    >>> found = ablation(jax.grad(loss), "bf16")(w, x)
    >>> found.alone["update"], found.remainder < 0.05
    (0.0, True)
    """
    forward, back = both_passes(fmt, rounding, accumulate, backward)
    microscope = shadow(
        fn, fmt, rounding=rounding, accumulate=accumulate, backward=backward, key=key
    )

    def measure(*args: Any, **kwargs: Any) -> Ablation:
        _, seen = microscope(*args, **kwargs)
        made = {part: sum(r.made for r in seen.rows if r.part == part) for part in PARTS}
        arrays, flat = flatten(fn, args, kwargs)
        program, _ = trace(flat, arrays)
        exact = _run(program, arrays, forward, back, frozenset(), key)
        alone = {}
        for part in PARTS:
            values = _run(program, arrays, forward, back, frozenset((part,)), key)
            alone[part] = _error(values, exact)
        return Ablation(seen.measured, made, alone)

    return measure


def _run(program, arrays, forward: Arithmetic, back: Arithmetic, parts, key) -> list[np.ndarray]:
    """The floating outputs, in float64."""
    visitor = RoundingVisitor(forward, back, np.dtype(np.float64), parts=parts)

    def run(arrays):
        outs = evaluate(program, arrays, visitor, Place(key=key))
        return [out for out in outs if is_float(out.dtype)]

    with jax.enable_x64(True):
        return [np.asarray(out) for out in jax.jit(run)(arrays)]


def _error(values: list[np.ndarray], exact: list[np.ndarray]) -> float:
    sizes = scales([np.linalg.norm(x.ravel()) for x in exact], np)
    norms = [np.linalg.norm((v - x).ravel()) for v, x in zip(values, exact, strict=True)]
    return float(sum(norm / size for norm, size in zip(norms, sizes, strict=True)))
