"""Pages, decks and other files that a project holds to sources for their numbers."""

from __future__ import annotations

import pytest

from asrun.checks.reading import read_all
from asrun.pages.context import Context
from asrun.testing import COIN, MKDOCS, TinyProject, make_figure, raised

RULED = MKDOCS.replace(
    "  - asrun\n",
    "  - asrun:\n      sourced_numbers: [docs, slides, README.md]\n"
    "      number_settings: {'rate \\d\\.\\d+': a setting}\n",
)
VALUES = {"bias": [0.25, 0.5], "heads": [[0.2, 0.21], [0.5, 0.51]], "axes": {"heads": ["bias", "seed"]}}


@pytest.fixture
def coin(tiny_project) -> TinyProject:
    project = tiny_project({"snippets/coin.py": COIN, "mkdocs.yml": RULED})
    project.put("coin", VALUES, figures=[make_figure()])
    return project


def problems(project: TinyProject) -> list[str]:
    return [str(each).split("\n")[0] for read in read_all(Context(project.project)) for each in read.problems]


def test_a_number_without_a_source_is_told_with_its_place(coin):
    coin.write("docs/one.md", "---\ntitle: One\n---\n\n# One\n\nIt fell to 0.37 in the end.\n")
    assert problems(coin) == ["docs/one.md:7:12: 0.37 has no source (It fell to 0.37 in the end.)"]


def test_decks_and_other_files_are_read_too(coin):
    coin.write("slides/talk.md", "---\ntitle: Talk\n---\n\n# One\n\n0.37\n\n---\n\nNote: 0.38\n")
    coin.write("README.md", "# It\n\n17 things, rate 0.9\n")
    assert [each.split(" has")[0] for each in problems(coin)] == [
        "slides/talk.md:7:1: 0.37",
        "slides/talk.md:11:7: 0.38",
        "README.md:3:1: 17",
    ]


def test_what_a_cited_record_was_made_at_needs_no_source(coin):
    coin.write("docs/one.md", "# One\n\nAt 0.25 it is {{ coin.heads(bias=0.25) }}; at 0.26 nobody knows.\n")
    assert [each.split(" has")[0] for each in problems(coin)] == ["docs/one.md:3:47: 0.26"]
    coin.write("docs/one.md", "# One\n\nAt 0.25.\n")
    assert len(problems(coin)) == 1


def test_a_record_that_is_not_fresh_is_one_problem_and_not_one_more_for_each_number_that_it_was_made_at(coin):
    coin.write("docs/one.md", "# One\n\nAt 0.25 and 0.5 it is {{ coin.heads(bias=0.25) }}, and 1 + 1 = 3.\n")
    coin.edit("snippets/coin.py", "12345", "54321")
    stale, wrong = problems(coin)
    assert "coin (quick, cpu) is stale" in stale and "it comes to 2" in wrong


def test_a_page_that_is_not_listed_may_say_what_it_likes(tiny_project):
    project = tiny_project({"docs/one.md": "# One\n\n0.37\n"})
    assert problems(project) == []


def test_arithmetic_that_is_wrong_is_told(coin):
    coin.write("docs/one.md", "# One\n\n400 × 0.5 = 201\n")
    assert problems(coin) == ["docs/one.md:3:1: 400 × 0.5 = 201: it comes to 200"]


def test_a_setting_that_is_no_pattern_is_told(tiny_project):
    project = tiny_project({"mkdocs.yml": RULED.replace("rate ", "(rate ")})
    assert "no regular expression" in raised(lambda: project.project)


def test_a_build_stops_at_a_number_without_a_source(coin):
    coin.write("docs/one.md", "# One\n\nIt fell to 0.37.\n")
    done = coin.run("check")
    assert done.code == 1 and "0.37 has no source" in done.err
