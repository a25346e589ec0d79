"""From measurements to a diagnosis: what went wrong, on which line, and how much it matters."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxlab.arithmetic._shadow._row import Row
from jaxlab.arithmetic._shadow._run import notable_bits
from jaxlab.arithmetic.formats import Format

NOTABLE = 0.02
"""The severity from which a finding is worth printing."""


class Finding(NamedTuple):
    """Something that an operation did to the result.

    Attributes
    ----------
    severity
        From 0 to 1: the share of the error of the result that is due to it, halved for mere
        rounding, which is no fault; above 1 for what makes the result, or a value on the way,
        infinite or NaN. Where the result is not finite, its error is unknown, and the relative
        error of the operation's own result stands in.
    kind
        ``nan``, ``infinity`` (of finite inputs, as in 1/0), ``overflow``, ``underflow``,
        ``cancellation``, ``absorption`` or ``rounding``.
    row
        The operation.
    message
        One sentence.
    """

    severity: float
    kind: str
    row: Row
    message: str


def findings(rows: Sequence[Row], error: float, finite: bool, fmt: Format) -> list[Finding]:
    """What went wrong, worst first; in the order of the program where equally bad.

    Parameters
    ----------
    rows
        The operations, in the order of the program.
    error
        Error of the result that there is to explain.
    finite
        Whether the result is finite.
    fmt
        The format.
    """
    made = sum(abs(row.made) for row in rows) or 1.0
    found = []
    for row in rows:
        found += _exceptional(row, finite)
        found += _underflow(row, error or 1.0, finite)
        found += _cancellation(row, error or 1.0, finite, fmt)
        found += _absorption(row, error or 1.0, finite)
        found += _rounding(row, made)
    return sorted(found, key=lambda finding: -finding.severity)


def _exceptional(row: Row, finite: bool) -> list[Finding]:
    fate = "masked before the result" if finite else "and the result is not finite"
    beyond = row.total("overflow")
    counts = {
        "nan": (row.total("nan_born") - beyond, "become NaN here, from inputs without NaN"),
        "infinity": (row.total("inf_born") - beyond, "become infinite here, from finite inputs"),
        "overflow": (beyond, "exceed the format"),
    }  # what exceeds the format becomes infinite or NaN too
    return [
        Finding(2.0 if finite else 3.0, kind, row, f"{count:.0f} of {_of(row)} {what}; {fate}")
        for kind, (count, what) in counts.items()
        if count > 0
    ]


def _underflow(row: Row, error: float, finite: bool) -> list[Finding]:
    zeros, tiny = row.total("underflow"), row.total("subnormal")
    if not zeros + tiny:
        return []
    share = min(1.0, abs(row.underflowed) / error if finite else row.local)
    message = f"of {_of(row)} {zeros:.0f} underflow to zero and {tiny:.0f} are subnormal: "
    return [Finding(share, "underflow", row, message + _share(share, finite))]


def _cancellation(row: Row, error: float, finite: bool, fmt: Format) -> list[Finding]:
    bits, least = row.total("cancelled_bits"), notable_bits(fmt)
    growth = row.growth if finite else row.amplification
    share = min(1.0, abs(row.cancelled) / error if finite else row.inherited)
    if bits < least or growth < 2**least:
        return []
    message = (
        f"{bits:.0f} of {fmt.precision} leading bits cancel; relative errors made before grow "
        f"{growth:.2g}-fold: {_share(share, finite)}"
    )
    return [Finding(share * (1 - 1 / growth), "cancellation", row, message)]


def _absorption(row: Row, error: float, finite: bool) -> list[Finding]:
    lost = row.total("absorbed")
    if not lost:
        return []
    share = min(1.0, abs(row.absorbed) / error if finite else row.local)
    message = f"a nonzero addend changes nothing in {lost:.0f} of {_of(row)}: "
    return [Finding(share, "absorption", row, message + _share(share, finite))]


def _rounding(row: Row, made: float) -> list[Finding]:
    share = abs(row.made - row.underflowed - row.absorbed) / made
    if share < NOTABLE:
        return []
    message = f"rounding errors made here are {share:.0%} of all, weighted by their effect"
    return [Finding(share / 2, "rounding", row, message)]


def _of(row: Row) -> str:
    return f"{row.total('entries'):.0f} entries"


def _share(share: float, finite: bool) -> str:
    return f"{share:.0%} of the error of the result" if finite else f"relative error {share:.2g}"
