"""From the first run to the last edit, with the command that authors use: what is fresh, what is stale, and why."""

from __future__ import annotations

import json
import re

import pytest

from asrun.errors import Exit
from asrun.testing import ANSWER, COIN, TinyProject

LAB = {
    "src/lab/tools.py": '''\
"""Tools."""


def double(x):
    """Twice."""
    return 2 * x


def spare(x):
    return x
'''
}
USES = ANSWER.replace("SCALES", "from lab.tools import double\n\nSCALES").replace("2 * twice", "double(twice)")
READS = '''\
"""What is in the file?"""

from pathlib import Path

SCALES = {"quick": dict(), "full": dict()}
FILE = Path(__file__).parents[1] / %r


def run():
    return {"length": len(FILE.read_text("utf-8"))}
'''


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    # What a run opens in the system's folder for temporary files is no data of the project's, wherever the tests run.
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))


def ran(project: TinyProject, name: str = "answer") -> TinyProject:
    result = project.run("run", name)
    assert result.code == 0, result.text
    return project


def state(project: TinyProject) -> tuple[str, str]:
    """Return the state and the reason of the only record, as `asrun status --json` tells them."""
    (row,) = json.loads(project.run("status", "--json").out)
    return row["state"], row["reason"]


def test_from_missing_to_fresh_to_stale_and_back(tiny_project):
    project = tiny_project({"snippets/answer.py": USES, **LAB})
    assert state(project) == ("missing", "never run")
    assert project.run("status").code == Exit.STALE

    first = project.run("run", "answer")
    assert first.code == 0
    assert "ran" in first.out and "snippets/records/answer/quick-cpu.json" in first.out
    assert project.record_json("answer")["values"] == {"answer": 42}
    assert state(project) == ("fresh", "")
    assert project.run("status").code == Exit.OK
    assert "fresh" in project.run("run", "answer").out

    project.edit("src/lab/tools.py", "2 * x", "3 * x")
    assert state(project) == ("stale", "src/lab/tools.py: double changed")
    assert project.run("status").code == Exit.STALE
    told = project.run("why", "answer").out
    assert "answer (quick, cpu): stale" in told
    assert "src/lab/tools.py: double changed" in told
    assert "        snippets/answer.py: (module level), run\n        src/lab/tools.py: (module level), double\n" in told

    again = ran(project)
    assert state(again) == ("fresh", "")
    assert again.record_json("answer")["values"] == {"answer": 63}


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("snippets/answer.py", "def run(", "# said\ndef run("),
        ("snippets/answer.py", "What is the answer?", "And the answer is?"),
        ("src/lab/tools.py", '"""Twice."""', '"""Two times."""'),
        ("src/lab/tools.py", "    return x\n", "    return -x\n"),
        ("src/lab/tools.py", "2 * x", "2*x  # spaced"),
    ],
)
def test_what_changes_nothing_leaves_the_record_fresh(tiny_project, path, old, new):
    project = ran(tiny_project({"snippets/answer.py": USES, **LAB}))
    project.edit(path, old, new)
    assert state(project) == ("fresh", "")


def test_a_record_says_the_same_on_another_machine(tiny_project, tmp_path):
    project = ran(tiny_project({"snippets/answer.py": USES, **LAB}))
    elsewhere = TinyProject({}, tmp_path / "moved")
    project.folder.rename(elsewhere.folder / "project")
    assert state(TinyProject({}, elsewhere.folder / "project")) == ("fresh", "")
    assert str(tmp_path) not in json.dumps(TinyProject({}, elsewhere.folder / "project").record_json("answer"))


def test_the_same_run_twice_leaves_the_same_record(tiny_project):
    project = ran(tiny_project({"snippets/coin.py": COIN}), "coin")
    before, files = project.record_json("coin"), project.record_files()
    assert project.run("run", "coin", "--rerun").code == 0
    after = project.record_json("coin")
    for record in (before, after):
        for name in ("when", "seconds", "peak_memory_mb"):
            del record["provenance"][name]
        del record["seal"]
    assert after == before
    drawings = [name for name in files if name.endswith(".svg")]
    assert drawings and all(project.record_files()[name] == files[name] for name in drawings)


