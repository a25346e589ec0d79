"""Part "accuracy": a phantom and a photograph from 15 % to 60 % of their measurements.

Every scene is reconstructed from the same random masks by the same FIRENET: in float64 from Fourier
samples, in four native formats from Walsh samples, which need only sums, products and comparisons.
Beside it stands the zero-filled reconstruction, the adjoint of the sampling alone. The gap of the
objective along the restarts is measured with the settings of the published convergence test (2 %
noise, 15 % of the samples).
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxlab.inverse import images, levels, sampling, transforms, wavelets
from jaxlab.inverse.firenets import firenet
from jaxlab.inverse.operators import Operator, compose, restricted
from jaxlab.inverse.primal_dual import chambolle_pock, objective
from jaxlab.inverse.proximal import norm, scaled
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.stability.config import CONTROL, Config


class Scene(NamedTuple):
    """An image, and the wavelet in which it is reconstructed."""

    image: str
    order: int


SCENES = {
    "phantom, Haar": Scene("phantom", 1),
    "photograph, Haar": Scene("photograph", 1),
    "photograph, Daubechies 4": Scene("photograph", 4),
}
"""What is reconstructed."""

METHODS = tuple(
    f"{transform} {fmt}"
    for transform, formats in (
        ("fourier", (CONTROL,)),
        ("walsh", (CONTROL, "float32", "float16", "bfloat16")),
    )
    for fmt in formats
)
"""What is sampled, and the native format of the reconstruction."""

SHOWN = ("truth", "zero-filled", CONTROL, "bfloat16")
"""Pictures, from Walsh samples."""

NOISE, NOISY_RATE, NOISY_LAM, STOP = 0.02, 0.15, 2.5e-4, 1e-9
"""Of the published convergence test: relative noise, sampling rate, ``lam``, ``delta``."""

COARSEST = 4  # side of the coarsest approximation


def template(config: Config) -> xr.Dataset:
    """Scenes by method, rate and mask; gaps by transform, iterations and restart."""
    each = ("accuracy_scene", "accuracy_method", "accuracy_rate", "accuracy_mask")
    gap = ("accuracy_transform", "accuracy_iterations", "accuracy_restart")
    side = range(config.accuracy_side)
    return empty(
        {
            "accuracy_scene": config.accuracy_scenes,
            "accuracy_method": METHODS,
            "accuracy_rate": config.accuracy_rates,
            "accuracy_mask": range(config.accuracy_masks),
            "accuracy_shown": SHOWN,
            "accuracy_row": side,
            "accuracy_column": side,
            "accuracy_transform": config.accuracy_gap_transforms,
            "accuracy_iterations": config.accuracy_gap_iterations,
            "accuracy_restart": range(1, config.accuracy_gap_restarts + 1),
        },
        {
            "accuracy_psnr": Variable(each, float, "PSNR of the reconstruction", "dB"),
            "accuracy_adjoint_psnr": Variable(each, float, "PSNR of the adjoint alone", "dB"),
            "accuracy_error": Variable(each, float, "relative error of the reconstruction"),
            "accuracy_picture": Variable(
                ("accuracy_scene", "accuracy_shown", "accuracy_row", "accuracy_column"),
                float,
                "reconstruction from Walsh samples",
            ),
            "accuracy_kept": Variable(each, int, "measurements"),
            "accuracy_shown_kept": Variable(
                ("accuracy_scene",), int, "measurements behind the pictures"
            ),
            "accuracy_gap_kept": Variable(("accuracy_transform",), int, "noisy measurements"),
            "accuracy_gap": Variable(gap, float, "gap of the objective over the image's norm"),
            "accuracy_noisy_error": Variable(gap, float, "relative error, noisy measurements"),
            "accuracy_minimiser_error": Variable(
                ("accuracy_transform",), float, "relative error of the minimiser"
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """Scene by method; the pictures of a scene; the gaps of a transform."""
    found = []
    for i, scene in enumerate(config.accuracy_scenes):
        name = scene.replace(", ", "-").replace(" ", "")
        found += [
            Cell(f"{name}-{method.replace(' ', '-')}", {"accuracy_scene": i, "accuracy_method": j})
            for j, method in enumerate(METHODS)
        ]
        found.append(Cell(f"{name}-pictures", {"accuracy_scene": i}))
    gaps = [
        Cell(f"gap-{transform}", {"accuracy_transform": i})
        for i, transform in enumerate(config.accuracy_gap_transforms)
    ]
    return [*gaps, *found]


def compute(config: Config, cell: Cell) -> Values:
    """One of them."""
    if "accuracy_transform" in cell.index:
        return _gap(config, config.accuracy_gap_transforms[cell.index["accuracy_transform"]])
    scene = SCENES[config.accuracy_scenes[cell.index["accuracy_scene"]]]
    if "accuracy_method" not in cell.index:
        return _pictures(config, scene)
    transform, fmt = METHODS[cell.index["accuracy_method"]].split()
    image, problems = picture(config, scene), []
    for rate in config.accuracy_rates:
        for mask in range(config.accuracy_masks):
            found = _reconstructed(config, scene, transform, fmt, rate, mask)
            error = np.linalg.norm(found.image - image) / np.linalg.norm(image)
            psnr = _psnr(found.image, image), _psnr(found.adjoint, image)
            problems.append((*psnr, error, found.kept))
    shape = len(config.accuracy_rates), config.accuracy_masks
    psnr, adjoint, error, kept = np.array(problems).T.reshape(4, *shape)
    return {
        "accuracy_psnr": psnr,
        "accuracy_adjoint_psnr": adjoint,
        "accuracy_error": error,
        "accuracy_kept": kept.astype(np.int64),
    }


def picture(config: Config, scene: Scene) -> np.ndarray:
    """The true image."""
    return getattr(images, scene.image)(config.accuracy_side)


class Found(NamedTuple):
    """Two images, in float64: by FIRENET, and by the adjoint alone; and how many samples."""

    image: np.ndarray
    adjoint: np.ndarray
    kept: int


def _reconstructed(
    config: Config, scene: Scene, transform: str, fmt: str, rate: float, number: int
) -> Found:
    """The mask and the weights are the same in all formats, the measurements rounded float64."""
    image = jnp.asarray(picture(config, scene))
    depth = image.shape[0].bit_length() - COARSEST.bit_length()
    key = named_key(config.seed, f"accuracy mask {rate} {number}")
    mask, weights = design(key, image, scene.order, depth, transform, rate)
    measured = jnp.where(mask, _transform(transform).forward(image), 0)
    network = _network(
        transform, scene.order, depth, config.accuracy_restarts, config.accuracy_iterations
    )
    real = jnp.dtype(fmt)
    wide = real if transform == "walsh" else np.result_type(real, np.complex64)
    result = network(measured.astype(wide), mask, weights.astype(real), config.accuracy_lam)
    image, adjoint = (np.asarray(part.real.astype(CONTROL)) for part in result)
    return Found(image, adjoint, int(mask.sum()))


def design(
    key: Any, image: Any, order: int, depth: int, transform: Any, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """A mask of density adapted to the image's wavelet coefficients, and their weights.

    As in the published tests, which do not guess the sparsities but look.
    """
    coefficients = np.asarray(wavelets.synthesis(order, depth, 2).adjoint(jnp.asarray(image)))
    # Half of the largest detail of a unit square on a grid: the reference's threshold.
    found = levels.sparsities(coefficients, depth, 0.5)
    mask = sampling.density_adapted(key, image.shape, rate, found, transform)
    return mask, levels.weights(levels.balanced(found), image.shape)


def _transform(name: str) -> Operator:
    return getattr(transforms, name)(2)


@functools.cache
def _network(transform: str, order: int, depth: int, restarts: int, iterations: int) -> Any:
    """Compiled: measurements, mask, weights and ``lam`` to two images."""
    synthesis = wavelets.synthesis(order, depth, 2)

    def run(y, mask, weights, lam):
        sampled = restricted(_transform(transform), mask)
        network = firenet(
            compose(sampled, synthesis),
            y,
            lam=lam,
            weights=weights,
            restarts=restarts,
            iterations=iterations,
        )
        return synthesis.forward(network.solution), sampled.adjoint(y)

    return jax.jit(run)


def _psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(images.psnr(jnp.asarray(image), jnp.asarray(truth)))


def _pictures(config: Config, scene: Scene) -> Values:
    """The truth, and reconstructions at the rate nearest to a quarter, from the first mask."""
    rate = min(config.accuracy_rates, key=lambda rate: abs(rate - 0.25))
    wide, narrow = (
        _reconstructed(config, scene, "walsh", fmt, rate, 0) for fmt in (CONTROL, SHOWN[-1])
    )
    shown = picture(config, scene), wide.adjoint, wide.image, narrow.image
    return {"accuracy_picture": np.stack(shown), "accuracy_shown_kept": np.int64(wide.kept)}


def _gap(config: Config, transform: str) -> Values:
    """``(F(c_k) - F*) / ||c||`` and the relative error after every restart, from noisy samples."""
    image = images.phantom(config.accuracy_gap_side)
    depth = image.shape[0].bit_length() - COARSEST.bit_length()
    key, noise_key = jax.random.split(named_key(config.seed, f"accuracy gap {transform}"))
    mask, weights = design(key, image, 1, depth, transform, NOISY_RATE)
    synthesis = wavelets.synthesis(1, depth, 2)
    operator = compose(restricted(_transform(transform), mask), synthesis)
    truth = synthesis.adjoint(jnp.asarray(image))
    clean = operator.forward(truth)
    truth = truth.astype(clean.dtype)
    noise = jnp.where(mask, jax.random.normal(noise_key, clean.shape, clean.dtype), 0)
    y = clean + scaled(NOISE * norm(clean) / norm(noise), noise)
    size = norm(truth)
    thresholds = NOISY_LAM * weights

    def measure(z):
        return objective(operator, y, z, thresholds), norm(z - truth) / size

    def run(iterations):
        return firenet(
            operator,
            y,
            lam=NOISY_LAM,
            weights=weights,
            restarts=config.accuracy_gap_restarts,
            iterations=iterations,
            delta=STOP,
            record=measure,
        )

    runs = [jax.jit(run, static_argnums=0)(p) for p in config.accuracy_gap_iterations]
    best = jax.jit(
        lambda z, step: chambolle_pock(
            operator,
            y,
            z,
            thresholds=thresholds,
            iterations=config.accuracy_gap_reference,
            tau=step,
            sigma=1 / step,
        )
    )(runs[-1].solution, norm(runs[-1].solution - truth))
    least, error = measure(best)
    values = np.array([run.recorded[0] for run in runs])
    return {
        "accuracy_gap": (values - min(float(least), values.min())) / float(size),
        "accuracy_noisy_error": np.array([run.recorded[1] for run in runs]),
        "accuracy_minimiser_error": np.float64(error),
        "accuracy_gap_kept": np.int64(mask.sum()),
    }


PART = Part("accuracy", template, cells, compute)
