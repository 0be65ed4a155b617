"""What changed since a commit: every difference, once, in spreads that can be checked by hand; and nothing else."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from markdown import Markdown

from asrun.commands.diff import markdown
from asrun.errors import Exit
from asrun.model import RunName
from asrun.records import codec
from asrun.records import git as revision
from asrun.records.record_changes import since
from asrun.records.value_changes import SHOWN, Kind, compare_values
from asrun.testing import ANSWER, TinyProject, make_figure, make_provenance, make_record, raised
from asrun.values.formats import THIN

RUN = RunName("answer", "quick", "cpu")
PATH = "snippets/records/answer/quick-cpu.json"
SEEDED = {
    "drop": np.array([0.0, 0.5]),
    "error": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    "axes": {"error": ["drop", "seed"]},
}


class Repository(TinyProject):
    """A project under version control."""

    def git(self, *arguments: str) -> str:
        settings = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *settings, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit everything as it is; return the commit's name."""
        if not (self.exists(".git") or self.exists("../.git")):
            self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=as it is")
        return self.git("rev-parse", "HEAD")

    def diff(self, *arguments: str):
        """Return what programs are told, after checking that it says the same as what people are told."""
        told, shown = json.loads(self.run("diff", "--json", *arguments).out), self.run("diff", *arguments).out
        headings = re.findall(r"^### (.*)$", shown, re.MULTILINE)
        assert headings == [
            f"{each['snippet']} ({each['scale']}, {each['device']})"
            + ("" if each["change"] == "changed" else f": {each['change']}")
            for each in told["records"]
        ]
        assert told["differs"] == bool(self.run("diff", "--exit-code", *arguments).code)
        return told


@pytest.fixture
def project(tmp_path):
    return Repository({"snippets/answer.py": ANSWER}, tmp_path / "project")


def changes(before, after):
    """Compare two results as they come back from a record."""
    return compare_values(*(codec.decode(*codec.encode(values)) for values in (before, after)))


def only(before, after):
    """Return the only entry in which two results differ."""
    (change,) = changes(before, after)
    (entry,) = change.entries
    return entry


def seeded(error, **more):
    return {**SEEDED, "error": np.array(error), **more}


# What differs, and by how much


def test_a_digit_that_changed_is_found_once_with_the_size_that_a_hand_calculates():
    (change,) = changes(SEEDED, seeded([[1.0, 2.0, 3.0], [4.0, 5.0, 9.0]]))
    assert (change.name, change.kind, change.changed, change.total) == ("error", Kind.CHANGED, 1, 2)
    (entry,) = change.entries
    # Means 5 and 6; variances 1 and 7 with two degrees of freedom each.
    assert (entry.name, entry.before, entry.after, entry.difference) == ("error(drop=0.5)", 5.0, 6.0, 1.0)
    assert entry.spread == pytest.approx(2.0)
    assert entry.spreads == pytest.approx(0.5)
    assert entry.relative == pytest.approx(0.2)


def test_more_seeds_weigh_more_in_the_spread():
    entry = only({"n": np.array([1.0, 3.0]), "axes": {"n": "seed"}},
                 {"n": np.array([2.0, 4.0, 4.0, 6.0]), "axes": {"n": "seed"}})  # fmt: skip
    # Sums of squares 2 and 8, one and three degrees of freedom.
    assert (entry.name, entry.difference) == ("n", 2.0)
    assert entry.spread == pytest.approx(math.sqrt(10 / 4))


def test_another_number_of_seeds_is_told():
    (change,) = changes(SEEDED, seeded([[1.0, 3.0], [4.0, 6.0]]))
    assert change.remark == "3 → 2 seeds"
    assert [entry.difference for entry in change.entries] == [0.0, 0.0]


def test_seeds_that_are_swapped_change_the_value_and_not_its_mean():
    values = [0.1, 0.2, 0.3, 0.7]
    entry = only({"n": np.array(values), "axes": {"n": ["seed"]}}, {"n": np.array(values[::-1]), "axes": {"n": "seed"}}
                 | {"axes": {"n": ["seed"]}})  # fmt: skip
    assert (entry.difference, entry.spreads, entry.remark) == (0.0, 0.0, "the same numbers from other seeds")


