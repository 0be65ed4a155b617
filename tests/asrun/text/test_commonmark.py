"""Slides are read as reveal.js reads them: where a block begins, where HTML ends, what is a heading."""

from __future__ import annotations

import re

import markdown
import pytest

from asrun.decks.of_project import dialect
from asrun.pages.markdown import ALWAYS
from asrun.text.deck_source import parse_deck


def shown(text: str, options: str = "") -> str:
    """What a slide becomes, without the white space between the tags."""
    more = dialect(parse_deck(f"---\nrevealOptions: {{{options}}}\n---\n# A", "deck.md"))
    settings = ALWAYS | more
    html = markdown.markdown(text, extensions=list(settings), extension_configs=settings)
    return re.sub(r"\s*\n\s*", "", html)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("words:\n- a\n- b", "<p>words:</p><ul><li>a</li><li>b</li></ul>"),
        ("words:\n* a\n  * b", "<p>words:</p><ul><li>a<ul><li>b</li></ul></li></ul>"),
        ("words:\n1. a\n2. b", "<p>words:</p><ol><li>a</li><li>b</li></ol>"),
        ("born in\n1984. a year", "<p>born in1984. a year</p>"),
        ("1) a\n2) b", "<ol><li>a</li><li>b</li></ol>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("- a\n-\n- b", "<ul><li>a</li><li></li><li>b</li></ul>"),
        ("1. a\n\n- b", "<ol><li>a</li></ol><ul><li>b</li></ul>"),
        ("> a\n\n> b", "<blockquote><p>a</p></blockquote><blockquote><p>b</p></blockquote>"),
        ("- a - b\n  c", "<ul><li>a - bc</li></ul>"),
    ],
)
def test_lists_and_quotations(text: str, wanted: str) -> None:
    assert shown(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# A", "<h1>A</h1>"),
        ("  ## A ##", "<h2>A</h2>"),
        ("###\u00a0A", "<h3>A</h3>"),
        ("#a", "<p>#a</p>"),
        ("a #b\n# C\nd", "<p>a #b</p><h1>C</h1><p>d</p>"),
        ("# C #", "<h1>C</h1>"),
        ("# C#", "<h1>C#</h1>"),
    ],
)
def test_headings(text: str, wanted: str) -> None:
    assert shown(text) == wanted


def test_a_table_right_under_a_line() -> None:
    html = shown("words\n| a | b |\n|:--|--:|\n| 1 | 2 |")
    assert html.startswith("<p>words</p><table>") and html.count("<td") == 2
    assert "<table>" not in shown("a | b\nc")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('<div class="left">\n\n- a\n\n</div>', '<div class="left"><ul><li>a</li></ul></div>'),
        ("<div>\n*a*\n</div>", "<div>*a*</div>"),
        ("<div>\n  <div>\n\n  # A\n\n  </div>\n</div>", "<div><div><h1>A</h1></div></div>"),
        ("<small>\n\n*a*\n\n</small>", "<small><p><em>a</em></p></small>"),
        ("*a* <small>*b*</small>", "<p><em>a</em> <small><em>b</em></small></p>"),
        ("<style>\na {}\n\nb {}\n</style>\n# A", "<style>a {}b {}</style><h1>A</h1>"),
        ("words\n<div>a</div>", "<p>words</p><div>a</div>"),
        ('<img src="a.png">\n<img src="b.png">', '<p><img src="a.png"><img src="b.png"></p>'),
        ("a\n<!-- b -->\nc", "<p>a</p><!-- b --><p>c</p>"),
        ("- a\n\n  <div>*b*</div>", "<ul><li><p>a</p><div>*b*</div></li></ul>"),
        ("    <div>", '<div class="highlight"><pre><span></span><code>&lt;div&gt;</code></pre></div>'),
        ("<div markdown>\n*a*\n</div>\n\n*b*", "<div><p><em>a</em></p></div><p><em>b</em></p>"),
        ("<div markdown>\n\n<div>\n*a*\n</div>\n\n</div>", "<div><div>*a*</div></div>"),
    ],
)
def test_html_ends_at_a_blank_line_and_markdown_goes_on(text: str, wanted: str) -> None:
    assert shown(text) == wanted


def test_what_github_added() -> None:
    assert shown("~~a~~ ~b~") == "<p><del>a</del> ~b~</p>"
    assert '<a href="https://example.org/a">https://example.org/a</a>' in shown("at https://example.org/a.")
    assert "<a" not in shown("`https://example.org/`")
    boxes = shown("- [x] a\n- [ ] b")
    assert boxes.count('type="checkbox"') == 2 and boxes.count("checked") == 1


def test_breaks() -> None:
    assert shown("a\\\nb") == "<p>a<br />b</p>"
    assert shown("a\nb") == "<p>ab</p>"
    assert shown("a\nb", "markdown: {breaks: true}") == "<p>a<br />b</p>"
    assert "&ldquo;a&rdquo;" in shown('"a"', "markdown: {smartypants: true}")
