"""What nobody needs any more is deleted, what somebody needs is not, and what asrun does not know is left alone."""

from __future__ import annotations

import json
import os
import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.errors import Exit
from asrun.freshness import conditions
from asrun.model import RunName, State
from asrun.testing import ANSWER, TinyProject, make_figure, make_record

TWO_SCALES = ANSWER.replace("SCALES = {", 'SCALES = {"full": dict(twice=1), ')
RECORDS = "snippets/records"


@pytest.fixture
def project(tiny_project):
    """A project with records of two snippets, all of them needed."""
    project = tiny_project({"snippets/answer.py": TWO_SCALES, "snippets/other.py": ANSWER})
    project.put("answer", {"n": 1}, figures=[make_figure("error", "quick"), make_figure("more")])
    project.put("answer", {"n": 2}, scale="full", figures=[make_figure("error", "full")])
    project.put("other", {"n": 3}, figures=[make_figure()])
    return project


def tree(project: TinyProject) -> dict[str, bytes]:
    """Return every file of a project by path."""
    return {
        project.project.relative(path): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        for path in sorted(project.folder.rglob("*"))
        if path.is_file() or path.is_symlink()
    }


def trimmed(project: TinyProject) -> set[str]:
    """Trim, and return what is gone; check that a dry run said so and did nothing, and that the rest is as it was."""
    before = tree(project)
    folders = {path for path in (project.folder / RECORDS).rglob("*") if path.is_dir()}
    foretold = project.run("trim", "--dry-run")
    assert tree(project) == before and all(path.is_dir() for path in folders)
    told = project.run("trim")
    assert foretold.out.replace("would delete", "deleted").replace("Would delete", "Deleted") == told.out
    after = tree(project)
    gone = set(before) - set(after)
    assert after == {path: data for path, data in before.items() if path not in gone}
    named = dict(re.findall(r"^deleted  (\S+)  ([\d\u202f]+) bytes?  \(", told.out, re.MULTILINE))
    assert {path: int(size.replace("\u202f", "")) for path, size in named.items()} == {
        path: len(before[path]) for path in gone
    }
    assert ("Nothing to delete" in told.out) == (not gone and folders == {path for path in folders if path.is_dir()})
    assert not project.run("trim").out.count("deleted")
    return gone


def alone(project: TinyProject) -> set[str]:
    """Return what trim names as unknown."""
    return set(re.findall(r"^left alone  (\S+)  ", project.run("trim", "--dry-run").out, re.MULTILINE))


def test_what_is_needed_stays(project):
    assert trimmed(project) == set()
    assert alone(project) == set()


def test_records_of_a_snippet_that_is_gone_go_with_their_figures_and_their_folder(project):
    belongings = {path for path in tree(project) if path.startswith(f"{RECORDS}/answer/")}
    (project.folder / "snippets/answer.py").unlink()
    out = project.run("trim", "--dry-run").out
    assert "there is no snippet answer any more" in out
    assert re.search(r"Would delete 5 files \([\d\u202f]+ bytes\) and 1 empty folder\.", out)
    assert trimmed(project) == belongings and len(belongings) == 5
    assert not project.exists(f"{RECORDS}/answer") and project.exists(f"{RECORDS}/other")


def test_records_of_a_scale_that_is_gone_go_and_those_of_other_scales_stay(project):
    project.write("snippets/answer.py", ANSWER)
    gone = trimmed(project)
    assert len(gone) == 2
    assert all(path.startswith(f"{RECORDS}/answer/full-cpu.") for path in gone)


def test_a_record_that_is_stale_or_failed_is_not_unused(project):
    project.edit("snippets/other.py", "2 * twice", "3 * twice")
    project.edit(f"{RECORDS}/answer/full-cpu.json", '"n": 2', '"n": 3')
    states = {condition.state for condition in conditions.judge_records(project.project, project.store).values()}
    assert {State.STALE, State.FAILED} <= states
    assert trimmed(project) == set()


