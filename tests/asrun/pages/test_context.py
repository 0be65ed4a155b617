"""The door through which pages learn of their project: nothing goes round it, and it knows what each page asked."""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asrun.checks.reading import Read, read_deck, read_page
from asrun.pages.asked import answer_digest
from asrun.pages.blocks.vocabulary import BLOCKS
from asrun.pages.context import Context
from asrun.site.rendering import render
from asrun.testing import ANSWER, COIN, TinyProject, make_figure

MKDOCS = """\
site_name: Tiny
plugins:
  - asrun:
      sourced_numbers: [docs/all.md, slides]
      number_settings: {'room \\d\\.\\d': 'a name'}
      macros: {coin: C}
"""
BIB = "@article{one2014, author = {Hinton, Geoffrey}, title = {Big}, journal = {J}, year = {2014}}\n"
NUMBERS = "rate: {cite: one2014, where: Table 1, how: stated, what: a rate, value: 0.25}\n"
LESSON = "# The lesson\n\n{{ answer.answer }} is the answer.\n"
DECK = """\
---
lesson: lesson
---

# Coins

---

## How many?

{{ coin.tosses }} tosses, {{ published.rate }}, {{ answer.answer }}

---

/// figure | coin
///

Note: in room 2.5 [@one2014]
"""
PAGE = """\
# All there is

{{ coin.tosses }} and {{ published.rate }} and [@one2014], $\\coin$, in room 2.5

/// figure | coin
So it is.
///

/// snippet | coin
    section: run
///

/// output | coin
///

/// table | Heads
    of: coin.heads
///

/// claim | It is more.
coin.heads(bias=0.8) > published.rate
///

/// quiz | How do heads depend on the bias?
    of: coin.heads
///

/// quiz | Of [=tosses] tosses, how many?
    answer: tosses / 2
    tolerance: 5%
    draw: {tosses: [100, 1000]}
    definition: a fair coin
///

//// exercise | Toss it.
    check: coin.tosses > 5

/// solution
So many.
///

////

/// bibliography
///

/// published
///

/// records
///

/// decks
///
"""
FILES = {
    "mkdocs.yml": MKDOCS,
    "snippets/coin.py": COIN,
    "snippets/answer.py": ANSWER,
    "docs/references/references.bib": BIB,
    "docs/references/published.yml": NUMBERS,
    "docs/all.md": PAGE,
    "docs/lesson.md": LESSON,
    "slides/talk.md": DECK,
}
BIASES = {"heads": ["bias", "seed"]}


def put_coin(project: TinyProject, tosses: int = 12345) -> None:
    heads = np.array([0.2, 0.5, 0.8])[:, None] + np.linspace(-0.01, 0.01, 5)
    values = {"bias": [0.2, 0.5, 0.8], "heads": heads, "tosses": tosses, "axes": BIASES}
    project.put("coin", values, output="tossed", figures=[make_figure()])


@pytest.fixture
def project(tiny_project) -> TinyProject:
    made = tiny_project(FILES)
    put_coin(made)
    made.put("answer", {"answer": 42})
    return made


def read(project: TinyProject, context: Context | None = None) -> dict[str, Read]:
    """Convert the two pages and the deck."""
    context = context or Context(project.project)
    found = {name: read_page(project.folder / "docs" / f"{name}.md", context) for name in ("all", "lesson")}
    return found | {"talk": read_deck(project.folder / "slides/talk.md", context)}


_seen: list[tuple[str, Any]] | None = None


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event in ("open", "compile"):
        _seen.append((event, arguments[0]))


sys.addaudithook(_hear)


@contextmanager
def heard() -> Iterator[list[tuple[str, Any]]]:
    """Hear what Python opens and parses."""
    global _seen
    _seen = []
    try:
        yield _seen
    finally:
        _seen = None


def opened(seen: list[tuple[str, Any]], folder: Path) -> list[str]:
    paths = [Path(str(what)) for event, what in seen if event == "open"]
    return [path.relative_to(folder).as_posix() for path in paths if path.is_relative_to(folder)]


def test_the_page_of_these_tests_has_every_block():
    assert {block.NAME for block in BLOCKS} <= set(re.findall(r"^/{3,} (\w+)", PAGE, re.MULTILINE))


def test_nothing_goes_round_the_door(project):
    context = Context(project.project)
    before = read(project, context)
    assert not [str(problem) for each in before.values() for problem in each.problems]
    # All that is left is the text of the pages: the rest is known from the answers, or is not known.
    for name in ("snippets", "docs/references", "slides"):
        shutil.rmtree(project.folder / name)
    (project.folder / "mkdocs.yml").unlink()
    with heard() as seen:
        after = read(project, context)
    assert {name: each.html for name, each in after.items()} == {name: each.html for name, each in before.items()}
    assert set(opened(seen, project.folder)) == {"docs/all.md", "docs/lesson.md"}


def test_a_check_reads_each_source_once_and_parses_it_once(project):
    project.write("src/lab.py", "def double(x):\n    return 2 * x\n")
    project.write(
        "snippets/coin.py",
        COIN.replace("import numpy", "import lab\nimport numpy").replace("print(", "lab.double(1)\n    print("),
    )
    put_coin(project)
    sources = {"snippets/coin.py", "snippets/answer.py", "src/lab.py"}
    for path in sources:
        # What is parsed is known by its content, also from before.
        project.write(path, (project.folder / path).read_text("utf-8") + f"# {project.folder}\n")
    with heard() as seen:
        assert "hold" in project.run("check").text
    counted = Counter(opened(seen, project.folder))
    for path in (*sources, "slides/talk.md"):
        assert counted[path] == 1, path
    texts = [what if isinstance(what, bytes) else str(what).encode() for event, what in seen if event == "compile"]
    parsed = Counter(text for text in texts if str(project.folder).encode() in text)
    assert list(parsed.values()) == [1, 1, 1]


