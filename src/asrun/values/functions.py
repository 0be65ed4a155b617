"""The functions of the language of values and claims: those that return values, and those that decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from asrun.errors import AsrunError
from asrun.values.agreement import agrees, close, falls, rises
from asrun.values.comparison import Comparison, paired
from asrun.values.measure import SEED, Measure, reckonable

__all__ = ["DECISIONS", "FUNCTIONS", "Decision", "Function"]


@dataclass(frozen=True)
class Function:
    """A function that returns a value."""

    call: Callable[..., Measure]
    arguments: str
    """As an author writes them: `value`, `one, other`."""
    what: str
    """What it returns, in words."""


@dataclass(frozen=True)
class Decision:
    """A function that decides something, as a comparison does."""

    call: Callable[..., Comparison]
    arguments: str
    what: str


def _extreme(pick: Callable[[np.ndarray], np.intp]) -> Callable[[Measure], Measure]:
    """Make a function that returns the label at which the mean over seeds is smallest or largest."""

    def where(measure: Measure) -> Measure:
        measure.require_finite()
        means = measure.over_seeds(np.mean) if SEED in measure.axes else measure
        means.require_finite()
        if len(means.axes) != 1 or means.axes[0] not in means.labels:
            raise AsrunError(f"{measure.text} must have one labelled axis to look along, not {len(means.axes)}")
        (axis,) = means.axes
        label = means.labels[axis][pick(means.values)]
        # Where the label is there twice, it is no answer.
        means.select({axis: label})
        return Measure(np.asarray(label), sources=measure.sources)

    return where


def _least(reduce: Callable[..., Any]) -> Callable[[Measure], Measure]:
    """Make a function of all numbers, whose answer is finite when all of them are."""

    def extreme(measure: Measure) -> Measure:
        made = reduce(measure.values) if measure.is_finite else np.nan
        return Measure(np.asarray(made), sources=measure.sources)

    return extreme


def _sum(values: np.ndarray) -> Any:
    # Python's whole numbers do not begin again from the other end.
    total = sum(values.ravel().tolist()) if values.dtype.kind in "biuO" else float(np.sum(values.astype(float)))
    if not np.isfinite(float(total)):
        raise AsrunError("the sum of all numbers is too large a number", remedy="divide them by something")
    return total if abs(total) < 2**63 else float(total)


def _each(operate: Callable[[np.ndarray], Any]) -> Callable[[Measure], Measure]:
    """Make a function that works number by number, and answers with finite numbers or not at all."""

    def apply(measure: Measure) -> Measure:
        given = np.isfinite(measure.values.astype(float))
        values = np.where(given, operate(measure.values.astype(float)), np.nan)
        if not np.all(np.isfinite(values[given])):
            raise AsrunError(f"this function has no answer for {measure.text}", remedy="look at its sign and size")
        return replace(measure, values=values, uncertainty=None)

    return apply


def _sd(measure: Measure) -> Measure:
    if SEED in measure.axes and measure.values.shape[measure.axes.index(SEED)] < 2:
        raise AsrunError(f"{measure.text} has one seed, and no spread", remedy="run it with more seeds")
    return measure.over_seeds(lambda v, axis: np.std(v, axis=axis, ddof=1))


def _absolute(measure: Measure) -> Measure:
    return replace(measure, values=np.asarray(np.abs(reckonable(measure.values))))


def _nonfinite(measure: Measure) -> Measure:
    return Measure(np.asarray(int(np.sum(~np.isfinite(measure.values.astype(float))))), sources=measure.sources)


FUNCTIONS: dict[str, Function] = {
    "mean": Function(lambda m: m.over_seeds(np.mean), "value", "mean over seeds"),
    "sd": Function(_sd, "value", "standard deviation over seeds"),
    "argmin": Function(_extreme(np.argmin), "value", "label at which the mean over seeds is smallest"),
    "argmax": Function(_extreme(np.argmax), "value", "label at which the mean over seeds is largest"),
    "min": Function(_least(np.min), "value", "smallest of all numbers"),
    "max": Function(_least(np.max), "value", "largest of all numbers"),
    "sum": Function(_least(_sum), "value", "sum of all numbers"),
    "abs": Function(_absolute, "value", "without the sign"),
    "sqrt": Function(_each(np.sqrt), "value", "square root"),
    "exp": Function(_each(np.exp), "value", "exponential"),
    "log": Function(_each(np.log), "value", "natural logarithm"),
    "log10": Function(_each(np.log10), "value", "logarithm to base ten"),
    "count": Function(
        lambda m: Measure(np.asarray(m.values.size), sources=m.sources), "value", "how many numbers there are"
    ),
    "nonfinite": Function(_nonfinite, "value", "how many of them are not finite: nan, or infinite"),
    "paired": Function(paired, "one, other", "difference seed by seed, where both had the same seeds"),
}
"""Functions that return a value."""

DECISIONS: dict[str, Decision] = {
    "close": Decision(close, "one, other, tolerance", "the two differ by less than the tolerance"),
    "agrees": Decision(agrees, "value, published.number", "the 95 % interval and what the source states overlap"),
    "rises": Decision(rises, "values", "the mean over seeds is larger at each label than at the one before"),
    "falls": Decision(falls, "values", "the mean over seeds is smaller at each label than at the one before"),
}
"""Functions that are true or false, and say why."""