def test_a_figure_that_no_record_names_goes(project):
    stray = [f"{RECORDS}/answer/quick-cpu.error.01234567.svg", f"{RECORDS}/other/full-cuda.figure.89abcdef.svg"]
    for path in stray:
        project.write(path, "<svg/>")
    assert trimmed(project) == set(stray)


def test_an_empty_folder_goes(project):
    (project.folder / RECORDS / "gone").mkdir()
    assert "and 1 empty folder." in project.run("trim").out
    assert not project.exists(f"{RECORDS}/gone")


UNKNOWN = [
    "README.md",
    ".gitkeep",
    "answer/notes.txt",
    "answer/diagram.svg",
    "answer/quick-cpu.error.svg",
    "answer/quick-cpu.error.0123456.svg",
    "answer/quick-tpu.error.01234567.svg",
    "answer/.quick-cpu.json.x7.part",
    "answer/notes.json",
    "answer/my-notes.json",
    "answer/old-cpu.json",
    "answer/old-cpu.error.01234567.svg",
    "answer/deeper/quick-cpu.error.01234567.svg",
    "labs/notes-cpu.json",
    "labs/mine.ipynb",
    "other/full-cpu.json.orig",
]


@pytest.mark.parametrize("content", ["{}", "[1]", "not JSON", '{"schema": 1, "values": {}, "provenance": {}}'])
def test_what_asrun_does_not_know_is_left_alone_and_named(project, content):
    for path in UNKNOWN:
        project.write(f"{RECORDS}/{path}", content)
    assert trimmed(project) == set()
    named = {path.replace("/deeper/quick-cpu.error.01234567.svg", "/deeper") for path in UNKNOWN}
    assert alone(project) == {f"{RECORDS}/{path}" for path in named}


def test_a_folder_with_something_unknown_in_it_stays(project):
    project.write(f"{RECORDS}/other/notes.txt", "mine")
    (project.folder / "snippets/other.py").unlink()
    assert len(trimmed(project)) == 2
    assert project.read(f"{RECORDS}/other/notes.txt") == "mine"


