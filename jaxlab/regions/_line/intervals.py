"""The intervals of a certified line, layer by layer, with their exact forms on demand."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jaxlab.regions import _exact
from jaxlab.regions._line.host import HostParameters

# Integers of forms kept per layer; beyond it the cache starts again (neighbours share ancestors).
_KEPT = 2**20


@dataclass
class Tree:
    """Which interval lies in which: level ``l`` has the intervals before layer ``l``.

    Attributes
    ----------
    params, start, stop
        The network and the segment.
    parents
        For each layer done: the interval of its level that holds each interval of the next.
    masks
        For each layer done: activation bits ``(intervals of the next level, neurons)``.
    """

    params: HostParameters
    start: np.ndarray
    stop: np.ndarray
    parents: list[np.ndarray] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    _kept: dict[int, dict[int, _exact.Matrix]] = field(default_factory=dict)

    @cached_property
    def net(self) -> _exact.Slice:
        """The network on the segment, in integers: made when the first decision needs it."""
        return _exact.segment(self.params, self.start, self.stop)

    def grow(self, parent: np.ndarray, mask: np.ndarray) -> None:
        """Add the intervals after one more layer."""
        self.parents.append(parent)
        self.masks.append(mask)

    def ancestor(self, interval: int, level: int) -> int:
        """The interval of an earlier level that holds an interval of the newest one."""
        for parent in reversed(self.parents[level:]):
            interval = int(parent[interval])
        return interval

    def forms(self, level: int, interval: int) -> _exact.Matrix:
        """Exact pre-activations of layer ``level`` on an interval of that level."""
        kept = self._kept.setdefault(level, {})
        if interval not in kept:
            if level == 0:
                found = _exact.forms(self.net, [])
            else:
                before = self.forms(level - 1, int(self.parents[level - 1][interval]))
                found = _exact.extend(self.net, level, before, self.masks[level - 1][interval])
            if len(kept) * 2 * found.ncols() > _KEPT:
                kept.clear()
            kept[interval] = found
        return kept[interval]

    def zero(self, level: int, interval: int, neuron: int) -> _exact.Point:
        """Where a neuron of layer ``level`` that crosses inside the interval vanishes."""
        point = _exact.meet([_exact.column(self.forms(level, interval), neuron)])
        assert point is not None, "a neuron that crosses is not constant"
        return point

    def knot(self, interval: int, layer: int, neuron: int) -> _exact.Point:
        """The knot at the end of an interval of the newest level, made by a neuron of a layer.

        Layer -1 made the ends of the segment: "neuron" 0 the start, 1 the stop.
        """
        if layer < 0:
            return (_exact.flint().fmpz(1), _exact.flint().fmpz(neuron))
        return self.zero(layer, self.ancestor(interval, layer), neuron)

    def row(self, level: int, interval: int, point: _exact.Point) -> tuple[np.ndarray, np.ndarray]:
        """Layer ``level`` at a point of an interval: exact signs, and values rounded once."""
        values = _exact.at(point, self.forms(level, interval))
        return _exact.signs_of(values), _exact.rounded(values, point[0], self.net.scales[level])
