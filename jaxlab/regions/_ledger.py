"""What a certified count keeps: the doubtful decisions, and the bounds that it found."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxlab.regions import _exact


@dataclass
class Ledger:
    """Doubtful decisions, and how many of them were settled; all of a stage, or none."""

    effort: int
    doubtful: int = 0
    settled: int = 0
    reason: str = ""

    def allows(self, decisions: int) -> bool:
        """Whether so many more decisions can be settled exactly."""
        self.doubtful += decisions
        if decisions == 0:
            return True
        if self.settled + decisions > self.effort:
            needed = self.settled + decisions
            self.reason = f"effort: got {self.effort}, expected at least {needed} exact decisions"
            return False
        try:
            _exact.flint()
        except ImportError as error:
            self.reason = str(error)
            return False
        self.settled += decisions
        return True


class Found(NamedTuple):
    """Bounds of both counts; of pieces trivial ones, if they were not asked for."""

    lower: int
    upper: int
    pieces_lower: int
    pieces_upper: int
