"""One operation under the microscope: its measurements and the figures derived from them."""

from typing import NamedTuple

import numpy as np

from jaxlab.arithmetic._shadow._records import MAXIMA, Counts, bins
from jaxlab.arithmetic._shadow._run import INPUT, Blame
from jaxlab.arithmetic._source import Location
from jaxlab.arithmetic.formats import Format


class Row(NamedTuple):
    """One operation of the program, all its iterations.

    Attributes
    ----------
    path
        Position in the program, such as ``"3.0.12"``; ``"input0"`` for an argument, and for a
        constant array ``"const0"``, below the path of a program that holds it.
    primitive
        Name of the operation; ``"store"`` for an argument or a constant array.
    location
        File, line and function of the user's code; for a ``"store"`` what is stored.
    scope
        Named scopes around it, outermost first, joined by ``/``; "" if there are none.
    backward
        Whether it belongs to the backward pass.
    part
        The part of the computation, of :data:`jaxlab.arithmetic.PARTS`; ``storage`` for a
        ``"store"``.
    format
        The format that it rounds to.
    counts
        See :class:`Counts`: NumPy arrays whose leading axes are iterations of scans.
    blame
        See :class:`Blame`, likewise; None inside ``while`` loops, where errors are not traced.
    """

    path: str
    primitive: str
    location: Location
    scope: str
    backward: bool
    part: str
    format: Format
    counts: Counts
    blame: Blame | None

    @property
    def made(self) -> float:
        """Signed contribution of the rounding errors made here to the error of the result."""
        return self._blamed("made")

    @property
    def underflowed(self) -> float:
        """The part of ``made`` that is underflow, to subnormals or to zero."""
        return self._blamed("underflowed")

    @property
    def absorbed(self) -> float:
        """The part of ``made``, underflow aside, of nonzero addends that changed nothing."""
        return self._blamed("absorbed")

    @property
    def through(self) -> float:
        """Signed contribution of the errors that pass through here, made before."""
        return self._blamed("through")

    @property
    def cancelled(self) -> float:
        """The part of ``through`` in entries in which many leading bits cancelled."""
        return self._blamed("cancelled")

    @property
    def growth(self) -> float:
        """``cancelled`` over the largest relative error of an input: what a cancellation costs.

        The largest over the iterations; 0 where no input has an error, or blame is not known.
        """
        if self.blame is None:
            return 0.0
        size = self.counts.input_error
        with np.errstate(all="ignore"):
            ratio = np.where(size > 0, np.abs(self.blame.cancelled) / size, 0.0)
        return float(np.max(np.nan_to_num(ratio, nan=0.0), initial=0.0))

    def _blamed(self, field: str) -> float:
        return 0.0 if self.blame is None else float(np.sum(getattr(self.blame, field)))

    @property
    def amplification(self) -> float:
        """Normwise relative error due to the inputs over the largest relative error of an input.

        The largest over the iterations; 0 where no input has an error.
        """
        c = self.counts
        with np.errstate(all="ignore"):
            inherited = np.sqrt(c.inherited / np.where(c.reference == 0, 1.0, c.reference))
            ratio = np.where(c.input_error > 0, inherited / c.input_error, 0.0)
        return float(np.max(np.nan_to_num(ratio, nan=0.0), initial=0.0))

    @property
    def local(self) -> float:
        """Normwise relative rounding error made here, over all iterations."""
        return self._relative("local")

    @property
    def inherited(self) -> float:
        """Normwise relative error due to the inputs, over all iterations."""
        return self._relative("inherited")

    def _relative(self, field: str) -> float:
        size = np.sum(self.counts.reference)
        return float(np.sqrt(np.sum(getattr(self.counts, field)) / (size if size else 1.0)))

    @property
    def label(self) -> str:
        """The scope, or else the file and line; all arguments have one label, and constants too."""
        if self.path.startswith(INPUT):
            return "arguments"
        return self.scope or ("constants" if self.primitive == "store" else self.location.short)

    @property
    def exponents(self) -> tuple[np.ndarray, np.ndarray]:
        """Binary exponents, and how many results have them, over all iterations.

        The first bin holds all below the smallest number of the format, the last one all beyond
        its largest binade.
        """
        levels = bins(self.format)
        return levels, np.sum(np.reshape(self.counts.exponents, (-1, levels.size)), 0)

    def total(self, field: str) -> float:
        """Sum (largest, for the fields that are maxima) of a count over all iterations."""
        values = np.asarray(getattr(self.counts, field))
        return float(np.max(values, initial=0.0) if field in MAXIMA else np.sum(values))
