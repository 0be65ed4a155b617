"""What changed between two results of a snippet: numbers against their spread over seeds, words as they are."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from asrun.errors import AsrunError
from asrun.records import codec
from asrun.values.measure import SEED, Measure, from_record, plain

__all__ = ["Entry", "Kind", "ValueChange", "compare_values"]

SHOWN = 5
"""Of an array in which more entries changed than this, only the largest differences are shown."""

MANY = 2000
"""Of an array in which more entries changed than this, most are not looked at one by one."""


class Kind(StrEnum):
    """How something differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Entry:
    """One place where two records differ: a whole value, or an entry of an array."""

    name: str
    """As a page would cite it: `test_error(drop=0.5)`."""
    before: Any
    """The number, text, list or bool; the mean of what was measured with several seeds."""
    after: Any
    samples: tuple[np.ndarray, np.ndarray] | None = None
    """The numbers over seeds, before and after."""
    difference: float | int | None = None
    """After less before; None where that is no finite number."""
    spread: float | None = None
    """The pooled standard deviation over seeds; None without seeds, or with only one before and after."""
    remark: str = ""

    @property
    def spreads(self) -> float | None:
        """The size of the difference in spreads: infinite where there is no spread at all."""
        if self.spread is None or self.difference is None:
            return None
        if not self.spread:
            return math.inf if self.difference else 0.0
        return abs(self.difference) / self.spread

    @property
    def relative(self) -> float | None:
        """The difference relative to the size of what was before."""
        try:
            return self.difference / abs(self.before) if self.difference is not None and self.before else None
        except OverflowError:
            return None

    @property
    def rank(self) -> tuple[int, float]:
        """What is told first: what is no finite number, then spreads, then relative differences, then the rest."""
        if any(isinstance(side, float) and not math.isfinite(side) for side in (self.before, self.after)):
            return 3, 0.0
        if self.difference is None:
            return 0, 0.0
        if self.spreads is not None:
            return 2, self.spreads
        return 1, math.inf if self.relative is None else abs(self.relative)


@dataclass(frozen=True)
class ValueChange:
    """How one value of a record differs."""

    name: str
    kind: Kind
    entries: list[Entry]
    """Those that changed, the largest difference first; when they are many, the largest alone."""
    changed: int = 1
    total: int = 1
    remark: str = ""


def compare_values(before: dict[str, Any], after: dict[str, Any]) -> list[ValueChange]:
    """Compare all values of two records; return those that differ, the largest difference in spreads first."""
    was, now, changes = dict(_leaves(before)), dict(_leaves(after)), []
    for path in {**was, **now}:
        name = ".".join(path)
        if path not in now:
            changes.append(ValueChange(name, Kind.REMOVED, [Entry(name, _shown(before, path), None)]))
        elif path not in was:
            changes.append(ValueChange(name, Kind.ADDED, [Entry(name, None, _shown(after, path))]))
        elif not _same(was[path], now[path]):
            changes.append(_compare_value(before, after, path))
    return sorted(changes, key=lambda change: change.entries[0].rank, reverse=True)


