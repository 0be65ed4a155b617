"""Who runs nothing on a cluster loads nothing of clusters, in this process or in those of its runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from asrun.testing import ANSWER

FOREIGN = ("ray", "asrun.ray_cluster")

# Splits its work, and tells what it was given besides.
MANY = f'''\
"""What is loaded?"""
import sys
from asrun.parallel import pmap
SCALES = {{"quick": dict()}}
FOREIGN = {FOREIGN}


def loaded(item):
    return sorted(each for each in FOREIGN if each in sys.modules)


def run():
    return {{"there": pmap(loaded, range(2)), "here": loaded(0)}}
'''

COMMAND = f"""\
import sys
from asrun.cli import main
try:
    main(sys.argv[1:], prog_name="asrun")
finally:
    print("loaded:", *sorted(each for each in {FOREIGN} if each in sys.modules))
"""


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "--rerun", "-j2"], ["check"], ["build", "--no-run"], ["status"]], ids=" ".join
)
def test_commands_load_no_cluster(tiny_project, arguments):
    project = tiny_project({"docs/index.md": "It is {{ answer.answer }}.\n", "snippets/answer.py": ANSWER})
    project.put("answer", {"answer": 42})
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], cwd=project.folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]


def test_runs_and_their_items_load_no_cluster(tiny_project):
    project = tiny_project({"snippets/many.py": MANY})
    assert project.run("run", "many").code == 0
    values = json.loads(project.read("snippets/records/many/quick-cpu.json"))["values"]
    assert values == {"there": [[], []], "here": []}
