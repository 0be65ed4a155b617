"""The small language of values and claims: names of snippets, arithmetic, comparisons, a few functions.

    drop_rate.test_error(drop=0.5)                                  a value: mean and spread over seeds
    drop_rate.test_error(drop=0.5) < drop_rate.test_error(drop=0)   a claim: a test over seeds
    published.fig9a_test(keep=0.5)                                  a published number

It is parsed with Python's own parser and evaluated node by node: nothing outside this file's tables can be called.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from asrun.errors import AsrunError, did_you_mean
from asrun.measure import SEED, Measure, from_record, plain
from asrun.statistics import Comparison, compare

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
    comparisons: tuple[Comparison, ...]

    @property
    def holds(self) -> bool:
        return self.result.values is True


def evaluate(text: str, lookup: Lookup, scale: str | None = None) -> Evaluation:
    """Evaluate an expression.

    Arguments:
        text: The expression, in one or several lines.
        lookup: Gives names their meaning.
        scale: Read records of this scale only; by default each snippet's preferred one.

    Raises:
        AsrunError: for anything that is not in the language, an unknown name, or a comparison that cannot be decided.
    """
    walker = _Evaluator(lookup, scale)
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(f"({text.strip()}\n)", mode="eval")
        result = walker.visit(tree.body)
        if isinstance(result, _Path):
            result = result.measure()
        return Evaluation(replace(result, text=_source(tree.body)), tuple(walker.comparisons))
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise AsrunError(
            f"not an expression: {' '.join(text.split())} ({getattr(error, 'msg', None) or error})",
            remedy="write it as in Python: snippet.value(axis=label) < other.value",
        ) from error


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
}
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


def _extreme(pick: Callable[[np.ndarray], np.intp]) -> Callable[[Measure], Measure]:
    """Make a function that returns the label at which the mean over seeds is smallest or largest."""

    def where(measure: Measure) -> Measure:
        means = measure.over_seeds(np.mean) if SEED in measure.axes else measure
        if np.any(np.isnan(means.values)):
            raise AsrunError(f"{measure.text} has a number that is not one: nan", remedy="look at its record")
        if len(means.axes) != 1 or means.axes[0] not in means.labels:
            raise AsrunError(f"{measure.text} must have one labelled axis to look along, not {len(means.axes)}")
        (axis,) = means.axes
        return Measure(np.asarray(means.labels[axis][pick(means.values)]), sources=measure.sources)

    return where


def _least(reduce: Callable[..., Any]) -> Callable[[Measure], Measure]:
    def extreme(measure: Measure) -> Measure:
        return Measure(np.asarray(reduce(measure.values)), sources=measure.sources)

    return extreme


FUNCTIONS: dict[str, tuple[Callable[..., Measure], str]] = {
    "mean": (lambda m: m.over_seeds(np.mean), "mean over seeds"),
    "sd": (lambda m: m.over_seeds(lambda v, axis: np.std(v, axis=axis, ddof=1)), "standard deviation over seeds"),
    "argmin": (_extreme(np.argmin), "label at which the mean over seeds is smallest"),
    "argmax": (_extreme(np.argmax), "label at which the mean over seeds is largest"),
    "min": (_least(np.min), "smallest of all numbers"),
    "max": (_least(np.max), "largest of all numbers"),
    "abs": (lambda m: replace(m, values=np.asarray(np.abs(m.values))), "without the sign"),
    "count": (lambda m: Measure(np.asarray(m.values.size), sources=m.sources), "how many numbers there are"),
}
"""The functions of the language, each with what it returns."""


_EXACT = 2.0**53
"""Whole numbers up to here are the same as integers and as floating-point numbers."""


def _is_numeric(measure: Measure) -> bool:
    return isinstance(measure.values, np.ndarray) and measure.values.dtype.kind in "biuf"


def _numbers(values: np.ndarray) -> np.ndarray:
    """Return numbers that can be reckoned with: unsigned ones would begin again below 0, and truths are not numbers."""
    if values.dtype.kind in "bu" and values.dtype.itemsize < 8:
        return values.astype(np.int64)
    return values.astype(float) if values.dtype.kind in "uO" else values


class _Evaluator:
    """Walks the syntax tree of an expression."""

    def __init__(self, lookup: Lookup, scale: str | None):
        self.lookup, self.scale = lookup, scale
        self.comparisons: list[Comparison] = []

    def visit(self, node: ast.AST) -> Any:
        method = getattr(self, f"visit_{type(node).__name__}", None)
        if method is None:
            raise AsrunError(
                f"{_source(node)} is not part of the language of values and claims",
                remedy="use names of values, numbers, + - * /, comparisons, and, or, not, and " + ", ".join(FUNCTIONS),
            )
        return method(node)

    def value(self, node: ast.AST) -> Measure:
        found = self.visit(node)
        measure = found.measure() if isinstance(found, _Path) else found
        return replace(measure, text=_source(node))

    def operand(self, node: ast.AST) -> Measure:
        """Return a value that is to be compared or reckoned with: not what a comparison came to."""
        if isinstance(node, (ast.Compare, ast.BoolOp)) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
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
            return Measure(_numbers(np.asarray(node.value)))
        raise AsrunError(f"{node.value!r} is not a number or a string")

    def visit_Name(self, node: ast.Name) -> _Path:
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
        except IndexError as error:
            raise AsrunError(f"{_source(node)} is out of range", remedy=f"there are {len(measure.values)}") from error

    def visit_Call(self, node: ast.Call) -> Measure:
        if isinstance(node.func, ast.Name):
            if node.func.id not in FUNCTIONS:
                raise AsrunError(
                    f"there is no function called {node.func.id}",
                    remedy=did_you_mean(node.func.id, FUNCTIONS, otherwise=f"functions are: {', '.join(FUNCTIONS)}"),
                )
            if len(node.args) != 1 or node.keywords:
                raise AsrunError(f"{node.func.id} takes one value", remedy=f"write {node.func.id}(snippet.value)")
            argument = self.operand(node.args[0])
            if not _is_numeric(argument) or not argument.values.size:
                raise AsrunError(f"{argument.text} is not numbers: {node.func.id} makes nothing of it")
            if node.func.id == "sd" and argument.is_sample and len(argument.values) < 2:
                raise AsrunError(f"{argument.text} has one seed, and no spread", remedy="run it with more seeds")
            with np.errstate(all="ignore"):
                return FUNCTIONS[node.func.id][0](argument)
        measure = self.value(node.func)
        if node.args or not node.keywords or any(keyword.arg is None for keyword in node.keywords):
            raise AsrunError(f"{_source(node)} does not choose anything", remedy="choose by label: value(axis=label)")
        wanted = {}
        for keyword in node.keywords:
            label = self.operand(keyword.value).values
            if np.ndim(label) or label is None or keyword.arg in wanted:
                raise AsrunError(f"{_source(node)} does not choose one thing", remedy="choose by label: axis=label")
            wanted[str(keyword.arg)] = plain(label)
        return measure.select(wanted)

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
            raise AsrunError(f"{_source(node)} cannot be computed", remedy="use + - * / on numbers")
        if isinstance(node.op, ast.USub):
            operand = replace(operand, values=_numbers(operand.values))
            return replace(operand, values=np.asarray(-operand.values))
        raise AsrunError(f"{_source(node)} is not part of the language")

    def visit_BinOp(self, node: ast.BinOp) -> Measure:
        operate = _ARITHMETIC.get(type(node.op))
        left, right = self.operand(node.left), self.operand(node.right)
        if operate is None or not _is_numeric(left) or not _is_numeric(right):
            raise AsrunError(f"{_source(node)} cannot be computed", remedy="use + - * / on numbers")
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
            values = np.asarray(operate(_numbers(left.values), _numbers(right.values)))
            if values.dtype.kind == "i" and np.any(
                np.abs(operate(left.values.astype(float), right.values.astype(float))) > _EXACT
            ):
                # Whole numbers of 64 bits would begin again from the other end.
                values = operate(left.values.astype(float), right.values.astype(float))
        if not np.all(np.isfinite(values)):
            raise AsrunError(f"{_source(node)} is not a finite number")
        return Measure(values, left.axes or right.axes, left.labels | right.labels, left.sources | right.sources)

    def visit_Compare(self, node: ast.Compare) -> Measure:
        sides = [self.operand(each) for each in (node.left, *node.comparators)]
        holds = True
        for left, sign, right in zip(sides[:-1], node.ops, sides[1:], strict=True):
            if type(sign) not in _COMPARISONS:
                raise AsrunError(f"{_source(node)} compares in a way that is not part of the language")
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
