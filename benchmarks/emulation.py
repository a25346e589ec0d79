"""The gradient of a network with every operation rounded: jaxlab, native dtypes and peers.

``ratio`` is the time over the first row of the case, the native float32 gradient in JAX or torch;
``error`` is the normwise distance of all gradients from those in float64. Contenders differ in
what they round: jaxlab and the prototype every operation of both passes, native dtypes what their
kernels do, the other libraries the inputs and outputs of layers.
"""

import importlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from benchmarks.peers import WIDTHS, compiling, pychop
from benchmarks.racing import Contender, Racer, race
from jaxlab.arithmetic import rounded
from jaxlab.networks import mlp

Data = tuple[mlp.Parameters, Any, Any]


def main(repeats: int = 50, dry: bool = False) -> dict:
    """Time the gradient of the cross-entropy of a 784-512-512-10 network, 128 examples."""
    widths, batch, repeats = ((8, 8, 4), 4, 1) if dry else ((784, 512, 512, 10), 128, repeats)
    data = problem(widths, batch)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, np.float64), data)
        right = _flat(jax.jit(jax.grad(loss))(*wide))

    def check(gradients):
        difference = _flat(gradients) - right
        return {"error": float(np.linalg.norm(difference) / np.linalg.norm(right))}

    rows = race("JAX", _on_jax(data, check), repeats)
    rows += race("torch", _on_torch(data, check), repeats)
    return {
        "title": f"Gradient of a {'-'.join(map(str, widths))} network, batch {batch} "
        f"(best of {repeats})",
        "rows": rows,
        "notes": [
            "target: bfloat16 on a float32 carrier within 2 of native float32",
            "prototype: a jaxpr interpreter that casts to the dtype and back after every primitive",
            "QPyTorch, pychop and qwix round between layers only; QPyTorch both passes, pychop the "
            "forward pass, qwix (with scales) the inputs of dots: none is the same emulation",
            "MPTorch rounds every multiply-add of its dots, one after the other: compare jaxlab's "
            "sequential sums",
            "torch's threads wait for each other: its rows mean little while others use the cores",
        ],
    }


def problem(widths: Sequence[int], batch: int) -> Data:
    """He weights, zero biases, normal inputs and one-hot labels, in float32 (NumPy)."""
    rng = np.random.default_rng(0)
    params = tuple(
        mlp.Layer(
            np.float32(rng.standard_normal((rows, columns)) * (2 / rows) ** 0.5),
            np.zeros(columns, np.float32),
        )
        for rows, columns in itertools.pairwise(widths)
    )
    x = rng.standard_normal((batch, widths[0]), dtype=np.float32)
    return params, x, np.eye(widths[-1], dtype=np.float32)[rng.integers(0, widths[-1], batch)]


def loss(params: mlp.Parameters, x: Any, labels: Any, activation: Callable = jax.nn.relu) -> Any:
    """Cross-entropy, in the dtype of its arguments."""
    return _cross_entropy(mlp.apply(params, x, activation), labels)


def _cross_entropy(logits, labels):
    return jnp.mean(jax.nn.logsumexp(logits, 1) - jnp.sum(logits * labels, 1))


def _flat(gradients: Any) -> np.ndarray:
    leaves = jax.tree.leaves(gradients)
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in leaves])


