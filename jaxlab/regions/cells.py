"""Exact activation regions of a ReLU network on a box, in any (small) number of dimensions.

The box is subdivided into convex cells, one activation pattern each, by cutting it with one neuron
after another. Faces of every dimension are kept with their incidences, so that a cut visits the
faces near the neuron's zero set only, and every degeneracy is met: boundaries that pass through a
vertex, coincide, or touch; neurons that vanish on a whole cell. Nothing is sampled and no linear
program is solved.

* *regions*: the cells, maximal sets of constant activation pattern (a neuron is active where its
  pre-activation is greater than 0). Only strict sign changes count, as in
  :mod:`jaxlab.regions.line`: a neuron that touches zero on a cell, or is zero on all of it, makes
  no boundary there.
* *pieces*: maximal sets of cells, connected through facets, with one affine map.

Cost: time and memory proportional to the number of faces of all dimensions, at most about ``2**d``
for every vertex, besides the vertices times the neurons of a layer. Measured on one core: half a
microsecond and 100 to 200 bytes a face, so that memory is what limits the dimension.

Signs are decided in float64 with the tolerance of the line: a pre-activation ``h w + b`` is taken
as zero where its size is at most ``2**-42`` of ``sum(max|h| |w|) + |b|``. ``undecided`` counts the
values taken as zero that are not zero by construction (all terms zero, or zero at both ends of the
edge): also a result of exactly 0 may be a rounded one. :func:`certify` proves the count.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float64, Int64
from scipy import sparse

from jaxlab.networks import mlp
from jaxlab.regions import _merging
from jaxlab.regions._cells import certified as _lattice_certified
from jaxlab.regions._cells.maps import hidden_maps, one_network
from jaxlab.regions._cells.maps import maps as maps
from jaxlab.regions._cells.sweep import Subdivision, sweep
from jaxlab.regions._ledger import Ledger
from jaxlab.regions._line import ensembles as _count
from jaxlab.regions._line.host import HostParameters
from jaxlab.regions.certificates import Certificate

Bound = Array | np.ndarray | Sequence[float] | float


class CellCount(NamedTuple):
    """What :func:`count` returns.

    Attributes
    ----------
    regions
        Number of cells; -1 where the network is not finite on the box.
    undecided
        Values taken as zero that are not so by construction: 0 means every decision was clear.
    exact
        False where ``limit`` was hit (``regions`` is a lower bound), where decisions within the
        tolerance contradict each other (:func:`certify` settles them), or the network is not
        finite.
    f_vector
        ``(d + 1,)``: number of faces of dimension 0 (vertices) to ``d`` (cells). Faces are those of
        the cells; where cells meet, they share them. ``sum_k (-1)**k f_k = 1`` (Euler's relation)
        unless decisions contradict each other.
    """

    regions: int
    undecided: int
    exact: bool
    f_vector: Int64[np.ndarray, " faces"]


class Cells(NamedTuple):
    """What :func:`enumerate` returns: NumPy arrays.

    Attributes
    ----------
    points
        ``(vertices, inputs)`` float64.
    values
        ``(vertices, outputs)`` float64: the network at the vertices.
    patterns
        ``(cells, neurons)`` bool: activation of every hidden neuron, layer 0 first.
    corners, first_corner
        Vertices of all cells, ascending, cell by cell; where each cell begins, ``(cells + 1,)``.
    neighbours
        ``(pairs, 2)``: cells that share a facet.
    f_vector, undecided, exact
        As in :class:`CellCount`.
    euler
        ``sum_k (-1)**k f_k``: 1 unless decisions contradict each other.
    """

    points: Float64[np.ndarray, "vertices inputs"]
    values: Float64[np.ndarray, "vertices outputs"]
    patterns: Bool[np.ndarray, "cells neurons"]
    corners: Int64[np.ndarray, " incidences"]
    first_corner: Int64[np.ndarray, " starts"]
    neighbours: Int64[np.ndarray, "pairs 2"]
    f_vector: Int64[np.ndarray, " faces"]
    euler: int
    undecided: int
    exact: bool


def count(params: mlp.Parameters, lower: Bound, upper: Bound, *, limit: int = 2**22) -> CellCount:
    """Count the regions of one network on a box, on the host.

    Parameters are converted exactly to float64 whatever their format and the caller's x64 flag.

    Parameters
    ----------
    params
        Layers of one network.
    lower, upper
        Opposite corners of the box: scalars or ``(inputs,)``.
    limit
        Give up beyond this many cells and return the lower bound with ``exact=False``.

    Returns
    -------
    CellCount

    Raises
    ------
    ValueError
        If shapes disagree, or ``lower < upper`` fails in a coordinate.

    Examples
    --------
    Three planes in general position, ``1 + 3 + 3 + 1`` cells:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> params = (Layer(jnp.eye(3), jnp.zeros(3)), Layer(jnp.ones((3, 1)), jnp.zeros(1)))
    >>> found = count(params, -1.0, 1.0)
    >>> found.regions, found.f_vector.tolist(), found.exact
    (8, [27, 54, 36, 8], True)
    """
    net, low, high = _checked(params, lower, upper)
    box = Subdivision(net, low, high)
    with np.errstate(all="ignore"):
        stopped = sweep(box, net, limit, build=False)
    regions = -1 if stopped == "finite" else box.cells
    return CellCount(regions, box.undecided, not stopped and box.euler == 1, box.f_vector)


def enumerate(params: mlp.Parameters, lower: Bound, upper: Bound, *, limit: int = 2**20) -> Cells:
    """All cells of one network on a box, with their vertices, patterns and neighbours.

    Parameters
    ----------
    params
        Layers of one network, any format; converted exactly.
    lower, upper
        Opposite corners of the box: scalars or ``(inputs,)``.
    limit
        Largest number of cells.

    Returns
    -------
    Cells

    Raises
    ------
    ValueError
        If shapes disagree, ``lower < upper`` fails in a coordinate, the network is not finite on
        the box, or has more than ``limit`` regions, or decisions within the tolerance contradict
        each other.

    Examples
    --------
    Two squares beside each other:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(jnp.array([[1.0], [0.0]]), jnp.array([0.0]))
    >>> found = enumerate((hidden, Layer(jnp.ones((1, 1)), jnp.zeros(1))), -1.0, 1.0)
    >>> found.f_vector.tolist(), found.neighbours.tolist(), sorted(found.patterns[:, 0].tolist())
    ([6, 7, 2], [[0, 1]], [False, True])
    >>> found.points[found.corners[: found.first_corner[1]]].shape
    (4, 2)
    """
    net, low, high = _checked(params, lower, upper)
    box = Subdivision(net, low, high)
    with np.errstate(all="ignore"):
        stopped = sweep(box, net, limit)
    if stopped == "finite":
        raise ValueError("params: not finite on the box, expected finite parameters and values")
    if stopped == "limit":
        raise ValueError(f"limit: got {limit}, expected at least {box.cells} cells")
    if stopped:
        raise ValueError(
            "params: decisions within the tolerance contradict each other; see certify"
        )
    weight, bias = net[-1]
    corners, facets = _incidences(box)
    return Cells(
        points=box.points,
        values=box.hidden @ weight + bias,
        patterns=box.patterns[: box.cells],
        corners=corners.indices.astype(np.int64),
        first_corner=corners.indptr.astype(np.int64),
        neighbours=_neighbours(facets),
        f_vector=box.f_vector,
        euler=box.euler,
        undecided=box.undecided,
        exact=box.euler == 1,
    )


def _incidences(box: Subdivision) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Cells and their vertices, cells and their facets: boolean matrices, sorted."""
    edges = box.lattice[0]
    ends = np.stack([edges.corner[: edges.count], edges.end[: edges.count]], axis=1)
    first = np.arange(0, 2 * edges.count + 1, 2)
    facets = corners = _boolean(ends.reshape(-1), first, box.vertices)
    for lower, faces in itertools.pairwise(box.lattice):
        links, _, first = faces.links(np.arange(faces.count))
        facets = _boolean(links >> lower.shift, np.append(first, len(links)), lower.count)
        corners = sparse.csr_array(facets @ corners)
    corners.sort_indices()
    return corners, facets


def _boolean(columns: np.ndarray, first: np.ndarray, width: int) -> sparse.csr_array:
    ones = np.ones(len(columns), bool)
    return sparse.csr_array((ones, columns, first), shape=(len(first) - 1, width))


def _neighbours(facets: sparse.csr_array) -> np.ndarray:
    """Pairs of cells with a common facet."""
    columns = facets.tocsc()
    first = columns.indptr[:-1][np.diff(columns.indptr) == 2]
    return columns.indices[np.stack([first, first + 1], axis=1)].astype(np.int64)


def pieces(params: mlp.Parameters, found: Cells) -> Int64[np.ndarray, " cells"]:
    """The affine piece that every cell belongs to: neighbours with one affine map are one piece.

    Maps are equal if no entry differs by more than ``2**-42`` of the terms that add up to it.

    Parameters
    ----------
    params
        Layers of one network.
    found
        Its cells, from :func:`enumerate`.

    Returns
    -------
    int64 ``(cells,)``: pieces are numbered from 0, so that the largest entry + 1 is their number.

    Raises
    ------
    ValueError
        If the cells are not those of a network with as many hidden neurons.

    Examples
    --------
    The second neuron is not seen by the output:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> params = (Layer(jnp.eye(2), jnp.zeros(2)), Layer(jnp.array([[1.0], [0.0]]), jnp.zeros(1)))
    >>> found = enumerate(params, -1.0, 1.0)
    >>> len(found.patterns), int(pieces(params, found).max()) + 1
    (4, 2)
    """
    net = one_network(params)
    before = hidden_maps(net, found.patterns)[:, 1:]
    weight = net[-1].weight
    sizes = np.abs(before) @ np.abs(weight)
    return _merging.tolerant(before @ weight, sizes, found.neighbours)[0]


def certify(
    params: mlp.Parameters,
    lower: Bound,
    upper: Bound,
    *,
    pieces: bool = False,
    effort: int = 2**17,
    limit: int = 2**22,
) -> Certificate:
    """Count the regions of one network on a box, with a proof.

    Every sign is proved: by bounds of the rounding errors, or in integer arithmetic on the binary
    weights (python-flint, the extra ``balls``). All else is combinatorics. So degenerate networks
    (integer weights, no biases, repeated or opposite neurons) are counted exactly.

    Parameters
    ----------
    params, lower, upper
        As in :func:`count`; the corners are taken as the binary numbers they are.
    pieces
        Certify the number of pieces, too.
    effort
        Largest number of decisions to settle in integers.
    limit
        Give up beyond this many cells.

    Returns
    -------
    Certificate
        Where it gives up, from the cells so far to the most that the neurons left can make of them.

    Raises
    ------
    ValueError
        As in :func:`count`.

    Examples
    --------
    Three lines through one point, one of them twice, make six cells:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> weight = jnp.array([[1.0, 0.0, 1.0, -3.0], [0.0, 1.0, 1.0, -3.0]])
    >>> params = (Layer(weight, jnp.zeros(4)), Layer(jnp.ones((4, 1)), jnp.zeros(1)))
    >>> found = certify(params, -1.0, 1.0)
    >>> found.lower, found.upper, found.certified
    (6, 6, True)
    """
    net, low, high = _checked(params, lower, upper)
    ledger = Ledger(effort)
    box = _lattice_certified.CertifiedSubdivision(net, low, high, ledger)
    with np.errstate(all="ignore"):
        try:
            stopped = sweep(box, net, limit, build=pieces)
        except _lattice_certified.Unsettled:
            stopped = "effort"
    facts = ledger.settled, ledger.doubtful
    if stopped == "finite":
        reason = "not finite: a parameter or a value, expected finite numbers"
        return Certificate(-1, -1, -1, -1, *facts, reason)
    if stopped == "contradiction" or (not stopped and box.euler != 1):
        raise RuntimeError("proved signs contradict each other: a defect of jaxlab")
    most = _lattice_certified.most_cells(box, net)
    merged = (1, most) if pieces else (-1, -1)
    if pieces and not stopped:
        merged = _lattice_certified.pieces(box, _neighbours(_incidences(box)[1]))
    facts = ledger.settled, ledger.doubtful
    reason = f"limit: more than {limit} cells" if stopped == "limit" else ledger.reason
    wide = most > box.cells or merged[0] != merged[1]
    return Certificate(box.cells, most, *merged, *facts, reason if wide else "")


def _checked(
    params: mlp.Parameters, lower: Bound, upper: Bound
) -> tuple[HostParameters, np.ndarray, np.ndarray]:
    """The network and the box in float64."""
    net = one_network(params)
    inputs = net[0].weight.shape[0]
    low = _count.end_point("lower", lower, inputs)
    high = _count.end_point("upper", upper, inputs)
    if not (np.isfinite([low, high]).all() and (low < high).all()):
        raise ValueError(f"upper: got {high.tolist()}, expected finite and above {low.tolist()}")
    return net, low, high
