"""Formulas: what becomes MathML, what stays text, and how a bad one is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown import Markdown

from asrun.errors import AsrunError, Problems
from asrun.model import Where
from asrun.text.mathml import MACROS

HOSTS = ["tables", "admonition", "toc", "attr_list", "pymdownx.superfences", "pymdownx.tabbed"]


def markdown(*extensions: str, **config: Any) -> Markdown:
    return Markdown(
        extensions=[*HOSTS, *extensions, "asrun.text.mathml"], extension_configs={"asrun.text.mathml": config}
    )


def convert(text: str, **config: Any) -> str:
    return markdown(**config).convert(text)


def formulas(html: str) -> int:
    return len(re.findall(r"<math\b", html))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A line with $x$ and *also* $y_i * z_i$.", 2),
        (r"Round \(x\) brackets.", 1),
        ("# Heading $x$", 1),
        ("- item $a$\n- $b$", 2),
        ("| a | b |\n|---|---|\n| $x$ | $y$ |", 2),
        ('!!! note "Title $t$"\n    Body $x$\n\n    $$ y $$', 3),
        ('=== "Tab $t$"\n\n    $$\n    x\n    $$', 2),
        ("\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}", 1),
        ("\\[\nx < y\n\\]", 1),
    ],
    ids=["paragraph", "round", "heading", "list", "table", "admonition", "tab", "align", "square"],
)
def test_formulas_are_converted_wherever_markdown_is(text: str, count: int) -> None:
    html = convert(text)
    assert formulas(html) == count
    assert "$" not in html and "arithmatex" not in html


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $6.",
        r"Escaped \$x\$ stays.",
        "Code `$x$` and `$$y$$`.",
        "```python\nprice = '$x$', '$$'\n```",
        "    indented $$x$$",
    ],
)
def test_dollars_that_are_no_formula_stay_dollars(text: str) -> None:
    html = convert(text)
    assert formulas(html) == 0
    assert re.sub(r"<[^>]*>", "", html).count("$") == text.count("$")


def test_only_display_formulas_are_blocks() -> None:
    assert '<div class="math"><math display="block">' in convert("$$x$$")
    assert '<span class="math"><math><mi>x</mi></math></span>' in convert("$x$")


def test_only_a_long_formula_can_be_reached_by_keyboard() -> None:
    assert "tabindex" not in convert("$$x$$")
    assert '<div class="math wide" tabindex="0">' in convert("$$" + "+".join("abcdefghijklmnopqrstuvwxyz") + "$$")


def test_a_block_is_unescaped_once() -> None:
    assert "<mo>&lt;</mo>" in convert("$$\nx < y\n$$")
    assert "&amp;lt;" not in convert("$$\nx < y\n$$")


def test_arithmatex_of_the_host_is_kept() -> None:
    md = Markdown(
        extensions=["asrun.text.mathml", "pymdownx.arithmatex"],
        extension_configs={"pymdownx.arithmatex": {"generic": True, "smart_dollar": False}},
    )
    assert formulas(md.convert("$ x $")) == 1


def test_arithmatex_that_is_not_generic_is_told() -> None:
    md = Markdown(extensions=["pymdownx.arithmatex", "asrun.text.mathml"])
    with pytest.raises(AsrunError, match="generic: true"):
        md.convert("$x$")


@pytest.mark.parametrize("name", MACROS)
def test_every_house_macro_is_understood(name: str) -> None:
    assert formulas(convert(f"$\\{name}{{x}}$")) == 1


def test_a_host_adds_macros() -> None:
    macros = {"half": r"\frac{#1}{2}"}
    assert "<mfrac><mi>x</mi><mn>2</mn></mfrac>" in convert(r"$\half{x}$", macros=macros)
    assert formulas(convert(r"$\E$", macros=macros)) == 1


def test_a_bar_over_a_sum_is_left_to_the_style_sheet() -> None:
    assert '<mo class="overline">' in convert(r"$\overline{x+y}$")


def test_references_point_forward_and_are_plain_links() -> None:
    html = convert("See $\\eqref{eq:a}$.\n\n\\begin{align}a\\label{eq:a}\\end{align}")
    assert '<span class="math"><a href="#eq:a">(1)</a></span>' in html
    assert 'id="eq:a"' in html


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (r"$\foo + x$", r"`\foo + x`: Unknown command"),
        (r"$\frac{1}$", "Expected argument"),
        ("text\n$$x$$\nmore", "stands inside a paragraph"),
        ("$$\na\n\nb\n$$", "has no partner"),
        ("costs $5/$6", "a digit follows"),
        (r"$\eqref{eq:none}$", "label eq:none"),
        ("\\begin{align}a\\label{z}\\end{align}\n\n\\begin{align}b\\label{z}\\end{align}", "label z is taken"),
    ],
)
def test_a_bad_formula_stops_the_build_and_is_named(text: str, message: str) -> None:
    with pytest.raises(AsrunError) as caught:
        convert(text, page="docs/lessons/02.md")
    assert message in str(caught.value)
    assert str(caught.value).startswith("docs/lessons/02.md: ")


def test_all_bad_formulas_are_told_at_once() -> None:
    with pytest.raises(Problems) as caught:
        convert("$\\foo$ and\n\n$$é\\frac{é}{\\bar}$$")
    assert len(caught.value.errors) == 2
    assert "(at `}`)" in str(caught.value)


def test_the_host_locates_a_formula() -> None:
    asked = []

    def locate(latex: str) -> Where:
        asked.append(latex)
        return Where("docs/a.md", 7)

    with pytest.raises(AsrunError, match=r"^docs/a\.md:7: The formula"):
        convert("$$\n\\foo < x\n$$", page="docs/a.md", locate=locate)
    assert asked == [r"\foo < x"]


def test_without_page_or_locate_no_place_is_named() -> None:
    with pytest.raises(AsrunError) as caught:
        convert(r"$\foo$")
    assert caught.value.where is None


@pytest.mark.parametrize(
    ("heading", "entry"),
    [
        (r"# Why $\frac{1}{1-\mathrm{drop}}$", "Why 1/(1 − drop)"),
        (r"# $x_i^2 < y$ & more", "x_i^2 &lt; y &amp; more"),
        (r"# A `<b>` and $\sqrt{2}$, $f'$", "A &lt;b&gt; and √2, f′"),
        (r"# $\E[X]$ and $\Var(x)$", "E[X] and Var(x)"),
        ("# Plain", "Plain"),
        ("# Own $x$ {: data-toc-label='label' }", "label"),
    ],
)
def test_the_table_of_contents_reads_as_one_line(heading: str, entry: str) -> None:
    md = markdown()
    md.convert(heading)
    assert md.toc_tokens[0]["name"] == entry


def test_an_instance_can_be_used_for_page_after_page() -> None:
    md = markdown()
    page = "\\begin{align}a\\label{z}\\end{align}"
    assert md.convert(page) == md.reset().convert(page)


@settings(deadline=None)
@given(st.text(alphabet="ab12 $\\{}_^&<>*`[]()|\n-#", max_size=40))
def test_any_text_is_converted_or_told(text: str) -> None:
    try:
        html = convert(text)
    except AsrunError as error:
        assert "formula" in str(error)
    else:
        assert 'class="arithmatex"' not in html


@settings(deadline=None)
@given(st.from_regex(r"[a-z][0-9]?( [+\-=<>] [a-z][0-9]?){0,4}", fullmatch=True))
def test_inline_and_display_hold_the_same_signs(latex: str) -> None:
    def signs(html: str) -> str:
        return re.sub(r"<[^>]*>|\s", "", html)

    assert signs(convert(f"${latex}$")) == signs(convert(f"$$\n{latex}\n$$"))
