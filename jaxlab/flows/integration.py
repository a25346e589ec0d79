r"""Gradient flows ``theta' = -grad L(theta)`` of any loss, from the first steps to enormous times.

A late gradient flow is stiff: it creeps along a valley whose walls are steep, and the walls, not
the motion, bound the steps of explicit methods. The default is therefore Kvaerno5, an implicit
Runge-Kutta method (ESDIRK, A- and L-stable), with a full Newton iteration at every stage, by
diffrax. (diffrax's own default, one Jacobian per step, rejects half of its steps here.)

With the parameters the *energy* ``integral |grad L|**2 dt`` is integrated. On the exact flow it is
``L(0) - L(t)``: what is left of this identity is the integrator's error, and comes with the result.
Steps end exactly at the requested times, so nothing that is returned was interpolated.

References
----------
Kvaerno, BIT 44 (2004) 489, doi 10.1023/B:BITN.0000046811.70614.38. Kidger, arXiv 2202.02435
(diffrax).
"""

from collections.abc import Callable
from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
from jax.core import Tracer
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PyTree

Loss = Callable[[PyTree], Float[Array, ""]]


class Flow(NamedTuple):
    """A gradient flow at the requested times; NaN at times that were not reached.

    Attributes
    ----------
    times
        ``(times,)``.
    params
        The pytree of parameters with a leading axis ``times``.
    loss
        ``(times,)``.
    gradient_norm
        ``(times,)``: the Euclidean norm of the gradient.
    norm
        ``(times,)``: of the parameters.
    displacement
        ``(times,)``: distance from the start, at most ``sqrt(t (L(0) - L(t)))`` on an exact flow.
    energy
        ``(times,)``: the integral of the squared gradient norm.
    defect
        ``(times,)``: ``L(0) - L(t) - energy``, zero on an exact flow.
    moved
        ``(times,)``: distance from the parameters at the time before, 0 at the first.
    integrals
        What was asked for by ``integrands``, integrated from 0, with a leading axis ``times``.
    accepted, rejected
        Steps.
    status
        0 all times reached, 1 out of steps, 2 the solver gave up.
    """

    times: Float[Array, " times"]
    params: PyTree
    loss: Float[Array, " times"]
    gradient_norm: Float[Array, " times"]
    norm: Float[Array, " times"]
    displacement: Float[Array, " times"]
    energy: Float[Array, " times"]
    defect: Float[Array, " times"]
    moved: Float[Array, " times"]
    integrals: PyTree
    accepted: Int[Array, ""]
    rejected: Int[Array, ""]
    status: Int[Array, ""]


def implicit() -> diffrax.AbstractSolver:
    """Kvaerno5 with Newton's method, for late times; the default.

    A Hessian is formed in every iteration, so this is for tens of parameters; with hundreds and
    more :func:`explicit` is faster until steps are bounded by stability.

    Examples
    --------
    >>> type(implicit()).__name__
    'Kvaerno5'
    """
    newton = optimistix.Newton  # tolerances are those of the step size controller
    return diffrax.Kvaerno5(root_finder=diffrax.with_stepsize_controller_tols(newton)())


def explicit() -> diffrax.AbstractSolver:
    """Dopri8, for short times, many parameters, or to nearly all digits of float64.

    Its steps stay below about ``6 / lambda_max`` whatever the tolerance.

    Examples
    --------
    >>> type(explicit()).__name__
    'Dopri8'
    """
    return diffrax.Dopri8()


def log_times(stop: float, per_decade: int = 4, start: float = 1e-2) -> np.ndarray:
    """Times 0 and ``start`` to ``stop``, spaced evenly in their logarithm; float64.

    Parameters
    ----------
    stop, start
        The last and the first positive time. Whole powers of ten apart, they hit all powers.
    per_decade
        Times per factor of ten.

    Raises
    ------
    ValueError
        Unless ``0 < start < stop`` and ``per_decade`` is positive.

    Examples
    --------
    >>> log_times(10.0, 1, 0.1).tolist()
    [0.0, 0.1, 1.0, 10.0]
    """
    if not (0 < start < stop and per_decade > 0):
        raise ValueError(
            f"stop, per_decade, start: got {stop}, {per_decade}, {start}, "
            "expected 0 < start < stop and a positive number per decade"
        )
    first, last = np.log10(start), np.log10(stop)
    powers = np.linspace(first, last, round((last - first) * per_decade) + 1)
    return np.concatenate([[0.0], 10.0**powers])


