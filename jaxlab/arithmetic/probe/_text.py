"""The probe in words: a report of all of it, and the list of its departures from IEEE 754."""

import itertools
import textwrap
from collections.abc import Mapping
from typing import Any

from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.probe import _operations, _subnormals
from jaxlab.arithmetic.probe._accumulators import Accumulator
from jaxlab.arithmetic.probe._experiments import DTYPES, Unmeasured
from jaxlab.arithmetic.probe._probe import Probe

_CIRCUMSTANCES = {
    "batch": "the size of the batch",
    "vmap": "jax.vmap",
    "jit": "jax.jit",
    "repetition": "repetition",
    "threads": "the number of CPUs",
}
_HARMLESS = ("nearest_even", "unseen")
_WIDTH, _NAME, _CELL = 100, 32, 17


def deviations(probe: Probe) -> list[str]:
    """Everything in a probe that departs from one correct rounding per operation, in words.

    The order of a sum is no departure, since IEEE 754 prescribes none; an accumulator that rounds
    otherwise than to nearest, or keeps fewer bits than the dtype, is. So are bits that depend on
    circumstances. The errors of elementary functions are not counted, except that of the square
    root, which IEEE 754 wants rounded correctly: others are in the probe's ``functions``.

    Returns
    -------
    One line for each departure, then for what could not be measured; empty if there is none.

    Examples
    --------
    >>> from jaxlab.arithmetic.probe import probe
    >>> tf32 = probe(quick=True)._replace(
    ...     operations={"float32": {"fma": "fused", "divide": "ieee"}},
    ...     subnormals={},
    ...     input_bits={"float32": {"default": 11, "highest": 24}},
    ... )
    >>> deviations(tf32)
    ['fused in float32: a*b + c',
     'float32 dots use 11 of 24 bits of their inputs at default precision']
    """
    return [
        *_of_experiments(probe.operations, _operations.MEANINGS),
        *_of_experiments(probe.subnormals, _subnormals.MEANINGS),
        *_of_input_bits(probe),
        *_of_accumulators(probe),
        *_of_circumstances(probe),
        *_not_measured(probe),
    ]


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
        *_wrapped(
            f"jax {system['jax']}, jaxlib {system['jaxlib']}, {system['platform']}, "
            f"{system['device_kind']}"
        ),
        *_wrapped(f"XLA_FLAGS: {system['xla_flags'] or 'none'}"),
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
        lines += _wrapped(line, "  ")
    return "\n".join(lines)


