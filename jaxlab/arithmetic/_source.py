"""Where an equation of a jaxpr comes from: the user's file and line, and the pass it belongs to."""

import functools
import importlib.util
import linecache
import os
import pathlib
import sysconfig
import textwrap
from typing import Any, NamedTuple

_MACHINERY = ("jax", "jaxlib", "jaxlab", "jaxtyping", "beartype")
_GENERATED = ("<frozen", "<@beartype")


class Location(NamedTuple):
    """A place in a source file.

    Attributes
    ----------
    file
        Path as Python recorded it; ``"<unknown>"`` where JAX kept no traceback.
    line
        Line number, counted from 1; 0 if unknown.
    function
        Name of the function around it.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.function})"

    @property
    def code(self) -> str:
        """The line of code; "" where it cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def short(self) -> str:
        """File name and line; in a notebook, whose cells have numbers for names, the code."""
        path = pathlib.PurePath(self.file)
        if path.parent.name.startswith("ipykernel_"):
            return textwrap.shorten(self.code, 32, placeholder=" ...")
        return f"{path.name}:{self.line}" if self.line else self.file


def location(eqn: Any) -> Location:
    """The innermost line outside JAX, jaxlab and the Python library that led to an equation.

    Equations inside a jitted library function such as ``jax.nn.relu`` may have no such line: take
    that of the equation around them.

    Parameters
    ----------
    eqn
        An equation of a jaxpr (``jax.extend.core.JaxprEqn``).

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> jaxpr = jax.make_jaxpr(lambda x: jnp.sin(x) * x)(jnp.ones(2))
    >>> location(jaxpr.eqns[-1]).line, location(jaxpr.eqns[-1]).function
    (1, '<lambda>')
    """
    traceback = eqn.source_info.traceback
    for frame in traceback.frames if traceback else ():
        if not _is_machinery(frame.file_name):
            return Location(frame.file_name, frame.line_num, frame.function_name)
    return Location("<unknown>", 0, "<unknown>")


def in_backward(eqn: Any, around: bool = False) -> bool:
    """Whether an equation belongs to the backward pass of a reverse-mode derivative.

    The equations inside a ``jit`` or ``scan`` that was transposed need not say so themselves:
    ``around`` is the answer for the equation around it. What ``jax.checkpoint`` computes again in a
    backward pass belongs to the forward pass.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> jaxpr = jax.make_jaxpr(jax.grad(lambda x: jnp.sin(x) ** 2))(1.0)
    >>> {in_backward(eqn) for eqn in jaxpr.eqns} == {True, False}
    True
    """
    names = str(eqn.source_info.name_stack)
    return (around or "transpose(" in names) and "rematted_computation" not in names


@functools.cache
def _is_machinery(file: str) -> bool:
    if file.startswith(_GENERATED):
        return True
    if any(file.startswith(folder) for folder in _machinery_folders()):
        return True
    installed = "site-packages" in file or "dist-packages" in file
    return file.startswith(sysconfig.get_path("stdlib") + os.sep) and not installed


@functools.cache
def _machinery_folders() -> tuple[str, ...]:
    specs = (importlib.util.find_spec(name) for name in _MACHINERY)
    return tuple(os.path.dirname(spec.origin) + os.sep for spec in specs if spec and spec.origin)
