"""Run any JAX function in any number format: every operation rounded once."""

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero, custom_vjp_primal_tree_values
from jax.interpreters.ad import Zero

from jaxlab.arithmetic._binding import is_float
from jaxlab.arithmetic._places import Place
from jaxlab.arithmetic._program import flatten, merge, split, trace
from jaxlab.arithmetic._rounding_visitor import PARTS, RoundingVisitor, evaluate
from jaxlab.arithmetic.carriers import carrier_for
from jaxlab.arithmetic.emulation import leave
from jaxlab.arithmetic.model import both_passes, check_key
from jaxlab.arithmetic.rounding import Rounding


def rounded(
    fn: Callable[..., Any],
    fmt: Any,
    *,
    rounding: Rounding | None = None,
    accumulate: Any = None,
    backward: Any = None,
    exempt: Collection[str] = (),
    parts: Collection[str] = PARTS,
    carrier: Any = None,
    double_rounding: bool = False,
    key: Any = None,
) -> Callable[..., Any]:
    """Transform a function so that every floating-point operation in it rounds once to a format.

    This is *emulated* arithmetic, the standard model ``fl(a op b) = (a op b)(1 + d)``,
    ``|d| <= u``: values travel in a wider carrier dtype, every primitive is applied there, and its
    result is rounded to ``fmt`` by :func:`round_to`. What a device does *natively* in a dtype is
    another matter (fused multiply-adds, wide accumulators, flushed subnormals).

    Parameters
    ----------
    fn
        A pure JAX function of arrays and pytrees; leaves that are not arrays are static. It is
        traced in its own dtypes, whatever the format, and never changed.
    fmt
        The format: a :class:`Format` or whatever :func:`as_format` takes, or an
        :class:`Arithmetic`. None rounds nothing: the result is bitwise that of ``fn``.
    rounding, accumulate
        Rounding mode (default ``nearest_even``) and order of summation (default ``exact``: sum
        wide, round once) of ``fmt``, see :class:`Arithmetic`.
    backward
        Arithmetic of the backward pass: None for that of the forward pass, a format or an
        :class:`Arithmetic` of its own, or ``"straight_through"`` for exact cotangents (those of
        ``fn`` at the rounded values). It holds for derivatives taken inside ``fn``,
        ``rounded(jax.grad(f), ...)``, and around it, ``jax.grad(rounded(f, ...))``: both give the
        same bits.
    exempt
        Names of primitives (``"exp"``) or scopes (of ``jax.named_scope``) that do not round; they
        are computed in the carrier.
    parts
        Which roundings take place, of :data:`PARTS`; for ablations.
    carrier
        ``"float32"`` or ``"float64"``; None for the narrowest sound one, see :func:`carrier_for`.
    double_rounding
        Whether formats of more than 25 bits may be emulated in float64: every operation is then
        rounded twice, and errs by up to ``u (1 + 2**(p - 53))``, see :func:`carrier_for`.
    key
        Typed key, needed by the stochastic modes. Every operation and iteration draws anew; the
        same key gives the same roundings.

    Returns
    -------
    A function of the same arguments, whose results have the dtypes of ``fn``. It composes with
    ``jit``, ``vmap``, ``grad`` and ``scan``; compile it with ``jit`` where speed matters.
    Forward-mode and second derivatives are taken inside (outside, a second derivative is that of
    the rounded program with exact cotangents):
    ``rounded(lambda x, t: jax.jvp(f, (x,), (t,)), fmt)``.

    Raises
    ------
    ValueError
        If no carrier is sound for a format, a name in ``parts`` is unknown, or a key is missing or
        superfluous.
    TypeError
        If the function takes or returns complex numbers, or rounds and uses them inside.
    NotImplementedError
        If an order of summation other than ``exact`` meets a sum that has no other: those over
        windows (``jax.lax.reduce_window``), as in the gradients of pooling.

    Notes
    -----
    Arguments, constants and literals are rounded when they enter ("storage"), constants always to
    the format of the forward pass. Primitives that only move, choose or negate values never round.
    A variable whose own dtype has fewer significand bits than ``fmt`` is rounded to its own dtype,
    since the program asked for that. Transcendental primitives and integer powers are computed by
    the device in the carrier and then rounded: correctly rounded but for rare cases next to a
    midpoint. A ``scan`` whose backward pass adds up the gradient of a shared parameter does so by
    ``accumulate``; orders other than ``exact`` and plain ``sequential`` keep all its terms in
    memory.
    Kernels that are opaque to JAX compute in their own dtype.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> third = lambda x: x / 3
    >>> rounded(third, "bf16")(jnp.float32(1.0)), rounded(third, "e4m3")(jnp.float32(1.0))
    (Array(0.33398438, dtype=float32), Array(0.34375, dtype=float32))
    >>> ones = jnp.ones(5000)
    >>> [float(rounded(jnp.sum, "bf16", accumulate=how)(ones)) for how in ("exact", "sequential")]
    [4992.0, 256.0]

    Cotangents are rounded like everything else, or pass exactly:

    >>> for cotangents in (None, "straight_through"):
    ...     _, pull = jax.vjp(rounded(jnp.negative, "bf16", backward=cotangents), jnp.float32(1))
    ...     print(*pull(jnp.float32(2.1)))
    -2.09375
    -2.1
    """
    forward, back = both_passes(fmt, rounding, accumulate, backward)
    check_key(key, forward, back)
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise ValueError(f"parts: got {sorted(unknown)}, expected some of {PARTS}")
    dtypes = [
        carrier_for(a.format, carrier, double_rounding)
        for a in (forward, back)
        if a.format is not None
    ]

    @functools.wraps(fn)
    def run(*args, **kwargs):
        arrays, flat = flatten(fn, args, kwargs)
        wide = [x.dtype for x in arrays if x.dtype == np.float64 and dtypes and carrier is None]
        widest = max(dtypes + wide, key=lambda dtype: dtype.itemsize, default=None)
        visitor = RoundingVisitor(forward, back, widest, frozenset(exempt), frozenset(parts))
        return _differentiable(flat, visitor)(key, arrays)

    return run


