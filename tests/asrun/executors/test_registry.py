"""Where runs are done is found by its address; a package of somebody else's can offer another place."""

from __future__ import annotations

import importlib
import sys

import pytest

from asrun.testing import ANSWER, COIN

SHED = '''\
"""Runs in the garden: a process is handed all that it needs by way of files in a folder."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from asrun.errors import AsrunError
from asrun.executors.protocol import Done
from asrun.remote.sending import sent

THERE = """
import sys
from pathlib import Path
from asrun.remote.worker import work

folder = Path(sys.argv[1])
request, packed = ((folder / name).read_bytes() for name in ("request", "packed"))
(folder / "reply").write_bytes(work(request, packed, lambda text: print(text, flush=True)))
"""


class Shed:
    def __init__(self, folder):
        self.folder = folder

    def choose_device(self, snippet, wanted, took):
        return wanted or "cpu"

    def run(self, project, store, jobs, tell, notice):
        notice("it smells of earth here")
        with sent(project) as parcel:
            for job in jobs:
                (self.folder / "packed").write_bytes(parcel.packed)
                (self.folder / "request").write_bytes(parcel.request(job.run))
                subprocess.run([sys.executable, "-c", THERE, str(self.folder)], check=True, stdout=subprocess.DEVNULL)
                try:
                    yield Done(job, parcel.receive(job.run, (self.folder / "reply").read_bytes(), store))
                except AsrunError as error:
                    yield Done(job, error)


@contextmanager
def opened(address):
    folder = Path(address.removeprefix("shed://"))
    if not folder.is_dir():
        raise AsrunError(f"there is no shed at {address}", remedy="build one")
    yield Shed(folder)
    folder.joinpath("locked").touch()
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package of one module that offers an executor."""

    def make(name, source, scheme=None):
        folder = tmp_path / "installed"
        told = folder / f"{name}-1.0.dist-info"
        told.mkdir(parents=True)
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (told / "entry_points.txt").write_text(f"[asrun.executors]\n{scheme or name} = {name}:opened\n")
        (folder / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()

    return make


@pytest.mark.thorough
def test_a_package_brings_a_place_of_its_own(tiny_project, install, tmp_path):
    install("shed", SHED)
    (tmp_path / "garden").mkdir()
    wrong = ANSWER.replace("2 * twice", "{}['x']")
    project = tiny_project(
        {
            "snippets/coin.py": COIN,
            "snippets/answer.py": ANSWER,
            "snippets/wrong.py": wrong,
            "snippets/bad.py": "SCALES = {",
        }
    )
    project.put("answer", {"answer": 42})
    address = f"shed://{tmp_path / 'garden'}"
    result = project.run("run", "--on", address, "--jobs", "3")
    assert result.code == 1 and "fresh   answer" in result.out and "ran     coin (quick, cpu)" in result.out
    assert "wrong (quick, cpu) raised: KeyError: 'x'" in result.err and "snippets/bad.py:1" in result.err
    assert "it smells of earth here" in result.err and "2 problems" in result.err
    assert (tmp_path / "garden" / "locked").exists(), "it is closed though not all went well"
    there = project.record_files()
    assert project.run("run", "coin", "--rerun").code == 0
    drawings = {name: data for name, data in project.record_files().items() if name.endswith(".svg")}
    assert drawings and drawings.items() <= there.items(), "it draws what is drawn here"
    project.edit("snippets/coin.py", "Heads against bias", "Heads against their bias")
    assert "drawn   coin (quick, cpu)" in project.run("run", "coin", "coin", "--on", address).out, "nothing has to run"
    assert project.run("run", "coin", "coin", "--on", address).out.count("fresh") == 1


def test_a_place_that_cannot_be_used_says_why(tiny_project, install, tmp_path):
    project = tiny_project({"snippets/answer.py": ANSWER})
    install("shed", SHED)
    install("broken", "import nothing_of_that_name\n")
    install("empty", "")
    for address, told in {
        "shed:///nowhere": "there is no shed at shed:///nowhere",
        "broken://here": "what runs at broken:// cannot be loaded: broken:opened (No module named 'nothing_of",
        "empty://here": "what runs at empty:// cannot be loaded: empty:opened (",
        "ftp://here:5": "no package here offers ftp://",
        "shad://x": "did you mean shed?",
    }.items():
        result = project.run("run", "--on", address)
        assert result.code == 1 and told in result.err, address
        assert not project.exists("snippets/records/answer")
    assert "there are broken://, empty://, ray://, shed://" in project.run("run", "--on", "ftp://here:5").err


def test_nobody_takes_the_place_of_what_asrun_brings_along(tiny_project, install):
    install("moonshine", SHED, scheme="ray")
    told = tiny_project({}).run("run", "--on", "ray://nowhere").err
    assert "Ray" in told and "shed" not in told
