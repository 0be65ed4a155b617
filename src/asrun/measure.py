"""Numbers that know what they are: axes with labels, the seeds among them, and the records they come from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from asrun.errors import AsrunError, did_you_mean

__all__ = ["SEED", "Measure", "UnknownLabel", "check_axes", "from_record"]

SEED = "seed"
"""The axis over which a value has a spread."""


class UnknownLabel(AsrunError):
    """A value is chosen by a label that its axis does not have."""


@dataclass(frozen=True)
class Measure:
    """A number, or numbers along named axes.

    A snippet names the axes of its arrays in its result, under "axes"; an array called like an axis gives its labels:

        {"drop": [0.0, 0.5], "error": [[1.7, 1.6, 1.8], [1.3, 1.2, 1.4]], "axes": {"error": ["drop", "seed"]}}
    """

    values: Any
    """A NumPy array of numbers, or a string or bool."""
    axes: tuple[str, ...] = ()
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    sources: frozenset[Any] = frozenset()
    """What it comes from: RunNames of records, keys of published numbers."""
    text: str = ""
    """How the author wrote it."""
    uncertainty: np.ndarray | None = None
    """What a source states after its ±, in the shape of the values; where it states none, nan."""
    paired: bool = False
    """Whether it is the difference of two samples, seed by seed."""

    @property
    def is_sample(self) -> bool:
        """Is it one number a seed, and nothing else?"""
        return self.axes == (SEED,)

    @property
    def is_number(self) -> bool:
        return isinstance(self.values, np.ndarray) and self.values.ndim == 0 and self.values.dtype.kind in "iuf"

    def number(self) -> float:
        """Return the number, or the mean over seeds.

        Raises:
            AsrunError: when it is a table, or no number at all.
        """
        if (self.is_number or self.is_sample) and self.values.size:
            with np.errstate(over="ignore", invalid="ignore"):
                # Of very large numbers it is infinite, and shown as that.
                return float(np.mean(self.values))
        if not isinstance(self.values, np.ndarray) or self.values.dtype.kind not in ("iufb" if self.axes else "iuf"):
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
        """Choose by label along axes: `error(drop=0.5)`."""
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
        hits = [at for at, each in enumerate(labels) if _same(each, label)]
        if not hits:
            raise UnknownLabel(
                f"{self.text} has no {axis}={label}", remedy=f"it has: {', '.join(_label(each) for each in labels)}"
            )
        return hits[0]

    def take(self, axis: str, at: int | list[int]) -> Measure:
        """Choose by position along one axis: one place, or several, which leaves the axis there."""
        position = self.axes.index(axis)
        taken = replace(self, values=np.asarray(np.take(self.values, at, axis=position)))
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


def _same(left: Any, right: Any) -> bool:
    numbers = (int, float, np.integer, np.floating)
    if isinstance(left, numbers) and isinstance(right, numbers) and not isinstance(right, bool):
        try:
            return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
        except OverflowError:
            # A whole number too large for a float.
            return bool(left == right)
    return bool(left == right)


def _label(label: Any) -> str:
    return f"{label:g}" if isinstance(label, (float, np.floating)) else str(label)


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
            # Whole numbers of more than 64 bits.
            array = array.astype(float)
    except OverflowError as error:
        raise AsrunError(
            f"{text} has a whole number of more than 300 digits, which is too large to be shown",
            remedy="let run return its size: math.log10(number)",
        ) from error
    except (ValueError, TypeError) as error:
        raise AsrunError(
            f"{text} is a list of different things, not an array of numbers",
            remedy="give each of them a name: let run return a dict in its place",
        ) from error
    return array
