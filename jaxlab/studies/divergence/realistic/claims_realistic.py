"""Claims about the realistic scenarios: growth, floors, and what low precision makes of them."""

import itertools
from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy import special

from jaxlab.studies._judging import judge, need
from jaxlab.studies._statistics import LEVEL, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.divergence.config import CONTROL
from jaxlab.studies.divergence.realistic import black_scholes, digits, heat
from jaxlab.studies.divergence.realistic.scenario import NOT_AVAILABLE, Scenario

KRANZ = "Kranz, Gallon, Dereich, Jentzen, arXiv 2505.09572"
DISCRETE = "discrete optimiser: its growth is no evidence about the flow"

SCENARIOS: Mapping[str, Scenario] = {
    module.SCENARIO.name: module.SCENARIO for module in (heat, black_scholes, digits)
}
LAWS = {"heat": heat.law, "pricing": black_scholes.law}
"""Of the scenarios with fresh samples, in which loss and error have exact figures."""

NOTABLE = 0.01
"""A format slows the growth if it takes away more than this share of the control's."""

PUBLISHED_STEPS = {"heat": 500_000, "pricing": 500_000, "digits": 30_000}
PLATEAU = 0.61
"""Where the authors' train loss of the option settles, in two digits."""


def available(dataset: xr.Dataset, name: str) -> bool:
    """Whether the data of a scenario are installed.

    Raises
    ------
    Missing
        If cells of it have not been computed.
    """
    taken = dataset[f"{name}_taken"]
    need(f"Training of the scenario {name}", taken, unfinished=True)
    return not bool((taken == NOT_AVAILABLE).any())


def formats(dataset: xr.Dataset, name: str) -> list[str]:
    """The formats of a scenario, the control first."""
    return [str(fmt) for fmt in dataset[f"{name}_format"].values]


def through(dataset: xr.Dataset, name: str, measure: str, fmt: str = CONTROL) -> np.ndarray:
    """A measure of one format, ``(starts, checkpoints)``."""
    return dataset[f"{name}_{measure}"].sel({f"{name}_format": fmt}).values


def grown(dataset: xr.Dataset, name: str, fmt: str) -> np.ndarray:
    """What every start's norm has gained at the end."""
    norm = through(dataset, name, "norm", fmt)
    return norm[:, -1] - norm[:, 0]


def start_moments(widths: tuple[int, ...]) -> tuple[float, float]:
    """Mean and standard deviation of the squared norm of a start, by Glorot's uniform law.

    An entry uniform in ``[-a, a]`` has a square of mean ``a**2 / 3`` and variance
    ``4 a**4 / 45``, here with ``a**2 = 6 / (m + n)``.

    Examples
    --------
    >>> mean, deviation = start_moments((10, 50, 50, 50, 1))
    >>> round(mean**0.5, 2)
    10.89
    """
    mean = variance = 0.0
    for inputs, outputs in itertools.pairwise(widths):
        square = 6 / (inputs + outputs)
        mean += inputs * outputs * square / 3
        variance += inputs * outputs * 4 * square**2 / 45
    return mean, variance**0.5


def _runs(dataset: xr.Dataset) -> list[str]:
    """Names of the scenarios whose data are installed."""
    return [name for name in SCENARIOS if available(dataset, name)]


def _absent(dataset: xr.Dataset) -> list[Claim]:
    """What stands in the place of a scenario whose data are not installed."""
    return [
        Claim(
            f"The scenario {name} grows as published",
            KRANZ,
            "data",
            "not available: pip install 'jaxlab[data]'",
            "none",
            "not comparable",
        )
        for name in SCENARIOS
        if not available(dataset, name)
    ]


def _starts(dataset: xr.Dataset) -> list[Claim]:
    """Norms at the start against their law."""
    names = _runs(dataset)
    quantile = _quantile(simultaneous(len(names)))
    expected, measured, spread, inside = [], [], [], []
    for name in names:
        squares = through(dataset, name, "norm")[:, 0] ** 2
        mean, deviation = start_moments(SCENARIOS[name].widths)
        half = quantile * deviation / np.sqrt(squares.size)
        low, high = np.sqrt([mean - half, mean + half])
        expected.append(f"{name}: {mean**0.5:.3f}")
        measured.append(f"{name}: {np.sqrt(squares.mean()):.3f}")
        spread.append(f"[{low:.3f}, {high:.3f}]")
        inside.append(abs(squares.mean() - mean) <= half)
    return [
        Claim(
            "Networks start with the norm of Glorot's law, the authors' start",
            f"{KRANZ}, code; E|theta|^2 = sum 2mn/(m+n), derived",
            "; ".join(expected),
            "; ".join(measured) + f" (root mean square; starts: {dataset.realistic_start.size})",
            "; ".join(spread) + f" (simultaneous {LEVEL:.0%} intervals of the law)",
            judge(all(inside), not all(inside)),
        )
    ]


