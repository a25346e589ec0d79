"""Configurations to JSON and back: frozen dataclasses rebuilt field by field, never pickled."""

import dataclasses
import math
import shlex
import types
import typing
from collections.abc import Mapping
from typing import Any

_NONFINITE = ("inf", "-inf", "nan")


def encode(config: Any) -> dict[str, Any]:
    """Turn a configuration into JSON values.

    Parameters
    ----------
    config
        A dataclass instance of bools, ints, floats, strings, None, tuples of these and nested
        dataclasses.

    Returns
    -------
    A dictionary for strict JSON: tuples are lists; infinities and NaN are strings.

    Raises
    ------
    TypeError
        If a field has another type, naming the field.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Config:
    ...     depths: tuple[int, ...] = (1, 2)
    ...     limit: float = math.inf
    >>> encode(Config())
    {'depths': [1, 2], 'limit': 'inf'}
    """
    return {
        field.name: _encode(getattr(config, field.name), f"config.{field.name}")
        for field in dataclasses.fields(config)
    }


def decode(cls: type, data: Any, where: str = "config") -> Any:
    """Rebuild a configuration from what :func:`encode` returned.

    Parameters
    ----------
    cls
        The dataclass; its annotations say how each value is read.
    data
        The decoded JSON.
    where
        How errors call ``data``.

    Returns
    -------
    An instance of ``cls``.

    Raises
    ------
    ValueError
        If a field is unknown, missing, or not of its type.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Config:
    ...     depths: tuple[int, ...] = (1, 2)
    >>> decode(Config, {"depths": [3]})
    Config(depths=(3,))
    >>> decode(Config, {"depth": [3]})
    Traceback (most recent call last):
    ValueError: config: got the unknown field 'depth', expected depths
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: got {data!r}, expected the fields of {cls.__name__}")
    names = [field.name for field in dataclasses.fields(cls) if field.init]
    for name in data:
        if name not in names:
            raise ValueError(
                f"{where}: got the unknown field {name!r}, expected {', '.join(names)}"
            )
    for name in names:
        if name not in data:
            raise ValueError(f"{where}: the field {name!r} is missing")
    hints = typing.get_type_hints(cls)
    return cls(**{name: _decode(hints[name], data[name], f"{where}.{name}") for name in names})


def command_flags(config: Any, default: Any, prefix: str = "--") -> str:
    """Spell the fields in which ``config`` differs from ``default`` as command-line flags.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Config:
    ...     depths: tuple[int, ...] = (1, 2)
    ...     max_steps: int = 10
    >>> command_flags(Config(depths=(3, 4), max_steps=5), Config())
    '--depths 3 4 --max-steps 5'
    """
    words = []
    for field in dataclasses.fields(config):
        value, usual = getattr(config, field.name), getattr(default, field.name)
        flag = prefix + field.name.replace("_", "-")
        if value == usual or (value != value and usual != usual):
            continue
        if dataclasses.is_dataclass(value) and type(value) is type(usual):
            words.append(command_flags(value, usual, f"{flag}."))
        elif isinstance(value, bool):
            words.append(flag if value else f"{prefix}no-{flag.removeprefix(prefix)}")
        else:
            words.append(" ".join([flag, *_words(value)]))
    return " ".join(words)


def _words(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [word for item in value for word in _words(item)]
    return [shlex.quote(str(value))]


def _encode(value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return encode(value)
    if isinstance(value, tuple):
        return [_encode(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise TypeError(
        f"{where}: got {type(value).__name__}, expected bool, int, float, str, None, a tuple or "
        "a dataclass"
    )


def _decode(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _decode(arguments[0], value, where)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(arguments, value, where)
    if origin is tuple or hint is tuple:
        return _decode_tuple(arguments or (Any, ...), value, where)
    if origin is typing.Literal:
        if any(value == option and type(value) is type(option) for option in arguments):
            return value
        raise ValueError(f"{where}: got {value!r}, expected one of {arguments!r}")
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return decode(hint, value, where)
    return _decode_scalar(hint, value, where)


def _decode_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float and value in _NONFINITE:
        return float(value)
    if hint is float and type(value) in (int, float):
        return value
    if hint is type(None) and value is None:
        return None
    if hint is Any or (hint in (bool, int, str) and type(value) is hint):
        return value
    raise ValueError(f"{where}: got {value!r}, expected {getattr(hint, '__name__', hint)}")


def _decode_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    for option in options:
        try:
            return _decode(option, value, where)
        except ValueError:
            continue
    expected = " or ".join(getattr(option, "__name__", str(option)) for option in options)
    raise ValueError(f"{where}: got {value!r}, expected {expected}")


def _decode_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: got {value!r}, expected a list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(arguments) != len(value):
        raise ValueError(f"{where}: got {len(value)} entries, expected {len(arguments)}")
    pairs = zip(arguments, value, strict=True)
    return tuple(_decode(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(pairs))