# Parameters


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("twice=21", "twice=22", "twice was 21, is 22"),
        ("twice=21", "twice=21.5", "twice was 21, is 21.5"),
        ("twice=21", "twice=21, more=1", "more was None, is 1"),
        ("twice=21", "", "twice was 21, is None"),
    ],
)
def test_a_parameter_that_changed_is_named(tiny_project, old, new, reason):
    project = tiny_project({"snippets/answer.py": ANSWER.replace("*, twice", "twice=0, **more")})
    project.put("answer", {"answer": 42})
    project.edit("snippets/answer.py", old, new)
    assert state(project) == ("stale", reason)


def test_parameters_of_every_kind_leave_a_record_fresh(tiny_project):
    parameters = "a=(1, 2), b=[1.5, (True, None)], c={'x': 'y'}, d=-1e-9, e='ü'"
    source = f'"""Which?"""\n\nSCALES = {{"quick": dict({parameters})}}\n\n\ndef run(**given):\n    return given\n'
    project = ran(tiny_project({"snippets/answer.py": source}))
    assert state(project) == ("fresh", "")
    assert project.record_json("answer")["values"]["a"] == [1, 2]


def test_another_scale_does_not_count(tiny_project):
    project = tiny_project(
        {"snippets/answer.py": ANSWER.replace("dict(twice=21)", "dict(twice=21), 'full': dict(twice=50)")}
    )
    project.put("answer", {"answer": 42})
    project.edit("snippets/answer.py", "twice=50", "twice=60")
    assert state(project) == ("fresh", "")


# Data


@pytest.mark.parametrize("path", ["docs/references/data.json", "data.csv"])
def test_a_data_file_that_changed_or_went_makes_a_record_stale(tiny_project, path):
    project = ran(tiny_project({"snippets/answer.py": READS % path, path: "some data", "docs/other.json": "{}"}))
    assert project.record_json("answer")["values"] == {"length": 9}
    assert state(project) == ("fresh", "")
    name = path if "/" in path else f"./{path}"
    project.write(path, "some more")
    assert state(project) == ("stale", f"{name} changed")
    project.write(path, "some data")
    assert state(project) == ("fresh", "")
    (project.folder / path).unlink()
    assert state(project) == ("stale", f"{name} is gone")


def test_data_in_a_named_folder_is_known_by_its_name_and_taken_on_trust_where_it_is_not(
    tiny_project, tmp_path, monkeypatch
):
    project = tiny_project(
        {
            "mkdocs.yml": "site_name: Tiny\nplugins: [{asrun: {data_variables: [SOME_DATA]}}]\n",
            "snippets/answer.py": READS.replace(
                "Path(__file__).parents[1] / %r", "Path(__import__('os').environ['SOME_DATA'], 'a')"
            ),
        }
    )
    data = tmp_path / "far" / "away"
    data.mkdir(parents=True)
    (data / "a").write_text("data")
    monkeypatch.setenv("SOME_DATA", str(data))
    ran(project)
    assert list(project.record_json("answer")["key"]["files"]) == ["$SOME_DATA/a"]
    assert state(project) == ("fresh", "")
    (data / "a").write_text("changed")
    assert state(project) == ("stale", "$SOME_DATA/a changed")
    (data / "a").unlink()
    assert state(project) == ("fresh", "")
    monkeypatch.delenv("SOME_DATA")
    assert state(project) == ("fresh", "")


def test_data_from_anywhere_else_is_taken_on_trust_and_not_confused_with_the_projects_own(tiny_project, tmp_path):
    data = tmp_path / "elsewhere.csv"
    data.write_text("data")
    project = ran(
        tiny_project({"snippets/answer.py": READS.replace("Path(__file__).parents[1] / %r", f"Path({str(data)!r})")})
    )
    assert state(project) == ("fresh", "")
    project.write("elsewhere.csv", "something else")
    assert state(project) == ("fresh", "")


def test_what_a_run_writes_is_not_its_data(tiny_project):
    source = ANSWER.replace("    return", "    open('written.txt', 'w').write('x')\n    return")
    project = ran(tiny_project({"snippets/answer.py": source}))
    assert project.record_json("answer")["key"]["files"] == {}


