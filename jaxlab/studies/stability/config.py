"""What study `stability` computes: one frozen dataclass, three presets."""

import dataclasses

from jaxlab.studies._configs import CONTROL as CONTROL
from jaxlab.studies._configs import check_control, check_positive, check_some

_NATIVE = (CONTROL, "float32", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes and seeds of study `stability`.

    Attributes
    ----------
    seed
        Every random number follows from it.
    problem_names, problem_side
        Of parts "restarts" and "constants", see :mod:`jaxlab.studies.stability.problems`, and the
        pixels per side of the phantom, also of part "floor".
    restart_iterations, restart_lams, restart_factors
        Iterations ``p`` of a restart, ``lam``, and ``nu`` beside ``1 / e``.
    constant_searched, constant_radii, constant_starts, constant_steps
        Problems whose worst perturbations are searched, their sizes, searches and steps.
    floor_arithmetics, floor_data_arithmetics, floor_deviation_arithmetics, floor_restarts
        Native dtypes and emulated arithmetics such as ``p=8``, in step form, in data form, and in
        step form with means of deviations; restarts.
    accuracy_scenes, accuracy_side
        Names of :data:`jaxlab.studies.stability.accuracy.SCENES`, and pixels per side.
    accuracy_rates, accuracy_masks
        Shares of the samples, and random masks for each.
    accuracy_lam, accuracy_restarts, accuracy_iterations
        Of FIRENET.
    accuracy_gap_transforms, accuracy_gap_side, accuracy_gap_iterations, accuracy_gap_restarts
        Of the convergence test: what is sampled, pixels per side, iterations of a restart, and
        restarts.
    accuracy_gap_reference
        Iterations that look for the minimum.
    attack_side, attack_rate, attack_images
        Pixels per side, share of the Fourier samples, and test images of ellipses.
    attack_lam, attack_restarts, attack_iterations
        Of FIRENET.
    attack_layers, attack_features
        Layers of LISTA; channels of the U-Net at the finest resolution.
    attack_examples, attack_noise, attack_batch, attack_steps
        Training images; largest relative noise on them, where there is any; images per step of
        Adam, and steps.
    attack_radii, attack_searches, attack_climb
        Relative sizes of perturbations, increasing; searches for each, and steps of a search.
    """

    seed: int = 0
    # Part "restarts"
    problem_names: tuple[str, ...] = ("tiny", "walsh")
    problem_side: int = 64
    restart_iterations: tuple[int, ...] = (5, 10, 20, 40)
    restart_lams: tuple[float, ...] = (1e-3, 1e-2, 5e-2)
    restart_factors: tuple[float, ...] = (0.2, 0.5)
    constant_searched: tuple[str, ...] = ("tiny",)
    constant_radii: tuple[float, ...] = (1e-3, 1e-2, 1e-1)
    constant_starts: int = 2
    constant_steps: int = 20
    # Part "floor"
    floor_arithmetics: tuple[str, ...] = (*_NATIVE, "p=40")
    floor_data_arithmetics: tuple[str, ...] = ("float32", "float16")
    floor_deviation_arithmetics: tuple[str, ...] = ("float32", "float16", "bfloat16")
    floor_restarts: int = 40
    # Part "accuracy"
    accuracy_scenes: tuple[str, ...] = ("phantom, Haar", "photograph, Haar")
    accuracy_side: int = 128
    accuracy_rates: tuple[float, ...] = (0.15, 0.25, 0.35, 0.45, 0.6)
    accuracy_masks: int = 2
    accuracy_lam: float = 2.5e-4
    accuracy_restarts: int = 8
    accuracy_iterations: int = 20
    accuracy_gap_transforms: tuple[str, ...] = ("walsh",)
    accuracy_gap_side: int = 128
    accuracy_gap_iterations: tuple[int, ...] = (5, 20)
    accuracy_gap_restarts: int = 12
    accuracy_gap_reference: int = 300
    # Part "attack"
    attack_side: int = 64
    attack_rate: float = 0.3
    attack_images: int = 8
    attack_lam: float = 2e-3
    attack_restarts: int = 5
    attack_iterations: int = 12
    attack_layers: int = 12
    attack_features: int = 8
    attack_examples: int = 512
    attack_noise: float = 0.1
    attack_batch: int = 2
    attack_steps: int = 600
    attack_radii: tuple[float, ...] = (0.005, 0.05)
    attack_searches: int = 2
    attack_climb: int = 6

    def __post_init__(self) -> None:
        check_positive(self)
        check_control(self, "floor_arithmetics")
        check_some(self, "accuracy_gap_transforms", ("fourier", "walsh"))


_PAPER = Config(
    # Part "restarts"
    problem_names=("tiny", "fourier", "walsh"),
    restart_iterations=(2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 80, 120),
    restart_lams=(2.5e-4, 1e-3, 1e-2, 3e-2, 5e-2),
    restart_factors=(0.05, 0.1, 0.2, 0.5, 0.7, 0.9),
    constant_searched=("tiny", "walsh"),
    constant_radii=(1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
    constant_starts=4,
    constant_steps=50,
    # Part "floor"
    floor_arithmetics=(
        *_NATIVE,
        *("p=8", "p=11", "p=16", "p=20", "p=24", "p=32", "p=40"),
    ),
    floor_data_arithmetics=(*_NATIVE, "p=8", "p=11", "p=24"),
    floor_deviation_arithmetics=(*_NATIVE, "p=8", "p=11", "p=16", "p=24", "p=32", "p=40"),
    floor_restarts=45,
    # Part "accuracy"
    accuracy_scenes=("phantom, Haar", "photograph, Haar", "photograph, Daubechies 4"),
    accuracy_side=256,
    accuracy_masks=8,
    accuracy_gap_transforms=("fourier", "walsh"),
    accuracy_gap_side=1024,
    accuracy_gap_iterations=(5, 10, 20, 40),
    accuracy_gap_restarts=16,
    accuracy_gap_reference=10_000,
    # Part "attack"
    attack_side=128,
    attack_images=24,
    attack_iterations=20,
    attack_features=16,
    attack_examples=4096,
    attack_steps=10000,
    attack_radii=(0.005, 0.01, 0.02, 0.05),
    attack_searches=6,
    attack_climb=60,
)

PRESETS = {
    "quick": Config(),
    "paper": _PAPER,
    "large": dataclasses.replace(_PAPER, problem_side=256),
}
"""Named configurations; the first is the default. ``quick`` runs in two minutes on two cores."""
