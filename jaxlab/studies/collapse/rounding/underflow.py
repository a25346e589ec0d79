"""Part "underflow": random networks that live in float64 and are dead in a narrower format.

The same draw in every format: float64 parameters, rounded once. A network is evaluated on points of
[-1, 1] that every format holds, and its layers are counted up to the first dead one, where all
deeper networks with these layers die too; so one evaluation serves every depth.

Three evaluations per format, against the float64 control:

* *computed*, what training would see. Native dtypes go through :func:`jaxlab.networks.mlp.affine`
  (on CPU the dots of 16-bit types sum in float32, round once, and round again when the bias is
  added); 8-bit formats are emulated by the same two roundings of float64 sums.
* *rounded weights*: the exact function of the rounded parameters, evaluated in float64.
* *any exponent*: computed with the format's significand and float64's exponents, in float64. What
  is dead in the format and alive here died of the range, not of the precision.

A death is an *underflow* or a *cancellation* if the dead layer's own rounding made it, else it is
*inherited*, from the range if the network lives with any exponent and from the precision if not.
Death is not the only end of training: where every entry of the first layer's gradient underflows to
zero, an alive network does not move its first layer. Such *silent* networks are counted apart.
"""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxlab.arithmetic import Format, as_format, round_to
from jaxlab.networks import initialisers
from jaxlab.regions import death
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.collapse.config import CONTROL, Config
from jaxlab.studies.collapse.rounding import in_formats
from jaxlab.studies.collapse.rounding.in_formats import Networks
from jaxlab.training.precision import NATIVE

STATES = ("alive", "dead")
TWINS = ("rounded weights", "any exponent")
FATES = (
    "alive",
    "not finite",
    "underflow",
    "cancellation",
    "inherited, range",
    "inherited, precision",
)
"""How a network ends as computed: the outcomes of :func:`in_formats.passed`, the last one split.
All but the first two are deaths."""

RANGE = ("underflow", "inherited, range")
"""The deaths that the exponents of float64 prevent; an underflow may only delay one."""

GRADIENTS = ("nonzero", "zero")

_LAWS = {"He": initialisers.he(), "PyTorch": initialisers.pytorch()}
_CHUNK = 5000
"""Networks evaluated at once; bounds the memory."""


def laws(config: Config) -> dict[str, tuple[str, float]]:
    """By the name of a law: the initialiser's, and the factor of its parameters.

    Examples
    --------
    >>> laws(Config(underflow_gains=(1.0, 0.25)))
    {'He': ('He', 1.0), '0.25 He': ('He', 0.25), 'PyTorch': ('PyTorch', 1.0)}
    """
    scaled = {("He" if g == 1 else f"{g:g} He"): ("He", g) for g in config.underflow_gains}
    return {**scaled, "PyTorch": ("PyTorch", 1.0)}


def _native(config: Config) -> list[str]:
    return [fmt for fmt in config.underflow_formats[1:] if fmt in NATIVE]


