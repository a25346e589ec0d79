"""Worst-case search: exact where the worst case is known, honest where nothing is finite."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.inverse import operators, perturbations
from jaxlab.inverse.firenets import firenet

KEY = jax.random.key(3)
TOP = 5.0


def stretching(kind):
    """A matrix with singular values 5, 3, 2, 1 and its worst direction."""
    draws = np.random.default_rng(5).standard_normal((4, 4, 4))
    left, right = (
        np.linalg.qr(a + 1j * b if "c" in kind else a)[0] for a, b in draws.reshape(2, 2, 4, 4)
    )
    a = left @ np.diag([TOP, 3, 2, 1]) @ right.conj().T
    return jnp.asarray(a.astype(kind)), right[:, 0]


@functools.partial(jax.jit, static_argnames=("fn", "steps", "restarts"))
def search(fn, x, radius, **options):
    return perturbations.worst_case(KEY, fn, x, radius=radius, **options)


@pytest.mark.parametrize("kind", ["float32", "complex64"])
def test_the_worst_quotient_of_a_matrix_is_its_largest_singular_value(kind):
    a, worst = stretching(kind)
    found = search(operators.matrix(a).forward, jnp.ones(4, kind), 0.1, steps=40, restarts=3)
    np.testing.assert_allclose(found.quotients, TOP, rtol=1e-4)
    r = np.asarray(found.perturbation)
    assert np.linalg.norm(r) == pytest.approx(0.1, rel=1e-5)
    assert abs(np.vdot(worst, r)) == pytest.approx(0.1, rel=1e-3)
    assert float(found.change) == pytest.approx(np.linalg.norm(a @ r), rel=1e-4)
    assert found.status.tolist() == [0] * 3


def test_few_steps_give_a_lower_bound_and_restarts_are_reported_apart():
    forward = operators.matrix(stretching("float32")[0]).forward
    found = search(forward, jnp.ones(4), 0.1, steps=2, restarts=3)
    assert 0 < float(found.quotient) < 0.9999 * TOP
    assert len(set(found.changes.tolist())) == 3
    assert float(found.change) == max(found.changes.tolist())


def test_the_best_step_is_kept_and_not_the_last():
    # Steps of one radius jump over the summits of this sine all the time.
    def waves(x):
        return jnp.sin(9 * x)

    found = [search(waves, jnp.zeros(1), 1.0, steps=steps, momentum=0.0) for steps in (3, 4, 5)]
    changes = [float(one.change) for one in found]
    assert changes == sorted(changes)
    for one in found:
        assert float(one.change) == pytest.approx(abs(np.sin(9 * one.perturbation[0])), rel=1e-5)


def test_a_map_that_ignores_its_input_has_no_worst_case():
    found = search(jnp.zeros_like, jnp.ones(3), 0.5, steps=2)
    assert float(found.change) == float(found.quotient) == 0
    np.testing.assert_array_equal(found.perturbation, 0)
    assert found.status.tolist() == [0]


def test_what_is_not_finite_stops_one_restart_and_is_never_the_best():
    def pole(x):
        return jnp.where(x > 0.5, jnp.inf, x)

    # On a line the sphere is two points, and the ascent stays at the one where it starts.
    found = search(pole, jnp.zeros(1), 0.6, steps=3, restarts=8)
    assert set(found.status.tolist()) == {0, 1}
    expected = np.where(np.asarray(found.status) == 1, 0, 0.6)
    np.testing.assert_allclose(found.changes, expected, rtol=1e-6)
    assert float(found.change) == pytest.approx(0.6, rel=1e-6)


def test_random_perturbations_are_uniform_on_the_sphere():
    draw = jax.jit(jax.vmap(lambda k: perturbations.sphere(k, jnp.zeros(3, jnp.complex64), 2.0)))
    points = np.asarray(draw(jax.random.split(KEY, 2000)))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 2, rtol=1e-5)
    # |z_i|^2 / 4 is Beta(1, 2): mean 4/3, variance 16/18. Five standard errors, six means.
    np.testing.assert_allclose((np.abs(points) ** 2).mean(axis=0), 4 / 3, atol=0.11)
    assert np.abs(points.mean(axis=0)).max() < 5 * np.sqrt(4 / 3 / 2000)


def best_by_hand(a, start, *, price, rate, momentum, steps):
    """Nesterov's momentum as published: with the velocity, not with two places."""
    place, velocity, best = start, np.zeros_like(start), 0.0
    for _ in range(steps):
        ahead = place + momentum * velocity
        value = np.sum(np.abs(a @ ahead) ** 2) / 2 - price * np.sum(np.abs(ahead) ** 2) / 2
        best = max(best, value)
        velocity = momentum * velocity + rate * (a.conj().T @ (a @ ahead) - price * ahead)
        place = place + velocity
    return best


