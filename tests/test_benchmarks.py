"""The benchmarks run; how fast they are is no question for a test."""

from __future__ import annotations

import pytest
from benchmarks import trainer

TINY = trainer.Work("tiny", 3, (6, 5, 5, 4), 24, 1, 8)


@pytest.mark.parametrize("name", trainer.CONTENDERS)
def test_every_contender_does_the_work(name):
    assert trainer.seconds_of(trainer.CONTENDERS[name], TINY) > 0


def test_a_measurement_tells_ratios_and_where_the_time_goes():
    told = trainer.measure(TINY, 1, ["slicing", "cohort"])
    assert told["contenders"]["slicing"]["faster_than_slicing"] == 1
    assert sum(told["time_goes_to"]["cohort"].values()) == pytest.approx(1, abs=0.01)
    trainer.tell(told)


def test_a_loop_that_is_timed_in_part_is_told_as_a_whole(monkeypatch):
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(trainer.time, "perf_counter", lambda: next(clock))
    trained = []
    seconds = trainer.looped(trainer.replace(TINY, looped=1), trained.append, None)
    assert trained == [0] and seconds == 2.0 * TINY.networks


def test_the_work_is_counted_in_products():
    # 2 operations forward and 4 backward for each of 30 + 25 + 20 weights, 8 examples, 3 updates, 3 networks.
    assert TINY.updates == 3
    assert TINY.flops == 6 * 75 * 8 * 3 * 3
