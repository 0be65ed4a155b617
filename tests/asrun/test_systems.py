"""Windows and macOS: what the README says works there does so where their calls are missing, on Linux without them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from asrun.testing import TinyProject
from machine import alive, eventually
from other_systems import pretending

pytestmark = pytest.mark.thorough

SYSTEMS = ("win32", "darwin")

COUNT = '''
"""How much is it?"""

import numpy as np

SCALES = {"quick": {"count": 3}}

def run(*, count):
    print("counted → whole")
    return {"numbers": np.arange(count), "axes": {"numbers": ["seed"]}}

def plot(result):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot(result["numbers"])
    figure.set_label("A line that rises.")
    return figure
'''
RECORD = "snippets/records/count/quick-cpu.json"
PAGE = "# A page → here\n\n{{ count.numbers[0] }} of them.\n\n/// figure | count\n///\n"


class Elsewhere(TinyProject):
    """A tiny project on another system."""

    def __init__(self, files, folder, system):
        (folder / "project").mkdir()
        (folder / "system").mkdir()
        super().__init__(files, folder / "project")
        self.on_windows = system == "win32"
        self.variables = pretending(system, folder / "system")

    def asrun(self, *arguments, **options):
        return self.python("-m", "asrun.cli", *arguments, **options)

    def python(self, *arguments, **variables):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"} | self.variables | variables,
            capture_output=True,
            timeout=120,
        )
        said = (done.stdout + done.stderr).decode("cp1252" if self.on_windows else "utf-8")
        assert "Traceback" not in said, said
        return done.returncode, said


@pytest.fixture(params=SYSTEMS)
def elsewhere(request, tmp_path):
    return lambda files: Elsewhere(files, tmp_path, request.param)


def test_a_snippet_is_run_and_its_record_is_that_of_any_system(elsewhere, tmp_path):
    project = elsewhere({"snippets/count.py": COUNT})
    code, said = project.asrun("run", "count")
    assert code == 0, said
    assert project.asrun("status")[0] == 0
    (tmp_path / "here").mkdir()
    here = TinyProject({"snippets/count.py": COUNT}, tmp_path / "here")
    assert here.run("run", "count").code == 0
    there, made = (json.loads((each.folder / RECORD).read_text("utf-8")) for each in (project, here))
    assert "cores" in there["provenance"]["device"]
    assert not project.on_windows or there["provenance"]["peak_memory_mb"] > 1
    for record in (there, made):
        del record["provenance"], record["seal"]
    assert there == made


def test_a_site_is_built_again_over_the_last_one(elsewhere):
    project = elsewhere({"snippets/count.py": COUNT, "docs/index.md": PAGE, "docs/old.md": "# Old\n"})
    assert project.asrun("build")[0] == 0
    project.write("docs/index.md", PAGE + "\nAnother line.\n")
    (project.folder / "docs" / "old.md").unlink()
    code, said = project.asrun("build", "--no-run")
    assert code == 0, said
    site = project.folder / "site"
    assert "Another line." in (site / "index.html").read_text("utf-8") and not (site / "old").exists()
    assert [path.name for path in project.folder.glob(".*asrun-*")] == []
    (project.folder / "deck.md").write_text("# A deck\n\n---\n\n## Two\n", "utf-8")
    assert project.asrun("deck", "deck.md", "-o", "made")[0] == 0
    assert (project.folder / "made" / "index.html").is_file()


def test_a_folder_of_others_is_replaced_file_by_file_where_it_is_not_swapped(elsewhere):
    project = elsewhere({"docs/index.md": "# One\n"})
    assert project.asrun("build")[0] == 0
    (project.folder / "site" / "mine.txt").write_text("mine", "utf-8")
    project.write("docs/index.md", "# Two\n")
    code, said = project.asrun("build")
    assert code == 0, said
    assert "Two" in (project.folder / "site" / "index.html").read_text("utf-8")
    assert (project.folder / "site" / "mine.txt").read_text("utf-8") == "mine"


ENDS = """
'''How does it end?'''

import os, subprocess, sys, time

SCALES = {"quick": {"how": "exit"}, "hang": {"how": "hang"}}
NEEDS = {"minutes": {"hang": 0.05}}

def run(*, how):
    if how == "exit":
        os._exit(3)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(child.pid, flush=True)
    time.sleep(600)
