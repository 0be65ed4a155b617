"""Decide a comparison, with the test that the numbers call for."""

from __future__ import annotations

import operator
import warnings
from dataclasses import dataclass

import numpy as np

from asrun.errors import AsrunError
from asrun.measure import Measure

__all__ = ["LEVEL", "SEEDS_NEEDED", "Comparison", "compare"]

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
class Comparison:
    """One comparison, decided: both sides, the test, and what came of it."""

    left: Measure
    sign: str
    right: Measure
    holds: bool
    test: str
    p_value: float | None = None


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
            if sign not in ("==", "!=") or side.axes:
                side.number()
        if _is_word(left) != _is_word(right):
            raise AsrunError(
                f"{left.text} {sign} {right.text} compares a word with a number",
                remedy="compare words with words, and numbers with numbers",
            )
        return Comparison(left, sign, right, bool(_OPERATORS[sign](left.values, right.values)), "compared as they are")
    if sign not in ("<", ">"):
        raise AsrunError(
            f"{left.text} {sign} {right.text}: with seeds there is a spread, and {sign} decides nothing",
            remedy="use < or >, or compare mean(…) of each with a number",
        )
    for side in (left, right):
        if not (side.is_sample or side.is_number):
            side.number()
            raise AsrunError(f"{side.text} cannot be compared with a sample")
        if side.is_sample and len(side.values) < SEEDS_NEEDED:
            raise AsrunError(
                f"{side.text} has {len(side.values)} seeds, and a claim of difference needs {SEEDS_NEEDED}",
                remedy="run the snippet with more seeds",
            )
        if not np.all(np.isfinite(side.values)):
            raise AsrunError(
                f"{side.text} has a number that is not finite, and decides nothing",
                remedy="find out in which run it came about",
            )
    # Imported here: it takes as long to load as a small site takes to build, and few pages make a claim over seeds.
    from scipy import stats

    alternative = "less" if sign == "<" else "greater"
    # Samples without any spread have no t statistic; what they say is plain enough.
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        if left.is_sample and right.is_sample:
            test = "Welch's t-test, one-sided"
            p_value = float(stats.ttest_ind(left.values, right.values, equal_var=False, alternative=alternative).pvalue)
        elif left.is_sample:
            test = "Student's t-test against a number, one-sided"
            p_value = float(stats.ttest_1samp(left.values, right.number(), alternative=alternative).pvalue)
        else:
            test = "Student's t-test against a number, one-sided"
            flipped = "greater" if sign == "<" else "less"
            p_value = float(stats.ttest_1samp(right.values, left.number(), alternative=flipped).pvalue)
    if np.isnan(p_value):
        p_value = 0.0 if _OPERATORS[sign](left.number(), right.number()) else 1.0
    return Comparison(left, sign, right, p_value < LEVEL, test, p_value)


def _is_word(side: Measure) -> bool:
    return isinstance(side.values, str) or (isinstance(side.values, np.ndarray) and side.values.dtype.kind == "U")
