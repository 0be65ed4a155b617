"""What is lost is told or begun again: workers, nodes, the head; and all that a cluster is asked less often."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import psutil
import pytest

from asrun.model import RunName, State
from asrun.ray_cluster import executor
from asrun.ray_cluster.executor import opened
from asrun.testing import ANSWER, raised
from clusters import BAD, PMAP, SLOW, SMALL, head_node, here, same, send
from machine import alive, eventually

pytest.importorskip("ray", reason="Ray is not installed: pip install asrun[cluster]")

pytestmark = [
    pytest.mark.thorough,
    # Ray's own starter of nodes leaves its log files open.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

# Stands for PyTorch: what matters is which device class a run reports, and when it had it.
TORCH = """\
class version:
    cuda = None


class cuda:
    is_initialized = staticmethod(lambda: True)
    max_memory_allocated = staticmethod(lambda: 0)
    get_device_name = staticmethod(lambda: "a GPU that is not there")
"""

ON_GPU = '''\
"""When was the GPU mine?"""
import time
import torch
SCALES = {"quick": dict()}
NEEDS = {"gpu": "required"}


def run():
    begun = time.time()
    time.sleep(1.0)
    return {"begun": begun, "ended": time.time()}
'''

PMAP_FAILS = '''\
"""What goes wrong with many items?"""
import time
from asrun.parallel import pmap
SCALES = {"quick": dict()}


class Wrong(Exception):
    pass


def check(item):
    time.sleep(0.3 * (item == 2))
    if item in (2, 3):
        raise Wrong(f"item {item} is wrong")


def run():
    try:
        pmap(check, range(5))
    except Wrong as error:
        return {"told": str(error)}
'''


# Failures


def test_a_failure_is_told_as_it_is_here_and_leaves_the_others_to_end(tiny_project, there):
    project = tiny_project({"snippets/bad.py": BAD, "snippets/answer.py": ANSWER})
    sent = send(there, project, "bad", "answer")
    assert next(sent).values["answer"] == 42
    told = raised(list, sent)
    log = project.read(".asrun/logs/bad-quick-cpu.txt")
    assert told == raised(here, project, "bad")
    assert told.startswith("snippets/bad.py:6: bad (quick, cpu) raised: KeyError: 'x'")
    assert "Traceback" in log and str(project.folder / "snippets" / "bad.py") in log
    assert "the last run failed" in project.run("status").out


def test_data_that_is_not_there_is_told_with_the_host(tiny_project, there, monkeypatch, tmp_path):
    options = "plugins:\n  - asrun:\n      data_variables: [LAB_DATA]\n"
    body = "    return {'length': len(open(os.environ['LAB_DATA'] + '/a.csv').read())}\n"
    project = tiny_project(
        {
            "mkdocs.yml": f"site_name: Tiny\n{options}",
            "snippets/data.py": '"""How much?"""\nimport os\nSCALES = {"quick": {}}\ndef run():\n' + body,
        }
    )
    monkeypatch.setenv("LAB_DATA", str(tmp_path))
    told = raised(list, send(there, project, "data"))
    assert "snippets/data.py:5: data (quick, cpu) raised: KeyError: 'LAB_DATA'" in told
    assert f"it ran on {socket.gethostname()}" in told and "LAB_DATA is not set" in told


def test_a_lost_worker_is_told_and_its_run_is_begun_again(tiny_project, there, tmp_path):
    project = tiny_project({"snippets/slow.py": SLOW % str(tmp_path)})
    notices, killed = [], []

    def tell(name, text):
        if text == "waiting" and not killed:
            (begun,) = tmp_path.glob("*.begun")
            killed.append(Path(begun.read_text()).parent)
            os.kill(int(begun.stem), 9)
            (tmp_path / "go").touch()

    (record,) = send(there, project, "slow", tell=tell, notice=notices.append)
    assert record.values == {"answer": 42}
    assert len(notices) == 1
    assert notices[0].startswith(f"slow (quick, cpu) is begun again: {socket.gethostname()} was lost (")
    assert eventually(lambda: not any(alive(int(path.stem)) for path in tmp_path.glob("*.pid")))
    # Who is killed cannot tidy up.
    shutil.rmtree(killed[0])


@pytest.fixture
def large(nodes):
    """Two more nodes, for what needs two cores."""
    added = [nodes.add_node(num_cpus=2, **SMALL) for _ in range(2)]
    yield added
    for node in added:
        nodes.remove_node(node)


def test_a_run_whose_node_is_lost_is_begun_again_on_another_while_there_is_one(
    tiny_project, nodes, there, large, tmp_path, monkeypatch
):
    monkeypatch.setattr(executor, "LOOK_EVERY", 0.5)
    project = tiny_project({"snippets/slow.py": SLOW % str(tmp_path) + '\n\nNEEDS = {"cpus": 2}\n'})
    notices, folders = [], []

    def lose(name, text):
        if text == "waiting" and not folders:
            (begun,) = tmp_path.glob("*.begun")
            folders.append(Path(begun.read_text()).parent)
            raylet = psutil.Process(int(begun.stem)).ppid()
            (lost,) = (each for each in large if any(it.process.pid == raylet for it in each.all_processes["raylet"]))
            large.remove(lost)
            nodes.remove_node(lost, allow_graceful=False)
            if large:
                (tmp_path / "go").touch()

    def tidy_up():
        assert eventually(lambda: not any(alive(int(path.stem)) for path in tmp_path.glob("*.pid")))
        # Who is killed cannot.
        shutil.rmtree(folders.pop(), ignore_errors=True)
        for path in [*tmp_path.glob("*.*"), tmp_path / "go"]:
            path.unlink(missing_ok=True)

    (record,) = send(there.now(), project, "slow", tell=lose, notice=notices.append)
    assert len(large) == len(notices) == 1 and " was lost (" in notices[0]
    assert same(record, here(project, "slow"))
    assert same(project.store.get(RunName("slow", "quick", "cpu")), record)
    tidy_up()

    # And with the last node that would do.
    told = raised(list, send(there.now(), project, "slow", tell=lose, notice=notices.append))
    assert "can run slow (quick, cpu), which needs 2 CPU" in told and " was lost (" in told and "add a" in told
    assert large == [] and len(notices) == 2
    tidy_up()


def test_whoever_interrupts_keeps_what_is_finished_and_leaves_nothing_running(tiny_project, there, tmp_path):
    project = tiny_project({"snippets/slow.py": SLOW % str(tmp_path), "snippets/answer.py": ANSWER})
    sent = send(there, project, "slow", "answer")
    assert next(sent).run.snippet == "answer"
    assert eventually(lambda: list(tmp_path.glob("*.pid")))
    (pid,) = (int(path.stem) for path in tmp_path.glob("*.pid"))
    assert alive(pid)
    with pytest.raises(KeyboardInterrupt):
        sent.throw(KeyboardInterrupt)
    assert eventually(lambda: not alive(pid))
    assert project.exists("snippets/records/answer/quick-cpu.json")
    assert not project.exists("snippets/records/slow")


# What a run takes


def test_two_runs_are_never_on_one_gpu(tiny_project, there):
    project = tiny_project({"src/torch.py": TORCH, "snippets/one.py": ON_GPU, "snippets/two.py": ON_GPU})
    one, two = sorted(send(there, project, "one", "two", device="cuda"), key=lambda record: record.values["begun"])
    assert one.values["ended"] <= two.values["begun"]
    assert one.run.device == "cuda" and one.provenance.device == "a GPU that is not there"


@pytest.fixture
def splits(tiny_project, tmp_path):
    many = PMAP % str(tmp_path)
    return tiny_project({"snippets/many.py": many, "snippets/wrong.py": PMAP_FAILS, "data/words.txt": "word "})


def test_runs_that_hold_every_core_do_their_items_themselves(splits, there, tmp_path):
    (tmp_path / "1.at").touch()
    (tmp_path / "2.at").touch()
    made = {record.run.snippet: record for record in send(there, splits, "many", "wrong")}
    assert made["wrong"].values == {"told": "item 2 is wrong"}
    assert all(same(record, here(splits, name)) for name, record in made.items())


# Connections


def test_a_node_can_be_connected_to_by_its_own_address(nodes, tiny_project):
    """Last: it takes the place of the connection that the other tests share."""
    import ray

    ray.shutdown()
    project = tiny_project({"snippets/answer.py": ANSWER})
    with opened(nodes.address) as there:
        assert [record.values for record in send(there, project, "answer")] == [{"answer": 42}]
    assert not ray.is_initialized()
    assert State.FRESH in project.run("status").out


def test_the_command_runs_there_what_is_not_fresh(nodes, tiny_project):
    """In a process of its own, as the test before it closed the connection."""
    project = tiny_project({"snippets/answer.py": ANSWER, "snippets/other.py": ANSWER})
    project.put("other", {"answer": 42})
    result = project.run_subprocess("run", "--on", nodes.client, "--bundle", "records.tar.gz")
    assert result.code == 0, result.text
    assert "ran     answer (quick, cpu)" in result.out and "fresh   other (quick, cpu)" in result.out
    assert "packed  2 records -> records.tar.gz" in result.out and project.exists("records.tar.gz")
    assert project.record_json("answer")["values"] == {"answer": 42}


def test_a_cluster_that_is_lost_with_its_head_is_told_and_none_is_started_instead(tiny_project, tmp_path, monkeypatch):
    # For how long Ray tries to come back, 30 seconds by itself.
    monkeypatch.setenv("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "2")
    project = tiny_project({"snippets/slow.py": SLOW % str(tmp_path)})
    with head_node() as lost:
        processes = [each.process for kind in lost.head_node.all_processes.values() for each in kind]
        try:
            command = project.start("run", "slow", "--on", lost.client)
            assert eventually(lambda: list(tmp_path.glob("*.pid"))), "it did not begin"
        finally:
            for process in processes:
                process.kill()
                process.wait()
        _, err = command.communicate(timeout=60)
    assert command.returncode == 1 and "Traceback" not in err
    assert f"the connection to the cluster at {lost.client} was lost" in err and "start the cluster's head" in err
    assert eventually(lambda: not any(alive(int(path.stem)) for path in tmp_path.glob("*.pid")))
    (begun,) = tmp_path.glob("*.begun")
    shutil.rmtree(Path(begun.read_text()).parent, ignore_errors=True)