def _of_experiments(
    section: Mapping[str, Mapping[str, Any]], meanings: Mapping[str, str]
) -> list[str]:
    """One line for each word and the dtypes that it holds for."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, meaning in meanings.items():
        for word, where in _dtypes_by_verdict(section, name).items():
            if word not in ("ieee", None):
                found.setdefault((word, *where), []).append(meaning)
    return [f"{word} in {', '.join(at)}: {'; '.join(what)}" for (word, *at), what in found.items()]


def _of_input_bits(probe: Probe) -> list[str]:
    lines = []
    for dtype, kept in probe.input_bits.items():
        full = as_format(dtype).precision
        fewer: dict[int, list[str]] = {}
        for precision, bits in kept.items():
            if isinstance(bits, int) and bits < full:
                fewer.setdefault(bits, []).append(precision)
        lines += [
            f"{dtype} dots use {bits} of {full} bits of their inputs at {', '.join(at)} precision"
            for bits, at in fewer.items()
        ]
    return lines


def _of_accumulators(probe: Probe) -> list[str]:
    return [
        f"{dtype} {name} accumulates otherwise: {_cell(how)}"
        for dtype, sums in probe.accumulators.items()
        for name, how in sums.items()
        if isinstance(how, Accumulator) and _rounds_otherwise(how, as_format(dtype).precision)
    ]


def _rounds_otherwise(how: Accumulator, precision: int) -> bool:
    narrowest = how.bits if how.outer_bits is None else min(how.bits, how.outer_bits)
    return narrowest < precision or how.rounding not in _HARMLESS


def _of_circumstances(probe: Probe) -> list[str]:
    lines = []
    for name, meaning in _CIRCUMSTANCES.items():
        where = _dtypes_by_verdict(probe.invariance, name).get(False)
        if where:
            lines.append(f"bits depend on {meaning}: {', '.join(where)}")
    return lines


def _not_measured(probe: Probe) -> list[str]:
    """One line for each set of dtypes in which the same things have no result."""
    titles = {
        "operations": _operations.MEANINGS,
        "subnormals": _subnormals.MEANINGS,
        "input_bits": "input bits of dots at {} precision",
        "accumulators": "accumulator of {}",
        "invariance": {
            name: f"independence of {meaning}" for name, meaning in _CIRCUMSTANCES.items()
        },
    }
    found: dict[tuple[str, ...], list[str]] = {}
    for field, title in titles.items():
        section = getattr(probe, field)
        for name in dict.fromkeys(itertools.chain.from_iterable(section.values())):
            where = _dtypes_by_verdict(section, name).get(None)
            if where:
                what = title.format(name) if isinstance(title, str) else title[name]
                found.setdefault(tuple(where), []).append(what)
    return [f"not measured in {', '.join(at)}: {'; '.join(what)}" for at, what in found.items()]


def _dtypes_by_verdict(section: Mapping[str, Mapping[str, Any]], name: str) -> dict[Any, list[str]]:
    """The dtypes at which each verdict on one experiment was reached; None for not measured."""
    grouped: dict[Any, list[str]] = {}
    for dtype, results in section.items():
        if name in results:
            result = results[name]
            grouped.setdefault(None if isinstance(result, Unmeasured) else result, []).append(dtype)
    return grouped


def _table(
    title: str,
    section: Mapping[str, Mapping[str, Any]],
    meanings: Mapping[str, str] | None = None,
) -> list[str]:
    """One row for each name, one column for each dtype; then why something was not measured."""
    if not section:
        return []
    names = dict.fromkeys(itertools.chain.from_iterable(section.values()))
    labels = {name: (meanings or {}).get(name, name) for name in names}
    columns = [dtype for dtype in DTYPES if dtype in section]
    lines = ["", title, *_row("", columns)]
    for name, label in labels.items():
        lines += _row("  " + label, [_cell(section[dtype].get(name, "")) for dtype in columns])
    reasons = {
        f"{dtype} {labels[name]}: {result.unmeasured}"
        for dtype, results in section.items()
        for name, result in results.items()
        if isinstance(result, Unmeasured)
    }
    return [*lines, *(line for reason in sorted(reasons) for line in _wrapped(reason, "  "))]


def _algorithms(algorithms: Mapping[str, Any]) -> list[str]:
    if not algorithms:
        return []
    columns = ["verdict", "input bits", "passes", "accumulator"]
    lines = ["", "dot algorithms on float32", *_row("", columns)]
    for name, found in algorithms.items():
        lines += _row("  " + name, [_cell(value) for value in found])
    return lines


def _row(name: str, cells: list[str]) -> list[str]:
    """A name and its cells, on as many lines as the longest cell takes."""
    wrapped = [textwrap.wrap(cell, _CELL - 1) for cell in cells]
    return [
        f"{label:<{_NAME}}{''.join(f'{part:<{_CELL}}' for part in parts)}".rstrip()
        for label, *parts in itertools.zip_longest([name], *wrapped, fillvalue="")
    ]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")


def _cell(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Unmeasured():
            return "-"
        case Accumulator(order=order):
            widths = dict.fromkeys(bits for bits in (value.bits, value.outer_bits) if bits)
            shown = "/".join(f">={bits}" if bits == value.limit else str(bits) for bits in widths)
            parts = [shown, order.name]
            parts += [str(order.block)] if order.block else []
            parts += [f"x{order.fan_in}"] if order.fan_in > 2 and order.name != "exact" else []
            parts += [value.rounding] if value.rounding not in _HARMLESS else []
            return " ".join(parts)
        case _:
            return str(value)
