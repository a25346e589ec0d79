"""What a person looks at: the claims, the figures, and one self-contained HTML page.

The page needs no network and runs no scripts; its pictures are inside it.
"""

import base64
import html
import os
import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import xarray as xr

from jaxlab import store
from jaxlab.report._table import format_claims as format_claims
from jaxlab.report._table import tally
from jaxlab.store import _configs, _manifest
from jaxlab.studies import _style
from jaxlab.studies._study import Claim, Figure, Study

_MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "not comparable": "–"}


class Published(NamedTuple):
    """What :func:`publish` made: the claims and the path of the report."""

    claims: list[Claim]
    path: pathlib.Path


def publish(run: store.Run, study: Study) -> Published:
    """Judge a run's data and write claims, figures and the report into its directory.

    Parameters
    ----------
    run
        The run; unfinished cells are reported as missing.
    study
        Its study.

    Returns
    -------
    The claims, and the path of ``report.html``.

    Raises
    ------
    jaxlab.store.StoreError
        If the run is not of the study, or its data are corrupt.
    OSError
        If the disk is full or not writable.
    """
    store.config_of(run, study)
    dataset = store.load(run.path)
    with jax.enable_x64(True):
        claims = study.claims(dataset)
        figures = study.figures(dataset)
    write_claims(run.path / "claims.json", claims)
    pictures = {}
    for figure in figures:
        _manifest.check_name(figure.name)
        for extension in ("png", "pdf"):
            file = run.path / "figures" / f"{figure.name}.{extension}"
            picture = _style.render(figure.figure, extension)
            _manifest.write_file(file, picture)
            if extension == "png":
                pictures[figure.name] = picture
    path = run.path / "report.html"
    write(path, study, run, dataset, claims, figures, pictures=pictures)
    _close(figures)
    return Published(claims, path)


def write_claims(path: str | os.PathLike[str], claims: Sequence[Claim]) -> None:
    """Write the claims as a JSON list of objects, atomically."""
    _manifest.write_json(pathlib.Path(path), [claim._asdict() for claim in claims])


def write(
    path: str | os.PathLike[str],
    study: Study,
    run: store.Run,
    dataset: xr.Dataset,
    claims: Sequence[Claim],
    figures: Sequence[Figure],
    *,
    pictures: Mapping[str, bytes] | None = None,
) -> None:
    """Write the report: one HTML file that holds everything it shows.

    Parameters
    ----------
    path
        The file, replaced atomically.
    study, run
        What was computed, and where.
    dataset
        The run's data as :func:`jaxlab.store.load` returns them.
    claims, figures
        The study's judgements and pictures.
    pictures
        PNG files of figures that have been rendered already, by name.

    Raises
    ------
    OSError
        If the disk is full or not writable; an older report is then kept.
    """
    page = render(study, run, dataset, claims, figures, pictures=pictures)
    _manifest.write_file(pathlib.Path(path), page.encode())


def render(
    study: Study,
    run: store.Run,
    dataset: xr.Dataset,
    claims: Sequence[Claim],
    figures: Sequence[Figure],
    *,
    pictures: Mapping[str, bytes] | None = None,
) -> str:
    """The text of the report; see :func:`write`."""
    markers = store.markers(run)
    css = pathlib.Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    body = [
        f"<header><p class=kicker>jaxlab study · {_text(run.created[:10])}</p>",
        f"<h1>{_text(study.name)}</h1>",
        f"<p class=lead>{_text(study.summary)}</p>",
        f"<p class=source>{_text(study.source)}</p></header>",
        _missing(run, markers),
        f"<section><h2>Claims</h2><p>{_text(tally(claims))}.</p>{_claims_table(claims)}</section>",
        _section("How to read this", f"<p>{_text(study.notes)}</p>") if study.notes else "",
        *(_figure(number, one, pictures or {}) for number, one in enumerate(figures, 1)),
        _section("Configuration", _pairs(run.config)),
        _section("Data", _pairs(_describe_data(dataset))),
        _section("Environment", _pairs(_describe_environment(run, markers))),
        _section("Reproduce", f"<pre>{_text(command(study, run))}</pre>"),
    ]
    lines = "\n".join(filter(None, body))
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        '<meta name=color-scheme content="light dark">'
        f"<title>{_text(study.name)} – jaxlab</title><style>{css}</style>"
        f"</head><body>\n{lines}\n</body></html>\n"
    )