def _leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _leaf(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        values = values[name]
    return values


def _same(was: Any, now: Any) -> bool:
    arrays = isinstance(was, np.ndarray) and isinstance(now, np.ndarray) and was.dtype == now.dtype
    if arrays and was.shape == now.shape:
        if was.tobytes() == now.tobytes():
            return True
        # What is no number can be written in several ways.
        if was.dtype.kind != "f" or not np.isnan(was).any():
            return False
    return _written(was) == _written(now)


def _written(value: Any) -> str:
    """Return what a record says of a value and of its kind: 1, 1.0 and true are three things."""
    return json.dumps(codec.encode({"value": value}))


def _kind(value: Any) -> str:
    if np.ndim(value):
        what = value.dtype if isinstance(value, np.ndarray) else "list"
        return f"{what}, {' × '.join(map(str, np.shape(value)))}"
    return str(value.dtype) if isinstance(value, np.generic) else type(value).__name__


def _shown(values: dict[str, Any], path: tuple[str, ...]) -> Any:
    """Return a value, or what kind of table it is."""
    measure, value = _numbers(values, path), _leaf(values, path)
    return _kind(value) if measure and measure.values.ndim else codec.plain(value)


def _numbers(values: dict[str, Any], path: tuple[str, ...]) -> Measure | None:
    """Return a value as numbers with their axes; None when it is words, or a list of different things."""
    value = _leaf(values, path)
    if isinstance(value, (int, float, np.generic)):
        return Measure(np.asarray(value))
    measure = None
    # Axes that do not fit are for the pages to complain of: the numbers can be compared all the same.
    with contextlib.suppress(AsrunError, TypeError, ValueError):
        measure = from_record(values, list(path), ".".join(path), "")
    try:
        array = np.asarray(measure.values if measure else value)
    except ValueError:
        return None
    if array.dtype.kind not in "biuf" or not array.size:
        return None
    # An array that names an axis would be its own label, and nothing in it could ever change.
    if measure is None or measure.axes == path[-1:]:
        return Measure(array, tuple(f"axis{at}" for at in range(array.ndim)))
    return measure


def _compare_value(before: dict[str, Any], after: dict[str, Any], path: tuple[str, ...]) -> ValueChange:
    """Compare a value of two records in which it is not the same."""
    name = ".".join(path)
    left, right = _numbers(before, path), _numbers(after, path)
    if left is None or right is None:
        return ValueChange(name, Kind.CHANGED, [Entry(name, _shown(before, path), _shown(after, path))])
    kinds: list[Any] = [_kind(_leaf(values, path)) for values in (before, after)]
    remark = ""
    if left.axes != right.axes and left.values.shape == right.values.shape:
        left, remark = replace(left, axes=right.axes, labels=right.labels), "other axes"
    seeds = SEED in right.axes
    if seeds and left.axes == right.axes:
        left, right = _seeds_last(left), _seeds_last(right)
    aligned = _align(left, right) if left.axes == right.axes else None
    if aligned is None:
        remark = "another shape" if left.values.shape != right.values.shape else "other labels"
        return ValueChange(name, Kind.CHANGED, [Entry(name, kinds[0], kinds[1])], remark=remark)
    left, right, matched = aligned
    if seeds and left.values.shape[-1] != right.values.shape[-1]:
        matched = [*matched, f"{left.values.shape[-1]} → {right.values.shape[-1]} seeds"]
    remark = "; ".join(filter(None, [remark, *matched]))
    changed = _differ(left.values, right.values, seeds)
    entries = [
        _entry(f"{name}{_place(right, at)}", left.values[at], right.values[at], seeds)
        for at in map(tuple, _telling(left.values, right.values, changed, seeds))
    ]
    if not entries:
        # Labels came or went, or the numbers are of another kind, or they are too long to be told apart as floats.
        if not remark and kinds[0] == kinds[1]:
            kinds = [codec.plain(_leaf(values, path)) for values in (before, after)]
        return ValueChange(name, Kind.CHANGED, [Entry(name, kinds[0], kinds[1])], 0, changed.size, remark)
    many = int(changed.sum())
    return ValueChange(name, Kind.CHANGED, _largest(entries, many), many, changed.size, remark)


def _telling(left: np.ndarray, right: np.ndarray, changed: np.ndarray, seeds: bool) -> np.ndarray:
    """Return where entries changed; of very many only where any of them may be the largest that `_largest` returns."""
    places = np.argwhere(changed)
    if len(places) <= MANY:
        return places
    sides = [side[changed].astype(float) for side in (left, right)]
    with np.errstate(all="ignore"):
        before, after = (side.mean(axis=-1) if seeds else side for side in sides)
        sizes = np.abs(after - before)
        ranks = [sizes, sizes / np.abs(before), np.isfinite(before) & np.isfinite(after)]
        if seeds:
            ranks.append(sizes / np.sqrt(sum(side.var(axis=-1) * side.shape[-1] for side in sides)))
    chosen = {at for rank in ranks for at in np.argsort(-np.nan_to_num(rank * 1.0), kind="stable")[:SHOWN]}
    chosen |= {*np.argsort(ranks[2], kind="stable")[:SHOWN]}
    return places[sorted(chosen)]


def _largest(entries: list[Entry], many: int) -> list[Entry]:
    """Return entries, the largest difference first; of many only the largest in spreads and the largest as it is."""
    entries = sorted(entries, key=lambda entry: entry.rank, reverse=True)
    if many <= SHOWN:
        return entries
    first, largest = entries[0], max(entries, key=lambda entry: abs(entry.difference or 0))
    if largest is first or not largest.difference:
        return [first]
    measured = "in spreads" if first.spreads is not None else "relative"
    return [replace(first, remark=f"largest {measured}"), replace(largest, remark="largest difference")]


def _seeds_last(measure: Measure) -> Measure:
    """Return a measure with the seeds as its last axis, which then goes without a name."""
    position = measure.axes.index(SEED)
    axes = tuple(axis for axis in measure.axes if axis != SEED)
    return replace(measure, values=np.moveaxis(measure.values, position, -1), axes=axes)


def _align(left: Measure, right: Measure) -> tuple[Measure, Measure, list[str]] | None:
    """Choose the entries that both have, by label where both have labels; None when there is no telling which is which.

    Returns:
        Both, with the same named axes, and what only one of them has.
    """
    remarks = []
    for at, axis in enumerate(right.axes):
        was, now = (plain(side.labels.get(axis, np.array([]))) for side in (left, right))
        if was != now and was and now and len({*was}) == len(was) and len({*now}) == len(now):
            common = [label for label in now if label in was]
            if not common:
                return None
            left = replace(left, values=np.take(left.values, [was.index(label) for label in common], axis=at))
            right = replace(
                right,
                values=np.take(right.values, [now.index(label) for label in common], axis=at),
                labels={**right.labels, axis: np.asarray(common)},
            )
            counts = {Kind.ADDED: len(now) - len(common), Kind.REMOVED: len(was) - len(common)}
            remarks += [f"{axis}: {count} {kind}" for kind, count in counts.items() if count]
        elif left.values.shape[at] != right.values.shape[at]:
            return None
    return left, right, remarks


def _differ(left: np.ndarray, right: np.ndarray, seeds: bool) -> np.ndarray:
    """Tell for every entry whether it differs; what is no number is the same as what is no number."""
    if seeds and left.shape[-1] != right.shape[-1]:
        return np.ones(right.shape[:-1], bool)
    differ, numbers = np.asarray(left != right, bool), np.asarray((left == left) | (right == right), bool)
    return np.asarray((differ & numbers).any(axis=-1) if seeds else differ & numbers)


def _place(measure: Measure, at: tuple[int, ...]) -> str:
    """Write where in an array an entry is, as a page would choose it: `(drop=0.5)`, `[3]`."""
    named, numbered = [], []
    for axis, index in zip(measure.axes, at, strict=True):
        if axis in measure.labels:
            label = measure.labels[axis][index]
            named.append(f"{axis}={str(label)!r}" if isinstance(label, str) else f"{axis}={label}")
        else:
            numbered.append(str(index))
    return (f"({', '.join(named)})" if named else "") + (f"[{', '.join(numbered)}]" if numbered else "")


def _entry(name: str, before: np.ndarray, after: np.ndarray, seeds: bool) -> Entry:
    if not seeds:
        was, now = np.asarray(before).item(), np.asarray(after).item()
        return Entry(name, was, now, difference=_less(now, was))
    with np.errstate(all="ignore"):
        was, now = (float(np.mean(sample, dtype=float)) for sample in (before, after))
    if len(before) == len(after) and np.array_equal(np.sort(before), np.sort(after)):
        # The mean of the same numbers in another order may differ in its last digit.
        remark = "the same numbers from other seeds"
        return Entry(name, was, was, (before, after), 0.0, _pooled(before, after), remark)
    return Entry(name, was, now, (before, after), _less(now, was), _pooled(before, after))


def _less(after: Any, before: Any) -> float | int | None:
    if isinstance(after, bool) or isinstance(before, bool):
        return None
    if isinstance(after, int) and isinstance(before, int):
        return after - before
    try:
        difference = after - before
    except OverflowError:
        # A whole number too large for a float.
        return None
    return difference if math.isfinite(difference) else None


def _pooled(*samples: np.ndarray) -> float | None:
    """Return the standard deviation over seeds that samples have in common."""
    freedom = sum(len(sample) - 1 for sample in samples)
    if not freedom:
        return None
    with np.errstate(all="ignore"):
        squares = sum(float(np.sum((sample - np.mean(sample, dtype=float)) ** 2)) for sample in samples)
    return math.sqrt(squares / freedom) if math.isfinite(squares) else None
