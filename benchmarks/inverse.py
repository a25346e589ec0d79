"""FIRENET beside primal-dual methods of other libraries, on one operator.

Fourier samples of a piecewise constant image, Haar coefficients, complex64. All solve the same
square-root LASSO with the same number of applications of the operator and its adjoint. FIRENET
restarts and averages with the published steps; the peers run the plain method of Chambolle and Pock
and return its last iterate, with the ratio of their steps tuned on this very problem (not timed).
``error`` is the relative error of the coefficients, ``ratio_to_jaxlab`` the time of an iteration
over FIRENET's: above 1, jaxlab is faster. ``transforms`` is FIRENET's time per iteration over that
of one application of the operator and its adjoint, compiled together.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.racing import Contender, Racer, race
from jaxlab.inverse import images, levels, operators, sampling, transforms, wavelets
from jaxlab.inverse.firenets import firenet
from jaxlab.inverse.proximal import ball, scaled, soft

LAM, RATE, ITERATIONS = 0.001, 0.35, (5, 20)
RATIOS = 10.0 ** np.arange(-1, 6)
"""Of the primal to the dual step, from which the peers get the best."""


class Problem(NamedTuple):
    """Measurements of known coefficients, and what the peers need to know of the operator."""

    operator: operators.Operator
    truth: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    mask: np.ndarray
    levels: int
    steps: int
    ratio: float

    def error(self, z: Any) -> float:
        """Relative to the truth."""
        return float(np.linalg.norm(np.asarray(z) - self.truth) / np.linalg.norm(self.truth))


def main(n: int = 256, restarts: int = 16, repeats: int = 5, dry: bool = False) -> dict:
    """Time an ``n x n`` reconstruction with 16 x 5 and with 16 x 20 iterations; ``dry`` is tiny."""
    n, restarts, repeats = (32, 2, 1) if dry else (n, restarts, repeats)
    rows = []
    for iterations in ITERATIONS[: 1 if dry else None]:
        problem = prepare(n, restarts * iterations)
        case = f"{n} x {n}, {restarts} x {iterations} iterations"
        runners = contenders(problem, restarts, iterations)[: 2 if dry else None]
        rows += race(case, runners, repeats, "ratio_to_jaxlab")
    return {
        "title": f"Reconstruction from {RATE:.0%} of the Fourier samples (best of {repeats})",
        "rows": rows,
        "notes": ["Peers do not restart: tuned steps are knowledge that FIRENET does not use."],
    }


def prepare(n: int, steps: int) -> Problem:
    """The phantom with few coefficients, its samples, and the peers' best ratio of steps."""
    depth = n.bit_length() - 3
    haar = wavelets.synthesis(1, depth, 2)
    coefficients = np.asarray(haar.adjoint(jnp.asarray(images.phantom(n), jnp.float32)))
    truth = np.where(np.abs(coefficients) > 0.5, coefficients, 0).astype(np.complex64)
    found = levels.sparsities(truth, depth)
    mask = sampling.density_adapted(jax.random.key(0), (n, n), RATE, found, "fourier")
    weights = levels.weights(levels.balanced(found), (n, n)).astype(np.float32)
    operator = operators.compose(operators.restricted(transforms.fourier(2), mask), haar)
    y = np.asarray(operator.forward(truth))
    problem = Problem(operator, truth, y, weights, mask, depth, steps, 1.0)
    plain = jax.jit(lambda y, ratio: chambolle_pock_last(problem, y, ratio))
    errors = [problem.error(plain(y, np.float32(ratio))) for ratio in RATIOS]
    return problem._replace(ratio=float(RATIOS[np.nanargmin(errors)]))


