"""Part "resolution": the smallest gap that FIRENET resolves when every operation rounds.

One row ``(alpha, alpha + eps)`` with ``K = 1``; ``alpha**2 / eps`` iterations a restart, in step
form. An arithmetic is ``float32``, ``bfloat16``, ... for what this device does in that dtype, or
``p=8``: emulated, every operation rounded once to 8 bits. The mean of the iterates is a sum of
many: kept in the *own* arithmetic it fails before anything else does, kept *wide*, in float64, as
in the reference's experiment, it leaves the rounding of the iteration alone. The scalars of the
restarts are float64. The loop is that of :mod:`jaxlab.inverse.firenets` with a number of iterations
that may be traced; in float64 the two agree.
"""

import functools
from collections.abc import Callable
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxlab.arithmetic import Format, rounded
from jaxlab.inverse import noncomputable, operators
from jaxlab.inverse.proximal import ball, scaled, soft
from jaxlab.studies._arithmetics import format_of, is_emulated
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.barrier.config import CONTROL, Config

SUMS = ("own", "wide")
"""Where the iterates are added up."""

DIGITS = 1
"""``K``."""

NU = np.exp(-1)
"""Factor of a restart."""

EXTRA = 7
"""Restarts beyond those that shrink 1 to the unit roundoff."""

THRESHOLD_GAPS = (0, 1, 2, 3)
"""``k`` of the gaps ``2**-k`` for which iterations are counted."""


