"""Comparisons are decided as textbooks say, and not at all where nothing can be decided."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from asrun.testing import raised
from asrun.values.comparison import LEVEL, SEEDS_NEEDED, compare
from asrun.values.measure import Measure

NUMBERS = st.floats(-1e3, 1e3).map(lambda number: round(number, 3))
SAMPLES = st.lists(NUMBERS, min_size=SEEDS_NEEDED, max_size=9).map(np.array)


def sample(values) -> Measure:
    return Measure(np.asarray(values, dtype=float), ("seed",), text="coin.heads")


def number(value) -> Measure:
    return Measure(np.asarray(value), text=str(value))


@given(SAMPLES, SAMPLES)
def test_two_samples_are_compared_by_welchs_test(one, other):
    assume(len(set(one)) > 1 and len(set(other)) > 1)
    decided = compare(sample(one), "<", sample(other))
    wanted = stats.ttest_ind(one, other, equal_var=False, alternative="less").pvalue
    assert decided.p_value == pytest.approx(wanted)
    assert decided.holds == (wanted < LEVEL)
    assert "Welch" in decided.test


@given(SAMPLES, NUMBERS)
def test_a_sample_and_a_number_are_compared_by_students_test(values, against):
    assume(len(set(values)) > 1)
    wanted = stats.ttest_1samp(values, against, alternative="greater").pvalue
    for decided in (compare(sample(values), ">", number(against)), compare(number(against), "<", sample(values))):
        assert decided.p_value == pytest.approx(wanted)
        assert decided.holds == (wanted < LEVEL)
        assert "Student" in decided.test


@given(SAMPLES, SAMPLES)
def test_less_and_greater_are_each_others_mirror_and_never_both_hold(one, other):
    less, mirrored = compare(sample(one), "<", sample(other)), compare(sample(other), ">", sample(one))
    assert less.p_value == pytest.approx(mirrored.p_value)
    assert less.holds == mirrored.holds
    assert not (less.holds and compare(sample(one), ">", sample(other)).holds)
    if less.holds:
        assert one.mean() < other.mean()


@given(st.integers(-99, 99), st.integers(-99, 99))
def test_samples_without_spread_say_what_they_say(one, other):
    same = SEEDS_NEEDED * [0]
    assert compare(sample(np.add(same, one)), "<", sample(np.add(same, other))).holds == (one < other)
    assert compare(sample(np.add(same, one)), ">", number(other)).holds == (one > other)
    assert compare(number(one), "<", sample(np.add(same, other))).holds == (one < other)


def test_numbers_that_differ_in_the_last_digit_alone_give_no_warning():
    assert not compare(sample([0.1] * 4 + [0.1 + 1e-17]), "<", sample([0.1] * 5)).holds
    nearly = sample([0.3, 0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2])
    assert isinstance(compare(nearly, "<", sample([0.3] * 5)).holds, bool)


@given(NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS)
def test_plain_numbers_are_compared_as_they_are(left, sign, right):
    decided = compare(number(left), sign, number(right))
    assert decided.holds is bool(eval(f"{left} {sign} {right}"))
    assert decided.p_value is None


def test_words_are_the_same_or_not():
    word = Measure("digits", text="coin.data")
    assert compare(word, "==", Measure("digits")).holds
    assert compare(word, "!=", Measure(np.asarray("mnist"))).holds
    assert "coin.data is 'digits', not a number" in raised(compare, word, "<", number(3))
    assert "compares a word with a number" in raised(compare, word, "==", number(3))


@pytest.mark.parametrize("few", range(1, SEEDS_NEEDED))
def test_fewer_than_five_seeds_decide_nothing(few):
    enough, too_few = sample(range(SEEDS_NEEDED)), sample(range(few))
    for left, right in ((too_few, enough), (enough, too_few), (too_few, number(9)), (number(9), too_few)):
        message = raised(compare, left, "<", right)
        assert f"coin.heads has {few} seeds, and a claim of difference needs {SEEDS_NEEDED}" in message
        assert "more seeds" in message


@pytest.mark.parametrize("sign", ["==", "!=", "<=", ">="])
def test_with_seeds_only_a_difference_can_be_claimed(sign):
    message = raised(compare, sample(range(5)), sign, number(2))
    assert f"coin.heads {sign} 2" in message
    assert "use < or >" in message


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_run_that_diverged_decides_nothing(odd):
    for left, right in ((sample([1, 2, 3, 4, odd]), number(9)), (sample(range(5)), number(odd))):
        assert "not finite" in raised(compare, left, "<", right)


def test_a_table_decides_nothing():
    table = Measure(np.zeros((2, 5)), ("bias", "seed"), {"bias": np.array([0.0, 0.5])}, text="coin.heads")
    for sign in ("<", "==", "!="):
        for left, right in ((table, number(1)), (number(1), table)):
            assert "choose one: coin.heads(bias=0)" in raised(compare, left, sign, right)
    assert "choose one" in raised(compare, table, "<", sample(range(5)))
    assert "is True, not a number" in raised(compare, Measure(True, text="x"), "<", sample(range(5)))


@pytest.mark.parametrize("value", [0.1, 0.2, 0.3, 1e9 / 3])
def test_what_rounding_makes_of_equal_numbers_is_no_difference(value):
    same = sample(SEEDS_NEEDED * [value])
    decided = compare(same, ">", number(value))
    assert not decided.holds and not compare(same, "<", number(value)).holds
    assert decided.difference.estimate == 0 and decided.p_value == 1
