"""Every block and inline works wherever Markdown lets something stand, on pages and on slides."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from asrun.checks.reading import read_page
from asrun.decks import of_project
from asrun.pages.context import Context
from asrun.testing import COIN, TinyProject, make_figure

BIB = "@article{one2014, author = {Hinton, G}, title = {Big}, journal = {J}, year = {2014}}\n"
NUMBERS = "rate: {cite: one2014, where: Table 1, how: stated, what: a rate, value: 0.25}\n"
VALUES = {
    "bias": [0.2, 0.5],
    "heads": [[0.19, 0.2, 0.21, 0.2, 0.2], [0.5, 0.49, 0.51, 0.5, 0.5]],
    "axes": {"heads": ["bias", "seed"]},
}
AROUND = {
    "nothing": "{}",
    "admonition": "!!! note\n\n{}",
    "details": '??? note "More"\n\n{}',
    "tab": '=== "One"\n\n{}\n\n=== "Two"\n\n    Text',
    "list": "- item\n\n{}\n\n- next",
    "list in a list": "- item\n\n    - inner\n\n{}",
}
BLOCKS = {
    "snippet": ("/// snippet | coin\n    section: run\n    highlight: 1\n///", "asrun-snippet"),
    "output": ("/// output | coin\n///", "asrun-output"),
    "figure": ("/// figure | coin\n    size: small\nA **caption**.\n///", "asrun-figure"),
    "table": ("/// table | Heads\n    of: coin.heads\n///", "asrun-table"),
    "claim": ("/// claim | So it is.\ncoin.heads(bias=0.5) > coin.heads(bias=0.2)\n///", "asrun-claim"),
    "quiz": (
        "/// quiz | Which?\n    definition: so it is\n\n- [x] one\n- [ ] two\n\n    No: [see](#a).\n///",
        "asrun-quiz",
    ),
    "exercise": ("//// exercise | Do it.\n/// solution\nDone.\n///\n////", "asrun-exercise"),
}
INLINES = {
    "value": ("{{ coin.heads(bias=0.5) | .2f }}", "0.50"),
    "published": ("{{ published.rate }}", "0.25"),
    "citation": ("[@one2014]", "Hinton 2014"),
}


@pytest.fixture(scope="module")
def coin(tmp_path_factory) -> TinyProject:
    files = {
        "snippets/coin.py": COIN,
        "docs/references/references.bib": BIB,
        "docs/references/published.yml": NUMBERS,
    }
    project = TinyProject(files, tmp_path_factory.mktemp("nesting"))
    project.put("coin", VALUES, output="tossed", figures=[make_figure()])
    return project


def rendered(project: TinyProject, text: str, where: str) -> str:
    """Render as a page or as a deck; nothing may be wrong with it."""
    context = Context(project.project)
    if where == "page":
        read = read_page(project.write("docs/one.md", f"# One {{ #a }}\n\n{text}\n"), context)
        assert not read.problems, "\n".join(map(str, read.problems))
        return read.html
    path: Path = project.write("slides/talk.md", f"# One\n\n{text}\n")
    return of_project.render(path, context).html


@pytest.mark.parametrize("where", ["page", "deck"])
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_works_inside(coin, block, around, where):
    text, made = BLOCKS[block]
    depth = {"nothing": 0, "list in a list": 8}.get(around, 4)
    html = rendered(coin, AROUND[around].format(textwrap.indent(text, " " * depth)), where)
    assert len(re.findall(rf'class="{made}[" ]', html)) == 1
    assert "///" not in re.sub(r"(?s)<script.*?</script>|<pre.*?</pre>", "", html)


@pytest.mark.parametrize("where", ["page", "deck"])
@pytest.mark.parametrize(
    "around", ["*{}*", "**{}**", "| a |\n| - |\n| {} |", "- {}", "> {}", "## {}", '!!! note "x"\n\n    {}']
)
@pytest.mark.parametrize("inline", INLINES)
def test_an_inline_works_inside(coin, inline, around, where):
    text, shown = INLINES[inline]
    html = rendered(coin, around.format(text), where)
    assert shown in re.sub(r"<[^>]+>", "", html)
    assert text not in html
