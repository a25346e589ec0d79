"""Accumulators: in which order a sum is taken, and where it is rounded."""

import dataclasses
import re
from typing import Any, Literal, get_args

from jaxlab.arithmetic.formats import as_format, float64
from jaxlab.arithmetic.rounding import Rounding

Order = Literal["exact", "sequential", "blocked", "pairwise", "kahan"]
"""Orders of summation."""


@dataclasses.dataclass(frozen=True)
class Accumulator:
    """How ``t_0 + t_1 + ... + t_(n-1)`` is computed. Use the functions of this module to make one.

    A term ``t_k`` is a product of two inputs (dots, convolutions) or an input. With ``rnd``
    rounding once to ``format``, every addition below being rounded once:

    ``exact``
        The sum in the carrier (see :func:`exact`); nothing else is rounded.
    ``sequential``
        ``s = rnd(t_0)``, then ``s = rnd(s + t_k)`` in the order of the index.
    ``blocked``
        ``s = B_0``, then ``s = rnd(s + B_j)`` over consecutive blocks of ``block`` terms, the last
        one perhaps shorter. ``inner="exact"``: the block enters unrounded, summed in the carrier
        (one rounding per block: a block fused multiply-add; ``s = rnd(B_0)``).
        ``inner="sequential"``: ``B_j`` is the sequential sum of its block.
    ``pairwise``
        Level by level, neighbours are added, ``rnd(v_0 + v_1), rnd(v_2 + v_3), ...``; an odd one
        out moves up as it is. The terms enter the first level unrounded.
    ``kahan``
        Compensated: ``y = rnd(t_k - c)``, ``z = rnd(s + y)``, ``c = rnd(rnd(z - s) - y)``,
        ``s = z``, from ``s = rnd(t_0)``, ``c = 0``. Once ``s`` overflows it becomes NaN.

    At the end ``s`` is rounded once to the format of the result, where that does not hold it.

    Attributes
    ----------
    order
        One of the above.
    format
        Of the partial sums; None: the format of the result. For ``exact`` None or float64.
    rounding
        Mode of the partial sums; None: the mode of the result.
    product
        ``"exact"`` (default): a product enters its addition unrounded, as in a fused multiply-add
        and in the multipliers of matrix units. A format: each product is rounded to it first, in
        the mode of the partial sums. None: the same with the format of the partial sums, so that
        every multiplication and every addition is rounded once (the standard model).
    block
        Terms per block.
    inner
        How a block is summed.

    Raises
    ------
    ValueError
        If a field is not one of the above, or belongs to another order.

    Examples
    --------
    >>> sequential(format="float32") == Accumulator("sequential", format="fp32")
    True
    """

    order: Order
    format: Any = None
    rounding: Rounding | None = None
    product: Any = "exact"
    block: int | None = None
    inner: Literal["exact", "sequential"] | None = None

    def __post_init__(self):
        if self.order not in get_args(Order):
            raise ValueError(f"order: got {self.order!r}, expected one of {get_args(Order)}")
        if self.format is not None:
            object.__setattr__(self, "format", as_format(self.format))
        if self.product is not None and self.product != "exact":
            object.__setattr__(self, "product", as_format(self.product))
        if self.rounding is not None and self.rounding not in get_args(Rounding):
            raise ValueError(
                f"rounding: got {self.rounding!r}, expected None or one of {get_args(Rounding)}"
            )
        self._check_exact()
        self._check_blocks()

    def _check_exact(self):
        if self.order != "exact":
            return
        if self.format not in (None, float64):
            raise ValueError(f"format: got {self.format.name} for an exact sum, expected float64")
        if self.product != "exact" or self.rounding is not None:
            raise ValueError(
                "accumulator: got a rounding or a product format for an exact sum, expected neither"
            )

    def _check_blocks(self):
        if self.order != "blocked":
            if self.block is not None or self.inner is not None:
                raise ValueError(f"block: got order {self.order!r}, expected 'blocked'")
            return
        if not isinstance(self.block, int) or isinstance(self.block, bool) or self.block < 1:
            raise ValueError(f"block: got {self.block!r}, expected a positive number of terms")
        if self.inner not in ("exact", "sequential"):
            raise ValueError(f"inner: got {self.inner!r}, expected 'exact' or 'sequential'")