def _differentiable(flat: Callable[..., Any], visitor: RoundingVisitor) -> Callable[..., Any]:
    """The rounded function of a key and a list of arrays, with its own rounded derivative."""
    saved: dict[str, Any] = {}  # what `backward` must know of the program that `forward` traced

    def value(key, arrays):
        program, tree = trace(flat, arrays)
        outputs = evaluate(program, arrays, visitor, Place(key=key))
        return jax.tree.unflatten(tree, _own_dtypes(outputs, program.out_avals))

    def with_pullback(*arrays):
        is_floating = [is_float(x.dtype) for x in arrays]
        floats, rest = split(is_floating, arrays)

        def floats_and_rest(floats):
            leaves, tree = jax.tree.flatten(flat(*merge(is_floating, floats, rest)))
            saved.update(tree=tree, chosen=[is_float(jnp.result_type(leaf)) for leaf in leaves])
            return split(saved["chosen"], leaves)

        outputs, pullback, others = jax.vjp(floats_and_rest, floats, has_aux=True)
        return (outputs, others), pullback

    def forward(key, arrays):
        key, arrays = custom_vjp_primal_tree_values((key, arrays))
        program, tree = trace(with_pullback, arrays)
        values = evaluate(program, arrays, visitor, Place(key=key))
        (outputs, rest), pullback = jax.tree.unflatten(tree, range(len(values)))
        residuals, saved["pullback"] = jax.tree.flatten(pullback)
        saved["avals"] = [program.out_avals[i] for i in residuals]
        numbers = merge(saved["chosen"], outputs, rest)
        results = _own_dtypes([values[i] for i in numbers], [program.out_avals[i] for i in numbers])
        kept = [values[i] for i in residuals]
        return jax.tree.unflatten(saved["tree"], results), (key, kept, arrays)

    def backward(residuals, cotangents):
        key, kept, arrays = residuals
        leaves, _ = split(saved["chosen"], jax.tree.leaves(cotangents))
        # An output that nothing depends on gets no zeros: 0 * inf would be NaN.
        given = [not isinstance(leaf, SymbolicZero) for leaf in leaves]
        leaves, zeros = split(given, leaves)

        def pull(*values):
            pullback = jax.tree.unflatten(saved["pullback"], values[: len(kept)])
            absent = [Zero(zero.aval) for zero in zeros]
            return pullback(merge(given, values[len(kept) :], absent))[0]

        shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in saved["avals"]]
        program, _ = trace(pull, [*shapes, *leaves])
        place = Place(backward=True, key=key).draw(2**32 - 1)  # drawn nowhere in the forward pass
        outputs = evaluate(program, [*kept, *leaves], visitor, place, carried=len(kept))
        gradients = iter(_own_dtypes(outputs, program.out_avals))
        return None, [next(gradients) if is_float(x.dtype) else None for x in arrays]

    call = jax.custom_vjp(value)
    call.defvjp(forward, backward, symbolic_zeros=True)
    return call


def _own_dtypes(values: Sequence[Any], avals: Sequence[Any]) -> list[Any]:
    """Carried results in the program's own dtypes."""
    with jax.enable_x64(True):
        arrays = [jnp.asarray(value) for value in values]  # a literal is no array yet
        return [
            leave(x, aval.dtype) if is_float(x.dtype) else x
            for x, aval in zip(arrays, avals, strict=True)
        ]
