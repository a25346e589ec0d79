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
# # Why deep narrow networks die
#
# *My deep network returns one number, whatever goes in, and training does not help.* It was
# probably dead before the first step. Here is what death is, how likely it is, what it does to
# training, how many random starts it takes, and what a number format adds.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from scipy import stats

import jaxlab as jl
from jaxlab.networks import initialisers
from jaxlab.regions import death
from jaxlab.studies.collapse import best_of, laws
from jaxlab.studies.collapse.rounding import onset

jax.config.update("jax_enable_x64", True)  # an application may do this; the library never does

# %% [markdown]
# ## 1. A hundred networks
#
# One input, ten hidden layers of two ReLU neurons, one output. Weights and biases follow He's law
# $N(0, 2/n)$, which is made to keep signals at their size. It should be a good start, and most of
# these networks are constant. Most of the others nearly are.

# %%
widths = (1, *[2] * 10, 1)
he_with_biases = initialisers.he(initialisers.fan_in_bias())
networks = death.networks(jax.random.key(0), widths, he_with_biases, range(100))
x = jnp.linspace(-1.0, 1.0, 65)[:, None]
outputs = jax.jit(jax.vmap(lambda params: jl.networks.apply(params, x)[:, 0]))
before = np.asarray(outputs(networks))
constant = np.ptp(before, axis=1) == 0


def curves(values, constant, ax):
    """Constant networks in grey, the others in colour."""
    ax.plot(x, values[constant].T, color="0.6", lw=0.6)
    ax.plot(x, values[~constant].T, lw=1.4)
    ax.set(xlabel="x", ylabel="f(x)")


figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
curves(before, constant, ax)
ax.set_title(f"{constant.sum()} of 100 random networks are constant (grey)")
plt.show()
spread = np.sort(np.ptp(before[~constant], axis=1))
print("largest output minus smallest, of the others:", *spread.round(4))

# %% [markdown]
# ## 2. One dead layer is enough
#
# A hidden layer is *dead* if it outputs zero for every input; nothing of the input gets past it.
# `death.on_interval` decides that exactly on a segment: a pre-activation is piecewise affine, so
# its largest value is at a breakpoint, and `death` looks there instead of at samples. Layers count
# from 0; -1 is alive.

# %%
ends = jnp.array([-1.0]), jnp.array([1.0])
test = jax.jit(jax.vmap(lambda params: death.on_interval(params, *ends, capacity=8)))
found = test(networks)
layer = np.asarray(found.layer)
numbers, times = np.unique(layer, return_counts=True)
print("networks by first dead layer:", dict(zip(numbers.tolist(), times.tolist(), strict=True)))
print(
    f"dead: {(layer >= 0).sum()}; the dead are the constant ones:", ((layer >= 0) == constant).all()
)

# %% [markdown]
# One that died, layer by layer. Each panel has the pre-activations of one hidden layer, on the same
# scale; the ReLU cuts off what is below zero. In hidden layer 3 both neurons are below zero
# everywhere. From there on the network knows its own biases and nothing else.

# %%
number = 9  # its layer 3 is dead, and no other
patient = jax.tree.map(lambda leaf: leaf[number], networks)
figure, axes = plt.subplots(1, 5, figsize=(9, 2.4), sharey=True, layout="constrained")
for depth, ax in enumerate(axes):
    ax.axhspan(-5, 0, color="0.92")
    ax.plot(x, jl.networks.apply(patient[: depth + 1], x))
    dead = bool(found.inactive[depth][number].all())
    ax.set(xlabel="x", title=f"layer {depth}" + dead * ": dead", ylim=(-5, 5))
axes[0].set_ylabel("pre-activation")
plt.show()

# %% [markdown]
# ## 3. How likely is it?
#
# Look at one point. As long as a feature is left there, a neuron with symmetric weights is off with
# probability 1/2, all $N$ of a layer with probability $2^{-N}$, layer after layer. Without biases
# one point decides for all of $[0, 1]$, for $f(cx) = c f(x)$ if $c > 0$, and so
#
# $$P(\text{alive}) = (1 - 2^{-N})^H \quad\text{for } H \text{ hidden layers of width } N.$$
#
# On $[-1, 1]$ there are two rays, $x > 0$ and $x < 0$. `laws.two_rays` and `laws.surviving_ray`
# bound the probability of death from both sides. `death.count` draws up to a million networks,
# decides each of them exactly, and counts for every depth: the first layers do not depend on
# how many follow.

