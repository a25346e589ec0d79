"""Strict mode: the settings under which XLA rounds every elementwise operation once.

The CPU contracts a product and a sum to one fused multiply-add unless its instruction set ends
before FMA (``AVX``), and the algebraic simplifier (``algsimp``) rewrites divisions, constants and
exponentials. Both end by flags, which XLA reads once, when its backend starts: a process that has
used a device cannot become strict.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

STRICT_FLAGS = (
    "--xla_allow_excess_precision=false",
    "--xla_disable_hlo_passes=algsimp",
    "--xla_cpu_max_isa=AVX",
    "--xla_cpu_experimental_ynn_fusion_type=",
    "--xla_gpu_deterministic_ops=true",
)
"""The flags of strict mode, for all platforms. The fourth replaces a matrix product whose tiles
depend on the batch by Eigen's, which depend on it less."""

_SECONDS = 120


def strict_flags(flags: str, supported: Callable[[str], bool] | None = None) -> str:
    """Extend a value of ``XLA_FLAGS`` to strict mode.

    Parameters
    ----------
    flags
        The present value.
    supported
        Says whether this version of XLA starts with a value of ``XLA_FLAGS`` (unknown flags abort
        the process); None takes :func:`starts`. It is asked only if something is to be added.

    Returns
    -------
    The flags, in their order, and what was missing of :data:`STRICT_FLAGS`. A flag that is set
    already keeps its value; a list of disabled passes is extended. The result is a fixed point:
    extending it again changes nothing.

    Raises
    ------
    ValueError
        If ``flags`` is not a list of flags: XLA takes it for the name of a file.

    Examples
    --------
    >>> extended = strict_flags("--xla_disable_hlo_passes=cse --xla_dump_to=d", lambda flags: True)
    >>> extended.split()[:2]
    ['--xla_disable_hlo_passes=cse,algsimp', '--xla_dump_to=d']
    """
    words = flags.split()
    for word in words:
        if not word.startswith("--"):
            raise ValueError(f"XLA_FLAGS: got {flags!r}, expected flags that begin with '--'")
    complete = _extend(words, STRICT_FLAGS)
    if complete == words:
        return flags
    supported = supported or starts
    if supported(" ".join(complete)):
        return " ".join(complete)
    known = tuple(flag for flag in STRICT_FLAGS if supported(flag))
    return " ".join(_extend(words, known))


def is_strict() -> bool:
    """Whether this process has every flag of strict mode that its XLA knows.

    Raises
    ------
    ValueError
        As :func:`strict_flags`.
    """
    present = os.environ.get("XLA_FLAGS", "")
    return strict_flags(present) == present


def starts(flags: str) -> bool:
    """Whether JAX starts and compiles in a new process under these ``XLA_FLAGS``, in two minutes.

    Examples
    --------
    >>> starts("--xla_no_such_flag=true")
    False
    """
    code = "import jax, numpy; jax.jit(lambda x: x + x)(numpy.float32(1)).block_until_ready()"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "XLA_FLAGS": flags},
            capture_output=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def strict_compiler_options() -> dict[str, Any]:
    """Options that make one ``jax.jit`` nearly strict in a process that is not.

    Returns
    -------
    A dictionary for ``jax.jit(fn, compiler_options=...)``.

    Notes
    -----
    Measured on XLA:CPU, jax 0.10.2: elementwise float32, float64 and bfloat16 arithmetic is IEEE
    operation by operation; **float16 multiply-adds stay fused** where the processor has them,
    since the instruction set can be limited for a whole process only. Nothing is vectorised and
    code is slower, about threefold on a training step. Dots are not affected. The
    ``jit`` must be the outermost: JAX refuses options on a nested one, and differentiating such a
    function fails on some versions (write ``jit(grad(fn), compiler_options=...)``). A backend
    other than CPU or GPU may refuse the options.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> cancel = lambda x: (x + 1.0) - 1.0
    >>> float(jax.jit(cancel, compiler_options=strict_compiler_options())(jnp.float32(2.0**-30)))
    0.0
    """
    return {
        "xla_disable_hlo_passes": "algsimp",
        "xla_backend_optimization_level": 0,
        "xla_allow_excess_precision": False,
    }


def _extend(words: list[str], flags: tuple[str, ...]) -> list[str]:
    """Add the missing flags; add the missing passes to the list of disabled ones."""
    extended = list(words)
    for flag in flags:
        name, value = flag.split("=", 1)
        at = [i for i, word in enumerate(extended) if word.split("=", 1)[0] == name]
        if not at:
            extended.append(flag)
        elif name == "--xla_disable_hlo_passes":
            passes = [one for one in extended[at[-1]].partition("=")[2].split(",") if one]
            if value not in passes:
                extended[at[-1]] = f"{name}={','.join([*passes, value])}"
    return extended
