"""What the study `pieces` can be asked to do."""

import dataclasses

from jaxlab.arithmetic import Format, carrier_for
from jaxlab.studies._configs import check_positive, check_some

POLICIES = (
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "float16 gradients",
    "bfloat16 gradients",
)
"""Precisions compared in training; the first is the control. A plain name is a native policy, all
four dtypes in one format; "gradients" is the paper's setting, where only the gradient is computed
in the format and everything else in float64."""

CONTROL = POLICIES[0]

MODELS = ("He", "sawtooth", "Yarotsky square", "Milkert-Hyde-Laine")
"""What can be trained: a random start, two constructions, and the peaks of a reparameterisation."""

SCOPES = ("gradient", "step")
"""What an emulated run rounds: the operations of the gradient, or of the whole gradient step."""

_NOT_POSITIVE = (
    "seed",
    "training_models",
    "training_policies",
    "emulated_models",
    "emulated_scopes",
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes, ranges and seeds of study `pieces`.

    Attributes
    ----------
    seed
        Seed of every random draw; each part and cell folds its own name into it.
    initial_widths
        Widths of the random networks whose pieces are counted.
    initial_depths
        Numbers of their hidden layers.
    initial_networks
        Random networks per width, depth and law.
    constructed_depths
        Depths of the constructed networks whose pieces are counted.
    step_depths
        Depths of the networks that take one perturbed gradient step.
    step_exponents
        The noise levels are epsilon = 2**-k for these k; 8, 11, 24 and 53 are the unit roundoffs of
        bfloat16, float16, float32 and float64.
    step_draws
        Noise draws per network and noise level.
    step_width
        Width of the trained networks that take a perturbed step.
    step_learning_rate
        Learning rate of their steps.
    step_training_steps
        Their float64 steps before the perturbed one.
    training_models
        Networks to train.
    training_policies
        Precisions to train in; the first must be the control, float64.
    training_depth
        Hidden layers of the trained networks.
    training_width
        Width of those with a random start.
    training_seeds
        Random starts per model, target, learning rate and format.
    training_learning_rates
        Constant learning rates of full-batch gradient descent.
    training_steps
        Gradient steps.
    training_points
        The data are k / training_points for k = 0, ..., training_points; a power of two, at most
        256, so that every format holds them exactly.
    training_jitter
        Relative standard deviation of the noise on the constructed starts.
    emulated_models
        Networks to train in emulated arithmetic and in the noise model; depth, width, jitter, steps
        and points are those of the training above.
    emulated_precisions
        The emulated formats are the IEEE-style ones with these numbers of significand bits, and
        the noise levels their unit roundoffs 2**-p; at most 25, see
        :func:`jaxlab.arithmetic.carrier_for`.
    emulated_exponent_bits
        Their exponent bits, at most 9. With 8, p = 8 is bfloat16 and p = 24 is float32.
    emulated_scopes
        What rounds, of :data:`SCOPES`.
    emulated_learning_rates
        Constant learning rates of full-batch gradient descent towards x**2.
    emulated_seeds
        Random starts per model, learning rate and precision.
    """

    seed: int = 0
    initial_widths: tuple[int, ...] = (10, 20)
    initial_depths: tuple[int, ...] = (1, 2, 4, 6)
    initial_networks: int = 400
    constructed_depths: tuple[int, ...] = (1, 2, 4, 8, 12)
    step_depths: tuple[int, ...] = (2, 4, 6, 8, 10, 12)
    step_exponents: tuple[int, ...] = (2, 4, 6, 8, 10, 11, 24, 53)
    step_draws: int = 200
    step_width: int = 16
    step_learning_rate: float = 0.01
    step_training_steps: int = 100
    training_models: tuple[str, ...] = MODELS
    training_policies: tuple[str, ...] = POLICIES
    training_depth: int = 6
    training_width: int = 16
    training_seeds: int = 16
    training_learning_rates: tuple[float, ...] = (0.1, 0.01, 0.001, 0.0001)
    training_steps: int = 300
    training_points: int = 64
    training_jitter: float = 2.0**-5
    emulated_models: tuple[str, ...] = MODELS[:3]
    emulated_precisions: tuple[int, ...] = (4, 6, 8, 11, 16, 24)
    emulated_exponent_bits: int = 8
    emulated_scopes: tuple[str, ...] = SCOPES
    emulated_learning_rates: tuple[float, ...] = (0.01, 0.001, 0.0001)
    emulated_seeds: int = 32

    def __post_init__(self) -> None:
        check_positive(self, _NOT_POSITIVE)
        check_some(self, "training_models", MODELS)
        check_some(self, "emulated_models", MODELS)
        check_some(self, "emulated_scopes", SCOPES)
        unknown = set(self.training_policies) - set(POLICIES)
        if unknown or self.training_policies[:1] != POLICIES[:1]:
            raise ValueError(
                f"training_policies: got {self.training_policies!r}, expected {POLICIES[0]!r} "
                f"first, then some of {POLICIES[1:]}"
            )
        points = self.training_points
        if points & (points - 1) or points > 256:
            raise ValueError(f"training_points: got {points}, expected a power of two, at most 256")
        for precision in self.emulated_precisions:
            _check_emulated(precision, self.emulated_exponent_bits)


def _check_emulated(precision: int, exponent_bits: int) -> None:
    try:
        carrier_for(Format.ieee(exponent_bits=exponent_bits, precision=precision))
    except ValueError as error:
        raise ValueError(
            f"emulated_precisions: got {precision} with emulated_exponent_bits {exponent_bits}, "
            f"expected a format that can be emulated ({error})"
        ) from error


PRESETS = {
    "quick": Config(
        initial_networks=300,
        step_depths=(2, 4, 6, 8, 12),
        step_exponents=(2, 4, 6, 8, 11, 24, 53),
        training_models=MODELS[:2],
        training_policies=(*POLICIES[:4], "bfloat16 gradients"),
        training_seeds=12,
        training_points=32,
        training_steps=200,
        emulated_models=("sawtooth",),
        emulated_precisions=(4, 8, 11),
        emulated_scopes=("gradient",),
        emulated_learning_rates=(0.01, 0.001),
        emulated_seeds=40,
    ),
    "paper": Config(
        initial_widths=(10, 20, 50),
        initial_depths=(1, 2, 3, 4, 6, 8),
        initial_networks=2000,
        constructed_depths=tuple(range(1, 21)),
        step_exponents=(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 20, 24, 53),
        step_depths=tuple(range(2, 15)),
        step_draws=500,
        training_depth=8,
        training_seeds=64,
        training_steps=10_000,
        training_points=256,
        emulated_precisions=tuple(range(4, 25)),
        emulated_seeds=64,
    ),
    "large": Config(
        initial_widths=(10, 20, 50, 100, 200),
        initial_depths=(1, 2, 3, 4, 6, 8, 12, 16),
        initial_networks=10_000,
        constructed_depths=tuple(range(1, 21)),
        step_exponents=tuple(range(2, 25)) + (53,),
        step_depths=tuple(range(2, 19)),
        step_draws=2000,
        training_depth=10,
        training_seeds=1024,
        training_steps=100_000,
        training_points=256,
        emulated_models=MODELS,
        emulated_precisions=tuple(range(3, 26)),
        emulated_seeds=1024,
    ),
}
"""Named configurations; the first is the default. ``quick`` runs in two minutes on two cores."""
