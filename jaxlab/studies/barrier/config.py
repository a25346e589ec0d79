"""What study `barrier` computes: one frozen dataclass, three presets."""

import dataclasses

from jaxlab.studies._configs import CONTROL as CONTROL
from jaxlab.studies._configs import check_positive


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes and seeds of study `barrier`.

    Attributes
    ----------
    seed
        Every random number follows from it.
    """

    seed: int = 0
    # Part "family"
    # Part "table"
    # Part "trained"
    # Part "staircase"
    # Part "resolution"

    def __post_init__(self) -> None:
        check_positive(self)


_PAPER = Config()

PRESETS = {"quick": Config(), "paper": _PAPER, "large": dataclasses.replace(_PAPER)}
"""Named configurations; the first is the default. ``quick`` runs in two minutes on two cores."""
