"""Experiments: small programs whose IEEE results and deviant results are both known exactly."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import ml_dtypes
import numpy as np

DTYPES: dict[str, np.dtype] = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
}
"""The dtypes that are probed, by name."""

WIDER = {"float16": "float32", "bfloat16": "float32", "float32": "float64"}
"""The dtype to which each dtype is usually widened; nothing is wider than float64."""

LANES = 1021
"""Length of the test vectors: a prime, so that vectorised loops have a remainder."""


class Unmeasured(NamedTuple):
    """What stands in the place of a result that could not be had.

    Attributes
    ----------
    unmeasured
        The reason, one line.
    """

    unmeasured: str


class Experiment(NamedTuple):
    """A program, its inputs, and what they give under IEEE 754 and under one deviation.

    Attributes
    ----------
    name
        Key of the result.
    program
        Function of arrays, at module level so that JAX compiles it once a process.
    inputs
        Host arrays; they are arguments, so that nothing can be evaluated at compile time.
    ieee
        The result if every operation is rounded once, to nearest even.
    deviant
        The result under the deviation that the experiment looks for.
    deviation
        One word for that deviation.
    """

    name: str
    program: Callable[..., jax.Array]
    inputs: tuple[np.ndarray, ...]
    ieee: np.ndarray
    deviant: np.ndarray
    deviation: str


Runner = Callable[[Sequence[Experiment]], Mapping[str, np.ndarray | Unmeasured]]
"""What runs experiments: on a device, or emulated by a test."""


def run(experiments: Sequence[Experiment]) -> dict[str, np.ndarray | Unmeasured]:
    """Run experiments on the default device, in one compiled program if they all compile.

    Returns
    -------
    The result of each by name, or :class:`Unmeasured` where the device refuses the program.
    """
    try:
        return _run_together(experiments)
    except Exception:  # whatever a backend raises on a dtype or an operation that it lacks
        return {one.name: attempt(lambda one=one: _run_alone(one)) for one in experiments}


def attempt(measure: Callable[[], Any]) -> Any:
    """The value of ``measure()``, or :class:`Unmeasured` with the first line of what it raises.

    Examples
    --------
    >>> attempt(lambda: 1 / 0)
    Unmeasured(unmeasured='ZeroDivisionError: division by zero')
    """
    try:
        return measure()
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        return Unmeasured(f"{type(error).__name__}: {first}"[:120])


def verdicts(experiments: Sequence[Experiment], runner: Runner = run) -> dict[str, Any]:
    """Judge each experiment by the bits of its result.

    Parameters
    ----------
    experiments
        The experiments; names are distinct.
    runner
        What evaluates them.

    Returns
    -------
    By name: ``"ieee"``; the experiment's word for its deviation; ``"other"`` if the result is
    neither; or :class:`Unmeasured`.

    Examples
    --------
    >>> zero, one = np.zeros(3, np.float32), np.ones(3, np.float32)
    >>> double = Experiment("double", lambda x: x + x, (one,), 2 * one, zero, "lost")
    >>> verdicts([double])
    {'double': 'ieee'}
    >>> verdicts([double], lambda experiments: {"double": zero})
    {'double': 'lost'}
    """
    results = runner(experiments)
    return {one.name: _judge(one, results[one.name]) for one in experiments}


def _judge(experiment: Experiment, result: np.ndarray | Unmeasured) -> str | Unmeasured:
    if isinstance(result, Unmeasured):
        return result
    for word, expected in (
        ("ieee", experiment.ieee),
        (experiment.deviation, experiment.deviant),
    ):
        if same_bits(result, expected):
            return word
    return "other"


def same_bits(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether two arrays agree in dtype, shape and bits, all NaN counted as one.

    Bits are compared as integers: a process that flushes subnormals would equate them with zero.

    Examples
    --------
    >>> same_bits(np.float32([0.0, np.nan]), np.float32([-0.0, np.nan]))
    False
    """
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    if x.dtype == bool:
        return bool(np.array_equal(x, y))
    integers = np.dtype(f"u{x.dtype.itemsize}")
    agree = (x.view(integers) == y.view(integers)) | (np.isnan(x) & np.isnan(y))
    return bool(np.all(agree))


def _run_together(experiments: Sequence[Experiment]) -> dict[str, np.ndarray | Unmeasured]:
    programs = tuple(one.program for one in experiments)
    results = _evaluate(programs, tuple(one.inputs for one in experiments))
    pairs = zip(experiments, results, strict=True)
    return {one.name: np.asarray(result) for one, result in pairs}


def _run_alone(experiment: Experiment) -> np.ndarray:
    return np.asarray(_evaluate((experiment.program,), (experiment.inputs,))[0])


@functools.partial(jax.jit, static_argnums=0)
def _evaluate(programs: tuple[Callable[..., jax.Array], ...], inputs: Any) -> tuple[jax.Array, ...]:
    return tuple(program(*x) for program, x in zip(programs, inputs, strict=True))
