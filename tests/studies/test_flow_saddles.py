"""Part "saddles" of `flow`: saddles, descents in formats and their claims are what they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab import training
from jaxlab.arithmetic import round_to
from jaxlab.flows import Flow, relu_risk
from jaxlab.flows.relu_risk import Shallow
from jaxlab.studies._arithmetics import format_of
from jaxlab.studies._judging import judged
from jaxlab.studies.flow import claims_saddles, descents, saddles
from jaxlab.studies.flow.config import Config

CONFIG = Config(saddle_steps=16, saddle_draws=4, saddle_arithmetics=("float64", "bfloat16", "p=6"))
RATE = 0.5


@pytest.fixture(scope="module")
def points():
    with jax.enable_x64(True):
        return saddles.scaled(CONFIG)


def flat(params, run=0):
    return np.concatenate([np.asarray(leaf[run]).ravel() for leaf in params])


def test_scaled_saddles_are_critical_points_of_one_function(points, x64):
    x = jnp.linspace(0.0, 1.0, 7)
    values = jax.jit(jax.vmap(lambda p: relu_risk.network(p, x)))(points)
    np.testing.assert_allclose(values, np.broadcast_to(values[:1], values.shape), atol=1e-15)
    slopes = jax.jit(jax.vmap(lambda p: relu_risk.gradient(p, saddles.PROBLEM)))(points)
    for leaf in slopes:
        np.testing.assert_allclose(leaf, 0, atol=1e-15)
    assert len(set(np.asarray(points.weight[:, 0]).tolist())) == CONFIG.saddle_draws


def test_the_unstable_eigenvalue_is_that_of_differences_of_the_gradient(points, x64):
    start, step = flat(points, 1), 1e-6

    def force(values):
        w, b, v = np.split(values[:-1], 3)
        params = Shallow(*(jnp.asarray(part) for part in (w, b, v)), jnp.asarray(values[-1]))
        return np.concatenate([np.ravel(leaf) for leaf in gradient(params)])

    gradient = jax.jit(lambda params: relu_risk.gradient(params, saddles.PROBLEM))
    columns = [
        (force(start + e) - force(start - e)) / (2 * step) for e in step * np.eye(start.size)
    ]
    values, vectors = np.linalg.eigh(np.stack(columns))
    least, directions = saddles.unstable(points)
    assert float(least[1]) == pytest.approx(values[0], rel=1e-6)
    assert abs(vectors[:, 0] @ np.asarray(directions[1])) == pytest.approx(1, abs=1e-6)


def descend(starts, narrow, name, **options):
    return descents.descend(
        starts, jnp.asarray(narrow), name=name, problem=saddles.PROBLEM, rate=RATE, **options
    )


def displaced(points):
    """Far enough from the saddle that steps in narrow formats survive."""
    return jax.tree.map(lambda leaf: leaf * 1.3, points)


def test_a_narrow_native_descent_is_training_in_that_dtype(points, x64):
    name = "bfloat16"
    starts = descents.stored(displaced(points), name)
    path, _ = descend(starts, [True] * 4, name, records=3)
    trained = training.ensemble(
        lambda params, _: relu_risk.risk(params, saddles.PROBLEM),
        jax.tree.map(lambda leaf: leaf.astype(name), starts),
        (),
        training.gradient_descent,
        policy=training.Policy.native(name),
        checkpoints=(0, 1, 2, 3),
        metrics={"params": lambda snapshot: snapshot.params},
        keys=jax.random.split(jax.random.key(0), 4),
        learning_rate=jnp.full(4, RATE, name),
    )
    expected = jax.tree.map(
        lambda leaf: np.asarray(leaf[:, 1:]).astype(np.float64), trained.metrics["params"]
    )
    jax.tree.map(np.testing.assert_array_equal, path, expected)
    assert (np.asarray(path.shift[:, -1]) != np.asarray(starts.shift)).all()


def test_narrow_emulated_iterates_have_few_bits_and_the_others_do_not(points, x64):
    starts = descents.stored(displaced(points), "p=6")
    path, slopes = descend(starts, [True, True, False, False], "p=6", records=4, every=2)
    short = [np.asarray(round_to(leaf, format_of("p=6")) == leaf) for leaf in path]
    assert all(leaf[:2].all() for leaf in short)
    assert not any(leaf[2:].all() for leaf in short)
    rounded = jax.tree.map(lambda leaf: round_to(leaf, format_of("p=6")), slopes)
    jax.tree.map(np.testing.assert_array_equal, rounded, slopes)


def test_the_time_of_halving_is_that_of_the_interpolated_curve():
    times = np.linspace(0.0, 3.0, 40)[None]
    loss = np.exp(-times)

    found = Flow(*[()] * len(Flow._fields))
    found = found._replace(times=times, loss=loss, gradient_norm=np.sqrt(loss))
    assert saddles._halving(found, 1.0)[0] == pytest.approx(np.log(2), abs=1e-7)
    still = found._replace(loss=np.ones_like(times), gradient_norm=np.zeros_like(times))
    assert saddles._halving(still, 1.0)[0] == np.inf


def synthetic():
    """A complete Dataset that obeys every law."""
    dataset = saddles.template(CONFIG).load()
    curvature = -np.array([0.0267, 0.0085])
    dataset["saddle_curvature"][:] = curvature
    dataset["saddle_risk"][:] = [1 / 972, 1 / 7500]
    dataset["saddle_gradient"][:] = dataset["saddle_drift"][:] = 0.0
    dataset["saddle_stay"][:] = 1.0
    delta = dataset.saddle_delta.values
    dataset["saddle_leaving"][:] = (3 - np.log(delta))[None, :, None] / -curvature[:, None, None]
    dataset["saddle_final"][:] = 0.0
    dataset["saddle_growth"][:] = 0.02
    bits = dataset.saddle_precision.values * np.log(2.0)
    dataset["saddle_started"][:] = bits[:, None] / 0.02 + np.array([0.0, 9.0, 3.0, 5.0])
    bits = np.log([2.0**53, 2.0**8, 2.0**6])
    dataset["saddle_rounded"][:] = bits[:, None] / 0.02 + np.array([5.0, 0.0, 9.0, 3.0])
    dataset["saddle_narrow"][:] = 100.0
    dataset["saddle_frozen"][:] = 0
    dataset["saddle_radius"][:] = 30.0
    dataset["saddle_displaced"][:] = np.where(dataset.saddle_multiple.values > 30, 50.0, np.inf)
    return dataset


def verdicts(dataset):
    claims = judged(claims_saddles.JUDGES, "source", dataset)
    return {claim.statement: claim.verdict for claim in claims}


def test_data_that_obey_the_laws_support_every_claim():
    assert set(verdicts(synthetic()).values()) == {"supported"}


@pytest.mark.parametrize(
    ("name", "change", "statement"),
    [
        ("saddle_risk", lambda x: x * 1.001, "Zigzags are critical"),
        ("saddle_drift", lambda x: x + 1e-5, "The flow that starts on"),
        ("saddle_leaving", lambda x: x * 1.01, "Displaced by delta"),
        ("saddle_final", lambda x: x + 1 / 5000, "A flow that leaves"),
        ("saddle_started", lambda x: x * 0.9, "A rounded start"),
        ("saddle_rounded", lambda x: x * 1.2, "Rounded gradients"),
        ("saddle_narrow", lambda x: x + np.inf, "Rounding alone"),
        ("saddle_displaced", lambda x: np.full_like(x, np.inf), "Descent in a format leaves"),
    ],
)
def test_every_claim_can_be_refuted(name, change, statement):
    dataset = synthetic()
    dataset[name][:] = change(dataset[name].values)
    found = [v for text, v in verdicts(dataset).items() if text.startswith(statement)]
    assert found
    assert set(found) == {"refuted"}


def test_without_data_nothing_is_claimed():
    empty = saddles.template(CONFIG).load()
    assert set(verdicts(empty).values()) == {"inconclusive"}
