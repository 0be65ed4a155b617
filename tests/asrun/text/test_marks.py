"""Marks remember lines, change no text once they are taken off, and leave code alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.text.marks import BAR, MARK, Marked, strip_marks, take_mark
from asrun.text.marks import mark_lines as mark

FOREIGN = ["other"]
OURS = ["figure", "claim", "output"]


def mark_lines(lines: list[str], first: int) -> Marked:
    return mark(lines, range(first, first + len(lines)), FOREIGN, ours=OURS, works=["key"])


PIECES = st.sampled_from(
    [
        "{{ coin.x | .2f }}",
        "{{",
        "}}",
        "[@key]",
        "[@a; @b]",
        "[@",
        "text",
        " ",
        "`{{ x }}`",
        "|",
        "a@b.c",
        "- ",
        "> ",
        "    ",
    ]
)
LINES = st.lists(
    st.one_of(
        st.lists(PIECES, max_size=5).map("".join),
        st.sampled_from(
            [
                "/// figure | coin",
                "    /// claim",
                "/// other | {{ x }}",
                "///",
                "```",
                "~~~",
                "````py",
                "> /// output | x",
                "",
            ]
        ),
    ),
    max_size=10,
)


def line_of(marked: str) -> int:
    return int(re.findall(MARK, marked)[0][0])


@given(LINES, st.integers(1, 99))
def test_taking_the_marks_off_gives_the_text_back(lines, first):
    made = mark_lines(lines, first)
    marked, headers = made.lines, made.headers
    assert len(marked) == len(lines)
    for at, (before, after) in enumerate(zip(lines, marked, strict=True)):
        # Markdown gives no meaning to blanks at the end of a header.
        assert strip_marks(after) == (before.rstrip() if first + at in headers else before)


@given(LINES, st.integers(1, 99))
def test_every_mark_names_the_line_it_is_on(lines, first):
    made = mark_lines(lines, first)
    marked, headers = made.lines, made.headers
    for at, line in enumerate(marked):
        assert {int(number) for number, _ in re.findall(MARK, line)} <= {first + at}
    assert set(headers) <= set(range(first, first + len(lines)))


@pytest.mark.parametrize(
    "text",
    [
        "{{ coin.x }}",
        "a {{ coin.x | .2f }} b",
        "[@key]",
        "see [@a; @b].",
        "/// figure | coin",
        "/// figur",
        "{{ open",
        "[@ k",
    ],
)
def test_what_may_be_cited_is_marked(text):
    (marked,) = mark_lines([text], 41).lines
    assert line_of(marked) == 41


@pytest.mark.parametrize(
    ("text", "columns"),
    [("{{ coin.x }}", [1]), ("so {{ a.b }} and [@key]", [4, 18]), ("- {{ a.b }}{{ c.d", [3, 12]), ("/// figure", [])],
)
def test_what_stands_in_running_text_has_a_column(text, columns):
    (marked,) = mark_lines([text], 1).lines
    assert [int(column) for _, column in re.findall(MARK, marked) if column] == columns


@pytest.mark.parametrize(
    "text",
    [
        "{ coin.x }",
        "{% raw %}",
        "a@b.c",
        "[link](@x)",
        "/// other | x",
        "// figures | x",
        "file:///figure",
    ],
)
def test_what_only_looks_like_it_is_not(text):
    assert mark_lines([text], 1) == Marked([text])


def test_a_table_does_not_cut_a_format_off():
    (marked,) = mark_lines(["| a | {{ coin.x | .2f }} |"], 1).lines
    assert marked.count("|") == 3 and BAR in marked


@pytest.mark.parametrize("fence", ["```", "~~~", "````", "    ```", "- ```", "> ```"])
def test_nothing_inside_a_fence_is_marked(fence):
    lines = [fence + "md", "{{ coin.x }} [@key]", "/// figure | coin", "", fence.replace("- ", "  "), "{{ coin.y }}"]
    made = mark_lines(lines, 1)
    marked, headers = made.lines, made.headers
    assert marked[:5] == lines[:5]
    assert headers == {}
    assert line_of(marked[5]) == 6


def test_a_fence_that_never_closes_hides_nothing():
    marked = mark_lines(["```", "{{ coin.x }}"], 1).lines
    assert line_of(marked[1]) == 2


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("/// figure | coin", "coin"),
        ("/// figure", ""),
        ("    /// claim | It is so.   ", "It is so."),
        ("////  claim | a | b", "a | b"),
    ],
)
def test_a_header_gives_its_argument_and_its_line_back(header, text):
    made = mark_lines([header], 7)
    (marked,), headers = made.lines, made.headers
    assert headers == {7: header.replace("/", "").split()[0]}
    argument = marked.partition("|")[2]
    assert take_mark(argument) == (text, 7)


def test_a_value_in_a_header_keeps_its_own_mark():
    (marked,) = mark_lines(["/// claim | It is {{ coin.x }}."], 7).lines
    text, line = take_mark(marked.partition("|")[2])
    assert line == 7
    assert strip_marks(text) == "It is {{ coin.x }}."
    assert line_of(text) == 7


def test_text_without_marks_has_no_line():
    assert take_mark("coin") == ("coin", None)
