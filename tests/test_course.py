"""The course keeps its own promises: what every lesson has, and that its claims would notice if the numbers changed."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from asrun.checks.mutation import find_claims, judge
from asrun.checks.reading import read_all, read_page
from asrun.pages.context import Context
from asrun.project import read_project
from asrun.text.fences import end_of_fence
from asrun.text.front_matter import part_page

ROOT = Path(__file__).parents[1]
LESSONS = sorted(path for path in (ROOT / "docs" / "lessons").glob("*.md") if path.name != "index.md")
MINUTES, WORDS_A_MINUTE = 12, 200


@pytest.fixture(scope="module")
def context() -> Context:
    return Context(read_project(ROOT))


def prose(text: str) -> str:
    """Return the words that are read from top to bottom: no code, no blocks' options, no questions at the end."""
    lines = part_page(text, "").text.split("\n")
    kept, at = [], 0
    while at < len(lines):
        last = end_of_fence(lines, at)
        if last == at and not re.match(r"\s*(/{3,}|\||<!--|\$\$)|\s{4,}\w+:", lines[at]):
            kept.append(lines[at])
        at = last + 1
    body = "\n".join(kept)
    return re.split(r"^## (?:Quiz|Exercises)", body, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_claims_values_and_questions(lesson, context):
    read = read_page(lesson, context)
    assert not read.problems, "\n".join(map(str, read.problems))
    kinds = Counter(cited.kind for cited in read.citations)
    assert kinds["claim"] >= 3
    assert kinds["value"] >= 5
    assert kinds["quiz"] + kinds["exercise"] >= 2


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_read_in_twelve_minutes(lesson):
    assert len(prose(lesson.read_text("utf-8")).split()) <= MINUTES * WORDS_A_MINUTE


def test_every_page_of_the_course_is_in_the_navigation():
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("", lambda loader, suffix, node: None)
    navigation = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader)["nav"]
    listed = set(re.findall(r"[\w/-]+\.(?:md|ipynb)", str(navigation)))
    there = {
        path.relative_to(ROOT / "docs").as_posix()
        for suffix in ("md", "ipynb")
        for path in (ROOT / "docs").rglob(f"*.{suffix}")
        if ".ipynb_checkpoints" not in path.parts
    }
    assert listed == there


def test_no_number_of_the_course_lacks_a_source(context):
    wrong = [str(cited.error) for read in read_all(context) for cited in read.citations if cited.kind == "number"]
    assert not wrong, "\n".join(wrong)


@pytest.mark.thorough
def test_claims_would_notice_if_the_numbers_were_different(context):
    claims = find_claims(context).claims
    survivors = [verdict.claim for verdict in judge(claims, context) if not verdict.killed]
    told = "\n".join(f"{claim.where}: {claim.sentence}" for claim in survivors)
    assert len(survivors) <= 0.05 * len(claims), told
