"""The repository keeps its promises: links lead somewhere, records are true, the README says what CI does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asrun.freshness import conditions
from asrun.freshness.snippet import find_snippet
from asrun.model import State
from asrun.project import find_project
from asrun.records.store import Store
from asrun.running import notebooks

ROOT = Path(__file__).parents[1]
PROJECT = find_project(ROOT)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_of_the_front_matter_leads_somewhere(name):
    text = (ROOT / name).read_text("utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in target]
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_committed_record_is_fresh_and_drawn():
    store = Store(PROJECT)
    snippets = {run.snippet for run in store.list()}
    for run, condition in conditions.judge_records(PROJECT, store).items():
        assert condition.state is State.FRESH, f"{run} is {condition}"
        record = store.get(run)
        assert record is not None
        snippet = find_snippet(run.snippet, PROJECT)
        assert conditions.drawing_condition(PROJECT, snippet, record).state is State.FRESH, run
    assert snippets == {path.stem for path in PROJECT.snippets.glob("[!_]*.py")}


def test_every_notebook_is_fresh():
    assert notebooks.list_notebooks(PROJECT)
    for path in notebooks.list_notebooks(PROJECT):
        assert notebooks.condition(PROJECT, path).state is State.FRESH, path


def test_ci_runs_the_readme_s_own_test_command():
    assert "\nmake test" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert "make test" in (ROOT / "README.md").read_text("utf-8")


def test_records_name_no_folder_of_one_machine():
    for path in PROJECT.records.rglob("*.json"):
        assert not re.search(r'"/(?:home|root|Users|tmp|work)/', path.read_text("utf-8")), path
