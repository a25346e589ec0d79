"""Configurations go to JSON and come back the same, or say which field is wrong."""

import dataclasses
import json
import math

import pytest

from jaxlab.store import _configs


@dataclasses.dataclass(frozen=True)
class Inner:
    rate: float = 0.5


@dataclasses.dataclass(frozen=True)
class Outer:
    pairs: tuple[tuple[int, float], ...] = ((1, math.inf), (2, -0.0))
    name: str | None = None
    flag: bool = True
    inner: Inner = Inner(1e-300)
    empty: tuple[int, ...] = ()


def test_configurations_survive_strict_json_exactly():
    config = Outer()
    text = json.dumps(_configs.encode(config), allow_nan=False)
    assert repr(_configs.decode(Outer, json.loads(text))) == repr(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": [[1]]}, r"config\.pairs\[0\]: got 1 entries, expected 2"),
        ({"flag": 1}, r"config\.flag: got 1, expected bool"),
        ({"name": 3}, r"config\.name: got 3, expected str or NoneType"),
        ({"inner": {"rate": True}}, r"config\.inner\.rate: got True, expected float"),
        ({"inner": 3}, r"config\.inner: got 3, expected the fields of Inner"),
    ],
)
def test_malformed_configurations_name_the_field(change, message):
    with pytest.raises(ValueError, match=message):
        _configs.decode(Outer, {**_configs.encode(Outer()), **change})
    with pytest.raises(TypeError, match=r"config\.rate: got list"):
        _configs.encode(Inner([1.0]))
