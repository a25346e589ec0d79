"""The probe: everything that is measured of a device and compiler, as one tree."""

import hashlib
import importlib.metadata
import json
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxlab.arithmetic.probe import _operations, _subnormals
from jaxlab.arithmetic.probe._dots import algorithms, input_bits
from jaxlab.arithmetic.probe._experiments import DTYPES, Unmeasured, verdicts
from jaxlab.arithmetic.probe._functions import function_errors
from jaxlab.arithmetic.probe._invariance import invariance, thread_invariance
from jaxlab.arithmetic.probe._sums import accumulators, dot_of_ones, ones

_NARROW = ("float16", "bfloat16")
_QUICK = (
    "fma",
    "divide_by_constant",
    "divide_by_scalar",
    "cancel_constant",
    "cancel_sum",
    "merge_constants",
    "sqrt",
    "reciprocal_sqrt",
    "unrounded_sum",
    "unrounded_cast",
    "input_of_multiply",
    "output_of_multiply",
    "input_of_conversion",
    "output_of_conversion",
)


class Probe(NamedTuple):
    """What a device and its compiler really do, measured.

    Every section but ``system`` and ``algorithms`` is by dtype (``float16``, ``bfloat16``,
    ``float32``, ``float64``), then by name. What could not be measured is an
    :class:`Unmeasured` with the reason. A quick probe leaves the sections after ``ones`` empty.

    Attributes
    ----------
    system
        Versions, platform, device and ``XLA_FLAGS``. Not part of the digest.
    operations
        Elementwise arithmetic: fused, rewritten, unrounded, or ``"ieee"``.
    subnormals
        Subnormal inputs and outputs of operations: ``"flushed"`` or ``"ieee"``.
    input_bits
        Significand bits of its inputs that a dot uses, by ``jax.lax.Precision``.
    ones
        The sum of 5000 ones by operation.
    accumulators
        Order, width and rounding of each kind of sum.
    algorithms
        By dot algorithm, whether it is honoured on float32 inputs.
    functions
        Worst observed error of the elementary functions in ulps.
    invariance
        Whether bits are independent of batch, ``vmap``, ``jit``, repetition and threads.
    digest
        First twelve hexadecimal digits of the SHA-256 of all measured results.
    """

    system: dict[str, str]
    operations: dict[str, dict[str, Any]]
    subnormals: dict[str, dict[str, Any]]
    input_bits: dict[str, dict[str, Any]]
    ones: dict[str, dict[str, Any]]
    accumulators: dict[str, dict[str, Any]]
    algorithms: dict[str, Any]
    functions: dict[str, dict[str, Any]]
    invariance: dict[str, dict[str, Any]]
    digest: str


def probe(device: Any = None, quick: bool = False) -> Probe:
    """Measure the arithmetic of a device and its compiler.

    Kahan's *paranoia*, for accelerators: programs whose results under IEEE 754, operation by
    operation, and under each deviation are known exactly. Inputs are arguments of compiled
    programs, so that nothing is evaluated at compile time. 64-bit types are enabled for the
    duration of the call only; no other configuration changes.

    Parameters
    ----------
    device
        The device; None takes JAX's default device.
    quick
        Only what compiles in about a second: the most telling elementwise experiments, the bits
        that a default float32 dot keeps, half-precision dots of ones.

    Returns
    -------
    A :class:`Probe`. Two probes with the same digest agree on everything measured, which is
    necessary for bitwise equal results, not sufficient.

    Examples
    --------
    >>> measured = probe(quick=True)
    >>> 256 <= measured.ones["bfloat16"]["dot"] <= 4992
    True
    >>> len(measured.digest)
    12
    """
    if device is None:
        (device,) = jnp.zeros(()).devices()
    with jax.enable_x64(True), jax.default_device(device):
        sections = _quick() if quick else _full(device.platform)
    text = json.dumps(as_json(sections, reasons=False), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Probe(_system(device), **sections, digest=digest)


def fingerprint() -> Probe:
    """The quick probe of JAX's default device, which every run stores.

    Examples
    --------
    >>> fingerprint().digest == probe(quick=True).digest
    True
    """
    return probe(quick=True)


def as_json(tree: Any, reasons: bool = True) -> Any:
    """A probe, or a part of one, as JSON values; NamedTuples become objects.

    Parameters
    ----------
    tree
        The probe.
    reasons
        False leaves out why something is unmeasured: messages may change where results do not.

    Examples
    --------
    >>> as_json({"threads": Unmeasured("there is one CPU")})
    {'threads': {'unmeasured': 'there is one CPU'}}
    """
    if isinstance(tree, Unmeasured) and not reasons:
        return "unmeasured"
    if hasattr(tree, "_asdict"):
        tree = tree._asdict()
    if isinstance(tree, dict):
        return {key: as_json(value, reasons) for key, value in tree.items()}
    return tree


def _quick() -> dict[str, Any]:
    return {
        **_elementwise(_QUICK),
        "input_bits": {"float32": input_bits("float32", [jax.lax.Precision.DEFAULT])},
        "ones": {dtype: {"dot": dot_of_ones(dtype)} for dtype in _NARROW},
        **{empty: {} for empty in ("accumulators", "algorithms", "functions", "invariance")},
    }


def _full(platform: str) -> dict[str, Any]:
    unchanged = {dtype: invariance(dtype) for dtype in DTYPES}
    unchanged["float32"]["threads"] = thread_invariance(platform)
    return {
        **_elementwise((*_operations.MEANINGS, *_subnormals.MEANINGS)),
        "input_bits": {dtype: input_bits(dtype) for dtype in DTYPES},
        "ones": {dtype: ones(dtype) for dtype in _NARROW},
        "accumulators": {dtype: accumulators(dtype) for dtype in DTYPES},
        "algorithms": algorithms(),
        "functions": {dtype: function_errors(dtype) for dtype in DTYPES},
        "invariance": unchanged,
    }


def _elementwise(names: tuple[str, ...]) -> dict[str, Any]:
    """The named experiments; both kinds of one dtype share one compiled program."""
    found: dict[str, dict[str, Any]] = {"operations": {}, "subnormals": {}}
    for dtype in DTYPES:
        experiments = (*_operations.experiments(dtype), *_subnormals.experiments(dtype))
        seen = verdicts([one for one in experiments if one.name in names])
        for section, meanings in (
            ("operations", _operations.MEANINGS),
            ("subnormals", _subnormals.MEANINGS),
        ):
            found[section][dtype] = {name: seen[name] for name in meanings if name in seen}
    return found


def _system(device: Any) -> dict[str, str]:
    return {
        "jax": jax.__version__,
        "jaxlib": importlib.metadata.version("jaxlib"),
        "platform": device.platform,
        "device_kind": device.device_kind,
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
