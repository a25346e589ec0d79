"""FIRENETs against NumPy's own iteration and the reference's deterministic problem."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.inverse import operators
from jaxlab.inverse.firenets import firenet
from jaxlab.inverse.primal_dual import chambolle_pock, objective

WEIGHT = math.sqrt(7)


def haar(n):
    """Rows are the orthonormal Haar wavelets, coarse first."""
    h = np.eye(1)
    while len(h) < n:
        h = np.vstack([np.kron(h, [1, 1]), np.kron(np.eye(len(h)), [1, -1])]) / np.sqrt(2)
    return h


def tiny():
    """The problem without random numbers: matrix, coefficients, measurements."""
    n, truth = 64, np.zeros(64)
    truth[[0, 1, 3, 6, 13, 27]] = [4, -2, 1.5, -1, 0.75, -0.5]
    frequency = np.fft.fftfreq(n, 1 / n).astype(int)
    kept = (abs(frequency) < 8) | (frequency % 3 == 0)
    a = (np.fft.fft(np.eye(n)) / np.sqrt(n))[kept] @ haar(n).T
    return a, truth, a @ truth


def by_numpy(a, y, lam, p, restarts, nu, delta, tau=1.0, sigma=1.0):
    """The published algorithm in data form, written anew; all iterates after restarts."""
    z, eps, path = np.zeros(a.shape[1], a.dtype), np.linalg.norm(y), []
    for _ in range(restarts):
        eps = nu * (delta + eps)
        al = 2 / (p * eps)
        x, q, total = al * z, np.zeros_like(y), 0
        for _ in range(p):
            v = x - tau * (a.conj().T @ q)
            size = np.maximum(np.abs(v), 1e-300)
            new = v * np.maximum(0, 1 - tau * lam * WEIGHT / size)
            q = q + sigma * (a @ (2 * new - x) - al * y)
            q = q / max(1, np.linalg.norm(q))
            total, x = total + new, new
        z = total / p / al
        path.append(z)
    return np.array(path)


def run(a, y, p=20, restarts=20, delta=1e-15, lam=0.01, **options):
    return jax.jit(
        lambda y: firenet(
            operators.matrix(jnp.asarray(a)),
            y,
            lam=lam,
            weights=WEIGHT,
            restarts=restarts,
            iterations=p,
            delta=delta,
            record=lambda z: z,
            **options,
        )
    )(jnp.asarray(y))


@pytest.mark.parametrize("form", ["step", "data"])
def test_both_forms_are_the_published_algorithm(x64, form):
    a, _, y = tiny()
    options = {"nu": 0.3, "tau": 0.8, "sigma": 1.1}
    found = run(a, y, p=7, restarts=6, delta=1e-3, form=form, **options)
    expected = by_numpy(a, y, 0.01, 7, 6, 0.3, 1e-3, 0.8, 1.1)
    np.testing.assert_allclose(found.recorded, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.solution, found.recorded[-1])


@pytest.mark.parametrize(
    ("lam", "p", "printed"),
    [
        (0.01, 20, {1: 3.146491e-1, 5: 2.319970e-3, 10: 1.562441e-5}),
        (0.01, 40, {1: 1.993384e-1, 5: 2.094624e-3, 10: 1.411339e-5}),
        (0.05, 20, {1: 6.842703e-1, 5: 1.158199e-2, 10: 7.812203e-5}),
        (0.01, 5, {25: 2.234622e-1}),
    ],
)
def test_deterministic_errors_have_the_reference_s_six_digits(x64, lam, p, printed):
    a, truth, y = tiny()
    assert abs(np.linalg.norm(y) - 4.825141401320757) < 1e-14
    path = np.linalg.norm(np.asarray(run(a, y, p=p, restarts=25, lam=lam).recorded) - truth, axis=1)
    for k, value in printed.items():
        assert abs(path[k - 1] / value - 1) < 1e-6


def test_ten_iterations_are_enough_where_five_are_not(x64):
    a, truth, y = tiny()
    errors = [np.linalg.norm(np.asarray(run(a, y, p=p).solution) - truth) for p in (5, 10)]
    assert errors[0] > 0.2
    assert errors[1] < 1e-8


@pytest.mark.parametrize("form", ["step", "data"])
def test_means_of_deviations_are_the_same_network(x64, form):
    a, _, y = tiny()
    sums, deviations = (run(a, y, p=7, form=form, mean=mean) for mean in ("sum", "deviations"))
    np.testing.assert_allclose(sums.recorded, deviations.recorded, rtol=0, atol=1e-13)


def test_means_of_deviations_end_closer_to_the_truth_in_float32():
    a, truth, _ = tiny()
    a = np.concatenate([a.real, a.imag]).astype("f4")
    truth = 1.1 * truth  # with many bits: sums of copies of 1.5 are exact
    y = (a.astype(float) @ truth).astype("f4")
    sums, deviations = (
        np.linalg.norm(np.asarray(run(a, y, p=40, delta=None, mean=mean).solution) - truth)
        for mean in ("sum", "deviations")
    )
    assert deviations < 0.6 * sums


def test_the_gap_aimed_at_falls_by_nu_to_its_limit(x64):
    a, _, y = tiny()
    eps = np.asarray(run(a, y, p=1, restarts=60, delta=0.1, nu=0.5).epsilons)
    expected = np.linalg.norm(y)
    for got in eps[:5]:
        expected = 0.5 * (0.1 + expected)
        np.testing.assert_allclose(got, expected, rtol=1e-14)
    np.testing.assert_allclose(eps[-1], 0.1, rtol=1e-12)


def test_delta_is_u_times_the_norm_of_the_measurements_if_none_is_given():
    y = jnp.array([3.0, 4.0])
    identity = operators.matrix(jnp.eye(2))
    eps = firenet(identity, y, lam=0.1, restarts=1, iterations=1, nu=0.5).epsilons
    np.testing.assert_allclose(eps[0], 0.5 * (5 + 2.0**-24 * 5), rtol=1e-7)


def test_the_mean_has_the_gap_that_the_theorem_promises(x64):
    a, truth, y = tiny()
    operator, lam = operators.matrix(jnp.asarray(a)), 0.01 * WEIGHT
    start = jnp.zeros(64, complex)
    data = jnp.asarray(y)
    least = lam * np.abs(truth).sum()
    for p in (1, 4, 32):
        z = chambolle_pock(operator, data, start, thresholds=lam, iterations=p)
        gap = float(objective(operator, data, z, lam)) - least
        assert -1e-12 < gap <= (np.linalg.norm(truth) ** 2 + 1) / p


def test_vmap_over_measurements_and_a_start_agree_with_single_runs(x64):
    a, _, y = tiny()
    operator, data = operators.matrix(jnp.asarray(a)), jnp.asarray(np.stack([y, 2 * y[::-1]]))

    def solve(y, **options):
        return firenet(operator, y, lam=0.01, iterations=5, delta=1e-9, **options)

    both = jax.vmap(lambda y: solve(y, restarts=2).solution)(data)
    for one, expected in zip(data, both, strict=True):
        np.testing.assert_allclose(solve(one, restarts=2).solution, expected, atol=1e-12)
    started = solve(data[0], restarts=1, start=both[0])
    assert not np.allclose(started.solution, solve(data[0], restarts=1).solution)


def test_the_gradient_is_that_of_differences(x64):
    a, _, y = tiny()
    operator, weights = operators.matrix(jnp.asarray(a)), jnp.asarray(np.arange(64) / 64)

    @jax.jit
    def value(y):
        z = firenet(operator, y, lam=0.01, restarts=3, iterations=5, delta=1e-9).solution
        return jnp.sum(weights * z.real)

    rng = np.random.default_rng(0)
    direction = jnp.asarray(rng.normal(size=y.shape) + 1j * rng.normal(size=y.shape))
    data, h = jnp.asarray(y), 1e-6
    slope = jnp.sum(jax.jit(jax.grad(value))(data) * direction).real
    expected = (value(data + h * direction) - value(data - h * direction)) / (2 * h)
    np.testing.assert_allclose(slope, expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("form", ["step", "data"])
def test_zero_measurements_give_zero(dtype, form):
    identity = operators.matrix(jnp.eye(3, dtype=dtype))
    y = jnp.zeros(3, dtype)
    found = firenet(identity, y, lam=0.1, restarts=3, iterations=3, form=form)
    assert found.solution.dtype == dtype
    np.testing.assert_array_equal(found.solution.astype("float32"), 0)


@pytest.mark.parametrize(
    "wrong",
    [{"restarts": 0}, {"iterations": 0}, {"nu": 1.0}, {"nu": 0.0}],
)
def test_wrong_arguments_are_named(wrong):
    arguments = {"lam": 0.1, "restarts": 1, "iterations": 1} | wrong
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        firenet(operators.matrix(jnp.eye(1)), jnp.ones(1), **arguments)