# %%
depths = np.arange(1, 21)
deep = (1, *[2] * 20, 1)
he = initialisers.he()


def alive(law, start, many, rays):
    """Share of living networks at every depth, with 99 % Clopper-Pearson intervals."""
    counted = death.count(jax.random.key(1), deep, law, start, 1.0, many, rays=rays)
    living = many - counted.by_layer.cumsum()
    intervals = [stats.binomtest(k, many).proportion_ci(0.99, "exact") for k in living.tolist()]
    return living / many, np.transpose(intervals)


def drawn(measured, style, label, ax):
    share, (low, high) = measured
    ax.errorbar(depths, share, (share - low, high - share), fmt=style, ms=4, lw=1, label=label)


one_ray = alive(he, 0.0, 1_000_000, rays=True)
two_rays = alive(he, -1.0, 1_000_000, rays=True)
biased = alive(he_with_biases, -1.0, 100_000, rays=False)
exact = np.exp([laws.one_ray([2] * H).log_alive for H in depths])
most = np.exp([laws.two_rays([2] * H).log_alive for H in depths])
least = np.exp([laws.surviving_ray([2] * H).log_alive for H in depths])

figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.semilogy(depths, exact, "C0", lw=1, label="law for [0, 1]: $(3/4)^H$")
ax.fill_between(depths, least, most, color="C1", alpha=0.3, lw=0, label="bounds for [-1, 1]")
drawn(one_ray, "C0o", "no biases, [0, 1]", ax)
drawn(two_rays, "C1s", "no biases, [-1, 1]", ax)
drawn(biased, "C2^", "with biases, [-1, 1]", ax)
ax.set(xlabel="hidden layers of width 2", ylabel="share alive", xticks=depths[4::5])
ax.set_title("Every layer takes its share of those that are left")
ax.legend(fontsize=8)
plt.show()


# %%
def at_ten(measured):
    share, (low, high) = measured
    return f"10 layers: dead {1 - share[9]:.4f} [{1 - high[9]:.4f}, {1 - low[9]:.4f}]"


low, high = one_ray[1]
print(f"[0, 1]: {((low <= exact) & (exact <= high)).sum()} of 20 intervals hold the law")
low, high = two_rays[1]
print(f"[-1, 1]: {((low <= most) & (least <= high)).sum()} of 20 intervals meet the bounds")
print("no biases, [-1, 1],", at_ten(two_rays))
print("with biases, [-1, 1],", at_ten(biased))

# %% [markdown]
# ## 4. Training cannot help
#
# Where a layer outputs zero, `relu'` is zero too, and nothing flows back. The gradient of every
# parameter up to the dead layer is *exactly* zero, and so is that of the weights right after it,
# whose inputs are zero. Here is the same network, with the target $|x|$:

# %%
y = jnp.abs(x)


def loss(params):
    return jnp.mean((jl.networks.apply(params, x) - y) ** 2)


gradient = jax.jit(jax.grad(loss))(patient)
print("layer   largest |dloss/dweight|   |dloss/dbias|")
for depth, (weight, bias) in enumerate(gradient):
    print(f"{depth:5d}   {abs(weight).max():23.1e}   {abs(bias).max():13.1e}")

# %% [markdown]
# So Adam may move the last biases, and with them the constant. The best constant for squared loss
# is the mean of the target, and there it goes. Five hundred steps for each of the hundred (grey:
# those whose outputs then differ by less than 0.01):

# %%
steps, adam = 500, optax.adam(0.01)


@jax.jit
@jax.vmap
def train(params):
    def step(carry, _):
        params, state = carry
        updates, state = adam.update(jax.grad(loss)(params), state)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, adam.init(params)), length=steps)[0][0]


