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
# # Does training converge, or run to infinity?
#
# *The loss is flat and the weights hardly move: it has converged.* For smooth activations and
# polynomial targets it mostly has not: no weights reach loss zero, weights of any size come nearer,
# and the gradient flow is on its way to infinity, slower and slower (Kranz, Gallon, Dereich,
# Jentzen 2025, arXiv 2505.09572). Here is how to see that, how to be sure, and how half precision
# makes it look like convergence.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxlab as jl
from jaxlab.flows import closed_forms, verdicts

jax.config.update("jax_enable_x64", True)  # an application may do this; the library never does

# %% [markdown]
# ## 1. A network of two parameters
#
# $N(x) = a\,(\mathrm{softplus}(bx) + \mathrm{softplus}(-bx) - 2\ln 2)$ is even, zero at zero, and
# looks like a parabola if $b$ is small: it can come as near to $x^2$ as one likes, with $ab^2 = 4$
# and $a$ large. It can never be $x^2$. The risk is an integral over $[-1, 1]$, by Gauss' rule.

# %%
nodes, weights = np.polynomial.legendre.leggauss(24)


def risk(params):
    outer, inner = params
    even = jax.nn.softplus(inner * nodes) + jax.nn.softplus(-inner * nodes) - 2 * jnp.log(2.0)
    return jnp.sum(weights / 2 * (outer * even - nodes**2) ** 2)


start = jnp.ones(2)
times = jl.flows.log_times(1e12)
flow = jax.jit(lambda start: jl.flows.integrate(risk, start, times))(start)
print(f"{flow.accepted} steps to t = 1e12, a = {flow.params[-1, 0]:.2f}, L = {flow.loss[-1]:.4e}")

# %% [markdown]
# ## 2. How do I know?
#
# Along the exact flow the loss pays for the movement: $L(0) - L(t) = \int_0^t |\nabla L|^2$. The
# integral is carried along as one more unknown, so every flow brings its own error with it. And the
# distance from the start never exceeds $\sqrt{t\,(L(0) - L(t))}$.

# %%
print(f"energy identity holds to {jnp.abs(flow.defect).max():.1e}")
bound = np.sqrt(flow.times * np.maximum(flow.loss[0] - flow.loss, 0))
print("displacement bound holds:", bool(np.all(flow.displacement <= bound * (1 + 1e-6))))

# %% [markdown]
# What is known exactly of this flow (derived in the study): $a\,t^{-1/4}$ and $L\sqrt t$ tend to
# constants. Local exponents $d\log L/d\log t$ say when that sets in. Fitting "log t or square root
# of t?" over one decade would say nothing.

# %%
limit = closed_forms.pair_asymptote()
late = np.asarray(flow.times) > 0
figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
left.loglog(flow.times[late], flow.loss[late], "k", label="flow")
left.loglog(flow.times[late], limit.loss * flow.times[late] ** -0.5, "k:", label="derived limit")
left.loglog(flow.times[late], flow.params[late, 0], "C0", label="a")
left.loglog(flow.times[late], limit.weight * flow.times[late] ** 0.25, "C0:")
left.set(xlabel="flow time t", ylabel="loss (black), weight a (blue)", title="It never stops")
left.legend(frameon=False)
for values, colour, name in ((flow.loss, "k", "loss"), (flow.norm, "C0", "norm")):
    right.semilogx(
        flow.times, verdicts.local_exponents(times, np.asarray(values)), colour, label=name
    )
for level in (-0.5, 0.25):
    right.axhline(level, color="0.6", ls=":")
right.set(xlabel="flow time t", ylabel="d log / d log t", title="Exponents tend to -1/2 and 1/4")
right.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 3. The test that everyone uses is wrong here
#
# "Stop when the gradient is small beside the parameters" is met early: the parameters are growing,
# so it is met ever better.

# %%
first = np.argmax(np.asarray(flow.gradient_norm < 1e-3 * flow.norm) & late)
print(
    f"|grad L| < 1e-3 |theta| from t = {times[first]:.3g} on, where a = {flow.params[first, 0]:.3f}"
)
print(f"but a = {flow.params[-1, 0]:.1f} at t = 1e12")
print("verdict of jaxlab:", jl.flows.verdicts.judge(flow).name)

# %% [markdown]
# `verdicts` compares what happens per *decade* of time: on the way to a critical point movements
# shrink geometrically, on the way to infinity they do not. Where neither is seen, it says so.

# %% [markdown]
# ## 4. Plateaus
#
# Larger networks rest for decades near a critical value (here 4/45, the best constant) and then
# fall. Time has to be logarithmic, and long. The two starts escape along different valleys: in one
# the loss falls like $t^{-1/2}$, in the other like $t^{-2/3}$.