def exact(format: Any = None) -> Accumulator:
    """Sum in the carrier and round once.

    The carrier is the dtype of the operands, but float64 for formats of more than 11 bits. In it
    the sum is XLA's own (order and fused additions included): exact up to ``n`` roundings of the
    carrier.

    Parameters
    ----------
    format
        ``"float64"`` sums in float64 whatever the dtype of the operands.

    Examples
    --------
    >>> exact("float64").format.name
    'float64'
    """
    return Accumulator("exact", format)


def sequential(
    format: Any = None, rounding: Rounding | None = None, product: Any = "exact"
) -> Accumulator:
    """One term after the other, each addition rounded: a loop of fused multiply-adds.

    Examples
    --------
    >>> sequential(product=None).product is None  # products are rounded too
    True
    """
    return Accumulator("sequential", format, rounding, product)


def blocked(
    block: int,
    format: Any = None,
    rounding: Rounding | None = None,
    product: Any = "exact",
    inner: Literal["exact", "sequential"] = "exact",
) -> Accumulator:
    """Blocks of ``block`` terms, then the blocks one after the other.

    With ``inner="exact"`` this is the mixed-precision block fused multiply-add of Blanchard,
    Higham, Lopez, Mary and Pranesh (2020, doi:10.1137/19M1289546); with ``inner="sequential"``
    classical blocked summation, whose error grows as ``block + n / block``.

    Examples
    --------
    >>> blocked(16).block
    16
    """
    return Accumulator("blocked", format, rounding, product, block, inner)


def pairwise(
    format: Any = None, rounding: Rounding | None = None, product: Any = "exact"
) -> Accumulator:
    """A binary tree of additions, ``ceil(log2 n)`` levels high.

    Higham (1993, doi:10.1137/0914050).

    Examples
    --------
    >>> pairwise().order
    'pairwise'
    """
    return Accumulator("pairwise", format, rounding, product)


def kahan(
    format: Any = None, rounding: Rounding | None = None, product: Any = "exact"
) -> Accumulator:
    """Compensated summation.

    Kahan (1965, doi:10.1145/363707.363723). Every operation is rounded by integer arithmetic, so no
    compiler can simplify the compensation away.

    Examples
    --------
    >>> kahan().order
    'kahan'
    """
    return Accumulator("kahan", format, rounding, product)


def tensor_core(
    block: int, format: Any = "float32", rounding: Rounding = "toward_zero"
) -> Accumulator:
    """A model of a matrix unit: exact products and block sums, a running sum that is truncated.

    NVIDIA's tensor cores truncate the running float32 sum; their blocks have 4 (V100), 8 (A100) or
    more terms. Inside a block they also align and cut every addend to the exponent of the largest,
    to within two or three extra bits, which is not modelled here. Fasi, Higham, Mikaitis and
    Pranesh (2021, doi:10.7717/peerj-cs.330).

    Examples
    --------
    >>> tensor_core(4).format.name, tensor_core(4).rounding
    ('float32', 'toward_zero')
    """
    return Accumulator("blocked", format, rounding, "exact", block, "exact")


_PLAIN = {"exact": exact, "sequential": sequential, "pairwise": pairwise, "kahan": kahan}
_BLOCKS = {"blocked": blocked, "tensor_core": tensor_core}


def as_accumulator(spec: Any) -> Accumulator:
    """Turn an accumulator or its name into an :class:`Accumulator`.

    Parameters
    ----------
    spec
        An :class:`Accumulator`, ``"exact"``, ``"sequential"``, ``"pairwise"``, ``"kahan"``, or
        with the size of the blocks ``"blocked(16)"``, ``"tensor_core(4)"``.

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> as_accumulator("blocked(16)") == blocked(16)
    True
    """
    if isinstance(spec, Accumulator):
        return spec
    match = re.fullmatch(r"(\w+)(?:\((\d+)\))?", spec) if isinstance(spec, str) else None
    if match:
        name, size = match.groups()
        if name in _PLAIN and size is None:
            return _PLAIN[name]()
        if name in _BLOCKS and size is not None:
            return _BLOCKS[name](int(size))
    names = [*_PLAIN, *(f"{name}(number)" for name in _BLOCKS)]
    raise ValueError(f"accumulator: got {spec!r}, expected an Accumulator or one of {names}")
