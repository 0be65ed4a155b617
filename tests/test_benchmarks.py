"""The benchmarks run; how fast they are is no question for a test."""

from __future__ import annotations

import re

import pytest
from benchmarks import observing, peers, site, trainer

from machine import has_compiler

pytestmark = pytest.mark.thorough

TINY = trainer.Work("tiny", 3, (6, 5, 5, 4), 24, 1, 8)


@pytest.mark.parametrize("name", trainer.CONTENDERS)
def test_every_contender_does_the_work(name):
    if name == "compiled" and not has_compiler():
        pytest.skip("needs a C++ compiler")
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
    # 8 examples, 3 updates, 3 networks; 4 operations for each of 30 weights in the first layer, 6 for 25 + 20 others.
    assert TINY.updates == 3
    assert TINY.flops == (4 * 30 + 6 * 45) * 8 * 3 * 3


def test_observing_is_measured_against_the_same_training_unobserved():
    told = observing.measure(repeats=1, updates=4)
    assert told["observing_ratio"] > 0 and set(told["seconds"]) == {"plain", "observed"}


def test_a_generated_site_is_compared_with_the_same_pages_of_mkdocs_alone(tmp_path):
    size = site.Size(records=3, pages=2, shown=2)
    told = site.status(size, 1, tmp_path)
    assert told["records"] == 3 and told["freshness"]["seconds"] > 0 and told["command"]["seconds"] > 0
    site.tell(told)
    told = site.build(size, 1, tmp_path)
    assert told["no_change_ratio"] > 0
    site.tell(told)
    # What is compared is the same: the pages say the same, and show the same figures.
    for n in range(size.pages):
        one, other = (
            site.article(tmp_path / name / "site" / f"page-{n:02}" / "index.html") for name in ("asrun", "mkdocs")
        )
        assert re.sub(r">\s+<", "><", one).split() == re.sub(r">\s+<", "><", other).split()


def test_an_edit_of_a_helper_runs_every_snippet_again_and_leaves_no_page_stale(tmp_path, monkeypatch):
    nobody = peers.Peer(peers.write_asrun, (), "", ("./there-is-no-such-folder",))
    monkeypatch.setitem(peers.PEERS, "nobody", nobody)
    told = peers.measure(["asrun", "nobody"], 1, tmp_path)
    ours = told["peers"]["asrun"]
    assert (ours["ran_again"], ours["edit_ran"], ours["edit_stale"]) == (0, 6, 0)
    assert ours["no_change_ratio"] == 1 and ours["cold"] > 0
    assert list(told["left_out"]) == ["nobody"] and told["left_out"]["nobody"]
    peers.tell(told)
