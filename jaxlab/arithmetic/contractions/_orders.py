"""The orders of summation, all terms at once (``fold``) or one by one (``start, push, value``)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxlab.arithmetic.contractions._summation import Summation, Terms, fold_in

_LEAVES = 8  # children of a node that are added in one compiled loop: a power of two


def fold(how: Summation, terms: Terms, count: int, key: Any) -> Array:
    """The sum of ``count >= 1`` terms, in the format of the partial sums."""
    match how.accumulator.order:
        case "exact":
            return terms.total(np.int32(0), count)
        case "blocked":
            return _blocked(how, terms, count, key)
        case "pairwise":
            return how.load(_tree(how, terms.term, np.int32(0), count, key), key)
        case _:
            return _one_by_one(how, terms.term, count, key)


def _one_by_one(how: Summation, term: Callable, count: int, key: Any) -> Array:
    def body(k, state):
        return push(how, state, k, term(k), fold_in(key, k))

    state = start(how, term(np.int32(0)), count, fold_in(key, 0))
    state = jax.lax.fori_loop(np.int32(1), np.int32(count), body, state)
    return value(how, state, np.int32(count), fold_in(key, count))


def _blocked(how: Summation, terms: Terms, count: int, key: Any) -> Array:
    size = min(how.accumulator.block or count, count)
    full, rest = divmod(count, size)
    exact = how.accumulator.inner == "exact"
    inner = dataclasses.replace(
        how,
        accumulator=dataclasses.replace(
            how.accumulator, order="sequential", block=None, inner=None
        ),
    )

    def block(j, size_j):
        first = j * np.int32(size)
        if exact:
            return terms.total(first, size_j)
        inside = fold_in(fold_in(key, j), 1)
        return _one_by_one(inner, lambda k: terms.term(first + k), size_j, inside)

    def body(j, s, size_j=size):
        return how.add(s, block(j, size_j), fold_in(fold_in(key, j), 0), fits=not exact)

    s = how.load(block(np.int32(0), size), fold_in(fold_in(key, 0), 0))
    s = jax.lax.fori_loop(np.int32(1), np.int32(full), body, s)
    return body(np.int32(full), s, rest) if rest else s


def _tree(how: Summation, term: Callable, first: Any, count: int, key: Any) -> Array:
    """The tree over ``count`` terms from ``first`` on, depth first: few of its nodes are alive.

    Every child but the last has a power of ``_LEAVES`` terms, so its neighbours are the neighbours
    of the whole tree.
    """
    if count <= _LEAVES:
        nodes = [term(first + np.int32(k)) for k in range(count)]
    else:
        span = _LEAVES
        while span * _LEAVES < count:
            span *= _LEAVES
        full, rest = divmod(count, span)

        def child(j, size=span):
            return _tree(how, term, first + j * np.int32(span), size, fold_in(key, j))

        stacked = jax.lax.map(child, jnp.arange(full, dtype=np.int32))
        nodes = [stacked[j] for j in range(full)]
        if rest:
            nodes.append(child(np.int32(full), rest))
    drawn = 2 * _LEAVES  # beyond the keys of the children
    while len(nodes) > 1:
        sums = []
        for a, b in zip(nodes[::2], nodes[1::2], strict=False):
            sums.append(how.add(a, b, fold_in(key, drawn), how.fits))
            drawn += 1
        nodes = sums + nodes[2 * len(sums) :]
    return nodes[0]


def start(how: Summation, term: Array, limit: int, key: Any) -> tuple[Array, ...]:
    """State of a sum that has one term so far and will have at most ``limit``."""
    match how.accumulator.order:
        case "sequential":
            return (how.load(term, key),)
        case "kahan":
            return how.load(term, key), jnp.zeros_like(term)
        case "blocked":
            exact = how.accumulator.inner == "exact"
            return jnp.zeros_like(term), term if exact else how.load(term, key)
        case _:  # pairwise: complete trees of 1, 2, 4, ... terms, as in a binary counter
            return (term, *[jnp.zeros_like(term)] * (limit.bit_length() - 1))


def push(how: Summation, state: tuple, count: Any, term: Array, key: Any) -> tuple[Array, ...]:
    """The state after one more term; ``count``: terms so far, a scalar or one for each entry."""
    match how.accumulator.order:
        case "sequential":
            return (how.add(state[0], term, key, how.fits),)
        case "kahan":
            return _push_kahan(how, state, term, key)
        case "blocked":
            return _push_blocked(how, state, count, term, key)
        case _:
            return _push_pairwise(how, state, count, term, key)


def value(how: Summation, state: tuple, count: Any, key: Any) -> Array:
    """The sum of the terms so far, in the format of the partial sums."""
    match how.accumulator.order:
        case "blocked":
            return _merge_block(how, state, count, key)
        case "pairwise":
            return _merge_trees(how, state, count, key)
        case _:
            return state[0]


def _push_kahan(how, state, term, key):
    s, c = state
    y = how.add(term, -c, fold_in(key, 0), how.fits)
    z = how.add(s, y, fold_in(key, 1))
    difference = how.add(z, -s, fold_in(key, 2))
    return z, how.add(difference, -y, fold_in(key, 3))


def _push_blocked(how, state, count, term, key):
    s, block = state
    full = count % np.int32(how.accumulator.block) == 0
    if how.accumulator.inner == "exact":
        first, longer = term, block + term
    else:
        first = how.load(term, fold_in(key, 0))
        longer = how.add(block, term, fold_in(key, 0), how.fits)
    merged = _merge_block(how, state, count, fold_in(key, 1))
    return jnp.where(full, merged, s), jnp.where(full, first, longer)


def _merge_block(how, state, count, key):
    s, block = state
    sums = how.add(s, block, key, fits=how.accumulator.inner != "exact")
    return jnp.where(count <= how.accumulator.block, how.load(block, key), sums)


def _push_pairwise(how, state, count, term, key):
    trees, carrying = [], True
    for level, tree in enumerate(state):
        occupied = (count >> np.int32(level)) & np.int32(1) == 1
        trees.append(jnp.where(carrying & ~occupied, term, tree))
        term = how.add(tree, term, fold_in(key, level), how.fits)
        carrying = carrying & occupied
    return tuple(trees)


def _merge_trees(how, state, count, key):
    total, some = state[0], count & np.int32(1) == 1
    for level, tree in enumerate(state[1:], start=1):
        occupied = (count >> np.int32(level)) & np.int32(1) == 1
        merged = jnp.where(some, how.add(tree, total, fold_in(key, level), how.fits), tree)
        total = jnp.where(occupied, merged, total)
        some = some | occupied
    return how.load(total, key)  # a single term is not rounded yet
