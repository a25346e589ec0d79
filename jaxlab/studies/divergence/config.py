"""What study `divergence` computes: one frozen dataclass, three presets."""

import dataclasses

from jaxlab.studies._configs import CONTROL as CONTROL
from jaxlab.studies._configs import check_control, check_positive, check_some
from jaxlab.studies.divergence.experiments.schemes import SCHEMES
from jaxlab.studies.divergence.polynomials import PROBLEMS
from jaxlab.studies.divergence.problems import ACTIVATIONS

_PORTRAIT = (0, 2, 5, 10, 20, 50, 100, 1000, 3000, 6000, 10_000, 20_000, 30_000, 60_000, 100_000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes and seeds of study `divergence`.

    Attributes
    ----------
    seed
        Every random number follows from it.
    solvable_tolerances
        Relative tolerances of the flows that are known exactly; the difference of the last two is
        the error estimate.
    shallow_neurons
        Of the shallow networks whose flows are followed from random starts.
    shallow_groups, shallow_group_starts
        Groups of starts, each a cell, and starts in a group; the same starts in every case.
    shallow_rtol
        Relative tolerance there.
    shallow_tolerances
        Relative tolerances of the flows with printed values.
    frozen_rate, frozen_steps, frozen_forms, frozen_formats
        Gradient descent on the two-parameter network: formulas of it, and native formats.
    frozen_starts, frozen_portrait_steps
        Of the phase portrait; the first formula is drawn.
    frozen_precisions, frozen_precision_steps
        Significand bits of the parameters under exact gradients, and the most steps.
    frozen_arm_precisions, frozen_arm_steps
        Bits where gradients or all operations round; the steps also of the cures.
    frozen_stored, frozen_keys
        Formats of the parameters that cures are tried on, and keys of stochastic rounding.
    frozen_scheme_steps
        Of Adam and of minibatches.
    published_problems, published_activations
        Names in ``polynomials.PROBLEMS`` and ``problems.ACTIVATIONS``.
    published_starts
        Starts of every network; the authors average over 20.
    published_until, published_implicit, published_rtol
        Last time of the flow, whether it is integrated implicitly (late times), and tolerance.
    published_tight
        Activations whose first flow is repeated with a tolerance 100 times smaller.
    published_schemes, published_steps
        Names in ``schemes.SCHEMES``, and how far they go: as far as the flow at most.
    published_draws
        Starts for the mean norms.
    realistic_starts
        Starts per format of the three realistic scenarios.
    heat_formats, pricing_formats, digits_formats
        Native formats that they are trained in, the control first.
    heat_steps, heat_batch, pricing_steps, pricing_batch, digits_steps, digits_batch
        Steps of Adam, and examples per step.
    heat_sample, pricing_sample
        Size of the fresh sample that judges the networks of an equation.
    """

    seed: int = 0
    # Part "solvable"
    solvable_tolerances: tuple[float, ...] = (1e-10, 1e-11)
    # Part "shallow"
    shallow_neurons: int = 2
    shallow_groups: int = 2
    shallow_group_starts: int = 3
    shallow_rtol: float = 1e-9
    shallow_tolerances: tuple[float, ...] = (1e-8, 1e-9)
    # Part "frozen"
    frozen_rate: float = 0.1
    frozen_steps: int = 2_000_000
    frozen_forms: tuple[str, ...] = ("log cosh",)
    frozen_formats: tuple[str, ...] = (CONTROL, "float32", "float16", "bfloat16")
    frozen_starts: tuple[tuple[float, float], ...] = (
        (1.0, 1.0),
        (1.0, 2.75),
        (2.0, 2.25),
        (2.5, 0.5),
        (3.25, 0.5),
    )
    frozen_portrait_steps: tuple[int, ...] = _PORTRAIT
    frozen_precisions: tuple[int, ...] = (8, 11, 17, 18, 19, 20, 21)
    frozen_precision_steps: int = 1_000_000
    frozen_arm_precisions: tuple[int, ...] = (8, 11)
    frozen_arm_steps: int = 50_000
    frozen_stored: tuple[str, ...] = ("float16", "bfloat16")
    frozen_keys: int = 2
    frozen_scheme_steps: int = 20_000
    # Part "published"
    published_problems: tuple[str, ...] = ("1D",)
    published_activations: tuple[str, ...] = ("softplus", "GELU")
    published_starts: int = 2
    published_until: float = 100.0
    published_implicit: bool = False
    published_rtol: float = 1e-6
    published_tight: tuple[str, ...] = ("GELU",)
    published_schemes: tuple[str, ...] = ("GD float64", "GD float32")
    published_steps: int = 10_000
    published_draws: int = 2000
    # Part "realistic"
    realistic_starts: int = 1
    heat_formats: tuple[str, ...] = (CONTROL, "bfloat16")
    heat_steps: int = 1500
    heat_batch: int = 128
    heat_sample: int = 8192
    pricing_formats: tuple[str, ...] = (CONTROL,)
    pricing_steps: int = 100
    pricing_batch: int = 64
    pricing_sample: int = 1024
    digits_formats: tuple[str, ...] = (CONTROL, "bfloat16")
    digits_steps: int = 600
    digits_batch: int = 50

    def __post_init__(self) -> None:
        check_positive(self, ("seed", "frozen_portrait_steps", "published_implicit"))
        check_control(self, "frozen_formats", "heat_formats", "pricing_formats", "digits_formats")
        check_some(self, "published_problems", PROBLEMS)
        check_some(self, "published_activations", ACTIVATIONS)
        check_some(self, "published_tight", self.published_activations)
        check_some(self, "published_schemes", SCHEMES)


_PAPER = Config(
    # Part "solvable"
    # Part "shallow"
    shallow_groups=100,
    shallow_group_starts=10,
    # Part "frozen"
    frozen_steps=20_000_000,
    frozen_forms=("log cosh", "softplus", "stable"),
    frozen_precisions=tuple(range(4, 25)),
    frozen_precision_steps=8_000_000,
    frozen_arm_precisions=tuple(range(4, 25)),
    frozen_arm_steps=2_000_000,
    frozen_keys=16,
    frozen_scheme_steps=500_000,
    # Part "published"
    published_problems=("1D", "2D", "4D"),
    published_activations=("softplus", "GELU", "ELU", "swish", "tanh"),
    published_starts=5,
    published_until=1e6,
    published_implicit=True,
    published_rtol=1e-5,
    published_tight=("softplus", "GELU"),
    published_schemes=(
        "GD float64",
        "GD float32",
        "GD bfloat16",
        "bootstrap float32",
        "Adam float32",
    ),
    published_steps=500_000,
    # Part "realistic"
    realistic_starts=5,
    heat_steps=500_000,
    heat_batch=1024,
    heat_sample=16384,
    pricing_formats=(CONTROL, "float32", "bfloat16"),
    pricing_steps=500_000,
    pricing_batch=1024,
    pricing_sample=16384,
    digits_formats=(CONTROL, "float32", "bfloat16"),
    digits_steps=30_000,
)

PRESETS = {
    "quick": Config(),
    "paper": _PAPER,
    "large": dataclasses.replace(
        _PAPER,
        shallow_groups=1000,
        published_starts=20,
        published_until=1e8,
        published_rtol=1e-6,
        realistic_starts=20,
        heat_sample=65536,
        pricing_sample=65536,
    ),
}
"""Named configurations; the first is the default. ``quick`` runs in two minutes on two cores."""
