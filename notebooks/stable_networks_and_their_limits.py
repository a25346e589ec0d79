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
# # Stable networks, and digits that no algorithm can compute
#
# A picture is to be recovered from a quarter of its measurements. FIRENETs (Colbrook, Antun,
# Hansen, PNAS 2022) are networks that do it stably, with an error that falls exponentially in
# their layers. The same paper has problems, as well-conditioned as one may wish, for which
# accurate networks exist but no algorithm computes them beyond some digit. Both are about
# precision.

# %%
from fractions import Fraction

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxlab as jl
from jaxlab.inverse import (
    images,
    levels,
    noncomputable,
    operators,
    perturbations,
    sampling,
    transforms,
    wavelets,
)

jax.config.update("jax_enable_x64", True)  # an application may do this; the library never does

# %% [markdown]
# ## 1. A photograph from a quarter of its Walsh samples
#
# An operator is a pair of functions. This one takes wavelet coefficients to samples; the mask is
# denser where the wavelets are seen.

# %%
n, depth = 128, 5
photograph = jnp.asarray(images.photograph(n))
haar = wavelets.synthesis(1, depth, 2)
counts = levels.sparsities(np.asarray(haar.adjoint(photograph)), depth, threshold=0.5)
mask = sampling.density_adapted(jax.random.key(0), (n, n), 0.25, counts, "walsh")
weights = levels.weights(levels.balanced(counts), (n, n))
sampled = operators.restricted(transforms.walsh(2), mask)
operator = operators.compose(sampled, haar)


def reconstruct(y):
    network = jl.inverse.firenet(
        operator, y, lam=2.5e-4, weights=weights.astype(y.dtype), restarts=8, iterations=20
    )
    return haar.forward(network.solution)


