"""What looks like ours and was not understood is an error, wherever it stands; and each is told once."""

from __future__ import annotations

import re

import pytest

from asrun.checks.reading import read_page
from asrun.decks import of_project
from asrun.pages.context import Context
from asrun.testing import COIN, TinyProject, make_figure

BIB = "@article{one2014, author = {H, G}, title = {B}, journal = {J}, year = {2014}}\n"
FALSE = "coin.tosses < 5"


@pytest.fixture(scope="module")
def coin(tmp_path_factory) -> TinyProject:
    project = TinyProject(
        {"snippets/coin.py": COIN, "docs/references/references.bib": BIB}, tmp_path_factory.mktemp("almost")
    )
    project.put("coin", {"tosses": 12345, "word": "x"}, output="tossed", figures=[make_figure()])
    return project


def problems(project: TinyProject, text: str, where: str = "page") -> list[str]:
    """Return what is wrong with a page or a deck."""
    context = Context(project.project)
    if where == "page":
        return [str(each) for each in read_page(project.write("docs/one.md", text), context).problems]
    made = of_project.render(project.write("slides/talk.md", text), context, strict=False)
    return [str(each.error) for each in made.citations if each.error]


HEADERS = [
    "/// claim Never so.",
    "/// claim ¦ Never so.",
    "/// claim \uff5c Never so.",
    "/// claim: Never so.",
    "///\u00a0claim | Never so.",
    "/// claim\u00a0| Never so.",
    "/// cl\u200baim | Never so.",
    "\u200b/// claim | Never so.",
    "/ // claim | Never so.",
    "// claim | Never so.",
    "//claim | Never so.",
    "\\/// claim | Never so.",
    "/// Claim |",
    "/// claims | Never so.",
    "///.claim | Never so.",
    "Text /// claim | Never so.",
    "# /// claim | Never so.",
    "\u2215\u2215\u2215 claim | Never so.",
]


@pytest.mark.parametrize("where", ["page", "deck"])
@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_is_not_understood_is_told(coin, header, where):
    found = problems(coin, f"# One\n\n{header}\n{FALSE}\n///\n\ntext\n", where)
    assert found and all(re.match(r"(docs/one|slides/talk)\.md:\d+", each) for each in found)


def test_a_header_without_a_space_is_understood(coin):
    assert problems(coin, "///claim|So.\ncoin.tosses > 5\n///") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<div>\n/// claim | So.\ncoin.tosses > 5\n///\n</div>", 2),
        ("| a |\n| - |\n| /// claim | So. |", 3),
        ("[/// claim | So.](other.md)", 1),
        ("[text](/// claim | So.)", 1),
        ("A note.[^1]\n\n[^1]: Text /// claim | So.", 3),
        ("text\n\n    /// claim | So.\n    coin.tosses > 5\n    ///", 3),
        ("- item\n\n        /// claim | So.\n        coin.tosses > 5\n        ///", 3),
        ("text\n\n    {{ coin.tosses }}", 3),
        ("- item\n\n            {{ coin.tosses }}", 3),
        ("///", 1),
        ("text\n///\ntext", 2),
        ("/// figure | coin\n///\n\n///", 4),
        ("/// claim | So.\ncoin.tosses > 5\n////", 1),
        ("/// claim | So.\ncoin.tosses > 5\n//", 1),
        ("/// claim | So.\ncoin.tosses > 5\n/// end", 1),
        ("//// claim | So.\ncoin.tosses > 5\n///", 1),
        ("{{ coin.tosses }", 1),
        ("{ coin.tosses }}", 1),
        ("{ { coin.tosses } }", 1),
        ("{\u00a0{ coin.tosses }}", 1),
        ("{{ co\u200bin.tosses }}", 1),
        ("{{ coin.tosses\n\n}}", 1),
        ("[@one2014", 1),
        ("[ @one2014]", 1),
        ("[\u200b@one2014]", 1),
        ("@one2014]", 1),
        ("[one2014]", 1),
        ("(@one2014)", 1),
        ("[on@e2014]", 1),
        ("[2@one014]", 1),
        ("{}{ coin.tosses }", 1),
        ("| a |\n| - |\n| b | {{ coin.tosses }} |", 3),
        ('<img alt="{{ coin.tosses }}">', 1),
        ("[text]({{ coin.tosses }})", 1),
        ("<div>[@one2014]</div>", 1),
        ("*[HTML]: {{ coin.tosses }}", 1),
        ("[unused]: http://a/{{coin.tosses}}", 1),
        ("```python\nx = 1\n\n{{ coin.tosses }}\n\n```python\ny = 1\n```", 1),
        ("x = 1\n```\n\n/// claim | So.\ncoin.tosses > 5\n///\n\n```\ny = 1\n```\n", 10),
    ],
)
def test_what_is_not_understood_is_told_where_it_stands(coin, text, line):
    found = problems(coin, text)
    assert any(each.startswith(f"docs/one.md:{line}") for each in found), found
    assert all("\n    " in each for each in found), found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("/// figure | coin\nsize: small\n///", 2),
        ("/// figure | coin\n  size: small\n///", 2),
        ("/// figure | coin\n   sise: small\n///", 2),
        ("/// figure | coin\n\u00a0\u00a0\u00a0\u00a0size: small\n///", 2),
        ("/// figure | coin\n\n    size: small\n///", 3),
        ("/// figure | coin\n\nsize: small\n///", 3),
        ("/// figure | coin\nSize: small\n///", 2),
        ("/// figure | coin\nsize = small\n///", 2),
        ("/// figure | coin\n    size: small\n  attrs: {class: a}\n///", 3),
        ("/// figure | coin\n    sise: small\n///", 1),
        ("/// figure | coin\n    size: huge\n///", 1),
        ("/// figure | coin\n    size small\n///", 1),
        ("/// claim | So.\n  scale: quick\n\ncoin.tosses > 5\n///", 2),
        ("/// claim | So.\n    sacle: full\n\ncoin.tosses > 5\n///", 1),
        ("/// output | coin\n    scale: full\n///", 1),
        ("/// table | Words\n  of: coin.word\n///", 2),
        ("- item\n\n    /// figure | coin\n      size: small\n    ///", 4),
        ("> /// figure | coin\n> size: small\n> ///", 2),
    ],
)
def test_options_that_are_none_are_told(coin, text, line):
    found = problems(coin, text)
    assert any(each.startswith(f"docs/one.md:{line}") for each in found), found


