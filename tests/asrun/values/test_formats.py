"""Numbers as readers see them: no more digits than the spread allows, and the same number all the same."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asrun.testing import raised
from asrun.values.formats import THIN, describe, format_measure, format_seconds, plural
from asrun.values.measure import Measure

LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
REAL = st.floats(allow_nan=False, allow_infinity=False)
USUAL = st.floats(-1e9, 1e9).filter(lambda number: number == 0 or abs(number) > 1e-9)


def single(value, spec: str = "") -> str:
    return format_measure(Measure(np.asarray(value), text="coin.x"), spec)


def seeds(values, spec: str = "") -> str:
    return format_measure(Measure(np.asarray(values, dtype=float), ("seed",), text="coin.x"), spec)


def read(text: str) -> float:
    """Read a number as a reader does."""
    text = text.replace(THIN, "").replace("−", "-").replace(" × 10", "e").translate(LOWERED)
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


@given(REAL)
def test_a_number_has_three_digits_and_reads_as_itself(number):
    shown = single(number)
    assert read(shown) == pytest.approx(number, rel=0.005)
    assert shown.startswith("−") == (number < 0)
    assert "-" not in shown and "e" not in shown
    digits = re.sub(r"\D", "", shown.partition(" ×")[0]).lstrip("0")
    assert len(digits) <= 3


@given(st.integers(-(2**62), 2**62))
def test_a_whole_number_is_whole_and_its_thousands_are_apart(number):
    shown = single(number)
    assert int(shown.replace(THIN, "").replace("−", "-")) == number
    groups = shown.lstrip("−").split(THIN)
    assert groups == [shown.lstrip("−")] if abs(number) < 10_000 else all(len(group) == 3 for group in groups[1:])


@given(st.lists(USUAL, min_size=2, max_size=9))
def test_the_spread_decides_the_digits_and_has_one_or_two_itself(values):
    spread = float(np.std(values, ddof=1))
    assume(spread > 1e-9)
    mean, sign, shown_spread = seeds(values).rpartition(" ± ")
    assert sign
    decimals = [len(part.partition(".")[2]) for part in (mean, shown_spread)]
    assert decimals[0] == decimals[1]
    exponent = math.floor(math.log10(spread))
    half = 0.5 * 10.0 ** (exponent - (spread / 10**exponent < 2))
    assert abs(read(mean) - np.mean(values)) <= half * (1 + 1e-9) + 1e-6 * abs(np.mean(values)) * 1e-6
    assert abs(read(shown_spread) - spread) <= half * (1 + 1e-9)
    assert 1 <= len(re.sub(r"\D", "", shown_spread).lstrip("0").rstrip("0")) <= 2


@given(st.lists(REAL, min_size=2, max_size=5))
def test_no_spread_is_too_small_or_too_large_to_be_written(values):
    assume(np.isfinite(np.mean(values)))
    with np.errstate(all="ignore"):
        assert len(seeds(values)) < 60


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1.31, 1.39, 1.34], "1.35 ± 0.04"),
        ([1.2, 1.5, 1.35], "1.35 ± 0.15"),
        ([98.1, 97.4, 99.0], "98.2 ± 0.8"),
        ([12345, 12567, 12400], f"12{THIN}440 ± 120"),
        ([58750, 60516, 62282], f"60{THIN}500 ± 1800"),
        ([400, 1100, 1800], "1100 ± 700"),
        ([5, 40, 75], "40 ± 40"),
        ([0, 19.7 * 2**0.5], "14 ± 20"),
        ([-0.5, -0.7, -0.6], "−0.60 ± 0.10"),
        ([2.0, 2.0, 2.0], "2 ± 0"),
        ([5.0], "5"),
    ],
)
def test_a_mean_stands_with_its_spread(values, shown):
    assert seeds(values) == shown


@pytest.mark.parametrize(
    ("value", "spec", "shown"),
    [
        (0.1234, ".2f", "0.12"),
        (0.1234, ".1%", "12.3%"),
        (123.456, ".0%", f"12{THIN}346%"),
        (60000, "", f"60{THIN}000"),
        (9999, "", "9999"),
        (60000, ",", "60,000"),
        (60000, "d", f"60{THIN}000"),
        (60000, ".0f", f"60{THIN}000"),
        (7, "03d", "007"),
        (30, "x", "1e"),
        (-1234567.891, ".2f", f"−1{THIN}234{THIN}567.89"),
        (-0.001, ".2f", "0.00"),
        (-0.0, "", "0"),
        (0.00001234, "", "1.23 × 10⁻⁵"),
        (-4.5e20, ".1e", "−4.5 × 10²⁰"),
        (2**62 + 1, "", "4 611 686 018 427 387 905".replace(" ", THIN)),
        (True, "", "True"),
    ],
)
def test_a_format_is_pythons_with_a_true_minus_and_thin_spaces(value, spec, shown):
    assert single(value, spec) == shown


@given(REAL, st.integers(0, 6))
def test_a_given_format_is_followed(number, decimals):
    assume(abs(number) < 1e12)
    shown = single(number, f".{decimals}f")
    assert len(shown.partition(".")[2]) == decimals
    assert read(shown) == float(f"{number:.{decimals}f}")


@pytest.mark.parametrize("spec", ["spam", ".2q", "d", "s", "c", "%%", ".999999999999f", "99999999999999d"])
def test_what_is_no_format_is_refused_with_examples(spec):
    message = raised(single, 0.5, spec)
    assert f"{spec!r} is not a format for coin.x" in message
    assert ".2f for two decimals" in message


@given(st.text(max_size=6), st.one_of(REAL, st.integers(-1000, 1000)))
def test_any_format_works_or_is_refused(spec, value):
    assume(not re.search(r"\d{3}", spec))
    try:
        single(value, spec)
    except Exception as error:
        assert type(error).__name__ == "AsrunError"


def test_words_and_truths_are_written_as_they_are():
    assert format_measure(Measure("digits")) == "digits"
    assert format_measure(Measure(np.asarray("digits"))) == "digits"
    assert format_measure(Measure(np.asarray(True))) == "True"
    assert format_measure(Measure(False)) == "False"
    assert format_measure(Measure(None)) == "None"


def test_a_table_is_not_written():
    table = Measure(np.zeros((2, 3)), ("bias", "seed"), text="coin.heads")
    assert "coin.heads has many numbers, along bias (2)" in raised(format_measure, table)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 s"),
        (8.14, "8.1 s"),
        (59.6, "60 s"),
        (99.4, "99 s"),
        (150, "2 min"),
        (3599, "1 h 0 min"),
        (4320, "1 h 12 min"),
    ],
)
def test_durations_are_written_as_people_say_them(seconds, shown):
    assert format_seconds(seconds) == shown


def test_counts_and_parameters_are_written_as_people_say_them():
    assert [plural(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
    assert [describe(value) for value in (60000, True, "a", 0.5)] == [f"60{THIN}000", "True", "a", "0.5"]
