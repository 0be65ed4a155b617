"""Runs on a real Ray cluster of two nodes on this machine give the records that runs here give."""

from __future__ import annotations

import sys
import time

import pytest

from asrun.freshness.snippet import find_snippet
from asrun.model import RunName
from asrun.ray_cluster.executor import Cluster, opened, resources
from asrun.testing import ANSWER, COIN, raised
from clusters import PMAP, here, same, send

pytest.importorskip("ray", reason="Ray is not installed: pip install asrun[cluster]")

# Ray's own starter of nodes leaves its log files open.
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    # One cluster for all of them.
    pytest.mark.xdist_group("ray"),
]

NEEDS_GPU = '\n\nNEEDS = {"gpu": "required"}\n'


def test_records_made_there_are_those_made_here(tiny_project, there):
    project = tiny_project({"snippets/coin.py": COIN, "snippets/answer.py": ANSWER})
    told = []
    made = {
        record.run.snippet: record
        for record in send(there, project, "coin", "answer", tell=lambda *it: told.append(it))
    }
    assert set(made) == {"coin", "answer"}
    assert there.has_room({"CPU": 1, "GPU": 1}) and not there.has_room({"CPU": 2})
    for name, record in made.items():
        assert same(record, here(project, name))
        assert same(project.store.get(RunName(name, "quick", "cpu")), record)
    assert ("coin (quick, cpu)", "") in told
    assert "fresh" in project.run("status").out
    assert project.run("run", "coin").out.startswith("fresh")


# A run that splits its own work


def test_items_are_computed_there_as_here_and_in_order(tiny_project, there, tmp_path):
    splits = tiny_project({"snippets/many.py": PMAP % str(tmp_path), "data/words.txt": "word "})
    (made,) = send(there, splits, "many")
    assert len(list(tmp_path.glob("*.at"))) == 2
    assert made.values["squares"].tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert same(made, here(splits, "many"))
    # What another process read or called counts all the same.
    assert set(made.files) == {"data/words.txt"}
    assert "square" in made.code["snippets/many.py"] and made.ran == {"snippets/many.py": None}


# What a run takes


def test_a_run_takes_what_its_snippet_needs(tiny_project):
    def needs(text, device="cpu"):
        project = tiny_project({"snippets/answer.py": ANSWER + f"\n\nNEEDS = {text}\n"})
        return resources(find_snippet("answer", project.project), RunName("answer", "quick", device))

    assert needs("{}") == {"CPU": 1, "GPU": 0}
    assert needs('{"gpu": "preferred"}', "cuda") == {"CPU": 1, "GPU": 1}
    assert needs('{"cpus": 4}') == {"CPU": 4, "GPU": 0}
    assert needs('{"cpus": {"full": 4}}') == {"CPU": 1, "GPU": 0}
    assert needs('{"memory": {"quick": 2}}') == {"CPU": 1, "GPU": 0, "memory": 2e9}
    assert "NEEDS is not understood: {'cpus': 'all'}" in raised(needs, '{"cpus": "all"}')


SMALL = Cluster("ray://small:1", ({"CPU": 4.0}, {"CPU": 2.0, "GPU": 1.0}))


def test_what_no_node_has_is_refused_and_not_waited_for(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER + '\n\nNEEDS = {"cpus": 500}\n'})
    assert "can run answer (quick, cpu), which needs 500 CPU" in raised(list, send(SMALL, project, "answer"))


def test_the_device_is_chosen_by_what_the_cluster_has(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER, "snippets/one.py": ANSWER + NEEDS_GPU})
    answer, one = (find_snippet(name, project.project) for name in ("answer", "one"))
    assert (SMALL.choose_device(answer, None, {}), SMALL.choose_device(one, None, {})) == ("cpu", "cuda")
    assert "needs a GPU" in raised(SMALL.choose_device, one, "cpu", {})
    none = Cluster("ray://nowhere:1", ({"CPU": 4.0},))
    assert "no node of the cluster at ray://nowhere:1 has a GPU" in raised(none.choose_device, one, "cuda", {})


# Where there is none


@pytest.mark.parametrize("address", ["ray://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", "ftp://here:5"])
def test_where_there_is_no_cluster_that_is_told_soon(address):
    begun = time.monotonic()
    told = raised(opened(address).__enter__)
    assert "ray://HOST:10001" in told and address in told
    assert time.monotonic() - begun < 10


def test_a_missing_ray_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert 'pip install "asrun[cluster]"' in raised(opened("auto").__enter__)
