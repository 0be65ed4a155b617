"""Tiny projects, as a stranger uses them: installed with asrun, in a pytest session of their own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import asrun.testing
from asrun.freshness.conditions import record_condition
from asrun.freshness.snippet import find_snippet
from asrun.model import RunName, State
from asrun.testing import ANSWER, COIN, TinyProject, make_figure, make_provenance, make_record, raised

pytest_plugins = ["pytester"]


def test_a_stranger_s_tests_need_nothing_but_the_fixture(pytester):
    """The example of the documentation, word for word; and a second project in the same session knows nothing of it."""
    told = asrun.testing.__doc__ or ""
    example = told[told.index("    from asrun") : told.index("Outside of pytest")]
    pytester.makepyfile(
        "\n".join(line[4:] for line in example.split("\n"))
        + "\n\ndef test_another(tiny_project):\n    assert not tiny_project({}).exists('snippets/coin.py')\n"
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=2)


def test_it_is_told_of_among_the_fixtures(pytester):
    assert "tiny_project" in pytester.runpytest_subprocess("--fixtures", "-q").stdout.str()


def test_a_session_that_does_not_use_it_does_not_pay_for_it(pytester):
    pytester.makepyfile("import sys\n\ndef test_it():\n    assert 'asrun.testing' not in sys.modules\n")
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_it_serves_other_test_runners_too():
    code = "import sys, asrun.testing; print('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_all_that_is_public_says_what_it_is():
    for name in asrun.testing.__all__:
        thing = getattr(asrun.testing, name)
        if isinstance(thing, str):
            continue
        assert thing.__doc__, name
        methods = vars(thing) if isinstance(thing, type) else {}
        assert all(each.__doc__ for called, each in methods.items() if callable(each) and called[0] != "_"), name


@pytest.mark.parametrize("command", ["run", "run_subprocess"])
def test_a_command_that_fails_is_a_result(tiny_project, command):
    project = tiny_project({"snippets/coin.py": COIN})
    result = getattr(project, command)("run", "cion")
    assert result.code != 0 and "coin" in result.err and result.text == result.out + result.err


def test_the_folder_and_the_environment_are_as_before(tiny_project, monkeypatch):
    monkeypatch.setenv("COLUMNS", "33")
    before = Path.cwd()
    tiny_project({}).run("status")
    assert Path.cwd() == before and os.environ["COLUMNS"] == "33"


def test_what_is_put_is_as_fresh_as_what_is_run(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    put = project.put("answer", {"answer": 42}, figures=[make_figure()])
    condition = record_condition(project.project, find_snippet("answer", project.project), put)
    assert condition.state is State.FRESH
    assert project.record_json("answer")["values"] == {"answer": 42}
    assert len(project.record_files()) == 2
    assert project.convert("{{ answer.answer }}").count("42") >= 1


def test_an_edit_that_hits_nothing_or_two_things_is_a_mistake_of_the_test(tiny_project):
    project = tiny_project({"a.txt": "one two two"})
    project.edit("a.txt", "one", "three")
    assert project.read("a.txt") == "three two two"
    for old in ("one", "two"):
        with pytest.raises(AssertionError, match=old):
            project.edit("a.txt", old, "")


def test_parts_are_the_same_every_day():
    assert make_provenance() == make_provenance()
    made = make_record(RunName("a", "quick", "cpu"), {"n": 1}, output="said")
    assert (made.values, made.output, made.figures) == ({"n": 1}, "said", {})
    assert make_figure(text="a").svg != make_figure(text="b").svg


def test_only_what_is_told_to_an_author_counts_as_raised(tmp_path):
    project = TinyProject({}, tmp_path / "a")
    assert "docs/index.md:1" in raised(project.convert, "{{ coin.tosses }}")
    with pytest.raises(AssertionError, match="nothing was raised"):
        raised(project.convert, "Nothing.")
    with pytest.raises(ZeroDivisionError):
        raised(lambda: 1 / 0)


def test_its_snippets_are_what_they_are_called():
    for source in (ANSWER, COIN):
        assert {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)} >= {"run"}
