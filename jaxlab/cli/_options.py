"""Command-line words to options: argparse for what every run has, tyro for a study's fields."""

import argparse
import contextlib
import dataclasses
import difflib
import io
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from jaxlab.cli._errors import UsageError

USAGE = """usage: jaxlab COMMAND ...

A numerical-precision laboratory for neural-network training in JAX.

commands:
  list                    the studies and their presets
  run STUDY [options]     run a study, judge its claims, write a report
  resume PATH             continue a run that was interrupted
  report PATH             judge and draw a run again
  probe [options]         show what this device and compiler do to arithmetic
  shadow FILE.py:FUNCTION put a function of yours under the error microscope
  --version               print the version
  --help                  print this help

`jaxlab run STUDY --help` lists the options and the study's own fields.
"""

_RESERVED = ("preset", "out", "quiet", "shard", "strict", "help")


class RunOptions(NamedTuple):
    """What ``jaxlab run STUDY`` was asked for."""

    preset: str
    out: pathlib.Path | None
    quiet: bool
    shard: tuple[int, int] | None
    strict: bool
    config: Any


class PathOptions(NamedTuple):
    """What ``jaxlab resume`` and ``jaxlab report`` were asked for."""

    path: pathlib.Path
    quiet: bool
    shard: tuple[int, int] | None


class ProbeOptions(NamedTuple):
    """What ``jaxlab probe`` was asked for."""

    json: bool
    quick: bool
    strict: bool


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError, with its command first, and prints no usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog.removeprefix('jaxlab ')}: {message}")


def parse_run(study: str, presets: Mapping[str, Any], words: Sequence[str]) -> RunOptions:
    """Parse the words after ``jaxlab run STUDY``.

    The preset gives the defaults of the configuration's fields, which are the other flags.

    Raises
    ------
    UsageError
        If an option or preset is unknown, or a value does not fit.
    """
    parser, options, rest = _split(study, presets, words)
    config = _parse_fields(presets[options.preset], rest, parser.prog)
    return RunOptions(**vars(options), config=config)


def run_help(study: str, presets: Mapping[str, Any], words: Sequence[str]) -> str:
    """The help of ``jaxlab run STUDY``: options, then the fields with the preset's defaults."""
    import tyro

    words = [word for word in words if word not in ("-h", "--help")]
    parser, options, _ = _split(study, presets, words)
    parser.usage = f"{parser.prog} [options] [fields]"
    default = presets[options.preset]
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.suppress(SystemExit):
        tyro.cli(type(default), prog=parser.prog, default=default, args=["--help"])
    lines = stream.getvalue().splitlines()
    fields = [line for line in lines if not line.startswith("usage:") and "-h, --help " not in line]
    fields = [" fields" if line.strip() == "options" else line.rstrip() for line in fields]
    return "\n".join([parser.format_help().rstrip(), *fields]).rstrip()


def _split(
    study: str, presets: Mapping[str, Any], words: Sequence[str]
) -> tuple[argparse.ArgumentParser, argparse.Namespace, list[str]]:
    """Stage one: the options that every run has, and the words left for the fields."""
    _check_fields(next(iter(presets.values())))
    parser = Parser(prog=f"jaxlab run {study}", add_help=False, allow_abbrev=False)
    _add_run_options(parser, presets)
    options, rest = parser.parse_known_args(list(words))
    if options.preset not in presets:
        raise UsageError(f"unknown preset {options.preset!r}{suggest(options.preset, presets)}")
    return parser, options, rest


def parse_path(command: str, words: Sequence[str]) -> PathOptions:
    """Parse the words after ``jaxlab resume`` or ``jaxlab report``.

    Raises
    ------
    UsageError
        If the path is missing or an option is unknown.
    """
    parser = Parser(prog=f"jaxlab {command}", allow_abbrev=False)
    parser.add_argument("path", type=pathlib.Path, metavar="PATH", help="directory of the run")
    if command == "resume":
        _add_work_options(parser)
    else:
        parser.set_defaults(quiet=False, shard=None)
    return PathOptions(**vars(parser.parse_args(list(words))))


