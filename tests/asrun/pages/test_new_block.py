"""A new kind of block is a class and its place in the list: pages, decks, checks and messages know it from there."""

from __future__ import annotations

import ast
import json
import xml.etree.ElementTree as etree

import pytest

from asrun.checks.reading import read_all
from asrun.decks.alone import render_lone
from asrun.own import PACKAGE
from asrun.pages.blocks import vocabulary
from asrun.pages.blocks.claim import ClaimBlock
from asrun.pages.blocks.exercise import take_solution
from asrun.pages.blocks.grounds import GroundedBlock, take_options
from asrun.pages.context import Context
from asrun.pages.elements import element
from asrun.testing import ANSWER, MKDOCS, TinyProject, raised


class TheoryBlock(ClaimBlock):
    """`/// theory | the sentence`: a claim that somebody made before there was a record."""

    NAME = "theory"
    PLURAL = "theories"


class RiddleBlock(GroundedBlock):
    """`//// riddle | the question`: what is in it, and a solution."""

    NAME = "riddle"
    COUNTED = ASKS = True
    OPTIONS = take_options("hint")

    def begin(self, made: etree.Element) -> None:
        super().begin(made)
        self.require_argument("the question")
        made.append(element("p", self.text, self.words("hint"), classes="asrun-riddle"))

    def finish(self, made: etree.Element) -> None:
        solution = take_solution(made)
        if solution is not None:
            made.append(solution)


THEORY = "/// theory | The answer is above 41.\nanswer.answer > 41\n///\n"
RIDDLE = "//// riddle | What is six times nine?\n    hint: In base 13.\n\n/// solution\nSee *above*.\n///\n////\n"


@pytest.fixture(autouse=True)
def in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "BLOCKS", (*vocabulary.BLOCKS, TheoryBlock, RiddleBlock))


@pytest.fixture
def project(tiny_project) -> TinyProject:
    made = tiny_project(
        {
            "mkdocs.yml": MKDOCS.replace("- asrun", "- asrun:\n      sourced_numbers: [docs]"),
            "snippets/answer.py": ANSWER,
            "docs/index.md": f"# A\n\n{THEORY}\n{THEORY.replace('41', '40')}\n{RIDDLE}",
            "slides/talk.md": f"# A\n\n---\n\n{THEORY}\n---\n\n{RIDDLE}",
        }
    )
    made.put("answer", {"answer": 42})
    return made


def test_it_works_on_pages_and_in_decks_and_is_counted(project):
    told = project.run("build", "--no-run")
    assert told.code == 0, told.text
    page = project.read("site/index.html")
    assert "This page has 2 theories and 1 riddle, all checked when it was built" in page
    assert 'class="asrun-asking"' in page and "<summary>Solution</summary>" in page and "In base 13." in page
    deck = project.read("site/slides/talk/index.html")
    assert "The answer is above 41." in deck and "What is six times nine?" in deck and "quiz.js" in deck
    project.write("slides/talk.md", f"# A\n\n{THEORY}")
    assert "quiz.js" not in render_lone(project.folder / "slides" / "talk.md").html


def test_it_is_checked(project):
    assert "7 values, claims and citations hold" in project.run("check").out
    project.edit("docs/index.md", "answer.answer > 41", "answer.answer > 43")
    told = project.run("check")
    assert told.code == 1 and "docs/index.md:3: this claim does not hold" in told.text


def test_it_is_tried_with_other_numbers_and_reproduced(project):
    tried = json.loads(project.run("mutate", "--json").out)["claims"]
    assert [each["kind"] for each in tried] == ["theory"] * 3
    assert "3 theories hold" in project.run("reproduce", "answer").out


def test_it_is_a_test_that_reads_like_its_sentence(project, capsys, monkeypatch):
    monkeypatch.chdir(project.folder)
    assert pytest.main(["-v", "-p", "no:cacheprovider", "--rootdir=.", "docs"]) == 0
    told = capsys.readouterr().out
    assert "docs/index.md::The answer is above 41. PASSED" in told
    assert "line 11: riddle What is six times nine? PASSED" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/// teory | It is.\nanswer.answer > 41\n///", "there is no block called teory"),
        ("/// teory | It is.\nanswer.answer > 41\n///", "theory"),
        ("/// riddel | Who?\n///", "riddle"),
        ("- x\n\n  <b>/// theory | It is.</b>", "a block cannot stand here"),
        ("Words, and /// theory | more.", "a block cannot stand here"),
        ("/// theory\nanswer.answer > 41\n///", "this theory block does not say which"),
        ("/// theory | It is.\n    scales: quick\n\nanswer.answer > 41\n///", "a theory has no option scales"),
        ("/// theory | It is.\n\n    confirmed: no\n\nanswer.answer > 41\n///", "no option of the theory block above"),
        ("/// riddle | Who?\n    hint: [1]\n///", "hint is a text"),
        ("/// riddle | Who?\n", "this riddle block does not end"),
        ("/// solution\nI.\n///", "this solution belongs to nothing"),
    ],
)
def test_what_is_wrong_with_it_is_told_in_its_name(project, text, told):
    assert told in raised(lambda: project.convert(text))


def test_its_numbers_need_a_source_where_readers_read_them(project):
    theories = THEORY.replace("above 41", "above 41.5") + "\n" + THEORY.replace("theory", "Theory")
    project.write("docs/index.md", f"# A\n\n{theories}\n//// riddle | 23.4 of what?\n////\n")
    (found, _) = read_all(Context(project.project))
    assert [each.text for each in found.citations if each.kind == "number"] == ["23.4"]


def test_no_other_room_names_a_block():
    """What is to be known of a block, its class says."""
    names = {"claim", "exercise", "quiz", "solution", "bibliography"}  # the others are words of Python, SVG or records
    assert names < vocabulary.names()
    for room in ("text", "pages", "decks", "checks", "pytest_items"):
        for path in (PACKAGE / room).rglob("*.py"):
            if path.parent.name != "blocks":
                nodes = ast.walk(ast.parse(path.read_text("utf-8")))
                named = names & {node.value for node in nodes if isinstance(node, ast.Constant)}
                assert not named, (path, named)
