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
# # Start here
#
# *What does floating point do to training, and how do I know?* In five steps: a number format, a
# network whose pieces are known, counting them exactly, one gradient step that noise breaks, and
# training in several formats from the same start. Everything runs on a laptop in about a minute.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxlab as jl

jax.config.update(
    "jax_enable_x64", True
)  # this notebook is an application; the library never does this

# %% [markdown]
# ## 1. A format is a finite set of numbers
#
# `round_to` rounds once to any format, in any mode, and keeps the dtype of its argument. Below: the
# distance of $x$ to its rounding, relative to $x$. In the normal range it stays under the unit
# roundoff $u = 2^{-p}$; below the smallest normal number it grows (gradual underflow).

# %%
x = jnp.logspace(-6, 0, 4001)
figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for name in ("bfloat16", "float16", "float8_e4m3fn"):
    fmt = jl.arithmetic.as_format(name)
    error = jnp.abs(jl.arithmetic.round_to(x, fmt) - x) / x
    (line,) = ax.loglog(x, jnp.maximum(error, 1e-6), lw=0.4)
    ax.axhline(fmt.unit_roundoff, color=line.get_color(), ls="--", lw=1, label=f"u of {name}")
ax.set(xlabel="x", ylabel="relative rounding error", ylim=(1e-5, 2))
ax.legend(loc="upper right", fontsize=8)
plt.show()

# %% [markdown]
# Rounding happens **once**, also from float64. JAX's own conversion of float64 to bfloat16 goes
# through float32 and rounds twice:

# %%
just_above_a_midpoint = 1 + 2.0**-8 + 2.0**-40
print("jaxlab:", jl.arithmetic.round_to(just_above_a_midpoint, "bfloat16"))
print("astype:", jnp.asarray(just_above_a_midpoint).astype(jnp.bfloat16))

# %% [markdown]
# ## 2. A network whose affine pieces are known
#
# The sawtooth of depth $L$ (Telgarsky) has two neurons per layer and $2^L$ affine pieces on
# $[0, 1]$: exponentially many in the depth.

# %%
saw = jl.networks.constructions.slope_normalised_sawtooth(8)
for depth in (2, 4, 8, 12):
    network = jl.networks.constructions.sawtooth(depth)
    print(f"L = {depth:2d}: {jl.regions.line.count(network, 0.0, 1.0).pieces} pieces")

# %% [markdown]
# ## 3. Counting is exact
#
# `regions.line` propagates breakpoints through the layers. It distinguishes *activation regions*
# (intervals of constant activation pattern) from *affine pieces* (intervals on which the function
# is affine). Sampling finds neither reliably: on a grid of 200 points the sawtooth of 256 pieces
# looks like this.

# %%
line = jl.regions.line.trace(saw, 0.0, 1.0)
grid = jnp.linspace(0.0, 1.0, 200)[:, None]
figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
ax.plot(
    np.ravel(line.points), np.ravel(line.values), lw=0.6, color="k", label="exact, by breakpoints"
)
ax.plot(grid[:, 0], jl.networks.apply(saw, grid)[:, 0], lw=1, color="C3", label="200 samples")
ax.set(xlabel="x", ylabel="f(x)", xlim=(0, 0.35), ylim=(-1e-4, 0.0055))
ax.legend(loc="upper right", fontsize=8)
plt.show()

# %% [markdown]
# ## 4. One broken gradient step
#
# Karner, Kazeev and Petersen (2024) model rounding in backpropagation as noise relative to the bias
# updates, $b \leftarrow b - \Delta b\,(1 + \varepsilon U)$. Suppose the exact step, of size 1 in
# every bias, lands precisely on the sawtooth. With noise of relative size $\varepsilon$ it lands
# beside it. The internal slopes of this sawtooth are bounded by 1, and the pieces that survive
# are about $1/\varepsilon$, however deep the network:


# %%
def land(key, network, epsilon):
    """Arrive at `network` with relative noise epsilon on hidden bias updates of size 1."""
    keys = jax.random.split(key, len(network) - 1)
    noise = [
        epsilon * jax.random.uniform(k, layer.bias.shape, minval=-1.0)
        for k, layer in zip(keys, network[:-1], strict=True)
    ]
    noisy = [
        layer._replace(bias=layer.bias + u) for layer, u in zip(network[:-1], noise, strict=True)
    ]
    return (*noisy, network[-1])


depths = (2, 4, 6, 8, 10)
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for exponent in (4, 6, 8):
    means = []
    for depth in depths:
        network = jl.networks.constructions.slope_normalised_sawtooth(depth)
        keys = jax.random.split(jax.random.key(0), 100)
        landed = jax.vmap(lambda k: land(k, network, 2.0**-exponent))(keys)
        means.append(jl.regions.line.count(landed, 0.0, 1.0).pieces.mean())
    ax.semilogy(depths, means, "o-", label=rf"$\varepsilon = 2^{{-{exponent}}}$")
ax.semilogy(depths, 2.0 ** np.array(depths), color="0.7", lw=3, zorder=0, label="exact step: $2^L$")
ax.set(xlabel="hidden layers L", ylabel="mean affine pieces")
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## 5. Training in several formats, from the same reals
#
# One float64 draw per key is rounded to the bfloat16 grid, so that every format begins at identical
# numbers; what differs afterwards is rounding alone. 32 networks per format are trained at once.


# %%
def start(key):
    law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
    return jl.networks.initialise(key, (1, 16, 16, 1), law, grid="bfloat16")


points = jnp.arange(65)[:, None] / 64.0
keys = jax.random.split(jax.random.key(1), 32)
checkpoints = jl.training.log_checkpoints(300, per_decade=4)
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for name in ("float64", "float32", "float16", "bfloat16"):
    policy = jl.training.Policy.native(name)
    history = jl.training.ensemble(
        jl.training.mean_squared_error(policy),
        jax.tree.map(lambda leaf: leaf.astype(policy.parameters), jax.vmap(start)(keys)),
        (points, points**2),
        jl.training.gradient_descent(0.02),
        policy=policy,
        checkpoints=checkpoints,
        metrics={"loss": jl.training.metrics.loss, "lost": jl.training.metrics.stagnated_share},
        keys=keys,
    )
    loss = np.median(history.metrics["loss"], axis=0)
    ax.plot(np.maximum(checkpoints, 0.5), loss, "o-", ms=3, label=name)
    lost = float(history.metrics["lost"][:, -1].mean())
    print(f"{name:9s} median loss {loss[-1]:.2e}; {lost:5.1%} of the updates are rounded away")
ax.set(xscale="log", yscale="log", xlabel="gradient steps (start at 0.5)", ylabel="median loss")
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## Where next
#
# `jaxlab run pieces` on the command line, or `jl.studies.pieces.run(...)` here, does all of this
# with controls, intervals and verdicts.
