"""``jaxlab shadow FILE.py:FUNCTION``: put a function of the user's under the error microscope."""

import argparse
import contextlib
import importlib.util
import os
import pathlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from jaxlab.cli import _options
from jaxlab.cli._errors import UsageError

_FIGURES = (".png", ".pdf", ".svg")


def shadow_command(words: Sequence[str]) -> int:
    """Run ``jaxlab shadow`` with the words after it; return the exit code.

    The file is imported and its function called: both run whatever code is in them.

    Returns
    -------
    0 if the table was printed, 1 if the user's code failed (one line says where).

    Raises
    ------
    UsageError
        If the words make no sense, or the file lacks the function or its inputs.
    OSError
        If the file cannot be read or the figure not written.
    """
    options = _parse(words)
    path, name = options.target
    path.open().close()  # the operating system says what is wrong
    try:
        with _imported(path) as module:
            fn = _function(module, path, name)
            args = _inputs(module, path, name, options)
            trace = _look(fn, args, options)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        print(f"jaxlab: error: {_last_line(error, path)}", file=sys.stderr, flush=True)
        return 1
    print(trace.table(options.most))
    if options.figure:
        _draw(trace, options.figure)
    return 0


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = _options.Parser(
        prog="jaxlab shadow",
        allow_abbrev=False,
        description="Run a JAX function in a number format beside a float64 twin; say which line "
        "made the error. The file is imported, as by Python itself.",
    )
    add = parser.add_argument
    add("target", type=_target, metavar="FILE.py:FUNCTION", help="what to look at")
    add("--format", default="fp16", metavar="NAME", help="fp16 (default), bf16, e4m3fn, fp32, ...")
    add("--grad", action="store_true", help="look at the gradient by the first argument")
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument(
        "--inputs",
        metavar="NAME",
        help="tuple of arguments in the file, or function without arguments that returns it "
        "(default: FUNCTION_inputs, then example_inputs)",
    )
    inputs.add_argument(
        "--shapes",
        nargs="+",
        type=_shape,
        metavar="M,N",
        help="random normal arguments of these shapes instead; '' for a number",
    )
    add("--seed", type=int, default=0, help="of the random arguments (default: 0)")
    add("--accumulate", metavar="ORDER", help="exact (default), sequential, pairwise or kahan sums")
    add("--most", type=_positive, default=12, metavar="N", help="operations to list (default: 12)")
    add("--figure", type=_figure, metavar="OUT.png", help="draw the heat map, too")
    return parser.parse_args(list(words))


def _target(text: str) -> tuple[pathlib.Path, str]:
    file, _, name = text.rpartition(":")
    if not file or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected FILE.py:FUNCTION")
    return pathlib.Path(file), name


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"(\d+(,\d+)*,?)?", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected sizes such as 8,4")
    return tuple(int(size) for size in text.split(",") if size)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a positive number")
    return int(text)


def _figure(text: str) -> pathlib.Path:
    path = pathlib.Path(text)
    if path.suffix not in _FIGURES:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a name in {', '.join(_FIGURES)}")
    return path


@contextlib.contextmanager
def _imported(path: pathlib.Path) -> Iterator[ModuleType]:
    """The file as a module, with its folder on the path while it is in use."""
    name = f"jaxlab_shadow_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"shadow: got {str(path)!r}, expected a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.modules[name] = module
    sys.path.insert(0, os.path.abspath(path.parent))
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path[:] = before
        del sys.modules[name]


def _function(module: ModuleType, path: pathlib.Path, name: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if callable(found):
        return found
    if found is not None:
        raise UsageError(f"shadow: {path}: {name} is {type(found).__name__}, expected a function")
    own = [
        key
        for key, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    ]
    hint = _options.suggest(name, own) if own else ", and none at all"
    raise UsageError(f"shadow: {path} has no function {name!r}{hint}")


def _inputs(module: ModuleType, path: pathlib.Path, name: str, options: Any) -> tuple[Any, ...]:
    if options.shapes:
        import jax

        keys = jax.random.split(jax.random.key(options.seed), len(options.shapes))
        return tuple(map(jax.random.normal, keys, options.shapes))
    names = [options.inputs] if options.inputs else [f"{name}_inputs", "example_inputs"]
    for candidate in names:
        if hasattr(module, candidate):
            found = getattr(module, candidate)
            found = found() if callable(found) else found
            return found if isinstance(found, tuple) else (found,)
    raise UsageError(
        f"shadow: {path} has no {' and no '.join(names)}: the arguments of {name}; "
        "define a tuple of that name, or give --shapes"
    )


def _look(fn: Callable[..., Any], args: tuple[Any, ...], options: Any) -> Any:
    import jax

    from jaxlab.arithmetic import shadow

    looked_at = jax.grad(fn) if options.grad else fn
    try:
        microscope = shadow(looked_at, options.format, accumulate=options.accumulate)
    except (TypeError, ValueError) as error:
        raise UsageError(f"shadow: {error}") from error
    _, trace = microscope(*args)
    return trace


def _last_line(error: BaseException, path: pathlib.Path) -> str:
    """What went wrong in the user's file, and on which of its lines."""
    message = (str(error).splitlines() or [""])[0]
    frames = traceback.extract_tb(error.__traceback__)
    own = os.path.abspath(path)
    lines = [frame.lineno for frame in frames if os.path.abspath(frame.filename) == own]
    where = f"{path}:{lines[-1]}: " if lines else ""
    return f"{where}{type(error).__name__}: {message}".rstrip(": ")


def _draw(trace: Any, path: pathlib.Path) -> None:
    import matplotlib.pyplot as plt

    figure = trace.plot().figure
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"\nfigure: {path}")