def template(config: Config) -> xr.Dataset:
    """Counts of networks by law, width, depth and format, and by their state in the control."""
    where = ("underflow_law", "underflow_width", "underflow_depth", "underflow_format")
    return empty(
        {
            "underflow_law": list(laws(config)),
            "underflow_width": config.underflow_widths,
            "underflow_depth": range(1, max(config.underflow_depths) + 1),
            "underflow_format": config.underflow_formats[1:],
            "underflow_control": STATES,
            "underflow_fate": FATES,
            "underflow_twin": TWINS,
            "underflow_state": STATES,
            "gradient_depth": config.underflow_depths,
            "gradient_format": _native(config),
            "gradient": GRADIENTS,
        },
        {
            "underflow_fates": Variable(
                (*where, "underflow_control", "underflow_fate"),
                int,
                f"networks by their state in {CONTROL} and by how they end as computed",
            ),
            "underflow_twins": Variable(
                (*where, "underflow_twin", "underflow_control", "underflow_state"),
                int,
                f"networks by their state in {CONTROL} and with part of the format's rounding",
            ),
            "underflow_gradients": Variable(
                (*where[:2], "gradient_depth", "gradient_format", "gradient"),
                int,
                "networks alive as computed, by the gradient of the first layer; without those "
                f"where it is zero in {CONTROL} too",
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One cell per law and format."""
    native = _native(config)
    return [
        Cell(
            f"{law.replace(' ', '-')}-{fmt}",
            {"underflow_law": i, "underflow_format": j}
            | ({"gradient_format": native.index(fmt)} if fmt in native else {}),
        )
        for i, law in enumerate(laws(config))
        for j, fmt in enumerate(config.underflow_formats[1:])
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Draw the deepest networks of every width, chunk by chunk, and add up what becomes of them."""
    law = list(laws(config))[cell.index["underflow_law"]]
    fmt = as_format(config.underflow_formats[1 + cell.index["underflow_format"]])
    x = points(config)
    total = config.underflow_networks
    chunks = [range(at, min(at + _CHUNK, total)) for at in range(0, total, _CHUNK)]
    tallies = []
    for width in config.underflow_widths:
        parts = [_tally(config, draw(config, law, width, part), fmt, x) for part in chunks]
        tallies.append(jax.tree.map(lambda *counts: np.sum(counts, axis=0), *parts))
    return jax.tree.map(lambda *counts: np.stack(counts), *tallies)


def points(config: Config) -> Float[Array, "points width"]:
    """Points of [-1, 1], both ends among them, with a column of zeros per padding neuron.

    They are rounded to every format in turn, so that all formats see the same reals. Of equidistant
    points 17 are the most that float8_e5m2 holds.
    """
    x = jnp.linspace(-1.0, 1.0, config.underflow_points, dtype=jnp.float64)
    for fmt in config.underflow_formats:
        x = round_to(x, fmt)
    return jnp.pad(x[:, None], ((0, 0), (0, max(config.underflow_widths) - 1)))


def draw(config: Config, law: str, width: int, numbers: range) -> Networks:
    """The networks of these numbers, in float64: one draw for all gains of a law.

    They are padded to the largest width, so that one compiled program serves every width.
    """
    name, gain = laws(config)[law]
    depth, size = max(config.underflow_depths), max(config.underflow_widths)
    key = named_key(config.seed, f"underflow-{name}-width{width}")
    drawn = death.networks(key, (1, *[width] * depth, 1), _LAWS[name], numbers)
    networks = np.zeros((len(numbers), depth + 1, size + 1, size))
    for i, (weight, bias) in enumerate(drawn):
        networks[:, i, : weight.shape[1], : weight.shape[2]] = weight
        networks[:, i, -1, : bias.shape[1]] = bias
    return jnp.asarray(gain * networks)


def _tally(config: Config, networks: Networks, fmt: Format, x: Array) -> dict[str, np.ndarray]:
    """What becomes of one chunk of networks, at every depth."""
    control, unbounded = as_format(CONTROL), in_formats.any_exponent(fmt)
    stored = round_to(networks, fmt)
    depths = np.arange(1, max(config.underflow_depths) + 1)[:, None]

    def dead(networks: Networks, fmt: Format) -> np.ndarray:
        return depths > np.asarray(in_formats.passed(networks, x, fmt).layers)

    exactly = dead(networks, control)
    with_any_exponent = dead(round_to(networks, unbounded), unbounded)
    twins = {"rounded weights": dead(stored, control), "any exponent": with_any_exponent}
    computed = in_formats.passed(stored, x, fmt)
    alive = depths <= np.asarray(computed.layers)
    why = np.asarray(in_formats.cause(stored, computed, fmt))
    why = why + ((why == in_formats.INHERITED) & with_any_exponent)
    counts = {
        "underflow_fates": _crossed(exactly, np.where(alive, in_formats.ALIVE, why), len(FATES)),
        "underflow_twins": np.stack(
            [_crossed(exactly, twins[name], len(STATES)) for name in TWINS], axis=1
        ),
    }
    if fmt.name in NATIVE:
        counts["underflow_gradients"] = np.stack(
            [
                _gradients(networks, stored, alive[depth - 1], depth, x, fmt)
                for depth in config.underflow_depths
            ]
        )
    return counts


def _crossed(
    dead: np.ndarray, ends: np.ndarray, number: int
) -> Int[np.ndarray, "depth states ends"]:
    """Networks by their state in the control and by one of a number of ends."""
    rows = [
        [((dead == row) & (ends == end)).sum(axis=1) for end in range(number)]
        for row in range(len(STATES))
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _gradients(
    networks: Networks, stored: Networks, alive: np.ndarray, depth: int, x: Array, fmt: Format
) -> Int[np.ndarray, " gradients"]:
    """Alive networks of one depth, by their gradient; not those that have none in the control."""
    at = jnp.int32(depth)
    silent = alive & np.asarray(in_formats.zero_gradient(stored, at, x, fmt))
    moving = (alive & ~silent).sum()
    if silent.any():
        silent &= ~np.asarray(in_formats.zero_gradient(networks, at, x, as_format(CONTROL)))
    return np.array([moving, silent.sum()])


PART = Part("underflow", template, cells, compute)
