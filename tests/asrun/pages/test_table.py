"""Tables of records: what they show, and what an author is told."""

from __future__ import annotations

import re

import pytest

from asrun.testing import COIN, TinyProject, make_figure, raised

BIB = "@article{one2014, author = {Hinton, G}, title = {Big}, journal = {J}, year = {2014}}\n"
NUMBERS = (
    "rate: {cite: one2014, where: Table 1, how: stated, what: a rate, axes: {keep: [0.5, 0.8]}, values: [0.5, 0.7], "
    "uncertainty: [0.01, 0.02]}\n"
)
VALUES = {
    "bias": [0.2, 0.5],
    "method": ["plain", "fancy"],
    "heads": [[0.2, 0.2, 0.2], [0.5, 0.4, 0.6]],
    "cost": [[1, 20000], [3, 4]],
    "tosses": 12345,
    "axes": {"heads": ["bias", "seed"], "cost": ["method", "bias"]},
}


@pytest.fixture
def coin(tiny_project) -> TinyProject:
    project = tiny_project(
        {
            "snippets/coin.py": COIN,
            "docs/references/references.bib": BIB,
            "docs/references/published.yml": NUMBERS,
        }
    )
    project.put("coin", VALUES, figures=[make_figure()])
    return project


def rows(html: str) -> list[list[str]]:
    found = re.search(r"<table[^>]*>.*?</table>", html, re.DOTALL)
    assert found
    cells = [re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", row, re.DOTALL) for row in found[0].split("</tr>")]
    return [[re.sub(r"<[^>]+>", "", cell) for cell in row] for row in cells if row]


def test_a_value_is_laid_out_along_its_axis(coin):
    html = coin.convert("/// table | How often *heads* came up\n    of: coin.heads\n///")
    assert rows(html) == [["bias", "heads"], ["0.2", "0.2 ± 0"], ["0.5", "0.50 ± 0.10"]]
    assert "<caption>How often <em>heads</em> came up</caption>" in html
    assert "How this was made" in html


def test_two_axes_go_down_and_across(coin):
    html = coin.convert("/// table | Cost\n    of: coin.cost\n    format: .0f\n///")
    assert rows(html) == [["method ↓ bias →", "0.2", "0.5"], ["plain", "1", "20\u202f000"], ["fancy", "3", "4"]]


def test_columns_are_expressions_of_the_rows_label(coin):
    html = coin.convert(
        "/// table | Ours and theirs\n"
        "    rows: {bias: coin.bias}\n"
        "    columns:\n"
        "      here: coin.heads(bias=bias) | mean .1f\n"
        "      there: published.rate(keep=1 - bias)\n"
        "      twice: 2 * bias\n"
        "///"
    )
    assert rows(html) == [["bias", "here", "there", "twice"], ["0.2", "0.2", "0.7", "0.4"], ["0.5", "0.5", "0.5", "1"]]


def test_rows_may_be_a_list_and_a_missing_label_may_be_named(coin):
    text = "/// table | Some\n    rows: {bias: [0.5, 0.9]}\n    columns: {here: coin.heads(bias=bias)}\n%s///"
    assert rows(coin.convert(text % "    missing: –\n"))[2] == ["0.9", "–"]
    assert "coin.heads has no bias=0.9" in raised(coin.convert, text % "")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("", "does not say what it shows"),
        ("    of: coin.tosses\n", "no table along nothing"),
        ("    of: coin.hedas\n", "did you mean heads"),
        ("    of: coin.heads\n    rows: {bias: coin.bias}\n", "not both"),
        ("    rows: {bias: coin.bias}\n", "does not say what it shows"),
        ("    rows: [1]\n    columns: {here: coin.tosses}\n", "does not say what it shows"),
        ("    rows: {bias: coin.bias}\n    columns: {here: coin.heads}\n", "many numbers"),
        ("    rows: {bias: coin.tosses}\n    columns: {here: coin.heads}\n", "not a list of labels"),
        ("    rows: {b: coin.bias}\n    columns: {here: coin.heads(dorp=b)}\n    missing: –\n", "no axis called dorp"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_table_is_told(coin, options, told):
    message = raised(coin.convert, f"/// table | It\n{options}///")
    assert message.startswith("docs/index.md:1:")
    assert told in message


def test_a_stale_record_is_no_table(coin):
    coin.write("snippets/coin.py", COIN.replace("0.8", "0.9"))
    assert "stale" in raised(coin.convert, "/// table | It\n    of: coin.heads\n///")