def test_one_seed_has_no_spread_and_no_variation_makes_infinitely_many():
    one = only({"n": np.array([2.0]), "axes": {"n": ["seed"]}}, {"n": np.array([3.0]), "axes": {"n": ["seed"]}})
    assert (one.spread, one.spreads, one.relative) == (None, None, 0.5)
    same = only({"n": np.array([2, 2]), "axes": {"n": ["seed"]}}, {"n": np.array([3, 3]), "axes": {"n": ["seed"]}})
    assert (same.spread, same.spreads) == (0.0, math.inf)


@pytest.mark.parametrize(
    ("before", "after", "difference", "relative"),
    [
        (40, 42, 2, 0.05),
        (-2.0, -1.0, 1.0, 0.5),
        (0, 3, 3, None),
        (1, 1.5, 0.5, 0.5),
        (10**30, 10**30 + 1, 1, 1e-30),
        (10**400, 1, 1 - 10**400, -1.0),
        (10**400, 0.5, None, None),
        (math.nan, 1.0, None, None),
        (1.0, math.inf, None, None),
        (True, False, None, None),
        ("seven", "eight", None, None),
        (7, "seven", None, None),
        (None, 0, None, None),
    ],
)
def test_what_has_no_seeds_shows_its_relative_change(before, after, difference, relative):
    entry = only({"n": before}, {"n": after})
    assert (entry.name, entry.difference, entry.spreads) == ("n", difference, None)
    assert entry.relative == (relative if relative is None else pytest.approx(relative))


def test_numbers_in_groups_and_in_tables_go_by_the_name_that_a_page_would_use():
    before = {"a": {"b": np.zeros((2, 3))}, "axes": {"a": {"b": ["drop", "step"]}}, "drop": np.array([0.1, 0.2])}
    after = {**before, "a": {"b": np.array([[0.0, 0, 0], [0, 0, 1]])}}
    assert only(before, after).name == "a.b(drop=0.2)[2]"
    assert only({"n": [1, 2]}, {"n": [1, 3]}).name == "n[1]"
    assert only({"drop": np.array([0.1, 0.2])}, {"drop": np.array([0.1, 0.3])}).name == "drop[1]"
    words = {"rule": ["a", "b"], "axes": {"n": "rule"}}
    assert only({"n": [1, 2], **words}, {"n": [1, 3], **words}).name == "n(rule='b')"
    # Axes that do not fit are no reason to keep silent.
    assert only({"n": [1, 2], "axes": {"n": 3}}, {"n": [1, 3], "axes": {"n": 3}}).name == "n[1]"


def test_entries_are_matched_by_their_labels():
    before = {"drop": np.array([0.0, 0.5]), "n": np.array([1.0, 2.0]), "axes": {"n": ["drop"]}}
    after = {"drop": np.array([0.0, 0.25, 0.5]), "n": np.array([1.0, 7.0, 3.0]), "axes": {"n": ["drop"]}}
    by_name = {change.name: change for change in changes(before, after)}
    assert [entry.name for entry in by_name["n"].entries] == ["n(drop=0.5)"]
    assert (by_name["n"].changed, by_name["n"].total, by_name["n"].remark) == (1, 2, "drop: 1 added")
    assert by_name["drop"].remark == "another shape"
    after["n"] = np.array([1.0, 7.0, 2.0])
    (n,) = (change for change in changes(before, after) if change.name == "n")
    assert (n.changed, n.entries[0].after) == (0, "float64, 3")


def test_of_many_entries_the_largest_in_spreads_and_the_largest_as_it_is_are_shown():
    steady, wild = np.array([0.0, 0.1, 0.2]), np.array([0.0, 100.0, 200.0])
    error = np.stack([steady] * SHOWN + [wild])
    before = {"error": error, "axes": {"error": ["at", "seed"]}, "at": np.arange(SHOWN + 1)}
    (change,) = changes(before, before | {"error": error + np.array([[1, 2, 1, 1, 1, 50]]).T})
    assert (change.changed, change.total) == (SHOWN + 1, SHOWN + 1)
    assert [(entry.name, entry.remark) for entry in change.entries] == [
        ("error(at=1)", "largest in spreads"),
        ("error(at=5)", "largest difference"),
    ]
    assert [entry.spreads for entry in change.entries] == pytest.approx([20.0, 0.5])


