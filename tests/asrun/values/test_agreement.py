"""Equivalence, agreement with a published number, and series that go one way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from asrun.testing import raised
from asrun.values.agreement import agrees, close, falls, rises
from asrun.values.comparison import LEVEL, SEEDS_NEEDED, compare, difference, paired
from asrun.values.measure import Measure

NUMBERS = st.floats(-1e3, 1e3).map(lambda number: round(number, 3))
SAMPLES = st.lists(NUMBERS, min_size=SEEDS_NEEDED, max_size=9).map(np.array)


def sample(values, text="coin.heads") -> Measure:
    return Measure(np.asarray(values, dtype=float), ("seed",), text=text)


def number(value, uncertainty=None) -> Measure:
    stated = None if uncertainty is None else np.asarray(uncertainty, dtype=float)
    return Measure(np.asarray(value), text=str(value), uncertainty=stated)


def series(values, axes=("drop",)) -> Measure:
    values = np.asarray(values, dtype=float)
    return Measure(values, axes, {"drop": np.arange(values.shape[0]) / 10}, text="curve")


@given(SAMPLES, SAMPLES, st.floats(0.01, 500))
def test_close_is_two_one_sided_tests(one, other, tolerance):
    assume(len(set(one)) > 1 and len(set(other)) > 1)
    decided = close(sample(one), sample(other), number(tolerance))
    below = stats.ttest_ind(one + tolerance, other, equal_var=False, alternative="greater").pvalue
    above = stats.ttest_ind(one - tolerance, other, equal_var=False, alternative="less").pvalue
    assert decided.p_value == pytest.approx(max(below, above), abs=1e-9)
    assert decided.holds == (max(below, above) < LEVEL)


@given(SAMPLES, SAMPLES, st.floats(0.01, 500))
def test_close_is_that_the_interval_of_the_difference_lies_within_the_tolerance(one, other, tolerance):
    assume(len(set(one)) > 1)
    decided = close(sample(one), sample(other), number(tolerance))
    inside = max(abs(decided.difference.low), abs(decided.difference.high)) < tolerance
    assert decided.holds == inside or max(abs(decided.difference.low), abs(decided.difference.high)) == pytest.approx(
        tolerance
    )


@given(SAMPLES, SAMPLES)
def test_nothing_is_both_close_and_farther_apart_than_the_tolerance(one, other):
    tolerance = 1.0
    decided = close(sample(one), sample(other), number(tolerance))
    if decided.holds:
        assert abs(one.mean() - other.mean()) < tolerance


def test_few_noisy_seeds_are_not_close_even_where_no_difference_is_found():
    one, other = sample([1, 9, 5, 2, 8]), sample([2, 8, 5, 1, 9])
    assert not compare(one, "<", other).holds
    assert not close(one, other, number(0.1)).holds


@pytest.mark.parametrize(("left", "right", "holds"), [(1.0, 1.05, True), (1.0, 1.2, False)])
def test_plain_numbers_are_close_by_subtraction(left, right, holds):
    assert close(number(left), number(right), number(0.1)).holds is holds


def test_a_tolerance_is_above_nothing():
    assert "not above 0" in raised(close, number(1.0), number(1.0), number(0.0))


@given(SAMPLES, st.floats(0, 5))
def test_agreement_is_that_the_two_intervals_overlap(values, stated):
    assume(len(set(values)) > 1)
    published = number(round(float(values.mean()) + 1.0, 3), stated)
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    overlap = low <= float(published.values) + stated and high >= float(published.values) - stated
    assert agrees(sample(values), published).holds == overlap


def test_more_seeds_make_agreement_harder():
    few, many = sample([1.0, 1.2, 0.8, 1.1, 0.9]), sample(np.tile([1.0, 1.2, 0.8, 1.1, 0.9], 20))
    assert agrees(few, number(1.1)).holds
    assert not agrees(many, number(1.1)).holds


def test_an_unstated_uncertainty_of_one_row_is_none():
    decided = agrees(sample([1.0, 1.2, 0.8, 1.1, 0.9]), number(1.1, np.nan))
    assert decided.holds and "without a stated uncertainty" in decided.test


def test_a_number_without_spread_agrees_with_nothing_by_itself():
    assert "close(" in raised(agrees, number(1.0), number(1.0))


@given(st.lists(NUMBERS, min_size=2, max_size=9))
def test_a_series_rises_when_every_step_does(values):
    steps = np.diff(values)
    assert rises(series(values)).holds == bool((steps > 0).all())
    assert falls(series(values)).holds == bool((steps < 0).all())


def test_seeds_are_averaged_before_a_series_is_looked_at():
    decided = rises(series([[1, 3], [2, 3], [9, 0]], ("drop", "seed")))
    assert decided.holds
    assert "from 0 to 0.1" in decided.test


def test_one_number_neither_rises_nor_falls():
    assert "not a series" in raised(rises, number(1.0))


@given(SAMPLES)
def test_pairs_are_compared_by_the_t_test_of_their_differences(values):
    shifted = values + np.linspace(0.5, 1.5, len(values))
    decided = compare(paired(sample(shifted), sample(values)), ">", number(0))
    assert decided.p_value == pytest.approx(stats.ttest_rel(shifted, values, alternative="greater").pvalue)
    assert decided.test.startswith("paired")


def test_pairs_need_the_same_seeds():
    assert "has 6" in raised(paired, sample(range(5)), sample(range(6)))
    assert "no seeds to pair" in raised(paired, sample(range(5)), number(3))


@given(SAMPLES, SAMPLES)
def test_the_interval_of_a_difference_is_that_of_welch(one, other):
    assume(len(set(one)) > 1 and len(set(other)) > 1)
    found = difference(sample(one), sample(other)).interval()
    wanted = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(wanted.low, abs=1e-6), pytest.approx(wanted.high, abs=1e-6))


@given(SAMPLES, SAMPLES)
def test_the_effect_has_the_sign_of_the_difference(one, other):
    assume(len(set(one)) > 1)
    decided = compare(sample(one), "<", sample(other))
    assert (
        np.sign(round(decided.effect, 9)) == np.sign(round(one.mean() - other.mean(), 9)) or abs(decided.effect) < 1e-6
    )
