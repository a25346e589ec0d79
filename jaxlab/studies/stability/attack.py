"""Part "attack": worst-case perturbations of FIRENET and of networks trained here.

For every test image ``x`` and radius the search maximises ``||phi(A(x + r)) - phi(A x)||`` over
real images ``r`` of that norm, from the same starts for every network. Its quotient by ``||r||`` is
a lower bound of the worst one; a random ``r`` of the same norm is the control. Reconstructing
``x + r`` exactly would give the quotient 1.

Two tests of hallucination: letters that no training image contains are put into a test image; and
the search makes a false detail, a change within the rectangle of the letters, with a perturbation
that is zero there.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, PyTree

from jaxlab.inverse import images, perturbations
from jaxlab.inverse.perturbations import Worst
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.stability import attack_scene
from jaxlab.studies.stability.attack_networks import (
    KINDS,
    design,
    reconstruct,
    trained,
    widened,
)
from jaxlab.studies.stability.attack_scene import OTHERS, Detail, Scene
from jaxlab.studies.stability.config import Config

WAYS = ("worst", "random")
VIEWS = ("clean", "attacked", "perturbation", "with detail", "false detail")
TRUTHS = ("image", "with detail")
SHOWN = 1
"""The test image whose reconstructions are stored."""

Stack = Float[np.ndarray, "number rows columns"]


def template(config: Config) -> xr.Dataset:
    """Errors, quotients, what becomes of details, and some pictures."""
    image, radius = ("attack_network", "attack_image"), ("attack_network", "attack_radius")
    pixel = ("attack_row", "attack_column")
    ways = ("attack_network", "attack_way", "attack_radius", "attack_image")
    tests = [f"ellipses {i}" for i in range(config.attack_images)]
    picture = ("attack_network", "attack_picture")
    side = range(config.attack_side)
    return empty(
        {
            "attack_network": KINDS,
            "attack_victim": KINDS,
            "attack_picture": [*tests, *OTHERS],
            "attack_image": range(config.attack_images),
            "attack_way": WAYS,
            "attack_radius": config.attack_radii,
            "attack_search": range(config.attack_searches),
            "attack_view": VIEWS,
            "attack_truth": TRUTHS,
            "attack_row": side,
            "attack_column": side,
        },
        {
            "attack_error": Variable(picture, float, "relative error without perturbation"),
            "attack_psnr": Variable(picture, float, "peak signal-to-noise ratio", "dB"),
            "attack_quotient": Variable(ways, float, "change of the result / norm of r"),
            "attack_harm": Variable(ways, float, "relative error with perturbation"),
            "attack_searched": Variable(
                (*radius, "attack_image", "attack_search"), float, "quotient found by every search"
            ),
            "attack_failed": Variable(radius, int, "searches stopped by a value not finite"),
            "attack_wide": Variable(
                (*radius, "attack_image"), float, "quotient of the same r in float64"
            ),
            "attack_transfer": Variable(
                ("attack_network", "attack_victim", "attack_image"),
                float,
                "quotient of another network for the r of the largest radius",
            ),
            "attack_detail": Variable(image, float, "share of the letters' contrast recovered"),
            "attack_detail_error": Variable(
                image, float, "error within the letters' rectangle / norm of the letters"
            ),
            "attack_false": Variable(
                image, float, "change within the rectangle / norm of r outside it"
            ),
            "attack_shown": Variable(("attack_network", "attack_view", *pixel), float, "intensity"),
            "attack_original": Variable(("attack_truth", *pixel), float, "intensity"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """The images, and one cell per network; the slow ones first."""
    order = sorted(range(len(KINDS)), key=lambda i: KINDS[i] == "zero-filled")
    names = [kind.lower().replace(" ", "") for kind in KINDS]
    return [Cell(names[i], {"attack_network": i}) for i in order] + [Cell("images", {})]


def compute(config: Config, cell: Cell) -> Values:
    """Train if need be, reconstruct, attack, and try the perturbations on the other networks."""
    clean = np.asarray(attack_scene.pictures(config))
    tests, detail = clean[: config.attack_images], attack_scene.detail(config)
    marked = attack_scene.marked(tests, detail)
    if "attack_network" not in cell.index:
        return {"attack_original": np.stack([tests[SHOWN], marked[SHOWN]])}
    kind = KINDS[cell.index["attack_network"]]
    base = reconstructed(config, kind, clean)
    values, worst, pictures = _attacked(config, kind, tests, base[: config.attack_images])
    details, views = _details(config, kind, tests, marked, base[: config.attack_images], detail)
    errors = {
        "attack_error": sizes(base - clean) / sizes(clean),
        "attack_psnr": np.asarray(jax.vmap(images.psnr)(*map(jnp.asarray, (base, clean)))),
        "attack_transfer": np.stack([_quotients(config, victim, tests, worst) for victim in KINDS]),
        "attack_shown": np.stack([base[SHOWN], *pictures, *views]),
    }
    return values | details | errors


def sizes(stack: Stack) -> Float[np.ndarray, " number"]:
    """Norm of every image.

    Examples
    --------
    >>> sizes(np.ones((2, 2, 2), "float32"))
    array([2., 2.], dtype=float32)
    """
    return np.sqrt((stack**2).sum(axis=(1, 2)))


def reconstructed(config: Config, kind: str, stack: Stack) -> Stack:
    """What a network makes of the measurements of every image, in the dtype of the images."""
    scene, params = attack_scene.scene(config), trained(config, kind)
    if stack.dtype == np.float64:
        params = widened(params)
    return np.stack(
        [np.asarray(_one(config, design(kind), scene, params, image)) for image in stack]
    )


@functools.partial(jax.jit, static_argnums=(0, 1))
def _one(config: Config, kind: str, scene: Scene, params: PyTree, image: Array) -> Array:
    forward = attack_scene.measurement(scene).forward
    return reconstruct(config, kind, scene, params, forward(image))


def search(
    config: Config,
    kind: str,
    tests: Stack,
    share: float,
    seen: Float[np.ndarray, "rows columns"],
    moved: Float[np.ndarray, "rows columns"],
) -> tuple[Stack, Worst]:
    """Perturbations that change the pixels ``seen`` most, zero outside of ``moved``.

    Parameters
    ----------
    config, kind
        Which network.
    tests
        Images, float32.
    share
        Radius as a share of an image's norm.
    seen, moved
        Ones and zeros.

    Returns
    -------
    The perturbations, and what the search says, with an axis of images.
    """
    keys = jax.random.split(named_key(config.seed, "attack-searches"), len(tests))
    radii = np.float32(share) * sizes(tests)
    given = (attack_scene.scene(config), trained(config, kind), seen, moved)
    worst = _searched(config, design(kind), given, (tests, keys, radii))
    return moved * np.asarray(worst.perturbation), worst


@functools.partial(jax.jit, static_argnums=(0, 1))
def _searched(config: Config, kind: str, given: PyTree, tests: PyTree) -> Worst:
    """One image after another: their arrays stay in the cache."""
    scene, params, seen, moved = given

    def one(test: tuple[Array, Array, Array]) -> Worst:
        image, key, radius = test

        def result(r: Array) -> Array:
            return seen * _one(config, kind, scene, params, image + moved * r)

        return perturbations.worst_case(
            key,
            result,
            jnp.zeros_like(image),
            radius=radius,
            steps=config.attack_climb,
            restarts=config.attack_searches,
        )

    return jax.lax.map(one, tests)


def _random(config: Config, tests: Stack, share: float) -> Stack:
    """The control of every search: perturbations of the same norms, uniform on the sphere."""
    keys = jax.random.split(named_key(config.seed, "attack-random"), len(tests))
    draw = jax.jit(jax.vmap(perturbations.sphere))
    return np.asarray(draw(keys, tests, np.float32(share) * sizes(tests)))


def _quotients(config: Config, kind: str, tests: Stack, r: Stack) -> Float[np.ndarray, " number"]:
    """Change of a network's result divided by the size of the perturbation."""
    change = reconstructed(config, kind, tests + r) - reconstructed(config, kind, tests)
    return sizes(change) / sizes(r)