def test_the_largest_in_spreads_comes_first_and_words_last():
    sample, axes = np.array([1.0, 2.0, 3.0]), {name: ["seed"] for name in "abc"}
    before = {"word": "x", "a": sample, "plain": 1.0, "b": sample, "lost": 1.0, "c": sample, "axes": axes, "gone": 1}
    after = {
        "word": "y",
        "a": sample + 1,
        "plain": 9.0,
        "b": sample + 3,
        "lost": math.nan,
        "c": sample + 2,
        "axes": axes,
    }
    assert [change.name for change in changes(before, after)] == ["lost", "b", "c", "a", "plain", "word", "gone"]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (1, 1.0, ("int", "float")),
        (1, True, ("int", "bool")),
        (np.array([1, 2]), np.array([1.0, 2.0]), ("int64, 2", "float64, 2")),
        (np.array([1, 2]), [1, 2], ("int64, 2", "list, 2")),
        (np.zeros((2, 3)), np.zeros((3, 2)), ("float64, 2 × 3", "float64, 3 × 2")),
        (np.zeros(2), "two", ("float64, 2", "two")),
        (np.zeros(0), np.zeros((0, 3)), ([], [])),
        ([1, 10**30], [2, 10**30], (1.0, 2.0)),
        ([10**30], [10**30 + 1], ([10**30], [10**30 + 1])),
        (["a", 1], ["a", 2], (["a", 1], ["a", 2])),
        ([[1], [2, 3]], [[1], [2, 4]], ([[1], [2, 3]], [[1], [2, 4]])),
        ({}, {"a": 1}, (None, 1)),
    ],
)
def test_whatever_a_record_can_hold_is_compared(before, after, shown):
    change = changes({"n": before}, {"n": after})[-1]
    assert (change.entries[0].before, change.entries[0].after) == shown


NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.booleans(),
    hnp.arrays(st.sampled_from([np.float64, np.float32, np.int64]), hnp.array_shapes(max_dims=3, max_side=3)),
)
RESULTS = st.dictionaries(
    st.sampled_from(["a", "b", "seed", "drop"]),
    st.one_of(NUMBERS, st.text(max_size=3), st.none(), st.lists(st.integers(0, 2), max_size=3),
              st.dictionaries(st.sampled_from("xy"), NUMBERS, max_size=2)),
)  # fmt: skip
AXES = st.dictionaries(
    st.sampled_from("ab"), st.lists(st.sampled_from(["seed", "drop", "at"]), max_size=3, unique=True)
)
MEASURED = st.builds(lambda values, axes: values | {"axes": axes}, RESULTS, AXES)


@given(MEASURED)
def test_nothing_differs_from_itself(values):
    assert changes(values, values) == []


@given(MEASURED, MEASURED)
def test_every_difference_is_found_and_looks_the_same_from_the_other_side(before, after):
    there, back = ({change.name: change for change in changes(*pair)} for pair in ((before, after), (after, before)))
    assert set(there) == set(back)
    for name in {*before, *after} - {"axes"}:
        written = [json.dumps(codec.encode({"_": side[name]})) if name in side else "" for side in (before, after)]
        assert any(each.split(".")[0] == name for each in there) == (written[0] != written[1])
    for name, change in there.items():
        assert (change.changed, len(change.entries)) == (back[name].changed, len(back[name].entries)) or change.remark
        assert [entry.rank for entry in change.entries] == sorted(
            (entry.rank for entry in change.entries), reverse=True
        )
        if len(change.entries) == 1 and not change.remark and len(back[name].entries) == 1:
            one, other = change.entries[0], back[name].entries[0]
            if one.name == other.name and one.difference is not None and other.difference is not None:
                assert one.difference == pytest.approx(-other.difference)