def test_nothing_is_deleted_through_a_link(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(project.folder / RECORDS / "other", elsewhere)
    os.symlink(elsewhere, project.folder / RECORDS / "gone")
    os.symlink(elsewhere / "quick-cpu.json", project.folder / RECORDS / "other" / "full-cpu.json")
    kept = sorted(elsewhere.iterdir())
    assert trimmed(project) == set()
    assert alone(project) == {f"{RECORDS}/gone", f"{RECORDS}/other/full-cpu.json"}
    assert sorted(elsewhere.iterdir()) == kept


def test_a_record_of_an_older_schema_goes_like_any_other(project):
    project.edit(f"{RECORDS}/other/quick-cpu.json", '"schema": 1', '"schema": 0')
    (project.folder / "snippets/other.py").unlink()
    assert len(trimmed(project)) == 2


def test_a_needed_record_that_cannot_be_read_stays_with_its_figures(project):
    (project.folder / "snippets/other.py").unlink()
    project.write(f"{RECORDS}/answer/quick-cpu.json", "<<<<<<< ours")
    gone = trimmed(project)
    assert gone and all(path.startswith(f"{RECORDS}/other/") for path in gone)


def test_what_belongs_to_a_snippet_that_cannot_be_read_stays(project):
    (project.folder / "snippets/other.py").unlink()
    project.write("snippets/answer.py", "def run(:")
    project.write(".asrun/logs/answer-quick-cpu.txt", "said")
    project.write(".asrun/failed/answer-quick-cpu.json", "{}")
    gone = trimmed(project)
    assert gone and all(path.startswith(f"{RECORDS}/other/") for path in gone)


# Notebooks


def notebook(**metadata) -> str:
    return json.dumps({"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def test_records_of_notebooks_that_are_gone_go_and_others_stay(project):
    project.write("docs/labs/knob.ipynb", notebook())
    for name in ("knob", "old"):
        project.write(f"{RECORDS}/labs/{name}.ipynb", notebook(asrun={"key": {}}))
        project.write(f".asrun/labs/{name}.ipynb", notebook())
        project.write(f".asrun/logs/{name}.txt", "Traceback")
    assert trimmed(project) == {f"{RECORDS}/labs/old.ipynb", ".asrun/labs/old.ipynb", ".asrun/logs/old.txt"}
    (project.folder / "docs/labs/knob.ipynb").unlink()
    assert len(trimmed(project)) == 3
    assert not project.exists(f"{RECORDS}/labs")


def test_notebooks_without_a_record_of_asruns_are_left_alone(project):
    for metadata in ({}, {"kernelspec": {}}):
        project.write(f"{RECORDS}/labs/mine.ipynb", notebook(**metadata))
        assert trimmed(project) == set()
        assert alone(project) == {f"{RECORDS}/labs/mine.ipynb"}


def test_without_a_folder_of_pages_no_notebook_is_taken_for_gone(project):
    project.write(f"{RECORDS}/labs/knob.ipynb", notebook(asrun={"key": {}}))
    project.write(".asrun/labs/knob.ipynb", notebook())
    project.write(".asrun/logs/knob.txt", "Traceback")
    (project.folder / "docs").rmdir()
    assert trimmed(project) == set()


# The cache


def test_logs_and_notes_of_runs_that_cannot_be_made_any_more_go(project):
    runs = ["answer-full-cpu", "answer-quick-cuda", "other-quick-cpu"]
    gone = ["answer-tiny-cpu", "lost-full-cpu", "lost-very-quick-cuda", "other-full-cpu"]
    for run in (*runs, *gone):
        project.write(f".asrun/failed/{run}.json", "{}")
        project.write(f".asrun/logs/{run}.txt", "Traceback")
    kept = [".asrun/build.lock", ".asrun/math-0123.woff2", ".asrun/logs/lost-full-cpu.md", ".asrun/failed/mine.json"]
    for path in kept:
        project.write(path, "")
    assert trimmed(project) == {
        path for run in gone for path in (f".asrun/failed/{run}.json", f".asrun/logs/{run}.txt")
    }


def test_a_notebook_that_is_called_like_a_run_keeps_its_log(project):
    project.write("docs/lost-full-cpu.ipynb", notebook())
    project.write(".asrun/logs/lost-full-cpu.txt", "Traceback")
    assert trimmed(project) == set()


# In general


@given(
    kept=st.sets(st.sampled_from(["a", "b", "c"])),
    runs=st.sets(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["quick", "full"]), st.booleans())),
)
def test_exactly_the_unused_records_go(tmp_path_factory, kept, runs):
    folder = tmp_path_factory.mktemp("trim")
    project = TinyProject({f"snippets/{name}.py": ANSWER for name in kept}, folder)
    for name, scale, drawn in runs:
        figures = {"error": make_figure("error", name)} if drawn else {}
        project.store.put(make_record(RunName(name, scale, "cpu"), {"n": 1}, figures=figures))
    needed = {(name, scale) for name, scale, _ in runs if name in kept and scale == "quick"}
    trimmed(project)
    assert {(run.snippet, run.scale) for run in project.store.list()} == needed
    assert all(not project.store.get(run).damaged for run in project.store.list())
    assert not [path for path in (project.folder / RECORDS).glob("*") if not any(path.iterdir())]


def test_a_project_without_records(tiny_project):
    assert trimmed(tiny_project({})) == set()


def test_a_file_that_cannot_be_deleted_is_told(project, monkeypatch):
    (project.folder / "snippets/other.py").unlink()

    def refuse(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    message = project.run("trim")
    assert message.code == Exit.FAILED
    assert re.search(rf"{RECORDS}/other/\S+: this cannot be deleted \(Permission denied\)", message.err)


def test_help_teaches(project):
    told = project.run("trim", "--help").out
    assert "--dry-run" in told and "left alone" in told