def _on_jax(data: Data, check: Callable) -> list[Contender]:
    gradient = jax.grad(loss)

    def racer(f, dtype=np.float32):
        with jax.enable_x64(True):
            arguments = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), data)
        compiled = jax.jit(f)

        def run():
            with jax.enable_x64(arguments[1].dtype == np.float64):
                return compiled(*arguments)

        return Racer(run, check)

    def own(fmt, **options):
        return lambda: racer(rounded(gradient, fmt, **options))

    def native(dtype):
        return lambda: racer(gradient, dtype)

    def prototype(dtype, carrier):
        return lambda: racer(by_casting(gradient, dtype), carrier)

    key = jax.random.key(0, impl="rbg")
    half = "float32"  # a carrier that must be asked for
    return [
        ("native float32", native("float32")),
        ("native bfloat16", native("bfloat16")),
        ("native float16", native("float16")),
        ("native float64", native("float64")),
        ("jmp, computing in bfloat16", lambda: racer(_jmp("bfloat16"))),
        ("jaxlab, bfloat16 on float32", own("bfloat16", carrier=half)),
        ("jaxlab, float16 on float32", own("float16")),
        ("jaxlab, float8_e4m3fn on float32", own("float8_e4m3fn")),
        ("jaxlab, bfloat16 on float64", own("bfloat16")),
        ("jaxlab, float32 on float64", own("float32")),
        (
            "jaxlab, bfloat16, stochastic (rbg)",
            own("bfloat16", carrier=half, rounding="stochastic", key=key),
        ),
        (
            "jaxlab, bfloat16, sequential sums",
            own("bfloat16", carrier=half, accumulate="sequential"),
        ),
        ("prototype, bfloat16 on float32", prototype("bfloat16", "float32")),
        ("prototype, float16 on float32", prototype("float16", "float32")),
        ("prototype, float32 on float64", prototype("float32", "float64")),
        ("qwix, float8_e4m3fn dots", lambda: racer(_qwix(data, "float8_e4m3fn"))),
        ("pychop QuantizedDense, Chop", lambda: racer(_pychop_on_jax(data, "Chop"))),
        ("pychop QuantizedDense, ChopSTE", lambda: racer(_pychop_on_jax(data, "ChopSTE"))),
    ]


