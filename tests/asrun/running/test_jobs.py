"""Several runs at once, and what one run may take: memory, threads, a GPU, more time than the last time."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from asrun import machine
from asrun.model import Snippet
from asrun.records import locks
from asrun.running import snippets
from asrun.running.process import environment
from asrun.testing import ANSWER, TinyProject
from machine import eventually

SLEEPS = '''\
"""How long does it sleep?"""

import os
import time

SCALES = {"quick": dict(seconds=%s)}


def run(*, seconds):
    began = time.time()
    time.sleep(seconds)
    return {"began": began, "ended": time.time(), "threads": os.environ.get("OMP_NUM_THREADS", "")}
'''

FAILS = '''\
"""Does it fail?"""

SCALES = {"quick": dict()}


def run():
    raise ValueError("as it should")
'''

HUNGRY = '''\
"""How much memory?"""

import time

SCALES = {"quick": dict(megabytes=%s)}
NEEDS = {"memory": {"quick": 0.3}}


def run(*, megabytes):
    held = bytearray(megabytes * 1_000_000)
    held[::4096] = bytes([1]) * len(held[::4096])
    time.sleep(30 if megabytes > 200 else 0)
    return {"held": len(held)}
'''


def test_two_runs_go_on_at_once_and_share_the_cores(tmp_path):
    site = TinyProject({f"snippets/{name}.py": SLEEPS % 1.5 for name in ("one", "two")}, tmp_path)
    result = site.run("run", "--jobs", "2")
    assert result.code == 0, result.text
    one, two = (site.record_json(name)["values"] for name in ("one", "two"))
    assert max(one["began"], two["began"]) < min(one["ended"], two["ended"]), "neither waited for the other"
    assert one["threads"] == two["threads"] == str(max(1, machine.cores() // 2))
    assert result.out.count("ran ") == 2


def test_one_run_alone_has_all_threads(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    site = TinyProject({"snippets/one.py": SLEEPS % 0}, tmp_path)
    assert site.run("run", "--jobs", "4").code == 0
    assert site.record_json("one")["values"]["threads"] == ""
    assert "OMP_NUM_THREADS" not in environment("cpu", tmp_path / "matplotlibrc")


@pytest.mark.parametrize(
    ("cpus", "at_once", "threads"),
    [(3, 1, 3), (3, 2, 3), (3, 4, 2), (99, 1, 8), (1, 16, 1), (None, 2, 4), (None, 1, None)],
)
def test_a_run_takes_as_many_threads_as_it_needs_of_its_share(tmp_path, monkeypatch, cpus, at_once, threads):
    monkeypatch.setattr(machine, "cores", lambda: 8)
    project = TinyProject({}, tmp_path).project
    needs = {} if cpus is None else {"cpus": {"quick": cpus}}
    assert snippets.limits(snippet(**needs), "quick", project, at_once=at_once).threads == threads
    assert snippets.limits(snippet(**needs), "full", project, at_once=1).threads is None


def test_a_run_that_needs_one_core_has_one_thread(tmp_path):
    site = TinyProject({"snippets/one.py": SLEEPS % 0 + '\n\nNEEDS = {"cpus": 1}\n'}, tmp_path)
    assert site.run("run", "one").code == 0
    assert site.record_json("one")["values"]["threads"] == "1"


def test_a_run_that_fails_beside_others_leaves_them_to_end(tmp_path):
    files = {"snippets/fine.py": SLEEPS % 1, "snippets/wrong.py": FAILS, "snippets/worse.py": FAILS}
    site = TinyProject(files, tmp_path)
    result = site.run("run", "-j", "3")
    assert result.code == 1
    assert site.record_json("fine")["values"]["ended"]
    assert "snippets/wrong.py:7: wrong (quick, cpu) raised: ValueError: as it should" in result.err
    assert "snippets/worse.py:7" in result.err and "2 problems" in result.err


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_an_interruption_ends_every_run_and_keeps_what_was_finished(tmp_path):
    files = {"snippets/quick_one.py": ANSWER, "snippets/slow_one.py": SLEEPS % 60, "snippets/slow_two.py": SLEEPS % 60}
    site = TinyProject(files, tmp_path)
    process = site.start("run", "--jobs", "3")
    until = time.monotonic() + 60
    while not site.exists("snippets/records/quick_one/quick-cpu.json") and time.monotonic() < until:
        time.sleep(0.1)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "every record that was finished is kept" in err
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert site.record_json("quick_one")["values"] == {"answer": 42}
    assert not site.exists("snippets/records/slow_one/quick-cpu.json")


def test_a_run_that_takes_more_memory_than_it_may_is_stopped_and_named(tmp_path):
    site = TinyProject({"snippets/hungry.py": HUNGRY % 600}, tmp_path)
    began = time.monotonic()
    result = site.run("run", "hungry")
    assert result.code == 1 and time.monotonic() - began < 20
    assert "snippets/hungry.py: hungry (quick, cpu) took 0." in result.err
    # While it sleeps, or on a busy machine while it still takes its memory.
    assert re.search(
        r"GB of memory, and was stopped at 0\.3 GB; it was at snippets/hungry\.py:1[012], in run", result.err
    )
    assert 'NEEDS = {"memory": {"quick": 0.6}} (in GB)' in result.err


def test_a_run_within_its_memory_is_left_alone(tmp_path):
    site = TinyProject({"snippets/hungry.py": HUNGRY % 20}, tmp_path)
    assert site.run("run", "hungry").code == 0


def test_a_run_twice_as_slow_as_the_last_one_is_remarked_on(tmp_path):
    site = TinyProject({"snippets/one.py": SLEEPS % 0.1}, tmp_path)
    assert site.run("run", "one").code == 0
    path = site.folder / "snippets/records/one/quick-cpu.json"
    document = json.loads(path.read_text())
    assert "slow" not in site.run("run", "one", "--rerun").out, "a second more is nothing to speak of"
    document["provenance"]["seconds"] = 0.001
    del document["seal"]
    path.write_text(json.dumps(document))
    site.edit("snippets/one.py", "seconds=0.1", "seconds=5.2")
    result = site.run("run", "one")
    assert "slow    one (quick, cpu)  took" in result.out and "times as long as the last time" in result.out


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(machine, "has_gpu", lambda: True)


def snippet(**needs) -> Snippet:
    return Snippet("x", None, "?", {"quick": {}}, needs, "")


@pytest.mark.usefixtures("gpu")
def test_of_two_devices_the_one_that_was_faster_is_chosen():
    preferred = snippet(gpu="preferred")
    assert snippets.choose_device(preferred, None) == "cuda"
    assert snippets.choose_device(preferred, None, {"cpu": 3.0, "cuda": 5.0}) == "cpu"
    assert snippets.choose_device(preferred, None, {"cpu": 6.0, "cuda": 5.0}) == "cuda"
    assert snippets.choose_device(preferred, None, {"cpu": 3.0}) == "cuda", "nobody knows yet"
    assert snippets.choose_device(preferred, "cuda", {"cpu": 3.0, "cuda": 5.0}) == "cuda", "what is asked for is done"
    assert snippets.choose_device(snippet(gpu="required"), None, {"cpu": 3.0, "cuda": 5.0}) == "cuda"
    assert snippets.choose_device(snippet(), None) == "cpu"


def test_a_gpu_has_one_run_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(snippets.tempfile, "gettempdir", lambda: str(tmp_path))
    told = []
    with snippets._own_gpu("cuda", told.append):
        lock = snippets._gpu_lock().open("w")
        assert locks.take(lock.fileno()) is False
    assert locks.take(lock.fileno()) is True
    with snippets._own_gpu("cpu", told.append):
        assert told == [], "a run on the CPU has nothing to wait for"
    lock.close()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_run_whose_asrun_was_killed_ends_and_leaves_no_folder_behind(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    begun = f"from pathlib import Path\n\n    Path({str(tmp_path / 'begun')!r}).touch()\n    began = time.time()"
    site = TinyProject({"snippets/slow.py": (SLEEPS % 60).replace("began = time.time()", begun)}, tmp_path / "project")
    process = site.start("run", "slow")
    # A snippet that has begun is one whose process has taken hold of its end of the pipe.
    assert eventually((tmp_path / "begun").exists, 60)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=30)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert children and not alive
    assert not list(scratch.glob("asrun-*"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_what_cannot_be_told_is_told_to_be_so(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "asrun.cli", "status"], cwd=project.folder, stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=60, check=False,
        )  # fmt: skip
    assert process.returncode == 1
    assert "cannot be written" in process.stderr and "Traceback" not in process.stderr