# %%
def shallow(params):
    inner, bias, outer, shift = params[:2], params[2:4], params[4:6], params[6]
    hidden = jax.nn.softplus(nodes[:, None] * inner[None] + bias[None])
    output = jnp.matmul(hidden, outer, precision=jax.lax.Precision.HIGHEST) + shift
    return jnp.sum(weights / 2 * (output - nodes**2) ** 2)


starts = jnp.stack([0.8 * np.random.default_rng(seed).normal(size=7) for seed in (0, 1)])
follow = jax.jit(
    lambda starts: jax.lax.map(lambda p: jl.flows.integrate(shallow, p, times), starts)
)
flows = follow(starts)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
for seed in (0, 1):
    one = jax.tree.map(lambda leaf, seed=seed: leaf[seed], flows)
    slope = verdicts.local_exponents(times, np.asarray(one.loss))[-1]
    word = jl.flows.verdicts.judge(one).name.lower()
    left.loglog(one.times, one.loss, label=f"start {seed}: {word}, exponent {slope:.2f}")
    right.loglog(one.times, one.norm)
left.axhline(4 / 45, color="0.6", ls=":")
left.set(xlabel="flow time t", ylabel="loss", title="Plateaus, then two kinds of valleys")
right.set(xlabel="flow time t", ylabel="norm of the parameters", title="Both run to infinity")
left.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## 5. Half precision stops the flow
#
# Gradient descent with the rate 0.1 on the two parameters, in four native formats, from the same
# start. An update of less than half an ulp changes nothing: float16 and bfloat16 freeze, their
# gradients are not zero, and nothing in the loss curve says that the format did it.

# %%
rate, records = 0.1, (0, 10, 100, 1000, 10_000, 100_000)


def descend(fmt, update, policy=None):
    """Iterates of gradient descent at the recorded steps, in float64."""
    dtype = jl.arithmetic.as_format(fmt).dtype
    history = jl.training.ensemble(
        lambda params, _: risk_in(params),
        start.astype(dtype)[None],
        (),
        update,
        policy=jl.training.Policy.native(fmt) if policy is None else policy,
        checkpoints=records,
        metrics={"params": lambda snapshot: snapshot.params.astype(jnp.float64)},
        keys=jax.random.split(jax.random.key(0), 1),
    )
    return np.asarray(history.metrics["params"][0])


def risk_in(params):
    """The same risk, in the dtype of the parameters."""
    dtype = params.dtype
    x, mass = jnp.asarray(nodes, dtype), jnp.asarray(weights / 2, dtype)
    outer, inner = params
    even = (
        jax.nn.softplus(inner * x) + jax.nn.softplus(-inner * x) - jnp.asarray(2 * np.log(2), dtype)
    )
    return jnp.sum(mass * (outer * even - x * x) ** 2)


formats = ("float64", "float32", "float16", "bfloat16")
descents = {fmt: descend(fmt, jl.training.gradient_descent(rate)) for fmt in formats}
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.loglog(flow.times[late], flow.params[late, 0], "0.7", lw=4, label="flow")
for fmt, path in descents.items():
    ax.loglog(rate * np.array(records[1:]), path[1:, 0], "o-", ms=4, label=fmt)
ax.set(xlim=(0.5, 2e4), ylim=(0.9, 3), xlabel="time = rate x steps", ylabel="a")
ax.set_title("16-bit descent stops where the flow goes on")
ax.legend(frameon=False)
plt.show()
for fmt, path in descents.items():
    last = path[-1, 0] - path[-2, 0]
    print(f"{fmt:>9}: a = {path[-1, 0]:.6f}, moved in the last 90,000 steps: {last:.1e}")

# %% [markdown]
# ## 6. Whose fault is it, and what helps?
#
# It is the sum `a + update` that is lost. Keep a float32 master copy beside bfloat16 parameters,
# and the descent moves again. It does not follow the flow, though: its gradient is still computed
# in bfloat16, and how much of the lag is the gradient's fault is what `jaxlab run divergence`
# tells apart.

# %%
mixed = jl.training.Policy("bfloat16", "bfloat16", "float32", "float32")
master = jl.training.low_precision(optax.sgd(rate), "bfloat16", master="float32")
rescued = descend("bfloat16", master, mixed)
true = np.interp(np.log(rate * records[-1]), np.log(times[1:]), np.asarray(flow.params[1:, 0]))
for name, value in (
    ("bfloat16", descents["bfloat16"][-1, 0]),
    ("with a master copy", rescued[-1, 0]),
):
    print(f"{name:>18}: a = {value:.4f}; the flow has {true:.4f}")

# %% [markdown]
# ## 7. Yours
#
# `jl.flows.integrate(loss, params, times)` takes any loss of any pytree. `jaxlab run divergence`
# does all this for more networks and activations, with controls that must not diverge.
