"""``jaxlab probe``: what this device and compiler really do."""

import json
from collections.abc import Sequence

from jaxlab.arithmetic.probe import as_json, format_probe, probe
from jaxlab.cli import _options, _strict


def show_probe(words: Sequence[str]) -> int:
    """Run ``jaxlab probe`` with the words after it; return the exit code.

    Raises
    ------
    UsageError
        If an option is unknown.
    """
    options = _options.parse_probe(words)
    if options.strict:
        _strict.ensure(["probe", *words])
    measured = probe(quick=options.quick)
    print(json.dumps(as_json(measured), indent=1) if options.json else format_probe(measured))
    return 0
