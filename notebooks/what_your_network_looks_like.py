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
# # What your network looks like
#
# A ReLU network is a piecewise affine function. jaxlab finds its pieces exactly: on a plane, along
# a line, for one network or for a thousand at once, and it can prove the count.

# %%
import functools
import tempfile

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image

import jaxlab as jl
from jaxlab.regions import pictures

# %% [markdown]
# ## A plane
#
# Two interleaved spirals, and a network 2-16-16-1 that learns to tell them apart. We keep the
# parameters at every checkpoint.

# %%
turn = jnp.linspace(0.5, 3.0, 200)
spiral = 0.3 * turn[:, None] * jnp.stack([jnp.cos(2 * turn), jnp.sin(2 * turn)], axis=1)
x = jnp.concatenate([spiral, -spiral])
y = jnp.concatenate([jnp.ones((200, 1)), -jnp.ones((200, 1))])

law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
widths = (2, 16, 16, 1)
start = jl.networks.initialise(jax.random.key(3), widths, law, "float32")


def loss(params):
    return jnp.mean((jl.networks.mlp.apply(params, x) - y) ** 2)


@functools.partial(jax.jit, static_argnames="steps")
def train(params, steps):
    def step(params, _):
        params = jax.tree.map(lambda p, g: p - 0.1 * g, params, jax.grad(loss)(params))
        return params, None

    return jax.lax.scan(step, params, length=steps)[0]


checkpoints = [start]
for _ in range(12):
    checkpoints.append(train(checkpoints[-1], 500))
print(f"loss {float(loss(start)):.3f} -> {float(loss(checkpoints[-1])):.3f}")

# %% [markdown]
# `plane.tessellate` returns vertices, edges, faces, and the activation pattern and affine map of
# every face. Below: each activation pattern in a colour of its own, before and after training.

# %%
box = jl.regions.plane.box(-1.2, 1.2)
before, after = (jl.regions.plane.tessellate(p, box) for p in (start, checkpoints[-1]))
pictures.step(before, after)
plt.show()

# %% [markdown]
# The same network by the size of its gradient, with the exact decision boundary (its length is the
# sum of the lengths of straight segments), and by the layer that makes each boundary: those of the
# first layer are straight, those of the second bend where they cross them.

# %%
boundary = jl.regions.decision.boundary(after)
figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
pictures.plane(after, "slope", boundary=boundary, ax=axes[0])
for sign, colour in ((1, "white"), (-1, "#d55e00")):
    axes[0].plot(*x[y[:, 0] == sign].T, ".", color=colour, markersize=3)
pictures.plane(after, "layer", ax=axes[1])
plt.show()
print(f"decision boundary: {len(boundary.segments)} segments, length {boundary.length:.4f}")

# %% [markdown]
# ### Proof
#
# Floating point decides on which side of a boundary a vertex lies, and can be wrong. `certify`
# carries error bounds, and settles in rational arithmetic what they leave open. For a network with
# integer weights much is left open: boundaries meet in one point, or lie on top of each other.

# %%
rng = np.random.default_rng(0)
integers = tuple(
    jl.networks.Layer(rng.integers(-2, 3, (a, b)) * 1.0, rng.integers(-2, 3, b) * 1.0)
    for a, b in ((2, 12), (12, 12), (12, 1))
)
for name, params in {"trained": checkpoints[-1], "integer": integers}.items():
    found = jl.regions.plane.certify(params, box, pieces=True)
    print(
        f"{name}: {found.lower} regions, {found.pieces_lower} pieces, certified: "
        f"{found.certified}, {found.settled} decisions in rational arithmetic"
    )

# %% [markdown]
# ### In motion
#
# One frame per checkpoint of the training.

# %%
frames = [jl.regions.plane.tessellate(p, box) for p in checkpoints]
titles = [f"step {500 * number}" for number in range(len(frames))]
with tempfile.TemporaryDirectory() as folder:
    film = pictures.animation(frames, f"{folder}/film.gif", titles=titles, per_second=4)
    display = Image(film.read_bytes())
display

# %% [markdown]
# ## A line
#
# Along a segment the network is a piecewise affine function of one variable. Each breakpoint is
# marked by the layer that makes it. On the right a network that was built to have many pieces: 20
# neurons, 1,024 pieces (here 32 of them).

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
along = jl.regions.line.trace(checkpoints[-1], [-1.2, -1.0], [1.2, 1.0])
pictures.line(along, widths[1:-1], ax=axes[0])
saw = jl.networks.constructions.sawtooth(10)
pictures.line(jl.regions.line.trace(saw, 0.0, 1 / 32), (2,) * 10, ax=axes[1])
plt.show()

# %% [markdown]
# ## An ensemble
#
# A thousand networks in one call. Here a random network of one input has fewer regions than
# neurons, whatever its depth: nothing like the exponentially many that it could have.

# %%
many, counts = 1000, {}


def draw(key, widths):
    return jl.networks.initialise(key, widths, law, "float32")


for depth in (1, 2, 4, 8):
    keys = jax.random.split(jax.random.key(depth), many)
    networks = jax.vmap(functools.partial(draw, widths=(1, *[16] * depth, 1)))(keys)
    counts[depth] = jl.regions.line.count(networks, -1.0, 1.0).regions

figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for depth, found in counts.items():
    values, heights = np.unique(found, return_counts=True)
    label = f"{depth} hidden layers: mean {found.mean():.1f}"
    ax.plot(values, heights / many, ".-", markersize=4, label=label)
ax.set_xlabel("regions on [-1, 1]")
ax.set_ylabel("share of the networks")
ax.set_title("Regions of 1,000 random networks of width 16")
ax.legend()
plt.show()

# %% [markdown]
# The counter is a pure function, so it runs inside the training loop of an ensemble, too: here 200
# networks learn a sine, and their regions are counted at every checkpoint.

# %%
t = jnp.linspace(-1.0, 1.0, 65)[:, None]
ends = jnp.array([-1.0]), jnp.array([1.0])
policy = jl.training.Policy.native("float32")
steps = (0, 10, 30, 100, 300, 1000)
history = jl.training.ensemble(
    jl.training.mean_squared_error(policy),
    jax.vmap(lambda key: draw(key, (1, 16, 16, 1)))(jax.random.split(jax.random.key(0), 200)),
    (t, jnp.sin(6 * t)),
    jl.training.gradient_descent(0.05),
    policy=policy,
    checkpoints=steps,
    metrics={
        "regions": lambda now: jl.regions.line.breakpoints(now.params, *ends, 128).regions,
        "pieces": lambda now: jl.regions.line.breakpoints(now.params, *ends, 128).pieces,
    },
    keys=jax.random.split(jax.random.key(1), 200),
)
for name in ("regions", "pieces"):
    found = np.asarray(history.metrics[name])
    print(name, dict(zip(steps, found.mean(axis=0).round(1).tolist(), strict=True)))
