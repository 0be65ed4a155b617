"""Numbers that know what they are: axes with labels, the seeds among them, and the records they come from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from asrun.errors import AsrunError, did_you_mean

__all__ = ["SEED", "Measure", "UnknownLabel", "check_axes", "from_record", "plain", "reckonable", "same_label"]

SEED = "seed"
"""The axis over which a value has a spread."""


class UnknownLabel(AsrunError):
    """A value is chosen by a label that its axis does not have."""


@dataclass(frozen=True)
class Measure:
    """A number, or numbers along named axes.

    A snippet names the axes of its arrays in its result, under "axes"; an array called like an axis gives its labels:

        {"drop": [0.0, 0.5], "error": [[1.7, 1.6, 1.8], [1.3, 1.2, 1.4]], "axes": {"error": ["drop", "seed"]}}

    Examples:
        >>> heads = Context(find_project()).evaluate("coin.heads").result
        >>> heads.axes, heads.values.shape
        (('bias', 'seed'), (3, 5))
        >>> heads.select({"bias": 0.5}).number()
        0.5
    """

    values: Any
    """A NumPy array of numbers, or a string or bool."""
    axes: tuple[str, ...] = ()
    """What each dimension is; `seed` is the one over which a value has a spread."""
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    """What lies along an axis, for those whose snippet says so."""
    sources: frozenset[Any] = frozenset()
    """What it comes from: RunNames of records, keys of published numbers."""
    text: str = ""
    """How the author wrote it."""
    uncertainty: np.ndarray | None = None
    """What a source states after its ±, in the shape of the values; where it states none, nan."""
    paired: bool = False
    """Whether it is the difference of two samples, seed by seed."""
    flaw: str = ""
    """Which number that it was reckoned from is not finite, where one is: `coin.loss is nan at seed 3 of 5`."""

    @property
    def is_sample(self) -> bool:
        """Is it one number a seed, and nothing else?"""
        return self.axes == (SEED,)

    @property
    def is_number(self) -> bool:
        """Is it a single number?"""
        return isinstance(self.values, np.ndarray) and self.values.ndim == 0 and self.values.dtype.kind in "iufO"

    @property
    def is_finite(self) -> bool:
        """Is each of its numbers a finite one? Words and truths are not in question."""
        numbers = np.asarray(self.values)
        return numbers.dtype.kind != "f" or bool(np.all(np.isfinite(numbers)))

    def first_flaw(self) -> str:
        """Say which of its numbers is not finite: `coin.loss is nan at bias=0.5, seed 3 of 5`; nothing if all are."""
        if self.is_finite:
            return ""
        numbers = np.asarray(self.values)
        wrong = np.argwhere(~np.isfinite(numbers))
        at = tuple(wrong[0])
        place = ", ".join(map(self._place, self.axes, at, numbers.shape))
        more = f", and {len(wrong) - 1} more are not finite" if len(wrong) > 1 else ""
        return f"{self.text or 'this'} is {plain(numbers[at])}" + (f" at {place}{more}" if place else "")

    def _place(self, axis: str, at: int, length: int) -> str:
        labels = self.labels.get(axis)
        if labels is not None and len(labels) == length:
            return f"{axis}={_label(labels[at])}"
        return f"{axis} {at + 1} of {length}" if axis == SEED else f"{axis}[{at}]"

    def require_finite(self) -> None:
        """See that each of its numbers is a finite one: no other decides anything, or has digits.

        Raises:
            AsrunError: when one is not; the message says which.
        """
        if self.is_finite:
            return
        text = self.text or "value"
        raise AsrunError(
            f"{self.flaw or self.first_flaw()}: what is not finite decides nothing, and has no digits to show",
            remedy=f"choose what is finite by label, count the rest with nonfinite({text}), or show words instead: "
            f'{{{{ {text} | or "did not converge" }}}}',
        )

    def number(self) -> float:
        """Return the number, or the mean over seeds.

        Raises:
            AsrunError: when it is a table, no number at all, or not a finite one.
        """
        if (self.is_number or self.is_sample) and self.values.size:
            self.require_finite()
            with np.errstate(all="ignore"):
                number = float(np.mean(self.values.astype(float)))
            if not math.isfinite(number):
                raise AsrunError(f"the mean of {self.text} is too large a number", remedy="divide it by something")
            return number
        if not isinstance(self.values, np.ndarray) or self.values.dtype.kind not in ("iufb" if self.axes else "iufO"):
            shown = self.values[()] if isinstance(self.values, np.ndarray) and not self.axes else self.values
            raise AsrunError(f"{self.text} is {plain(shown)!r}, not a number")
        if not self.values.size:
            raise AsrunError(f"{self.text} has no numbers at all", remedy="let run return at least one")
        along = " and ".join(f"{axis} ({self.values.shape[at]})" for at, axis in enumerate(self.axes) if axis != SEED)
        example = next((axis for axis in self.axes if axis != SEED), None)
        raise AsrunError(
            f"{self.text} has many numbers, along {along}",
            remedy=f"choose one: {self.text}({example}={_typed(self.labels[example][0])})"
            if example in self.labels
            else f"choose one: {self.text}[0]",
        )

    def select(self, wanted: dict[str, Any]) -> Measure:
        """Choose by label along axes: `error(drop=0.5)`.

        Arguments:
            wanted: A label for each axis that is to go; a list of them leaves the axis there.

        Raises:
            AsrunError: when there is no such axis or label.
        """
        chosen = self
        for axis, label in wanted.items():
            if axis not in chosen.axes:
                raise AsrunError(
                    f"{self.text} has no axis called {axis}",
                    remedy=f"its axes are: {', '.join(self.axes) or 'none, it is a single number'}",
                )
            labels = chosen.labels.get(axis)
            if labels is None:
                raise AsrunError(
                    f"the axis {axis} of {self.text} has no labels", remedy=f"return an array called {axis} from run"
                )
            at = [self._find(axis, labels, each) for each in (label if isinstance(label, list) else [label])]
            chosen = chosen.take(axis, at if isinstance(label, list) else at[0])
        return chosen

    def _find(self, axis: str, labels: np.ndarray, label: Any) -> int:
        if plain(label) != plain(label):
            raise AsrunError(
                f"{self.text} is chosen by {axis}={label}, which is no label",
                remedy="let run return labels that are words or numbers",
            )
        hits = [at for at, each in enumerate(labels) if same_label(each, label)]
        if not hits:
            raise UnknownLabel(
                f"{self.text} has no {axis}={label}", remedy=f"it has: {', '.join(_label(each) for each in labels)}"
            )
        # Labels may be so near each other that rounding alone does not tell them apart: then the same one is meant.
        hits = [at for at in hits if plain(labels[at]) == plain(label)] or hits
        if len(hits) > 1:
            raise AsrunError(
                f"{self.text} has {axis}={_typed(plain(label))} twice, and nothing says which is meant",
                remedy=f"let run return labels of {axis} that are all different",
            )
        return hits[0]

    def take(self, axis: str, at: int | list[int]) -> Measure:
        """Choose by position along one axis: one place, or several, which leaves the axis there."""
        position = self.axes.index(axis)
        taken = replace(self, values=np.asarray(np.take(self.values, at, axis=position)), flaw="")
        if self.uncertainty is not None:
            taken = replace(taken, uncertainty=np.asarray(np.take(self.uncertainty, at, axis=position)))
        if isinstance(at, list):
            return replace(
                taken, labels={name: each[at] if name == axis else each for name, each in self.labels.items()}
            )
        return replace(taken, axes=tuple(each for each in self.axes if each != axis))

    def over_seeds(self, reduce: Callable[..., Any]) -> Measure:
        """Reduce the seeds away."""
        if SEED not in self.axes:
            raise AsrunError(f"{self.text} has no seeds", remedy=f"its axes are: {', '.join(self.axes) or 'none'}")
        position = self.axes.index(SEED)
        return replace(
            self,
            values=np.asarray(reduce(self.values, axis=position)),
            axes=tuple(each for each in self.axes if each != SEED),
        )


def plain(value: Any) -> Any:
    """Return a value without NumPy's types, as messages show it."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def same_label(left: Any, right: Any) -> bool:
    """Whether two labels choose the same: words and whole numbers as they are, other numbers to nine digits."""
    left, right = plain(left), plain(right)
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)) and not isinstance(right, bool):
        try:
            # Of 0, rounding may have left anything.
            return math.isclose(left, right, rel_tol=1e-9, abs_tol=0.0 if left and right else 1e-12)
        except OverflowError:
            return False
    return bool(left == right)