def command(study: Study, run: store.Run) -> str:
    """The command line that computes this run again.

    Flags are given for the fields that differ from the preset; XLA flags go in front, ``--strict``
    of a strict run at the end.
    """
    preset = run.preset or ""
    if preset not in study.presets:
        preset = next(iter(study.presets))
    flags = _configs.command_flags(store.config_of(run, study), study.presets[preset])
    strict = "--strict" if run.environment.get("strict") else ""
    words = ["jaxlab run", study.name, "--preset", preset, flags, strict]
    line = " ".join(filter(None, words))
    variables = run.environment.get("xla_flags")
    return f"XLA_FLAGS={shlex.quote(variables)} {line}" if variables else line


def _text(value: Any) -> str:
    return html.escape(str(value))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _pairs(values: Mapping[str, Any]) -> str:
    rows = (f"<dt>{_text(key)}</dt><dd>{_text(value)}</dd>" for key, value in values.items())
    return f"<dl>{''.join(rows)}</dl>"


def _claims_table(claims: Sequence[Claim]) -> str:
    rows = [
        f"<tr class={claim.verdict.replace(' ', '-')}>"
        f"<td class=verdict><span>{_MARKS[claim.verdict]} {claim.verdict}</span></td>"
        f"<td>{_text(claim.statement)}<small>{_text(claim.source)}</small></td>"
        f"<td data-label=expected>{_text(claim.expected)}</td>"
        f"<td data-label=measured>{_text(claim.measured)}<small>{_text(claim.interval)}</small>"
        "</td></tr>"
        for claim in claims
    ]
    heads = "<tr><th>Verdict<th>Statement<th>Expected<th>Measured</tr>"
    return f"<table class=claims><thead>{heads}</thead><tbody>{''.join(rows)}</tbody></table>"


def _figure(number: int, figure: Figure, pictures: Mapping[str, bytes]) -> str:
    rendered = pictures.get(figure.name) or _style.render(figure.figure, "png")
    picture = base64.b64encode(rendered).decode("ascii")
    caption = _text(figure.caption)
    width = round(110 * figure.figure.get_size_inches()[0])
    return (
        f'<figure><img width={width} alt="{caption}" src="data:image/png;base64,{picture}">'
        f"<figcaption><b>Figure {number}.</b> {caption}</figcaption></figure>"
    )


def _missing(run: store.Run, markers: Mapping[str, Any]) -> str:
    missing = [cell.name for cell in run.cells if cell.name not in markers]
    if not missing:
        return ""
    shown = ", ".join(missing[:20]) + (", …" if len(missing) > 20 else "")
    return (
        f"<p class=missing><b>Incomplete:</b> {len(missing)} of {len(run.cells)} cells are "
        f"missing ({_text(shown)}). Claims and figures rest on the others.</p>"
    )


def _describe_data(dataset: xr.Dataset) -> dict[str, str]:
    described = {}
    for name, variable in dataset.data_vars.items():
        shape = ", ".join(f"{dim} {size}" for dim, size in variable.sizes.items())
        label = variable.attrs.get("long_name", "")
        units = variable.attrs.get("units", "")
        unit = f" [{units}]" if units not in ("", "1") else ""
        described[str(name)] = f"{label}{unit} ({shape})".strip()
    return described


def _describe_environment(run: store.Run, markers: Mapping[str, Any]) -> dict[str, str]:
    here = {key: value for key, value in run.environment.items() if key != "fingerprint"}
    numerics = run.environment.get("fingerprint", {})
    seconds = sorted(marker["seconds"] for marker in markers.values())
    described = {key.replace("_", " "): str(value) or "none" for key, value in here.items()}
    described["numerics"] = "; ".join([numerics.get("digest", ""), *numerics.get("deviations", [])])
    digests = {marker.get("numerics") for marker in markers.values()} | {numerics.get("digest")}
    if len(digests) > 1:
        described["warning"] = f"cells were computed under {len(digests)} different numerics"
    if seconds:
        middle, most = seconds[len(seconds) // 2], seconds[-1]
        described["compute time"] = (
            f"{sum(seconds):.1f} s in {len(seconds)} cells (median {middle:.2g} s, "
            f"longest {most:.2g} s)"
        )
    return described


def _close(figures: Sequence[Figure]) -> None:
    """Release figures that pyplot keeps."""
    import matplotlib.pyplot as plt

    for figure in figures:
        plt.close(figure.figure)
