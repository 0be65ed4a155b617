"""What the tests of runs elsewhere share: snippets that are sent, and nodes of a Ray cluster on this machine."""

from __future__ import annotations

import socket
import warnings
from contextlib import closing, contextmanager

import pytest

from asrun.errors import AsrunError
from asrun.executors.protocol import Job
from asrun.freshness.snippet import find_snippet
from asrun.model import RunName
from asrun.running.snippets import redraw, run_snippet
from machine import eventually

__all__ = ["BAD", "PMAP", "SLOW", "SMALL", "head_node", "here", "same", "send"]

SMALL = {"object_store_memory": 80 * 2**20}

# Goes wrong below where it begins.
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
        # Nobody reads logs here, or waits for more nodes; whether one is lost is to be noticed soon.
        spared = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
        noticed = {"_system_config": {"health_check_period_ms": 1000}}
        head = {"num_cpus": 1, "ray_client_server_port": port, **SMALL, **spared, **noticed}
        started = Cluster(initialize_head=True, head_node_args=head)
        started.client = f"ray://127.0.0.1:{port}"
        assert eventually(lambda: listens(port)), "Ray's client port is not open"
        yield started


def listens(port: int) -> bool:
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def send(there, project, *names, device="cpu", tell=lambda name, text: None, notice=lambda line: None):
    """Yield the records that come in; raise what went wrong when all is done."""
    jobs = [Job(find_snippet(name, project.project), RunName(name, "quick", device)) for name in names]
    wrong = []
    with closing(there.run(project.project, project.store, jobs, tell, notice)) as came:
        for done in came:
            if isinstance(done.outcome, AsrunError):
                wrong.append(done.outcome)
            else:
                yield done.outcome
    for error in wrong:
        raise error


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