@pytest.mark.parametrize(
    "text",
    [
        "/// figure | coin\nSource: a coin.\n///",
        "/// figure | coin\n\tsize: small\n///",
        "/// figure | coin\n    attrs: {class: a}\n///",
        "```\n/// claim The sentence\n{{ x }\n```",
        "`/// claim The sentence` and `{ x }}` and `@one2014`",
        "<script>const a = {b: {c: 1}}</script>",
        "<pre>/// claim | So.\n{ x }}</pre>",
        "Mail me@one.org, see [one2014](other.md) and [two].\n\n[two]: http://a.b/c",
        "file:///figure/x.svg and http://a.b//output",
        "$\\frac{{a}}{b_{c_{d}}}$",
        "text {: .class }\n\n!!! note\n\n    text",
    ],
)
def test_what_means_something_else_is_left_alone(coin, text):
    assert problems(coin, text) == []


def test_each_problem_is_told_once_however_many_headings_there_are(tiny_project):
    config = "site_name: Tiny\nplugins: [{asrun: {sourced_numbers: [docs]}}]\nmarkdown_extensions: [toc]\n"
    headings = "\n\n".join(f"## Heading {{{{ 2 * {number} }}}}" for number in range(20))
    project = tiny_project(
        {
            "mkdocs.yml": config,
            "snippets/coin.py": COIN,
            "docs/index.md": f"# One\n\n{headings}\n\n417 of them.\n\n/// figur | coin\n///\n\n}}}} {{{{ 1\n",
        }
    )
    for command in (["check"], ["build", "--no-run"]):
        text = project.run(*command).text
        for told in ("417 has no source", "no block called figur", "this {{ was not", "this }} closes"):
            assert text.count(told) == 1, text
        assert "this /// ends no block" not in text and "4 problems" in text
        assert len(set(re.findall(r"index\.md:\d+:?\d*", text))) == 4


@pytest.mark.parametrize("hidden", [FALSE, "{{ coin.nothing }}"])
def test_a_fence_that_a_slide_forgets_to_close_hides_nothing(coin, hidden):
    claim = f"/// claim | So.\n{hidden}\n///"
    found = problems(coin, f"# One\n\n```python\nx = 1\n\n{claim}\n\n---\n\n# Two\n", "deck")
    assert any(each.startswith("slides/talk.md:3") for each in found), found
    assert problems(coin, "# One\n\n```python\nx = 1\n\n---\n\n# Two\n", "deck") == []