# Figures


def test_when_only_the_drawing_changed_it_is_drawn_anew_and_nothing_is_run(tiny_project, tmp_path):
    runs = tmp_path / "runs"
    source = COIN.replace('    print("tossed")', f"    open({str(runs)!r}, 'a').write('ran ')")
    project = ran(tiny_project({"snippets/coin.py": source}), "coin")
    before = project.record_json("coin")
    project.edit("snippets/coin.py", "a straight line", "a line")
    result = project.run("run", "coin")
    assert result.code == 0 and "drawn" in result.out
    after = project.record_json("coin")
    assert runs.read_text() == "ran "
    assert after["figures"]["figure"]["alt"] == "Heads against bias: a line."
    assert after["figures"] != before["figures"]
    assert after["key"]["plot_code"] != before["key"]["plot_code"]
    for part in ("values", "seals", "parameters", "provenance", "output"):
        assert after[part] == before[part]
    assert after["key"]["code"] == before["key"]["code"]


def test_what_plot_reads_is_part_of_what_decides_the_drawing(tiny_project):
    source = COIN.replace(
        "    figure, axes", "    from pathlib import Path\n\n    Path('docs/points.txt').read_text()\n    figure, axes"
    )
    project = ran(tiny_project({"snippets/coin.py": source, "docs/points.txt": "1 2"}), "coin")
    assert list(project.record_json("coin")["key"]["plot_files"]) == ["docs/points.txt"]
    assert project.record_json("coin")["key"]["files"] == {}
    project.write("docs/points.txt", "1 3")
    assert "drawn" in project.run("run", "coin").out
    assert "fresh" in project.run("run", "coin").out


# Failed, damaged, unused


def test_a_failure_is_remembered_until_something_changes(tiny_project):
    broken = USES.replace("return", "raise ValueError('no')\n    return")
    project = tiny_project({"snippets/answer.py": broken, **LAB})
    assert project.run("run", "answer").code == Exit.FAILED
    told = ("failed", "the last run failed: answer (quick, cpu) raised: ValueError: no")
    assert state(project) == told
    project.edit("src/lab/tools.py", "    return x\n", "    return x  # as it is\n")
    assert state(project) == told
    project.edit("snippets/answer.py", "'no'", "'not yet'")
    assert state(project) == ("missing", "never run")
    project.run("run", "answer")
    assert state(project)[0] == "failed"
    project.write("snippets/answer.py", USES)
    ran(project)
    assert state(project) == ("fresh", "")


def test_a_failure_is_forgotten_when_its_parameters_change(tiny_project):
    source = ANSWER.replace("2 * twice", "42 / twice").replace("twice=21", "twice=0")
    project = tiny_project({"snippets/answer.py": source})
    project.run("run", "answer")
    assert state(project)[0] == "failed"
    project.edit("snippets/answer.py", "twice=0", "twice=1")
    assert state(project)[0] == "missing"


