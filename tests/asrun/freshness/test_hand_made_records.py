"""A record that somebody wrote by hand, sealed as it should be, is not fresh for ever."""

from __future__ import annotations

import dataclasses

import pytest

from asrun.errors import AsrunError
from asrun.freshness import key
from asrun.freshness.conditions import record_condition
from asrun.freshness.executed import Entry
from asrun.freshness.snippet import find_snippet
from asrun.model import RunName, State
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

ALL = {"snippets/made.py": ["inner", "run"], "src/lab.py": ["net"], "src/late.py": ["more"]}
"""What a run calls of it."""


@pytest.fixture
def made(tiny_project):
    return tiny_project(FILES)


def code_of(site, ran):
    """Return the digests that go with what a record says to have run."""
    project = site.project
    return key.code_now(ran, Entry(site.folder / "snippets/made.py", "run"), key.sources(project))


def without(code, *left_out: str):
    """Return digests, without some: `file: label`, or a whole `file`."""
    left = {file: {label: it for label, it in labels.items() if f"{file}: {label}" not in left_out}
            for file, labels in code.items() if file not in left_out}  # fmt: skip
    return {file: labels for file, labels in left.items() if labels}


def sealed(site, ran, code=None, **fields):
    """Write a record with a key of one's own choice, and judge it."""
    project = site.project
    record = site.put("made", {"v": 3})
    code = code_of(site, ran) if code is None else code
    site.store.put(dataclasses.replace(record, ran=ran, code=code, **fields))
    return record_condition(project, find_snippet("made", project), Context(project).store.best("made"))


def test_a_true_record_is_what_a_run_would_have_written(made):
    assert made.run("run", "made").code == 0
    record = made.store.get(RunName("made", "quick", "cpu"))
    assert record.ran == ALL and record.code == code_of(made, ALL)


def test_a_true_record_is_fresh_and_what_was_not_called_may_change(made):
    assert sealed(made, ALL).state is State.FRESH
    made.edit("snippets/made.py", "def unused(x):\n    return x", "def unused(x):\n    return 2 * x")
    assert sealed(made, ALL).state is State.FRESH


NOT_RUN = {
    "nothing ran": {},
    "its own file was not loaded": {"src/lab.py": ["net"], "src/late.py": ["more"]},
    "its own run was not called": ALL | {"snippets/made.py": ["inner"]},
    "nothing of its own was called": ALL | {"snippets/made.py": []},
    "a function that is not there was called, and run was not": ALL | {"snippets/made.py": ["ran"]},
    "a method called run was": ALL | {"snippets/made.py": ["Made.run"]},
}


@pytest.mark.parametrize("ran", NOT_RUN.values(), ids=NOT_RUN)
def test_a_record_of_a_run_that_did_not_run_is_stale(made, ran):
    condition = sealed(made, ran)
    assert condition.state is State.STALE and "does not say what ran" in condition.reason


@pytest.mark.parametrize("ran", NOT_RUN.values(), ids=NOT_RUN)
def test_no_digests_beside_make_up_for_that(made, ran):
    assert sealed(made, ran, code_of(made, ALL)).state is State.STALE


def test_all_may_have_been_called(made):
    ran = dict.fromkeys(ALL)
    assert sealed(made, ran).state is State.FRESH
    made.edit("snippets/made.py", "def unused(x):\n    return x", "def unused(x):\n    return 2 * x")
    code = code_of(made, ran)
    made.edit("snippets/made.py", "return 2 * x", "return 3 * x")
    assert sealed(made, ran, code).reason == "snippets/made.py: unused changed"


LEFT_OUT = {
    "its own run": ["snippets/made.py: run"],
    "its own top level": ["snippets/made.py: (module level)"],
    "its own file": ["snippets/made.py"],
    "all of it": ["snippets/made.py", "src/lab.py", "src/late.py"],
    "what it calls": ["snippets/made.py: inner"],
    "a constant": ["src/lab.py: RATE"],
    "a function with a decorator": ["src/lab.py: trick"],
    "a module that it loads": ["src/lab.py"],
    "where names lead": ["imports"],
}


