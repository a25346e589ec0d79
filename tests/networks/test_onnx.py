"""Networks from ONNX files equal ONNX's own reference evaluator, operator by operator."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks.onnx import from_onnx

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper, reference  # noqa: E402


def model(nodes, shape, stored, opset=17):
    """A model of one float32 input ``x`` and one output ``y``."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def single(operator, shape, *constants, opset=17, **attributes):
    """A model of one operator applied to the input and some constants (None: left out)."""
    stored = {f"c{i}": np.asarray(c) for i, c in enumerate(constants) if c is not None}
    names = ["x", *(f"c{i}" if c is not None else "" for i, c in enumerate(constants))]
    node = helper.make_node(operator, names, ["y"], name="the_node", **attributes)
    return model([node], shape, stored, opset)


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def integers(*values):
    return np.array(values, np.int64)


POSITIVE = np.abs(normal(3)) + 0.1
IMAGE = (2, 3, 7, 6)
CASES = {
    "Abs": single("Abs", (2, 3)),
    "Add with broadcasting": single("Add", (2, 3), normal(3)),
    "AveragePool": single("AveragePool", IMAGE, kernel_shape=[2, 3], strides=[2, 1]),
    "AveragePool padded": single(
        "AveragePool", IMAGE, kernel_shape=[3, 3], pads=[1, 0, 2, 1], strides=[2, 2]
    ),
    "AveragePool with padding counted": single(
        "AveragePool", IMAGE, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "AveragePool rounding up": single(
        "AveragePool", IMAGE, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1
    ),
    "BatchNormalization": single(
        "BatchNormalization", IMAGE, POSITIVE, normal(3), normal(3), POSITIVE, epsilon=1e-3
    ),
    "Clip": single("Clip", (2, 3), np.float32(-0.5), np.float32(0.25)),
    "Clip from below": single("Clip", (2, 3), np.float32(-0.5)),
    "Clip from above": single("Clip", (2, 3), None, np.float32(0.5)),
    "Clip of old": single("Clip", (2, 3), opset=6, min=-0.5, max=0.25),
    "Concat": single("Concat", (2, 3), normal(2, 2), axis=1),
    "Conv": single("Conv", IMAGE, normal(4, 3, 3, 2), normal(4), pads=[1, 0, 2, 1], strides=[2, 1]),
    "Conv dilated in groups": single("Conv", IMAGE, normal(6, 1, 2, 2), group=3, dilations=[2, 3]),
    "Conv with the same size": single(
        "Conv", IMAGE, normal(4, 3, 2, 3), auto_pad="SAME_UPPER", strides=[2, 2]
    ),
    "Conv with the same size, lower": single(
        "Conv", IMAGE, normal(4, 3, 2, 3), auto_pad="SAME_LOWER"
    ),
    "Conv in one dimension": single("Conv", (1, 2, 9), normal(3, 2, 4)),
    "Div": single("Div", (2, 3), POSITIVE),
    "Flatten": single("Flatten", (2, 3, 4), axis=2),
    "Gather": single("Gather", (4, 3), integers(2, 0), axis=1),
    "Gemm": single("Gemm", (2, 3), normal(4, 3), normal(4), transB=1, alpha=0.5, beta=2.0),
    "Gemm transposed": single("Gemm", (3, 2), normal(3, 4), transA=1),
    "GlobalAveragePool": single("GlobalAveragePool", IMAGE),
    "GlobalMaxPool": single("GlobalMaxPool", IMAGE),
    "HardSigmoid": single("HardSigmoid", (2, 9), alpha=0.5),
    "LeakyRelu": single("LeakyRelu", (2, 3), alpha=0.2),
    "MatMul": single("MatMul", (2, 2, 3), normal(3, 4)),
    "Max of three": single("Max", (2, 3), normal(2, 3), normal(3)),
    "MaxPool": single("MaxPool", IMAGE, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    "MaxPool rounding up": single(
        "MaxPool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
    ),
    "MaxPool dilated": single("MaxPool", IMAGE, kernel_shape=[2, 2], dilations=[2, 2]),
    "Min": single("Min", (2, 3), normal(3)),
    "Mul": single("Mul", (2, 3), normal(2, 1)),
    "Neg": single("Neg", (2, 3)),
    "PRelu per channel": single("PRelu", IMAGE, normal(3, 1, 1)),
    "Pad": single("Pad", (2, 3), integers(0, 1, 2, 0), np.float32(0.5)),
    "Pad by reflection": single("Pad", (3, 4), integers(1, 2, 0, 1), mode="reflect"),
    "ReduceMax": single("ReduceMax", (2, 3, 4), axes=[1, 2], keepdims=0),
    "ReduceMean": single("ReduceMean", (2, 3, 4), axes=[-1]),
    "ReduceMean of new": single("ReduceMean", (2, 3, 4), integers(1), opset=18),
    "ReduceSum": single("ReduceSum", (2, 3, 4), integers(0, 2), keepdims=0),
    "Relu": single("Relu", (2, 3)),
    "Reshape": single("Reshape", (2, 3, 4), integers(0, -1)),
    "Slice": single(
        "Slice", (4, 5), integers(3, 1), integers(0, 5), integers(0, 1), integers(-1, 2)
    ),
    "Squeeze": single("Squeeze", (2, 1, 3), integers(1)),
    "Squeeze of old": single("Squeeze", (2, 1, 3), opset=11, axes=[1]),
    "Sub": single("Sub", (2, 3), normal(3)),
    "Sum": single("Sum", (2, 3), normal(2, 3), normal(2, 3)),
    "Transpose": single("Transpose", (2, 3, 4), perm=[2, 0, 1]),
    "Unsqueeze": single("Unsqueeze", (2, 3), integers(1)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_is_that_of_the_reference(name):
    proto = CASES[name]
    shape = [d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    x = normal(*shape)
    (expected,) = reference.ReferenceEvaluator(proto).run(None, {"x": x})
    found = jax.jit(from_onnx(proto))(jnp.asarray(x))
    assert found.shape == expected.shape
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


def residual():
    """Convolution, normalisation, a residual sum, pooling, and the flattening that torch writes."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["a", "s", "b", "b", "s"], ["n"]),
        node("Relu", ["n"], ["r"]),
        node("Add", ["r", "x"], ["sum"]),
        node("MaxPool", ["sum"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", ["p"], ["shape"]),
        node("Gather", ["shape", "zero"], ["batch"]),
        node("Unsqueeze", ["batch", "axis"], ["first"]),
        node("Concat", ["first", "rest"], ["sizes"], axis=0),
        node("Reshape", ["p", "sizes"], ["flat"]),
        node("Gemm", ["flat", "v"], ["y"]),
    ]
    stored = {
        "w": normal(3, 3, 3, 3),
        "s": POSITIVE,
        "b": normal(3),
        "zero": np.array(0, np.int64),
        "axis": integers(0),
        "rest": integers(-1),
        "v": normal(12, 2),
    }
    return model(nodes, (1, 3, 4, 4), stored)


def test_a_residual_network_is_read_from_a_file_and_follows_the_dtype(tmp_path, x64):
    onnx.save(residual(), tmp_path / "net.onnx")
    network, x = from_onnx(tmp_path / "net.onnx"), normal(1, 3, 4, 4)
    (expected,) = reference.ReferenceEvaluator(residual()).run(None, {"x": x})
    np.testing.assert_allclose(network(jnp.asarray(x)), expected, rtol=1e-5)
    wide = network(jnp.asarray(x, jnp.float64))
    assert wide.dtype == jnp.float64
    np.testing.assert_allclose(wide, expected, rtol=1e-5)


def test_what_is_not_known_is_named():
    with pytest.raises(ValueError, match="got operator Softmax at node 'the_node'"):
        from_onnx(single("Softmax", (2, 3)))
    pair = residual()
    pair.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, (1,)))
    with pytest.raises(ValueError, match="got 2 inputs, expected one input"):
        from_onnx(pair)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dynamo", [False, True])
def test_a_network_exported_by_torch_is_the_same_function(dynamo):
    torch = pytest.importorskip("torch")
    if dynamo:
        pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.LeakyReLU(0.1),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 4, 3, groups=2),
        torch.nn.PReLU(),
        torch.nn.AvgPool2d(2, ceil_mode=True),
        torch.nn.Hardtanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 3),
        torch.nn.ReLU6(),
    ).eval()
    x, file = torch.randn(1, 1, 8, 8), io.BytesIO()
    torch.onnx.export(net, (x,), file, dynamo=dynamo)
    network = from_onnx(onnx.load_from_string(file.getvalue()))
    found = jax.jit(network)(jnp.asarray(x.numpy()))
    np.testing.assert_allclose(found, net(x).detach(), rtol=1e-4, atol=1e-6)