def parse_probe(words: Sequence[str]) -> ProbeOptions:
    """Parse the words after ``jaxlab probe``.

    Raises
    ------
    UsageError
        If an option is unknown.

    Examples
    --------
    >>> parse_probe(["--quick"])
    ProbeOptions(json=False, quick=True, strict=False)
    """
    parser = Parser(prog="jaxlab probe", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="only what every run stores")
    _add_strict(parser)
    return ProbeOptions(**vars(parser.parse_args(list(words))))


def parse_shard(text: str) -> tuple[int, int]:
    """Read ``i/n``.

    Examples
    --------
    >>> parse_shard("0/4")
    (0, 4)
    >>> parse_shard("4/4")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: got '4/4', expected i/n with 0 <= i < n
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    shard = (int(match[1]), int(match[2])) if match else (0, 0)
    if not shard[0] < shard[1]:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected i/n with 0 <= i < n")
    return shard


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known words, or all of them.

    Examples
    --------
    >>> suggest("piece", ["pieces", "barrier"])
    "; did you mean 'pieces'?"
    >>> suggest("x", ["pieces", "barrier"])
    '; expected pieces or barrier'
    """
    known = list(known)
    near = difflib.get_close_matches(word, known, n=2)
    if near:
        return f"; did you mean {' or '.join(repr(name) for name in near)}?"
    return f"; expected {' or '.join(known)}"


def _add_run_options(parser: argparse.ArgumentParser, presets: Mapping[str, Any]) -> None:
    first = next(iter(presets))
    parser.add_argument(
        "--preset",
        default=first,
        metavar="NAME",
        help=f"where the fields start from: {', '.join(presets)} (default: {first})",
    )
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        metavar="DIR",
        help="directory of the run, new or empty (default: runs/STUDY/PRESET-TIME)",
    )
    _add_work_options(parser)
    _add_strict(parser)


def _add_strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strict",
        action="store_true",
        help="restart under XLA flags that stop fused and rewritten operations; say what remains",
    )


def _add_work_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument(
        "--shard",
        type=parse_shard,
        metavar="i/n",
        help="compute every n-th cell from the i-th on, beside other processes on the same run",
    )


def _parse_fields(default: Any, words: Sequence[str], prog: str) -> Any:
    """The configuration: the default with the flags in ``words`` applied, by tyro."""
    import tyro

    stream = io.StringIO()
    try:
        with contextlib.redirect_stderr(stream):
            config, unknown = tyro.cli(
                type(default),
                prog=prog,
                default=default,
                args=list(words),
                return_unknown_args=True,
            )
    except SystemExit:
        raise UsageError(_first_message(stream.getvalue())) from None
    except (TypeError, ValueError) as error:
        raise UsageError(str(error)) from None
    for word in unknown:
        if word.startswith("-"):
            known = [f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(default)]
            known += [f"--{name}" for name in _RESERVED]
            raise UsageError(f"unknown option {word!r}{suggest(word.split('=')[0], known)}")
        raise UsageError(f"unexpected argument {word!r}")
    return config


def _first_message(box: str) -> str:
    """The message inside the framed text that tyro prints, on one line.

    A rule separates the sections; the title is a section of its own in an ASCII frame and part
    of the first rule in a Unicode frame.
    """
    sections: list[list[str]] = [[]]
    for line in box.splitlines():
        if "───" in line or "---" in line:
            sections.append([])
        elif line.strip(" │|"):
            sections[-1].append(line.strip(" │|"))
    filled = [" ".join(section) for section in sections if section] or ["malformed options"]
    return filled[0 if "╭" in box else min(1, len(filled) - 1)]


def _check_fields(default: Any) -> None:
    for field in dataclasses.fields(default):
        if field.name in _RESERVED:
            raise ValueError(
                f"{type(default).__name__}.{field.name}: the option --{field.name} is taken by "
                "`jaxlab run`; name the field otherwise"
            )
