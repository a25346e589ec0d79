"""The claims of a study as a table for the terminal and as JSON."""

import collections
import textwrap
from collections.abc import Sequence

from jaxlab.studies._study import Claim

VERDICTS = ("supported", "refuted", "inconclusive", "not comparable")
_HEADINGS = ("verdict", "statement", "expected", "measured")
_GAP = "  "
_NARROW = 72


def format_claims(claims: Sequence[Claim], width: int) -> str:
    """Lay out claims for a terminal.

    Parameters
    ----------
    claims
        The claims.
    width
        Number of columns. Below 72 the claims are stacked instead of tabulated.

    Returns
    -------
    Lines of at most ``max(width, 20)`` characters, the tally last.

    Examples
    --------
    >>> claim = Claim("Two is even.", "Euclid", "0", "0", "exact", "supported")
    >>> print(format_claims([claim], 72))
    verdict    statement     expected  measured
    ---------  ------------  --------  ---------
    supported  Two is even.  0         0 (exact)
    <BLANKLINE>
    1 claim: 1 supported
    """
    width = max(width, 20)
    lines = _tabulated(claims, width) if width >= _NARROW else _stacked(claims, width)
    return "\n".join([*lines, "", *textwrap.wrap(tally(claims), width)])


def tally(claims: Sequence[Claim]) -> str:
    """Count the verdicts in one line.

    Examples
    --------
    >>> tally([Claim("", "", "", "", "", "refuted"), Claim("", "", "", "", "", "supported")])
    '2 claims: 1 supported, 1 refuted'
    >>> tally([])
    '0 claims'
    """
    counts = collections.Counter(claim.verdict for claim in claims)
    parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    total = f"{len(claims)} claim{'' if len(claims) == 1 else 's'}"
    return f"{total}: {', '.join(parts)}" if parts else total


def with_interval(claim: Claim) -> str:
    """The measured value with its interval in parentheses, unless there is none."""
    return f"{claim.measured} ({claim.interval})" if claim.interval else claim.measured


def _tabulated(claims: Sequence[Claim], width: int) -> list[str]:
    rows = [(c.verdict, c.statement, c.expected, with_interval(c)) for c in claims]
    columns = _column_widths(rows, width)
    lines = [_HEADINGS, tuple("-" * column for column in columns)]
    out = [_GAP.join(f"{t:<{c}}" for t, c in zip(r, columns, strict=True)).rstrip() for r in lines]
    for row in rows:
        cells = [textwrap.wrap(t, c) or [""] for t, c in zip(row, columns, strict=True)]
        for at in range(max(len(cell) for cell in cells)):
            texts = [cell[at] if at < len(cell) else "" for cell in cells]
            padded = (f"{t:<{c}}" for t, c in zip(texts, columns, strict=True))
            out.append(_GAP.join(padded).rstrip())
    return out


def _column_widths(rows: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """Natural widths where they fit; else the widest columns give way, down to twelve."""
    table = [_HEADINGS, *rows]
    columns = [max(len(row[i]) for row in table) for i in range(len(_HEADINGS))]
    room = width - len(_GAP) * (len(columns) - 1)
    while sum(columns) > room:
        # A statement is a sentence: it may be twice as wide as a value before it gives way.
        weights = [0.0, columns[1] / 2.0, float(columns[2]), float(columns[3])]
        columns[weights.index(max(weights))] -= 1
    return columns


def _stacked(claims: Sequence[Claim], width: int) -> list[str]:
    lines = []
    for claim in claims:
        lines += textwrap.wrap(f"{claim.verdict.upper()}: {claim.statement}", width)
        for label, text in (("expected", claim.expected), ("measured", with_interval(claim))):
            lines += textwrap.wrap(
                f"{label} {text}", width, initial_indent="  ", subsequent_indent="    "
            )
    return lines
