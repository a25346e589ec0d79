"""The one matplotlib style: sober, legible in print and in grey, one colour per number format."""

import contextlib
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.figure

# Okabe and Ito's palette keeps its distances under colour-vision deficiency.
_LINES = {
    "float64": ("#000000", "o", "-"),
    "float32": ("#0072b2", "s", "-"),
    "tensorfloat32": ("#56b4e9", "D", "--"),
    "bfloat16": ("#d55e00", "^", "-"),
    "float16": ("#009e73", "v", "-"),
    "float8_e4m3fn": ("#cc79a7", "P", "-."),
    "float8_e5m2": ("#e69f00", "X", "-."),
}
_OTHERS = ("#7b4ea3", "#8c6d31", "#5f6b73", "#a6324b", "#2f8f8f", "#6b8e23")
_MARKERS = ("<", ">", "p", "h", "d", "*")
_PARAMETERS: dict[Any, Any] = {
    "figure.figsize": (6.0, 3.7),
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "grid.color": "#e3e6ea",
    "grid.linewidth": 0.7,
    "font.size": 9.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


@contextlib.contextmanager
def context() -> Iterator[None]:
    """Draw with the house style for the duration of a ``with`` block.

    Examples
    --------
    >>> with context():
    ...     mpl.rcParams["savefig.dpi"]
    200.0
    """
    with mpl.rc_context(_PARAMETERS):
        yield


def colour(name: str) -> str:
    """The colour of a number format; the same name has the same colour in every figure.

    Examples
    --------
    >>> colour("bfloat16")
    '#d55e00'
    """
    return line(name)["color"]


def line(name: str) -> dict[str, Any]:
    """Colour, marker and line style of a number format, as keyword arguments of ``ax.plot``.

    Parameters
    ----------
    name
        Name of the format. Names without an entry of their own get one from their hash.

    Returns
    -------
    A dictionary with ``color``, ``marker`` and ``linestyle``.

    Examples
    --------
    >>> line("float32")
    {'color': '#0072b2', 'marker': 's', 'linestyle': '-'}
    """
    if name in _LINES:
        tint, marker, stroke = _LINES[name]
    else:
        slot = hashlib.sha256(name.encode()).digest()[0] % len(_OTHERS)
        tint, marker, stroke = _OTHERS[slot], _MARKERS[slot], ":"
    return {"color": tint, "marker": marker, "linestyle": stroke}


def render(figure: matplotlib.figure.Figure, extension: str) -> bytes:
    """The figure as the bytes of a ``png`` (200 dpi) or ``pdf`` file, the same on every call.

    Examples
    --------
    >>> render(matplotlib.figure.Figure(figsize=(1, 1)), "png")[1:4]
    b'PNG'
    """
    stream = io.BytesIO()
    dates = {"png": {"Software": None}, "pdf": {"CreationDate": None}}
    with context():
        figure.savefig(stream, format=extension, dpi=200, metadata=dates[extension])
    return stream.getvalue()
