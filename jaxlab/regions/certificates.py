"""Certified counts: proved from a network's binary weights, or an interval with the reason.

Floating point decides what it can. Every pre-activation carries a rigorous bound of its own error
(running error analysis: Higham, "Accuracy and Stability of Numerical Algorithms", SIAM 2002, doi
10.1137/1.9780898718027); a decision that the bounds leave open is settled in integers by
python-flint (the extra ``balls``), on the weights as they are stored. So the count is that of the
function in real arithmetic whose weights are these binary numbers, not of a nearby one: a neuron
tripled in floating point is in general *not* three times the first, and its boundary is another
one, a few units in the last place away. (:func:`jaxlab.regions.line.count` takes the two as one,
within its tolerance, and says so in ``undecided``, mostly.)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array

from jaxlab.networks import mlp
from jaxlab.regions import _certified_line, _count
from jaxlab.regions._interval_tree import Tree


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


def line(
    params: mlp.Parameters,
    start: Array | np.ndarray | Sequence[float] | float,
    stop: Array | np.ndarray | Sequence[float] | float,
    *,
    pieces: bool = True,
    effort: int = 2**18,
    limit: int = 2**22,
) -> Certificate:
    """Certify the number of regions and pieces of one ReLU network along a segment.

    What is proved: regions are the intervals between the *strict* sign changes of the hidden
    pre-activations on the open segment, as in :func:`jaxlab.regions.line.count`: touching zero, or
    being zero on an interval, makes no boundary; crossings that coincide make one. Coincident,
    touching and vanishing are decided exactly. Assumed is that NumPy evaluates in IEEE 754
    binary64, rounded to nearest; a matrix product may sum in any order, with or without fused
    multiply-adds, and results below the normal range may be flushed to zero. Overflow is no
    obstacle: where a magnitude is not finite in float64 the decisions are exact ones.

    Where a layer needs more than can be settled, the interval is the regions that are certain, to
    all that are possible in this layer times ``neurons + 1`` for each hidden layer after it.

    For networks in general position it costs 2 to 3 times :func:`jaxlab.regions.line.count` in
    NumPy (once to twice without pieces), and python-flint is not needed. In degenerate networks a
    doubtful knot costs about 50 microseconds at width 2, and a new activation pattern an integer
    matrix product per layer: 0.1 ms at width 64, 2 ms at 256.

    Parameters
    ----------
    params
        Layers of one network, any format; converted exactly.
    start, stop
        Ends of the segment, scalars or ``(inputs,)``, taken as the binary numbers they are.
    pieces
        False certifies regions only.
    effort
        Largest number of decisions to settle exactly.
    limit
        Give up when a layer before the last has more regions than this.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If widths disagree, an end does not fit the inputs, or ``params`` is an ensemble.

    Examples
    --------
    A neuron and its triple, which three tenths only nearly is: the boundaries are apart.

    >>> import numpy as np
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(np.array([[1.0, 3.0]]), np.array([-0.1, -0.3]))
    >>> params = (hidden, Layer(np.array([[1.0], [1.0]]), np.zeros(1)))
    >>> found = line(params, 0.0, 1.0)
    >>> found.lower, found.upper, found.settled, found.certified
    (3, 3, 1, True)

    Exactly tripled they are one:

    >>> params = (Layer(np.array([[1.0, 3.0]]), np.array([-0.25, -0.75])), params[1])
    >>> line(params, 0.0, 1.0).upper
    2
    """
    leaves, single = _count.to_host(params)
    if not single:
        raise ValueError("params: got an ensemble, expected one network")
    inputs = mlp.widths(params)[0]
    ends = _count.end_point("start", start, inputs), _count.end_point("stop", stop, inputs)
    net = _count.pick(leaves, 0)
    if not all(np.isfinite(entry).all() for entry in (*ends, *(x for pair in net for x in pair))):
        reason = "params, start, stop: got a number that is not finite, expected finite ones"
        return Certificate(-1, -1, -1, -1, 0, 0, reason)
    ledger = _certified_line.Ledger(effort)
    with np.errstate(all="ignore"):
        found = _certified_line.sweep(Tree(net, *ends), ledger, limit, pieces)
    if not pieces:
        found = found._replace(pieces_lower=-1, pieces_upper=-1)
    return Certificate(*found, ledger.settled, ledger.doubtful, ledger.reason)
