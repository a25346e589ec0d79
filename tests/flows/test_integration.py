"""Flows agree with closed forms and with SciPy, keep their identities, and say when they fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from jaxlab.flows import closed_forms
from jaxlab.flows.integration import explicit, integrate, log_times

TIMES = log_times(1e4, 1, 1.0)
RTOL = 1e-9
CURVATURE = np.array([2.0, 1e4])
NODES, MASS = np.polynomial.legendre.leggauss(40)
STARTS = {  # of two flows at once
    "exponential": [0.3, 2.0],
    "logistic": [-1.0, 0.5],
    "quadratic": [[1.0, -0.5], [0.0, 2.0]],
}


def separate(params):
    """Three flows that are known, side by side: the last is a stiff quadratic."""
    a, b, c = params["exponential"], params["logistic"], params["quadratic"]
    curvature = jnp.asarray(CURVATURE, c.dtype)
    return jnp.exp(-a) + jax.nn.softplus(-b) + jnp.sum(curvature * c * c) / 2


def shallow(params):
    """The risk of two softplus neurons for x^2: 40 nodes, uniform on [-1, 1]."""
    w, b, v, c = params[:2], params[2:4], params[4:6], params[6]
    inside = jnp.asarray(NODES)[:, None] * w[None] + b[None]
    output = c + jnp.matmul(jax.nn.softplus(inside), v, precision=jax.lax.Precision.HIGHEST)
    return jnp.sum(jnp.asarray(MASS / 2) * (output - jnp.asarray(NODES**2)) ** 2)


def loss(params):
    """A sum of functions of different parameters, whose flows do not notice each other."""
    return separate(params) + shallow(params["network"])


def start(dtype="float64"):
    return {name: jnp.asarray(value, dtype) for name, value in STARTS.items()}


@pytest.fixture(scope="module")
def flow():
    """Two flows at once, each of four problems: one compilation for most of this file."""
    rng = np.random.default_rng(0)
    networks = np.stack([0.8 * rng.normal(size=7), 0.5 * rng.normal(size=7)])
    with jax.enable_x64(True):

        @jax.jit
        @jax.vmap
        def run(params):
            return integrate(
                loss,
                params,
                TIMES,
                rtol=RTOL,
                atol=RTOL / 100,
                integrands=lambda p: {"one": jnp.ones_like(p["logistic"]), "loss": loss(p)},
            )

        return jax.block_until_ready(run(start() | {"network": jnp.asarray(networks)}))


def lane(flow, index=0):
    """One of the flows, in NumPy."""
    return jax.tree.map(lambda leaf: np.asarray(leaf[index]), flow)


def errors(params, times, index):
    """Of the known flows, as a fraction of 1 + their size, the worst over all times."""
    exact = {
        "exponential": closed_forms.exponential(STARTS["exponential"][index], times),
        "logistic": closed_forms.logistic(STARTS["logistic"][index], times),
        "quadratic": STARTS["quadratic"][index] * np.exp(-CURVATURE * times[:, None]),
    }
    return {
        name: np.max(np.abs(np.asarray(params[name]) - value) / (1 + np.abs(value)))
        for name, value in exact.items()
    }


@pytest.mark.parametrize("index", [0, 1])
def test_every_flow_of_a_batch_is_the_closed_form_to_its_tolerance(flow, index):
    one = lane(flow, index)
    assert one.status == 0
    assert max(errors(one.params, TIMES, index).values()) < 30 * RTOL
    assert one.accepted < 2000  # explicit steps are below 6e-4: millions of them


def test_observations_are_those_of_the_parameters(flow):
    one = lane(flow)
    stacked = np.concatenate(
        [leaf.reshape(len(TIMES), -1) for leaf in jax.tree.leaves(one.params)], axis=1
    )
    np.testing.assert_array_equal(one.times, TIMES)
    np.testing.assert_allclose(one.norm, np.linalg.norm(stacked, axis=1), rtol=1e-14)
    far = np.linalg.norm(stacked - stacked[0], axis=1)
    np.testing.assert_allclose(one.displacement, far, rtol=1e-13)
    steps = np.linalg.norm(np.diff(stacked, axis=0, prepend=stacked[:1]), axis=1)
    np.testing.assert_allclose(one.moved, steps, rtol=1e-13)
    np.testing.assert_allclose(one.defect, one.loss[0] - one.loss - one.energy, atol=1e-15)


def test_losses_and_gradient_norms_are_those_of_numpy(flow, x64):
    one = lane(flow)
    a, b, c = (one.params[name] for name in ("exponential", "logistic", "quadratic"))
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(shallow)))(one.params["network"])
    known = np.exp(-a) + np.log1p(np.exp(-b)) + c**2 @ CURVATURE / 2
    np.testing.assert_allclose(one.loss, known + values, rtol=1e-13)
    slope = [np.exp(-a), 1 / (1 + np.exp(b)), *(CURVATURE * c).T, *np.asarray(slopes).T]
    np.testing.assert_allclose(one.gradient_norm, np.linalg.norm(slope, axis=0), rtol=1e-12)


def test_a_plateau_and_the_fall_from_it_agree_with_scipy(flow, x64):
    force = jax.jit(lambda y: -jax.grad(shallow)(y))
    curvature = jax.jit(lambda y: -jax.hessian(shallow)(y))
    found = lane(flow).params["network"]
    solution = scipy.integrate.solve_ivp(
        lambda _, y: np.asarray(force(y)),
        (0, TIMES[-1]),
        found[0],
        "Radau",
        TIMES,
        rtol=1e-8,
        atol=1e-10,
        jac=lambda _, y: np.asarray(curvature(y)),
    )
    np.testing.assert_allclose(found, solution.y.T, rtol=2e-6, atol=2e-6)


def test_the_reference_values_of_the_softplus_network(flow, x64):
    """Printed in shared/reference/divergence.md, A.4, item 4."""
    found = lane(flow).params["network"][1:]
    losses = [8.956404e-2, 8.892867e-2, 8.881510e-2, 7.415813e-4, 2.039510e-4]
    norms = [1.218020, 1.210248, 1.218715, 4.873769, 5.808122]
    np.testing.assert_allclose(jax.jit(jax.vmap(shallow))(found), losses, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), norms, rtol=0, atol=6e-7)


@pytest.mark.parametrize("index", [0, 1])
def test_the_energy_identity_and_the_bound_on_the_displacement_hold(flow, index):
    one = lane(flow, index)
    fallen = one.loss[0] - one.loss
    assert np.all(np.diff(one.loss) < 0)
    np.testing.assert_allclose(one.defect, 0, atol=10 * RTOL * one.loss[0])
    assert np.all(one.displacement[1:] < np.sqrt(TIMES * fallen)[1:])


def test_integrands_are_integrated_from_zero_in_their_pytree(flow):
    one = lane(flow)
    np.testing.assert_allclose(one.integrals["one"], TIMES, rtol=1e-10)
    # The loss falls: in every interval its integral lies between those of its two ends.
    area, widths = np.diff(one.integrals["loss"]), np.diff(TIMES)
    assert one.integrals["loss"][0] == 0
    assert np.all(area < one.loss[:-1] * widths)
    assert np.all(area > one.loss[1:] * widths)


def test_a_float32_flow_to_infinity_in_finite_time_is_right_until_then_and_nan_after():
    """theta' = theta^2 from 1 is at infinity at t = 1; known flows go beside it."""
    times = np.array([0.0, 0.25, 0.5, 2.0, 3.0])

    @jax.jit
    def run(params):
        return integrate(
            lambda p: separate(p) - p["leaving"] ** 3 / 3,
            params,
            times,
            rtol=1e-5,
            atol=1e-6,
            max_steps=200,
        )

    first = {name: value[0] for name, value in start("float32").items()}
    flow = run(first | {"leaving": jnp.ones(())})
    assert {leaf.dtype.name for leaf in jax.tree.leaves(flow)} == {"float32", "int32"}
    reached = jax.tree.map(lambda leaf: leaf[:3], flow.params)
    assert max(errors(reached, times[:3], 0).values()) < 3e-4
    np.testing.assert_allclose(flow.params["leaving"][:3], 1 / (1 - times[:3]), rtol=3e-4)
    assert int(flow.status) == 1
    assert int(flow.accepted + flow.rejected) == 200
    for leaf in jax.tree.leaves(flow._replace(times=(), accepted=(), rejected=(), status=())):
        assert np.isfinite(leaf[:3]).all()
        assert np.isnan(leaf[3:]).all()


