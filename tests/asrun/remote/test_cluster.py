"""Runs on a real Ray cluster of two nodes on this machine give the records that runs here give, whatever is lost."""

from __future__ import annotations

import math
import os
import shutil
import socket
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from asrun import parallel
from asrun.freshness.snippet import find_snippet
from asrun.model import RunName, State
from asrun.parallel import pmap
from asrun.remote import cluster, worker
from asrun.remote.cluster import connect, run_on
from asrun.running.snippets import redraw, run_snippet
from asrun.testing import ANSWER, COIN, raised
from machine import alive, eventually

pytest.importorskip("ray", reason="Ray is not installed: pip install asrun[cluster]")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")

pytestmark = [
    pytest.mark.slow,
    # Ray's own starter of nodes leaves its log files open.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

SMALL = {"object_store_memory": 80 * 2**20}

BAD = '''\
"""What goes wrong?"""
SCALES = {"quick": dict()}


def deeper():
    return {}["x"]


def run():
    print("so far so good")
    return deeper()
'''

# Waits for a file to appear, so that a test can do something to it meanwhile.
SLOW = '''\
"""How long does it take?"""
import os, time
from pathlib import Path
SCALES = {"quick": dict()}
FOLDER = Path(%r)


def run():
    (FOLDER / f"{os.getppid()}.begun").write_text(os.getcwd())
    (FOLDER / f"{os.getpid()}.pid").touch()
    print("waiting", flush=True)
    while not (FOLDER / "go").exists():
        time.sleep(0.05)
    return {"answer": 42}
'''

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

# Waits until two processes are at work, so that it is not one that does it all.
PMAP = '''\
"""What comes of many items?"""
import os, time
import numpy as np
from asrun.parallel import pmap
from pathlib import Path
SCALES = {"quick": dict(count=7)}
FOLDER = Path(%r)


def square(item):
    (FOLDER / f"{os.getpid()}.at").touch()
    until = time.monotonic() + 20
    while len(list(FOLDER.glob("*.at"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    return {"square": item**2, "text": Path("data/words.txt").read_text() * item}


def run(*, count):
    done = pmap(square, range(count))
    return {"squares": np.array([each["square"] for each in done]), "words": [each["text"] for each in done]}
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


@pytest.fixture(scope="module")
def nodes():
    """A cluster of two nodes, the second with a GPU that Ray believes in; the address of its client port."""
    with head_node() as started:
        started.add_node(num_cpus=1, num_gpus=1, **SMALL)
        yield started
        started.shutdown()


@contextmanager
def head_node():
    """A cluster of one node."""
    from ray.cluster_utils import Cluster

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Ray's client port forks while gRPC is at work, and one fork in a few dies of what gRPC does then.
        patch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")
        warnings.simplefilter("ignore", ResourceWarning)
        head = {"num_cpus": 1, "include_dashboard": False, "ray_client_server_port": port, **SMALL}
        started = Cluster(initialize_head=True, head_node_args=head)
        started.client = f"ray://127.0.0.1:{port}"
        assert eventually(lambda: listens(port)), "Ray's client port is not open"
        yield started


def listens(port: int) -> bool:
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def there(nodes):
    with connect(nodes.client) as connected:
        yield connected


def jobs(project, *names, device="cpu"):
    return [(find_snippet(name, project.project), "quick", device) for name in names]


def send(there, project, *names, device="cpu", tell=lambda name, text: None, notice=lambda line: None):
    return run_on(there, project.project, project.store, jobs(project, *names, device=device), tell, notice)


def here(project, name):
    snippet = find_snippet(name, project.project)
    record = run_snippet(project.project, snippet, "quick", "cpu", lambda text: None)
    return redraw(project.project, snippet, record, lambda text: None) if snippet.plots else record


def same(one, other) -> bool:
    """Whether two records are equal, but for when and on what they were made."""
    parts = vars(one) | {"provenance": None, "values": None, "figures": None, "apart": None}
    assert parts == vars(other) | {"provenance": None, "values": None, "figures": None, "apart": None}
    assert str(one.values) == str(other.values)
    assert one.figures == other.figures
    made, remade = one.provenance, other.provenance
    assert (made.versions, made.commit, made.command) == (remade.versions, remade.commit, remade.command)
    return True


# Records


def test_records_made_there_are_those_made_here(tiny_project, there):
    project = tiny_project({"snippets/coin.py": COIN, "snippets/answer.py": ANSWER})
    told = []
    made = {
        record.run.snippet: record
        for record in send(there, project, "coin", "answer", tell=lambda *it: told.append(it))
    }
    assert set(made) == {"coin", "answer"}
    for name, record in made.items():
        assert same(record, here(project, name))
        assert same(project.store.get(RunName(name, "quick", "cpu")), record)
    assert ("coin (quick, cpu)", "") in told
    assert "fresh" in project.run("status").out
    assert project.run("run", "coin").out.startswith("fresh")


def test_records_are_those_of_the_code_that_was_sent_whatever_is_edited_meanwhile(tiny_project, there):
    project = tiny_project({"snippets/answer.py": ANSWER})
    sent = send(
        there, project, "answer", tell=lambda name, text: project.write("snippets/answer.py", ANSWER + "\n" * 3)
    )
    next(sent)
    project.edit("snippets/answer.py", "2 * twice", "3 * twice")
    assert list(sent) == []
    assert project.record_json("answer")["values"]["answer"] == 42
    assert "run changed" in project.run("status").out


def test_a_record_of_other_code_is_refused(tiny_project, there, monkeypatch):
    project = tiny_project({"snippets/answer.py": ANSWER + "\n\nimport os\nHERE = os.environ.get('ONLY_HERE')\n"})
    project.edit("snippets/answer.py", "    return {", "    print(HERE)\n    return {")
    monkeypatch.setenv("ONLY_HERE", "yes")
    told = raised(list, send(there, project, "answer"))
    assert "is no record of the code that was sent" in told and "the environment variable ONLY_HERE changed" in told
    assert not project.exists("snippets/records/answer")


def test_values_are_kept_when_they_cannot_be_drawn(tiny_project, there):
    project = tiny_project({"snippets/coin.py": COIN.replace('figure.set_label("', 'print("')})
    assert "set_label" in raised(list, send(there, project, "coin"))
    assert project.record_json("coin")["values"]["tosses"] == 12345


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
    tiny_project, nodes, there, large, tmp_path
):
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


@pytest.mark.parametrize("address", ["ray://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", "ftp://here:5"])
def test_where_there_is_no_cluster_that_is_told_soon(address):
    begun = time.monotonic()
    told = raised(connect(address).__enter__)
    assert "ray://HOST:10001" in told and address in told
    assert time.monotonic() - begun < 10


def test_a_missing_ray_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert 'pip install "asrun[cluster]"' in raised(connect("auto").__enter__)


# What a run takes


def test_two_runs_are_never_on_one_gpu(tiny_project, there):
    project = tiny_project({"src/torch.py": TORCH, "snippets/one.py": ON_GPU, "snippets/two.py": ON_GPU})
    one, two = sorted(send(there, project, "one", "two", device="cuda"), key=lambda record: record.values["begun"])
    assert one.values["ended"] <= two.values["begun"]
    assert one.run.device == "cuda" and one.provenance.device == "a GPU that is not there"


def test_a_run_takes_what_its_snippet_needs(tiny_project):
    def needs(text, device="cpu"):
        project = tiny_project({"snippets/answer.py": ANSWER + f"\n\nNEEDS = {text}\n"})
        return cluster.resources(find_snippet("answer", project.project), RunName("answer", "quick", device))

    assert needs("{}") == {"CPU": 1, "GPU": 0}
    assert needs('{"gpu": "preferred"}', "cuda") == {"CPU": 1, "GPU": 1}
    assert needs('{"cpus": 4}') == {"CPU": 4, "GPU": 0}
    assert needs('{"cpus": {"full": 4}}') == {"CPU": 1, "GPU": 0}
    assert needs('{"memory": {"quick": 2}}') == {"CPU": 1, "GPU": 0, "memory": 2e9}
    assert "NEEDS is not understood: {'cpus': 'all'}" in raised(needs, '{"cpus": "all"}')


def test_what_no_node_has_is_refused_and_not_waited_for(tiny_project, there):
    project = tiny_project({"snippets/answer.py": ANSWER + '\n\nNEEDS = {"cpus": 500}\n'})
    assert "can run answer (quick, cpu), which needs 500 CPU" in raised(list, send(there, project, "answer"))


def test_the_device_is_chosen_by_what_the_cluster_has(tiny_project, there):
    project = tiny_project({"snippets/answer.py": ANSWER, "snippets/one.py": ON_GPU})
    answer, one = (find_snippet(name, project.project) for name in ("answer", "one"))
    assert (there.choose_device(answer, None), there.choose_device(one, None)) == ("cpu", "cuda")
    assert "needs a GPU" in raised(there.choose_device, one, "cpu")
    none = cluster.Cluster("ray://nowhere:1", ({"CPU": 4.0},))
    assert "no node of the cluster at ray://nowhere:1 has a GPU" in raised(none.choose_device, one, "cuda")


# What is sent


def test_records_site_data_and_hidden_files_are_not_sent(tiny_project, tmp_path, monkeypatch):
    files = ["snippets/answer.py", "snippets/points.csv", "src/lab/net.py", "data/words.txt", "notes.txt"]
    apart = [
        "snippets/records/a/b.json",
        "site/index.html",
        ".git/config",
        ".env",
        "big/x.bin",
        "src/__pycache__/n.pyc",
    ]
    project = tiny_project(dict.fromkeys([*files, *apart, "env/pyvenv.cfg"], "x = 1\n"))
    project.write("mkdocs.yml", "site_name: T\nplugins:\n  - asrun:\n      data_variables: [LAB_DATA]\n")
    monkeypatch.setenv("LAB_DATA", str(project.folder / "big"))
    there = worker.unpack(worker.pack(project.project), tmp_path / "there")
    found = {path.relative_to(there.root).as_posix() for path in there.root.rglob("*") if path.is_file()}
    assert found == {*files, "mkdocs.yml"}


def test_a_project_that_is_too_large_is_refused_and_says_what_is_large(tiny_project, monkeypatch):
    monkeypatch.setattr(worker, "LARGEST_PROJECT", 2**20)
    project = tiny_project({"snippets/answer.py": ANSWER, "heavy/points.csv": "1\n" * 2**20})
    told = raised(worker.pack, project.project)
    assert "2 MiB" in told and "heavy (2 MiB)" in told and "data_variables" in told


# A run that splits its own work


@pytest.fixture
def splits(tiny_project, tmp_path):
    many = PMAP % str(tmp_path)
    return tiny_project({"snippets/many.py": many, "snippets/wrong.py": PMAP_FAILS, "data/words.txt": "word "})


def test_items_are_computed_there_as_here_and_in_order(splits, there, tmp_path):
    (made,) = send(there, splits, "many")
    assert len(list(tmp_path.glob("*.at"))) == 2
    assert made.values["squares"].tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert same(made, here(splits, "many"))
    # What another process read or called counts all the same.
    assert set(made.files) == {"data/words.txt"}
    assert "square" in made.code["snippets/many.py"] and made.passed_by == {}


def test_runs_that_hold_every_core_do_their_items_themselves(splits, there, tmp_path):
    (tmp_path / "1.at").touch()
    (tmp_path / "2.at").touch()
    made = {record.run.snippet: record for record in send(there, splits, "many", "wrong")}
    assert made["wrong"].values == {"told": "item 2 is wrong"}
    assert all(same(record, here(splits, name)) for name, record in made.items())


def test_pmap_is_a_loop_in_several_processes():
    assert pmap(math.sqrt, [4, 9, 16]) == [2, 3, 4]
    assert pmap(math.sqrt, [4]) == [2]
    assert pmap(math.sqrt, []) == []
    with pytest.raises(ValueError, match="'x'"):
        pmap(int, ["1", "x", "2", "y"])


@pytest.mark.parametrize("cores", [1, 3])
def test_pmap_gives_the_same_however_many_cores_there_are(monkeypatch, cores):
    monkeypatch.setattr(parallel, "_cores", lambda: cores)
    threads = pmap(os.getenv, ["OMP_NUM_THREADS", "NOBODY_SET_THIS"])
    assert threads == [os.environ.get("OMP_NUM_THREADS") if cores == 1 else "1", None]
    with pytest.raises(ValueError, match="'x'"):
        pmap(int, ["1", "x", "2", "y"])


def test_pmap_says_what_it_cannot_do(monkeypatch):
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    assert "no lambda" in raised(pmap, lambda item: item, [1, 2])
    assert "a part of one" in raised(lambda: pmap(int, ["1"], gpus=2))
    assert "ended with exit code 7 while it computed item" in raised(pmap, os._exit, [7, 7])


def test_items_take_turns_on_the_gpus_there_are(monkeypatch):
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    name = "CUDA_VISIBLE_DEVICES"
    assert set(pmap(os.getenv, [name] * 4, gpus=1)) <= {"3", "5"}
    assert set(pmap(os.getenv, [name] * 4)) == {""}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert pmap(os.getenv, [name] * 2, gpus=1) == ["3", "3"]


def test_a_node_can_be_connected_to_by_its_own_address(nodes, tiny_project):
    """Last: it takes the place of the connection that the other tests share."""
    import ray

    ray.shutdown()
    project = tiny_project({"snippets/answer.py": ANSWER})
    with connect(nodes.address) as there:
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
