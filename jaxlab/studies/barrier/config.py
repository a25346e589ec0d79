"""What study `barrier` computes: one frozen dataclass, three presets."""

import dataclasses

from jaxlab.studies._configs import CONTROL as CONTROL
from jaxlab.studies._configs import check_control, check_positive

_NATIVE = (CONTROL, "float32", "float16", "bfloat16")
_FORMATS = (
    *(CONTROL, "float32", "tensorfloat32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
    *("p=16", "p=20", "p=32", "p=40"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes and seeds of study `barrier`.

    Attributes
    ----------
    seed
        Every random number follows from it.
    family_digits, family_gaps
        ``K`` and ``n`` of the problems that are checked.
    trained_digits, trained_gaps, trained_steps
        ``K`` and ``n`` of the problems that a LISTA is trained for, and its steps of Adam.
    staircase_formats
        Number formats of the stored problem; ``p=8`` has so many bits and float32's exponents.
    staircase_most
        Largest ``K`` of the gaps that a format loses.
    staircase_digits, staircase_gaps, staircase_bits
        ``K`` of the three-tier family; its ``n`` are 0, 1, ... up to this number; bits behind the
        point to which the input is known, where it is not a format's.
    resolution_arithmetics, resolution_gaps
        Arithmetics of FIRENET, native or ``p=8``: emulated. Its gaps are ``2**-k``, so many.
    resolution_iterations
        Iterations of a restart, in units of ``alpha**2 / eps``, at the largest four gaps.
    """

    seed: int = 0
    # Part "family"
    family_digits: tuple[int, ...] = (1, 3, 6)
    family_gaps: tuple[int, ...] = (1, 5, 10, 15, 20, 25, 30)
    # Part "trained"
    trained_digits: tuple[int, ...] = (1, 3, 6)
    trained_gaps: tuple[int, ...] = (10,)
    trained_steps: int = 2000
    # Part "staircase"
    staircase_formats: tuple[str, ...] = _FORMATS
    staircase_most: int = 8
    staircase_digits: tuple[int, ...] = (2, 3, 4, 5)
    staircase_gaps: int = 60
    staircase_bits: int = 18
    # Part "resolution"
    resolution_arithmetics: tuple[str, ...] = (*_NATIVE, "p=8", "p=11", "p=16")
    resolution_gaps: int = 11
    resolution_iterations: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)

    def __post_init__(self) -> None:
        check_positive(self)
        check_control(self, "staircase_formats", "resolution_arithmetics")
        if min(self.staircase_digits) < 2:
            raise ValueError(f"staircase_digits: got {self.staircase_digits}, expected 2 or more")


_PAPER = Config(
    # Part "family"
    family_digits=(1, 2, 3, 4, 5, 6),
    # Part "trained"
    trained_gaps=(10, 20, 30),
    trained_steps=4000,
    # Part "staircase"
    staircase_digits=(2, 3, 4, 5, 6, 7, 8),
    staircase_bits=24,
    # Part "resolution"
    resolution_arithmetics=(*_NATIVE, "p=8", "p=11", "p=14", "p=16", "p=20", "p=24"),
    resolution_gaps=15,
)

PRESETS = {
    "quick": Config(),
    "paper": _PAPER,
    "large": dataclasses.replace(_PAPER, staircase_bits=32, resolution_gaps=17),
}
"""Named configurations; the first is the default. ``quick`` runs in two minutes on two cores."""