def test_gradients_may_be_given_times_traced_and_explicit_steps_bounded_by_curvature(x64):
    """A hundredth of the gradient is followed, without the loss that it is not the gradient of."""

    @jax.jit
    def run(params, factor, times):
        return integrate(
            lambda p: 50 * jnp.sum(p * p),
            params,
            times,
            rtol=1e-10,
            atol=1e-12,
            solver=explicit(),
            gradient=lambda p: jnp.broadcast_to(factor, p.shape) * p,
        )

    times = jnp.array([0.0, 0.5, 1.0])
    true, slow = (run(jnp.array([1.0, -2.0]), jnp.array(f), times) for f in (100.0, 1.0))
    np.testing.assert_allclose(true.params[:, 0], np.exp(-100 * times), atol=1e-9)
    np.testing.assert_allclose(true.defect, 0, atol=1e-7)
    np.testing.assert_allclose(slow.params[:, 0], np.exp(-times), rtol=1e-9)
    assert abs(float(slow.defect[-1])) > 100
    assert int(true.accepted) > 5 * int(slow.accepted)
    later = run(jnp.array([1.0, -2.0]), jnp.array(1.0), 3 * times)
    np.testing.assert_allclose(later.params[:, 1], -2 * np.exp(-3 * times), rtol=1e-9)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (jnp.ones(2, jnp.bfloat16), r"got leaves of \['bfloat16'\]"),
        (jnp.ones(2, jnp.float16), r"got leaves of \['float16'\]"),
        (jnp.ones(2, jnp.int32), r"got leaves of \['int32'\]"),
        ((jnp.ones(2), jnp.ones(2, jnp.float16)), r"got leaves of \['float16', 'float32'\]"),
        ((), r"got leaves of \[\]"),
    ],
)
def test_parameters_of_another_dtype_are_refused_at_trace_time(params, message):
    def trace():
        jax.eval_shape(lambda p: integrate(separate, p, np.array([0.0, 1.0])), params)

    with pytest.raises(ValueError, match=message):
        trace()


