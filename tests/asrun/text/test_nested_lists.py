"""Lists nest as in the decks that people have, and as before in those indented by four."""

from __future__ import annotations

import re

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.text.nesting import nest_lists


def shape(text: str) -> str:
    """Write the lists of rendered Markdown as brackets."""
    html = markdown.markdown("\n".join(nest_lists(text.split("\n"))), extensions=["pymdownx.superfences"])
    tags = re.sub(r"\s+", "", re.sub(r"</?p>", "", html))
    return re.sub(r"<[uo]l>", "(", re.sub(r"</[uo]l>", ")", tags)).replace("<li>", "[").replace("</li>", "]")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- a\n  - b\n  - c\n- d", "([a([b][c])][d])"),
        ("- a\n    - b\n- c", "([a([b])][c])"),
        ("- a\n  - b\n    - c\n      - d\n- e", "([a([b([c([d])])])][e])"),
        ("1. a\n   - b\n2. c", "([a([b])][c])"),
        ("- a\n\n  more\n\n- b", "([amore][b])"),
        ("* a\n   * b\n  * c", "([a([b][c])])"),
        ("text\n\n- a\n- b", "text([a][b])"),
        ("- a\n  b", "([ab])"),
    ],
)
def test_a_list_nests_under_the_text_of_the_item_above(text, wanted):
    assert shape(text) == wanted


def test_code_in_a_list_keeps_its_own_indent():
    lines = nest_lists(["- a", "", "  ```python", "  if x:", "      y", "  ```", "- b"])
    assert lines[2:6] == ["    ```python", "    if x:", "        y", "    ```"]


def test_code_outside_of_lists_is_left_alone():
    text = ["- a", "", "```", "  - b", "```", "", "    - code"]
    assert nest_lists(text)[2:5] == text[2:5]


@given(st.lists(st.integers(0, 3), max_size=8), st.sampled_from([2, 3, 4]))
def test_lists_of_any_step_come_out_as_those_of_four(depths, step):
    levels = [min(depth, at) for at, depth in enumerate(depths)]
    for at in range(1, len(levels)):
        levels[at] = min(levels[at], levels[at - 1] + 1)
    text = [f"{' ' * (step * level)}- x{at}" for at, level in enumerate(levels)]
    assert nest_lists(text) == [f"{' ' * (4 * level)}- x{at}" for at, level in enumerate(levels)]


@given(st.lists(st.text(st.sampled_from("-*1. `ab\t>"), max_size=12), max_size=8))
def test_no_line_is_lost_and_no_word_changed(lines):
    assert [line.strip() for line in nest_lists(lines)] == [line.strip() for line in lines]


def test_a_block_after_a_list_keeps_its_options():
    text = ["- a", "/// figure | coin", "    size: small", "///"]
    assert nest_lists(text) == text
