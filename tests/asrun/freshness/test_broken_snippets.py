"""One file in snippets/ that cannot be read costs its own pages only, and is told once, with all others like it."""

from __future__ import annotations

import json
import os

import pytest

from asrun.errors import AsrunError, Problems
from asrun.freshness.snippet import list_snippets, survey
from asrun.model import State, Where
from asrun.testing import ANSWER, raised

RUN = "\n\ndef run():\n    return {}\n"

HALF_WRITTEN = {
    "syntax": '"""Why?"""\nSCALES = {"quick": {}}\n\ndef run(:\n',
    "nothing": "def run(",
    "docstring": 'SCALES = {"quick": {}}' + RUN,
    "scales": '"""Why?"""' + RUN,
    "computed": '"""Why?"""\nSCALES = make()' + RUN,
    "no run": '"""Why?"""\nSCALES = {"quick": {}}\n',
    "run is a lambda": '"""Why?"""\nSCALES = {"quick": {}}\nrun = lambda: {}\n',
    "run is a coroutine": '"""Why?"""\nSCALES = {"quick": {}}\n\nasync def run():\n    return {}\n',
    "run is imported": '"""Why?"""\nfrom other import run\n',
    "needs": '"""Why?"""\nSCALES = {"quick": {}}\nNEEDS = {"gpus": 1}' + RUN,
    "nul": '"""Why?"""\0',
    "deep": "x = " + "(" * 500,
}
"""What a snippet looks like while it is being written."""

HELPERS = {
    "plain": "def double(x):\n    return 2 * x\n",
    "empty": "",
    "documented": '"""What several snippets share."""\n\nN = 3\n',
    "script": 'import sys\n\nif __name__ == "__main__":\n    print(sys.argv)\n',
    "a method": "class Trainer:\n    def run(self):\n        return {}\n",
}

PAGE = "# Good\n\n{{ answer.answer }}\n"


@pytest.fixture
def course(tiny_project):
    """A project with one good snippet that is cited, and its record."""
    made = tiny_project({"snippets/answer.py": ANSWER, "docs/index.md": PAGE})
    made.put("answer", {"answer": 42})
    return made


@pytest.mark.parametrize("source", HALF_WRITTEN.values(), ids=HALF_WRITTEN)
def test_a_half_written_snippet_is_a_row_of_its_own_and_stops_nothing_else(course, source):
    course.write("snippets/half.py", source)
    told = course.run("status", "--json")
    rows = {row["snippet"]: row for row in json.loads(told.out)}
    assert rows["answer"]["state"] == "fresh"
    assert rows["half"]["state"] == "broken" and rows["half"]["reason"].startswith("snippets/half.py")
    assert told.code == 3
    assert course.run("why", "answer").code == 0
    asked = course.run("why", "half")
    assert asked.code == 1 and "snippets/half.py" in asked.err
    checked = course.run("check")
    assert checked.code == 1 and checked.err.count("snippets/half.py") == 1 and "docs/" not in checked.err


@pytest.mark.parametrize("source", HELPERS.values(), ids=HELPERS)
def test_a_module_that_snippets_import_is_no_snippet_and_no_problem(course, source):
    course.write("snippets/shared.py", source)
    assert [snippet.name for snippet in list_snippets(course.project)] == ["answer"]
    assert json.loads(course.run("status", "--json").out)[0]["snippet"] == "answer"
    assert course.run("status").code == 0
    assert course.run("check").code == 0
    told = course.run("run", "shared")
    assert told.code == 1
    assert "snippets/shared.py:1: shared.py has no function run: it is no snippet" in told.err


def test_a_page_that_cites_a_half_written_snippet_is_told_where_and_why_and_other_pages_are_as_they_were(course):
    course.write("snippets/half.py", HALF_WRITTEN["syntax"])
    course.write("docs/half.md", "# Half\n\n{{ half.n }} and {{ half.m }}\n\n/// snippet | half\n///\n")
    told = course.run("check").err
    assert told.count("not valid Python") == 1, "one problem, told once"
    assert "snippets/half.py:4: not valid Python" in told
    assert "also at docs/half.md:3:1, docs/half.md:3:18 and docs/half.md:5" in told
    assert "1 problem, in 4 places" in told
    assert "docs/index.md" not in told


