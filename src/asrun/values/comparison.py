"""Decide a comparison, with the test that the numbers call for."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace

import numpy as np

from asrun.errors import AsrunError
from asrun.values.measure import Measure, plain

__all__ = ["LEVEL", "SEEDS_NEEDED", "Comparison", "Difference", "Interval", "compare", "difference", "paired"]

LEVEL = 0.05
"""A difference over seeds is claimed when chance would produce it less often than this."""

SEEDS_NEEDED = 5
"""Fewer seeds than this decide nothing."""

_OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval around it."""

    estimate: float
    """What was measured."""
    low: float
    """Where the interval begins."""
    high: float
    """Where it ends."""
    level: float
    """How often such intervals hold what is estimated: 0.95, or 0.90 for an equivalence."""

    @property
    def half(self) -> float:
        """Half of its width: what stands after a ±."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Comparison:
    """One comparison, decided: both sides, the test, and what came of it.

    Examples:
        >>> found = Context(find_project()).evaluate("coin.heads(bias=0.8) > coin.heads(bias=0.5)")
        >>> (comparison,) = found.comparisons
        >>> comparison.test, comparison.p_value < 1e-6
        ("Welch's t-test, one-sided", True)
        >>> round(comparison.difference.estimate, 3)
        0.3
    """

    left: Measure
    """One side."""
    sign: str
    """What is said of it: `<`, or words."""
    right: Measure | None
    """The other side; nothing where a series is compared with itself."""
    holds: bool
    """What was decided."""
    test: str
    """By which test."""
    p_value: float | None = None
    """How often chance alone would do as much; nothing where there are no seeds."""
    difference: Interval | None = None
    """Left minus right, with its interval."""
    effect: float | None = None
    """The difference in standard deviations: Cohen's d."""

    def __post_init__(self) -> None:
        """See that finite numbers decided: whatever decides something comes by here."""
        for side in (self.left, self.right):
            if side is not None:
                side.require_finite()
        found = [self.difference.estimate, self.difference.half] if self.difference else []
        if not all(map(math.isfinite, found if self.p_value is None else [*found, self.p_value])):
            raise _too_large(self.left)


@dataclass(frozen=True)
class Difference:
    """A difference of means with its standard error: all that the t-tests need.

    t = (estimate − hypothesis) / error, with `freedom` degrees of freedom.
    """

    estimate: float
    error: float
    freedom: float
    spread: float
    """The standard deviation that an effect is measured in."""
    level: float = 0.95

    @property
    def effect(self) -> float | None:
        effect = self.estimate / self.spread if self.spread else math.inf
        return effect if math.isfinite(effect) else None

    def chance_below(self, hypothesis: float) -> float:
        """Return the p value of the test that the true difference is above the hypothesis, where it is not."""
        return self._tail((self.estimate - hypothesis), above=True)

    def chance_above(self, hypothesis: float) -> float:
        """Return the p value of the test that the true difference is below the hypothesis, where it is not."""
        return self._tail((self.estimate - hypothesis), above=False)

    def _tail(self, away: float, *, above: bool) -> float:
        # Samples without any spread have no t statistic; what they say is plain enough.
        if not self.error:
            return 0.0 if (away > 0 if above else away < 0) else 1.0
        t = away / self.error
        return student(-t if above else t, self.freedom)

    def interval(self) -> Interval:
        """Return the interval that covers the true difference at the asked level."""
        half = quantile(0.5 + self.level / 2, self.freedom) * self.error if self.error else 0.0
        return Interval(self.estimate, self.estimate - half, self.estimate + half, self.level)


def _too_large(side: Measure) -> AsrunError:
    return AsrunError(f"the numbers of {side.text} are too large to be tested", remedy="divide both sides by something")


def student(t: float, freedom: float) -> float:
    """Return the distribution function of Student's t."""
    # Imported here: few pages make a claim over seeds. `special` loads in a tenth of the time that `stats` takes.
    from scipy import special

    return float(special.stdtr(freedom, t))


def quantile(at: float, freedom: float) -> float:
    """Return the quantile of Student's t."""
    from scipy import special

    return float(special.stdtrit(freedom, at))


