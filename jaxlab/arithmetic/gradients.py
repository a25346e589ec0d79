"""The errors of a gradient, leaf by leaf or layer by layer, in units of the format's roundoff."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from jaxlab.arithmetic import errors
from jaxlab.arithmetic.formats import Format, as_format
from jaxlab.arithmetic.ulps import error_in_ulps, widen

EDGES = (0.0, *(2.0**k for k in range(-1, 12)))
"""Edges of the ulp histogram: no error, up to 1/2 ulp, up to 1, 2, ..., 2048 ulps, beyond."""

PROBABILITIES = (0.5, 0.9, 0.99, 1.0)
"""Of the quantiles of the componentwise error."""


class ErrorRow(NamedTuple):
    """The errors of one part of a gradient against its reference.

    Attributes
    ----------
    name
        Path of the part in the pytree, or ``"all"``.
    size
        Number of entries.
    normwise
        ``||g - g*|| / ||g*||`` over ``u``.
    componentwise
        Quantiles of ``|g_i - g*_i| / |g*_i|`` over ``u`` at :data:`PROBABILITIES`. The largest
        alone says little: an entry that should be tiny decides it.
    ulps
        Histogram of ``|g_i - g*_i| / ulp(g*_i)``, as shares: exactly 0, then up to each of
        :data:`EDGES`, then beyond.
    cosine_deficit
        1 minus the cosine of the angle to the reference.
    sign_flips
        Share of the entries nonzero in both that have the wrong sign.
    underflow
        Share of the reference's nonzero entries that are zero.
    overflow
        Share of the reference's finite entries that are not finite.
    """

    name: str
    size: int
    normwise: float
    componentwise: np.ndarray
    ulps: np.ndarray
    cosine_deficit: float
    sign_flips: float
    underflow: float
    overflow: float


class GradientReport(NamedTuple):
    """Rows of :func:`gradient_report`, the last one for everything together.

    Attributes
    ----------
    format
        Whose ``u`` and ulp are the units.
    rows
        One :class:`ErrorRow` for each part, then ``"all"``.
    """

    format: Format
    rows: tuple[ErrorRow, ...]


def gradient_report(
    gradient: PyTree, reference: PyTree, fmt: Any, depth: int | None = None
) -> GradientReport:
    """Compare a gradient with its reference, in units of a format's unit roundoff.

    Parameters
    ----------
    gradient, reference
        Pytrees of floating arrays with the same structure; the reference usually from
        ``in_float64(jax.grad(loss))``.
    fmt
        The format that the gradient was computed in, or whatever :func:`as_format` takes.
    depth
        Leaves whose paths agree in the first ``depth`` keys share a row: 1 gives a row for each
        layer of a tuple of layers. None gives a row for each leaf.

    Raises
    ------
    ValueError
        If structures or shapes differ, or there are no leaves.

    Examples
    --------
    >>> exact = {"w": np.array([1.0, 3.0]), "b": np.array([1e-9])}
    >>> rounded = {"w": np.array([1.0, 3.0], np.float16), "b": np.array([1e-9], np.float16)}
    >>> report = gradient_report(rounded, exact, "float16")
    >>> [(row.name, row.underflow) for row in report.rows]
    [("['b']", 1.0), ("['w']", 0.0), ('all', 0.333...)]
    """
    errors.check_match(gradient, reference)
    paths, _ = jax.tree.flatten_with_path(gradient)
    if not paths:
        raise ValueError("gradient: got no leaves, expected at least one array")
    fmt = as_format(fmt)
    parts: dict[str, list[Any]] = {}
    for (path, leaf), exact in zip(paths, jax.tree.leaves(reference), strict=True):
        parts.setdefault(jax.tree_util.keystr(path[:depth]), []).append((leaf, exact))
    everything = [pair for pairs in parts.values() for pair in pairs]
    rows = [_row(name, pairs, fmt) for name, pairs in parts.items()]
    return GradientReport(fmt, (*rows, _row("all", everything, fmt)))


def format_report(report: GradientReport) -> str:
    """The report as a table in plain text.

    Examples
    --------
    >>> report = gradient_report((np.float32([1.5, 3.0]),), (np.array([1.0, 3.0]),), "float32")
    >>> print(format_report(report).splitlines()[0])
    errors in units of u = 2**-24 (float32)
    """
    header = ("part", "size", "norm", "50%", "90%", "99%", "max", "<= 1/2 ulp", "1 - cos")
    table = [[*header, "sign flips", "to zero", "overflow"]]
    for row in report.rows:
        numbers = [f"{number:.3g}" for number in (row.normwise, *row.componentwise)]
        shares = [f"{share:.2%}" for share in (row.sign_flips, row.underflow, row.overflow)]
        close = f"{row.ulps[:2].sum():.1%}"
        cosine = f"{row.cosine_deficit:.1e}"
        table.append([row.name, str(row.size), *numbers, close, cosine, *shares])
    widths = [max(len(text) for text in column) for column in zip(*table, strict=True)]
    lines = []
    for name, *cells in table:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]))
    title = f"errors in units of u = 2**-{report.format.precision} ({report.format.name})"
    return "\n".join([title, *lines])


def plot_report(report: GradientReport, ax: Any) -> Any:
    """Draw, for each part, the share of entries with an error above each number of ulps.

    Parameters
    ----------
    report
        From :func:`gradient_report`.
    ax
        A matplotlib axes.

    Returns
    -------
    The same axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> report = gradient_report((np.float32([1.5, 3.0]),), (np.array([1.0, 3.0]),), "float32")
    >>> plot_report(report, Figure().subplots()).get_xlabel()
    'error (ulps of float32)'
    """
    for row in report.rows:
        above = 1.0 - np.cumsum(row.ulps)[1:-1]
        style = {"color": "black", "lw": 2.5} if row is report.rows[-1] else {}
        ax.plot(EDGES[1:], np.maximum(above, 0.0), marker="o", label=row.name, **style)
    ax.set_xscale("log", base=2)
    ax.set_xlabel(f"error (ulps of {report.format.name})")
    ax.set_ylabel("share of entries with a larger error")
    ax.set_title(f"{report.rows[-1].ulps[:2].sum():.0%} of all entries are correctly rounded")
    ax.legend()
    return ax


def _row(name: str, pairs: list[Any], fmt: Format) -> ErrorRow:
    with jax.enable_x64(True):
        value, exact = (
            jnp.concatenate([widen(leaf).ravel() for leaf in leaves])
            for leaves in zip(*pairs, strict=True)
        )
        ulps = np.asarray(error_in_ulps(value, exact, fmt))
        normwise, componentwise, cosine_deficit, *shares = jax.device_get(_statistics(value, exact))
    bins = np.bincount(np.searchsorted(EDGES, ulps), minlength=len(EDGES) + 1)
    return ErrorRow(
        name,
        value.size,
        normwise.item() / fmt.unit_roundoff,
        componentwise / fmt.unit_roundoff,
        bins / max(value.size, 1),
        cosine_deficit.item(),
        *(share.item() for share in shares),
    )


@jax.jit
def _statistics(value: Array, exact: Array) -> tuple[Array, ...]:
    return (
        errors.normwise_error(value, exact),
        errors.quantiles(errors.relative_error(value, exact), PROBABILITIES),
        errors.cosine_deficit(value, exact),
        1.0 - errors.sign_agreement(value, exact),
        errors.underflowed_share(value, exact),
        errors.overflowed_share(value, exact),
    )
