"""Turn a Python function and its arguments into a program (a jaxpr) and a flat list of arrays."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr

from jaxlab.arithmetic._places import nested_programs
from jaxlab.arithmetic._source import in_backward

_ARRAYS = (jax.Array, np.ndarray, np.generic)


def flatten(
    fn: Callable[..., Any], args: tuple, kwargs: dict
) -> tuple[list[jax.Array], Callable[..., Any]]:
    """The arrays among the arguments of a call, and the function of these arrays alone.

    Everything else (Python numbers, strings, functions inside a model) is static, as if the
    function had closed over it.
    """
    leaves, structure = jax.tree.flatten((args, kwargs))
    dynamic = [isinstance(leaf, _ARRAYS) for leaf in leaves]
    chosen, static = split(dynamic, leaves)

    def flat(*arrays: Any) -> Any:
        args, kwargs = jax.tree.unflatten(structure, merge(dynamic, arrays, static))
        return fn(*args, **kwargs)

    return [_as_array(leaf) for leaf in chosen], flat


def split(chosen: Sequence[bool], values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The chosen values and the others."""
    pairs = list(zip(chosen, values, strict=True))
    return [x for choice, x in pairs if choice], [x for choice, x in pairs if not choice]


def merge(chosen: Sequence[bool], yes: Sequence[Any], no: Sequence[Any]) -> list[Any]:
    """Interleave two lists: the next of ``yes`` where chosen, else the next of ``no``."""
    first, second = iter(yes), iter(no)
    return [next(first) if choice else next(second) for choice in chosen]


def _as_array(leaf: Any) -> jax.Array:
    wide = isinstance(leaf, jax.Array) and leaf.dtype == np.float64  # keeps its bits with x64 off
    return leaf if wide else jnp.asarray(leaf)


def argument_names(args: tuple, kwargs: dict) -> list[str]:
    """Names of the arrays among the arguments, such as ``argument 0[2].weight``."""
    return [
        f"argument {jax.tree_util.keystr(path[1:2], simple=True)}{jax.tree_util.keystr(path[2:])}"
        for path, leaf in jax.tree.leaves_with_path((args, kwargs))
        if isinstance(leaf, _ARRAYS)
    ]


def trace(fn: Callable[..., Any], arrays: Sequence[Any]) -> tuple[ClosedJaxpr, Any]:
    """The program of a function of arrays (or of their shapes), and the structure of its value."""
    structure: list[Any] = []

    def flat(*arrays):
        leaves, tree = jax.tree.flatten(fn(*arrays))
        structure.append(tree)
        return leaves

    program = jax.make_jaxpr(flat)(*arrays)
    for aval in (*program.in_avals, *program.out_avals):
        if hasattr(aval, "dtype") and jnp.issubdtype(aval.dtype, jnp.complexfloating):
            raise TypeError(f"fn: got a value of dtype {aval.dtype}, expected real numbers")
    return program, structure[-1]


def differentiated(program: ClosedJaxpr) -> bool:
    """Whether some equation, at any depth, belongs to a backward pass."""
    return any(
        in_backward(eqn) or any(differentiated(inner) for inner in nested_programs(eqn).values())
        for eqn in program.jaxpr.eqns
    )
