"""What study `flow` computes: one frozen dataclass, three presets."""

import dataclasses

from jaxlab.studies._configs import CONTROL as CONTROL
from jaxlab.studies._configs import check_control, check_positive

_NATIVE = ("float64", "float32", "float16", "bfloat16")
_SADDLE_ARITHMETICS = (*_NATIVE, *("p=4", "p=5", "p=6", "p=8", "p=11", "p=16", "p=20", "p=24"))
_METER_ARITHMETICS = (*_NATIVE, *("p=4", "p=6", "p=8", "p=11", "p=14", "p=16", "p=20", "p=24"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes and seeds of study `flow`.

    Attributes
    ----------
    seed
        Every random number follows from it.
    limits_neurons
        Widths ``H``.
    limits_batches, limits_near_batches, limits_flows
        Per width: batches of N(0, 1) starts, of each family just below the threshold, and flows
        in each batch. N(0, 1) starts have the seeds ``seed``, ``seed + 1``, ...
    limits_stop, limits_rtol
        Last time, and relative tolerance of a step.
    limits_checked, limits_checked_neurons, limits_tight_rtol
        How many of the first flows, of which width, are repeated with which tolerance.
    exact_networks
        Random networks whose risks and gradients are checked.
    saddle_breaks, saddle_exponents, saddle_stop
        Breakpoints of the zigzags whose flows are integrated, displacements ``10**-k``, last time.
    saddle_descended, saddle_rate, saddle_steps, saddle_draws
        The zigzag that gradient descent starts from, its rate (a power of two) and steps, and how
        many saddles of this function.
    saddle_arithmetics, saddle_precisions, saddle_multiples
        Arithmetics, see :mod:`jaxlab.studies.flow.descents`; bits of starts that are rounded;
        displacements in unit roundoffs.
    meter_neurons, meter_rtol
        Widths of the flows for a constant target; relative tolerance of a step.
    meter_arithmetics, meter_descended, meter_starts, meter_steps
        Arithmetics, width, starts (of the flows too) and steps of gradient descent.
    target_stop, target_rtol, target_starts
        Last time, relative tolerance of a step, and flows per target.
    target_formats, target_records
        Formats of gradient descent for the step target, and measurements (64 steps each).
    """

    seed: int = 0
    # Part "limits"
    limits_neurons: tuple[int, ...] = (1, 2, 3, 4, 8)
    limits_batches: int = 4
    limits_near_batches: int = 1
    limits_flows: int = 100
    limits_stop: float = 1e5
    limits_rtol: float = 1e-5
    limits_checked: int = 10
    limits_checked_neurons: int = 4
    limits_tight_rtol: float = 1e-9
    # Part "exact"
    exact_networks: int = 64
    # Part "saddles"
    saddle_breaks: tuple[int, ...] = (2, 4)
    saddle_exponents: tuple[int, ...] = (4, 6, 8, 10)
    saddle_stop: float = 6000.0
    saddle_descended: int = 2
    saddle_rate: float = 0.5
    saddle_steps: int = 2560
    saddle_draws: int = 6
    saddle_arithmetics: tuple[str, ...] = (*_NATIVE, "p=5", "p=16")
    saddle_precisions: tuple[int, ...] = (8, 11, 16, 24, 32, 40)
    saddle_multiples: tuple[int, ...] = (1, 4, 16, 64, 256)
    # Part "invariants"
    meter_neurons: tuple[int, ...] = (4,)
    meter_rtol: float = 1e-12
    meter_arithmetics: tuple[str, ...] = (*_NATIVE, "p=4", "p=16")
    meter_descended: int = 4
    meter_starts: int = 8
    meter_steps: int = 32
    # Parts "constant", "step", "polynomial"
    target_stop: float = 1e6
    target_rtol: float = 1e-8
    target_starts: int = 6
    target_formats: tuple[str, ...] = _NATIVE
    target_records: int = 512

    def __post_init__(self) -> None:
        check_positive(self)
        check_control(self, "saddle_arithmetics", "meter_arithmetics", "target_formats")
        if odd := [n for n in self.saddle_breaks if n % 2]:
            raise ValueError(f"saddle_breaks: got {odd}, expected even numbers")


_PAPER = Config(
    # Part "limits"
    limits_batches=100,
    limits_near_batches=10,
    limits_stop=1e8,
    limits_rtol=1e-8,
    limits_checked=100,
    limits_tight_rtol=1e-10,
    # Part "exact"
    exact_networks=1024,
    # Part "saddles"
    saddle_draws=24,
    saddle_arithmetics=_SADDLE_ARITHMETICS,
    # Part "invariants"
    meter_neurons=(4, 8, 16),
    meter_arithmetics=_METER_ARITHMETICS,
    meter_starts=32,
    # Parts "constant", "step", "polynomial"
    target_stop=1e8,
    target_starts=24,
)

PRESETS = {
    "quick": Config(),
    "paper": _PAPER,
    "large": dataclasses.replace(
        _PAPER, limits_neurons=(1, 2, 3, 4, 5, 6, 8, 16), limits_stop=1e10
    ),
}
"""Named configurations; the first is the default. ``quick`` runs in two minutes on two cores."""