def _label(label: Any) -> str:
    return f"{label:g}" if isinstance(label, (float, np.floating)) else str(label)


def reckonable(values: np.ndarray) -> np.ndarray:
    """Return numbers that can be reckoned with: unsigned ones would begin again below 0, and truths are not numbers."""
    if values.dtype.kind in "bu" and values.dtype.itemsize < 8:
        return values.astype(np.int64)
    if values.dtype.kind == "i":
        # The smallest whole number has no positive one.
        return values.astype(float) if np.any(values == np.iinfo(values.dtype).min) else values.astype(np.int64)
    return values.astype(float) if values.dtype.kind == "u" else values


def _typed(label: Any) -> str:
    """Write a label as an author types it."""
    return f'"{label}"' if isinstance(label, str) else _label(label)


def from_record(values: dict[str, Any], path: list[str], text: str, source: Any) -> Measure:
    """Find a value in a record by its dotted path, with its axes and labels.

    Raises:
        AsrunError: for an unknown name, with the nearest there is.
    """
    folder: Any = values
    within: dict[str, Any] = values
    axes: Any = values.get("axes", {})
    for depth, name in enumerate(path):
        if not isinstance(folder, dict) or name not in folder:
            known = [each for each in folder if each != "axes"] if isinstance(folder, dict) else []
            inside = f"{source}" if depth == 0 else ".".join(path[:depth])
            raise AsrunError(
                f"{inside} has no value called {name}",
                remedy=did_you_mean(name, known, otherwise=f"it has: {', '.join(known) or 'no named values'}"),
                cause=("value", source, *path[: depth + 1]),
            )
        within, folder = folder, folder[name]
        if depth:
            axes = axes.get(path[depth - 1], {}) if isinstance(axes, dict) else {}
    if isinstance(folder, dict):
        raise AsrunError(f"{text} is a group of values", remedy=f"choose one: {text}.{next(iter(folder), '…')}")
    if isinstance(folder, (str, bool, np.bool_)) or folder is None:
        return Measure(plain(folder), sources=frozenset([source]), text=text)
    array = _array(folder, text)
    named = axes.get(path[-1]) if isinstance(axes, dict) else None
    if named is None:
        # An array that names an axis is its own label; any other one is known by position alone.
        named = [path[-1]] if array.ndim == 1 else [f"axis{at}" for at in range(array.ndim)]
    named = _axes(named, text, array.ndim)
    labels = {}
    for axis, length in zip(named, array.shape, strict=True):
        label = within.get(axis, values.get(axis))
        if label is not None and np.shape(label) == (length,):
            labels[axis] = np.asarray(label)
    return Measure(array, tuple(named), labels, frozenset([source]), text)