def test_losses_that_are_no_scalars_are_refused():
    with pytest.raises(ValueError, match="expected a scalar"):
        integrate(lambda p: p * p, jnp.ones(2), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="expected a scalar"):
        integrate(lambda p: (jnp.sum(p), jnp.sum(p)), jnp.ones(2), np.array([0.0, 1.0]))


@pytest.mark.parametrize("times", [[0.0], [], [1.0, 2.0], [0.0, 1.0, 1.0], [0.0, np.nan]])
def test_concrete_times_that_do_not_increase_from_zero_are_refused(times):
    def loss(p):
        return jnp.sum(p * p)

    for values in (np.array(times), jnp.array(times)):
        with pytest.raises(ValueError, match="increasing from 0"):
            jax.eval_shape(lambda p, at=values: integrate(loss, p, at), jnp.ones(2))


def test_log_times_hit_all_powers_of_ten_and_start_at_zero():
    times = log_times(1e12, 4)
    assert times[0] == 0
    assert times.dtype == np.float64
    assert len(times) == 1 + 14 * 4 + 1
    np.testing.assert_allclose(times[1::4], 10.0 ** np.arange(-2, 13), rtol=1e-14)
    assert np.all(np.diff(np.log(times[1:])) > 0.57)


@pytest.mark.parametrize("arguments", [(1.0, 4, 2.0), (1.0, 0, 0.1), (1.0, 4, 0.0), (-1.0,)])
def test_log_times_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ValueError, match="stop, per_decade, start: got"):
        log_times(*arguments)
