"""Code with planted numerical faults, written as one writes it, with no hints for the microscope.

``faults()`` lists each with inputs, a format in which it goes wrong, the kind of the fault and the
guilty line.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

HIGHEST = jax.lax.Precision.HIGHEST


def normal(seed, *shape, scale=1.0, shift=0.0):
    """Normal draws of float32 that do not depend on JAX."""
    draws = np.random.default_rng(seed).standard_normal(shape)
    return jnp.asarray((draws * scale + shift).astype(np.float32))


# Cancellation


def surprise_of_last_class(logits):
    shifted = logits - jnp.max(logits)
    unnormalised = jnp.exp(shifted)
    probabilities = unnormalised / jnp.sum(unnormalised)
    last = 1.0 - jnp.sum(probabilities[:-1])
    return -jnp.log(last)


def binary_cross_entropy(logits, labels):
    p = 1.0 / (1.0 + jnp.exp(-logits))
    positive = labels * jnp.log(p)
    negative = (1.0 - labels) * jnp.log(1.0 - p)
    return -jnp.mean(positive + negative)


def softmax_after_centring(logits):
    centre = jnp.mean(logits)
    centred = logits - centre
    weights = jnp.exp(centred)
    return weights / jnp.sum(weights)


def variance_in_one_line(x):
    return jnp.mean(x**2) - jnp.mean(x) ** 2


def variance_in_steps(x):
    n = x.shape[0]
    total = jnp.sum(x)
    total_of_squares = jnp.sum(x * x)
    mean = total / n
    mean_of_squares = total_of_squares / n
    variance = mean_of_squares - mean * mean
    return jnp.sqrt(variance)


def batch_norm(x, scale, shift):
    mean = jnp.mean(x, axis=0)
    second_moment = jnp.mean(jnp.square(x), axis=0)
    variance = second_moment - jnp.square(mean)
    standardised = (x - mean[None]) * jax.lax.rsqrt(variance + 1e-5)[None]
    return standardised * scale[None] + shift[None]


def batch_norm_network(params, x, y):
    w1, (scale, shift), (w2, b2) = params
    hidden = jax.nn.relu(batch_norm(jnp.matmul(x, w1, precision=HIGHEST), scale, shift))
    prediction = jnp.matmul(hidden, w2, precision=HIGHEST) + b2[None]
    return jnp.mean((prediction - y) ** 2)


def slope_of_softplus(x):
    def softplus(z):
        return jnp.log(1.0 + jnp.exp(z))

    step = 2.0**-7
    rise = softplus(x + step) - softplus(x)
    return rise / step


# Underflow in layer 3 of 6, and of 12 in a scan


def layer(x, w):
    return jnp.tanh(jnp.matmul(x, w, precision=HIGHEST))


def damped_layer(x, w):
    scaled = 1e-4 * x
    mixed = jnp.matmul(scaled, 1e-4 * w, precision=HIGHEST)
    return x + 1e4 * mixed


def gated_layer(x, w):
    gate = jnp.exp(-jnp.square(x + 3.6))
    return x + jnp.matmul(gate * x, w, precision=HIGHEST)


def deep_network(third):
    def loss(weights, x, y):
        for i, w in enumerate(weights):
            with jax.named_scope(f"layer{i + 1}"):
                x = third(x, w) if i == 2 else layer(x, w)
        return jnp.mean((x - y) ** 2)

    return loss


def scanned_network(weights, centres, x, y):
    def step(x, layer):
        w, centre = layer
        distance = jnp.square(x - centre)
        gate = jnp.exp(-distance)
        return jnp.matmul(gate, w, precision=HIGHEST), None

    x, _ = jax.lax.scan(step, x, (weights, centres))
    return jnp.mean((x - y) ** 2)


# Underflow in a function of the library


def gated_sum(x):
    activation = jax.nn.silu(x)
    return 1e4 * jnp.sum(activation)


# Absorption


def residual_network(weights, x):
    for w in weights:
        branch = jnp.tanh(jnp.matmul(x, w, precision=HIGHEST))
        x = x + 2e-3 * branch
    return x


def running_sum(terms):
    def add(total, term):
        total = total + term
        return total, None

    return jax.lax.scan(add, 0.0, terms)[0]


def gradient_descent(w, gradients):
    def step(i, w):
        return w - 1e-3 * gradients[i]

    return jax.lax.fori_loop(0, gradients.shape[0], step, w)


# NaN


def sinc(x):
    ratio = jnp.sin(x) / x
    return jnp.where(x == 0, 1.0, ratio)


def half_wave_root(x):
    root = jnp.sqrt(x)
    return jnp.sum(jnp.where(x > 0, root, 0.0))


def distance(x, y):
    squares = jnp.sum((x - y) ** 2, axis=-1)
    return jnp.mean(jnp.sqrt(squares))


# Overflow


def attention(q, k, v):
    scores = jnp.matmul(q, k.T, precision=HIGHEST)
    weights = jnp.exp(scores - jnp.max(scores, axis=-1, keepdims=True))
    return jnp.matmul(weights, v, precision=HIGHEST)


def unshifted_softmax(x):
    weights = jnp.exp(x)
    return weights / jnp.sum(weights)


def quantised_layer(x, w):
    scaled = x / jnp.max(jnp.abs(x)) * 500.0
    quantised = scaled.astype(jnp.float8_e4m3fn)
    return jnp.matmul(quantised.astype(jnp.float32), w, precision=HIGHEST)


class Fault(NamedTuple):
    """A planted fault: what to run, in which format, and what must be found."""

    name: str
    fn: Callable[..., Any]
    args: tuple
    format: str
    kind: str
    line: str
    scope: str = ""

    def number(self):
        """The number of the guilty line in this file; it must occur once."""
        lines = inspect.getsource(inspect.getmodule(normal)).splitlines()
        (found,) = [i for i, line in enumerate(lines, 1) if line.strip() == self.line]
        return found


def faults():
    """All planted faults; importing this file computes nothing."""
    layers = [normal(10 + i, 8, 8, scale=0.35) for i in range(12)]
    weights = layers[:6]  # every layer of these is compiled
    stacked, centres = jnp.stack(layers), jnp.zeros(12).at[2].set(4.0)
    x, y = normal(40, 16, 8), normal(41, 16, 8)
    coarse = jnp.round(x * 16) / 16
    labels = jnp.tile(jnp.array([0.0, 1.0]), 8)
    network = (normal(1, 4, 6), (jnp.ones(6), jnp.zeros(6)), (normal(3, 6, 2), normal(4, 2)))
    data = (normal(5, 32, 4, shift=4.0), normal(6, 32, 2))
    half = jnp.array([-1.0, 0.0, 0.5])
    return [
        Fault(
            "softmax, last class from the others",
            surprise_of_last_class,
            (jnp.array([9.0, 3.0, 2.0, 1.0]),),
            "fp16",
            "cancellation",
            "last = 1.0 - jnp.sum(probabilities[:-1])",
        ),
        Fault(
            "the same with nothing left",
            surprise_of_last_class,
            (jnp.array([9.0, 1.0, -1.0, -3.0]),),
            "bf16",
            "cancellation",
            "last = 1.0 - jnp.sum(probabilities[:-1])",
        ),
        Fault(
            "log(1 - p)",
            binary_cross_entropy,
            (normal(1, 16, shift=5.0), labels),
            "fp16",
            "cancellation",
            "negative = (1.0 - labels) * jnp.log(1.0 - p)",
        ),
        Fault(
            "log(1 - p), gradient",
            jax.grad(binary_cross_entropy),
            (normal(1, 16, shift=5.0), labels),
            "fp16",
            "cancellation",
            "negative = (1.0 - labels) * jnp.log(1.0 - p)",
        ),
        Fault(
            "softmax after subtracting a huge mean",
            softmax_after_centring,
            (normal(2, 10, shift=1000.0),),
            "fp16",
            "cancellation",
            "centred = logits - centre",
        ),
        Fault(
            "variance in one line",
            variance_in_one_line,
            (normal(3, 32, shift=20.0),),
            "fp16",
            "cancellation",
            "return jnp.mean(x**2) - jnp.mean(x) ** 2",
        ),
        Fault(
            "variance in steps, bf16",
            variance_in_steps,
            (normal(3, 32, shift=10.0),),
            "bf16",
            "cancellation",
            "variance = mean_of_squares - mean * mean",
        ),
        Fault(
            "variance in steps, fp32",
            variance_in_steps,
            (normal(3, 32, shift=1000.0),),
            "fp32",
            "cancellation",
            "variance = mean_of_squares - mean * mean",
        ),
        Fault(
            "batch norm in a gradient",
            jax.grad(batch_norm_network),
            (network, *data),
            "fp16",
            "cancellation",
            "variance = second_moment - jnp.square(mean)",
        ),
        Fault(
            "finite differences",
            slope_of_softplus,
            (normal(7, 8),),
            "bf16",
            "cancellation",
            "rise = softplus(x + step) - softplus(x)",
        ),
        Fault(
            "gradient underflow, scales",
            jax.grad(deep_network(damped_layer)),
            (weights, x, y),
            "fp16",
            "underflow",
            "mixed = jnp.matmul(scaled, 1e-4 * w, precision=HIGHEST)",
            "layer3",
        ),
        Fault(
            "gradient underflow, gate",
            jax.grad(deep_network(gated_layer)),
            (weights, x, y),
            "fp16",
            "underflow",
            "return x + jnp.matmul(gate * x, w, precision=HIGHEST)",
            "layer3",
        ),
        Fault(
            "underflow in a scan",
            jax.grad(scanned_network, argnums=2),
            (stacked, centres, x, y),
            "fp16",
            "underflow",
            "gate = jnp.exp(-distance)",
        ),
        Fault(
            "underflow inside jax.nn.silu",
            gated_sum,
            (jnp.array([-14.0, -13.0, -12.5]),),
            "fp16",
            "underflow",
            "activation = jax.nn.silu(x)",
        ),
        Fault(
            "small residual branches",
            residual_network,
            (weights, coarse),
            "bf16",
            "absorption",
            "x = x + 2e-3 * branch",
        ),
        Fault(
            "running sum in a scan",
            running_sum,
            (jnp.full(600, 0.5),),
            "bf16",
            "absorption",
            "total = total + term",
        ),
        Fault(
            "small updates",
            gradient_descent,
            (jnp.ones(4), normal(8, 50, 4, scale=0.1, shift=1.0)),
            "bf16",
            "absorption",
            "return w - 1e-3 * gradients[i]",
        ),
        Fault("0/0 masked", sinc, (half,), "fp16", "nan", "ratio = jnp.sin(x) / x"),
        Fault("sqrt(-1) masked", half_wave_root, (half,), "fp16", "nan", "root = jnp.sqrt(x)"),
        Fault(
            "gradient of a masked root at 0",
            jax.grad(half_wave_root),
            (jnp.array([0.0, 0.5, 2.0]),),
            "fp16",
            "infinity",
            "root = jnp.sqrt(x)",
        ),
        Fault(
            "gradient of a norm at 0",
            jax.grad(distance),
            (jnp.ones((2, 3)), jnp.array([[1.0, 1.0, 1.0], [0.0, 2.0, 3.0]])),
            "bf16",
            "infinity",
            "return jnp.mean(jnp.sqrt(squares))",
        ),
        Fault(
            "attention scores",
            attention,
            (normal(1, 4, 64, scale=100.0), normal(2, 4, 64, scale=100.0), normal(3, 4, 64)),
            "fp16",
            "overflow",
            "scores = jnp.matmul(q, k.T, precision=HIGHEST)",
        ),
        Fault(
            "softmax without a shift",
            unshifted_softmax,
            (jnp.array([12.0, 3.0, 1.0]),),
            "fp16",
            "overflow",
            "weights = jnp.exp(x)",
        ),
        Fault(
            "a cast to e4m3fn",
            quantised_layer,
            (normal(1, 4, 8), normal(2, 8, 3)),
            "fp16",
            "overflow",
            "quantised = scaled.astype(jnp.float8_e4m3fn)",
        ),
        Fault(
            "squares in e4m3fn",
            batch_norm,
            (normal(1, 4, 8, scale=9.0), jnp.ones(8), jnp.zeros(8)),
            "e4m3fn",
            "overflow",
            "second_moment = jnp.mean(jnp.square(x), axis=0)",
        ),
    ]
