"""Certified counts: proved from a network's binary weights, or an interval with the reason.

Floating point decides what it can. Every pre-activation carries a rigorous bound of its own error
(running error analysis: Higham, "Accuracy and Stability of Numerical Algorithms", SIAM 2002, doi
10.1137/1.9780898718027); a decision that the bounds leave open is settled in integers by
python-flint (the extra ``balls``), on the weights as they are stored. So the count is that of the
function in real arithmetic whose weights are these binary numbers, not of a nearby one: a neuron
tripled in floating point is in general *not* three times the first, and its boundary is another
one, a few units in the last place away. (:func:`jaxlab.regions.line.count` takes the two as one,
within its tolerance, and mostly says so in ``undecided``.)
"""

from typing import NamedTuple


class Certificate(NamedTuple):
    """Proved bounds of the number of regions, and of pieces.

    *Regions* are the maximal connected sets, of full dimension, on which every hidden neuron keeps
    its activation bit (active where its pre-activation is greater than 0). *Pieces* are the maximal
    ones on which the network is affine. A boundary of regions need not be one of pieces: a neuron
    with outgoing weights of zero, two neurons whose kinks cancel, or a dead layer further up make
    regions that no output tells apart. So there are at most as many pieces as regions, and a study
    must say which it means.

    Attributes
    ----------
    lower, upper
        The number of regions is at least ``lower`` and at most ``upper``; -1 if the network is not
        finite.
    pieces_lower, pieces_upper
        Likewise for pieces; -1 where they were not asked for.
    settled
        Decisions settled in exact arithmetic.
    doubtful
        Decisions met that the error bounds left open: more than ``settled`` only if ``reason`` is
        given.
    reason
        Why the interval has a width; empty if it has none.
    """

    lower: int
    upper: int
    pieces_lower: int
    pieces_upper: int
    settled: int
    doubtful: int
    reason: str

    @property
    def certified(self) -> bool:
        """Whether the number of regions is proved, and that of pieces if it was asked for."""
        return 0 < self.lower == self.upper and self.pieces_lower == self.pieces_upper
