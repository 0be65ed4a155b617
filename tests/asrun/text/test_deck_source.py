"""Decks: what is a slide, what is a note, what is code, and which line it is on."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.errors import AsrunError
from asrun.text.deck_source import Deck, Slide, parse_deck


def sources(deck: Deck) -> list[list[str]]:
    return [[slide.source for slide in stack] for stack in deck.slides]


def only(text: str) -> Slide:
    deck = parse_deck(text, "deck.md")
    assert len(deck.slides) == len(deck.slides[0]) == 1
    return deck.slides[0][0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n---\nb", [["a"], ["b"]]),
        ("a\n\n---\n\nb", [["a"], ["b"]]),
        ("a\r\n---\r\nb\r\n", [["a"], ["b"]]),
        ("a\n--\nb\n----\nc\n---\nd", [["a", "b", "c"], ["d"]]),
        ("a\n---  \nb", [["a"], ["b"]]),
        ("a\n---\n\n---\nb", [["a"], [""], ["b"]]),
        ("a\n---\n---\nb", [["a"], [""], ["b"]]),
        ("---\na\n---\nb\n---\n", [["a"], ["b"]]),
        ("a\n---\n--\n--\n", [["a"]]),
        ("a\n-----\nb", [["a\n-----\nb"]]),
        ("Heading\n---\nb", [["Heading"], ["b"]]),
        ("| a | b |\n---|---\n1 | 2", [["| a | b |\n---|---\n1 | 2"]]),
        ("- - -\n\n    ---\n\n> ---", [["- - -\n\n    ---\n\n> ---"]]),
    ],
)
def test_separators(text: str, expected: list[list[str]]) -> None:
    assert sources(parse_deck(text, "deck.md")) == expected


@pytest.mark.parametrize(
    "block",
    [
        "```\n---\n```",
        "```yaml\n---\nNote: x\n--\n```",
        "~~~~\n---\n~~~\n---\n~~~~",
        "- item\n\n    ```\n---\n    ```",
        "- ```\n---\n  ```",
        "> ```\n> ---\n---\n> ```",
        "``````\n```\n---\n```\n``````",
        "<!--\n---\nNote: taken out\n-->",
    ],
)
def test_separators_in_code_are_code(block: str) -> None:
    deck = parse_deck(f"before\n\n{block}\n\nNote: said\n---\nafter", "deck.md")
    assert sources(deck) == [[f"before\n\n{block}"], ["after"]]
    assert deck.slides[0][0].notes == "said"


def test_a_fence_that_never_closes_takes_no_slide_with_it() -> None:
    assert len(parse_deck("```python\nx\n---\nb\n---\nc", "deck.md").slides) == 3


def test_a_fence_that_its_slide_forgets_to_close_is_not_closed_by_a_later_one() -> None:
    deck = parse_deck("a\n```js\nx\n---\nb\n---\n```js\ny\n```\n---\nc", "deck.md")
    assert sources(deck) == [["a\n```js\nx"], ["b"], ["```js\ny\n```"], ["c"]]
    # A block of four may hold one of three, and slides.
    assert len(parse_deck("````md\na\n---\n```js\ny\n```\n````", "deck.md").slides) == 1


@pytest.mark.parametrize(
    ("text", "source", "notes", "line"),
    [
        ("# A\n\nNote: said", "# A", "said", 3),
        ("# A\nNotes:\n\n- one\n- two", "# A", "- one\n- two", 4),
        ("# A\nnote:\nsaid\nNote: twice", "# A", "said\nNote: twice", 3),
        ("Note: only", "", "only", 1),
        ("# A\n\nNoted: no\nA Note: no", "# A\n\nNoted: no\nA Note: no", "", 0),
        ("# A\nNote:", "# A", "", 0),
    ],
)
def test_notes(text: str, source: str, notes: str, line: int) -> None:
    slide = only(text)
    assert (slide.source, slide.notes, slide.notes_line) == (source, notes, line)


def test_slide_attributes() -> None:
    slide = only(
        "# A\n<!-- .slide: data-background='#fff' class=\"big\" data-auto-animate id=x -->\n"
        '```\n<!-- .slide: id="y" -->\n```'
    )
    assert slide.attributes == {"data-background": "#fff", "class": "big", "data-auto-animate": "", "id": "x"}
    assert slide.source == '# A\n\n```\n<!-- .slide: id="y" -->\n```'


def test_front_matter() -> None:
    deck = parse_deck("---\ntitle: T\nrevealOptions:\n  loop: true\nodd: [1]\n---\n\n# A\n", "deck.md")
    assert deck.meta == {"title": "T", "revealOptions": {"loop": True}, "odd": [1]}
    assert deck.slides == ((Slide("# A", 8),),)
    assert parse_deck("---\n# A heading\n---\nb", "deck.md").meta == {}


@pytest.mark.parametrize(
    "keys",
    [
        "separator: <!--s-->\nverticalSeparator: <!--v-->\nnotesSeparator: 'Say:'",
        "slides:\n  separator: <!--s-->\n  separator_vertical: <!--v-->\n  separator_notes: 'Say:'",
    ],
)
def test_separators_of_other_tools(keys: str) -> None:
    deck = parse_deck(f"---\n{keys}\n---\na\n---\n<!--v-->\nb\nSay: c\n<!--s-->\n```\n<!--s-->\n```\n", "deck.md")
    assert sources(deck) == [["a\n---", "b"], ["```\n<!--s-->\n```"]]
    assert deck.slides[0][1].notes == "c"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\ntitle: a: b\n---\n# A", r"deck.md:2: this front matter is not YAML"),
        ("---\nseparator: '('\n---\n# A", r"deck.md:1: `separator` is not a regular expression"),
        ("\n---\n\n", r"deck.md:1: This deck has no slides"),
    ],
)
def test_errors_say_where(text: str, message: str) -> None:
    with pytest.raises(AsrunError, match=message):
        parse_deck(text, "deck.md")


WORDS = st.text(alphabet="abcdefg äß漢 .#*_|<>&\u2028\x0b", min_size=1, max_size=20).filter(
    lambda text: text.strip() and not re.match(r"\s*notes?:", text, re.IGNORECASE)
)
CODE = st.lists(
    st.sampled_from(["---", "--", "----", "Note: x", "x = 1", "", "~~~", "<!-- .slide: a -->"]), max_size=4
).map(lambda lines: "\n".join(["```python", *lines, "```"]))
TEXT = st.lists(st.one_of(WORDS.map(str.strip), CODE), min_size=1, max_size=4).map("\n\n".join)
NOTES = st.tuples(WORDS.map(str.strip), TEXT).map("\n\n".join)  # a fence opens a line, so not the one of `Note:`
SLIDE = st.tuples(TEXT, st.one_of(st.just(""), NOTES))
SLIDES = st.lists(st.lists(SLIDE, min_size=1, max_size=3), min_size=1, max_size=4)


@given(
    SLIDES,
    st.sampled_from(["\n---\n", "\n\n---\n\n", "\n\n\n--- \n"]),
    st.sampled_from(["\n--\n", "\n\n----\n\n"]),
    st.sampled_from(["Note: ", "Notes:\n", "note:\n\n"]),
    st.sampled_from(["", "---\ntitle: T\n---\n", "---\ntitle: T\n---\n\n\n"]),
)
def test_nothing_is_lost_or_invented(
    stacks: list[list[tuple[str, str]]], across: str, down: str, mark: str, front: str
) -> None:
    def written(slide: tuple[str, str]) -> str:
        return f"{slide[0]}\n\n{mark}{slide[1]}" if slide[1] else slide[0]

    text = front + across.join(down.join(map(written, stack)) for stack in stacks)
    deck = parse_deck(text, "deck.md")
    assert [[(slide.source, slide.notes) for slide in stack] for stack in deck.slides] == [
        [(shown.rstrip(), said.rstrip()) for shown, said in stack] for stack in stacks
    ]
    lines = text.split("\n")
    slides = [slide for stack in deck.slides for slide in stack]
    for slide in slides:
        assert lines[slide.line - 1].rstrip() == slide.source.split("\n")[0].rstrip()
        if slide.notes:
            assert lines[slide.notes_line - 1].rstrip().endswith(slide.notes.split("\n")[0].rstrip())
            assert slide.notes_line > slide.line
    assert all(after.line > before.line for before, after in pairwise(slides))
    assert sources(parse_deck(text.replace("\n", "\r\n"), "deck.md")) == sources(deck)


@given(st.text(alphabet="-`~\n a<!>:Note|.slide\r\t", max_size=80))
def test_any_text_is_a_deck_or_a_named_error(text: str) -> None:
    try:
        deck = parse_deck(text, "deck.md")
    except AsrunError as error:
        assert str(error.where).startswith("deck.md:")
    else:
        assert all(stack for stack in deck.slides)
