"""The small language of values and claims: names of snippets, arithmetic, comparisons, a few functions.

    drop_rate.test_error(drop=0.5)                                  a value: mean and spread over seeds
    drop_rate.test_error(drop=0.5) < drop_rate.test_error(drop=0)   a claim: a test over seeds
    drop_rate.test_error(drop=[0.1, 0.2])                           several at once
    published.fig9a_test(keep=0.5)                                  a published number
    close(one.value, other.value, 0.1)                              a claim: alike, within a tolerance

It is parsed with Python's own parser and evaluated node by node: nothing outside this file's tables can be called.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from asrun.errors import AsrunError, did_you_mean
from asrun.values.comparison import Comparison, compare
from asrun.values.functions import DECISIONS, FUNCTIONS
from asrun.values.measure import SEED, Measure, from_record, plain, reckonable

__all__ = ["Evaluation", "Lookup", "evaluate"]


class Lookup(Protocol):
    """Where names get their meaning."""

    def record(self, name: str, scale: str | None, value: str | None) -> tuple[Any, dict[str, Any]]:
        """Return what names a snippet's record, and its values; raise AsrunError when `value` cannot be had from it."""

    def published(self, key: str) -> Measure:
        """Return a published number; raise AsrunError when there is none."""


@dataclass(frozen=True)
class Evaluation:
    """What an expression came to."""

    result: Measure
    """The value; that of a claim is true or false."""
    comparisons: tuple[Comparison, ...]
    """All that was compared on the way, with the evidence."""

    @property
    def holds(self) -> bool:
        """Whether it is a claim, and true."""
        return self.result.values is True


def evaluate(
    text: str, lookup: Lookup, scale: str | None = None, *, names: Mapping[str, Measure] | None = None
) -> Evaluation:
    """Evaluate an expression.

    Arguments:
        text: The expression, in one or several lines.
        lookup: Gives names their meaning.
        scale: Read records of this scale only; by default each snippet's preferred one.
        names: Names that stand for values here, before any snippet: the label of a table's row, a quiz's parameters.

    Raises:
        AsrunError: for anything that is not in the language, an unknown name, or a comparison that cannot be decided.
    """
    walker = _Evaluator(lookup, scale, names or {})
    if len(text) > _LONGEST:
        raise AsrunError(
            f"an expression of {len(text)} characters is longer than anybody reads: {text}",
            remedy=f"let the snippet return what is reckoned here; {_LONGEST} characters are the most",
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(f"({text.strip()}\n)", mode="eval")
        if _depth(tree.body) > _DEEPEST:
            raise AsrunError(
                f"an expression is nested more than {_DEEPEST} deep: {text}",
                remedy="let the snippet return what is reckoned here",
            )
        result = walker.visit(tree.body)
        if isinstance(result, _Path):
            result = result.measure()
        return Evaluation(replace(result, text=_source(tree.body)), tuple(walker.comparisons))
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        deep = isinstance(error, (MemoryError, RecursionError))
        why = "it is nested too deep" if deep else getattr(error, "msg", None) or str(error)
        raise AsrunError(
            f"not an expression: {' '.join(text.split())} ({why})",
            remedy="write it as in Python: snippet.value(axis=label) < other.value",
        ) from error


_LONGEST = 4000
"""Characters of an expression."""

_DEEPEST = 60
"""Levels of an expression, one in the other; a sum has as many as it has terms."""


def _depth(node: ast.AST) -> int:
    """Return how many expressions lie in each other at most, without lying in each other oneself."""
    level, depth = [node], 0
    while level:
        level, depth = [child for each in level for child in ast.iter_child_nodes(each)], depth + 1
    return depth


def _source(node: ast.AST) -> str:
    return ast.unparse(node)


@dataclass(frozen=True)
class _Path:
    """A dotted name that is not yet a value: `drop_rate`, `drop_rate.curves`."""

    lookup: Lookup
    scale: str | None
    names: tuple[str, ...]

    def measure(self) -> Measure:
        first, *rest = self.names
        text = ".".join(self.names)
        if first == "published":
            if len(rest) != 1:
                raise AsrunError(f"{text} is not a published number", remedy="write published.key")
            return replace(self.lookup.published(rest[0]), text=text)
        source, values = self.lookup.record(first, self.scale, rest[0] if rest else None)
        if not rest:
            names = ", ".join(name for name in values if name != "axes")
            raise AsrunError(f"{text} is a snippet, not a value", remedy=f"its values are: {names}")
        return from_record(values, rest, text, source)


_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: lambda left, right: np.power(left.astype(float), right.astype(float)),
}
_EXACTLY: dict[type, Callable[[Any, Any], Any]] = {**_ARITHMETIC, ast.Pow: operator.pow}
"""The same for Python's whole numbers, which have as many digits as they need."""
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


_EXACT = 2.0**53
"""Whole numbers up to here are the same as integers and as floating-point numbers."""


def _is_numeric(measure: Measure) -> bool:
    return isinstance(measure.values, np.ndarray) and measure.values.dtype.kind in "biufO"


