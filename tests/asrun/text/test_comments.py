"""Text in HTML comments is nobody's business; what Markdown shows though it looks like a comment is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.checks.reading import read_page
from asrun.decks import of_project
from asrun.errors import AsrunError
from asrun.pages.context import Context
from asrun.testing import COIN, TinyProject, make_figure
from asrun.text.comments import find_comments, without_long_comments

CONFIG = "site_name: Tiny\nplugins: [{asrun: {sourced_numbers: [docs, slides]}}]\n"
CLAIM = "/// claim | Never.\ncoin.tosses < 5\n///"


@pytest.fixture(scope="module")
def coin(tmp_path_factory) -> TinyProject:
    project = TinyProject({"mkdocs.yml": CONFIG, "snippets/coin.py": COIN}, tmp_path_factory.mktemp("comments"))
    project.put("coin", {"tosses": 12345}, figures=[make_figure()])
    return project


def read(project: TinyProject, text: str, where: str):
    """Return what a page or a deck cites, what is wrong with it, and its HTML."""
    context = Context(project.project)
    if where == "page":
        found = read_page(project.write("docs/one.md", text), context)
        return found.citations, found.problems, found.html
    made = of_project.render(project.write("slides/talk.md", text), context, strict=False)
    return made.citations, [each.error for each in made.citations if each.error], made.html


@pytest.mark.parametrize("where", ["page", "deck"])
@pytest.mark.parametrize(
    "comment",
    [
        "<!-- {{ coin.nothing }} -->",
        "Text <!-- {{ coin.nothing }} [@none] 417 --> goes on.",
        "Text <!-- {{ coin.nothing }}\nand 417.5 [@none]\n--> goes on.",
        f"<!--\n{CLAIM}\n-->",
        f"<!-- A sketch: 417\n\n{CLAIM}\n\n/// figure | none\n///\n\n417 and [@none] -->",
        "<!--\n```python\n{{ coin.nothing }}\n-->",
        "<!-- ``` ~~~ /// ` $ $$ ]( -->",
        "- item\n- <!-- {{ coin.nothing }} -->\n- more",
        "- item\n\n    <!-- {{ coin.nothing }}\n    /// claim | So.\n    -->\n\n- more",
        "> quoted <!-- {{ coin.nothing }} -->",
        "| a |\n| - |\n| b <!-- {{ coin.nothing | .2f }} --> |",
        "## Heading <!-- {{ coin.nothing }} -->",
        "<!-- a -- b {{ coin.nothing }} -->",
        "<!-- [a link](nowhere.md) <b>{{ coin.nothing }}</b> -->",
        "<!-- one --><!-- {{ coin.nothing }} --> and <!-- [@none] -->",
    ],
)
def test_what_is_in_a_comment_is_neither_cited_nor_told(coin, comment, where):
    citations, problems, html = read(coin, f"# One\n\n{comment}\n\nSo {{{{ coin.tosses }}}}.\n", where)
    assert not problems, "\n".join(map(str, problems))
    assert [each.kind for each in citations] == ["value"]
    assert "12\u202f345" in html
    shown = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    assert "```" not in shown
    assert not re.search("nothing|none\\b|Never|[\ue000-\ue003\U000fa400-\U000fa600]", shown)


@pytest.mark.parametrize("where", ["page", "deck"])
@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("`<!--` {{ coin.tosses }} `-->`", 1),
        ("\\<!-- {{ coin.tosses }} -->", 1),
        ("```\n<!--\n```\n\n{{ coin.tosses }}\n\n```\n-->\n```", 1),
        ("``a `<!--` b`` {{ coin.tosses }} -->", 1),
        ("<!-- a --> \n\n{{ coin.tosses }} -->", 1),
    ],
)
def test_what_is_in_no_comment_is_cited(coin, text, cited, where):
    citations, problems, _ = read(coin, f"# One\n\n{text}\n", where)
    assert not problems, problems
    assert [each.kind for each in citations] == ["value"] * cited


@pytest.mark.parametrize("where", ["page", "deck"])
@pytest.mark.parametrize(
    "text",
    [
        f"<!-- never closed\n\n{CLAIM}\n",
        f"Text <!-- over\n\n{CLAIM}\n\n-->",
        f"<!-- one --\n\n{CLAIM}\n\n<!-- two -->",
        f"<!--> {{{{ coin.nothing }}}}\n\n{CLAIM} -->",
        f"<!-- a --!>\n\n{CLAIM}\n\n-->",
    ],
)
def test_what_a_comment_swallows_by_mistake_is_told(coin, text, where):
    _, problems, _ = read(coin, f"# One\n\n{text}\n", where)
    assert problems and all(each.where and each.where.line for each in problems)


def test_comments_that_say_something_go_on_to_say_it(coin):
    text = '# One\n\n<!-- stated 417: chosen for this test -->\n417 of them.\n\n<!-- .element: class="big" -->\n'
    citations, problems, html = read(coin, '<!-- .slide: data-state="so" -->\n' + text, "deck")
    assert not problems and not citations
    assert 'data-state="so"' in html and 'class="big"' in html
    _, problems, _ = read(coin, text.replace("417:", "418:"), "page")
    assert "417 has no source" in str(problems[0])


PIECES = st.sampled_from(
    ["<!--", "-->", "`", "``", "```", "\n", "\n\n", "a", " ", "    ", "\\", "{{ coin.tosses }}", "> "]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_is_taken_for_a_comment_is_one_in_the_page(coin, text):
    lines = text.split("\n")
    for each in find_comments(lines):
        assert lines[each.line][each.column :].startswith("<!--")
        assert lines[each.last][: each.end].endswith("-->")
    kept = without_long_comments(lines)
    assert len(kept) == len(lines)
    # Every value is cited, told, shown as code, or hidden in a comment of the HTML.
    try:
        html = coin.convert(text, numbers=False)
    except AsrunError:
        return
    hidden = "".join(re.findall(r"(?s)<!--.*?-->|<code.*?</code>", html)).count("{{ coin.tosses }}")
    assert text.count("{{ coin.tosses }}") == hidden + html.count("12\u202f345")
