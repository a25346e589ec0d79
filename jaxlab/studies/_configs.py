"""What every configuration is checked for when it is made, before anything is computed."""

import dataclasses
from collections.abc import Collection
from typing import Any

CONTROL = "float64"
"""The format that every other one is compared with."""


def check_positive(config: Any, exempt: Collection[str] = ("seed",)) -> None:
    """Raise ValueError unless all numbers of a configuration, in tuples too, are positive.

    Tuples must not be empty. Strings pass.

    Parameters
    ----------
    config
        A dataclass.
    exempt
        Fields that are not looked at.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name not in exempt and not _positive(value):
            raise ValueError(f"{field.name}: got {value!r}, expected positive numbers")


def check_control(config: Any, *names: str) -> None:
    """Raise ValueError unless these fields have the control first and no format twice."""
    for name in names:
        formats = getattr(config, name)
        if formats[0] != CONTROL or len(set(formats)) < len(formats):
            raise ValueError(
                f"{name}: got {formats!r}, expected {CONTROL!r} first and no format twice"
            )


def check_some(config: Any, name: str, known: Collection[str]) -> None:
    """Raise ValueError unless a field holds some of the known names."""
    chosen = getattr(config, name)
    if not chosen or set(chosen) - set(known):
        raise ValueError(f"{name}: got {chosen!r}, expected some of {tuple(known)}")


def _positive(value: object) -> bool:
    """Whether a number, or every number in nested tuples that are not empty, is above zero."""
    if isinstance(value, tuple):
        return len(value) > 0 and all(map(_positive, value))
    return isinstance(value, str) or value > 0  # pyright: ignore[reportOperatorIssue]
