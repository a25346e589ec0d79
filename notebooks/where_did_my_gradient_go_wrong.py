# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Where did my gradient go wrong?
#
# A gradient comes out all wrong in float16. Which operation is to blame, on which line, and what
# would help? Four instruments answer: `rounded` runs a function in any format, `shadow` finds
# the guilty operation, `ablation` tells which part of the computation matters, and
# `significant_bits` says how many bits of every entry of the gradient can be trusted.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxlab as jl

# %% [markdown]
# ## The patient
#
# Twelve layers and a hand-written normalisation. It was written by somebody in a hurry: the
# variance is $E[x^2] - E[x]^2$, and layer 3 has a small output scale.


# %%
def normalise(x):
    mean = jnp.mean(x, axis=0, keepdims=True)
    variance = jnp.mean(x**2, axis=0, keepdims=True) - mean**2
    return (x - mean) / jnp.sqrt(variance + 1e-3)


def network(weights, x):
    for number, w in enumerate(weights):
        with jax.named_scope(f"layer {number:2d}"):
            x = jnp.tanh(x @ w)
            if number == 3:
                x = 1e-3 * x
    return x


def loss(weights, x):
    return jnp.mean(normalise(3.0 + network(weights, x)) ** 4)


rng = np.random.default_rng(0)
weights = [jnp.asarray(rng.normal(size=(16, 16)) / 4, jnp.float32) for _ in range(12)]
x = jnp.asarray(rng.normal(size=(64, 16)), jnp.float32)

# %% [markdown]
# ## 1. Is it rounding at all?
#
# `rounded` runs *any* JAX function with every operation, forward and backward, rounded once. The
# format is an argument, so a sweep over precisions is a loop. With 8 and 11 bits the gradient of
# some layer is lost: an error of 100% or more, with either range. From 14 bits on, the error with
# eight exponent bits is thousands of times the unit roundoff, so some operation magnifies it; and
# with the five of float16 it is several times larger still, so range is a trouble of its own.

# %%
exact = jl.arithmetic.in_float64(jax.grad(loss))(weights, x)


def worst_layer(gradient):
    """Largest normwise relative error of a layer's gradient."""
    norm = np.linalg.norm
    pairs = zip(map(np.asarray, gradient), map(np.asarray, exact), strict=True)
    return max(norm(g - e) / norm(e) for g, e in pairs)


figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
precisions = (8, 11, 14, 17, 20)
for exponent_bits, style in ((8, "o-"), (5, "s--")):
    errors = []
    for p in precisions:
        fmt = jl.arithmetic.Format.ieee(exponent_bits=exponent_bits, precision=p)
        run = jax.jit(jl.arithmetic.rounded(jax.grad(loss), fmt))
        errors.append(worst_layer(run(weights, x)))
        print(f"{fmt.name}: {errors[-1]:.2e}")
    ax.semilogy(precisions, errors, style, label=f"{exponent_bits} exponent bits")
ax.semilogy(precisions, [2.0**-p for p in precisions], "k:", label="unit roundoff $2^{-p}$")
ax.set(
    xlabel="precision $p$ (significand bits)",
    ylabel="relative error, worst layer",
    xticks=precisions,
    title="Precision is lost, and range is short",
)
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## 2. Which operation?
#
# `shadow` runs the function in the format beside a float64 twin and propagates every single
# rounding error to the result, by a reverse pass over the twin. The contributions add up to the
# error that is measured, to first order. That error is a sum over the outputs: here over the
# gradients of twelve layers, each relative to its own norm, so that 12 means that all of them are
# lost. The first finding names the line.

# %%
gradient, trace = jl.arithmetic.shadow(jax.grad(loss), "float16")(weights, x)
print(trace.table(most=6))

# %% [markdown]
# Where everything is lost, first order explains badly: more than twice the measured error. It still
# points to the place.
#
# The output of the network is about $10^{-3}$, and the shift by 3 absorbs it: `3.0 + network(...)`
# keeps hardly a digit, the subtraction of the mean then cancels the rest. The shift is pointless,
# since a normalisation follows.
#
# **First repair:** drop the shift.


# %%
def loss(weights, x):
    return jnp.mean(normalise(network(weights, x)) ** 4)


gradient, trace = jl.arithmetic.shadow(jax.grad(loss), "float16")(weights, x)
print(trace.table(most=6))

# %%
ax = trace.plot()
plt.show()

# %% [markdown]
# Now first order explains the error in full. What remains is underflow: the cotangents behind
# layer 3 are too small for float16.
#
# **Second repair:** a loss scale. Multiplying the loss by a power of two is exact, and lifts the
# cotangents into the range of the format.


# %%
def scaled(weights, x):
    return 2.0**14 * loss(weights, x)


gradient, trace = jl.arithmetic.shadow(jax.grad(scaled), "float16")(weights, x)
print(trace.table(most=6))

# %% [markdown]
# The twelve errors now add up to 0.04, about seven unit roundoffs each, and all of it is explained.
#
# ## 3. Which part of the computation?
#
# `ablation` splits the error into storage, forward pass, backward pass, sums, and (for a whole
# training step) the update. The column *made* adds up to the measured error to first order; *alone*
# is the error of another run, in which only that part is rounded.

# %%
print(jl.arithmetic.ablation(jax.grad(scaled), "bfloat16")(weights, x).table())

# %% [markdown]
# ## 4. How does summation matter?
#
# The order of a sum decides, not only its format: 4096 products in a float16 accumulator, one by
# one, in blocks, in a tree, or compensated, beside the deterministic bound of each.

# %%
n = 4096
a, b = (jnp.asarray(rng.uniform(0, 1, n), jnp.float32) for _ in range(2))
a, b = (jl.arithmetic.round_to(v, "float16") / 64 for v in (a, b))
true = np.asarray(a, np.float64) @ np.asarray(b, np.float64)
u = jl.arithmetic.float16.unit_roundoff
for order in ("sequential", "blocked(16)", "pairwise", "kahan", "exact"):
    accumulator = jl.arithmetic.as_accumulator(order)
    value = jl.arithmetic.rounded(jnp.dot, "float16", accumulate=accumulator)(a, b)
    bound = jl.arithmetic.bounds.accumulation_bound(accumulator, n, "float16")
    error = abs(float(value) - true) / true
    print(f"{order:12s} error {error / u:8.2f} u   bound {bound / u:8.1f} u")

# %% [markdown]
# ## 5. How many bits can I trust?
#
# Rounding at random many times (Monte Carlo arithmetic) needs no twin and no reference: entries
# that scatter are not significant. Here for the first four layers as a network of their own.

# %%
found = jax.jit(
    jl.arithmetic.significant_bits(jax.grad(loss), "bfloat16", jax.random.key(0), samples=32)
)(weights[:4], x)
figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.boxplot([np.asarray(bits).ravel() for bits in found.bits], whis=(5, 95), showfliers=False)
ax.axhline(8, color="k", ls=":", lw=1, label="8 bits of bfloat16")
ax.axhline(0, color="tab:red", lw=1, label="noise")
ax.set_xticklabels(range(4))
ax.set(
    xlabel="layer",
    ylabel="significant bits",
    ylim=(-1, 10),
    title="bfloat16 gradients, entry by entry",
)
ax.legend(fontsize=8, loc="upper right", ncols=2)
plt.show()
