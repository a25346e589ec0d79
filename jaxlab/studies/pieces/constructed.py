"""Part (b): networks written down by hand, counted and integrated exactly."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxlab import regions
from jaxlab.arithmetic.draws import uniform64
from jaxlab.networks import Parameters, constructions
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.pieces.config import Config
from jaxlab.studies.pieces.counting import count

CONSTRUCTIONS = (
    "sawtooth",
    "slope-normalised sawtooth",
    "yarotsky square",
    "milkert-hyde-laine",
)


def build(name: str, depth: int, key: jax.Array) -> Parameters:
    """The construction of that name; the key draws Milkert, Hyde and Laine's peaks."""
    match name:
        case "sawtooth":
            return constructions.sawtooth(depth)
        case "slope-normalised sawtooth":
            return constructions.slope_normalised_sawtooth(depth)
        case "yarotsky square":
            return constructions.yarotsky_square(depth)
        case _:
            with jax.enable_x64(True):
                peaks = 0.2 + 0.6 * uniform64(key, (depth,))
                return constructions.milkert_hyde_laine(jnp.asarray(peaks))


def template(config: Config) -> xr.Dataset:
    """Counts per construction and depth; exact errors of Yarotsky's square."""
    by_depth = ("construction", "constructed_depth")
    return empty(
        {"construction": CONSTRUCTIONS, "constructed_depth": config.constructed_depths},
        {
            "constructed_pieces": Variable(by_depth, int, "affine pieces on [0, 1]"),
            "constructed_regions": Variable(by_depth, int, "activation regions on [0, 1]"),
            "constructed_pieces_wide": Variable(by_depth, int, "affine pieces on [-1, 2]"),
            "constructed_undecided": Variable(
                by_depth, int, "decisions of the counter within its tolerance, both counts"
            ),
            "square_sup_error": Variable(by_depth, float, "sup |s - x^2| on [0, 1]"),
            "square_l2_error": Variable(by_depth, float, "integral of (s - x^2)^2 on [0, 1]"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One cell per construction and depth."""
    return [
        Cell(f"{name}-depth{depth}".replace(" ", "-"), {"construction": i, "constructed_depth": j})
        for i, name in enumerate(CONSTRUCTIONS)
        for j, depth in enumerate(config.constructed_depths)
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Count on both segments; for Yarotsky's square integrate its error in rationals."""
    name = CONSTRUCTIONS[cell.index["construction"]]
    depth = config.constructed_depths[cell.index["constructed_depth"]]
    params = build(name, depth, named_key(config.seed, cell.name))
    inside, outside = (count(params, *ends) for ends in ((0.0, 1.0), (-1.0, 2.0)))
    sup, square = square_errors(params) if name == "yarotsky square" else (np.nan, np.nan)
    return {
        "constructed_pieces": inside.pieces,
        "constructed_regions": inside.regions,
        "constructed_pieces_wide": outside.pieces,
        "constructed_undecided": inside.undecided + outside.undecided,
        "square_sup_error": np.float64(sup),
        "square_l2_error": np.float64(square),
    }


def square_errors(params: Parameters) -> tuple[float, float]:
    """Sup norm and squared L2 norm of ``f - x**2`` on [0, 1], in exact rationals.

    Knots and values come from the float64 sweep, where dyadic networks are exact. On a piece from
    ``(a, f)`` to ``(b, g)`` the error is a parabola ``e`` with ``e'' = -2``, so its extremum and
    its integral have closed forms. Each result is rounded once, to float64.
    """
    line = regions.line.trace(params, 0.0, 1.0)
    knots = [Fraction(float(x)) for x in np.ravel(line.points)]
    values = [Fraction(float(v)) for v in np.ravel(line.values)]
    sup = total = Fraction(0)
    for a, b, f, g in zip(knots, knots[1:], values, values[1:], strict=False):
        left, right, length = f - a * a, g - b * b, b - a
        # With x = a + s * length: e(s) = left + (right - left) s + length**2 s (1 - s).
        bow = length * length
        top = (right - left + bow) / (2 * bow)
        extremum = left + (right - left + bow) * top - bow * top * top if 0 < top < 1 else 0
        sup = max(sup, abs(left), abs(right), abs(extremum))
        total += length * (
            (left * left + left * right + right * right) / 3
            + (left + right) * bow / 6
            + bow * bow / 30
        )
    return float(sup), float(total)


PART = Part("constructed", template, cells, compute)
