"""What study `collapse` computes: one frozen dataclass, three presets."""

import dataclasses

from jaxlab.studies._configs import CONTROL as CONTROL
from jaxlab.studies._configs import check_control, check_positive, check_some
from jaxlab.training.precision import NATIVE

FEWEST_GROUPS = 8
"""Fewest groups of K runs from which a share of groups is estimated."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes and seeds of study `collapse`. Depths are numbers of *hidden* layers.

    Attributes
    ----------
    seed
        Every random number follows from it.
    born_widths, born_depth, born_networks
        Bias-free networks tested for death: widths, all depths up to this one, and networks of
        width 1 and 2; of width N there are ``(2/N)**2`` times as many.
    born_biased_widths, born_biased_depth
        The same for networks with biases.
    ball_inputs, ball_neurons
        Dimensions of the ball on which single neurons are tested, and neurons in each.
    negative_cases, negative_networks
        Pairs ``(width, hidden layers)`` in which layers with negative parameters only are looked
        for, and networks for each.
    underflow_formats
        Formats in which random networks are evaluated, the control first.
    underflow_gains
        Factors of He's weights. Without biases they change nothing but roundings.
    underflow_widths, underflow_depths, underflow_networks, underflow_points
        Architectures, networks of each, and points of [-1, 1].
    published_runs
        Training runs of each published experiment; 1,000 in the papers.
    published_wide_runs
        The same for wider networks, for two variables, and under absolute loss.
    published_hidden
        Hidden layers of these networks: 9 if "10-layer" counts layers of weights, 10 if not.
    published_widths
        Widths of the wider networks, of 3, 5 and 10.
    published_plane
        Pairs ``(width, hidden layers)`` for the function of two variables; which one was published
        is not known.
    published_steps, published_learning_rate
        Steps and rate of Adam in these runs.
    points, batch
        Training points, uniform on the domain, and points in a step's minibatch, as published.
    ladder_depths, ladder_formats, ladder_runs, ladder_steps
        Depths of networks of width 2 that are trained on ``x**2`` in native formats, the control
        first; starts for each, the same in every format; and steps.
    ladder_points
        Training points there.
    ladder_learning_rate
        Rates of SGD and of Adam there.
    """

    seed: int = 0
    born_widths: tuple[int, ...] = (1, 2, 3, 4, 5, 10)
    born_depth: int = 50
    born_networks: int = 1_000_000
    born_biased_widths: tuple[int, ...] = (1, 2, 3)
    born_biased_depth: int = 20
    ball_inputs: tuple[int, ...] = (1, 2, 5, 10)
    ball_neurons: int = 1_000_000
    negative_cases: tuple[tuple[int, int], ...] = (
        (1, 10),
        (2, 10),
        (2, 50),
        (2, 100),
        (2, 300),
        (3, 1000),
        (3, 10_000),
    )
    negative_networks: int = 10_000
    underflow_formats: tuple[str, ...] = (
        CONTROL,
        "float32",
        "bfloat16",
        "float16",
        "float8_e5m2",
        "float8_e4m3fn",
    )
    underflow_gains: tuple[float, ...] = (1.0, 0.25, 0.0625)
    underflow_widths: tuple[int, ...] = (2, 4)
    underflow_depths: tuple[int, ...] = (2, 5, 10, 20)
    underflow_networks: int = 5_000
    underflow_points: int = 17
    published_runs: int = 200
    published_wide_runs: int = 150
    published_hidden: tuple[int, ...] = (9, 10)
    published_widths: tuple[int, ...] = (3, 5, 10)
    published_plane: tuple[tuple[int, int], ...] = ((2, 9), (4, 19))
    published_steps: int = 1000
    published_learning_rate: float = 0.005
    points: int = 3000
    batch: int = 64
    ladder_depths: tuple[int, ...] = (2, 5, 10)
    ladder_formats: tuple[str, ...] = (CONTROL, "float32", "bfloat16", "float16")
    ladder_runs: int = 320
    ladder_steps: int = 400
    ladder_points: int = 512
    ladder_learning_rate: tuple[float, float] = (0.05, 0.01)

    def __post_init__(self) -> None:
        check_positive(self)
        if set(self.published_widths) - {3, 5, 10}:
            raise ValueError(
                f"published_widths: got {self.published_widths!r}, expected some of 3, 5, 10"
            )
        check_control(self, "underflow_formats", "ladder_formats")
        check_some(self, "ladder_formats", NATIVE)
        if self.ladder_runs < FEWEST_GROUPS:
            raise ValueError(
                f"ladder_runs: got {self.ladder_runs}, expected at least {FEWEST_GROUPS}"
            )


PRESETS = {
    "quick": Config(
        born_networks=100_000,
        born_biased_widths=(1, 2),
        underflow_formats=(CONTROL, "float32", "bfloat16", "float16", "float8_e5m2"),
        underflow_gains=(1.0, 0.0625),
        underflow_networks=2_000,
        published_runs=120,
        published_wide_runs=100,
        published_hidden=(9,),
        published_widths=(3, 5),
        published_plane=((2, 9),),
        published_steps=500,
        published_learning_rate=0.0075,
        ladder_formats=(CONTROL, "bfloat16"),
        ladder_runs=192,
        ladder_steps=300,
    ),
    "paper": Config(
        born_networks=10_000_000,
        born_biased_widths=(1, 2, 3, 4, 5, 10),
        born_biased_depth=50,
        ball_neurons=10_000_000,
        negative_networks=100_000,
        underflow_networks=50_000,
        underflow_depths=(2, 5, 10, 20, 40),
        published_runs=1000,
        published_wide_runs=1000,
        published_steps=10_000,
        published_learning_rate=0.001,
        ladder_depths=(1, 2, 3, 5, 7, 10, 15, 20),
        ladder_runs=1000,
        ladder_steps=10_000,
    ),
    "large": Config(
        born_networks=100_000_000,
        born_biased_widths=(1, 2, 3, 4, 5, 10),
        born_depth=100,
        born_biased_depth=100,
        ball_neurons=10_000_000,
        negative_networks=1_000_000,
        underflow_networks=200_000,
        underflow_depths=(2, 5, 10, 20, 40),
        published_runs=10_000,
        published_wide_runs=10_000,
        published_steps=50_000,
        published_learning_rate=0.001,
        ladder_depths=(1, 2, 3, 5, 7, 10, 15, 20, 30),
        ladder_runs=10_000,
        ladder_steps=50_000,
    ),
}
"""Named configurations; the first is the default. ``quick`` runs in two minutes on two cores."""
