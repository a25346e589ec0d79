"""Whole models: the counts of ``regions.line`` where it can count, and the models' own values."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks import apply, from_pytree
from jaxlab.regions import function, line
from tests.regions import networks, oracle, tangents

HIGHEST = jax.lax.Precision.HIGHEST


def mlp(params):
    layers = networks.layers(params)
    return lambda x: apply(layers, x)


@pytest.mark.parametrize("make", [networks.he, networks.degenerate])
@pytest.mark.parametrize("widths", [(1, 9, 8, 7, 1), (3, 12, 12, 2)], ids=str)
def test_networks_have_the_regions_and_pieces_of_rational_arithmetic(x64, make, widths):
    rng = np.random.default_rng(4)
    for _ in range(8):
        params = make(rng, widths)
        start, stop = rng.integers(-3, 1, widths[0]), rng.integers(1, 4, widths[0])
        exact = oracle.line(params, start.astype(float), stop.astype(float))
        found = function.line(mlp(params), start, stop)
        assert (found.regions, found.pieces) == (exact.regions, exact.pieces)


@pytest.mark.parametrize("name", ["l1_64x3_s0", "l1_32x12_s0", "l1_256x4_s0"])
def test_stored_networks_have_the_counts_of_the_line_counter(x64, name):
    params, low, high = networks.stored(name)
    expected = line.count(networks.layers(params), low, high)
    found = function.line(mlp(params), np.array([low]), np.array([high]))
    assert found.regions == expected.regions
    assert found.pieces == expected.pieces
    assert found.undecided == expected.undecided


def convolutional():
    """Padding, strides, groups, dilation, max and average pooling, normalisation, PReLU."""
    keys = jax.random.split(jax.random.key(0), 4)
    norm = eqx.nn.BatchNorm(4, "batch", mode="ema", inference=True)
    state = eqx.nn.State(norm)
    statistics = jnp.array([0.1, -0.2, 0.0, 0.3]), jnp.array([0.5, 1.0, 2.0, 0.7])
    state = state.set(norm.ema_first_time_index, jnp.array(False))
    state = state.set(norm.ema_state_index, statistics)
    layers = [
        eqx.nn.Conv2d(1, 4, 3, stride=2, padding=1, key=keys[0]),
        eqx.nn.Lambda(lambda x: norm(x, state)[0]),
        eqx.nn.Lambda(eqx.nn.PReLU(0.2)),
        eqx.nn.MaxPool2d(2, 1, padding=1),
        eqx.nn.Conv2d(4, 4, 2, groups=2, dilation=2, key=keys[1]),
        eqx.nn.Lambda(jax.nn.relu),
        eqx.nn.AvgPool2d(2, 1),
        eqx.nn.ConvTranspose2d(4, 2, 2, stride=2, key=keys[3]),
        eqx.nn.Lambda(jnp.ravel),
        eqx.nn.Linear(32, 3, key=keys[2]),
        eqx.nn.Lambda(jax.nn.hard_tanh),
    ]
    return eqx.nn.Sequential(layers)


def images(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(2, *shape))


def test_a_convolutional_equinox_model_is_itself_at_the_knots():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        net = convolutional()
        start, stop = images((1, 8, 8))
        found = function.line(net, start, stop)
        along = found.knots[:, None, None, None]
        points = jnp.asarray((1 - along) * start + along * stop, jnp.float32)
        values = jax.jit(jax.vmap(net))(points)
    assert found.regions > found.pieces > 10
    np.testing.assert_allclose(found.values, values, atol=2e-6)


def test_the_kinks_of_a_convolutional_network_are_where_the_tangents_meet(x64):
    rng = np.random.default_rng(3)
    first, second, last = (jnp.asarray(rng.normal(size=s)) for s in [(3, 2, 3), (3, 3, 2), (12, 2)])

    def network(x):
        h = jax.lax.conv_general_dilated(
            x[None], first, (1,), "SAME", rhs_dilation=(2,), precision=HIGHEST
        )
        h = jax.lax.reduce_window(jnp.abs(h), -jnp.inf, jax.lax.max, (1, 1, 2), (1, 1, 2), "VALID")
        h = jax.nn.relu(h - 1.0)
        h = jax.lax.conv_general_dilated(h, second, (1,), [(0, 1)], precision=HIGHEST)
        h = jax.lax.reduce_window(h, 0.0, jax.lax.add, (1, 1, 2), (1, 1, 1), "SAME")
        return jnp.dot(jax.nn.leaky_relu(h).reshape(-1), last, precision=HIGHEST)

    start, stop = images((2, 8))
    expected = tangents.kinks(network, start, stop)
    found = function.line(network, start, stop)
    assert found.pieces == len(expected) + 1 > 10
    gaps = np.abs(np.subtract.outer(expected, found.knots)).min(axis=1)
    np.testing.assert_allclose(gaps, 0, atol=1e-7)


def test_convolutions_have_the_regions_of_their_matrices(x64):
    rng = np.random.default_rng(6)
    kernels = [jnp.asarray(rng.normal(size=s)) for s in [(3, 1, 3, 3), (2, 3, 2, 2)]]
    shapes, biases = [(1, 5, 5), (3, 5, 5), (2, 2, 2)], rng.normal(size=2)

    def convolve(index, x):
        out = jax.lax.conv_general_dilated(
            x[None], kernels[index], (1 + index,) * 2, ("SAME", "VALID")[index], precision=HIGHEST
        )
        return out[0] + biases[index]

    def network(x):
        return jax.nn.relu(convolve(1, jax.nn.relu(convolve(0, x)))).sum()

    def dense(index):
        inputs = int(np.prod(shapes[index]))
        zero = jnp.zeros(shapes[index])
        matrix = jax.jit(jax.jacfwd(lambda x: convolve(index, x)))(zero).reshape(-1, inputs)
        return np.asarray(matrix).T, np.asarray(convolve(index, zero)).ravel()

    layers = [dense(0), dense(1), (np.ones((8, 1)), np.zeros(1))]
    start, stop = images((1, 5, 5))
    exact = oracle.line(layers, start.ravel(), stop.ravel())
    found = function.line(network, start, stop)
    assert (found.regions, found.pieces) == (exact.regions, exact.pieces)
    assert found.regions > found.pieces > 10


def test_pooling_keeps_its_winners_within_regions_and_changes_one_at_every_knot(x64):
    weight = np.random.default_rng(9).normal(size=(24, 4))

    def network(x):
        h = jnp.abs(jnp.dot(jnp.asarray(weight), x, precision=HIGHEST)).reshape(6, 4)
        window, stride = (3, 2), (3, 2)
        return jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, window, stride, "VALID")

    def decisions(points):
        h = points @ weight.T
        windows = np.abs(h).reshape(-1, 2, 3, 2, 2).transpose(0, 1, 3, 2, 4)
        winners = windows.reshape(len(h), 4, 6).argmax(axis=2)
        return np.concatenate([h > 0, winners], axis=1)

    start, stop = images((4,))
    found = function.line(network, start, stop)
    shares = np.linspace(0.001, 0.999, 9)
    t = found.knots[:-1, None] + shares * np.diff(found.knots)[:, None]
    made = decisions(start + t.reshape(-1, 1) * (stop - start)).reshape(found.regions, 9, -1)
    assert (made == made[:, :1]).all()
    assert (made[1:, 0] != made[:-1, 0]).any(axis=1).all()
    assert 10 < found.regions > found.pieces > 4


def test_a_residual_block_in_the_style_of_flax_has_the_pieces_of_its_tangents(x64):
    rng = np.random.default_rng(1)
    names = ("Dense_0", "Dense_1")
    shapes = {"kernel": (7, 7), "bias": (7,)}
    layers = {name: {part: rng.normal(size=s) for part, s in shapes.items()} for name in names}
    variables = {"params": layers}

    class Model:
        def apply(self, variables, x):
            def dense(name, x):
                p = variables["params"][name]
                return jnp.dot(x, jnp.asarray(p["kernel"]), precision=HIGHEST) + p["bias"]

            h = x + dense("Dense_1", jax.nn.relu(dense("Dense_0", x)))
            return jax.nn.relu(h) + 0.5 * x

    model = Model()
    start, stop = images((7,))
    expected = tangents.kinks(lambda x: model.apply(variables, x), start, stop)
    found = function.line(lambda x: model.apply(variables, x), start, stop)
    assert found.pieces == len(expected) + 1
    assert found.regions == found.pieces


def test_a_real_flax_model_has_the_counts_of_its_layers():
    nn = pytest.importorskip("flax.linen")
    model = nn.Sequential([nn.Dense(16), nn.relu, nn.Dense(16), nn.relu, nn.Dense(2)])
    variables = model.init(jax.random.key(0), jnp.zeros(3))
    start, stop = images((3,))
    found = function.line(lambda x: model.apply(variables, x), start, stop)
    expected = line.count(from_pytree(variables), start, stop)
    assert (found.regions, found.pieces) == (expected.regions, expected.pieces)


def test_an_equinox_network_has_the_counts_of_its_layers():
    net = eqx.nn.MLP(3, 2, 16, 2, key=jax.random.key(0))
    start, stop = images((3,))
    found = function.line(net, start, stop)
    expected = line.count(from_pytree(net), start, stop)
    assert (found.regions, found.pieces) == (expected.regions, expected.pieces)


def test_a_network_from_onnx_has_the_counts_of_its_layers():
    onnx = pytest.importorskip("onnx")
    from jaxlab.networks.onnx import from_onnx

    rng = np.random.default_rng(2)
    params = [[x.astype(np.float32) for x in pair] for pair in networks.he(rng, (3, 9, 8, 2))]
    nodes, stored, last = [], [], "x"
    for i, pair in enumerate(params):
        names = [f"w{i}", f"b{i}"]
        arrays = zip(pair, names, strict=True)
        stored += [onnx.numpy_helper.from_array(array, name) for array, name in arrays]
        nodes.append(onnx.helper.make_node("Gemm", [last, *names], [f"h{i}"]))
        nodes.append(onnx.helper.make_node("Relu", [f"h{i}"], [f"r{i}"]))
        last = f"r{i}"
    kinds = onnx.TensorProto.FLOAT
    ends = [
        onnx.helper.make_tensor_value_info(name, kinds, shape)
        for name, shape in (("x", (1, 3)), ("h2", (1, 2)))
    ]
    graph = onnx.helper.make_graph(nodes[:-1], "g", ends[:1], ends[1:], stored)
    start, stop = images((3,))
    found = function.line(from_onnx(onnx.helper.make_model(graph)), start[None], stop[None])
    expected = line.count(networks.layers(params), start, stop)
    assert (found.regions, found.pieces) == (expected.regions, expected.pieces)
    assert found.values.shape == (found.regions + 1, 1, 2)
