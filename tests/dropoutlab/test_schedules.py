"""Schedules: where they start and end, what lies between, and that they can be told apart."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab import schedules
from dropoutlab.schedules import Constant, Cosine, Exponential, Inverse, Linear, Ramp, Schedule

lengths = st.integers(1, 10**6)
times = st.integers(0, 10**7)
numbers = st.floats(0, 10)

FALLING = (Linear, Cosine, Inverse, Exponential)
falling = st.one_of(*[st.builds(kind, lengths) for kind in FALLING])
ramps = st.builds(Ramp, numbers, numbers, lengths)
every = st.one_of(falling, st.builds(Constant, numbers), ramps)

FORMULAS = {
    Linear: lambda t: max(0.0, 1 - t),
    Cosine: lambda t: math.cos(math.pi * min(t, 1) / 2) ** 2,
    Inverse: lambda t: 1 / (1 + t),
    Exponential: lambda t: 0.5**t,
}
"""Of the updates made, in units of the schedule's own; the cosine by the formula for half an angle."""


def test_all_that_is_exported_is_tested_here():
    assert set(schedules.__all__) == {"Schedule", "Constant", "Ramp", *(kind.__name__ for kind in FALLING)}


# The falling ones: factors for a learning rate


@given(falling)
def test_a_falling_schedule_starts_at_exactly_1(schedule):
    assert schedule(0) == 1


@given(falling, times, times)
def test_a_falling_schedule_never_rises_and_stays_between_0_and_1(schedule, one, other):
    early, late = sorted((one, other))
    assert 0 <= schedule(late) <= schedule(early) <= 1


@given(st.sampled_from(FALLING), lengths, times)
def test_a_falling_schedule_is_its_formula(kind, length, update):
    assert kind(length)(update) == pytest.approx(FORMULAS[kind](update / length), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", FALLING)
def test_before_its_end_a_falling_schedule_falls_at_every_update_and_is_not_yet_0(kind):
    values = [kind(1000)(update) for update in range(1000)]
    assert all(later < earlier for earlier, later in zip(values[:-1], values[1:], strict=True))
    assert values[-1] > 0


@given(st.sampled_from([Linear, Cosine]), lengths, times)
def test_what_falls_to_0_is_there_after_its_last_update_and_stays(kind, length, beyond):
    assert kind(length)(length + beyond) == 0


@given(lengths)
def test_the_last_update_of_a_straight_line_still_has_its_share(length):
    assert Linear(length)(length - 1) == pytest.approx(1 / length, rel=1e-9)


@given(st.integers(1, 1000))
def test_half_a_wave_is_at_a_half_in_the_middle_and_symmetric(half):
    cosine = Cosine(2 * half)
    assert cosine(half) == pytest.approx(0.5, abs=1e-15)
    for update in range(0, half, max(1, half // 10)):
        assert cosine(update) + cosine(2 * half - update) == pytest.approx(1, abs=1e-12)


@given(lengths, st.integers(0, 20))
def test_what_falls_for_ever_is_known_at_multiples_of_its_length(length, times):
    assert Inverse(length)(times * length) == pytest.approx(1 / (1 + times), rel=1e-12)
    assert Exponential(length)(times * length) == 2.0**-times


# Constants and ramps


@given(numbers, times)
def test_a_constant_is_the_same_at_every_update(value, update):
    assert Constant(value)(update) == value


@given(times)
def test_a_constant_that_is_told_nothing_changes_no_learning_rate(update):
    assert Constant()(update) == 1


@given(ramps, times)
def test_a_ramp_starts_at_its_first_number_and_ends_for_good_at_its_last(ramp, beyond):
    assert ramp(0) == ramp.first
    # A sum of a number and a difference may miss by a rounding error of the larger one.
    assert ramp(ramp.updates + beyond) == pytest.approx(ramp.last, rel=1e-15, abs=1e-14)


@given(ramps, times, times)
def test_a_ramp_goes_one_way_and_never_beyond_its_ends(ramp, one, other):
    early, late = sorted((one, other))
    low, high = sorted((ramp.first, ramp.last))
    way = 1 if ramp.last >= ramp.first else -1
    assert way * ramp(early) <= way * ramp(late)
    assert low - 1e-14 <= ramp(late) <= high + 1e-14


@given(numbers, numbers, lengths, st.data())
def test_a_ramp_is_a_straight_line(first, last, length, data):
    update = data.draw(st.integers(0, length))
    share = update / length
    assert Ramp(first, last, length)(update) == pytest.approx((1 - share) * first + share * last, rel=1e-12, abs=1e-12)


@given(lengths, times)
def test_a_ramp_from_1_to_0_is_the_falling_line(length, update):
    assert Ramp(1, 0, length)(update) == pytest.approx(Linear(length)(update), abs=1e-15)


# Values


@given(every)
def test_a_schedule_reads_as_the_expression_that_makes_it(schedule):
    assert eval(repr(schedule), vars(schedules).copy()) == schedule


def test_the_names_of_the_numbers_can_be_read():
    assert repr(Ramp(0.5, 0.99, 500)) == "Ramp(first=0.5, last=0.99, updates=500)"
    assert repr(Linear(20)) == "Linear(updates=20)" and repr(Constant()) == "Constant(value=1.0)"


@given(every, every)
def test_schedules_are_equal_when_they_read_the_same_and_then_have_equal_hashes(one, other):
    assert (one == other) == (repr(one) == repr(other))
    assert one != other or hash(one) == hash(other)


@given(lengths)
def test_schedules_of_different_kinds_differ_though_their_numbers_are_equal(length):
    assert len({kind(length) for kind in FALLING}) == len(FALLING)


@given(every)
def test_a_schedule_cannot_be_changed(schedule):
    name = next(iter(vars(schedule)))
    with pytest.raises(FrozenInstanceError):
        setattr(schedule, name, 3)


def test_a_schedule_without_a_formula_says_so():
    with pytest.raises(NotImplementedError):
        Schedule()(0)
