"""Part "floor": how far a FIRENET gets in a number format, and what happens after that.

The error falls by ``nu`` per restart until rounding stops it, at a floor of some unit roundoffs
``u``. With ``delta = 0`` the scale of a restart goes on shrinking, ``eps_k`` like ``nu**k``: the
error grows again, and in a format with few exponents something overflows. ``delta = u ||y||`` ends
the shrinking at the floor.

What rounds most is the ergodic mean: ``p`` iterates that hardly differ are added up and multiplied
by ``1 / p``. The mean of ``p`` copies of the truth is wrong by nearly as much; and a restart whose
steps are too small to change anything does just that, until the mean of ``p`` copies is the copy.
The mean of the deviations from the start of a restart is the same in exact arithmetic.

An arithmetic is named ``float32``, ``bfloat16``, ... for what this device does in that dtype, or
``p=8`` for an emulated one: measurements and weights are rounded to 8 bits, and so is every sum
and difference of the Walsh and Haar butterflies, every operation of the soft threshold, of both
steps, of the scalars of a restart and of the ergodic sum; a norm's squares are rounded too, their
sum is exact and rounded once. Exponents are float64's. Above 25 bits an operation is rounded
twice, an error of up to ``u (1 + 2**(p - 53))``. Errors are those of the coefficients as they are
after each restart, taken in float64.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxlab.arithmetic import float64, rounded
from jaxlab.inverse.firenets import Form, firenet
from jaxlab.inverse.primal_dual import Mean
from jaxlab.studies._arithmetics import format_of, is_emulated
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.stability.config import Config
from jaxlab.studies.stability.problems import LAM, Problem, problem
from jaxlab.studies.stability.restarts import ITERATIONS, distances

RULES = ("0", "u ||y||")
"""What ``delta`` is."""

AVERAGES = 16
"""How often the mean of copies is taken."""

COMPLEX = {"complex128": "float64", "complex64": "float32"}
"""Dtypes of the Fourier measurements, with the format of their parts."""


def template(config: Config) -> xr.Dataset:
    """Errors by arithmetic, ``delta`` and restart, and how large the measurements are."""
    path = ("floor_delta", "floor_restart")
    return empty(
        {
            "floor_arithmetic": config.floor_arithmetics,
            "floor_data_arithmetic": config.floor_data_arithmetics,
            "floor_deviation_arithmetic": config.floor_deviation_arithmetics,
            "floor_complex": list(COMPLEX),
            "floor_delta": RULES,
            "floor_restart": range(1, config.floor_restarts + 1),
            "floor_average": range(1, AVERAGES + 1),
        },
        {
            "floor_error": Variable(
                ("floor_arithmetic", *path), float, "relative error, step form, Walsh"
            ),
            "floor_data_error": Variable(
                ("floor_data_arithmetic", *path), float, "relative error, data form, Walsh"
            ),
            "floor_deviation_error": Variable(
                ("floor_deviation_arithmetic", *path),
                float,
                "relative error, step form, means of deviations, Walsh",
            ),
            "floor_complex_error": Variable(
                ("floor_complex", *path), float, "relative error, step form, Fourier"
            ),
            "floor_mean_error": Variable(
                ("floor_arithmetic", "floor_average"),
                float,
                "relative error of the truth after so many means of p copies",
            ),
            "floor_norm": Variable((), float, "norm of the Walsh measurements"),
            "floor_largest": Variable((), float, "largest Walsh measurement"),
            "floor_coefficient": Variable((), float, "largest coefficient of the truth"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One cell per arithmetic and form, and one for the measurements."""
    return [
        Cell("size", {}),
        *(
            Cell(f"{kind}-{name.replace('=', '')}", {dim: i})
            for kind, dim, names in (
                ("step", "floor_arithmetic", config.floor_arithmetics),
                ("data", "floor_data_arithmetic", config.floor_data_arithmetics),
                ("deviations", "floor_deviation_arithmetic", config.floor_deviation_arithmetics),
                ("fourier", "floor_complex", COMPLEX),
            )
            for i, name in enumerate(names)
        ),
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Reconstruct in one arithmetic with both choices of ``delta``."""
    transform = "fourier" if "floor_complex" in cell.index else "walsh"
    given = problem(transform, config.problem_side, config.seed)
    size = np.linalg.norm(given.measurements)
    if not cell.index:
        y, x = (np.abs(array).max() for array in (given.measurements, given.truth))
        return {"floor_norm": size, "floor_largest": y, "floor_coefficient": x}
    ((dim, place),) = cell.index.items()
    variable, names = {
        "floor_arithmetic": ("floor_error", config.floor_arithmetics),
        "floor_data_arithmetic": ("floor_data_error", config.floor_data_arithmetics),
        "floor_deviation_arithmetic": (
            "floor_deviation_error",
            config.floor_deviation_arithmetics,
        ),
        "floor_complex": ("floor_complex_error", tuple(COMPLEX)),
    }[dim]
    name, form = names[place], "data" if dim == "floor_data_arithmetic" else "step"
    mean = "deviations" if dim == "floor_deviation_arithmetic" else "sum"
    y, deltas = jnp.asarray(given.measurements), jnp.array([0.0, unit_roundoff(name) * size])
    z = path(given, name, form, config.floor_restarts, mean)(y, deltas)
    values = {variable: distances(z, given)}
    if dim == "floor_arithmetic":
        means = jax.jit(in_arithmetic(averages, name))(jnp.asarray(given.truth))
        values["floor_mean_error"] = distances(means, given)
    return values


def unit_roundoff(name: str) -> float:
    """``u`` of an arithmetic, or of the parts of a complex dtype.

    Examples
    --------
    >>> unit_roundoff("p=3"), unit_roundoff("complex64") == 2.0**-24
    (0.125, True)
    """
    return format_of(COMPLEX.get(name, name)).unit_roundoff


def path(
    given: Problem, name: str, form: Form, restarts: int, mean: Mean = "sum"
) -> Callable[..., Array]:
    """The reconstruction in an arithmetic, jitted.

    Returns
    -------
    A function of measurements and of several ``delta``, both float64 or complex128: the
    coefficients by ``delta`` and restart, in float64 or complex128 again.
    """

    def reconstruct(y: Array, deltas: Float[Array, " deltas"]) -> Array:
        def one(delta: Array) -> Array:
            return firenet(
                given.operator,
                y,
                lam=LAM,
                weights=given.weights,
                restarts=restarts,
                iterations=ITERATIONS,
                delta=delta,
                form=form,
                mean=mean,
                record=lambda z: z,
            ).recorded

        return jax.lax.map(one, deltas)

    return jax.jit(in_arithmetic(reconstruct, name))


def in_arithmetic(fn: Callable[..., Array], name: str) -> Callable[..., Array]:
    """A function whose first argument decides its dtype, in an arithmetic, from and to float64."""
    if is_emulated(name):
        return rounded(
            fn, format_of(name, exponents=float64), carrier="float64", double_rounding=True
        )
    return lambda first, *rest: fn(first.astype(name), *rest).astype(first.dtype)


def averages(x: Float[Array, "..."]) -> Float[Array, "averages ..."]:
    """The sum of ``p`` copies times ``1 / p``, of that again, and so on.

    Examples
    --------
    >>> means = averages(jnp.full(1, 1.1, "bfloat16")).astype("float32")
    >>> means[0, 0], means[-1, 0]
    (Array(1.0859375, dtype=float32), Array(1.0703125, dtype=float32))
    """
    share = 1 / jnp.asarray(ITERATIONS, x.dtype)

    def mean(x: Array, _: None) -> tuple[Array, Array]:
        total = jax.lax.fori_loop(0, ITERATIONS, lambda _, s: s + x, jnp.zeros_like(x))
        return share * total, share * total

    return jax.lax.scan(mean, x, length=AVERAGES)[1]


PART = Part("floor", template, cells, compute)