@pytest.mark.parametrize("kind", ["float32", "complex64"])
def test_the_penalised_search_is_nesterov_s_ascent(kind):
    a = stretching(kind)[0]
    options = {"price": 0.3, "rate": 0.01, "momentum": 0.9, "steps": 12}
    x = jnp.ones(4, kind)
    found = jax.jit(
        lambda x: perturbations.penalised(KEY, operators.matrix(a).forward, x, **options)
    )(x)
    parts = 1e-3 * np.asarray(jax.random.uniform(jax.random.split(KEY, 1)[0], (2, 4)))
    start = parts[0] + 1j * parts[1] if "c" in kind else parts[0]
    expected = best_by_hand(np.asarray(a), start, **options)
    size = np.linalg.norm(found.perturbation)
    assert (float(found.change) ** 2 - 0.3 * size**2) / 2 == pytest.approx(expected, rel=1e-3)


def test_a_price_above_the_square_of_the_norm_leaves_nothing_to_gain():
    forward = operators.matrix(stretching("float32")[0]).forward
    found = jax.jit(
        lambda x: perturbations.penalised(KEY, forward, x, price=1.1 * TOP**2, steps=9)
    )(jnp.ones(4))
    assert float(found.change) == 0


def tiny_problem():
    """The deterministic problem of the reference: 64 Haar coefficients, 31 Fourier samples."""
    haar = np.ones((1, 1))
    while len(haar) < 64:
        half = np.eye(len(haar))
        haar = np.vstack([np.kron(haar, [1, 1]), np.kron(half, [1, -1])]) / np.sqrt(2)
    frequency = (np.arange(64) + 32) % 64 - 32
    rows = (np.abs(frequency) < 8) | (frequency % 3 == 0)
    a = (np.fft.fft(np.eye(64)) @ haar.T)[rows] / 8
    z = np.zeros(64)
    z[[0, 1, 3, 6, 13, 27]] = [4, -2, 1.5, -1, 0.75, -0.5]
    return a, z


def test_noise_that_a_sparse_vector_explains_moves_a_firenet_by_the_certificate(x64):
    # Noise off the range of A_S is another matter: the minimiser follows it with new coefficients.
    a, z = tiny_problem()
    columns, singular, _ = np.linalg.svd(a[:, z != 0], full_matrices=False)
    bound = 1 / singular[-1]
    assert bound == pytest.approx(1.618395, abs=1e-6)
    operator, y = operators.matrix(jnp.asarray(a)), jnp.asarray(a @ z)
    explained = operators.matrix(jnp.asarray(columns)).forward

    def network(c):
        options = {"lam": 0.01, "weights": np.sqrt(7.0), "restarts": 10, "iterations": 20}
        return firenet(operator, y + explained(c), delta=1e-3, **options).solution

    found = search(network, jnp.zeros(6, complex), 1e-3, steps=15)
    assert 0.999 * bound < float(found.quotient) < 1.001 * bound
