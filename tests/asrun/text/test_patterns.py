"""Patterns that authors give: what they match is what `re` matches, and none matches for ever."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.model import Where
from asrun.testing import MKDOCS, raised
from asrun.text.deck_source import parse_deck
from asrun.text.numerals import find_unsourced
from asrun.text.patterns import Pattern

FOREVER = r"(?:a|aa)+$"
SLOW = "a" * 60 + "b"


def pattern(text: str, **options) -> Pattern:
    return Pattern(text, "`separator`", Where("slides/a.md", 1), **options)


def test_a_pattern_that_would_match_for_ever_is_given_up_and_not_tried_again(monkeypatch):
    monkeypatch.setattr("asrun.text.patterns.SECONDS", 0.2)
    made = pattern(FOREVER)
    message = raised(made.find, SLOW)
    assert message.startswith("slides/a.md:1: `separator` takes too long") and "repetition" in message
    for call in ((made.search, "b", 0, 1), (made.sub, str, "b"), (made.find, "b")):
        assert "takes too long" in raised(*call)


@pytest.mark.parametrize("text", ["(", "[", "a{2,1}", "*", "(?P<a", "(" * 3000 + ")" * 3000, "a" * 3000, "\\"])
def test_what_is_no_pattern_is_told(text):
    message = raised(pattern, text, otherwise="; or leave it out")
    assert "is not a regular expression" in message and "or leave it out" in message and len(message) < 1000


OURS = [
    r"\b(?:drops?|keep|rates?)(?: rates?)?(?: (?:of|at|=|is))? \d?\.?\d+",
    *(r"^---[ \t]*$\n?", r"^(?:--|----)[ \t]*$\n?", r"^[ \t]*notes?:", r"^\n---\n$", r"^----$", r"\r?\n---\r?\n"),
    *(r"<!--\s*slide\s*-->", r"^\s*NOTE:", r"(?<=x)-(?!-)", r"(\w)\1", r"[^\S\n]+", r"^\+\+\+$", "\u202f|\\d{1,3}"),
]
TEXT = st.text(st.sampled_from("a-x-\n \tdrop 0.5:Nnotesſ<!>1+\u202f"), max_size=60) | st.sampled_from(
    [
        "drop 0.5 and keep rates at .25\n",
        "a\n\n---\n\nb\n--\nNote: c\n----\n",
        "<!-- slide -->\r\n---\r\nx-",
        "Drop = 1",
    ]
)


@given(st.sampled_from(OURS), TEXT, st.sampled_from([0, re.MULTILINE, re.IGNORECASE | re.MULTILINE]))
def test_a_pattern_matches_what_the_standard_library_matches(text, subject, flags):
    made, known = pattern(text, flags=flags), re.compile(text, flags)
    assert [each.span() for each in made.find(subject)] == [each.span() for each in known.finditer(subject)]
    assert made.sub(lambda found: "·", subject) == known.sub("·", subject)
    first, other = made.search(subject, 1, 30), known.search(subject, 1, 30)
    assert (first and first.span()) == (other and other.span())


@pytest.mark.parametrize("name", ["separator", "verticalSeparator", "notesSeparator"])
def test_a_deck_is_not_cut_for_ever(monkeypatch, name):
    monkeypatch.setattr("asrun.text.patterns.SECONDS", 0.2)
    text = f"---\n{name}: '{FOREVER}'\n---\n# One\n\n{SLOW}\n"
    assert raised(parse_deck, text, "slides/a.md").startswith(f"slides/a.md:1: `{name}` takes too long")


@pytest.mark.parametrize("value", ["[1, 2]", "{a: b}", "'('"])
def test_a_separator_is_a_pattern(value):
    message = raised(parse_deck, f"---\nseparator: {value}\n---\n# One\n", "slides/a.md")
    assert message.startswith("slides/a.md:1: `separator` is ") and "regular expression" in message


def test_a_page_does_not_wait_for_the_settings_of_its_numbers(monkeypatch, tiny_project):
    monkeypatch.setattr("asrun.text.patterns.SECONDS", 0.2)
    options = f"      sourced_numbers: [docs]\n      number_settings: {{'{FOREVER}': a setting}}\n"
    project = tiny_project({"mkdocs.yml": MKDOCS.replace("  - asrun\n", f"  - asrun:\n{options}")})
    message = raised(project.convert, f"Of these 400 are.\n\n{SLOW}\n\n{SLOW}\n")
    assert message.startswith("mkdocs.yml: number_settings: '(?:a|aa)+$' takes too long"), message


@pytest.mark.parametrize(
    "line",
    [
        *("9" * 5000, "1 " * 5000, "1-" * 5000, "(" * 5000, "1+" * 5000 + "1 = 2", "$" * 5001, "`" * 5001, "{{" * 5000),
        *("1 × " * 3000 + "= 3", "<!-- stated " * 2000, "[@" * 4000, "](" * 4000, "1,234" * 2000, "(1" * 3000 + " = 1"),
        *("<a" * 4000, "1 × 10" * 2000, "https://" * 2000, "- 1" * 3000, "{." * 4000, "&" * 5000, "** 1." * 3000),
    ],
)
def test_our_own_patterns_read_any_line(line):
    """Quadratic is fast enough at this length; what takes minutes would be noticed here."""
    find_unsourced([line[:6000]])
