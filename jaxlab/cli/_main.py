"""The command line: ``jaxlab list | run | resume | report | probe | shadow``.

Every foreseeable failure is one line on standard error, ``jaxlab: error: ...``. Exit codes: 0 done,
1 failed, 2 the command line makes no sense, 130 interrupted.
"""

import contextlib
import datetime
import errno
import os
import pathlib
import re
import shlex
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax

import jaxlab
from jaxlab.cli import _options, _strict
from jaxlab.cli._errors import UsageError
from jaxlab.cli._probe import show_probe
from jaxlab.cli._shadow import shadow_command
from jaxlab.store._errors import StoreError


def main(argv: Sequence[str] | None = None, registry: Mapping[str, Any] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv
        The words after ``jaxlab``; None takes the process's.
    registry
        Studies by name; None takes :data:`jaxlab.studies.REGISTRY`.

    Returns
    -------
    0 if done, 1 on failure, 2 if the words make no sense, 130 if interrupted.

    Examples
    --------
    >>> main(["--version"])
    jaxlab ...
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words, registry)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1
    except UsageError as error:
        return _fail(str(error), 2)
    except _Stopped as error:
        return _fail(str(error), error.code)
    except StoreError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader has gone; keep the interpreter from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(_describe(error), 1)


class _Stopped(Exception):
    """A failure with its exit code; the message says how to go on."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def _dispatch(words: list[str], registry: Mapping[str, Any] | None) -> int:
    commands = {
        "list": _list,
        "run": _run,
        "resume": _resume,
        "report": _report,
        "probe": lambda words, _: show_probe(words),
        "shadow": lambda words, _: shadow_command(words),
    }
    if not words or words[0] in ("-h", "--help", "help"):
        print(_options.USAGE, end="")
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        print(f"jaxlab {jaxlab.__version__}")
        return 0
    if words[0] not in commands:
        hint = _options.suggest(words[0], commands)
        raise UsageError(f"unknown command {words[0]!r}{hint}")
    if registry is None:
        from jaxlab import studies

        registry = studies.REGISTRY
    return commands[words[0]](words[1:], registry)


def _list(words: list[str], registry: Mapping[str, Any]) -> int:
    if words:
        raise UsageError(f"list: unexpected argument {words[0]!r}")
    width = shutil.get_terminal_size().columns
    for name, study in registry.items():
        first, *others = study.presets
        presets = ", ".join([f"{first} (default)", *others])
        print(name)
        for text in (study.summary, f"source: {study.source}", f"presets: {presets}"):
            print(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    "))
    return 0


def _run(words: list[str], registry: Mapping[str, Any]) -> int:
    command = ["run", *words]
    if not words or words[0].startswith("-"):
        if words and words[0] in ("-h", "--help"):
            print(_options.USAGE, end="")
            return 0
        raise UsageError(f"run: a study's name comes first{_options.suggest('', registry)}")
    name, *words = words
    if name not in registry:
        raise UsageError(f"unknown study {name!r}{_options.suggest(name, registry)}")
    study = registry[name]
    if "-h" in words or "--help" in words:
        print(_options.run_help(study.name, study.presets, words))
        return 0
    options = _options.parse_run(study.name, study.presets, words)
    if options.shard and not options.out:
        raise UsageError("--shard: expected --out DIR too, the same for every shard")
    if options.strict:
        _strict.ensure(command)
    from jaxlab import store

    now = datetime.datetime.now()
    path = options.out or pathlib.Path("runs", name, f"{options.preset}-{now:%Y%m%d-%H%M%S}")
    try:
        run = store.create(
            study,
            options.config,
            path,
            preset=options.preset,
            join=options.shard is not None,
            strict=options.strict,
        )
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: {error}") from error
    except OSError as error:
        raise _Stopped(f"cannot create {path}: {_describe(error)}", 1) from error
    if options.shard:
        _warn_of_drift(run)
    return _finish(run, study, options)


def _resume(words: list[str], registry: Mapping[str, Any]) -> int:
    options = _options.parse_path("resume", words)
    from jaxlab import store

    run = store.open(options.path)
    study = _study_of(run, registry)
    if run.environment.get("strict"):
        _strict.ensure(["resume", *words])
    _warn_of_drift(run)
    return _finish(run, study, options)


def _report(words: list[str], registry: Mapping[str, Any]) -> int:
    options = _options.parse_path("report", words)
    from jaxlab import store

    run = store.open(options.path)
    return _publish(run, _study_of(run, registry))


def _warn_of_drift(run: Any) -> None:
    """Say how this process differs from the one that created the run."""
    from jaxlab import store

    for difference in store.drift(run):
        _say(f"jaxlab: warning: the run was created elsewhere: {difference}")


def _finish(run: Any, study: Any, options: Any) -> int:
    """Compute what is missing; if nothing is then, publish."""
    from jaxlab import store
    from jaxlab.store import _progress

    there = run.environment
    device = f"{there.get('device_count')} x {there.get('device_kind')}"
    cells = len(run.cells)
    print(f"{run.study}, {run.preset or 'own configuration'}, {device}, {cells} cells, {run.path}")
    sys.stdout.flush()
    if there.get("strict"):
        for deviation in there["fingerprint"]["deviations"]:
            _say(f"jaxlab: not strict: {deviation}")
    progress = sys.stderr.isatty() or _progress.in_tenths(_say)
    with _going_on(f"jaxlab resume {shlex.quote(str(run.path))}"), _remembered() as stop:
        store.advance(
            run,
            study,
            shard=options.shard or (0, 1),
            progress=not options.quiet and progress,
            stop=stop,
        )
        done = len(store.finished(run))
    if done < cells:
        print(f"{done} of {cells} cells done; the shard that finishes last writes the report")
        return 0
    return _publish(run, study)


def _publish(run: Any, study: Any) -> int:
    """Write claims, figures and report; print the claims table."""
    from jaxlab import report

    with _going_on(f"jaxlab report {shlex.quote(str(run.path))}"):
        published = report.publish(run, study)
    width = shutil.get_terminal_size(fallback=(100, 24)).columns
    print(f"\n{report.format_claims(published.claims, width)}\nreport: {published.path}")
    return 0


def _study_of(run: Any, registry: Mapping[str, Any]) -> Any:
    if run.study not in registry:
        hint = _options.suggest(run.study, registry)
        raise StoreError(f"{run.path}: a run of the unknown study {run.study!r}{hint}")
    return registry[run.study]


@contextlib.contextmanager
def _remembered() -> Iterator[Callable[[], bool]]:
    """Remember Ctrl-C: raised inside a garbage collector's callback, Python would swallow it."""
    pressed = False

    def handler(number: int, frame: Any) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # no signals elsewhere
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _going_on(command: str) -> Iterator[None]:
    """Turn an interruption or a failure of the machine into a line that says how to go on."""
    advice = f"all finished cells are kept; go on with: {command}"
    try:
        yield
    except KeyboardInterrupt:
        raise _Stopped(f"interrupted; {advice}", 130) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _Stopped(f"{_describe(error)}; {advice}", 1) from error
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        reason = (str(error) or "out of memory").splitlines()[0]
        raise _Stopped(f"{reason}; {advice}", 1) from error


def _describe(error: OSError) -> str:
    """What the operating system says, and about which file."""
    reasons = {
        errno.EEXIST: "this is a file, expected a directory",
        errno.ENOTDIR: "a part of this path is a file, expected a directory",
    }
    reason = reasons.get(error.errno or 0) or error.strerror or str(error)
    # Files are written under a temporary name first; a person wants to read the final one.
    file = re.sub(r"\.?([^/]*?)\.[0-9a-f]{32}\.(partial|tmp)", r"\1", str(error.filename or ""))
    return f"{file}: {reason}" if file else reason


def _fail(message: str, code: int) -> int:
    kind = "" if code == 130 else "error: "
    _say(f"jaxlab: {kind}{' '.join(message.split())}")
    return code


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
