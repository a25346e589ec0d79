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
# # Where ReLU gradient flows end
#
# A shallow ReLU network learns $f(x) = x$ on $[0, 1]$ by the gradient flow of its exact risk. It
# cannot end just anywhere: bounded flows tend to the risk of a critical point (Jentzen, Riekert,
# arXiv 2107.04479), and for affine targets all of these are known:
# $0$ and $\frac{1}{12 (n+1)^4}$ for even $n$ up to the number of neurons.

# %%
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxlab as jl
from jaxlab.flows import closed_forms, invariants, relu_risk, zigzag

jax.config.update("jax_enable_x64", True)  # an application may do this; the library never does

# %% [markdown]
# ## 1. The critical points
#
# Between its breakpoints a network is affine, so the risk is a sum of integrals of polynomials, and
# `relu_risk` computes it without error other than rounding. The residual of a critical point is a
# zigzag of equal teeth.

# %%
problem = relu_risk.affine(1.0, 0.0)
x = jnp.linspace(0, 1, 301)
figure, axes = plt.subplots(1, 3, figsize=(9.6, 3), layout="constrained", sharey=True)
for ax, breaks in zip(axes, (0, 2, 4), strict=True):
    params = zigzag.saddle(breaks, problem)
    force = relu_risk.gradient(params, problem)
    size = max(float(jnp.abs(leaf).max()) for leaf in force)
    ax.plot(x, relu_risk.network(params, x), label="network")
    ax.plot(x, x, "k:", label="target")
    ax.set(
        title=f"n = {breaks}, risk 1/{1 / relu_risk.risk(params, problem):.0f}, |G| = {size:.0e}",
        xlabel="x",
    )
axes[0].legend(frameon=False)
plt.show()

# %% [markdown]
# ## 2. Two hundred flows
#
# From N(0, 1) starts, with three neurons, to t = 10,000. A flow falls to 0, or, once no neuron is
# active, it is stuck at the best constant, 1/12. At the saddle, 1/972, none ends.

# %%
times = jl.flows.log_times(1e4, 1, 1.0)
follow = partial(
    jl.flows.integrate, lambda p: relu_risk.risk(p, problem), times=times, rtol=1e-6, atol=1e-8
)
rng = np.random.default_rng(0)
starts = relu_risk.Shallow(
    *(jnp.asarray(rng.normal(size=(200, 3))) for _ in range(3)), jnp.asarray(rng.normal(size=200))
)
flows = jax.jit(partial(jax.lax.map, follow))(starts)
final = np.asarray(flows.loss[:, -1])
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.hist(np.log10(np.maximum(final, 1e-16)), bins=np.linspace(-16, 0, 65), color="C0")
for risk in zigzag.risks(3):
    ax.axvline(np.log10(float(risk)), color="k", ls=":", lw=1)
    ax.text(
        np.log10(float(risk)),
        1.02,
        f"1/{1 / risk}",
        ha="center",
        transform=ax.get_xaxis_transform(),
    )
ax.set(xlabel="log10 of the risk at t = 10,000 (dotted: critical risks)", ylabel="flows")
ax.set_title("Flows end at 0 or at 1/12", pad=18)
plt.show()
at_constant = np.abs(final - 1 / 12) < 1e-8
print(f"{at_constant.sum()} of 200 end at 1/12, {np.sum(final < 1e-6)} below 1e-6")

# %% [markdown]
# ## 3. Dead at birth
#
# Without active neurons only the output bias moves, and exactly how is known.

# %%
dead = relu_risk.Shallow(jnp.array([-1.0]), jnp.array([-1.0]), jnp.array([2.0]), jnp.array(1.3))
short = jl.flows.log_times(10.0, 2)
flow = jl.flows.integrate(lambda p: relu_risk.risk(p, problem), dead, short, rtol=1e-11, atol=1e-13)
shift, exact = closed_forms.dead(1.3, 1.0, 0.0, short)
print(f"largest error of c(t): {np.abs(flow.params.shift - shift).max():.1e}")
print(f"largest error of the risk: {np.abs(flow.loss - exact).max():.1e}")

# %% [markdown]
# ## 4. A saddle holds, until it is touched
#
# On the saddle of risk 1/972 the flow stays. Push it by $\delta$ and it leaves, after a time that
# grows like $\ln(1/\delta)$. Below the smallest positive critical risk, 1/972, only 0 is left: that
# is where every bounded flow from there must end.

# %%
saddle = zigzag.saddle(2, problem)
hours = jl.flows.log_times(1e4, 8, 1.0)
flat, unravel = jax.flatten_util.ravel_pytree(saddle)
hessian = jax.hessian(lambda v: relu_risk.risk(unravel(v), problem))(flat)
curvature, directions = jnp.linalg.eigh(hessian)
leave = jax.jit(
    partial(
        jax.lax.map,
        lambda v: jl.flows.integrate(
            lambda p: relu_risk.risk(unravel(p), problem), v, hours, rtol=1e-8, atol=1e-13
        ),
    )
)
pushes = 10.0 ** -np.arange(2, 11, 2)
escapes = leave(flat[None] + pushes[:, None] * directions[:, 0][None])
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for push, risks in zip(pushes, np.asarray(escapes.loss), strict=True):
    ax.semilogx(hours, 972 * risks, label=f"pushed by {push:.0e}")
ax.set(
    xlabel="flow time t",
    ylabel="risk x 972",
    title=f"The smaller the push, the later it leaves (least eigenvalue {curvature[0]:.4f})",
)
ax.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## 5. Conserved quantities measure precision
#
# Along the flow $w^2 + b^2 - v^2$ of every neuron is constant. A step of gradient descent changes
# it by $\gamma^2 (G_w^2 + G_b^2 - G_v^2)$, exactly; whatever is left over is rounding.

# %%
params = jax.tree.map(lambda leaf: leaf[0], starts)
rate = 1 / 64
for dtype in (jnp.float64, jnp.float32):
    here = jax.tree.map(lambda leaf, dtype=dtype: leaf.astype(dtype), params)
    force = relu_risk.gradient(here, problem)
    there = jax.tree.map(lambda p, g: p - rate * g, here, force)
    wide = [jax.tree.map(lambda leaf: leaf.astype(jnp.float64), tree) for tree in (here, there)]
    true = relu_risk.gradient(wide[0], problem)
    left = (
        invariants.balancedness(wide[1])
        - invariants.balancedness(wide[0])
        - invariants.balancedness_change(true, rate)
    )
    unit = jnp.finfo(dtype).eps / 2
    worst = jnp.abs(left).max()
    print(f"{dtype.__name__}: violated by {worst:.1e} per step, {worst / unit:.1f} unit roundoffs")

# %% [markdown]
# `jaxlab run flow` does this for thousands of flows, for saddles and invariants in every number
# format, and for targets whose flows run to infinity.
