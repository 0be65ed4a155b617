"""`pmap` in processes of this machine: the same as a loop, however many cores and GPUs there are."""

from __future__ import annotations

import json
import math
import os

import pytest

from asrun import machine
from asrun.inside.items import ELSEWHERE
from asrun.parallel import pmap
from asrun.testing import raised


def test_pmap_is_a_loop_in_several_processes():
    assert pmap(math.sqrt, [4, 9, 16]) == [2, 3, 4]
    assert pmap(math.sqrt, [4]) == [2]
    assert pmap(math.sqrt, []) == []
    with pytest.raises(ValueError, match="'x'"):
        pmap(int, ["1", "x", "2", "y"])


@pytest.mark.parametrize("cores", [1, 3])
def test_pmap_gives_the_same_however_many_cores_there_are(monkeypatch, cores):
    monkeypatch.setattr(machine, "cores", lambda: cores)
    threads = pmap(os.getenv, ["OMP_NUM_THREADS", "NOBODY_SET_THIS"])
    assert threads == [os.environ.get("OMP_NUM_THREADS") if cores == 1 else "1", None]
    with pytest.raises(ValueError, match="'x'"):
        pmap(int, ["1", "x", "2", "y"])


def test_pmap_says_what_it_cannot_do(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 2)
    assert "no lambda" in raised(pmap, lambda item: item, [1, 2])
    assert "a part of one" in raised(lambda: pmap(int, ["1"], gpus=2))
    assert "ended with exit code 7 while it computed item" in raised(pmap, os._exit, [7, 7])


def test_items_take_turns_on_the_gpus_there_are(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    name = "CUDA_VISIBLE_DEVICES"
    assert set(pmap(os.getenv, [name] * 4, gpus=1)) <= {"3", "5"}
    assert set(pmap(os.getenv, [name] * 4)) == {""}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert pmap(os.getenv, [name] * 2, gpus=1) == ["3", "3"]


def backwards(function, items, gpus, there):
    """Stands for what computes items on another machine."""
    return [(function(item), gpus, there["name"]) for item in reversed(items)]


def test_whoever_starts_a_run_says_who_computes_its_items(monkeypatch):
    monkeypatch.setenv(ELSEWHERE, json.dumps({"by": f"{__name__}:backwards", "there": {"name": "away"}}))
    assert pmap(math.sqrt, [4, 9], gpus=0.5) == [(3, 0.5, "away"), (2, 0.5, "away")]
    assert pmap(math.sqrt, [4]) == [2], "one item is not worth a journey"