def _growth(dataset: xr.Dataset) -> list[Claim]:
    """Whether norms grow from each checkpoint to the next."""
    judged = []
    for name in _runs(dataset):
        for fmt in formats(dataset, name):
            norm = through(dataset, name, "norm", fmt)
            steps = dataset[f"{name}_step"].values
            rises = np.diff(norm) > 0
            falls = steps[1:][~rises.all(axis=0)]
            judged.append(
                Claim(
                    f"{name}, Adam in {fmt}: the norm grows at every later checkpoint",
                    f"{KRANZ}, figures, logged every 1000 steps; {DISCRETE}",
                    "every difference of successive norms > 0",
                    f"{int(rises.sum())} of {rises.size} differences; mean norm "
                    f"{norm[:, 0].mean():.3f} -> {norm[:, -1].mean():.3f} in "
                    f"{steps[-1]} steps"
                    + (f"; lower at steps {', '.join(map(str, falls))}" if falls.size else ""),
                    f"exact, starts: {norm.shape[0]}",
                    judge(rises.all(), not rises.all()),
                )
            )
    return judged


def _laws(dataset: xr.Dataset) -> list[Claim]:
    """The exact floors against what the reference prints, and the authors' plateau."""
    floor, constant = heat.law()
    option = black_scholes.law()
    printed = (f"{floor:.6f}", f"{constant:.7f}")
    settled = f"{option.floor:.2f}"
    return [
        Claim(
            "heat: least train loss of any function; relative L2 error of the best constant",
            "derived: sqrt(106.667/652.0)",
            "0.404474; 0.0403732",
            "; ".join(printed),
            "exact (rational moments)",
            judge(printed == ("0.404474", "0.0403732"), printed != ("0.404474", "0.0403732")),
        ),
        Claim(
            "pricing: the published plateau of the train loss is the noise of the labels",
            f"{KRANZ}, authors' data; floor derived here, the assets being independent",
            f"{PLATEAU:.2f} to two digits",
            f"least train loss of any function {option.floor:.6f}; best constant's relative L2 "
            f"error {option.constant:.6f}",
            "1e-9 (quadrature)",
            judge(settled == f"{PLATEAU:.2f}", settled != f"{PLATEAU:.2f}"),
        ),
    ]


def _quantile(level: float) -> float:
    """Half width of a two-sided normal interval in standard errors."""
    return float(special.ndtri((1 + level) / 2))


def _floors(dataset: xr.Dataset) -> list[Claim]:
    """No run is below the floor beyond its sampling error."""
    judged = []
    for name, law in LAWS.items():
        available(dataset, name)
        loss, error = (dataset[f"{name}_{measure}"].values for measure in ("loss", "loss_error"))
        quantile = _quantile(simultaneous(loss.size))
        below = loss + quantile * error < law().floor
        judged.append(
            Claim(
                f"{name}: no network's loss is below the floor, in any format, at any checkpoint",
                "derived: the label's variance given x is out of reach",
                f">= {law().floor:.6f} within sampling error",
                f"{int(below.sum())} of {below.size} below; least {loss.min():.5f} "
                f"± {quantile * error.ravel()[loss.argmin()]:.5f}",
                f"{quantile:.1f} standard errors (simultaneous {LEVEL:.0%})",
                judge(not below.any(), below.any()),
            )
        )
    return judged


