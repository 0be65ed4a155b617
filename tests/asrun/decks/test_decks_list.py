"""The page that lists the decks, and what the search finds in them."""

from __future__ import annotations

import json
import re

import pytest

from asrun.own import ASSETS
from asrun.text.slide_texts import SlideText, slide_texts

needs_vendor = pytest.mark.skipif(
    not (ASSETS / "vendor").is_dir(), reason="the browser files are fetched when asrun is installed"
)

MKDOCS = """\
site_name: Tiny
theme:
  name: material
  font: false
nav:
  - index.md
  - Lessons: [second.md, {One: first.md}]
  - slides.md
plugins:
  - search
  - asrun
"""
DECK = """\
---
title: A "first" deck
lesson: first
---

# Title

---

## Guess *first*

One & two

Note: a secret of the speaker

---

## A picture

--

## Below

![coins](coins.svg)
"""


@pytest.fixture
def decks(tiny_project):
    return tiny_project(
        {
            "mkdocs.yml": MKDOCS,
            "docs/index.md": "# Start\n",
            "docs/first.md": "---\ntags: []\n---\n\n# The first lesson\n",
            "docs/second.md": "# The second lesson\n",
            "docs/slides.md": "# Slides\n\n/// decks\n///\n",
            "slides/a.md": DECK,
            "slides/b.md": "---\nlesson: second\n---\n\n# Second *deck*\n",
            "slides/c.md": "no heading\n",
            "slides/coins.svg": "<svg/>",
        }
    )


@needs_vendor
def test_every_deck_is_listed_in_the_order_of_the_lessons(decks):
    done = decks.run("build")
    assert done.code == 0, done.err
    page = decks.read("site/slides/index.html")
    assert re.findall(r'id="deck-(\w+)"', page) == ["b", "a", "c"]
    card = page[page.index('id="deck-a"') : page.index('id="deck-c"')]
    assert '<a href="a/index.html">A "first" deck</a>' in card or '<a href="a/">A "first" deck</a>' in card
    assert "4 slides, with the lesson" in card and ">The first lesson</a>" in card
    assert 'aria-label="Slide 4: Below"' in card and 'data-slide="/2/1"' in card
    assert ">Present</a>" in card and ">PDF</a>" not in card


@needs_vendor
def test_slides_are_found_by_what_they_say_and_opened(decks):
    assert decks.run("build").code == 0
    docs = json.loads(decks.read("site/search/search_index.json"))["docs"]
    found = {entry["location"]: (entry["title"], entry["text"]) for entry in docs}
    (guess,) = (location for location, (title, _) in found.items() if title == "Guess first")
    assert guess.startswith("slides/a/") and guess.endswith("#/1")
    assert "One &amp; two" in found[guess][1] and "secret" not in found[guess][1]
    assert any(location.endswith("#/2/1") for location in found)
    assert found[guess.partition("#")[0]][0] == 'A "first" deck (slides)'


def test_checking_reads_the_list_too(decks):
    assert decks.run("check").code == 0


def test_what_slides_say():
    page = (
        '<section><h1>A</h1><p>x<br>y</p><aside class="notes">no</aside></section>'
        '<section class="stack"><section><h2>B <em>b</em></h2>z<svg><text>no</text></svg></section>'
        '<section><img aria-hidden="true"><p>w</p><details class="asrun-provenance"><p>no</p></details>'
        "<section>in it</section></section></section><section></section>"
    )
    assert slide_texts(page) == [
        SlideText("/0", "A", "x y"),
        SlideText("/1", "B b", "z"),
        SlideText("/1/1", "", "w in it"),
        SlideText("/2", "", ""),
    ]
