"""Exercises: a task, its solution folded away, and the numbers that it rests on."""

from __future__ import annotations

import re

import pytest

from asrun.checks.reading import read_page
from asrun.decks import of_project
from asrun.pages.context import Context
from asrun.testing import COIN, TinyProject, make_figure, raised

EXERCISE = """\
//// exercise | Toss it *twice*.
    check: coin.tosses > 5

How often?

/// solution
As often as {{ coin.tosses }} says.
///

////
"""


@pytest.fixture
def coin(tiny_project) -> TinyProject:
    project = tiny_project({"snippets/coin.py": COIN})
    project.put("coin", {"tosses": 12345}, figures=[make_figure()])
    return project


def test_a_solution_is_folded_away_with_what_it_rests_on(coin):
    shown, _, folded = coin.convert(EXERCISE).partition("<details")
    assert "Exercise 1." in shown and "<em>twice</em>" in shown and "How often?" in shown
    assert "<summary>Solution</summary>" in folded and "12\u202f345" in folded and "holds" in folded
    assert 'id="exercise-1"' in shown and "12\u202f345" not in shown


def test_a_check_is_optional(coin):
    assert "asrun-claim" not in coin.convert(EXERCISE.replace("    check: coin.tosses > 5\n", ""))


def test_exercises_are_numbered_on_a_page_and_through_a_deck(coin):
    assert re.findall(r"Exercise (\d)", coin.convert(EXERCISE * 3)) == ["1", "2", "3"]
    path = coin.write("slides/talk.md", f"# A\n\n---\n\n{EXERCISE}\n---\n\n{EXERCISE}")
    rendered = of_project.render(path, Context(coin.project))
    assert re.findall(r"Exercise (\d)", rendered.html) == ["1", "2"]
    assert "quiz.css" in rendered.html


def test_what_a_solution_shows_is_checked_like_any_page(coin):
    nested = "///// exercise | Look.\n\n//// solution\n\n/// snippet | coin\n    section: run\n///\n\n////\n\n/////\n"
    assert "from line" in coin.convert(nested)
    assert "no snippet called cion" in raised(coin.convert, nested.replace("| coin", "| cion"))


def test_an_exercise_is_collected_with_its_evidence(coin):
    read = read_page(coin.write("docs/one.md", EXERCISE), Context(coin.project))
    (cited,) = (each for each in read.citations if each.kind == "exercise")
    assert read.problems == [] and cited.text == "Toss it *twice*." and cited.evaluation.holds and cited.records


SOLUTION = "/// solution\nSo.\n///\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("//// exercise\n////", ["does not say which"]),
        ("//// exercise | Do.\n////", ["has no solution", "a slash more"]),
        (f"//// exercise | Do.\n\n{SOLUTION}\n{SOLUTION}\n////", ["two solutions"]),
        (f"//// exercise | Do.\n    check: coin.tosses < 5\n\n{SOLUTION}\n////", ["does not hold: Do.", "12\u202f345"]),
        (f"//// exercise | Do.\n    check: coin.toses > 5\n\n{SOLUTION}\n////", ["did you mean tosses?"]),
        (f"//// exercise | Do.\n    check: coin.tosses\n\n{SOLUTION}\n////", ["is not a claim"]),
        (f"//// exercise | Do.\n    chek: 1 < 2\n\n{SOLUTION}\n////", ["no option chek", "did you mean check?"]),
        (f"//// exercise | Do.\n    check: [1]\n\n{SOLUTION}\n////", ["check is a text"]),
        (f"/// exercise | Do.\n{SOLUTION}///", ["ends before what is in it", "a slash more"]),
        ("/// exercise | Do.\ntext", ["does not end"]),
    ],
)
def test_every_mistake_is_told_with_its_line_and_a_remedy(coin, text, told):
    message = raised(coin.convert, f"text\n\n{text}", page="docs/one.md")
    assert re.match(r"docs/one.md:3(:\d+)?: ", message), message
    assert all(part in message for part in told), message
    assert "\n    " in message
