"""Changes to a value that a claim about it ought to notice: shifted, scaled, swapped, negated, another word."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

import numpy as np

from asrun.checks.readings import Cell, Reading, drawn, label_of, spread
from asrun.values.measure import SEED, Measure

__all__ = ["SHIFTS", "Change", "Kind", "changes", "drop_seed", "drop_size", "shift"]

SHIFTS = (1, 3, 10)
"""By how many spreads numbers are shifted, up and down."""

SCALES = (0.5, 2)
"""What numbers are multiplied with."""

PAIRS = 3
"""How many pairs of labels that a claim selects are swapped."""

_EXACT = 2.0**53
"""Whole numbers up to here are the same as floating-point numbers."""


class Kind(StrEnum):
    """What is done to a value."""

    SHIFT = "shift"
    STEP = "step"
    SCALE = "scale"
    SIGN = "sign"
    SWAP = "swap"
    SEED = "seed"
    WORD = "word"
    TRUTH = "truth"


@dataclass(frozen=True, eq=False)
class Change:
    """A value as it might have been."""

    kind: Kind
    text: str
    """What was changed, as a reader is told: `drop_rate.test_error(drop=0.5) + 3 spreads`."""
    values: Any
    size: float
    """The largest change of a number, in spreads; infinite for words and truths."""


def changes(reading: Reading, within: Sequence[Cell], known: Sequence[str], random: Random) -> list[Change]:
    """Return the ways in which a value is changed: each is another value, of the same shape.

    Arguments:
        reading: The value, and what a claim selects of it.
        within: Its parts that are changed.
        known: Words that the claim knows.
        random: Draws what is tried where there is too much of it.
    """
    values = reading.measure.values
    if isinstance(values, bool):
        return [Change(Kind.TRUTH, f"not {reading.name}", not values, math.inf)]
    if isinstance(values, str):
        others = [word for word in (*known, f"not {values}") if word != values]
        return [Change(Kind.WORD, f"{reading.name} = {word!r}", word, math.inf) for word in others]
    if not isinstance(values, np.ndarray):
        return []
    make = {"b": _truths, "U": _words}.get(values.dtype.kind, _numbers)
    made = [change for part in within for change in make(reading, part, known)]
    return [change for change in (*made, *_swaps(reading, random)) if _differs(values, change.values)]


def _differs(before: np.ndarray, after: np.ndarray) -> bool:
    return not np.array_equal(before, after, equal_nan=before.dtype.kind == "f")


# Numbers


def shift(reading: Reading, cell: Cell, spreads: float) -> Change:
    """Move numbers by so many spreads; whole numbers stay whole, and move by 1 at least."""
    amount = spreads * cell.unit
    if _is_whole(reading.measure.values):
        amount = math.copysign(max(1, round(abs(amount))), amount)
    told = f"{cell.name} {'+' if spreads > 0 else '−'} {abs(spreads):.3g} spread{'' if abs(spreads) == 1 else 's'}"
    return _change(Kind.SHIFT, told, reading.measure, cell, lambda numbers: numbers + amount)


def _numbers(reading: Reading, cell: Cell, known: Sequence[str]) -> Iterator[Change]:
    for spreads in SHIFTS:
        yield shift(reading, cell, spreads)
        yield shift(reading, cell, -spreads)
    if _is_whole(reading.measure.values):
        yield _change(Kind.STEP, f"{cell.name} + 1", reading.measure, cell, lambda numbers: numbers + 1)
        yield _change(Kind.STEP, f"{cell.name} − 1", reading.measure, cell, lambda numbers: numbers - 1)
    for factor in SCALES:
        told = f"{cell.name} × {factor:g}"
        yield _change(Kind.SCALE, told, reading.measure, cell, lambda numbers, factor=factor: numbers * factor)
    yield _change(Kind.SIGN, f"{cell.name} with the other sign", reading.measure, cell, lambda numbers: -numbers)


def _is_whole(values: np.ndarray) -> bool:
    return values.dtype.kind in "iu"


def _change(kind: Kind, told: str, measure: Measure, cell: Cell, alter: Callable[..., np.ndarray]) -> Change:
    values = measure.values
    # Whole numbers of 64 bits would begin again from the other end.
    after = np.asarray(values, float).copy()
    after.reshape(-1)[cell.at] = alter(after.reshape(-1)[cell.at])
    if _is_whole(values) and np.all(np.abs(after) < _EXACT):
        after = np.rint(after).astype(np.int64)
    return Change(kind, told, after, _size(measure, after, cell.at, cell.unit))


def _size(measure: Measure, after: np.ndarray, at: np.ndarray, unit: float) -> float:
    moved = np.abs(np.asarray(after, float) - np.asarray(measure.values, float)).ravel()[at]
    largest = float(np.max(moved)) / unit
    return largest if math.isfinite(largest) else math.inf


# Words and truths


def _words(reading: Reading, cell: Cell, known: Sequence[str]) -> Iterator[Change]:
    values = reading.measure.values
    for word in (*known, f"not {values.reshape(-1)[cell.at[0]]}"):
        # As a list: an array of words has no room for a longer one.
        after = values.ravel().tolist()
        for at in cell.at:
            after[at] = word
        yield Change(Kind.WORD, f"{cell.name} = {word!r}", np.array(after).reshape(values.shape), math.inf)


def _truths(reading: Reading, cell: Cell, known: Sequence[str]) -> Iterator[Change]:
    after = reading.measure.values.copy()
    after.reshape(-1)[cell.at] = ~after.reshape(-1)[cell.at]
    yield Change(Kind.TRUTH, f"not {cell.name}", after, math.inf)


# Series


def _swaps(reading: Reading, random: Random) -> Iterator[Change]:
    """Exchange series along each axis but the seeds: two that the claim selects, and all, by turning the axis round."""
    measure = reading.measure
    for axis, length in zip(measure.axes, measure.values.shape, strict=True):
        if axis == SEED or length < 2:
            continue
        yield _ordered(reading, axis, range(length)[::-1], f"{reading.name} with {axis} turned round")
        for one, other in _pairs(reading, axis, random) if length > 2 else ():
            order = list(range(length))
            order[one], order[other] = other, one
            labels = " and ".join(label_of(measure, axis, at) for at in (one, other))
            yield _ordered(reading, axis, order, f"{reading.name} with {labels} swapped")


def _pairs(reading: Reading, axis: str, random: Random) -> list[tuple[int, int]]:
    """Choose pairs of places: of those that are selected, if there are two; else what is selected and another."""
    position, shape = reading.measure.axes.index(axis), reading.measure.values.shape
    picked = set()
    for positions in reading.selections.values():
        places = np.unique(np.unravel_index(positions.values.ravel(), shape)[position])
        picked |= set(places.tolist()) if len(places) < shape[position] else set()
    if len(picked) < 2:
        others = [at for at in range(shape[position]) if at not in picked]
        picked |= set(random.sample(others, 2 - len(picked)))
    return drawn(list(itertools.combinations(sorted(picked), 2)), PAIRS, random)


def _ordered(reading: Reading, axis: str, order: Sequence[int], told: str) -> Change:
    measure = reading.measure
    after = np.take(measure.values, list(order), axis=measure.axes.index(axis))
    numeric = measure.values.dtype.kind in "iuf" and measure.values.size
    moved = np.flatnonzero(measure.values != after)
    size = _size(measure, after, moved, spread(measure, moved)) if numeric and moved.size else math.inf
    return Change(Kind.SWAP, told, after, size)


# Seeds


def drop_seed(values: dict[str, Any], seeds: int, at: int) -> dict[str, Any]:
    """Return all values of a record without one seed: every array that has so many seeds loses the same one."""
    return _without(values, values.get("axes", {}), seeds, at)


def _without(values: dict[str, Any], axes: Any, seeds: int, at: int) -> dict[str, Any]:
    kept = {}
    for name, value in values.items():
        inside = axes.get(name) if isinstance(axes, dict) else None
        if name == "axes" or isinstance(value, str):
            kept[name] = value
        elif isinstance(value, dict):
            kept[name] = _without(value, inside, seeds, at)
        else:
            named = [inside] if isinstance(inside, str) else list(inside or [name])
            kept[name] = _shorter(value, named.index(SEED), seeds, at) if SEED in named else value
    return kept


def _shorter(value: Any, axis: int, seeds: int, at: int) -> Any:
    try:
        array = np.asarray(value)
    except ValueError:
        return value
    return np.delete(array, at, axis=axis) if array.ndim > axis and array.shape[axis] == seeds else value


def drop_size(measure: Measure, at: int) -> float:
    """Return how far the mean over seeds moves without one of them, in spreads."""
    numbers = np.asarray(measure.values, float)
    position = measure.axes.index(SEED)
    moved = np.abs(np.delete(numbers, at, axis=position).mean(axis=position) - numbers.mean(axis=position))
    return float(np.max(moved)) / spread(measure, np.arange(numbers.size)) if moved.size else 0.0
