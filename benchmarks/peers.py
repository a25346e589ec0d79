"""Peers that need a hand: global state, and C++ that is compiled when they are imported."""

import importlib
import os
import pathlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from jaxlab.arithmetic import as_format

WIDTHS = {"bfloat16": (8, 7), "float16": (5, 10), "float8_e4m3fn": (4, 3)}
"""Bits of exponent and significand; peers that know no more make of (4, 3) an IEEE-like format."""


def pychop(name: str, backend: str, rmode: int = 1, kind: str = "Chop") -> Callable[[Any], Any]:
    """A ``Chop`` of the format's widths; the choice of backend is global state of pychop."""
    module = importlib.import_module("pychop")
    module.backend(backend)
    exponent, significand = WIDTHS[as_format(name).name]
    chop = getattr(module, kind)(exp_bits=exponent, sig_bits=significand, rmode=rmode)

    def call(x):
        module.backend(backend)
        return chop(x)

    return call


def compiling(package: str, module: str) -> ModuleType:
    """Import a module of QPyTorch or MPTorch, which compile C++ then; needs ninja and a compiler.

    Both call their extension ``quant_cpu``: each gets a folder of its own for it.
    """
    importlib.import_module(package)
    key = "TORCH_EXTENSIONS_DIR"
    before = os.environ.get(key)
    cache = pathlib.Path(before or pathlib.Path.home() / ".cache" / "torch_extensions")
    os.environ[key] = str(cache / package)
    try:
        return importlib.import_module(module)
    finally:
        if before is None:
            del os.environ[key]
        else:
            os.environ[key] = before