def test_a_failed_run_over_an_old_record_is_told_until_the_code_is_back(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    project.put("answer", {"answer": 42})
    project.edit("snippets/answer.py", "return", "raise ValueError\n    return")
    project.run("run", "answer")
    assert state(project)[0] == "failed"
    project.write("snippets/answer.py", ANSWER)
    assert state(project) == ("fresh", "")


def test_a_value_changed_by_hand_makes_the_record_failed_and_a_run_mends_it(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    project.put("answer", {"answer": 42})
    project.edit("snippets/records/answer/quick-cpu.json", '"answer": 42', '"answer": 43')
    assert state(project) == ("failed", "answer changed by hand: not what the run wrote")
    assert project.run("status").code == Exit.STALE
    ran(project)
    assert state(project) == ("fresh", "")


def test_a_record_without_a_snippet_or_a_scale_is_unused(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    project.put("answer", {"answer": 42})
    project.edit("snippets/answer.py", "quick", "small")
    rows = json.loads(project.run("status", "--json").out)
    assert [(row["scale"], row["state"], row["reason"]) for row in rows] == [
        ("quick", "unused", "there is no scale quick in answer any more"),
        ("small", "missing", "never run"),
    ]
    (project.folder / "snippets" / "answer.py").unlink()
    assert state(project) == ("unused", "there is no snippet answer any more")
    assert project.run("status").code == Exit.OK


def test_every_record_is_told_in_order(tiny_project):
    files = {f"snippets/{name}.py": ANSWER for name in ("b", "a", "_helper")}
    project = tiny_project(files)
    project.put("b", {"answer": 42})
    rows = json.loads(project.run("status", "--json").out)
    assert [(row["snippet"], row["scale"], row["device"], row["state"]) for row in rows] == [
        ("a", "quick", "cpu", "missing"),
        ("b", "quick", "cpu", "fresh"),
    ]
    assert set(rows[0]) == {"snippet", "scale", "device", "state", "reason"}


def test_a_record_of_a_costly_scale_does_not_stand_for_the_cheap_one(tiny_project):
    project = tiny_project(
        {"snippets/answer.py": ANSWER.replace("dict(twice=21)", "dict(twice=21), 'full': dict(twice=50)")}
    )
    project.put("answer", {"answer": 100}, scale="full")
    rows = json.loads(project.run("status", "--json").out)
    assert [(row["scale"], row["state"]) for row in rows] == [("full", "fresh"), ("quick", "missing")]


# What authors type wrongly


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "anwser"], ["there is no snippet called anwser", "did you mean answer?"]),
        (["why", "zzz"], ["there is no snippet called zzz", "snippets are: answer"]),
        (["run", "answer", "--scale", "ful"], ["answer has no scale ful", "its SCALES are: quick"]),
        (
            ["run", "answer", "--redraw"],
            ["answer (quick, cpu) has no record to draw", "asrun run answer --scale quick"],
        ),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest_right_one(tiny_project, arguments, told):
    result = tiny_project({"snippets/answer.py": ANSWER}).run(*arguments)
    assert result.code == Exit.FAILED
    assert all(part in result.err for part in told)
    assert "Traceback" not in result.err


def test_outside_of_a_project_the_command_says_what_is_missing(tiny_project):
    project = tiny_project({})
    (project.folder / "mkdocs.yml").unlink()
    result = project.run("status")
    assert result.code == Exit.FAILED
    assert "no mkdocs.yml" in result.err


def test_the_command_works_from_any_folder_of_the_project(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    inside = TinyProject({"mkdocs.yml": ""}, project.folder / "docs" / "deep")
    (inside.folder / "mkdocs.yml").unlink()
    assert inside.run("run", "answer").code == 0
    assert project.record_json("answer")["values"] == {"answer": 42}


def test_the_command_as_a_user_types_it(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    assert project.run_subprocess("status").code == Exit.STALE
    assert project.run_subprocess("run").code == 0
    result = project.run_subprocess("status")
    assert result.code == 0
    assert "answer" in result.out and "fresh" in result.out
    assert project.run_subprocess("stauts").code == Exit.USAGE


@pytest.mark.parametrize("command", ["", "diff"])
def test_the_examples_in_the_help_stand_on_lines_of_their_own(tiny_project, command):
    examples = re.findall(r"^ +asrun .*", tiny_project({}).run(*command.split(), "--help").out, re.MULTILINE)
    assert len(examples) >= 3 and all(example.count("asrun") == 1 for example in examples)


def test_other_versions_are_told_and_make_a_record_stale_only_when_that_is_asked_for(tiny_project):
    project = ran(tiny_project({"snippets/coin.py": COIN}), "coin")
    path = project.folder / "snippets/records/coin/quick-cpu.json"
    document = json.loads(path.read_text())
    here = document["provenance"]["versions"]["numpy"]
    assert project.run("status", "--strict-versions").code == 0
    document["provenance"]["versions"] |= {"numpy": "1.0.0", "cuda": "12.1", "not-installed": "3"}
    del document["seal"]
    path.write_text(json.dumps(document))
    assert state(project)[0] == "fresh"
    assert f"here: numpy was 1.0.0, is {here}\n" in project.run("why", "coin").out
    strict = project.run("status", "--strict-versions", "--json")
    assert strict.code == Exit.STALE
    assert json.loads(strict.out)[0]["reason"] == f"numpy was 1.0.0, is {here}"