def integrate(
    loss: Loss,
    params: PyTree,
    times: Float[Array, " times"] | np.ndarray,
    *,
    rtol: float | Float[Array, ""] = 1e-8,
    atol: float | Float[Array, ""] = 1e-10,
    solver: diffrax.AbstractSolver | None = None,
    gradient: Callable[[PyTree], PyTree] | None = None,
    integrands: Callable[[PyTree], PyTree] | None = None,
    max_steps: int = 16_384,
) -> Flow:
    """The gradient flow of one start. Pure: ``jit`` it, ``vmap`` it over starts.

    Parameters
    ----------
    loss
        ``params -> scalar``; twice differentiable almost everywhere for implicit solvers.
    params
        The start: a pytree of float32 or of float64 arrays. The flow is computed in this dtype.
    times
        Increasing, from 0.
    rtol, atol
        Tolerances of a step, of the Newton iteration, and for the integrals too. In float32 use
        1e-5 or so.
    solver
        :func:`implicit` if None. Its memory is the square of the number of parameters.
    gradient
        In place of ``jax.grad(loss)``.
    integrands
        ``params -> pytree of scalars``, to be integrated along the flow.
    max_steps
        Accepted and rejected steps together.

    Returns
    -------
    :class:`Flow`.

    Raises
    ------
    ValueError
        At trace time: leaves of another or of mixed dtype, a loss that is not a scalar; and, where
        the times are concrete, if they do not increase from 0.

    Examples
    --------
    The flow of ``exp(-theta)`` is ``log(1 + t)``:

    >>> flow = integrate(lambda p: jnp.exp(-p), jnp.zeros(()), log_times(1e3, 1),
    ...                  rtol=1e-5, atol=1e-6)
    >>> bool(jnp.abs(flow.params - jnp.log1p(flow.times)).max() < 1e-3)
    True
    """
    _check(loss, params, times)
    system = _system(loss, params, gradient, integrands)
    first = system.start
    at = jnp.asarray(times, first.dtype)
    state = jnp.concatenate([first, jnp.zeros_like(system.field(first)[first.size :])])
    controller = diffrax.PIDController(rtol=rtol, atol=atol)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda _, state, __: system.field(state)),
        implicit() if solver is None else solver,
        at[0],
        at[-1],
        None,
        state,
        saveat=diffrax.SaveAt(ts=at),
        stepsize_controller=diffrax.ClipStepSizeController(controller, step_ts=at[1:]),
        max_steps=max_steps,
        throw=False,
        adjoint=diffrax.ForwardMode(),
    )
    states = jnp.asarray(solution.ys)
    before = jnp.concatenate([state[None], states[:-1]])
    return Flow(
        times=at,
        **jax.vmap(lambda *pair: _observe(system, *pair))(before, states),
        accepted=solution.stats["num_accepted_steps"],
        rejected=solution.stats["num_rejected_steps"],
        status=_status(solution.result),
    )


class _System(NamedTuple):
    """The flow as one vector: parameters, then the energy, then what else is integrated."""

    loss: Loss
    start: Float[Array, " size"]
    unravel: Callable[[Array], PyTree]
    unravel_integrals: Callable[[Array], PyTree]
    field: Callable[[Array], Array]


def _system(
    loss: Loss,
    params: PyTree,
    gradient: Callable[[PyTree], PyTree] | None,
    integrands: Callable[[PyTree], PyTree] | None,
) -> _System:
    slope = jax.grad(loss) if gradient is None else gradient
    also = (lambda _: ()) if integrands is None else integrands
    flat, unravel = ravel_pytree(params)
    _, unravel_integrals = ravel_pytree(also(params))

    def field(state: Array) -> Array:
        here = unravel(state[: flat.size])
        downhill = -ravel_pytree(slope(here))[0]
        rest, _ = ravel_pytree(also(here))
        return jnp.concatenate([downhill, jnp.sum(downhill**2)[None], rest.astype(flat.dtype)])

    return _System(loss, flat, unravel, unravel_integrals, field)


def _observe(system: _System, before: Array, state: Array) -> dict[str, PyTree]:
    """What a Flow says of one state, NaN if the state was not reached."""
    size = system.start.size
    here, energy = state[:size], state[size]
    params = system.unravel(here)
    value = system.loss(params)
    seen = {
        "params": params,
        "loss": value,
        "gradient_norm": jnp.sqrt(system.field(state)[size]),
        "norm": _norm(here),
        "displacement": _norm(here - system.start),
        "moved": _norm(here - before[:size]),
        "energy": energy,
        "defect": system.loss(system.unravel(system.start)) - value - energy,
        "integrals": system.unravel_integrals(state[size + 1 :]),
    }
    reached = jnp.all(jnp.isfinite(state))
    return jax.tree.map(lambda x: jnp.where(reached, x, jnp.full_like(x, jnp.nan)), seen)


def _norm(vector: Float[Array, " size"]) -> Float[Array, ""]:
    return jnp.sqrt(jnp.sum(vector * vector))


def _status(result: diffrax.RESULTS) -> Int[Array, ""]:
    reached = result == diffrax.RESULTS.successful
    spent = result == diffrax.RESULTS.max_steps_reached
    return jnp.where(reached, 0, jnp.where(spent, 1, 2))


def _check(loss: Loss, params: PyTree, times: Array | np.ndarray) -> None:
    dtypes = {jnp.asarray(leaf).dtype.name for leaf in jax.tree.leaves(params)}
    if dtypes not in ({"float32"}, {"float64"}):
        raise ValueError(
            f"params: got leaves of {sorted(dtypes)}, expected all float32 or all float64 "
            "(linear solves know no other dtype)"
        )
    value = jax.eval_shape(loss, params)
    if jax.tree.structure(value) != jax.tree.structure(0) or value.shape != ():
        raise ValueError(f"loss: got {value}, expected a scalar")
    if isinstance(times, Tracer):
        return
    values = np.asarray(times)
    if values.size < 2 or values[0] != 0 or not np.all(np.diff(values) > 0):
        raise ValueError(f"times: got {values}, expected two or more, increasing from 0")
