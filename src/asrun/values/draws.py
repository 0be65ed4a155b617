"""What is asked and what is right, computed before anything is drawn: parameters, answers, orders.

A question may draw parameters, `draw: {units: [100, 200], keep: [0.5, 0.8]}`. Text names them as `[=units]`: doubled
braces are values, single braces belong to LaTeX, and no Markdown begins with `[=`. Expressions name them as they are,
and every combination is computed here: a page ships answers, never a formula that a browser has to work out.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import keyword
import math
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asrun.errors import AsrunError, quoted
from asrun.values.expression import Evaluation
from asrun.values.formats import format_measure
from asrun.values.functions import DECISIONS, FUNCTIONS
from asrun.values.measure import Measure

__all__ = ["DRAWN", "Case", "Draw", "Tolerance", "compute_cases", "mentioned", "read_draws", "shuffled", "write_number"]

DRAWN = re.compile(r"\[=[ \t]*([A-Za-z_]\w*)[ \t]*\]")
"""A drawn parameter in a text."""

MOST = 200
"""Combinations that one question may have."""

Draw = dict[str, float]
"""One combination of parameters, by name; empty for a question that draws none."""

Evaluate = Callable[[str, Mapping[str, Measure]], Evaluation]
"""Evaluates an expression in which some names stand for values."""


@dataclass(frozen=True)
class Tolerance:
    """How far from the answer still counts as right: an amount, or a share of the answer."""

    amount: float
    relative: bool

    def around(self, answer: float) -> float:
        return abs(answer) * self.amount if self.relative else self.amount

    @staticmethod
    def read(option: Any) -> Tolerance:
        """Read `0.01` or `5%`.

        Raises:
            AsrunError: when it is neither.
        """
        text = str(option).strip() if isinstance(option, (str, float)) else quoted(option)
        relative = text.endswith("%")
        try:
            amount = float(text.removesuffix("%"))
        except ValueError:
            amount = math.nan
        if isinstance(option, bool) or not 0 <= amount < 1e15:
            raise AsrunError(f"{text!r} is no tolerance", remedy="write an amount, tolerance: 0.01, or a share: 5%")
        return Tolerance(amount / 100 if relative else amount, relative)


@dataclass(frozen=True)
class Case:
    """One combination of parameters, with its answer and the wrong results that are known."""

    draw: Draw
    answer: float
    tolerance: float
    wrong: tuple[float, ...]

    def told(self) -> str:
        """Name the combination, for messages."""
        return f" with {_written(self.draw)}" if self.draw else ""


def read_draws(option: Any, taken: Collection[str]) -> list[Draw]:
    """Read `draw: {units: [100, 200], keep: [0.5, 0.8]}` into all its combinations.

    Arguments:
        option: What the author wrote; nothing means one combination without parameters.
        taken: Names that mean something else in expressions.

    Raises:
        AsrunError: for a name that cannot be used, or a list that is not one of different numbers.
    """
    if option is None:
        return [{}]
    example = "write draw: {units: [100, 200, 400]}"
    if not isinstance(option, dict) or not option:
        raise AsrunError("draw holds lists of numbers by name", remedy=example)
    for name, numbers in option.items():
        if not isinstance(name, str) or not name.isascii() or not name.isidentifier() or keyword.iskeyword(name):
            raise AsrunError(
                f"{quoted(name)} is no name for a parameter", remedy="use letters, digits and _: units, keep_1"
            )
        if name in {*taken, *FUNCTIONS, *DECISIONS, "published"}:
            raise AsrunError(
                f"{name} means something else in expressions", remedy="give the parameter a name of its own"
            )
        if not isinstance(numbers, list) or not numbers or not all(_is_number(each) for each in numbers):
            raise AsrunError(f"the parameter {name} needs a list of numbers", remedy=example)
        if len(set(numbers)) < len(numbers):
            raise AsrunError(f"the parameter {name} has a number twice", remedy="name each once")
    count = math.prod(len(numbers) for numbers in option.values())
    if count > MOST:
        raise AsrunError(
            f"these parameters have {count} combinations, and each is computed and sent to the reader",
            remedy=f"keep to {MOST} or fewer",
        )
    return [dict(zip(option, numbers, strict=True)) for numbers in itertools.product(*option.values())]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def mentioned(expression: str) -> set[str]:
    """Return the names that an expression uses; none for what is no expression."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(f"({expression.strip()}\n)", mode="eval")
        return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return set()


def compute_cases(
    draws: Sequence[Draw], answer: str, wrong: Sequence[str], tolerance: Tolerance, evaluate: Evaluate
) -> tuple[list[Case], list[Evaluation]]:
    """Compute the answer and the wrong results of every combination.

    Returns:
        The cases, and all evaluations that they came from.

    Raises:
        AsrunError: when something cannot be computed, or two results are too near each other to be told apart.
    """
    cases, evaluations = [], []
    for draw in draws:
        names = {name: Measure(np.asarray(number), text=name) for name, number in draw.items()}
        found = []
        for expression in (answer, *wrong):
            try:
                evaluation = evaluate(expression, names)
                number = evaluation.result.number()
                if not math.isfinite(number):
                    raise AsrunError(f"{expression} is not a finite number", remedy="look at its record")
            except AsrunError as error:
                error.remedy = error.remedy or "look at what answer:, wrong: and draw: say"
                if draw:
                    error.what = f"with {_written(draw)}: {error.what}"
                raise
            evaluations.append(evaluation)
            found.append(number)
        case = Case(draw, found[0], tolerance.around(found[0]), tuple(found[1:]))
        if not math.isfinite(case.tolerance):
            raise AsrunError(f"the answer {answer} is too large a number{case.told()}", remedy="ask in another unit")
        _tell_apart(case, (answer, *wrong))
        cases.append(case)
    return cases, evaluations


def _tell_apart(case: Case, expressions: Sequence[str]) -> None:
    numbered = list(zip(expressions, (case.answer, *case.wrong), strict=True))
    for (one, left), (other, right) in itertools.combinations(numbered, 2):
        # Rounding must not decide whether two results that are equal in mathematics are.
        if abs(left - right) <= 2 * case.tolerance + 1e-9 * max(abs(left), abs(right)):
            raise AsrunError(
                f"{one} is {write_number(left)} and {other} is {write_number(right)}{case.told()}: within the "
                "tolerance, nobody can tell which of them a reader meant",
                remedy="draw other numbers, make the tolerance smaller, or take one of the two out",
            )


def _written(draw: Draw) -> str:
    return ", ".join(f"{name} = {write_number(number)}" for name, number in draw.items())


def write_number(number: float, tolerance: float = 0.0) -> str:
    """Write a number for a reader: whole where it is, else with a digit more than the tolerance asks for."""
    if abs(number) < 1e15 and math.isclose(number, round(number), rel_tol=1e-12, abs_tol=1e-12):
        return format_measure(Measure(np.asarray(round(number))))
    digits = max(0, 1 - math.floor(math.log10(tolerance))) if tolerance > 0 else None
    rounded = f".{digits}f" if digits is not None and digits < 12 and abs(number) < 1e9 else ".6g"
    return format_measure(Measure(np.asarray(float(number))), rounded)


def shuffled(items: Sequence[str], salt: str) -> list[int]:
    """Return positions of items in an order that looks random, is always the same, and is never the right one."""
    order = sorted(range(len(items)), key=lambda at: hashlib.sha256(f"{salt}\n{at}\n{items[at]}".encode()).digest())
    return order[1:] + order[:1] if order == list(range(len(items))) else order