def _reckon(sign: type, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Reckon number by number; a single whole number is exact, however long it is."""
    if sign is not ast.Div and left.dtype.kind in "biuO" and right.dtype.kind in "biuO":
        rounded = np.asarray(_ARITHMETIC[sign](left.astype(float), right.astype(float)))
        sizes = [rounded] if rounded.ndim else [rounded, left.astype(float), right.astype(float)]
        if any(np.any(np.abs(size) >= _EXACT) for size in sizes):
            # Those of 64 bits would begin again from the other end.
            exact = not rounded.ndim and np.isfinite(rounded)
            return np.asarray(_EXACTLY[sign](plain(left), plain(right))) if exact else rounded
    sides = (side.astype(float) if side.dtype.kind == "O" else reckonable(side) for side in (left, right))
    return np.asarray(_ARITHMETIC[sign](*sides))


def _flaw(*measures: Measure) -> str:
    """Return which number is not finite, of all that something is reckoned from."""
    return next((each.flaw for each in measures if each.flaw), "")


class _Evaluator:
    """Walks the syntax tree of an expression."""

    def __init__(self, lookup: Lookup, scale: str | None, names: Mapping[str, Measure]):
        self.lookup, self.scale, self.names = lookup, scale, names
        self.comparisons: list[Comparison] = []

    def visit(self, node: ast.AST) -> Any:
        method = getattr(self, f"visit_{type(node).__name__}", None)
        if method is None:
            raise AsrunError(
                f"{_source(node)} is not part of the language of values and claims",
                remedy="use names of values, numbers, + - * / **, comparisons, and, or, not, and "
                + ", ".join((*FUNCTIONS, *DECISIONS)),
            )
        return method(node)

    def value(self, node: ast.AST) -> Measure:
        found = self.visit(node)
        measure = found.measure() if isinstance(found, _Path) else found
        measure = replace(measure, text=_source(node))
        return replace(measure, flaw=measure.flaw or measure.first_flaw())

    def operand(self, node: ast.AST) -> Measure:
        """Return a value that is to be compared or reckoned with: not what a comparison came to."""
        if (
            isinstance(node, (ast.Compare, ast.BoolOp))
            or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
            or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DECISIONS)
        ):
            raise AsrunError(f"{_source(node)} is true or false, not a number", remedy="join claims with and, or, not")
        return self.value(node)

    def decided(self, node: ast.AST) -> Measure:
        """Return a value that is true or false."""
        measure = self.value(node)
        if not isinstance(measure.values, bool):
            raise AsrunError(f"{_source(node)} is neither true nor false", remedy="compare it with something")
        return measure

    def visit_Constant(self, node: ast.Constant) -> Measure:
        if isinstance(node.value, (int, float, str)):
            if isinstance(node.value, (str, bool)):
                return Measure(node.value)
            return Measure(self.number(node))
        raise AsrunError(f"{node.value!r} is not a number or a string")

    def number(self, node: ast.Constant) -> np.ndarray:
        """Return a number as it is written."""
        try:
            number = float(node.value)  # type: ignore[arg-type]
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise AsrunError("a number here is too large to reckon with", remedy="write fewer digits")
        return np.asarray(node.value)

    def visit_Name(self, node: ast.Name) -> Measure | _Path:
        if node.id in self.names:
            return self.names[node.id]
        return _Path(self.lookup, self.scale, (node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> _Path:
        inner = self.visit(node.value)
        if not isinstance(inner, _Path):
            raise AsrunError(f"{_source(node.value)} has no parts: .{node.attr} leads nowhere")
        return replace(inner, names=(*inner.names, node.attr))

    def visit_Subscript(self, node: ast.Subscript) -> Measure:
        measure, index = self.value(node.value), self.value(node.slice)
        at = index.values
        if not measure.axes or not index.is_number or at.dtype.kind not in "iu":
            raise AsrunError(f"{_source(node)} does not point at one thing", remedy="count from 0: value[0]")
        try:
            return measure.take(measure.axes[0], int(at))
        except (IndexError, OverflowError) as error:
            raise AsrunError(f"{_source(node)} is out of range", remedy=f"there are {len(measure.values)}") from error

    def visit_Call(self, node: ast.Call) -> Measure:
        if isinstance(node.func, ast.Name) and node.func.id not in self.names:
            return self.call(node, node.func.id)
        measure = self.value(node.func)
        if node.args or not node.keywords or any(keyword.arg is None for keyword in node.keywords):
            raise AsrunError(f"{_source(node)} does not choose anything", remedy="choose by label: value(axis=label)")
        wanted: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg in wanted:
                raise AsrunError(f"{_source(node)} chooses twice along {keyword.arg}")
            if isinstance(keyword.value, ast.List) and keyword.value.elts:
                wanted[str(keyword.arg)] = [self.label(each) for each in keyword.value.elts]
            else:
                wanted[str(keyword.arg)] = self.label(keyword.value)
        return measure.select(wanted)

    def label(self, node: ast.AST) -> Any:
        """Return what a value is chosen by."""
        label = self.operand(node).values
        if np.ndim(label) or label is None:
            raise AsrunError(f"{_source(node)} does not choose one thing", remedy="choose by label: axis=label")
        return plain(label)

    def call(self, node: ast.Call, name: str) -> Measure:
        """Call a function of the language."""
        known = FUNCTIONS | DECISIONS
        if name not in known:
            raise AsrunError(
                f"there is no function called {name}",
                remedy=did_you_mean(name, known, otherwise=f"functions are: {', '.join(known)}"),
            )
        function = known[name]
        wanted = function.arguments.count(",") + 1
        if len(node.args) != wanted or node.keywords:
            values = "one value" if wanted == 1 else f"{wanted} values"
            raise AsrunError(f"{name} takes {values}", remedy=f"write {name}({function.arguments}): {function.what}")
        arguments = [self.operand(each) for each in node.args]
        for argument in arguments:
            if not _is_numeric(argument) or not argument.values.size:
                raise AsrunError(f"{argument.text} is not numbers: {name} makes nothing of it")
        with np.errstate(all="ignore"):
            result = function.call(*arguments)
        if isinstance(result, Measure):
            return replace(result, flaw=_flaw(*arguments))
        self.comparisons.append(result)
        return Measure(result.holds, sources=frozenset().union(*(each.sources for each in arguments)))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Measure:
        if isinstance(node.op, ast.Not):
            before = len(self.comparisons)
            decided = self.decided(node.operand)
            if any(each.p_value is not None for each in self.comparisons[before:]):
                raise AsrunError(
                    f"{_source(node)}: that a difference is not shown does not show that there is none",
                    remedy="say what you measured with < or >",
                )
            return Measure(not decided.values, sources=decided.sources)
        operand = self.operand(node.operand)
        if not _is_numeric(operand):
            raise AsrunError(f"{_source(node)} cannot be computed", remedy="use + - * / ** on numbers")
        if isinstance(node.op, ast.USub):
            return replace(operand, values=np.asarray(-reckonable(operand.values)))
        raise AsrunError(f"{_source(node)} is not part of the language")

    def visit_BinOp(self, node: ast.BinOp) -> Measure:
        left, right = self.operand(node.left), self.operand(node.right)
        if type(node.op) not in _ARITHMETIC or not _is_numeric(left) or not _is_numeric(right):
            raise AsrunError(f"{_source(node)} cannot be computed", remedy="use + - * / ** on numbers")
        if left.axes and right.axes and left.axes != right.axes:
            raise AsrunError(f"{_source(node)} mixes axes: {', '.join(left.axes)} with {', '.join(right.axes)}")
        if SEED in left.axes and SEED in right.axes and left.values.shape != right.values.shape:
            raise AsrunError(f"{_source(node)} mixes different numbers of seeds", remedy="use mean(…) of each")
        for axis in set(left.labels) & set(right.labels):
            if axis in left.axes and axis in right.axes and not np.array_equal(left.labels[axis], right.labels[axis]):
                raise AsrunError(
                    f"{_source(node)} mixes different labels of {axis}", remedy=f"choose one of each: {axis}=label"
                )
        if left.axes and right.axes and left.values.shape != right.values.shape:
            raise AsrunError(f"{_source(node)} mixes different numbers of {' and '.join(left.axes)}")
        with np.errstate(all="ignore"):
            values = _reckon(type(node.op), left.values, right.values)
            # What is not finite stays that: 1 / inf is no 0, and nan ** 0 no 1.
            given = np.isfinite(left.values.astype(float)) & np.isfinite(right.values.astype(float))
        if not np.all(np.isfinite(values.astype(float)[given])):
            raise AsrunError(f"{_source(node)} is not a finite number", remedy="look at the size of its numbers")
        if not np.all(given):
            values = np.where(given, values, np.nan)
        return Measure(
            values,
            left.axes or right.axes,
            left.labels | right.labels,
            left.sources | right.sources,
            # One sample less another, number by number, is a pairing by seeds.
            paired=isinstance(node.op, ast.Sub) and left.is_sample and right.is_sample,
            flaw=_flaw(left, right),
        )

    def visit_Compare(self, node: ast.Compare) -> Measure:
        sides = [self.operand(each) for each in (node.left, *node.comparators)]
        holds = True
        for left, sign, right in zip(sides[:-1], node.ops, sides[1:], strict=True):
            if type(sign) not in _COMPARISONS:
                raise AsrunError(f"{_source(node)} compares in a way that is not part of the language")
            with np.errstate(all="ignore"):
                comparison = compare(left, _COMPARISONS[type(sign)], right)
            self.comparisons.append(comparison)
            holds = holds and comparison.holds
        return Measure(holds, sources=frozenset().union(*(side.sources for side in sides)))

    def visit_BoolOp(self, node: ast.BoolOp) -> Measure:
        sides = [self.decided(each) for each in node.values]
        decide = all if isinstance(node.op, ast.And) else any
        return Measure(
            decide(bool(side.values) for side in sides), sources=frozenset().union(*(side.sources for side in sides))
        )
