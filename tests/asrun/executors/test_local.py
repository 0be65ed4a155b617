"""Runs on this machine are told of as they are done; one that fails leaves the others, and whoever stops ends them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from asrun.errors import AsrunError
from asrun.executors.local import ThisMachine, each
from asrun.executors.protocol import Job
from asrun.freshness.snippet import find_snippet
from asrun.model import RunName
from asrun.testing import ANSWER
from machine import alive, eventually

WAITS = '''\
"""How long does it take?"""
import os, time
from pathlib import Path
SCALES = {"quick": dict()}


def run():
    (Path(%r) / str(os.getpid())).touch()
    time.sleep(600)
    return {"answer": 42}
'''


def jobs(project, *names):
    return [Job(find_snippet(name, project.project), RunName(name, "quick", "cpu")) for name in names]


def silent(*told):
    pass


@pytest.mark.parametrize("at_once", [1, 2])
def test_each_job_comes_to_a_record_or_to_an_error(tiny_project, at_once):
    wrong = ANSWER.replace("2 * twice", "{}['x']")
    project = tiny_project({"snippets/wrong.py": wrong, "snippets/answer.py": ANSWER})
    told = []
    came = ThisMachine(at_once).run(
        project.project,
        project.store,
        jobs(project, "wrong", "answer"),
        lambda name, text: told.append((name, text)),
        silent,
    )
    outcomes = {done.job.run.snippet: done.outcome for done in came}
    assert isinstance(outcomes["wrong"], AsrunError) and "KeyError" in str(outcomes["wrong"])
    assert outcomes["answer"].values == {"answer": 42}
    assert project.store.get(RunName("answer", "quick", "cpu")).values == {"answer": 42}
    for name in ("wrong (quick, cpu)", "answer (quick, cpu)"):
        first, *_, last = [text for each, text in told if each == name]
        assert (first, last) == ("starts", "")


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_mistake_of_asruns_own_is_raised_when_the_others_are_done(tiny_project, at_once):
    project = tiny_project({"snippets/one.py": ANSWER, "snippets/two.py": ANSWER})

    def do(job):
        if job.run.snippet == "one":
            raise ZeroDivisionError
        return job.run

    came = each(do, jobs(project, "one", "two"), at_once)
    assert next(came).outcome.snippet == "two"
    with pytest.raises(ZeroDivisionError):
        next(came)


def test_whoever_stops_leaves_nothing_running(tiny_project, tmp_path):
    """The others are ended, not waited for: they would take ten minutes."""
    begun = tmp_path / "begun"
    begun.mkdir()
    project = tiny_project({"snippets/answer.py": ANSWER, "snippets/waits.py": WAITS % str(begun)})
    place, both = ThisMachine(2), jobs(project, "waits", "answer")
    with closing(place.run(project.project, project.store, both, silent, silent)) as came:
        assert next(came).job.run.snippet == "answer"
        assert eventually(lambda: list(begun.iterdir()))
    (pid,) = (int(Path(each).name) for each in begun.iterdir())
    assert eventually(lambda: not alive(pid), 10)
    assert not project.exists("snippets/records/waits")