def test_a_helper_that_a_page_cites_is_told_there(course):
    course.write("snippets/shared.py", HELPERS["plain"])
    course.write("docs/half.md", "# Half\n\n{{ shared.n }}\n")
    told = course.run("check").err
    assert "docs/half.md:3:1: snippets/shared.py:1: shared.py has no function run: it is no snippet" in told


def test_all_bad_files_are_told_at_once(course):
    names = {f"bad_{at}": source for at, source in enumerate(HALF_WRITTEN.values())}
    for name, source in names.items():
        course.write(f"snippets/{name}.py", source)
    told = course.run("check").err
    assert all(f"snippets/{name}.py" in told for name in names)
    assert f"{len(names)} problems" in told


def test_a_build_says_so_before_it_runs_anything(course, tmp_path):
    ran = tmp_path / "ran"
    course.write("snippets/half.py", HALF_WRITTEN["syntax"])
    course.edit("snippets/answer.py", "    return", f'    open({str(ran)!r}, "w")\n    return')
    built = course.run("build")
    assert built.code == 1 and "snippets/half.py:4: not valid Python" in built.err
    assert not ran.exists()


def test_without_names_the_good_ones_are_run_and_the_bad_ones_told_at_the_end(course):
    course.write("snippets/half.py", HALF_WRITTEN["syntax"])
    course.write("snippets/other.py", HALF_WRITTEN["needs"])
    told = course.run("run")
    assert told.code == 1
    assert "fresh   answer (quick, cpu)" in told.out
    assert "snippets/half.py:4" in told.err and "snippets/other.py" in told.err and "2 problems" in told.err


def test_a_file_that_is_not_utf8_a_folder_and_a_link_that_leads_nowhere(course):
    snippets = course.folder / "snippets"
    (snippets / "latin.py").write_bytes(b'"""caf\xe9?"""\nSCALES = {}\n')
    (snippets / "folder.py").mkdir()
    os.symlink("nowhere.py", snippets / "dangling.py")
    found = survey(course.project)
    assert list(found.found) == ["answer"]
    assert set(found.broken) == {"latin", "dangling"}
    assert "save it as UTF-8" in str(found.broken["latin"])
    assert "a link that leads nowhere" in str(found.broken["dangling"])


@pytest.mark.parametrize("name", ["my-answer", "2nd", "class", "published"])
def test_a_name_that_no_page_could_cite_is_told_unless_it_is_no_snippet(course, name):
    course.write(f"snippets/{name}.py", ANSWER)
    assert f"a snippet cannot be called {name}" in str(survey(course.project).broken[name])
    course.write(f"snippets/{name}.py", HELPERS["plain"])
    assert not survey(course.project).broken


def test_names_that_differ_only_in_capitals_are_told(course):
    course.write("snippets/Answer.py", ANSWER)
    if not (course.folder / "snippets/answer.py").samefile(course.folder / "snippets/Answer.py"):
        (broken,) = survey(course.project).broken.values()
        assert "answer.py and Answer.py differ only in capitals" in str(broken)


@pytest.mark.parametrize("name", ["records", "labs", "Upper", "asrun"])
def test_other_names_are_names(course, name):
    course.write(f"snippets/{name}.py", ANSWER)
    course.put(name, {"n": 1})
    course.write("docs/index.md", PAGE + f"\n{{{{ {name}.n }}}}\n")
    assert course.run("check").code == 0


# Records


def test_a_record_that_cannot_be_read_is_a_row_of_its_own_and_stops_nothing_else(course):
    course.write("snippets/torn.py", ANSWER)
    course.put("torn", {"n": 1})
    course.write("docs/torn.md", "# Torn\n\n{{ torn.n }}\n\n{{ torn.n }}\n")
    course.write("snippets/records/torn/quick-cpu.json", "<<<<<<< ours")
    told = course.run("status", "--json")
    states = {row["snippet"]: row["state"] for row in json.loads(told.out)}
    assert states == {"answer": "fresh", "torn": "broken"} and told.code == 3
    assert "this record cannot be read" in course.run("status").out
    assert "broken" in course.run("why", "torn").out
    checked = course.run("check").err
    assert checked.startswith("asrun: docs/torn.md:3:1: snippets/records/torn/quick-cpu.json: this record cannot be")
    assert "also at docs/torn.md:5:1" in checked and "1 problem, in 2 places" in checked
    assert "docs/index.md" not in checked
    ran = course.run("run")
    assert ran.code == 1 and "fresh   answer" in ran.out and "this record cannot be read" in ran.err


