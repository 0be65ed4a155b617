"""A record that somebody wrote by hand, sealed as it should be, is not fresh for ever."""

from __future__ import annotations

import dataclasses

import pytest

from asrun.errors import AsrunError
from asrun.freshness import key
from asrun.freshness.conditions import record_condition
from asrun.freshness.executed import Entry
from asrun.freshness.snippet import find_snippet
from asrun.model import State
from asrun.pages.context import Context

SNIPPET = '''\
"""What comes of it?"""

import late
from lab import net, trick

SCALES = {"quick": dict(n=1)}
STEP = 2


def inner(x):
    return x * STEP


def run(*, n):
    if n > 5:
        return {"v": unused(n)}
    return {"v": net(inner(n)) + late.more(trick)}


def unused(x):
    return x
'''

FILES = {
    "snippets/made.py": SNIPPET,
    "src/lab.py": "RATE = 0.5\n\n\ndef net(x):\n    return x * RATE\n\n\n@staticmethod\ndef trick():\n    return 1\n",
    "src/late.py": "def more(x):\n    return 1\n",
    "docs/index.md": "# A\n\n{{ made.v }}\n",
}

EVERYTHING = ["*"]


@pytest.fixture
def made(tiny_project):
    return tiny_project(FILES)


def without(site, *left_out: str):
    """Return what the code reaches, without some definitions: `file: label`, or a whole `file`."""
    reached = key.code(Entry(site.folder / "snippets/made.py", "run"), key.sources(site.project))
    code = {file: dict(labels) for file, labels in reached.items()}
    for each in left_out:
        file, _, label = each.partition(": ")
        if label:
            del code[file][label]
        else:
            del code[file]
    return {file: labels for file, labels in code.items() if labels}


def sealed(site, code, **notes):
    """Write a record with a key of one's own choice."""
    project = site.project
    record = site.put("made", {"v": 3}, **notes)
    site.store.put(dataclasses.replace(record, code=code))
    return record_condition(project, find_snippet("made", project), Context(project).store.best("made"))


def test_a_true_record_is_fresh_and_what_really_was_passed_by_may_change(made):
    code = without(made, "snippets/made.py: unused")
    notes = {"passed_by": {"snippets/made.py": ["unused"]}}
    assert sealed(made, code, **notes).state is State.FRESH
    made.edit("snippets/made.py", "def unused(x):\n    return x", "def unused(x):\n    return 2 * x")
    assert sealed(made, code, **notes).state is State.FRESH


LIES = {
    "its own run": (["snippets/made.py: run"], {"passed_by": {"snippets/made.py": ["run"]}}),
    "its own file": (["snippets/made.py"], {"passed_by": {"snippets/made.py": EVERYTHING}}),
    "its own file was never imported": (["snippets/made.py"], {"not_imported": ["snippets/made.py"]}),
    "all of it": (["snippets/made.py", "src/lab.py", "src/late.py"], {"passed_by": {"snippets/made.py": ["run"]}}),
    "nothing is said": (["snippets/made.py", "src/lab.py", "src/late.py"], {}),
    "only run": (
        ["snippets/made.py: inner", "snippets/made.py: STEP", "src/lab.py", "src/late.py"],
        {"passed_by": {"src/lab.py": EVERYTHING, "src/late.py": EVERYTHING, "snippets/made.py": ["inner", "STEP"]}},
    ),
    "a constant": (["src/lab.py: RATE"], {"passed_by": {"src/lab.py": ["RATE"]}}),
    "a function with a decorator": (["src/lab.py: trick"], {"passed_by": {"src/lab.py": ["trick"]}}),
    "a module that names lead to": (["src/lab.py"], {"passed_by": {"src/lab.py": EVERYTHING}}),
    "a module that is imported at the top": (["src/late.py"], {"not_imported": ["src/late.py"]}),
    "one from which names are imported": (["src/lab.py"], {"not_imported": ["src/lab.py"]}),
}


@pytest.mark.parametrize(("left_out", "notes"), LIES.values(), ids=LIES)
def test_what_cannot_have_been_passed_by_counts(made, left_out, notes):
    assert sealed(made, without(made, *left_out), **notes).state is State.STALE


def test_a_key_that_does_not_say_what_ran_says_so_everywhere(made):
    sealed(made, without(made, "snippets/made.py: run"), passed_by={"snippets/made.py": ["run"]})
    told = made.run("check")
    assert told.code == 3 and "made (quick, cpu) is stale: its key does not say what ran" in told.err
    assert "its key does not say what ran" in made.run("why", "made").out


@pytest.mark.parametrize("file", ["docs/index.md", "snippets", "src/link.py"])
def test_a_key_that_names_other_files_than_modules_of_the_project_is_stale(made, tmp_path, file):
    (tmp_path / "outside.py").write_text("open('ran', 'w')\n")
    (made.folder / "src/link.py").symlink_to(tmp_path / "outside.py")
    assert sealed(made, without(made) | {file: {"x": "1"}}).state is State.STALE
    assert made.run("status").code == 3


@pytest.mark.parametrize("file", ["/etc/passwd", "../outside.py", "\0.py"])
def test_a_key_that_names_files_elsewhere_cannot_be_read(made, file):
    with pytest.raises(AsrunError, match="this record cannot be read"):
        sealed(made, without(made) | {file: {"x": "1"}})
    told = made.run("status", "--json")
    assert told.code == 3 and '"broken"' in told.out