trained = train(networks)
after = np.asarray(outputs(trained))
stuck = np.ptp(after, axis=1) < 0.01
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
curves(after, stuck, ax)
ax.plot(x, y, "k:", lw=2, label="target |x|")
ax.axhline(y.mean(), color="k", ls="--", lw=1, label="mean of the target")
ax.set_title(f"{stuck.sum()} of 100 networks are constant after training")
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# Not a bit of the frozen parameters has changed. Some networks that were alive have died on the
# way, and none of the dead has come back: being alive is necessary, not sufficient.

# %%
moved = frozen = 0
for depth, (old, new) in enumerate(zip(*jax.device_get((networks, trained)), strict=True)):
    up_to = layer >= depth
    for was, now in zip(old, new, strict=True):
        moved += int((was[up_to] != now[up_to]).sum())
        frozen += was[up_to].size
print(f"up to the dead layer: {moved} of {frozen} parameters changed in {steps} steps")
born, ended = layer >= 0, np.asarray(test(trained).layer) >= 0
print(f"dead before and after: {(born & ended).sum()}; died: {(~born & ended).sum()}")
print(f"mean of the target {y.mean():.4f}; median output of the dead {np.median(after[ended]):.4f}")
print(f"came back: {(born & ~ended).sum()}; alive before and after: {(~born & ~ended).sum()}")

# %% [markdown]
# ## 5. Draw again: the best of K
#
# If one start is dead with probability $p$, then all of $K$ are with probability $p^K$. That falls
# fast in $K$, but $1 - p = (3/4)^H$ falls fast in the depth, and the depth wins unless $K$ grows
# exponentially. That is the theorem of Cheridito, Jentzen and Rossmannek (2021) in small: SGD fails
# to converge if the depth is much larger than the width and the number of random starts does not
# grow fast enough.
#
# Below are 8,000 networks on $[0, 1]$, where one point decides, cut into groups of $K$, with 99 %
# intervals.

# %%
many = 8000
point = jnp.ones((1, 1))


@jax.jit
@jax.vmap
def at_point(params):
    return death.on_data(params, point.astype(params[0].weight.dtype))