def test_a_notebook_whose_record_cannot_be_read_and_two_of_one_name_are_rows_of_their_own(course):
    course.write("docs/lab.ipynb", '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    course.write("snippets/records/labs/lab.ipynb", "<<<<<<< ours")
    rows = json.loads(course.run("status", "--json").out)
    assert [row["state"] for row in rows] == ["fresh", "broken"] and rows[1]["notebook"] == "docs/lab.ipynb"
    course.write("docs/more/lab.ipynb", "{")
    told = course.run("status")
    assert told.code == 3 and "docs/lab.ipynb has the same name" in told.out and "fresh" in told.out


def test_records_of_a_snippet_that_cannot_be_read_are_broken_and_not_unused(course):
    course.write("snippets/answer.py", "def run(")
    (row,) = json.loads(course.run("status", "--json").out)
    assert row["state"] == State.BROKEN and row["reason"].startswith("snippets/answer.py:1: not valid Python")
    assert "not valid Python" in course.run("status").out
    assert "Nothing to delete" in course.run("trim").out


def test_a_module_that_a_snippet_uses_and_that_cannot_be_read_is_told_with_that_snippet_only(course):
    course.write("snippets/user.py", ANSWER.replace("SCALES", "from lab import net\n\nSCALES", 1))
    course.edit("snippets/user.py", "2 * twice", "net(twice)")
    course.write("src/lab.py", "def net(x):\n    return x\n")
    course.put("user", {"n": 1})
    course.write("src/lab.py", "def net(x:\n")
    states = {row["snippet"]: row["state"] for row in json.loads(course.run("status", "--json").out)}
    assert states == {"answer": "fresh", "user": "broken"}
    assert course.run("check").code == 0, "nobody cites it"
    built = course.run("build")
    assert built.code == 1 and "user (quick, cpu) is broken: src/lab.py:1: not valid Python" in built.err
    course.write("docs/user.md", "# User\n\n{{ user.n }}\n\n{{ user.n }}\n")
    told = course.run("check")
    assert (
        told.code == 1 and "docs/user.md:3:1: user (quick, cpu) is broken: src/lab.py:1: not valid Python" in told.err
    )
    assert "also at docs/user.md:5:1" in told.err and "1 problem, in 2 places" in told.err
    course.write("docs/user.md", "# User\n")
    (course.folder / "snippets/user.py").unlink()
    assert course.run("build").code == 0, "a record of no snippet is in nobody's way"


def test_pytest_has_a_red_test_for_each_bad_file_and_none_for_a_helper(course):
    course.write("snippets/half.py", HALF_WRITTEN["syntax"])
    course.write("snippets/shared.py", HELPERS["plain"])
    told = course.run_pytest("-q", "docs", "snippets")
    assert "snippets/half.py::can be read" in told.out and "1 failed" in told.out
    assert "shared.py" not in told.out


# One problem in many places


def test_problems_of_one_cause_are_one_with_their_places():
    def at(line, cause="it"):
        return AsrunError("it broke", where=Where("a.md", line), remedy="mend it", cause=cause)

    told = str(Problems(map(at, range(1, 20))))
    assert told.startswith("a.md:1: it broke\n    mend it\n    also at a.md:2, a.md:3, a.md:4 and 15 more places\n")
    assert told.endswith("\n1 problem, in 19 places")
    assert all(f"a.md:{line}" in Problems(map(at, range(1, 20))).told() for line in range(1, 20))
    assert str(Problems([at(1), at(2, "other")])).endswith("\n2 problems")
    assert str(Problems([at(1, None), at(2, None)])).endswith("\n2 problems"), "no cause is a cause of its own"
    assert raised(_raise, Problems([at(1)])) == "a.md:1: it broke\n    mend it"


def _raise(error):
    raise error
