"""The probe in words: a report of all of it, and the list of its departures from IEEE 754."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.probe import _operations, _subnormals
from jaxlab.arithmetic.probe._accumulators import Accumulator
from jaxlab.arithmetic.probe._experiments import DTYPES, Unmeasured
from jaxlab.arithmetic.probe._probe import Probe
from jaxlab.arithmetic.probe._summation import Order

_CIRCUMSTANCES = {
    "batch": "the size of the batch",
    "vmap": "jax.vmap",
    "jit": "jax.jit",
    "repetition": "repetition",
    "threads": "the number of CPUs",
}
_NAME, _CELL = 32, 17


def deviations(probe: Probe) -> list[str]:
    """Everything in a probe that departs from one correct rounding per operation, in words.

    The order of a sum is no departure, since IEEE 754 prescribes none; an accumulator that rounds
    otherwise than to nearest, or keeps fewer bits than the dtype, is. So are bits that depend on
    circumstances.

    Returns
    -------
    One line for each departure, and for what could not be measured; empty if there is none.

    Examples
    --------
    >>> from jaxlab.arithmetic.probe import probe
    >>> lines = deviations(probe(quick=True))
    >>> all(isinstance(line, str) for line in lines)
    True
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for section, meanings in (
        (probe.operations, _operations.MEANINGS),
        (probe.subnormals, _subnormals.MEANINGS),
    ):
        for name, meaning in meanings.items():
            for word, where in _dtypes_by_verdict(section, name).items():
                if word != "ieee":
                    found.setdefault((word, *where), []).append(meaning)
    lines = [f"{word} in {', '.join(at)}: {'; '.join(what)}" for (word, *at), what in found.items()]
    return lines + _of_dots(probe) + _of_circumstances(probe)


def format_probe(probe: Probe) -> str:
    """A probe as a text of at most 100 columns.

    Examples
    --------
    >>> from jaxlab.arithmetic.probe import probe
    >>> print(format_probe(probe(quick=True)))
    jax ...
    """
    system = probe.system
    lines = [
        f"jax {system['jax']}, jaxlib {system['jaxlib']}, {system['platform']}, "
        f"{system['device_kind']}",
        f"XLA_FLAGS: {system['xla_flags'] or 'none'}",
        f"numerics {probe.digest}",
    ]
    lines += _table("elementwise, under jit", probe.operations, _operations.MEANINGS)
    lines += _table("subnormals", probe.subnormals, _subnormals.MEANINGS)
    lines += _table("bits of its inputs that a dot uses, by precision", probe.input_bits)
    lines += _table("sum of 5000 ones", probe.ones)
    lines += _table("sums: accumulator bits, order", probe.accumulators)
    lines += _algorithms(probe.algorithms)
    lines += _table("worst observed error of functions, ulps", probe.functions)
    lines += _table("bits are independent of", probe.invariance, _CIRCUMSTANCES)
    lines += ["", "departures from IEEE 754, operation by operation"]
    for line in deviations(probe) or ["none"]:
        lines += textwrap.wrap(line, 100, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def _of_dots(probe: Probe) -> list[str]:
    lines = []
    for dtype, kept in probe.input_bits.items():
        precision = as_format(dtype).precision
        bits = kept["default"]
        if bits != precision:
            lines.append(f"{dtype} dots use {_cell(bits)} of {precision} bits of their inputs")
    for dtype, sums in probe.accumulators.items():
        for name, how in sums.items():
            if _rounds_otherwise(how, as_format(dtype).precision):
                lines.append(f"{dtype} {name} accumulates otherwise: {_cell(how)}")
    return lines


def _rounds_otherwise(how: Accumulator | Unmeasured, precision: int) -> bool:
    if isinstance(how, Unmeasured) or isinstance(how.order, Unmeasured):
        return True
    narrow = any(not isinstance(b, int) or b < precision for b in (how.bits, how.outer_bits))
    return narrow or not (how.order.name == "exact" or how.rounding == "nearest_even")


def _of_circumstances(probe: Probe) -> list[str]:
    lines = []
    for name, meaning in _CIRCUMSTANCES.items():
        for word, where in _dtypes_by_verdict(probe.invariance, name).items():
            if word is not True:
                verb = "bits depend on" if word is False else f"{word}: independence of"
                lines.append(f"{verb} {meaning}: {', '.join(where)}")
    return lines


def _dtypes_by_verdict(section: Mapping[str, Mapping[str, Any]], name: str) -> dict[Any, list[str]]:
    """The dtypes at which each verdict on one experiment was reached."""
    grouped: dict[Any, list[str]] = {}
    for dtype, results in section.items():
        if name in results:
            result = results[name]
            word = "not measured" if isinstance(result, Unmeasured) else result
            grouped.setdefault(word, []).append(dtype)
    return grouped


def _table(
    title: str,
    section: Mapping[str, Mapping[str, Any]],
    meanings: Mapping[str, str] | None = None,
) -> list[str]:
    """One row for each name, one column for each dtype."""
    if not section:
        return []
    names = list(dict.fromkeys(name for results in section.values() for name in results))
    label: Callable[[str], str] = lambda name: (meanings or {}).get(name, name)  # noqa: E731
    columns = [dtype for dtype in DTYPES if dtype in section]
    lines = ["", _row(title, []), _row("", columns)]
    for name in names:
        cells = [_cell(section[dtype].get(name, "")) for dtype in columns]
        lines.append(_row("  " + label(name), cells))
    reasons = {
        f"  {dtype} {label(name)}: {result.unmeasured}"
        for dtype, results in section.items()
        for name, result in results.items()
        if isinstance(result, Unmeasured)
    }
    return lines + sorted(reasons)


def _algorithms(algorithms: Mapping[str, Any]) -> list[str]:
    if not algorithms:
        return []
    lines = ["", "dot algorithms on float32", _row("", ["verdict", "input bits", "accumulator"])]
    for name, found in algorithms.items():
        lines.append(_row("  " + name, [_cell(value) for value in found]))
    return lines


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<{_NAME}}{''.join(f'{cell:<{_CELL}}' for cell in cells)}".rstrip()


def _cell(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Unmeasured():
            return "-"
        case Accumulator(order=Order() as order, bits=bits, rounding=rounding):
            parts = [str(bits), order.name, str(order.block or "")]
            parts += [f"x{order.fan_in}"] if order.fan_in > 2 else []
            parts += [rounding] if rounding != "nearest_even" and isinstance(rounding, str) else []
            return " ".join(part for part in parts if part)
        case Accumulator():
            return "-"
        case _:
            return str(value)
