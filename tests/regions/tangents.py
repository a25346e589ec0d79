"""Kinks of a piecewise affine function of one number, found from its values and tangents alone.

Independent of the code under test: two neighbouring sample points whose tangents meet on the graph
have one kink between them; others are told apart by a point in between.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

_CLOSE = 1e-9


def kinks(fn, start, stop, seed=0, samples=50):
    """Kinks in (0, 1) of ``t -> w . fn(start + t (stop - start))``, ``w`` random; float64."""
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        start, stop = (jnp.asarray(end, jnp.float64) for end in (start, stop))
        weight = jnp.asarray(rng.normal(size=jax.eval_shape(fn, start).shape))

        def along(t):
            return jnp.sum(weight * fn(start + t * (stop - start)))

        tangent = jax.jit(lambda t: jax.jvp(along, (t,), (jnp.ones_like(t),)))

        def at(t):
            value, slope = tangent(jnp.float64(t))
            return t, float(value), float(slope)

        points = [at(t) for t in (1e-9, *np.sort(rng.uniform(size=samples)), 1 - 1e-9)]
        found = []
        for left, right in itertools.pairwise(points):
            found += _between(at, left, right, rng)
    return found


def _close(a, b):
    return abs(a - b) <= _CLOSE * (1 + abs(a) + abs(b))


def _between(at, left, right, rng):
    (p, f, slope), (q, g, other) = left, right
    if q - p < 1e-12:
        return [p] if not _close(slope, other) else []
    middle = at(p + (q - p) * rng.uniform(0.3, 0.7))
    if _close(slope, other):
        same = _close(middle[2], slope) and _close(middle[1], f + slope * (middle[0] - p))
        if same and _close(g, f + slope * (q - p)):
            return []
    else:
        meet = p + (g - f - other * (q - p)) / (slope - other)
        step = 1e-7 * (q - p)
        sides = at(meet - step), at(meet + step)
        on_graph = p < meet < q and _close(at(meet)[1], f + slope * (meet - p))
        if on_graph and _close(sides[0][2], slope) and _close(sides[1][2], other):
            return [meet]
    return _between(at, left, middle, rng) + _between(at, middle, right, rng)