def contenders(problem: Problem, restarts: int, iterations: int) -> list[Contender]:
    """FIRENET, the same iteration in JAX without restarts, and the peers."""
    makers: dict[str, Callable[[Problem], Callable[[], Any]]] = {
        "scico PDHG": scico_peer,
        "sigpy PrimalDualHybridGradient": sigpy_peer,
        "deepinv CPIteration": deepinv_peer,
        "NumPy and SciPy": scipy_peer,
    }

    def own() -> Racer:
        network = jax.jit(
            lambda y: (
                firenet(
                    problem.operator,
                    y,
                    lam=LAM,
                    weights=problem.weights,
                    restarts=restarts,
                    iterations=iterations,
                ).solution
            )
        )
        return racer(problem, lambda: network(problem.y))

    def plain() -> Racer:
        solve = jax.jit(lambda y: chambolle_pock_last(problem, y, jnp.float32(problem.ratio)))
        return racer(problem, lambda: solve(problem.y))

    def transforms_only() -> Racer:
        operator = problem.operator

        def body(_, z):
            return operator.adjoint(operator.forward(z))

        apply = jax.jit(lambda z: jax.lax.fori_loop(0, problem.steps, body, z))
        return Racer(lambda: apply(problem.truth))

    return [
        ("jaxlab firenet", own),
        ("operator and adjoint alone", transforms_only),
        ("jaxlab, no restarts", plain),
        *((name, lambda make=make: racer(problem, make(problem))) for name, make in makers.items()),
    ]


def racer(problem: Problem, run: Callable[[], Any]) -> Racer:
    """What a method does, with its error."""
    return Racer(run, lambda z: {"error": problem.error(z)})


def chambolle_pock_last(problem: Problem, y: Any, ratio: Any) -> jax.Array:
    """The last iterate, without a mean: what the peers compute."""
    tau, sigma = jnp.sqrt(ratio), 1 / jnp.sqrt(ratio)

    def step(_, state):
        x, q = state
        moved = soft(
            x - scaled(tau, problem.operator.adjoint(q)), jnp.float32(LAM) * tau * problem.weights
        )
        residual = problem.operator.forward(moved + (moved - x)) - y
        return moved, ball(q + scaled(sigma, residual))

    state = jnp.zeros_like(problem.truth), jnp.zeros_like(y)
    return jax.lax.fori_loop(0, problem.steps, step, state)[0]


def steps_of(problem: Problem) -> tuple[float, float]:
    """Primal and dual step of the peers."""
    return problem.ratio**0.5, problem.ratio**-0.5


def scico_peer(problem: Problem) -> Callable[[], Any]:
    """``scico.optimize.PDHG`` with jaxlab's operator, and functionals made of scico's."""
    import scico.functional
    import scico.linop
    import scico.optimize

    class Weighted(scico.functional.Functional):
        has_eval, has_prox = False, True

        def prox(self, v, lam=1, **kwargs):
            size = jnp.abs(v)
            shrunk = jnp.maximum(size - lam * LAM * problem.weights, 0)
            return v * shrunk / jnp.where(size > 0, size, 1)

    class Distance(scico.functional.L2Norm):
        has_eval = False

        def prox(self, v, lam=1, **kwargs):
            return problem.y + super().prox(v - problem.y, lam)

    tau, sigma = steps_of(problem)
    linear = scico.linop.LinearOperator(
        problem.truth.shape,
        problem.y.shape,
        eval_fn=problem.operator.forward,
        adj_fn=problem.operator.adjoint,
        input_dtype=np.complex64,
        output_dtype=np.complex64,
        jit=True,
    )

    def run():
        solver = scico.optimize.PDHG(
            Weighted(), Distance(), linear, tau, sigma, x0=jnp.zeros_like(problem.truth)
        )
        for _ in range(problem.steps):
            solver.step()
        return solver.x

    return run


def sigpy_peer(problem: Problem) -> Callable[[], Any]:
    """``sigpy.alg.PrimalDualHybridGradient`` with its own Fourier and wavelet operators."""
    import sigpy

    shape, y = problem.truth.shape, np.fft.ifftshift(problem.y)
    wavelet = sigpy.linop.Wavelet(shape, wave_name="haar", level=problem.levels)
    spectrum = sigpy.linop.FFT(shape, center=False)
    linear = sigpy.linop.Multiply(shape, np.fft.ifftshift(problem.mask)) * spectrum * wavelet.H
    haar = wavelets.synthesis(1, problem.levels, 2)
    tau, sigma = steps_of(problem)

    def run():
        x, u = np.zeros(shape, np.complex64), np.zeros(shape, np.complex64)
        solver = sigpy.alg.PrimalDualHybridGradient(
            lambda step, q: sigpy.l2_proj(1.0, q - step * y),
            lambda step, z: sigpy.soft_thresh(step * LAM * problem.weights, z),
            linear,
            linear.H,
            x,
            u,
            tau,
            sigma,
            max_iter=problem.steps,
        )
        while not solver.done():
            solver.update()
        return haar.adjoint(wavelet.H(x))  # their order of coefficients is another one

    return run


