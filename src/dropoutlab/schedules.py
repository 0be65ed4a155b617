r"""How a learning rate or a momentum changes as training goes on: functions of the number of updates made so far.

Each is a frozen value with a readable `repr`, so that a checkpoint can tell which one it belongs to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Constant", "Cosine", "Exponential", "Inverse", "Linear", "Ramp", "Schedule"]


class Schedule:
    """A number for each update, counted from 0."""

    def __call__(self, update: int) -> float:
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Schedule):
    """The same at every update."""

    value: float = 1.0

    def __call__(self, update: int) -> float:
        return self.value


@dataclass(frozen=True)
class Linear(Schedule):
    """From 1 down to 0, which it would reach one update after the last: :math:`1 - t/T`.

    >>> [Linear(4)(update) for update in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    """

    updates: int

    def __call__(self, update: int) -> float:
        return max(0.0, 1 - update / self.updates)


@dataclass(frozen=True)
class Cosine(Schedule):
    r"""From 1 down to 0 along half a wave: :math:`(1 + \cos(\pi t/T))/2` (Loshchilov and Hutter 2017)."""

    updates: int

    def __call__(self, update: int) -> float:
        return (1 + math.cos(math.pi * min(update / self.updates, 1))) / 2


@dataclass(frozen=True)
class Inverse(Schedule):
    """:math:`1/(1 + t/T)`: a half after T updates, a third after 2T; what the 2014 paper's authors used."""

    updates: int

    def __call__(self, update: int) -> float:
        return 1 / (1 + update / self.updates)


@dataclass(frozen=True)
class Exponential(Schedule):
    """:math:`2^{-t/T}`: halves every T updates."""

    updates: int

    def __call__(self, update: int) -> float:
        return 2.0 ** (-update / self.updates)


@dataclass(frozen=True)
class Ramp(Schedule):
    """In a straight line from one number to another, and there for good; for a momentum, or to warm up.

    >>> momentum = Ramp(0.5, 0.99, 500)
    >>> momentum(0), momentum(250), momentum(1000)
    (0.5, 0.745, 0.99)
    """

    first: float
    last: float
    updates: int

    def __call__(self, update: int) -> float:
        return self.first + (self.last - self.first) * min(update / self.updates, 1.0)