def _pythagoras(dataset: xr.Dataset) -> list[Claim]:
    """Loss on noisy labels and error against the exact solution, of the same networks."""
    judged = []
    for name, law in LAWS.items():
        available(dataset, name)
        loss, error, test = (
            through(dataset, name, measure)[:, -1] for measure in ("loss", "loss_error", "test")
        )
        floor = law().floor
        expected = np.sqrt(floor**2 + (1 - floor**2) * test**2)
        half = _quantile(simultaneous(loss.size)) * error
        met = abs(loss - expected) <= half
        judged.append(
            Claim(
                f"{name}: loss^2 = floor^2 + (1 - floor^2) error^2 on a fresh sample",
                "derived: Pythagoras; error relative to the exact solution in L2",
                "; ".join(f"{value:.5f}" for value in expected),
                "; ".join(f"{value:.5f}" for value in loss) + f" ({CONTROL}, at the end)",
                "; ".join(f"± {value:.5f}" for value in half) + f" (simultaneous {LEVEL:.0%})",
                judge(met.all(), not met.all()),
            )
        )
    return judged


def _better(dataset: xr.Dataset) -> list[Claim]:
    """Whether training finds more than a constant; short runs refute nothing."""
    judged = []
    for name, law in LAWS.items():
        available(dataset, name)
        steps = int(dataset[f"{name}_step"][-1])
        test = through(dataset, name, "test")[:, -1]
        better = test < law().constant
        judged.append(
            Claim(
                f"{name}: trained networks are closer to the solution than the best constant",
                f"{KRANZ}; relative L2 errors near 1e-2 after {PUBLISHED_STEPS[name]} steps",
                f"< {law().constant:.6f}",
                "; ".join(f"{value:.4f}" for value in test) + f" after {steps} steps ({CONTROL})",
                f"exact on the sample, starts: {test.size}",
                judge(better.all(), not better.all() and steps >= PUBLISHED_STEPS[name]),
            )
        )
    return judged


def _stopped(dataset: xr.Dataset) -> list[Claim]:
    """Whether a format stops the growth of the norm, or slows it down."""
    judged = []
    for name in _runs(dataset):
        control = grown(dataset, name, CONTROL)
        for fmt in formats(dataset, name)[1:]:
            share = grown(dataset, name, fmt) / control
            norm = through(dataset, name, "norm", fmt)
            still = norm[:, -1] == norm[:, -2]
            judged.append(
                Claim(
                    f"{name}, Adam: {fmt} slows the growth of the norm",
                    f"jaxlab; beside {CONTROL} from the same starts and batches; {DISCRETE}",
                    f"over {NOTABLE:.0%} less growth than {CONTROL} in every start",
                    f"{fmt}: "
                    + "; ".join(f"{part:.1%}" for part in share)
                    + f" of {CONTROL}'s; the norm stands still at the end in {int(still.sum())} of "
                    f"{still.size} starts",
                    f"exact, starts: {still.size}",
                    judge((share < 1 - NOTABLE).all(), (share >= 1 - NOTABLE).all()),
                )
            )
    return judged


def _lost(dataset: xr.Dataset) -> list[Claim]:
    """The share of updates that rounding loses at the end, and what it costs."""
    judged = []
    for name in _runs(dataset):
        for fmt in formats(dataset, name)[1:]:
            lost = through(dataset, name, "lost", fmt)[:, -1]
            test, control = (through(dataset, name, "test", f)[:, -1] for f in (fmt, CONTROL))
            judged.append(
                Claim(
                    f"{name}, Adam: {fmt} loses most of the updates to rounding in the end",
                    "jaxlab; nearest rounding loses an update below half an ulp of its parameter",
                    "more than half of the nonzero updates change no parameter",
                    "; ".join(f"{share:.1%}" for share in lost)
                    + f"; test error {test.mean():.4f} beside {control.mean():.4f} in {CONTROL}",
                    f"exact for the last step, starts: {lost.size}",
                    judge((lost > 0.5).all(), (lost < 0.5).all()),
                )
            )
    return judged


def _finite(dataset: xr.Dataset) -> list[Claim]:
    """Whether every run reaches its end."""
    taken = {name: dataset[f"{name}_taken"] for name in _runs(dataset)}
    frozen = sum(
        int((steps < int(dataset[f"{name}_step"][-1])).sum()) for name, steps in taken.items()
    )
    return [
        Claim(
            "No run overflows or turns NaN, in any format",
            f"jaxlab; {DISCRETE}",
            "0 runs frozen",
            f"{frozen} of {sum(steps.size for steps in taken.values())} runs",
            "exact",
            judge(frozen == 0, frozen > 0),
        )
    ]


JUDGES = (
    _absent,
    _finite,
    _laws,
    _starts,
    _growth,
    _floors,
    _pythagoras,
    _better,
    _stopped,
    _lost,
)
