"""Which values an expression reads, and which of their numbers: `drop_rate.test_error`, at `drop=0.5`."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np

from asrun.errors import AsrunError
from asrun.values.expression import Lookup, evaluate
from asrun.values.measure import SEED, Measure, plain

__all__ = ["Cell", "Reading", "Short", "drawn", "label_of", "parts", "readings", "shorten", "spread", "words"]

PUBLISHED = "published"

SAMPLED = 6
"""How many single labels of a value are tried, and how many seeds: of more, as many are drawn."""


@dataclass(frozen=True, eq=False)
class Cell:
    """Some of the numbers of a value: all of them, those that a claim selects, those at one label."""

    name: str
    at: np.ndarray
    """Their positions in the flattened array."""
    unit: float
    """Their spread, in which they are shifted; 1 for words."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A value that an expression reads."""

    path: tuple[str, ...]
    """Its dotted name: first a snippet or `published`, then the way to the value."""
    measure: Measure
    selections: dict[str, Measure] = field(default_factory=dict)
    """What the expression selects of it, as written: the positions in the flattened array, with the axes left."""

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def is_published(self) -> bool:
        return self.path[0] == PUBLISHED

    @property
    def seeds(self) -> int:
        """How many seeds it has; 0 without any."""
        return self.measure.values.shape[self.measure.axes.index(SEED)] if SEED in self.measure.axes else 0


def readings(text: str, lookup: Lookup, scale: str | None = None) -> list[Reading]:
    """Find the values that an expression reads, in the order in which it names them.

    Raises:
        AsrunError: when one of them cannot be had.
    """
    finder = _Finder(lookup, scale)
    finder.visit(_parsed(text))
    return list(finder.found.values())


def words(text: str) -> list[str]:
    """Return the words that an expression itself writes: those that it compares with, and labels."""
    constants = [node.value for node in ast.walk(_parsed(text)) if isinstance(node, ast.Constant)]
    return list(dict.fromkeys(word for word in constants if isinstance(word, str)))


def _parsed(text: str) -> ast.AST:
    return ast.parse(f"({text.strip()}\n)", mode="eval").body


