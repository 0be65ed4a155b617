"""Which numbers of a page need a source, and which do not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.text.numerals import find_unsourced


def numbers(text: str, *allowed: str) -> list[str]:
    patterns = [re.compile(each) for each in allowed]
    found = find_unsourced(text.split("\n"), 1, patterns, sourced={"claim", "table"}, asking={"quiz", "exercise"})
    return [each.number for each in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The error is 1.34 percent.", ["1.34 percent"]),
        ("It fell by 12 %.", ["12 %"]),
        ("It took 52 minutes.", ["52"]),
        ("It has 73 600 000 weights.", ["73 600 000"]),
        ("about 1.5 × 10^6 steps", ["1.5 × 10^6"]),
        ("| 0.25 | x |", ["0.25"]),
        ("- **2.5** times", ["2.5"]),
        ("![the curve falls to 0.13](x.png)", ["0.13"]),
        ("> 17 networks", ["17"]),
        ("??? note\n    17 networks", ["17"]),
        ("/// figure | x\nIt falls to 0.13.\n///", ["0.13"]),
        ("the error was $1.34$ then", ["1.34"]),
        ("1.06 ± 0.04", ["1.06", "0.04"]),
        ("6.9× as fast", ["6.9"]),
        ("from 2.7% to 1.7%", ["2.7%", "1.7%"]),
    ],
)
def test_what_looks_measured_needs_a_source(text, found):
    assert numbers(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "The error is {{ drop_rate.error | .2f }} percent.",
        "three layers, 10 digits, 5 seeds",
        "in 2014 the paper",
        "`nn.Dropout(0.25)` drops",
        "```\n0.25\n```",
        "Figure 9, Table 12.5, section 7.3 and Python 3.11",
        "13. the thirteenth item",
        "**14.** A layer",
        "[@srivastava2014, p. 1933]",
        "[a link](https://example.org/0.25) <https://example.org/99>",
        "/// claim | It is below 0.25.\nsnippet.x < 0.25\n///",
        "/// table | T\n    rows: {drop: [0.25, 0.75]}\n///",
        "/// figure | x\n    size: small\nA caption.\n///",
        "$\\frac{0.25}{0.75}$ and $x = 1 - 0.2$",
        "$$\nx = 0.25\n$$",
        "<!-- 0.25 -->",
        "A layer keeps 400 × 0.25 = 100 units.",
        "so 512 × 0.1 = 51 units",
        "0.8 / 0.2 = 4",
        "x1.5, v2.13, 3x3, 64-128-10, float64",
        "28×28",
        '<img width="0.25" alt="x">',
    ],
)
def test_what_has_one_or_needs_none_is_left_alone(text):
    assert numbers(text) == []


def test_a_reason_holds_to_the_next_heading():
    text = "<!-- stated 0.25, 400: chosen for the exercise -->\n0.25 of 400\n\n0.25\n\n## Next\n\n0.25"
    found = find_unsourced(text.split("\n"), 10)
    assert [(each.number, each.line, each.column) for each in found] == [("0.25", 17, 1)]


def test_without_a_reason_nothing_is_stated():
    assert numbers("<!-- stated 0.25: -->\n0.25") == ["0.25"]


def test_a_project_may_allow_settings():
    assert numbers("at drop 0.25 the error is 0.25", r"\bdrop \d\.\d+") == ["0.25"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("400 × 0.25 = 101", "it comes to 100"), ("1 / 3 = 0.34", "it comes to 0.333"), ("2 + 2 = 5.0", "it comes to 4")],
)
def test_arithmetic_in_view_is_done_again(text, wrong):
    (found,) = find_unsourced([text])
    assert wrong in found.wrong


@given(st.integers(13, 1900), st.integers(1, 99), st.sampled_from("+-×"))
def test_right_arithmetic_is_right(left, right, sign):
    result = {"+": left + right, "-": left - right, "×": left * right}[sign]
    assert numbers(f"so {left} {sign} {right} = {result}") == []
    assert numbers(f"so {left} {sign} {right} = {result + 1}") != []


@given(st.text(st.sampled_from("0123456789.%$`{}[]()<>!-/ \n#=×ax,"), max_size=60))
def test_any_text_is_read(text):
    lines = text.split("\n")
    for found in find_unsourced(lines, 1):
        assert lines[found.line - 1][found.column - 1 :].lstrip().startswith(found.number[:1])


def test_a_question_is_read_and_its_options_are_not():
    options = "    because: x > 0.37\n    wrong:\n      0.9 * x: Because of 17."
    text = f"/// quiz | It fell from 61 to 0.54. Why?\n{options}\n\n- [x] 0.38\n///"
    assert numbers(text) == ["61", "0.54", "0.38"]
    assert numbers("//// exercise | A layer of 400 units.\n    check: 400 * 0.5 == 200\n////") == ["400"]
