"""With at signs, slashes and braces, other people's pages mean nothing of ours: they build as before."""

from __future__ import annotations

import pytest

from asrun.checks.reading import read_page
from asrun.pages.context import Context
from asrun.testing import COIN, TinyProject

BIB = "@article{one2014, author = {H, G}, title = {B}, journal = {J}, year = {2014}}\n"


@pytest.fixture
def site(tmp_path):
    site = TinyProject({"snippets/coin.py": COIN, "docs/references/references.bib": BIB}, tmp_path)
    site.put("coin", {"tosses": 12345})
    return site


def read(site, text):
    return read_page(site.write("docs/index.md", text), Context(site.project))


@pytest.mark.parametrize(
    "text",
    [
        "Thanks to [@joe](https://github.com/joe) and [@ann](../ann.md 'Ann').\n",
        "Thanks to [@joe][joe].\n\n[joe]: https://github.com/joe\n",
        "Thanks to [@joe] and [@Ann][].\n\n[@joe]: https://github.com/joe\n[@ann]: https://github.com/ann\n",
        "Install [@babel/core](https://www.npmjs.com/package/@babel/core), mail joe@example.com.\n",
        "Jinja's \\{\\{ name \\}\\} in prose.\n",
        "---\nurl: file:///home\nrepository: ssh:///x\n---\n\nText\n",
        'Send:\n\n    {"a": {"b": 1}}\n    if (a) { b[1] @ c }\n\nText\n',
        "<details>\n<summary>More</summary>\n\n`{{ name }}` and `b[@@c]`\n\n</details>\n",
        "// a comment\n\nA URL is file:///etc/hosts, a C++ path C:\\\\a\\b, an `///`.\n",
    ],
)
def test_what_means_nothing_of_ours_is_left_alone(site, text):
    found = read(site, text)
    assert not found.problems, [str(each) for each in found.problems]
    assert not found.citations


def test_links_to_people_lead_to_them(site):
    html = read(site, "[@joe](https://github.com/joe) and [@ann].\n\n[@ann]: https://ann.org\n").html
    assert '<a href="https://github.com/joe">@joe</a>' in html and '<a href="https://ann.org">@ann</a>' in html


@pytest.mark.parametrize(
    "text",
    [
        "So they say [@nobody].\n",
        "So they say [@nobody] (really).\n",
        "So they say [@nobody](p. 3 and on).\n",
        "So they say [@nobody][@one2014].\n",
        "So they say [@nobody][^1].\n\n[^1]: Note.\n",
        "So they say [@one2015](https://example.com).\n",
        "So they say [@nobody, p. 3][@one2014].\n\n[@one2014]: https://example.com\n",
        "So it is $x [@one2014]$.\n",
        "\\(x [@nobody]\\)\n",
        "<!--> {{ coin.nothing }} -->\n",
        "<div>\n`a` {{ coin.nothing }} `b`\n</div>\n",
        "<!---> {{ coin.nothing }} -->\n",
    ],
)
def test_what_a_reader_takes_for_a_citation_is_one_or_is_told(site, text):
    assert read(site, text).problems


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("note | Title", "pymdownx.blocks.admonition"),
        ("details | More", "pymdownx.blocks.details"),
        ("tab | One", "pymdownx.blocks.tab"),
        ("caption", "pymdownx.blocks.caption"),
        ("figure-caption", "pymdownx.blocks.caption"),
        ("html | div", "pymdownx.blocks.html"),
        ("define", "pymdownx.blocks.definition"),
    ],
)
def test_blocks_of_extensions_that_are_not_there_are_told_with_the_extension(site, name, extension):
    text = f"/// {name}\nText\n///\n"
    (problem,) = read(site, text).problems
    assert f"add {extension} to markdown_extensions" in str(problem)
    site.write("mkdocs.yml", f"site_name: S\nplugins: [asrun]\nmarkdown_extensions: [{extension}]\n")
    assert not read(site, f"Term\n\n{text}").problems
