"""A curve that a reader is to predict: the measured one, the published one, and the room to draw in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asrun.errors import AsrunError, quoted
from asrun.values.expression import Evaluation
from asrun.values.formats import format_measure
from asrun.values.measure import SEED, Measure, plain

__all__ = ["Curve", "Published", "read_curve", "read_published", "read_range"]

MOST = 24
"""Points that a reader can be asked to set."""

LARGEST = 1e15
"""Numbers of this size, and those as small, are no longer drawn: a browser's arithmetic has no digits left for them."""


@dataclass(frozen=True)
class Curve:
    """A measured curve: one point a label, with its mean and its extremes over seeds."""

    axis: str
    labels: tuple[str, ...]
    at: tuple[float, ...]
    """Where the points stand: the labels themselves, or their order where they are words."""
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    written: tuple[str, ...]
    """Each point as a reader would have it: `1.34 ± 0.05`."""
    is_sample: bool


@dataclass(frozen=True)
class Published:
    """The same curve as somebody else published it."""

    key: str
    points: tuple[tuple[float, float], ...]


def read_curve(measure: Measure) -> Curve:
    """Read the curve that an expression came to.

    Raises:
        AsrunError: when it does not have one labelled axis besides the seeds, or a point that is no number.
    """
    axis = _axis(measure)
    labels = np.asarray(measure.labels[axis])
    if not 2 <= len(labels) <= MOST:
        raise AsrunError(
            f"{measure.text} has {len(labels)} points, and a reader can set 2 to {MOST}",
            remedy=f"let the snippet return fewer, or choose some: {measure.text}({axis}=[…])",
        )
    numeric = labels.dtype.kind in "iuf"
    order = np.argsort(labels, kind="stable") if numeric else np.arange(len(labels))
    points = [measure.take(axis, int(at)) for at in order]
    values = [np.ravel(np.asarray(point.values, dtype=float)) for point in points]
    measure.require_finite()
    if not all(each.size for each in values):
        raise AsrunError(f"{measure.text} has a point without any number", remedy="let run return at least one")
    return Curve(
        axis,
        tuple(_written(plain(labels[at])) for at in order),
        tuple(float(labels[at]) for at in order) if numeric else tuple(map(float, range(len(labels)))),
        tuple(float(np.mean(each)) for each in values),
        tuple(float(np.min(each)) for each in values),
        tuple(float(np.max(each)) for each in values),
        tuple(format_measure(point) for point in points),
        SEED in measure.axes,
    )


def _axis(measure: Measure) -> str:
    if not isinstance(measure.values, np.ndarray) or measure.values.dtype.kind not in "iuf":
        raise AsrunError(f"{measure.text} is not numbers", remedy="name a value with one axis: snippet.value")
    axes = [axis for axis in measure.axes if axis != SEED]
    if not axes:
        raise AsrunError(f"{measure.text} is a single number, not a curve", remedy="name a value with one axis")
    if len(axes) > 1:
        raise AsrunError(
            f"{measure.text} has more than one axis: {', '.join(axes)}",
            remedy=f"choose along all but one: {measure.text}({axes[0]}=…)",
        )
    if axes[0] not in measure.labels:
        raise AsrunError(
            f"the axis {axes[0]} of {measure.text} has no labels", remedy=f"return an array called {axes[0]} from run"
        )
    return axes[0]


def _written(label: Any) -> str:
    return f"{label:g}" if isinstance(label, float) else str(label)


def read_published(
    measure: Measure, curve: Curve, at: str, evaluate: Callable[[str, Mapping[str, Measure]], Evaluation]
) -> Published:
    """Read the published curve, on the axis of the measured one.

    Arguments:
        measure: What was published.
        curve: What was measured.
        at: How the measured axis comes from the published one, as in `1 - keep`; empty where they are the same.
        evaluate: Evaluates that.

    Raises:
        AsrunError: when it is no published curve, or does not go along the same axis.
    """
    keys = [str(source) for source in measure.sources if str(source).startswith("published.")]
    if len(keys) != 1:
        raise AsrunError(f"{measure.text} is not a published curve", remedy="write published: published.key")
    axis = _axis(measure)
    if axis != curve.axis and not at:
        raise AsrunError(
            f"{measure.text} goes along {axis}, and the measured curve along {curve.axis}",
            remedy=f"say how {curve.axis} comes from {axis}, as in at: 1 - {axis}",
        )
    if measure.values.ndim != 1:
        raise AsrunError(f"{measure.text} is not a published curve", remedy="write published: published.key")
    points = []
    for label, value in zip(measure.labels[axis], measure.values, strict=True):
        where = _place(label, axis, curve, at, evaluate)
        # A curve may have no point at a place where another of its table has one.
        if not np.isnan(value):
            points.append((where, Measure(np.asarray(value), text=measure.text).number()))
    return Published(keys[0].removeprefix("published."), tuple(sorted(points)))


def _place(label: Any, axis: str, curve: Curve, at: str, evaluate: Any) -> float:
    if at:
        return float(evaluate(at, {axis: Measure(np.asarray(label), text=axis)}).result.number())
    if isinstance(plain(label), (int, float)) and math.isfinite(label):
        return float(label)
    if str(label) in curve.labels:
        return curve.at[curve.labels.index(str(label))]
    raise AsrunError(f"the measured curve has no {axis}={label}", remedy=f"it has: {', '.join(curve.labels)}")


def read_range(option: Any, curve: Curve, published: Published | None, *, log: bool) -> tuple[float, float]:
    """Return the lowest and the highest value that a reader can set: what was asked for, or round numbers around all.

    Raises:
        AsrunError: when it is no range, or a point lies outside of it.
    """
    values = [*curve.low, *curve.high, *(value for _, value in (published.points if published else ()))]
    least, most = min(values), max(values)
    if max(abs(least), abs(most)) >= LARGEST or 0 < max(abs(least), abs(most)) <= 1 / LARGEST:
        raise AsrunError(
            f"a curve from {least:g} to {most:g} cannot be drawn by hand", remedy="let the snippet return another unit"
        )
    if log and least <= 1 / LARGEST:
        raise AsrunError(
            f"a logarithmic scale has no place for {least:g}", remedy="take log: true out, or give the curve another"
        )
    if option is None:
        return _around(least, most, log=log)
    if (
        not isinstance(option, list)
        or len(option) != 2
        or not all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in option)
        or not -LARGEST < option[0] < option[1] < LARGEST
        or (log and option[0] < 1 / LARGEST)
    ):
        raise AsrunError(
            f"{quoted(option)} is no range", remedy="write the lowest and the highest value: range: [0, 10]"
        )
    if not option[0] <= least <= most <= option[1]:
        raise AsrunError(
            f"the curve goes from {least:g} to {most:g}, and the range from {option[0]:g} to {option[1]:g}",
            remedy="make the range wider",
        )
    return float(option[0]), float(option[1])


def _around(least: float, most: float, *, log: bool) -> tuple[float, float]:
    if log:
        return 1 / _round_up(1.2 / least, (1, 2, 5, 10)), _round_up(1.2 * most, (1, 2, 5, 10))
    low = 0.0 if least >= 0 else -_round_up(-1.2 * least)
    return low, _round_up(1.2 * most) if most > 0 else (0.0 if low < 0 else 1.0)


def _round_up(number: float, steps: Sequence[float] = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)) -> float:
    """Return the next larger number that is round."""
    scale = 10.0 ** math.floor(math.log10(number))
    return next(step * scale for step in steps if step * scale >= number * (1 - 1e-12))
