"""Decide whether numbers are alike, and whether a series goes one way."""

from __future__ import annotations

import math

import numpy as np

from asrun.errors import AsrunError
from asrun.values.comparison import LEVEL, Comparison, difference, require_sample
from asrun.values.measure import SEED, Measure, plain

__all__ = ["agrees", "close", "falls", "rises"]


def close(left: Measure, right: Measure, tolerance: Measure) -> Comparison:
    """Decide whether two values differ by less than a tolerance.

    With seeds this is an equivalence test: two one-sided t-tests (Schuirmann 1987) at the level LEVEL, which is the
    same as asking whether the 90 % interval of the difference lies within ± the tolerance. That no difference was
    found is not enough. Without seeds, |left − right| < tolerance.

    Raises:
        AsrunError: when a side cannot be compared, or the tolerance is not above 0.
    """
    within = tolerance.number()
    if within <= 0:
        raise AsrunError(f"the tolerance {tolerance.text} is not above 0", remedy="write close(one, other, 0.1)")
    sign = f"is within {tolerance.text} of"
    if not (left.is_sample or right.is_sample):
        numbers = [side.number() for side in (left, right)]
        if left.is_number and right.is_number:
            # Long whole numbers are compared to the last digit.
            numbers = [plain(side.values) for side in (left, right)]
        apart = abs(numbers[0] - numbers[1])
        if apart == math.inf:
            raise AsrunError(f"{left.text} and {right.text} are too far apart to reckon with")
        return Comparison(left, sign, right, apart < within, "compared as they are")
    for side in (left, right):
        require_sample(side)
    found = difference(left, right, level=1 - 2 * LEVEL)
    p_value = max(found.chance_below(-within), found.chance_above(within))
    return Comparison(
        left,
        sign,
        right,
        p_value < LEVEL,
        "equivalence, two one-sided t-tests",
        p_value,
        found.interval(),
        found.effect,
    )


def agrees(left: Measure, right: Measure) -> Comparison:
    """Decide whether a sample agrees with a published number: whether their intervals overlap.

    Ours is the 95 % interval of the mean; theirs is what the source states after its ±, or the bare number where it
    states none. More seeds make ours narrower and agreement harder.

    Raises:
        AsrunError: when the first is no sample, or the second is not a single number.
    """
    if not left.is_sample:
        left.number()
        raise AsrunError(
            f"{left.text} has no spread, so nothing says how near is near enough",
            remedy="use close(one, other, tolerance)",
        )
    require_sample(left)
    if not right.is_number:
        raise AsrunError(
            f"{right.text} is not a single published number", remedy="choose one: published.key(axis=label)"
        )
    right.require_finite()
    stated = 0.0 if right.uncertainty is None or np.isnan(right.uncertainty) else float(right.uncertainty)
    if not 0 <= stated < math.inf:
        raise AsrunError(
            f"{right.text} has the uncertainty {stated:g}, with which nothing can agree or not",
            remedy="mend it in published.yml",
        )
    bare = Measure(right.values, text=right.text)
    found = difference(left, bare, level=0.95).interval()
    test = f"95 % interval of the mean, ± {found.half:.3g}, against the stated ± {stated:.3g}"
    if not stated:
        test = f"95 % interval of the mean, ± {found.half:.3g}, against a number without a stated uncertainty"
    return Comparison(left, "agrees with", right, abs(found.estimate) <= found.half + stated, test, difference=found)


def rises(series: Measure) -> Comparison:
    """Decide whether the mean over seeds grows from each label to the next."""
    return _goes(series, 1, "rises from each label to the next")


def falls(series: Measure) -> Comparison:
    """Decide whether the mean over seeds shrinks from each label to the next."""
    return _goes(series, -1, "falls from each label to the next")


def _goes(series: Measure, way: int, sign: str) -> Comparison:
    series.require_finite()
    means = series.over_seeds(np.mean) if SEED in series.axes else series
    if len(means.axes) != 1 or len(means.values) < 2:
        raise AsrunError(
            f"{series.text} is not a series along one axis",
            remedy="leave one axis besides the seeds: values(other=label)",
        )
    means.require_finite()
    # Python's own numbers do not begin again from the other end, as whole numbers of few bits do.
    numbers = means.values.tolist()
    steps = [way * (after - before) for before, after in zip(numbers[:-1], numbers[1:], strict=True)]
    least = int(np.argmin(steps))
    labels = means.labels.get(means.axes[0])
    between = (
        f" (the least step, {way * steps[least]:.3g}, is from {labels[least]:g} to {labels[least + 1]:g})"
        if labels is not None and labels.dtype.kind in "iuf"
        else ""
    )
    test = f"means compared one by one{between}"
    return Comparison(series, sign, None, min(steps) > 0, test)