def test_what_a_page_asked_does_not_depend_on_who_asked_before(project):
    together = {name: each.asked for name, each in read(project).items()}
    for name, asked in together.items():
        assert read(project)[name].asked == asked
    alone = read_page(project.folder / "docs/lesson.md", Context(project.project))
    assert alone.asked == together["lesson"]
    assert {str(each) for each in alone.asked} >= {
        "record('answer', None, 'answer')",
        "needs_sources('docs/lesson.md')",
    }
    assert not [each for each in alone.asked if "coin" in str(each)]


def test_a_deck_is_one_page_though_its_slides_are_converted_one_by_one(project):
    asked = {str(each) for each in read(project)["talk"].asked}
    assert {"deck('slides/talk.md')", "has_page('lesson.md')", "figure('coin')", "work('one2014')"} <= asked


def test_a_page_of_the_site_asks_what_it_asks_when_it_is_checked(project, tmp_path):
    checked = {each.path: each.asked for each in read(project).values()}
    built = {each.path: each.asked for each in render(Context(project.project), tmp_path / "new")}
    assert built == checked


EDITS = {
    "a number of a record": ("", lambda project: put_coin(project, 54321)),
    "a record that is gone": ("", lambda project: shutil.rmtree(project.folder / "snippets/records/coin")),
    "what a run does": ("snippets/coin.py", ("0.8", "0.9")),
    "a comment in a section": ("snippets/coin.py", ("def run(*, seeds):\n", "def run(*, seeds):\n    # so\n")),
    "a question": ("snippets/coin.py", ("How often", "How seldom")),
    "another snippet": ("snippets/tosses.py", ANSWER),
    "a published number": ("docs/references/published.yml", ("0.25", "0.35")),
    "where it stands": ("docs/references/published.yml", ("Table 1", "Table 2")),
    "a further number": ("docs/references/published.yml", ("rate:", NUMBERS.replace("rate", "more") + "rate:")),
    "a work": ("docs/references/references.bib", ("Big", "Small")),
    "the title of a deck": ("slides/talk.md", ("# Coins", "# Dice")),
    "another deck": ("slides/other.md", "# Other\n"),
    "the title of a lesson": ("docs/lesson.md", ("The lesson", "A lesson")),
    "a macro": ("mkdocs.yml", ("coin: C", "coin: D")),
    "what needs no source": ("mkdocs.yml", ("room", "hall")),
    "what needs sources": ("mkdocs.yml", ("[docs/all.md, slides]", "[docs/lesson.md]")),
    "how much output is shown": ("mkdocs.yml", ("macros:", "output_lines: 2\n      macros:")),
}
TOUCHED = {
    "a number of a record": {
        "all": {"figure", "judged", "printed", "record", "records"},
        "talk": {"figure", "judged", "record"},
    },
    "a comment in a section": {"all": {"code"}},
    "another snippet": {"all": {"not_run", "records", "snippets"}},
    "a published number": {"all": {"numbers", "published", "source"}, "talk": {"published", "source"}},
    "a work": {"all": {"numbers", "source", "work", "works"}, "talk": {"source", "work"}},
    "the title of a deck": {"all": {"decks"}, "talk": {"deck"}},
    "another deck": {"all": {"decks"}},
    "the title of a lesson": {"all": {"decks"}},
    "a macro": {"all": {"macros"}, "lesson": {"macros"}, "talk": {"macros"}},
    "what needs no source": {"all": {"number_settings"}, "talk": {"number_settings"}},
}
"""What must be another answer, page by page; of what is not named no answer may be another."""


def edit(project: TinyProject, name: str) -> None:
    path, change = EDITS[name]
    if callable(change):
        change(project)
    elif isinstance(change, str):
        project.write(path, change)
    else:
        before = (project.folder / path).read_text("utf-8")
        assert change[0] in before
        project.write(path, before.replace(*change))


@pytest.mark.parametrize("name", EDITS)
def test_where_a_page_would_be_another_an_answer_is_another(project, name):
    context = Context(project.project)
    before = read(project, context)
    answers = {page: context.digests(each.asked) for page, each in before.items()}
    assert answers == {page: Context(project.project).digests(each.asked) for page, each in before.items()}
    edit(project, name)
    now = Context(project.project)
    changed = {
        page: {each.name for each, digest in now.digests(asked).items() if asked[each] != digest}
        for page, asked in answers.items()
    }
    after = read(project, Context(project.project))
    for page, asked in changed.items():
        same = before[page].html == after[page].html and not after[page].problems
        # The text of the page itself is no answer.
        assert asked or same or (page, name) == ("lesson", "the title of a lesson"), page
    if name in TOUCHED:
        touched = {page: asked for page, asked in changed.items() if asked}
        assert touched == TOUCHED[name]


def test_a_question_is_the_same_however_it_is_put(project):
    page = Context(project.project).for_page()
    assert page.best("coin", "quick") is page.best(scale="quick", name="coin")
    assert [str(each) for each in page.asked] == ["best('coin', 'quick')"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": [1, 2]}, {"a": [12]}),
        ([["a"], "b"], ["a", ["b"]]),
        ("1", 1),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ],
)
def test_other_answers_have_other_digests(one, other):
    assert answer_digest(one) != answer_digest(other)
    assert answer_digest(one) == answer_digest(one)


def test_an_answer_says_what_it_is():
    with pytest.raises(TypeError, match="does not say what it is"):
        answer_digest([object()])