first = np.asarray(at_point(death.networks(jax.random.key(3), deep, he, range(many))).layer)
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for H, style in ((5, "C0o"), (10, "C1s"), (20, "C2^")):
    dead = (first >= 0) & (first < H)
    starts = np.geomspace(1, 100)
    curve = [best_of.all_dead(laws.one_ray([2] * H), K) for K in starts]
    ax.semilogx(starts, curve, style[:2], lw=1, label=f"{H} hidden layers")
    for K in (1, 2, 5, 10, 20, 50, 100):
        groups = dead[: many // K * K].reshape(-1, K).all(axis=1)
        share = groups.mean()
        low, high = stats.binomtest(int(groups.sum()), len(groups)).proportion_ci(0.99, "exact")
        ax.errorbar(K, share, [[share - low], [high - share]], fmt=style, ms=4, lw=1)
ax.set(xlabel="random starts K", ylabel="share of groups with all K dead")
ax.set_title("Best of K, width 2: measured, and $p^K$")
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# Turned round: how many starts are needed until one of them is alive with probability 1/2?

# %%
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
up_to_50 = np.arange(1, 51)
for N in (2, 3, 5, 10):
    median = [best_of.quantile(laws.one_ray([N] * H)) for H in up_to_50]
    ax.semilogy(up_to_50, np.maximum(median, 1), label=f"width {N}")
ax.set(xlabel="hidden layers", ylabel="starts for an even chance")
ax.set_title("Depth costs exponentially many starts, width saves them")
ax.legend(fontsize=8)
plt.show()
for H in (10, 20, 50):
    starts = best_of.quantile(laws.one_ray([2] * H))
    print(f"width 2, {H} layers: {starts:,.0f} starts for an even chance of a living one")

# %% [markdown]
# ## 6. What a number format adds
#
# Scale all weights by 1/16. Without biases the function is only multiplied by $16^{-(H+1)}$: not a
# sign changes, and in exact arithmetic the same networks are dead. But the features now shrink in
# every layer, and a format has a smallest number.


# %%
def small(uniform):
    weight, bias = he(uniform)
    return jl.networks.Layer(weight / 16, bias)


formats = {"float64": "k-", "bfloat16": "C1^", "float16": "C2v"}
results = {
    name: at_point(death.networks(jax.random.key(3), deep, small, range(many), fmt=name))
    for name in formats
}
died = {name: np.asarray(result.layer) for name, result in results.items()}
print("float64: first dead layers as with the full weights:", (died["float64"] == first).all())

figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for H, values in zip(depths, results["float64"].largest, strict=True):
    size = np.asarray(values).max(axis=1)
    ax.semilogy(H, np.median(size[size > 0]), "ko", ms=4)
for name in ("float16", "bfloat16"):
    smallest = jl.arithmetic.as_format(name).smallest_positive
    ax.axhline(smallest, color=formats[name][:2], ls="--", label=f"smallest number of {name}")
ax.set(xlabel="hidden layer", ylabel="largest feature, median", xticks=depths[4::5])
ax.set_title("Features of living networks shrink to below float16's numbers")
ax.legend(fontsize=8, loc="upper right")
plt.show()

# %% [markdown]
# What is below half the smallest number rounds to zero, and the layer is dead. bfloat16 has *fewer*
# digits than float16 and the exponents of float32, and its networks live: what kills is the range,
# hardly ever the precision. `onset` predicts the depth from the mean shrinkage per layer.

# %%
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for name, style in formats.items():
    shares = [((died[name] >= 0) & (died[name] < H)).mean() for H in depths]
    ax.plot(depths, shares, style, ms=5, label=name)
ax.axvline(onset.onset("float16", 2, 1 / 16), color="C2", ls=":", label="predicted for float16")
ax.set(xlabel="hidden layers of width 2", ylabel="share dead", xticks=depths[4::5])
ax.set_title("float16 kills the living, bfloat16 hardly one")
ax.legend(fontsize=8)
plt.show()

living = (first < 0) | (first >= 10)
for name in ("bfloat16", "float16"):
    killed = (died[name] >= 0) & (died[name] < 10) & living
    print(f"10 layers: {living.sum()} alive in float64, {killed.sum()} of them dead in {name}")

# %% [markdown]
# Scaling the loss, the usual medicine, scales gradients and not features: it does not help here.
#
# ## 7. A better start
#
# The laws so far are symmetric, and $2^{-N}$ is the price of that. The randomised asymmetric
# initialisation (RAI) of Lu, Shin, Su and Karniadakis (2020) makes one weight or bias of every
# neuron positive, chosen at random, so that fewer neurons are off.

# %%
rai = alive(initialisers.randomised_asymmetric(), -1.0, 50_000, rays=False)
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.set_yscale("log")
drawn(biased, "C2^-", "He, with biases", ax)
drawn(rai, "C3o-", "RAI", ax)
ax.set(xlabel="hidden layers of width 2", ylabel="share alive", xticks=depths[4::5])
ax.set_title("An asymmetric start dies more slowly, not never")
ax.legend(fontsize=8)
plt.show()
for name, measured in {"He": biased, "RAI": rai}.items():
    share = measured[0]
    starts = best_of.quantile(laws.born_dead(1 - share[-1]))
    print(
        f"{name}, {at_ten(measured)}; layer 20 kills {1 - share[-1] / share[-2]:.1%} of the living;"
    )
    print(f"    20 layers need {starts:.1f} starts for an even chance")

# %% [markdown]
# ## 8. The whole study
#
# All of this with more widths, domains, laws and formats, the published training experiments, and
# a verdict on every claim takes minutes, so it is left to the command line:
#
# ```
# jaxlab run collapse                   # quick: minutes on a laptop
# jaxlab run collapse --preset paper    # the published sizes
# ```
#
# From Python it is `jl.studies.collapse.run(jl.studies.collapse.Config(...))`, a dataset of counts
# that `jl.studies.collapse.claims` judges.
#
# What to do about your own network: test it with `death.on_data(params, batch)` before the first
# step. If it is dead draw again, use an asymmetric start, or make it wider; with small weights in
# float16, test it in float16.
