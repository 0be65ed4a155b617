"""Ctrl-C ends what goes on, and keeps what has ended, at whatever moment it comes."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile

import psutil
import pytest

from asrun.freshness.snippet import find_snippet
from asrun.running import snippets
from asrun.running.interruption import ending_all
from asrun.running.snippets import run_snippet
from asrun.testing import ANSWER, MKDOCS, TinyProject
from machine import eventually

SLOW = '''\
"""How long?"""

import time
from pathlib import Path

SCALES = {"quick": dict(seconds=60)}


def run(*, seconds):
    time.sleep(seconds)
    return {"ended": True}
'''

LINGERS = '''\
"""How long?"""

import threading
import time
from pathlib import Path

SCALES = {"quick": dict(seconds=60)}


def linger(seconds):
    threading.main_thread().join()
    Path("reported").touch()
    time.sleep(seconds)


def run(*, seconds):
    threading.Thread(target=linger, args=[seconds]).start()
    return {"ended": True}
'''

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


def interrupted(tiny_project, when, *arguments):
    """Call a command and interrupt it as soon as something is so; return what it said, and that nothing goes on."""
    process = tiny_project.start(*arguments)
    assert eventually(when)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=40)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    return process.returncode, err


@posix
@pytest.mark.parametrize("arguments", [["run"], ["run", "-j", "2"], ["build"]])
def test_a_run_that_has_reported_is_recorded_though_it_is_interrupted(tmp_path, arguments):
    site = TinyProject({"snippets/answer.py": LINGERS, "snippets/slow.py": SLOW, "docs/index.md": "# It"}, tmp_path)
    code, err = interrupted(site, lambda: site.exists("reported"), *arguments)
    assert code == 130 and "every record that was finished is kept" in err
    assert site.record_json("answer")["values"] == {"ended": True}
    assert "1 thread" in site.record_json("answer")["remarks"][0] and len(site.record_json("answer")["remarks"]) == 1
    assert not site.exists("snippets/records/slow")


@posix
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_what_is_interrupted_has_not_failed(tmp_path, jobs):
    files = {
        f"snippets/slow{number}.py": SLOW.replace("time.sleep", "Path('goes_on').touch(); time.sleep")
        for number in range(4)
    }
    site = TinyProject(files, tmp_path)
    code, err = interrupted(site, lambda: site.exists("goes_on"), "run", "-j", jobs)
    assert code == 130 and "Traceback" not in err
    told = site.run("status").out
    assert "missing" in told and "failed" not in told


def test_what_is_about_to_start_is_not_started_once_it_is_interrupted(tmp_path):
    """Its digests are being taken at that moment: it has no process yet that could be ended."""
    site = TinyProject({"snippets/slow.py": SLOW}, tmp_path)
    with ending_all(), pytest.raises(KeyboardInterrupt):
        run_snippet(site.project, find_snippet("slow", site.project), "quick", "cpu", print)


def test_who_waits_for_the_gpu_is_interrupted_in_any_thread(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(snippets, "_gpu_lock", lambda: tmp_path / "lock")
    with (tmp_path / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with ending_all(), pytest.raises(KeyboardInterrupt):
            snippets._own_gpu("cuda", print).__enter__()


# Where a record cannot be written

FULL = """\
\"\"\"What is it?\"\"\"

from pathlib import Path

SCALES = {"quick": dict(size=3)}


def run(*, size):
    # Where records are to be, there is no room for them when this has ended.
    %s
    return {"text": "x" * size}
"""


@pytest.mark.parametrize(
    ("body", "size", "reason"),
    [
        ("Path('snippets/records').touch()", 3, "Not a directory"),
        ("pass", 2_000_000, "would have 2.0 MB"),
        ("Path('snippets/records').touch(); Path('.asrun').touch()", 3, "Not a directory"),
    ],
)
def test_what_cannot_be_written_is_kept_elsewhere(tmp_path, monkeypatch, body, size, reason):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    settings = MKDOCS.replace("- asrun", "- asrun:\n      record_mb: 1")
    text = (FULL % body).replace("size=3", f"size={size}")
    site = TinyProject({"mkdocs.yml": settings, "snippets/it.py": text}, tmp_path / "a project")
    result = site.run("run", "it")
    assert result.code == 1 and reason in result.err
    command = shlex.split(re.search(r"when it can be written, (cp .+)", result.err)[1])
    if (there := site.folder / "snippets" / "records").is_file():
        there.unlink()
    there.mkdir(exist_ok=True)
    subprocess.run(command, cwd=site.folder, check=True)
    assert site.record_json("it")["values"]["text"] == "x" * size
    assert site.run("status").code == 0


def test_a_note_of_a_failure_that_cannot_be_read_or_deleted_costs_nothing(tmp_path):
    site = TinyProject({"snippets/answer.py": ANSWER.replace("return", "raise ValueError  # ")}, tmp_path)
    assert site.run("run", "answer").code == 1
    (note,) = (path for path in (site.folder / ".asrun").rglob("*.json") if "answer" in path.name)
    note.write_text("[1")
    assert "missing" in site.run("status").out
    note.unlink()
    note.mkdir()
    site.write("snippets/answer.py", ANSWER)
    assert site.run("run", "answer").code == 0
    assert site.record_json("answer")["values"] == {"answer": 42}