@given(
    hnp.arrays(float, (2, 4), elements=st.floats(-100, 100)), hnp.arrays(float, (2, 4), elements=st.floats(-100, 100))
)
def test_the_spread_is_that_of_deviations_from_both_means(before, after):
    axes = {"axes": {"n": ["at", "seed"]}}
    for change in changes({"n": before} | axes, {"n": after} | axes):
        for entry in change.entries:
            at = int(entry.name[2])
            apart = np.concatenate([side[at] - side[at].mean() for side in (before, after)])
            assert entry.spread == pytest.approx(math.sqrt(np.sum(apart**2) / 6), abs=1e-12)
            assert entry.difference == pytest.approx(after[at].mean() - before[at].mean(), abs=1e-12)


# Against a commit


def test_a_tree_does_not_differ_from_its_own_commit(project):
    project.put("answer", SEEDED, figures=[make_figure()])
    project.commit()
    told = project.diff()
    assert (told["records"], told["unchanged"], told["unreadable"], told["differs"]) == ([], 1, {}, False)
    assert "nothing changed, 1 record unchanged." in project.run("diff").out


def test_the_table_of_a_change_reads_as_text_and_renders_as_a_table(project):
    project.put("answer", SEEDED | {"n": 40, "word": "a|b`c", "rate": 0.12341, "count": 1000000})
    commit = project.commit()
    project.put("answer", seeded([[1.0, 2.0, 3.0], [4.0, 5.0, 9.0]], n=42, word="a|b`d", rate=0.12343, count=999999))
    assert project.run("diff").out.replace(THIN, " ") == (
        f"Records since `HEAD` ({commit[:12]}): 1 changed, 0 records unchanged.\n\n"
        "### answer (quick, cpu)\n\n"
        "| value             | before         | after          | difference          | remarks        |\n"
        "| ----------------- | -------------- | -------------- | ------------------- | -------------- |\n"
        "| `error(drop=0.5)` | 5.0 ± 1.0      | 6 ± 3          | +1 (0.5 spreads)    | 1 of 2 changed |\n"
        "| `n`               | 40             | 42             | +2 (+5%)            |                |\n"
        "| `rate`            | 0.12341        | 0.12343        | +2 × 10⁻⁵ (+0.016%) |                |\n"
        "| `count`           | 1 000 000      | 999 999        | −1 (−0.0001%)       |                |\n"
        '| `word`            | `` "a\\|b`c" `` | `` "a\\|b`d" `` |                     |                |\n'
    )
    rows = [line for line in project.run("diff").out.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1
    rendered = Markdown(extensions=["tables"]).convert(project.run("diff").out)
    assert rendered.count("<tr>") == 6 and rendered.count("<td>") == 25


def test_records_and_values_that_came_or_went_are_told(project):
    project.write("snippets/other.py", ANSWER)
    project.put("answer", {"n": 1, "old": 2.5})
    project.put("other", {"n": 1})
    project.commit()
    (project.folder / "snippets/records/other/quick-cpu.json").unlink()
    project.write("snippets/answer.py", ANSWER.replace("SCALES = {", 'SCALES = {"full": dict(twice=1), '))
    project.put("answer", {"n": 1, "new": [1.0, 2.0]})
    project.put("answer", {"a": 1, "b": 2, "axes": {}}, scale="full", figures=[make_figure()])
    shown = project.run("diff").out
    assert "1 added, 1 removed, 1 changed, 0 records unchanged." in shown
    assert "### answer (full, cpu): added\n\n2 values, 1 figure, took 1.5 s." in shown
    assert "### other (quick, cpu): removed\n\n1 value, 0 figures" in shown
    assert re.search(r"\| `old` +\| 2.5 +\| — +\| removed ", shown)
    assert re.search(r"\| `new` +\| — +\| `\"list, 2\"` +\| added ", shown)
    assert [each["change"] for each in project.diff()["records"]] == ["added", "changed", "removed"]


def test_a_record_that_was_only_made_again_does_not_differ(project):
    project.put("answer", {"n": 1})
    project.commit()
    again = replace(make_provenance(), when="2026-01-01T00:00:00Z", seconds=99.0, device="another", commit="abc")
    project.put("answer", {"n": 1}, provenance=again)
    assert project.git("status", "--porcelain")
    assert project.diff()["unchanged"] == 1


def test_parameters_device_versions_and_seconds_are_told_in_one_line(project):
    project.put("answer", {"n": 1})
    project.commit()
    project.edit("snippets/answer.py", "dict(twice=21)", 'dict(twice=22, data="mnist")')
    project.edit("snippets/answer.py", "*, twice", "*, twice, data=None")
    again = replace(make_provenance(), seconds=26.0, device="another", versions={"python": "3.12.1"})
    project.put("answer", {"n": 1}, provenance=again)
    assert project.run("diff").out.endswith(
        '\n\nparameter twice 21 → 22; parameter data none → `"mnist"`; device a processor, 2 cores → another; '
        "python 3.11.7 → 3.12.1; took 1.5 s → 26 s.\n"
    )
    (told,) = project.diff()["records"]
    assert told["parameters"] == {"twice": {"before": 21, "after": 22}, "data": {"after": "mnist"}}
    assert told["circumstances"]["seconds"] == {"before": 1.5, "after": 26.0}


def test_figures_are_compared_by_digest_and_by_alt_text(project):
    same = make_figure("same")
    project.put("answer", {}, figures=[same, make_figure("error", "old"), make_figure("gone")])
    project.commit()
    project.put(
        "answer", {}, figures=[replace(same, alt="told otherwise"), make_figure("error", "new"), make_figure("more")]
    )
    names = {name.split(".")[1]: name for name in project.record_files() if name.endswith(".svg")}
    shown = project.run("diff").out
    assert re.search(rf"- figure `error` changed: `quick-cpu\.error\.\w{{8}}\.svg` → `{names['error']}`", shown)
    assert '- alt text of figure `error`: `"old"` → `"new"`' in shown
    assert '- alt text of figure `same`: `"drawn"` → `"told otherwise"`' in shown
    assert "figure `same` changed" not in shown
    assert re.search(r"- figure `gone` removed: `quick-cpu\.gone\.\w{8}\.svg`", shown)
    assert f"- figure `more` added: `{names['more']}`" in shown
    assert [each["name"] for each in project.diff()["records"][0]["figures"]] == ["same", "error", "gone", "more"]


def test_long_texts_are_shown_where_they_start_to_differ(project):
    project.put("answer", {"word": "x" * 100 + "seven" + "y" * 100}, output="first\nsecond")
    project.commit()
    project.put("answer", {"word": "x" * 100 + "eight" + "y" * 100}, output="first\nthird")
    shown = project.run("diff").out
    assert re.search(r"\| `…x{13}sevenyyy+…` +\| `…x{13}eightyyy+…` ", shown)
    assert re.search(r'\| `what it printed` +\| `"first\\nsecond"` +\| `"first\\nthird"` ', shown)
    assert project.diff()["records"][0]["values"][0]["largest"][0]["after"].count("y") == 100


def test_what_a_terminal_would_act_on_is_not_printed(project):
    project.put("answer", {"word": "\x1b[2J half \ud800"})
    project.commit()
    project.put("answer", {"word": "\x1b[2J pair \ud800"})
    for arguments in ((), ("--json",)):
        out = project.run("diff", *arguments).out
        assert "\x1b" not in out and "[2J pair" in out


def test_a_number_changed_by_hand_is_told_with_what_it_was(project):
    project.put("answer", SEEDED, figures=[make_figure()])
    project.commit()
    project.edit(PATH, "[4.0, 5.0, 6.0]", "[4.0, 5.0, 9.0]")
    (told,) = project.diff()["records"]
    assert (told["changed_by_hand"], [each["name"] for each in told["values"]]) == (["error"], ["error"])
    assert "Changed by hand, not what the run wrote: `error`." in project.run("diff").out
    project.git("checkout", "--quiet", PATH)
    (drawing,) = (project.folder / PATH).parent.glob("*.svg")
    drawing.write_text(drawing.read_text("utf-8").replace("drawn", "forged"), "utf-8")
    assert project.diff()["records"][0]["changed_by_hand"] == ["figure figure"]


def test_records_that_cannot_be_read_are_named(project):
    project.write("snippets/other.py", ANSWER)
    project.put("answer", {"n": 1})
    project.put("other", {"n": 1})
    project.edit(PATH, '"schema": 1', '"schema": 0')
    project.commit()
    told = project.diff()
    assert (told["differs"], told["unchanged"]) == (False, 1)
    assert set(told["unreadable"]) == {PATH, f"{PATH} at HEAD"}
    project.put("answer", {"n": 2})
    project.write("snippets/records/other/quick-cpu.json", "<<<<<<< ours")
    told = project.diff()
    assert told["differs"]
    assert set(told["unreadable"]) == {f"{PATH} at HEAD", "snippets/records/other/quick-cpu.json"}
    assert f"- `{PATH} at HEAD`: this record cannot be read (ValueError: schema 0," in project.run("diff").out


def test_any_commit_can_be_named_and_the_project_may_be_a_folder_of_the_repository(tmp_path):
    project = Repository({"snippets/answer.py": ANSWER}, tmp_path / "repository" / "tiny")
    outer = TinyProject({}, tmp_path / "repository")
    subprocess.run(["git", "init", "--quiet"], cwd=outer.folder, check=True)
    project.put("answer", {"n": 1})
    first = project.commit()
    project.put("answer", {"n": 2})
    project.commit()
    project.git("tag", "two")
    assert not project.diff()["differs"] and not project.diff("two")["differs"]
    for name in (first, first[:8], "HEAD~1", "two^"):
        told = project.diff(name)
        assert told["since"] == {"revision": name, "commit": first}
        assert told["records"][0]["values"][0]["largest"][0]["difference"] == 1


def test_a_commit_from_before_there_were_records(project):
    project.commit()
    project.put("answer", {"n": 1})
    assert [each["change"] for each in project.diff()["records"]] == ["added"]


def test_links_in_a_commit_are_not_followed(project, tmp_path):
    (tmp_path / "secret").write_text("{}")
    folder = project.folder / "snippets/records/answer"
    folder.mkdir(parents=True)
    os.symlink(tmp_path / "secret", folder / "quick-cpu.json")
    commit = project.commit()
    revision.check_out(project.project, commit, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# When it cannot be told


def test_a_folder_without_a_repository_is_told(project, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.folder.parent))
    result = project.run("diff")
    assert result.code == Exit.FAILED
    assert "is not in a git repository" in result.err and "git init" in result.err


def test_a_commit_that_there_is_not_is_told_with_the_nearest(project):
    project.git("init", "--quiet")
    assert "nothing was committed yet" in project.run("diff").err
    project.commit()
    project.git("branch", "-m", "trunk")
    assert "there is no commit called trunc\n    did you mean trunk?" in project.run("diff", "trunc").err
    for name in ("0" * 40, "--all", "HEAD:mkdocs.yml", "HEAD..HEAD"):
        result = project.run("diff", "--", name)
        assert result.code == Exit.FAILED
        assert f"there is no commit called {name}\n    name one as git does" in result.err


def test_a_machine_without_git_is_told(project, monkeypatch):
    monkeypatch.setenv("PATH", str(project.folder))
    assert "git is not installed" in raised(since, project.project)


def test_help_teaches(project):
    told = project.run("diff", "--help").out
    assert "asrun diff main" in told and "spreads" in told


@settings(max_examples=10)
@given(MEASURED, MEASURED)
def test_markdown_and_json_tell_the_same_rows_in_the_same_order(tmp_path_factory, before, after):
    folder = tmp_path_factory.getbasetemp() / "rows"
    project = Repository({"snippets/answer.py": ANSWER}, folder)
    project.store.put(make_record(RUN, before))
    project.commit()
    project.store.put(make_record(RUN, after))
    rows = re.findall(r"^\| (.*?) +\|", markdown(since(project.project)), re.MULTILINE)[2:]
    told = project.diff()["records"]
    names = [entry["name"] for each in told for value in each["values"] for entry in value["largest"]]
    assert rows == [f"`{name}`" for name in names]
