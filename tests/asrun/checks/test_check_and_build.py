"""`asrun check` and the MkDocs build read the same page: as many values, claims and citations, of the same kinds."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mkdocs.commands.build import build as mkdocs_build
from mkdocs.config import load_config

from asrun.checks.reading import read_all
from asrun.pages.citation import Citation
from asrun.pages.context import Context
from asrun.testing import COIN, TinyProject, make_figure

CONFIG = """\
site_name: Tiny
theme: {name: null, custom_dir: theme}
plugins: [asrun]
"""
FILES = {
    "mkdocs.yml": CONFIG,
    "theme/main.html": "{{ page.content }}",
    "snippets/coin.py": COIN,
    "docs/index.md": "# Home\n",
    "docs/references/references.bib": "@article{one2014, author = {H, G}, title = {B}, journal = {J}, year = {2014}}\n",
}
VALUES = {"tosses": 12345, "heads": [1, 2], "bias": [0.2, 0.5], "axes": {"heads": ["bias"]}}


def fill(project: TinyProject) -> TinyProject:
    project.put("coin", VALUES, output="tossed", figures=[make_figure()])
    return project


@pytest.fixture(scope="module")
def coin(tmp_path_factory) -> TinyProject:
    return fill(TinyProject(FILES, tmp_path_factory.mktemp("both")))


def told(citations: list[Citation]) -> list[tuple[str, str, str]]:
    return [(str(each.where), each.kind, str(each.error or "")) for each in citations]


def both(project: TinyProject) -> Iterator[tuple[str, Any, Any]]:
    """Read every page with `asrun check` and with MkDocs; yield what each found, by page."""
    context = Context(project.project)
    site = project.folder / "built"
    config = load_config(str(project.folder / "mkdocs.yml"), site_dir=str(site))
    plugin: Any = config.plugins["asrun"]
    plugin.given = context
    # As in a preview: what is wrong is noted, and the rest goes on.
    config.plugins.on_startup(command="serve", dirty=False)
    mkdocs_build(config)
    built = {project.project.relative(read.path): read.citations for read in plugin.read}
    checked = {project.project.relative(read.path): read.citations for read in read_all(context)}
    assert set(built) <= set(checked)
    for name in checked:
        yield name, told(checked[name]), told(built[name]) if name in built else None


PIECES = st.sampled_from(
    [
        "",
        "",
        "# One",
        "---",
        "title: One",
        "Heads: {{ coin.tosses }}",
        "Title: One",
        "{{ coin.tosses }} and [@one2014].",
        "{{ coin.nothing }}",
        "/// claim | Often.\ncoin.tosses > 5\n///",
        "/// claim | Never.\ncoin.tosses < 5\n///",
        "/// figure | coin\nHeads {{ coin.tosses }}\n///",
        "!!! note\n\n    {{ coin.tosses }}",
        '=== "One"\n\n    /// claim | So.\n    coin.tosses > 5\n    ///',
        "- item\n\n    {{ coin.tosses }}",
        "<div markdown=1>\n{{ coin.tosses }}\n</div>",
        "<!-- {{ coin.tosses }}\n\n/// claim | So.\n///\n-->",
        "<!--",
        "-->",
        "```",
        "~~~ {.python}",
        "    {{ coin.tosses }}",
        "[^1]: {{ coin.tosses }}",
        "A note.[^1]",
        "*[HTML]: {{ coin.tosses }}",
        "| a |\n| - |\n| {{ coin.tosses }} |",
        "term\n:   {{ coin.tosses }}",
        "## {{ coin.tosses }} heads {: #a }",
        "[TOC]",
        "///",
    ]
)
PAGES = st.lists(PIECES, min_size=1, max_size=7).map("\n\n".join) | st.lists(PIECES, max_size=7).map("\n".join)


@settings(max_examples=3)
@given(st.lists(PAGES, min_size=40, max_size=40))
def test_check_and_build_find_the_same_on_every_page(coin, pages):
    shutil.rmtree(coin.folder / "docs" / "drawn", ignore_errors=True)
    for number, text in enumerate(pages):
        coin.write(f"docs/drawn/{number}.md", text)
    for name, checked, built in both(coin):
        assert checked == built, coin.read(name)


SUFFIXES = ("markdown", "mdown", "mkdn", "mkd", "md")
INCLUDING = "markdown_extensions: [{pymdownx.snippets: {base_path: [parts]}}]\n"
INCLUDED = {
    "mkdocs.yml": CONFIG + INCLUDING,
    "parts/part.txt": "{{ coin.tosses }}\n\n{{ coin.nothing }}\n",
    "docs/including.md": '# One\n\n--8<-- "part.txt"\n\n{{ coin.nothing }}\n\n```\n--8<-- "part.txt"\n```\n',
}
EVERY_KIND = {
    "mkdocs.yml": CONFIG + INCLUDING + "draft_docs: drafts/\nnot_in_nav: /hidden.md\nexclude_docs: left-out.md\n",
    **{f"docs/{suffix}.{suffix}": "{{ coin.tosses }}" for suffix in SUFFIXES},
    "docs/drafts/draft.md": "{{ coin.tosses }}",
    "docs/hidden.md": "{{ coin.tosses }}",
    "docs/left-out.md": "{{ coin.tosses }}",
    "docs/deep/README.md": "{{ coin.tosses }}",
    "docs/_underscore.md": "{{ coin.tosses }}",
    "docs/bom.md": "\ufeff---\r\ntitle: One\r\n---\r\n\r\n{{ coin.tosses }}\r\n",
    "docs/note.md": "!!! note\n\n    {{ coin.tosses }}\n",
    "parts/part.txt": "{{ coin.tosses }}\n",
    "docs/including.md": 'Twice.\n\n--8<-- "part.txt"\n\n- item\n\n    --8<-- "part.txt"\n',
}


def test_pages_of_every_kind_are_read_by_both(tiny_project, monkeypatch):
    project = fill(tiny_project(FILES | EVERY_KIND))
    monkeypatch.chdir(project.folder)
    not_in_the_site = set()
    for name, checked, built in both(project):
        if built is None:
            not_in_the_site.add(name)
        else:
            assert checked == built, name
    # What is no page of the site is held to the same.
    assert not_in_the_site == {"docs/drafts/draft.md", "docs/left-out.md"}
    check, build = project.run("check"), project.run("build", "--no-run")
    assert check.text == "14 values, claims and citations hold.\n"
    assert "checked 14 values, claims and citations" in build.text


def test_what_is_wrong_in_a_file_that_is_put_in_is_told_where_it_is(tiny_project, monkeypatch):
    project = fill(tiny_project(FILES | INCLUDED))
    monkeypatch.chdir(project.folder)
    result = project.run("check")
    assert "docs/including.md:3:1: coin (quick, cpu) has no value called nothing" in result.text
    assert "also at docs/including.md:5:1" in result.text
    assert "1 problem, in 2 places" in result.text


def test_folders_that_links_lead_to_are_read_as_mkdocs_does(tiny_project):
    project = fill(tiny_project(FILES | {"shared/a.md": "{{ coin.tosses }}"}))
    (project.folder / "docs/shared").symlink_to(project.folder / "shared")
    (project.folder / "docs/round").symlink_to(project.folder / "docs")
    read = {project.project.relative(read.path) for read in read_all(Context(project.project))}
    assert read == {"docs/index.md", "docs/shared/a.md"}


@pytest.mark.parametrize("command", [("check",), ("build", "--no-run")])
def test_a_first_line_that_is_taken_for_metadata_is_told(tiny_project, command):
    project = fill(
        tiny_project(
            FILES | {"docs/a.md": "Heads: {{ coin.tosses }}\n", "docs/b.md": "Title: B\n\n{{ coin.tosses }}\n"}
        )
    )
    result = project.run(*command)
    assert result.code == 1 and "docs/a.md:1:8: MkDocs reads the first lines" in result.text
    project.write("docs/a.md", "\nHeads: {{ coin.tosses }}\n")
    assert "2 values" in project.run(*command).text


def test_a_plugin_that_has_its_own_text_for_a_page_keeps_it(tiny_project):
    own = "def on_page_read_source(page, **_):\n    return 'Own.' if page.file.src_uri == 'a.md' else None\n"
    project = fill(
        tiny_project(FILES | {"mkdocs.yml": CONFIG + "hooks: [hook.py]\n", "hook.py": own, "docs/a.md": "Text.\n"})
    )
    assert project.run("build", "--no-run").code == 0
    assert "Own." in project.read("site/a/index.html")
    project.write("docs/a.md", "{{ coin.tosses }}\n")
    assert "docs/a.md: `asrun check` finds 1" in project.run("build", "--no-run").text


HOOK = "def on_page_markdown(markdown, **_):\n    return markdown.replace({old!r}, {new!r})\n"


@pytest.mark.parametrize(
    ("old", "new", "fine"),
    [("{{ coin.tosses }}", "many", False), ("HERE", "{{ coin.tosses }}", False), ("HERE", "there", True)],
)
def test_a_hook_that_changes_what_is_cited_is_told(tiny_project, old, new, fine):
    project = fill(
        tiny_project(
            FILES
            | {
                "mkdocs.yml": CONFIG + "hooks: [hook.py]\n",
                "hook.py": HOOK.format(old=old, new=new),
                "docs/a.md": "HERE are {{ coin.tosses }}.\n",
            }
        )
    )
    result = project.run("build", "--no-run")
    assert (result.code == 0) is fine, result.text
    if not fine:
        assert "docs/a.md: `asrun check` finds 1 value" in result.text
        assert "another plugin" in result.text and not project.exists("site")


@pytest.mark.parametrize("command", [("check",), ("build", "--no-run")])
def test_what_cannot_be_read_costs_nothing_else(tiny_project, command):
    project = fill(
        tiny_project(
            FILES
            | {
                "docs/a.md": "# One\n\n{{ coin.nothing }}\n",
                "docs/b.md": "# Two\n\n{{ coin.nothing }}\n",
                "slides/broken.md": "---\ntitle: a: b\n---\n# One\n",
                "slides/lost.md": "---\nlesson: nowhere\n---\n# One\n",
                "slides/talk.md": "# One\n\n{{ coin.nothing }}\n",
                "docs/slides.md": "/// decks\n///\n",
            }
        )
    )
    (project.folder / "docs/latin.md").write_bytes(b"# One\n\ncaf\xe9\n")
    (project.folder / "slides/zero.md").write_bytes(b"# One\0\n")
    result = project.run(*command)
    assert result.code == 1
    for place in (
        "docs/a.md:3:1: coin (quick, cpu) has no value",
        "also at docs/b.md:3:1 and slides/talk.md:3:1",
        "docs/latin.md:3: this is not UTF-8",
        "slides/broken.md:2: this front matter is not YAML",
        "slides/lost.md:1: this deck belongs",
        "slides/zero.md:1: a NUL byte",
    ):
        assert result.text.count(place) == 1, place + "\n" + result.text
    assert "5 problems, in 7 places" in result.text


def test_a_preview_goes_on_without_a_deck_that_cannot_be_read(tiny_project):
    project = fill(tiny_project(FILES | {"slides/broken.md": "---\ntitle: a: b\n---\n", "slides/talk.md": "# Talk\n"}))
    assert list(both(project))
    built = project.folder / "built" / "slides"
    assert "broken.md:2: this front matter" in (built / "broken/index.html").read_text("utf-8")
    assert "Talk" in (built / "talk/index.html").read_text("utf-8")


BROKEN = textwrap.dedent(
    """
    from markdown.extensions import Extension
    from markdown.treeprocessors import Treeprocessor

    class Refuse(Treeprocessor):
        def run(self, root):
            if "trouble" in "".join(root.itertext()):
                raise IndexError("no trouble, please")

    class Broken(Extension):
        def extendMarkdown(self, md):
            md.treeprocessors.register(Refuse(md), "refuse", 10)

    def makeExtension(**options):
        return Broken(**options)
    """
)


@pytest.mark.parametrize(
    ("extensions", "told"),
    [
        ("[tables, nonsense]", ["mkdocs.yml:4: the Markdown extension nonsense cannot be used: No module"]),
        ("[{toc: {depth_of_toc: 3}}]", None),
        ("[{admonition: {colour: 3}}]", ["mkdocs.yml:4: the Markdown extension admonition cannot be used"]),
        ("[brokenly]", ["docs/a.md:3: the Markdown extension brokenly cannot convert", "IndexError: no trouble",
                        "docs/b.md: the Markdown extension brokenly"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", [("check",), ("build", "--no-run")])
def test_an_extension_that_cannot_be_used_is_named(tiny_project, monkeypatch, command, extensions, told):
    files = {
        "mkdocs.yml": CONFIG + f"markdown_extensions: {extensions}\n",
        "brokenly.py": BROKEN,
        "docs/a.md": "# One\n\n/// claim | Often.\ncoin.tosses > 5\n///\n\ntrouble\n",
        "docs/b.md": "trouble",
    }
    project = fill(tiny_project(FILES | files))
    monkeypatch.syspath_prepend(project.folder)
    result = project.run(*command)
    if told is None:
        # Tables of contents are for the site alone.
        assert (result.code, "Traceback" in result.text) == (command[0] == "build", False), result.text
        return
    assert result.code == 1
    assert all(part in result.text for part in told), result.text
    assert "Traceback" not in result.text


def test_the_extension_may_be_named_for_hosts_that_know_no_plugins(tiny_project):
    config = "site_name: Tiny\nplugins: [asrun]\nmarkdown_extensions: [asrun]\n"
    project = tiny_project({"mkdocs.yml": config, "docs/index.md": "# A\n\n{{ 6 * 7 }}\n"})
    assert "checked 1 values" in project.run("build").out


def test_a_hook_that_writes_another_value_is_told(tiny_project):
    hook = "def on_page_markdown(markdown, **more):\n    return markdown.replace('6 * 7', '54')\n"
    config = "site_name: Tiny\nplugins: [asrun]\nhooks: [hook.py]\n"
    project = tiny_project({"mkdocs.yml": config, "hook.py": hook, "docs/index.md": "# A\n\n{{ 6 * 7 }}\n"})
    assert project.run("check").code == 0
    found = project.run("build")
    assert found.code and "`asrun check` finds value 6 * 7 on this page, and MkDocs finds value 54" in found.text
