"""What the microscope saw, as data, as a table and as a picture."""

import dataclasses
from typing import Any

import numpy as np

from jaxlab.arithmetic._shadow._findings import NOTABLE, Finding, findings
from jaxlab.arithmetic._shadow._row import Row
from jaxlab.arithmetic.formats import Format


@dataclasses.dataclass(frozen=True)
class Trace:
    """Everything :func:`jaxlab.arithmetic.shadow` measured; print ``trace.table()`` first.

    Attributes
    ----------
    format
        The format of the forward pass.
    rows
        One :class:`Row` per operation, in the order of the program.
    errors
        Normwise relative forward error of every floating output, by its path in the result. An
        output below ``2**-40`` of the largest is zero up to rounding of the twin, and measured
        against the largest.
    finite
        Whether every floating output is finite.
    """

    format: Format
    rows: tuple[Row, ...]
    errors: dict[str, float]
    finite: bool

    @property
    def measured(self) -> float:
        """Sum of the relative errors of the outputs: what there is to explain."""
        return float(sum(error for error in self.errors.values() if np.isfinite(error)))

    @property
    def explained(self) -> float:
        """Sum of the contributions of all rounding errors: equal to first order."""
        return float(sum(row.made for row in self.rows))

    @property
    def masked_nan(self) -> bool:
        """Whether a NaN arose and does not show in the result."""
        return self.finite and any(row.total("nan_born") for row in self.rows)

    def by_blame(self) -> list[Row]:
        """Rows by the size of their contribution to the error, largest first."""
        return sorted(self.rows, key=lambda row: -abs(row.made))

    def findings(self) -> list[Finding]:
        """What went wrong, worst first."""
        return findings(self.rows, self.measured, self.finite, self.format)

    def table(self, most: int = 12) -> str:
        """The worst finding of every kind, and the operations with the largest contributions.

        Parameters
        ----------
        most
            Largest number of operations to show.
        """
        return "\n".join([*self._verdict(), "", *_rows(self, most)])

    def _verdict(self) -> list[str]:
        u = self.format.unit_roundoff
        flipped = sum(row.total("flipped") for row in self.rows)
        lines = [
            f"{self.format.name}: "
            + ("" if self.finite else "the result is not finite; of its finite outputs the ")
            + f"relative error {self.measured:.3g} = {self.measured / u:.3g} u, "
            f"of which {self.explained:.3g} is explained to first order"
            + (f"; {flipped:.0f} comparisons decided otherwise" if flipped else "")
        ]
        worst = max(self.errors, key=lambda path: np.nan_to_num(self.errors[path]), default="")
        if len(self.errors) > 1 and self.errors[worst] > self.measured / 2:
            lines.append(f"Most of it is in the output {worst}.")
        seen = set()
        for finding in self.findings():
            if finding.kind in seen or finding.severity < NOTABLE:
                continue
            seen.add(finding.kind)
            lines += ["", f"{finding.kind}: {finding.message}", f"  {_where(finding.row)}"]
            code = finding.row.location.code
            lines += [f"    {code}"] if code else []
        return lines

    def plot(self, ax: Any = None, most: int = 24) -> Any:
        """Heat map of the contributions: layers (scopes, or lines) by forward and backward pass.

        Parameters
        ----------
        ax
            Matplotlib axes; None makes new ones.
        most
            Largest number of layers to show.

        Returns
        -------
        The axes.
        """
        from jaxlab.arithmetic._shadow._figure import heat_map

        return heat_map(self, ax, most)


def _where(row: Row) -> str:
    where = f"{row.location.file}:{row.location.line} in {row.location.function}"
    if not row.location.line:
        where = row.location.file
    passing = "backward" if row.backward else "forward"
    parts = [where, row.primitive, f"{passing} pass", row.scope, _iteration(row)]
    return ", ".join(part for part in parts if part)


def _iteration(row: Row) -> str:
    """The iteration of a scan that most of the error is made in or passes through, if there is."""
    if row.blame is None or row.blame.made.ndim == 0:
        return ""
    share = np.abs(row.blame.made) + np.abs(row.blame.cancelled)
    worst = np.unravel_index(np.argmax(share), share.shape)
    if share[worst] <= np.sum(share) / 2:
        return ""
    return f"mostly iteration {', '.join(map(str, worst))}"


def _rows(trace: Trace, most: int) -> list[str]:
    u = trace.format.unit_roundoff
    made = sum(abs(row.made) for row in trace.rows) or 1.0
    table = [("blame", "operation", "pass", "where", "scope", "local/u", "growth", "events")]
    for row in trace.by_blame()[:most]:
        table.append(
            (
                f"{row.made / made:+.1%}",
                row.primitive,
                "backward" if row.backward else "forward",
                row.location.short,
                row.scope,
                f"{row.local / u:.2g}",
                f"{row.amplification:.2g}",
                _events(row),
            )
        )
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    return [
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in table
    ]


def _events(row: Row) -> str:
    names = ("overflow", "underflow", "subnormal", "absorbed", "nan_born", "flipped")
    events = [f"{name} {row.total(name):.0f}" for name in names if row.total(name)]
    bits = row.total("cancelled_bits")
    return ", ".join(events + ([f"cancelled {bits:.0f} bits"] if bits >= 1 else []))