def _attacked(
    config: Config, kind: str, tests: Stack, base: Stack
) -> tuple[dict[str, np.ndarray], Stack, list[np.ndarray]]:
    """Quotients and errors for every radius; the last perturbations; what is shown of them."""
    whole, shares = np.ones(tests.shape[1:], tests.dtype), config.attack_radii
    found = [search(config, kind, tests, share, whole, whole) for share in shares]
    worst = [r for r, _ in found]
    ways = (worst, [_random(config, tests, share) for share in shares])
    results = [[reconstructed(config, kind, tests + r) for r in way] for way in ways]

    def each(measure: Callable[[Stack, Stack], np.ndarray]) -> np.ndarray:
        return np.array([list(map(measure, *pair)) for pair in zip(results, ways, strict=True)])

    values = {
        "attack_quotient": each(lambda z, r: sizes(z - base) / sizes(r)),
        "attack_harm": each(lambda z, r: sizes(z - tests) / sizes(tests)),
        "attack_searched": np.stack([said.quotients for _, said in found]),
        "attack_failed": np.stack([np.sum(said.status) for _, said in found]),
        "attack_wide": np.stack(
            [_quotients(config, kind, *map(_double, (tests, r))) for r in worst]
        ),
    }
    return values, worst[-1], [results[0][-1][SHOWN], worst[-1][SHOWN]]


def _double(stack: Stack) -> Stack:
    return stack.astype(np.float64)


def _details(
    config: Config, kind: str, tests: Stack, marked: Stack, base: Stack, detail: Detail
) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Whether true letters appear and a false detail can be made; the pictures of both."""
    shown = reconstructed(config, kind, marked)
    letters, gained = marked - tests, shown - base
    outside = 1 - detail.region
    r, _ = search(config, kind, tests, config.attack_radii[-1], detail.region, outside)
    fooled = reconstructed(config, kind, tests + r)
    values = {
        "attack_detail": (gained * letters).sum(axis=(1, 2)) / sizes(letters) ** 2,
        "attack_detail_error": sizes(detail.region * (shown - marked)) / sizes(letters),
        "attack_false": sizes(detail.region * (fooled - base)) / sizes(r),
    }
    return values, [shown[SHOWN], fooled[SHOWN]]


PART = Part("attack", template, cells, compute)