@pytest.mark.parametrize("left_out", LEFT_OUT.values(), ids=LEFT_OUT)
def test_digests_that_are_left_out_are_missed(made, left_out):
    assert sealed(made, ALL, without(code_of(made, ALL), *left_out)).state is State.STALE


def test_a_function_that_does_not_exist_adds_nothing_and_one_that_comes_to_exist_does(made):
    ran = ALL | {"src/lab.py": ["net", "later", "Net.step", "(module level)", "\u2028", ""]}
    code = code_of(made, ran)
    assert code == code_of(made, ALL)
    made.edit("src/lab.py", "RATE = 0.5", "RATE = 0.5\n\n\ndef later(x):\n    return x")
    assert "src/lab.py: later is new" in sealed(made, ran, code).reason


def test_a_file_that_does_not_exist_adds_nothing_and_one_that_comes_to_exist_does(made):
    ran = ALL | {"src/more.py": ["f"]}
    code = code_of(made, ran)
    assert sealed(made, ran, code).state is State.FRESH
    made.write("src/more.py", "def f():\n    return 1\n")
    assert "src/more.py is used now" in sealed(made, ran, code).reason


def test_a_record_of_earlier_versions_says_so(made):
    condition = sealed(made, {}, code_of(made, ALL))
    assert condition.state is State.STALE and "an earlier version of asrun" in condition.reason


def test_a_key_that_does_not_say_what_ran_says_so_everywhere(made):
    sealed(made, ALL | {"snippets/made.py": ["inner"]})
    told = made.run("check")
    assert told.code == 3 and "made (quick, cpu) is stale: its key does not say what ran" in told.err
    assert "its key does not say what ran" in made.run("why", "made").out


@pytest.mark.parametrize("file", ["docs/index.md", "snippets", "src/link.py"])
def test_what_ran_outside_of_the_project_is_not_read(made, tmp_path, file):
    (tmp_path / "outside.py").write_text("SECRET = 1\n\n\ndef f():\n    return SECRET\n")
    (made.folder / "src/link.py").symlink_to(tmp_path / "outside.py")
    code = code_of(made, ALL)
    for labels in (None, [], ["f"]):
        ran = ALL | {file: labels}
        assert sealed(made, ran, code).state in (State.FRESH, State.STALE)
        assert made.run("status").code in (0, 3)
        assert made.run("why", "made").code == 0


@pytest.mark.parametrize("file", ["docs/index.md", "snippets", "src/link.py"])
def test_what_ran_elsewhere_does_not_stand_for_run(made, tmp_path, file):
    (tmp_path / "outside.py").write_text("def run():\n    return 1\n")
    (made.folder / "src/link.py").symlink_to(tmp_path / "outside.py")
    condition = sealed(made, {file: ["run"]}, {file: {"run": "1"}})
    assert condition.state is State.STALE


@pytest.mark.parametrize("file", ["docs/index.md", "snippets", "src/link.py"])
def test_a_key_that_names_other_files_than_modules_that_ran_is_stale(made, tmp_path, file):
    (tmp_path / "outside.py").write_text("open('ran', 'w')\n")
    (made.folder / "src/link.py").symlink_to(tmp_path / "outside.py")
    assert sealed(made, ALL, code_of(made, ALL) | {file: {"x": "1"}}).state is State.STALE
    assert made.run("status").code == 3


@pytest.mark.parametrize("file", ["/etc/passwd", "../outside.py", "\0.py"])
@pytest.mark.parametrize("part", ["code", "ran", "plot_ran"])
def test_a_key_that_names_files_elsewhere_cannot_be_read(made, file, part):
    added = {file: {"x": "1"}} if part == "code" else {file: ["x"]}
    fields = {"code": code_of(made, ALL), "ran": ALL, "plot_ran": {}}
    fields[part] = fields[part] | added
    with pytest.raises(AsrunError, match="this record cannot be read"):
        sealed(made, **fields)
    told = made.run("status", "--json")
    assert told.code == 3 and '"broken"' in told.out