def difference(left: Measure, right: Measure, level: float = 0.95) -> Difference:
    """Return the difference of two sides, of which at least one is a sample.

    Between samples by Welch (1947): error² = s₁²/n₁ + s₂²/n₂, degrees of freedom by Satterthwaite; the effect is
    measured in √((s₁² + s₂²)/2). Against a number: error² = s²/n, n − 1 degrees of freedom.
    """
    estimate = left.number() - right.number()
    # What rounding alone makes of equal numbers is neither a difference nor a spread.
    rounding = 1e-14 * max(float(np.max(np.abs(side.values))) for side in (left, right))
    estimate = 0.0 if abs(estimate) < rounding else estimate
    try:
        parts = [(float(np.var(side.values, ddof=1)), len(side.values)) for side in (left, right) if side.is_sample]
        parts = [(0.0 if variance < rounding**2 else variance, n) for variance, n in parts]
        squares = [variance / n for variance, n in parts]
        below = sum(square**2 / (n - 1) for square, (_, n) in zip(squares, parts, strict=True))
        # Spreads so small that their fourth power is no number are no spread.
        freedom = sum(squares) ** 2 / below if below else sum(n - 1 for _, n in parts)
    except OverflowError as error:
        raise _too_large(left) from error
    spread = math.sqrt(sum(variance for variance, _ in parts) / len(parts))
    return Difference(estimate, math.sqrt(sum(squares)), freedom, spread, level)


def paired(left: Measure, right: Measure) -> Measure:
    """Return the differences of two samples, seed by seed: what is common to a seed drops out.

    Raises:
        AsrunError: when they are not samples of the same seeds.
    """
    for side in (left, right):
        if not side.is_sample:
            side.number()
            raise AsrunError(f"{side.text} has no seeds to pair", remedy="choose along every axis but the seeds")
    if len(left.values) != len(right.values):
        raise AsrunError(
            f"{left.text} has {len(left.values)} seeds and {right.text} has {len(right.values)}",
            remedy="compare them unpaired: one < other",
        )
    values = np.asarray(left.values.astype(float) - right.values.astype(float))
    return replace(left, values=values, sources=left.sources | right.sources, paired=True, uncertainty=None)


def require_sample(side: Measure) -> None:
    """Check one side of a comparison over seeds.

    Raises:
        AsrunError: with fewer than SEEDS_NEEDED seeds, a number that is not finite, or neither sample nor number.
    """
    if not (side.is_sample or side.is_number):
        side.number()
        raise AsrunError(f"{side.text} cannot be compared with a sample")
    if side.is_sample and len(side.values) < SEEDS_NEEDED:
        raise AsrunError(
            f"{side.text} has {len(side.values)} seeds, and a claim of difference needs {SEEDS_NEEDED}",
            remedy="run the snippet with more seeds",
        )
    side.require_finite()


def compare(left: Measure, sign: str, right: Measure) -> Comparison:
    """Decide `left sign right`.

    Plain numbers and words are compared as they are. As soon as one side has seeds, `<` and `>` mean that the means
    differ by more than chance explains: Welch's t-test between two samples (Welch 1947), Student's t-test of one sample
    against a number, one-sided, at the level LEVEL.

    Raises:
        AsrunError: with fewer than SEEDS_NEEDED seeds, or for a sign that makes no sense with a spread.
    """
    if not (left.is_sample or right.is_sample):
        for side in (left, right):
            if sign not in ("==", "!=") or side.axes or side.values is None:
                side.number()
        if _is_word(left) != _is_word(right):
            raise AsrunError(
                f"{left.text} {sign} {right.text} compares a word with a number",
                remedy="compare words with words, and numbers with numbers",
            )
        # As Python's own numbers, which are compared to the last digit however long they are.
        one, other = plain(left.values), plain(right.values)
        if isinstance(one, bool) != isinstance(other, bool) and not {one, other} <= {0, 1}:
            raise AsrunError(
                f"{left.text} {sign} {right.text} compares what is true or false with a number",
                remedy="compare it with True or False",
            )
        holds = bool(_OPERATORS[sign](one, other))
        return Comparison(left, sign, right, holds, "compared as they are")
    if sign not in ("<", ">"):
        raise AsrunError(
            f"{left.text} {sign} {right.text}: with seeds there is a spread, and {sign} decides nothing",
            remedy="use < or >, or close(one, other, tolerance), or compare mean(…) of each with a number",
        )
    for side in (left, right):
        require_sample(side)
    found = difference(left, right)
    p_value = found.chance_above(0) if sign == "<" else found.chance_below(0)
    if left.is_sample and right.is_sample:
        test = "Welch's t-test, one-sided"
    elif left.paired or right.paired:
        test = "paired Student's t-test, one-sided"
    else:
        test = "Student's t-test against a number, one-sided"
    return Comparison(left, sign, right, p_value < LEVEL, test, p_value, found.interval(), found.effect)


def _is_word(side: Measure) -> bool:
    return isinstance(side.values, str) or (isinstance(side.values, np.ndarray) and side.values.dtype.kind == "U")