def deepinv_peer(problem: Problem) -> Callable[[], Any]:
    """``deepinv``'s ``CPIteration`` with the same operator in PyTorch."""
    import torch
    from deepinv.optim.optim_iterators import CPIteration

    y, weights = torch.from_numpy(problem.y), torch.from_numpy(problem.weights)
    mask, axes = torch.from_numpy(problem.mask), (-2, -1)

    def forward(z):
        spectrum = torch.fft.fftn(haar(z, problem.levels, torch), norm="ortho")
        return torch.fft.fftshift(spectrum, axes) * mask

    def adjoint(q):
        image = torch.fft.ifftn(torch.fft.ifftshift(q * mask, axes), norm="ortho")
        return haar_adjoint(image, problem.levels, torch)

    class Distance:
        def prox_conjugate(self, q, y, physics, gamma):
            moved = q - gamma * y
            return moved / torch.clamp(torch.linalg.norm(moved), min=1.0)

    class Weighted:
        def prox(self, z, parameter, gamma):
            size = z.abs()
            return z * torch.clamp(1 - gamma * LAM * weights / size.clamp(min=1e-30), min=0)

    tau, sigma = steps_of(problem)
    parameters = {
        "K": forward,
        "K_adjoint": adjoint,
        "stepsize": tau,
        "stepsize_dual": sigma,
        "lambda": 1.0,
        "beta": 1.0,
        "g_param": None,
    }
    iteration = CPIteration(g_first=False, has_cost=False)

    def run():
        state = {"est": (torch.zeros_like(y),) * 3}
        with torch.no_grad():
            for _ in range(problem.steps):
                state = iteration(state, Distance(), Weighted(), parameters, y, None)
        return state["est"][0].numpy()

    return run


def scipy_peer(problem: Problem) -> Callable[[], Any]:
    """By hand, with SciPy's transforms in single precision."""
    import scipy.fft

    tau, sigma = steps_of(problem)

    def forward(z):
        spectrum = scipy.fft.fftn(haar(z, problem.levels, np), norm="ortho")
        return np.fft.fftshift(spectrum) * problem.mask

    def adjoint(q):
        image = scipy.fft.ifftn(np.fft.ifftshift(q * problem.mask), norm="ortho")
        return haar_adjoint(image, problem.levels, np)

    def run():
        x, q = np.zeros_like(problem.truth), np.zeros_like(problem.y)
        for _ in range(problem.steps):
            z = x - np.float32(tau) * adjoint(q)
            size = np.abs(z)
            shrunk = np.maximum(size - np.float32(tau * LAM) * problem.weights, 0)
            moved = z * (shrunk / np.where(size > 0, size, np.float32(1)))
            q = q + np.float32(sigma) * (forward(2 * moved - x) - problem.y)
            q = q / max(np.linalg.norm(q), np.float32(1))
            x = moved
        return x

    return run


def haar(z: Any, depth: int, module: Any) -> Any:
    """Orthonormal 2-D Haar synthesis by slices, for NumPy's or PyTorch's arrays."""
    image = module.zeros_like(z)
    image[...] = z
    for level in reversed(range(depth)):
        n = z.shape[0] >> level
        half = n // 2
        a, h = image[:half, :half], image[:half, half:n]
        v, d = image[half:n, :half], image[half:n, half:n]
        parts = (a + h + v + d) / 2, (a - h + v - d) / 2, (a + h - v - d) / 2, (a - h - v + d) / 2
        for part, (row, column) in zip(parts, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
            image[row:n:2, column:n:2] = part
    return image


def haar_adjoint(image: Any, depth: int, module: Any) -> Any:
    """The transpose of :func:`haar`."""
    z = module.zeros_like(image)
    z[...] = image
    for level in range(depth):
        n = image.shape[0] >> level
        half = n // 2
        a, b, c, d = (z[row:n:2, column:n:2] for row in (0, 1) for column in (0, 1))
        parts = (a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2
        z[:half, :half], z[:half, half:n] = parts[0], parts[1]
        z[half:n, :half], z[half:n, half:n] = parts[2], parts[3]
    return z
