"""The state of a walk: the domain, and the values on it that are still needed."""

from typing import Any

import numpy as np

from jaxlab.regions._function.domains import Change, Domain
from jaxlab.regions._function.program import Instruction
from jaxlab.regions._function.values import Affine, Operand, Step, Value
from jaxlab.regions._line.host import TOLERANCE


class State:
    """What the primitives work on.

    Attributes
    ----------
    domain
        The line or plane as cut so far.
    values
        The live values by slot; every cut carries them along.
    zero
        The scalar 0 on the domain.
    undecided
        Decisions within the tolerance that were not exact.
    at
        The equation at hand.
    """

    def __init__(self, domain: Domain, values: dict[int, Value], zero: Affine, limit: int) -> None:
        self.domain: Any = domain
        self.values = values
        self.zero = zero
        self.limit = limit
        self.undecided = 0
        self.at: Instruction | None = None

    def split(self, form: Affine, *others: Any) -> tuple[np.ndarray, list[Any]]:
        """Refine by a form: its rows, with zeros exactly 0, and the other values carried along."""
        if not np.isfinite(2 * form.size).all():
            raise not_finite()
        thresholds = form.size[0].ravel() * TOLERANCE
        before, flat = self.domain.cells, form.rows.reshape(len(form.rows), -1)
        self.domain, change, forms, undecided = self.domain.refine(flat, thresholds)
        self.undecided += undecided
        if self.domain.cells > self.limit:
            raise ValueError(
                f"limit: got {self.limit}, expected at least {self.domain.cells} regions"
            )
        forms = forms.reshape(len(forms), *form.shape)
        return forms, list(others) if self.domain.cells == before else self._carry(change, others)

    def join(self, decisions: np.ndarray, age: int, *others: Any) -> list[Any]:
        """Take back cuts since an age where decisions are equal; the other values carried along."""
        self.domain, change = self.domain.join(decisions, age)
        return self._carry(change, others)

    def _carry(self, change: Change, others: Any) -> list[Any]:
        self.values = {number: x.carry(change) for number, x in self.values.items()}
        self.zero = self.zero.carry(change)
        return [x.carry(change) if isinstance(x, Value) else x for x in others]

    def settle(self) -> None:
        """No cell changes from here on: let the sizes follow those of the slopes, too."""
        self.zero = self.zero.settled()
        self.values = {
            number: x.settled() if isinstance(x, Affine) else x for number, x in self.values.items()
        }

    def touching(self, flags: np.ndarray) -> np.ndarray:
        """Cells with a vertex that has the flag, for flags of any shape."""
        found = self.domain.touching(flags.reshape(len(flags), -1))
        return found.reshape(len(found), *flags.shape[1:])

    def around(self, step: Step) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest value in the cells around each vertex."""
        least, greatest = self.domain.around(step.cells.reshape(len(step.cells), -1))
        shape = (len(least), *step.shape)
        return least.reshape(shape), greatest.reshape(shape)

    def affine(self, x: Operand) -> Affine:
        """A constant, or a step without jumps, as an affine value."""
        if isinstance(x, Affine):
            return x
        if isinstance(x, Step):
            if (x.cells != x.cells[0]).any():
                raise self.jump()
            x = np.asarray(x.cells[0])
        return self.zero.broadcast(np.shape(x)).plus(x)

    def jump(self) -> ValueError:
        """The error for a discontinuity here."""
        return ValueError(f"fn: got a jump at {self._here()}, expected a continuous function")

    def refusal(self) -> TypeError:
        """The error for what is not piecewise affine."""
        return TypeError(
            f"fn: got {self._here()} of values that depend on the input, expected a piecewise "
            "affine function"
        )

    def _here(self) -> str:
        return f"{self.at.name} ({self.at.source})" if self.at else "the output"


def not_finite() -> ValueError:
    """The error for infinities and NaNs."""
    return ValueError("fn: not finite on the domain, expected finite values and constants")