y = sampled.forward(photograph)
pictures = {
    "truth": photograph,
    "adjoint alone": sampled.adjoint(y),
    "FIRENET, float64": jax.jit(reconstruct)(y),
    "FIRENET, bfloat16": jax.jit(reconstruct)(y.astype("bfloat16")).astype("float64"),
}
figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained")
for ax, (name, picture) in zip(axes, pictures.items(), strict=True):
    psnr = images.psnr(picture, photograph)
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    ax.set_title(name if name == "truth" else f"{name}\n{psnr:.1f} dB", fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# Sixteen bits show what 64 bits show: the rounding errors of bfloat16, some 1 %, drown in what is
# missing from the samples. As a network this has

# %%
size = jl.inverse.network_size(int(mask.sum()), n * n, restarts=8, iterations=20)
print(size.affine_layers, "affine layers of widths", sorted(set(size.widths)))

# %% [markdown]
# ## 2. How far down does the error go?
#
# If the picture *is* sparse, every restart gains the factor $e$, until rounding stops it at about
# four unit roundoffs. What happens then depends on `delta`, at which the network stops shrinking
# its goal: with `delta = u ||y||`, the default, the error stays at its floor; with less it grows
# again.

# %%
sparse = np.asarray(haar.adjoint(jnp.asarray(images.phantom(n))))
sparse = jnp.asarray(np.where(abs(sparse) > 0.51, sparse, 0))
counts = levels.sparsities(np.asarray(sparse), depth)
mask = sampling.density_adapted(jax.random.key(1), (n, n), 0.35, counts, "walsh")
weights = levels.weights(levels.balanced(counts), (n, n))
operator = operators.compose(operators.restricted(transforms.walsh(2), mask), haar)
y = operator.forward(sparse)


def errors(fmt, stop):
    """Relative errors after every restart, in native arithmetic of the format."""

    def distance(z):
        return jnp.linalg.norm(z.astype("float64") - sparse) / jnp.linalg.norm(sparse)

    data = y.astype(fmt)
    delta = stop * jl.arithmetic.as_format(fmt).unit_roundoff * jnp.linalg.norm(y)
    run = jax.jit(
        lambda y: jl.inverse.firenet(
            operator,
            y,
            lam=0.003,
            weights=weights.astype(fmt),
            restarts=24,
            iterations=30,
            delta=delta.astype(fmt),
            record=distance,
        )
    )
    return run(data).recorded


figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
colours = {"float64": "k", "float32": "#0072b2", "float16": "#009e73", "bfloat16": "#d55e00"}
for fmt, colour in colours.items():
    ax.semilogy(range(1, 25), errors(fmt, 1.0), color=colour, label=fmt)
    if fmt != "float64":
        ax.semilogy(range(1, 25), errors(fmt, 1e-3), color=colour, ls=":")
        ax.axhline(4 * jl.arithmetic.as_format(fmt).unit_roundoff, color=colour, lw=0.5)
ax.set(xlabel="restarts", ylabel="relative error", ylim=(1e-11, 2))
ax.set_title("Down by e a restart to 4u (thin lines); dotted: delta = u||y|| / 1000")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 3. How stable is it?
#
# At an exactly sparse vector a dual vector certifies which errors are possible. Errors in the range
# of $A_S$, the columns of the support, are amplified by at most $1/\sigma_{\min}(A_S)$. Others may
# switch on coefficients off the support, and there is a proved bound for them, which is not sharp.
# Gradient ascent through the whole unrolled network finds how much there really is.

# %%
m = 64
places = jnp.array([0, 1, 3, 6, 13, 27])
truth = jnp.zeros(m).at[places].set(jnp.array([4.0, -2.0, 1.5, -1.0, 0.75, -0.5]))
truth = truth.astype("complex128")
frequency = np.arange(m) - m // 2
kept = (abs(frequency) < 8) | (frequency % 3 == 0)
fourier = operators.restricted(transforms.fourier(1), kept)
small = operators.compose(fourier, wavelets.synthesis(1, 6, 1))
lam, weight = 0.05, 7**0.5
certificate = jl.inverse.certify(small, truth, weight)
print(f"certified as the minimiser for every lam <= {certificate.lam_max:.4f}: {certificate.exact}")


def network(y):
    return jl.inverse.firenet(
        small, y, lam=lam, weights=weight, restarts=15, iterations=30
    ).solution


def in_range(e):
    z, *_ = jnp.linalg.lstsq(columns, e)
    return columns @ z


columns = jax.vmap(small.forward)(jnp.eye(m, dtype="complex128")[places]).T
clean = small.forward(truth)
spaces = {"range of A_S": in_range, "all measurements": lambda e: jnp.where(kept, e, 0)}
for name, project in spaces.items():
    found = jax.jit(
        lambda key: perturbations.worst_case(
            key, lambda r: network(clean + project(r)), 0 * clean, radius=1e-3, steps=40, restarts=4
        )
    )(jax.random.key(0))
    quotient = found.change / jnp.linalg.norm(project(found.perturbation))
    print(f"{name}: amplified {quotient:.4f} times")
print(f"1 / sigma_min: {certificate.stability:.4f}; bound for all: {certificate.bound(lam):.0f}")

# %% [markdown]
# ## 4. Digits that no algorithm can compute
#
# Two matrices $2^{-n}/\sqrt{2}$ apart have minimisers $3 \cdot 10^{-K}$ apart, whatever $n$ is.
# Who reads the matrix with an error of $2^{-n}$ cannot tell them apart, so half the distance, $1.5
# \cdot 10^{-K}$, is what any algorithm must be wrong by for one of them: $K - 1$ digits.

# %%
for bits in (5, 10, 20):
    first, second = (noncomputable.problem(3, bits, which) for which in (1, 2))
    apart = np.linalg.norm(first.matrix - second.matrix, 2)
    gap = np.linalg.norm(first.minimiser - second.minimiser)
    print(f"n = {bits}: matrices {apart:.1e} apart, minimisers {gap:.6f}")

# %% [markdown]
# Floating point does the same without an adversary: a format loses the gap as soon as $\alpha +
# 2^{-n-1}$ rounds to $\alpha$. With two rows, one for $K$ and one for $K - 1$ digits, this makes a
# staircase.

# %%
figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
gaps = range(1, 50)
digits = 4
for fmt, colour in colours.items():
    if noncomputable.gap_lost_at(digits, fmt) is None:
        continue
    got = []
    for bits in gaps:
        eps = noncomputable.gap(bits)
        worst = 0
        for which in ((1, 1), (1, 2), (2, 1), (2, 2)):
            rows = noncomputable.tiers(digits, (eps, eps), which)
            stored = tuple(tuple(noncomputable.nearest(x, fmt) for x in row) for row in rows)
            worst = max(
                worst,
                noncomputable.squared_distance(
                    noncomputable.vertices(rows), noncomputable.vertices(stored)
                ),
            )
        got.append(noncomputable.correct_digits(worst or Fraction(1, 10**40)))
    ax.step(gaps, np.minimum(got, digits), where="mid", color=colour, label=fmt)
ax.set(xlabel="n: the gap is $2^{-n-1}$", ylabel="correct digits", yticks=range(digits + 1))
ax.set_title(f"Exact arithmetic on rounded data: {digits}, {digits - 1}, {digits - 2} digits")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# `jaxlab run barrier` does this for every format and family, with Table 1 of the paper in three
# columns (published, as the authors' repository computes it, corrected); `jaxlab run stability`
# measures rates, floors, worst cases and trained networks beside FIRENET.