def template(config: Config) -> xr.Dataset:
    """Errors by arithmetic, sum and gap; and by gap and iterations."""
    return empty(
        {
            "resolution_arithmetic": config.resolution_arithmetics,
            "resolution_sum": SUMS,
            "resolution_gap": [2.0**-k for k in range(config.resolution_gaps)],
            "resolution_threshold_gap": [2.0**-k for k in THRESHOLD_GAPS],
            "resolution_iterations": config.resolution_iterations,
        },
        {
            "resolution_error": Variable(
                ("resolution_arithmetic", "resolution_sum", "resolution_gap"),
                float,
                "distance from the minimiser, times 10**K",
            ),
            "resolution_stored": Variable(
                ("resolution_arithmetic", "resolution_gap"),
                float,
                "difference of the two entries of the row as stored",
            ),
            "resolution_few": Variable(
                ("resolution_threshold_gap", "resolution_iterations"),
                float,
                "the same in float64, by iterations of a restart in alpha**2 / eps",
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One for each arithmetic and sum, and one for the numbers of iterations."""
    errors = [
        Cell(f"{name}-{kind}".replace("=", ""), {"resolution_arithmetic": i, "resolution_sum": j})
        for i, name in enumerate(config.resolution_arithmetics)
        for j, kind in enumerate(SUMS)
    ]
    return [*errors, Cell("iterations", {})]


def compute(config: Config, cell: Cell) -> Values:
    """Solutions at all gaps, or with all numbers of iterations."""
    if cell.name == "iterations":
        return {"resolution_few": _few(config)}
    name = config.resolution_arithmetics[cell.index["resolution_arithmetic"]]
    gaps = [2.0**-k for k in range(config.resolution_gaps)]
    wide = SUMS[cell.index["resolution_sum"]] == "wide"
    values = {"resolution_error": np.array([_error(name, wide, gap) for gap in gaps])}
    if wide:
        rows = [stored_row(gap, format_of(name)) for gap in gaps]
        values["resolution_stored"] = np.array([row[1] - row[0] for row in rows])
    return values


def iterations(gap: float) -> int:
    """``alpha**2 / eps``: iterations that suffice for a restart, up to a factor of order one.

    Examples
    --------
    >>> iterations(0.5)
    44
    """
    return round(float(noncomputable.alpha(DIGITS)) ** 2 / gap)


def stored_row(gap: float, fmt: Format) -> Float[np.ndarray, " 2"]:
    """``(alpha, alpha + eps)`` rounded once to a format, as float64 numbers.

    Raises
    ------
    ValueError
        If the format has no such numbers.
    """
    base = noncomputable.alpha(DIGITS)
    entries = [noncomputable.nearest(base + eps, fmt) for eps in (0, Fraction(gap))]
    if None in entries:
        raise ValueError(f"fmt: got {fmt.name}, in which {float(base):.3g} overflows")
    return np.array([float(entry) for entry in entries if entry is not None])


def _error(name: str, wide: bool, gap: float, share: float = 1.0) -> float:
    """Distance of FIRENET's answer from the minimiser of the reals, times ``10**K``."""
    fmt = format_of(name)
    truth = np.array([0.0, 1 / (float(noncomputable.alpha(DIGITS)) + gap)])
    row = jnp.asarray(stored_row(gap, fmt))
    count = jnp.asarray(max(1, round(share * iterations(gap))))
    restarts = int(np.ceil(-np.log(fmt.unit_roundoff))) + EXTRA
    answer = np.asarray(solve(row, count, name=name, wide=wide, restarts=restarts))
    return float(np.linalg.norm(answer - truth)) * 10**DIGITS


def _few(config: Config) -> Float[np.ndarray, "gaps shares"]:
    """Errors in float64, by gap and iterations."""
    return np.array(
        [
            [_error(CONTROL, True, 2.0**-k, share) for share in config.resolution_iterations]
            for k in THRESHOLD_GAPS
        ]
    )


def _step(
    row: Float[Array, " 2"],
    x: Float[Array, " 2"],
    q: Float[Array, " 1"],
    tau: Float[Array, ""],
    sigma: Float[Array, ""],
) -> tuple[Float[Array, " 2"], Float[Array, " 1"]]:
    """One primal-dual iteration for ``lam = 1``, ``y = 1``."""
    operator = operators.matrix(row[None])
    moved = soft(x - scaled(tau, operator.adjoint(q)), tau)
    residual = operator.forward(moved + (moved - x)) - jnp.ones_like(q)
    return moved, ball(q + scaled(sigma, residual))


def _arithmetic(name: str, wide: bool) -> tuple[np.dtype, Callable, Callable]:
    """The dtype that values travel in, the iteration, and the sum of the iterates."""
    fmt = format_of(name)
    add = jnp.add
    if is_emulated(name):
        dtype, step, add = np.dtype(np.float64), rounded(_step, fmt), rounded(add, fmt)
    else:
        dtype, step = np.dtype(fmt.dtype), _step

    def widely(total: Array, x: Array) -> Array:
        return total + x.astype(total.dtype)

    return dtype, step, widely if wide else add


@functools.partial(jax.jit, static_argnames=("name", "wide", "restarts"))
def solve(
    row: Float[Array, " 2"], count: Int[Array, ""], *, name: str, wide: bool, restarts: int
) -> Float[Array, " 2"]:
    """FIRENET in step form for one row and ``y = 1``, with ``tau = sigma = 1 / ||A||`` before
    scaling and ``delta = u``.

    Parameters
    ----------
    row
        Numbers of the arithmetic's format, in float64.
    count
        Iterations of a restart.
    name, wide
        The arithmetic, and whether the iterates are added up in float64.
    restarts
        How many.
    """
    dtype, step, add = _arithmetic(name, wide)
    a, size = row.astype(dtype), jnp.sqrt(jnp.sum(row**2))
    delta = format_of(name).unit_roundoff

    def restart(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        z, eps = carry
        eps = NU * (delta + eps)
        beta = count.astype(eps.dtype) * eps / (2 * size)
        tau, sigma = ((v / size).astype(dtype) for v in (beta, 1 / beta))

        def iterate(_: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            x, q, total = state
            x, q = step(a, x, q, tau, sigma)
            return x, q, add(total, x)

        zero = jnp.zeros(2, jnp.float64 if wide else dtype)
        state = (z.astype(dtype), jnp.zeros(1, dtype), zero)
        total = jax.lax.fori_loop(0, count, iterate, state)[2]
        return (total.astype(jnp.float64) / count.astype(eps.dtype), eps), None

    start = jnp.zeros(2, jnp.float64), jnp.ones((), jnp.float64)
    return jax.lax.scan(restart, start, length=restarts)[0][0]


PART = Part("resolution", template, cells, compute)