def _dotted(node: ast.AST) -> tuple[str, ...]:
    """Return the parts of a dotted name; nothing for what is none."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) and parts else ()


def _base(node: ast.expr) -> ast.expr:
    """Return what selections start from: `a.b` in `a.b(c=1)[0]`."""
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def _choosers(node: ast.expr) -> list[ast.expr]:
    """Return what labels and places are chosen by, in all selections that follow one another."""
    found: list[ast.expr] = []
    while isinstance(node, (ast.Call, ast.Subscript)):
        found += [keyword.value for keyword in node.keywords] if isinstance(node, ast.Call) else [node.slice]
        node = node.func if isinstance(node, ast.Call) else node.value
    return found


class _Finder(ast.NodeVisitor):
    """Walks an expression, and stops at each dotted name together with the selections that follow it."""

    def __init__(self, lookup: Lookup, scale: str | None):
        self.lookup, self.scale = lookup, scale
        self.found: dict[tuple[str, ...], Reading] = {}

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._read(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._read(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._read(node)

    def _read(self, node: ast.expr) -> None:
        path = _dotted(_base(node))
        if not path:
            self.generic_visit(node)
            return
        if path not in self.found:
            self.found[path] = Reading(path, evaluate(".".join(path), self.lookup, self.scale).result)
        reading = self.found[path]
        if isinstance(reading.measure.values, np.ndarray):
            reading.selections[ast.unparse(node)] = self._select(node, reading.measure)
        for chooser in _choosers(node):
            self.visit(chooser)

    def _select(self, node: ast.expr, measure: Measure) -> Measure:
        """Select positions in place of numbers."""
        if isinstance(node, ast.Call):
            inner = self._select(node.func, measure)
            return inner.select({str(keyword.arg): self._label(keyword.value) for keyword in node.keywords})
        if isinstance(node, ast.Subscript):
            inner = self._select(node.value, measure)
            return inner.take(inner.axes[0], int(self._label(node.slice)))
        return replace(measure, values=np.arange(measure.values.size).reshape(measure.values.shape))

    def _label(self, node: ast.expr) -> Any:
        if isinstance(node, ast.List):
            return [self._label(each) for each in node.elts]
        label = plain(evaluate(ast.unparse(node), self.lookup, self.scale).result.values)
        if isinstance(label, list):
            raise AsrunError(f"{ast.unparse(node)} does not choose one thing", remedy="choose by label: axis=label")
        return label


@dataclass(frozen=True, eq=False)
class Short:
    """An expression in which a name stands for each selection: it says the same, and is evaluated much faster."""

    text: str
    names: dict[str, tuple[Reading, Measure]]
    """What each `published.name` of the text stands for: positions of a value."""

    def numbers(self, changed: Reading | None = None, values: Any = None) -> dict[str, Measure]:
        """Return what the names mean, where one value may be another."""
        return {
            name: replace(
                positions, values=_chosen(values if reading is changed else reading.measure.values, positions)
            )
            for name, (reading, positions) in self.names.items()
            if changed is None or reading is changed
        }


def _chosen(values: np.ndarray, positions: Measure) -> np.ndarray:
    return np.asarray(values.ravel()[positions.values])


def shorten(text: str, found: list[Reading]) -> Short:
    """Put names in place of selections whose labels are written out.

    Where one value gives another its labels, nothing is replaced: what selects by them must be asked anew each time.
    """
    axes = {axis for reading in found for axis in reading.measure.axes if axis != reading.path[-1]}
    if axes & {reading.path[-1] for reading in found}:
        return Short(text, {})
    shortener = _Shortener({reading.path: reading for reading in found})
    tree = shortener.visit(_parsed(text))
    return Short(ast.unparse(tree), shortener.names)


class _Shortener(ast.NodeTransformer):
    """Replaces each dotted name, together with the selections that follow it, by a name of its own."""

    def __init__(self, found: dict[tuple[str, ...], Reading]):
        self.found = found
        self.names: dict[str, tuple[Reading, Measure]] = {}

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
            reading = self.found.get(_dotted(_base(node)))
            if reading:
                return self._named(node, reading)
        return super().generic_visit(node)

    def _named(self, node: ast.expr, reading: Reading) -> ast.expr:
        positions = reading.selections.get(ast.unparse(node))
        if positions is None or not all(map(_is_written_out, _choosers(node))):
            return node
        taken = {*self.names, *(path[-1] for path in self.found)}
        name = next(name for at in itertools.count() if (name := f"number{at}") not in taken)
        self.names[name] = (reading, positions)
        return ast.Attribute(ast.Name(PUBLISHED, ast.Load()), name, ast.Load())


def _is_written_out(node: ast.expr) -> bool:
    return all(isinstance(each, (ast.Constant, ast.List, ast.UnaryOp, ast.USub, ast.Load)) for each in ast.walk(node))


def parts(reading: Reading, random: Random) -> list[Cell]:
    """Return the parts of a value that are changed, each once.

    What an expression names comes first, then the whole value, then what it names at one label of one axis: up to
    SAMPLED of these, drawn from all labels of all axes but the seeds.
    """
    if not isinstance(reading.measure.values, np.ndarray):
        return []
    places = [(name, positions.values.ravel()) for name, positions in reading.selections.items()]
    places.append((reading.name, np.arange(reading.measure.values.size)))
    single = [
        (name, axis, at)
        for name, positions in reading.selections.items()
        for axis, length in zip(positions.axes, positions.values.shape, strict=True)
        if axis != SEED
        for at in range(length)
    ]
    for name, axis, at in drawn(single, SAMPLED, random):
        positions = reading.selections[name]
        places.append((f"{name} at {label_of(positions, axis, at)}", positions.take(axis, at).values.ravel()))
    once = {np.sort(at).tobytes(): (name, at) for name, at in reversed(places) if at.size}
    return [Cell(name, at, spread(reading.measure, at)) for name, at in reversed(once.values())]


def drawn(of: Sequence[Any], count: int, random: Random) -> list[Any]:
    """Draw so many of some things, in their order; all of them when there are fewer."""
    return [of[at] for at in sorted(random.sample(range(len(of)), min(count, len(of))))]


def label_of(measure: Measure, axis: str, at: int) -> str:
    """Name a place along an axis: `drop=0.5`, or `drop[3]` where there are no labels."""
    labels = measure.labels.get(axis)
    # What was selected by several labels keeps the labels of all.
    if labels is None or len(labels) != measure.values.shape[measure.axes.index(axis)]:
        return f"{axis}[{at}]"
    label = labels[at]
    return f"{axis}={label:g}" if isinstance(label, (float, np.floating)) else f"{axis}={label}"


def spread(measure: Measure, at: np.ndarray) -> float:
    """Return the unit in which numbers are shifted: what chance does to them, as far as they tell.

    With seeds it is sqrt(mean of s²), s² being the variance over seeds (one degree of freedom less) at each place that
    is changed, or of all places where these do not vary. Without seeds it is the standard deviation of all numbers.
    Where nothing varies it is the mean of |number|, and 1 where that is 0, and for words.
    """
    if measure.values.dtype.kind not in "biuf":
        return 1.0
    numbers = np.asarray(measure.values, float)
    size = np.abs(numbers[np.isfinite(numbers)])
    magnitude = float(size.mean()) if size.size else 0.0
    tried: list[float] = []
    if SEED in measure.axes and numbers.shape[measure.axes.index(SEED)] > 1:
        variances = np.var(numbers, axis=measure.axes.index(SEED), ddof=1, keepdims=True)
        everywhere = np.broadcast_to(variances, numbers.shape).ravel()
        tried = [math.sqrt(everywhere[at].mean()), math.sqrt(everywhere.mean())]
    elif SEED not in measure.axes and numbers.size > 1:
        tried = [float(np.std(numbers, ddof=1))]
    # Equal numbers have a tiny spread when their mean is rounded.
    return next((each for each in (*tried, magnitude) if math.isfinite(each) and each > 1e-12 * magnitude), 1.0)