_EXAMPLE = 'write them as {"axes": {"error": ["drop", "seed"]}}: for each value, the names of its axes in their order'


_LONGEST_NAME = 200
"""Characters of the name of an axis."""


def _axes(named: Any, text: str, count: int) -> list[str]:
    """Check the names of a value's axes; one may stand alone."""
    names = [named] if isinstance(named, str) else named
    if not isinstance(names, (list, tuple)) or not all(isinstance(each, str) for each in names):
        raise AsrunError(f"the axes of {text} are not a list of names: {_shown(named)}", remedy=_EXAMPLE)
    if odd := [each for each in names if not 0 < len(each) <= _LONGEST_NAME or not each.isprintable()]:
        raise AsrunError(f"an axis of {text} has no name that can be written: {ascii(odd[0])[:80]}", remedy=_EXAMPLE)
    if len(set(names)) < len(names):
        raise AsrunError(f"the snippet of {text} names an axis twice: {_shown(names)}")
    if len(names) != count:
        raise AsrunError(f"{text} has {count} axes, but its snippet names {len(names)}: {_shown(names)}")
    return list(names)


def _shown(value: Any) -> str:
    told = ", ".join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else repr(value)
    told = told if told.isprintable() else ascii(told)
    return told if len(told) <= 80 else f"{told[:79]}…"


def check_axes(values: dict[str, Any]) -> None:
    """Refuse a result whose axes no page could read: a run is the best time to say so.

    Raises:
        AsrunError: naming the value whose axes they are.
    """
    if "axes" in values:
        _check_axes(values["axes"], values, "")


def _check_axes(axes: Any, values: dict[str, Any], inside: str) -> None:
    if not isinstance(axes, dict):
        about = f"axes.{inside.rstrip('.')}" if inside else "axes"
        raise AsrunError(f"{about} must name axes by value, and is {_shown(axes)}", remedy=_EXAMPLE)
    for name, named in axes.items():
        text = f"{inside}{name}"
        if name not in values or (name == "axes" and not inside):
            raise AsrunError(
                f"axes names {_shown(text)}, and the result has no such value",
                remedy=did_you_mean(name, [each for each in values if each != "axes"], otherwise="take it out of axes"),
            )
        if isinstance(values[name], dict):
            _check_axes(named, values[name], f"{text}.")
        else:
            _axes(named, text, np.ndim(_array(values[name], text)))


def _array(value: Any, text: str) -> np.ndarray:
    """Return numbers, or a list of words, as an array."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            # Whole numbers of more than 64 bits: one alone is kept to the last digit.
            numbers = array.astype(float)
            array = numbers if array.ndim or not isinstance(value, int) else array
    except OverflowError as error:
        raise AsrunError(
            f"{text} has a whole number of more than 300 digits, which is too large to reckon with",
            remedy="let run return its logarithm, or a string",
        ) from error
    except (ValueError, TypeError) as error:
        raise AsrunError(
            f"{text} is a list of different things, not an array of numbers",
            remedy="give each of them a name: let run return a dict in its place",
        ) from error
    return array
