"""Parametrising by several lists at once: every value by default, every combination if asked."""

import itertools

import pytest


def every(ids=None, **axes):
    """Like stacked ``parametrize``; only a diagonal, on which each value occurs, is not slow.

    The other combinations run with ``-m slow``.
    """
    values = [list(axis) for axis in axes.values()]
    diagonal = {
        tuple(k % len(axis) for axis in values) for k in range(max(len(axis) for axis in values))
    }
    places = itertools.product(*(range(len(axis)) for axis in values))
    return pytest.mark.parametrize(
        tuple(axes),
        [
            pytest.param(
                *(axis[i] for axis, i in zip(values, place, strict=True)),
                marks=() if place in diagonal else pytest.mark.slow,
            )
            for place in places
        ],
        ids=ids,
    )
