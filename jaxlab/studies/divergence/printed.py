"""Claims that a computation reproduces printed digits."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from jaxlab.studies._judging import judge
from jaxlab.studies._study import Claim


class Digits(NamedTuple):
    """A printed number and what was computed in its place.

    Attributes
    ----------
    printed
        With all its digits; the last one may be wrong by half a unit.
    measured
        The number computed here.
    error
        An estimate of its error.

    Examples
    --------
    >>> Digits("0.443", 0.44285).met, Digits("0.443", 0.4424).met, Digits("0.443", 0.4424, 2e-4).met
    (True, False, True)
    """

    printed: str
    measured: float
    error: float = 0.0

    @property
    def half(self) -> float:
        """Half a unit of the last printed digit."""
        exponent = Decimal(self.printed).as_tuple().exponent
        return 0.5 * 10.0 ** int(exponent)

    @property
    def met(self) -> bool:
        """Whether a number that rounds to the printed one is within the error."""
        room = self.half + self.error
        return abs(self.measured - float(self.printed)) <= room * (1 + 1e-9)


def digits(statement: str, source: str, figures: Mapping[str, Digits]) -> Claim:
    """One claim on some printed numbers: refuted if one of them is not met.

    Examples
    --------
    >>> claim = digits("A third", "school", {"1/3": Digits("0.33", 1 / 3)})
    >>> claim.measured, claim.verdict
    ('1/3: 0.333333 (yes)', 'supported')
    """
    met = [figure.met for figure in figures.values()]
    places = {name: len(Decimal(f.printed).as_tuple().digits) + 1 for name, f in figures.items()}
    worst = max(figure.error / figure.half for figure in figures.values())
    return Claim(
        statement,
        source,
        "; ".join(f"{name}: {figure.printed}" for name, figure in figures.items()),
        "; ".join(
            f"{name}: {figure.measured:.{max(6, places[name])}g} ({'yes' if figure.met else 'no'})"
            for name, figure in figures.items()
        ),
        f"error at most {worst:.2g} of half a printed digit",
        judge(all(met), not all(met)),
    )
