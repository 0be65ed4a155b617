"""Files, folders and variables that a run read make its record stale, whatever they are called and whenever it did."""

from __future__ import annotations

import shutil
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from asrun import State, judge_records

START = '''\
"""What is read?"""

import os
import string
import subprocess
from pathlib import Path

SCALES = {"quick": {}}


'''


@dataclass
class Read:
    """What a run reads, and what is done to it afterwards."""

    run: str
    """The body of `run`, or a whole snippet where it has a `run` of its own."""
    file: str
    text: str | None
    """What the file says then; None where it is deleted."""
    before: dict[str, str] = field(default_factory=dict)

    @property
    def snippet(self) -> str:
        return START + (self.run if "def run" in self.run else f"def run():\n    return {{'out': {self.run}}}\n")


STALE = {
    "a checkpoint": Read("Path('data/net.pth').read_text()", "data/net.pth", "2", {"data/net.pth": "1"}),
    "code that is read as a text": Read("Path('src/lib.py').read_text()", "src/lib.py", "# 2", {"src/lib.py": "# 1"}),
    "a folder that is listed while the module is loaded": Read(
        "NAMES = sorted(os.listdir('data'))\n\n\ndef run():\n    return {'out': NAMES}\n", "data/b", "", {"data/a": ""}
    ),
    "a file that is gone": Read("Path('data/net.pth').read_text()", "data/net.pth", None, {"data/net.pth": "1"}),
}
"""Each is fresh, and then no more."""


@pytest.mark.parametrize("read", STALE.values(), ids=STALE)
def test_what_was_read_counts_whatever_it_is_called(tiny_project, read):
    project = tiny_project({"snippets/s.py": read.snippet, **read.before})
    assert project.run("run", "s").code == 0
    assert state(project) is State.FRESH
    if read.text is None:
        (project.folder / read.file).unlink()
    else:
        project.write(read.file, read.text)
    assert state(project) is State.STALE


VARIABLES = {
    "expandvars": "os.path.expandvars('$READ_ME/x')",
    "a template": "string.Template('$READ_ME').substitute(os.environ)",
    "a format": "string.Formatter().vformat('{READ_ME}', (), os.environ)",
}


@pytest.mark.parametrize("asked", VARIABLES.values(), ids=VARIABLES)
def test_variables_that_are_put_into_a_text_count(tiny_project, monkeypatch, asked):
    monkeypatch.setenv("READ_ME", "1")
    project = tiny_project({"snippets/s.py": Read(asked, "", "").snippet})
    assert project.run("run", "s").code == 0
    assert state(project) is State.FRESH
    monkeypatch.setenv("READ_ME", "2")
    assert state(project) is State.STALE


def test_a_file_that_changes_while_the_run_goes_on_leaves_the_record_stale(tiny_project):
    body = "def run():\n    told = Path('data/x').read_text()\n"
    body += "    subprocess.run(['sh', '-c', 'echo other > data/x'], check=True)\n    return {'out': told}\n"
    project = tiny_project({"snippets/s.py": START + body, "data/x": "one"})
    assert project.run("run", "s").code == 0
    assert state(project) is State.STALE


def test_what_a_run_reads_and_writes_counts_as_it_was_before(tiny_project):
    body = (
        "def run():\n    with open('data/x', 'r+') as file:\n        told = file.read()\n        file.write('more')\n"
    )
    project = tiny_project({"snippets/s.py": START + body + "    return {'out': told}\n", "data/x": "one"})
    assert project.run("run", "s").code == 0
    assert project.record_json("s")["values"]["out"] == "one" and state(project) is State.STALE
    project.write("data/x", "one")
    assert state(project) is State.FRESH


def test_what_tools_and_asrun_leave_in_folders_counts_for_nothing(tiny_project):
    body = "(len(os.listdir('snippets')), len(list(os.walk('.'))), len(os.listdir('data'))) > (0, 0, 0)"
    project = tiny_project({"snippets/s.py": Read(body, "", "").snippet, "data/a": "", "docs/index.md": "# Home\n"})
    assert project.run("run", "s").code == 0
    project.write("data/__pycache__/a.pyc", "")
    assert project.run("build").code == 0
    assert state(project) is State.FRESH
    project.write("data/b", "")
    assert state(project) is State.STALE


def test_a_library_that_is_loaded_as_a_module_counts(tiny_project):
    built = sorted(Path(sysconfig.get_config_var("DESTSHARED") or "/nowhere").glob("xxlimited.*"))
    if not built:
        pytest.skip("this Python comes without a library that nobody uses")
    project = tiny_project({"snippets/s.py": START + "import xxlimited\n\n\ndef run():\n    return {'out': 1}\n"})
    library = project.write(f"src/{built[0].name}", "")
    shutil.copy(built[0], library)
    assert project.run("run", "s").code == 0
    assert state(project) is State.FRESH
    with library.open("ab") as file:
        file.write(b"\0")
    assert state(project) is State.STALE


def state(project) -> State:
    (condition,) = judge_records(project.project).values()
    return condition.state