def by_casting(f: Callable, dtype: Any) -> Callable:
    """What one would write by hand: interpret the jaxpr of ``f``, casting every float result."""

    def cast(x):
        floating = jnp.issubdtype(x.dtype, jnp.floating)
        return x.astype(dtype).astype(x.dtype) if floating else x

    def run(program: ClosedJaxpr, arguments: Sequence[Any]) -> list[Any]:
        jaxpr, values = program.jaxpr, {}
        values.update(
            zip(jaxpr.constvars, map(cast, map(jnp.asarray, program.consts)), strict=True)
        )
        values.update(zip(jaxpr.invars, arguments, strict=True))

        def read(atom):
            return atom.val if isinstance(atom, Literal) else values[atom]

        for eqn in jaxpr.eqns:
            inputs = [read(atom) for atom in eqn.invars]
            inner = eqn.params.get("jaxpr", eqn.params.get("call_jaxpr"))
            if isinstance(inner, ClosedJaxpr):
                outputs = run(inner, inputs)
            else:
                result = eqn.primitive.bind(*inputs, **eqn.params)
                results = result if eqn.primitive.multiple_results else [result]
                outputs = map(cast, results)
            values.update(zip(eqn.outvars, outputs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def interpreted(*arguments):
        return run(jax.make_jaxpr(f)(*arguments), [cast(x) for x in jax.tree.leaves(arguments)])

    return interpreted


def _jmp(dtype: str) -> Callable:
    jmp = importlib.import_module("jmp")
    policy = jmp.get_policy(f"params=float32,compute={dtype},output=float32")

    def mixed(params, x, labels):
        params, x = policy.cast_to_compute((params, x))
        return _cross_entropy(policy.cast_to_output(mlp.apply(params, x)), labels)

    return jax.grad(mixed)


def _flax_gradient(dense: Callable, adapt: Callable, count: int) -> Callable:
    """Gradient of a Flax network of such dense layers, taking and giving jaxlab's layers."""
    nn = importlib.import_module("flax.linen")

    class Network(nn.Module):
        widths: tuple[int, ...]

        @nn.compact
        def __call__(self, x):
            for index, width in enumerate(self.widths):
                layer = dense(width, name=f"layer{index}")
                x = layer(x) if index + 1 == count else jax.nn.relu(layer(x))
            return x

    def gradient(params, x, labels):
        network = adapt(Network(tuple(layer.bias.size for layer in params)))

        def of(params):
            named = {f"layer{i}": {"kernel": w, "bias": b} for i, (w, b) in enumerate(params)}
            return _cross_entropy(network.apply({"params": named}, x), labels)

        return jax.grad(of)(params)

    return gradient


def _qwix(data: Data, dtype: str) -> Callable:
    qwix, nn = importlib.import_module("qwix"), importlib.import_module("flax.linen")
    rule = qwix.QtRule(weight_qtype=dtype, act_qtype=dtype, bwd_qtype=dtype)

    def adapt(network):
        return qwix.quantize_model(network, qwix.QtProvider([rule]))

    return _flax_gradient(nn.Dense, adapt, len(data[0]))


def _pychop_on_jax(data: Data, kind: str) -> Callable:
    layers = importlib.import_module("pychop.jx.layers")
    chop = pychop("bfloat16", "jax", kind=kind)

    def dense(width, name):
        return layers.QuantizedDense(width, chop=chop, name=name)

    return _flax_gradient(dense, lambda network: network, len(data[0]))


def _on_torch(data: Data, check: Callable) -> list[Contender]:
    def racer(layer):
        torch = importlib.import_module("torch")
        params, x, labels = jax.tree.map(lambda leaf: torch.from_numpy(leaf), data)
        layers = [layer(*weight.shape) for weight, _ in params]
        with torch.no_grad():
            for made, (weight, bias) in zip(layers, params, strict=True):
                made.weight.copy_(weight.T)
                made.bias.copy_(bias)
        leaves = [leaf for made in layers for leaf in (made.weight, made.bias)]

        def run():
            h = x
            for made in layers[:-1]:
                h = torch.relu(made(h))
            logits = layers[-1](h)
            value = (torch.logsumexp(logits, 1) - (logits * labels).sum(1)).mean()
            return torch.autograd.grad(value, leaves)

        return Racer(run, lambda result: check([gradient.numpy().T for gradient in result]))

    def linear(rows, columns):
        return importlib.import_module("torch").nn.Linear(rows, columns)

    return [
        ("native float32", lambda: racer(linear)),
        ("QPyTorch, bfloat16 between layers", lambda: racer(_qtorch_layer)),
        ("pychop QuantizedLinear, bfloat16", lambda: racer(_pychop_layer)),
        ("MPTorch, bfloat16 multiply-adds", lambda: racer(_mptorch_layer)),
    ]


def _qtorch_layer(rows: int, columns: int) -> Any:
    """A linear layer between two quantisers, which also round the cotangents."""
    torch = importlib.import_module("torch")
    quant = compiling("qtorch", "qtorch.quant")
    number = importlib.import_module("qtorch").FloatingPoint(*WIDTHS["bfloat16"])
    quantize = quant.quantizer(number, number, "nearest", "nearest")

    class Linear(torch.nn.Linear):
        def forward(self, x):
            weight, bias = quantize(self.weight), quantize(self.bias)
            return quantize(torch.nn.functional.linear(quantize(x), weight, bias))

    return Linear(rows, columns)


def _pychop_layer(rows: int, columns: int) -> Any:
    layers = importlib.import_module("pychop.tch.layers")
    module = importlib.import_module("pychop")
    module.backend("torch")
    exponent, significand = WIDTHS["bfloat16"]
    chop = module.ChopSTE(exp_bits=exponent, sig_bits=significand)
    return layers.QuantizedLinear(rows, columns, chop=chop)


def _mptorch_layer(rows: int, columns: int) -> Any:
    quant = compiling("mptorch", "mptorch.quant")
    module = importlib.import_module("mptorch")
    number = module.FloatingPoint(*WIDTHS["bfloat16"], subnormals=True, saturate=False)
    rounds = (number, "nearest")
    formats = quant.QAffineFormats(
        fwd_mac=number,
        bwd_mac=number,
        weight_quant=rounds,
        bias_quant=rounds,
        input_quant=rounds,
        output_quant=rounds,
        grad_quant=rounds,
    )
    return quant.QLinear(rows, columns, formats)


if __name__ == "__main__":
    print(main())