"""


def test_a_run_that_does_not_come_to_its_end_is_told_of_and_leaves_nothing(elsewhere):
    project = elsewhere({"snippets/ends.py": ENDS})
    code, said = project.asrun("run", "ends")
    assert code == 1 and "ends (quick, cpu) ended with exit code 3 before it could report" in said
    code, said = project.asrun("run", "ends", "--scale", "hang")
    assert code == 1 and "did not end within 0.05 minutes, and was stopped" in said
    child = next(int(line.strip(" |")) for line in said.splitlines() if line.strip(" |").isdecimal())
    assert eventually(lambda: not alive(child))


def test_a_notebook_is_executed_or_refused_in_a_sentence(elsewhere):
    pytest.importorskip("nbclient")
    cell = {"cell_type": "code", "metadata": {}, "source": "print(6 * 7)", "outputs": [], "execution_count": None}
    document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    project = elsewhere({"docs/index.md": "# A page\n", "docs/labs/x.ipynb": json.dumps(document)})
    code, said = project.asrun("run", "--labs")
    if project.on_windows:
        assert code == 1 and "notebooks are not executed on Windows" in said and "WSL" in said
        return
    assert code == 0, said
    assert '"42\\n"' in (project.folder / "snippets/records/labs/x.ipynb").read_text("utf-8")
    assert project.asrun("status")[0] == 0


def test_what_a_code_page_has_no_sign_for_is_spelled_out(elsewhere):
    snippet = COUNT.replace('"count": 3', '"count": 3, "sign": "→"').replace("run(*, count)", "run(*, count, sign)")
    project = elsewhere({"snippets/count.py": snippet})
    assert project.asrun("run", "count")[0] == 0
    project.write("snippets/count.py", snippet.replace('"→"', '"⇒"'))
    code, said = project.asrun("why", "count")
    signs = ("\\u2192", "\\u21d2") if project.on_windows else ("→", "⇒")
    assert code == 0 and "sign was '{}', is '{}'".format(*signs) in said


def test_two_builds_at_once_are_kept_apart(elsewhere):
    project = elsewhere({})
    twice = (
        "from asrun.records.locks import take; one, other = open('lock', 'w'), open('lock', 'w');"
        "print(take(one.fileno()), take(other.fileno())); one.close(); print(take(other.fileno()))"
    )
    assert project.python("-c", twice)[1].split() == ["True", "False", "True"]


def test_where_a_system_has_other_words_remedies_use_them(elsewhere):
    project = elsewhere({"snippets/ends.py": ENDS, "src/lab.py": ""})
    setting = "$env:PYTHONPATH='src'; " if project.on_windows else "PYTHONPATH=src "
    assert f"{setting}python snippets/ends.py" in project.asrun("run", "ends")[1]


# Apple's GPU

TORCH = """
held = 0

class version:
    cuda = None

class cuda:
    is_initialized = staticmethod(lambda: False)

class mps:
    current_allocated_memory = staticmethod(lambda: 0)
    driver_allocated_memory = staticmethod(lambda: held)

class backends:
    class mps:
        is_available = staticmethod(lambda: True)
"""
ON_APPLE = """
'''How much is held?'''

import torch

SCALES = {"quick": {}, "none": {}}

def run():
    torch.held = 8 * 2**20
    return {"held": torch.held}
"""


@pytest.fixture
def apple(tmp_path):
    return lambda snippet: Elsewhere({"snippets/tensor.py": snippet, "src/torch.py": TORCH}, tmp_path, "darwin")


def test_a_run_on_apples_gpu_is_no_run_on_the_cpu(apple):
    project = apple(ON_APPLE)
    code, said = project.asrun("run", "tensor")
    assert code == 1 and "tensor (quick, cpu) used the mps instead" in said and "--device mps" in said
    assert not (project.folder / "snippets" / "records").exists()


def test_what_was_run_on_apples_gpu_is_a_record_of_its_own_class(apple):
    project = apple(ON_APPLE)
    code, said = project.asrun("run", "tensor", "--device", "mps", "--bundle", "made.tar.gz")
    assert code == 0, said
    record = json.loads((project.folder / "snippets/records/tensor/quick-mps.json").read_text("utf-8"))
    assert record["provenance"]["device"].startswith("GPU of ") and record["provenance"]["peak_memory_mb"] == 8
    status = json.loads(project.asrun("status", "--json")[1])
    assert [(each["device"], each["state"]) for each in status] == [("mps", "fresh")]
    project.write("docs/index.md", "# A page\n\n{{ tensor.held }} bytes.\n")
    assert project.asrun("check")[0] == 0
    assert "Nothing to delete" in project.asrun("trim")[1]
    (project.folder / "snippets/records/tensor/quick-mps.json").unlink()
    assert "adopted" in project.asrun("adopt", "made.tar.gz")[1]


def test_what_pytorch_takes_to_be_asked_is_no_use_of_the_gpu(apple):
    project = apple(ON_APPLE.replace("8 * 2**20", "384 * 2**10"))
    assert project.asrun("run", "tensor")[0] == 0
    assert (project.folder / "snippets/records/tensor/quick-cpu.json").is_file()


def test_where_there_is_no_gpu_of_apples_none_is_asked_for(tmp_path):
    project = TinyProject({"snippets/count.py": COUNT}, tmp_path)
    refused = project.run("run", "count", "--device", "mps")
    assert refused.code == 1 and "count cannot run on mps: there is no GPU of Apple's" in refused.err


def test_a_notebook_that_uses_a_gpu_is_refused(tmp_path):
    pytest.importorskip("nbclient")
    cell = {"cell_type": "code", "metadata": {}, "source": "import torch\ntorch.held = 8 * 2**20", "outputs": [],
            "execution_count": None}  # fmt: skip
    document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    project = Elsewhere({"docs/labs/x.ipynb": json.dumps(document), "src/torch.py": TORCH}, tmp_path, "darwin")
    code, said = project.asrun("run", "--labs")
    assert code == 1 and "it used the mps, and readers may have none" in said
