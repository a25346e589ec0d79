"""Claims that compare several expected figures with measured proportions, each one visibly."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from jaxlab.studies._judging import interval, judge
from jaxlab.studies._statistics import Estimate
from jaxlab.studies._study import Claim, Verdict


class Expected(NamedTuple):
    """A figure, and how the reference prints it.

    Attributes
    ----------
    value
        From its law, computed here; if there is none, what the reference prints.
    printed
        The digits of the reference, if it prints this figure.
    slack
        Uncertainty of ``value`` itself: three standard errors of an estimate of the reference.

    Examples
    --------
    >>> str(Expected(0.1321489, "0.132149")), str(Expected(0.88, "0.88", 0.01))
    ('0.132149', '0.88±0.01')
    >>> str(Expected(0.7500004, "0.76")), str(Expected(2 / 3))
    ('0.75 (printed: 0.76)', '0.666667')
    """

    value: float
    printed: str = ""
    slack: float = 0.0

    def __str__(self) -> str:
        if not self.printed:
            return f"{self.value:.6g}"
        digits = Decimal(self.printed)
        rounded = Decimal(self.value).quantize(digits)
        note = "" if rounded == digits else f" (printed: {self.printed})"
        return f"{rounded}{note}" + (f"±{self.slack:.2g}" if self.slack else "")

    def verdict(self, measured: Estimate) -> Verdict:
        """Refuted if the interval misses the figure; an unbounded interval supports nothing."""
        met = measured.low - self.slack <= self.value <= measured.high + self.slack
        return judge(met and math.isfinite(measured.high), not met)


class Between(NamedTuple):
    """A range in which a figure is expected.

    Examples
    --------
    >>> reported = Between(Expected(0.9), Expected(1.0))
    >>> str(reported), reported.verdict(Estimate(0.91, 0.89, 0.93, 0.99))
    ('0.9 to 1', 'inconclusive')
    """

    low: Expected
    high: Expected

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"

    def verdict(self, measured: Estimate) -> Verdict:
        """Supported if the whole interval is in the range, refuted if none of it is."""
        inside = self.low.value <= measured.low and measured.high <= self.high.value
        outside = measured.high < self.low.value or self.high.value < measured.low
        return judge(inside, outside)


def estimates(printed: str, error: float) -> Expected:
    """A Monte Carlo estimate of the reference with its standard error.

    Examples
    --------
    >>> str(estimates("0.8799", 3e-4))
    '0.8799±0.0009'
    """
    return Expected(float(printed), printed, 3 * error)


def compare(
    statement: str,
    source: str,
    figures: Mapping[str, tuple[Expected | Between, Estimate]],
    *,
    digits: int = 4,
) -> list[Claim]:
    """One claim on some figures: refuted if one of them is, supported if all of them are.

    Parameters
    ----------
    statement, source
        Of the claim.
    figures
        By name, what is expected and what was measured, with simultaneous intervals. With none
        there is no claim.
    digits
        Decimals of what was measured.

    Examples
    --------
    >>> figures = {"N=2": (Expected(0.25), Estimate(0.26, 0.24, 0.28, 0.99))}
    >>> compare("A quarter dies", "law", figures)[0].measured
    'N=2: 0.2600 (supported)'
    """
    if not figures:
        return []
    verdicts = [expected.verdict(measured) for expected, measured in figures.values()]
    shown = [
        f"{name}: {measured.value:.{digits}f} ({verdict})"
        for (name, (_, measured)), verdict in zip(figures.items(), verdicts, strict=True)
    ]
    return [
        Claim(
            statement,
            source,
            "; ".join(f"{name}: {expected}" for name, (expected, _) in figures.items()),
            "; ".join(shown),
            interval(*(measured for _, measured in figures.values()), digits=digits),
            judge(set(verdicts) == {"supported"}, "refuted" in verdicts),
        )
    ]
