"""No page asks another host for anything, whatever its theme does by default; what an author chose is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mkdocs.config import load_config

from asrun.checks.hosts import SHIM, hosts_asked, who_is_asked
from asrun.testing import COIN, TinyProject

PAGE = "# Coins\n\n{{ coin.tosses }} tosses of $n$ coins.\n\n/// figure | coin\nHeads.\n///\n\n```python\nx = 1\n```\n"
CLAIM = "\n/// claim | They were many.\ncoin.tosses > 100\n///\n"
DECK = "# A coin\n\n{{ coin.tosses }} tosses.\n\n---\n\n![far](https://far.example/a.png)\n"
FILES = {"snippets/coin.py": COIN, "docs/index.md": PAGE + CLAIM, "docs/next.md": "# Next\n", "slides/talk.md": DECK}

SETTINGS = {
    "material": "theme: material\nplugins: [search, asrun]\n",
    "material from a disk": "theme: {name: material}\nplugins: [search, offline, asrun]\n",
    "mkdocs": "plugins: [search, asrun]\n",
    "readthedocs": "theme: readthedocs\nplugins: [search, asrun]\n",
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    """A project whose record is fresh, for all tests to copy."""
    made = TinyProject(FILES, tmp_path_factory.mktemp("recorded"))
    assert made.run("run", "coin").code == 0
    return made


@pytest.fixture
def project(recorded: TinyProject, tmp_path: Path):
    """Make a project with these settings of MkDocs, whose record is fresh."""

    def make(settings: str, **files: str) -> TinyProject:
        records = {path.relative_to(recorded.folder).as_posix(): path.read_text("utf-8")
                   for path in (recorded.folder / "snippets" / "records").rglob("*.*")}  # fmt: skip
        return TinyProject(
            FILES | records | files | {"mkdocs.yml": "site_name: Coins\n" + dedent(settings)}, tmp_path / "project"
        )

    return make


# Read by itself, and not with what is tested


class Loads(HTMLParser):
    """Every address that a page has its browser load, and every style and script in it."""

    LINKS = {"canonical", "next", "prev", "alternate", "license", "author", "edit", "search"}

    def __init__(self, page: str):
        super().__init__()
        self.addresses: list[str] = []
        self.inside, self.styles, self.scripts = "", "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self.inside = tag if tag in ("style", "script") else ""
        self.styles += has.get("style", "") + "\n"
        if tag in ("a", "area") or (tag == "link" and set(has["rel"].split()) <= self.LINKS):
            return
        for name in ("src", "srcset", "href", "xlink:href", "data", "poster", "background"):
            self.addresses += [each.split()[0] for each in has.get(name, "").split(",") if each.strip()]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.styles += data
        if self.inside == "script":
            self.scripts += data


ELSEWHERE = re.compile(r"(?:https?:)?//\w", re.IGNORECASE)
OF_MATERIAL = {
    "unpkg.com/resize-observer-polyfill": "for browsers of before 2020",
    "unpkg.com/mermaid@11/dist/mermaid.min.js": "where a page has a diagram",
    "api.github.com/repos/": "where a site names its repository",
    "api.github.com/users/": "where a site names its repository",
}
"""What Material's script would ask for, and when: a new version that asks for more is noticed here."""


def loaded(site: Path) -> Iterator[str]:
    """Everything that a site loads from elsewhere: file, and address or style or call."""
    for path in sorted(path for path in site.rglob("*") if path.is_file()):
        name = path.relative_to(site).as_posix()
        if path.suffix == ".html":
            page = Loads(path.read_text("utf-8"))
            yield from (f"{name}: {address}" for address in page.addresses if ELSEWHERE.match(address.strip()))
            yield from (f"{name}: {each}" for each in (*styled(page.styles), *called(page.scripts)))
        elif path.suffix == ".css":
            yield from (f"{name}: {each}" for each in styled(path.read_text("utf-8")))
        elif path.suffix == ".js":
            yield from (f"{name}: {each}" for each in called(path.read_text("utf-8")))


def styled(text: str) -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.findall(r"""(?:url\(|@import)\s*["']?\s*(?:https?:)?//[^"')\s]+""", text, re.IGNORECASE)


def called(text: str) -> list[str]:
    """Addresses in a script that it could load: strings that are arguments, or put somewhere."""
    found = re.findall(r"""[(=]\s*["'`](?:https?:)?//([\w.-]+/[\w@./-]*)""", text)
    return [each for each in found if each not in OF_MATERIAL and not each.startswith("www.w3.org/")]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_no_page_asks_another_host_for_anything(project, settings):
    made = project(settings)
    built = made.run("build", "--no-run")
    assert built.code == 0, built.err
    assert list(loaded(made.folder / "site")) == []
    assert "note" not in built.out
    page = made.read("site/index.html")
    assert "12\u202f345" in page and "<svg" in page and "assets/asrun/fonts.css" in page
    assert ("offline" in settings) == (SHIM in page)


# What an author chooses


def test_what_an_author_chose_stays_and_is_told(project):
    made = project(
        """\
        theme: {name: material, font: {text: Lato}}
        plugins: [search, offline, asrun]
        site_url: https://coins.example/
        repo_url: https://github.com/somebody/coins
        extra_css: ["https://coins.example/own.css", "//styles.example/a.css"]
        extra_javascript: ["https://scripts.example/a.js"]
        extra: {polyfills: ["https://unpkg.com/iframe-worker/shim"]}
        """
    )
    built = made.run("build", "--no-run")
    assert built.code == 0, built.err
    told = re.findall(
        r"^note    \S+\.md and \d other pages load from (\S+) when they are read$", built.out, re.MULTILINE
    )
    others = ["fonts.googleapis.com", "fonts.gstatic.com", "scripts.example", "styles.example", "unpkg.com"]
    assert told == ["api.github.com", *others]
    # The reader of these tests sees as much: nothing is overlooked above.
    found = "\n".join(loaded(made.folder / "site"))
    assert [host for host in others if host not in found] == []
    # A font that was chosen is the one that is shown: the theme's rule is stronger than the one here.
    assert '--md-text-font:"Lato"' in made.read("site/index.html")
    style = made.read("site/assets/asrun/fonts.css")
    assert re.search(r":where\(:root\) \{\s*--md-text-font", style) and not re.search(r"^:root", style, re.MULTILINE)


@pytest.mark.parametrize(
    ("settings", "option", "value"),
    [
        ("theme: material", "font", False),
        ("theme: {name: material}", "font", False),
        ("theme: {name: material, font: {text: Lato}}", "font", {"text": "Lato"}),
        (
            "theme: {name: material, font: {text: Roboto, code: Roboto Mono}}",
            "font",
            {"text": "Roboto", "code": "Roboto Mono"},
        ),
        ("INHERIT: base.yml", "font", {"text": "Arvo"}),
        ("INHERIT: base.yml\ntheme: {name: material}", "font", {"text": "Arvo"}),
        ("INHERIT: base.yml\ntheme: {font: false}", "font", False),
        ("theme: mkdocs", "highlightjs", False),
        ("site_author: nobody who thinks of themes", "highlightjs", False),
        ("theme: readthedocs", "highlightjs", False),
        ("theme: {name: readthedocs, highlightjs: true}", "highlightjs", True),
        ("theme: {name: mkdocs, highlightjs: true}", "highlightjs", True),
        ("theme: {name: mkdocs, color_mode: auto}", "highlightjs", True),
        ("theme: {name: mkdocs, user_color_mode_toggle: true}", "highlightjs", True),
        ("theme: {name: mkdocs, color_mode: auto, highlightjs: false}", "highlightjs", False),
    ],
)
def test_an_option_is_what_the_author_wrote_or_what_asks_nobody(project, settings, option, value):
    made = project(settings + "\nplugins: [asrun]\n", **{"base.yml": "theme: {name: material, font: {text: Arvo}}\n"})
    assert configured(made).theme[option] == value


@pytest.mark.parametrize(
    ("plugins", "polyfills"),
    [
        ("[search, offline, asrun]", [SHIM]),
        ("[asrun, offline, search]", [SHIM]),
        ("[material/offline, asrun]", [SHIM]),
        ("[offline: {enabled: false}, asrun]", []),
        ("[search, asrun]", []),
    ],
)
def test_a_search_on_a_disk_has_its_script_here(project, plugins, polyfills):
    assert configured(project(f"theme: material\nplugins: {plugins}\n")).extra.get("polyfills", []) == polyfills


def configured(made: TinyProject) -> Any:
    """What MkDocs goes by, once every plugin has had its say."""
    config = load_config(str(made.folder / "mkdocs.yml"))
    config.plugins.on_startup(command="build", dirty=False)
    return config.plugins.on_config(config)


def test_a_project_without_literature_has_no_page_of_it(project):
    made = project("theme: mkdocs\nplugins: [search, asrun]\n", **{"docs/index.md": "# Coins\n"})
    assert made.run("build", "--no-run").code == 0
    assert not made.exists("site/references") and "References" not in made.read("site/index.html")
    made.write("docs/references/references.bib", "@misc{a, title={A}, author={B, C}, year={2000}}\n")
    assert made.run("build", "--no-run").code == 0
    assert "C" in made.read("site/references/index.html") and "References" in made.read("site/index.html")


# How pages are read


@pytest.mark.parametrize(
    ("page", "hosts"),
    [
        ('<script src="https://a.example/x.js"></script>', {"a.example"}),
        ("<SCRIPT async SRC='HTTPS://A.example/x.js'></SCRIPT>", {"a.example"}),
        ("<script src=//a.example/x.js></script>", {"a.example"}),
        ('<link rel="preload stylesheet" href="https://a.example:8000/x.css">', {"a.example:8000"}),
        ('<link href="https://a.example/" rel="preconnect" crossorigin>', {"a.example"}),
        ('<link rel="apple-touch-icon" href="https://a.example/i.png">', {"a.example"}),
        ('<img alt="a > b" src="https://a.example/x.png">', {"a.example"}),
        ('<img srcset="x.png 1x, https://a.example/x.png 2x, //b.example/x.png 3x">', {"a.example", "b.example"}),
        ('<iframe src="https://a.example/?u=https://b.example/"></iframe>', {"a.example"}),
        (
            '<video poster="https://a.example/x.png"><source src="https://b.example/x.mp4"></video>',
            {"a.example", "b.example"},
        ),
        (
            '<svg><image href="https://a.example/x.png"/><use xlink:href="https://b.example/#x"/></svg>',
            {"a.example", "b.example"},
        ),
        (
            '<object data="https://a.example/x.svg"></object><embed src="https://b.example/x">',
            {"a.example", "b.example"},
        ),
        ('<p style="background: url(https://a.example/x.png)">', {"a.example"}),
        ('<p style="background: url(&quot;https://a.example/x.png&quot;)">', {"a.example"}),
        (
            "<style>@import 'https://a.example/x.css'; p { background: url(//b.example/x.png) }</style>",
            {"a.example", "b.example"},
        ),
        ('<link rel="canonical" href="https://a.example/"><link rel="next" href="https://a.example/">', set()),
        ('<a href="https://a.example/">there</a><p cite="https://a.example/">', set()),
        ('<meta property="og:image" content="https://a.example/x.png">', set()),
        ('<script src="x.js"></script><img src="a/b.png"><img src="data:image/png;base64,//8=">', set()),
        ("<!-- <script src='https://a.example/x.js'></script> -->", set()),
        ("<!-- a -- b --><img src='https://a.example/x.png'>", {"a.example"}),
        ("<script>var x = '<img src=\"https://a.example/x.png\">'</script>", set()),
        ("<pre>@import url(https://a.example/x.css)</pre>", set()),
        ('<pre class="mermaid"><code>graph LR</code></pre>', set()),
        ('<p data-md-component="x"><pre class="mermaid"><code>graph LR</code></pre>', {"unpkg.com"}),
        ('<p data-md-component="x"><pre class="mermaid"></pre><script src="mermaid.min.js"></script>', set()),
        ('<a href="https://github.com/a/b" class="md-source" data-md-component="source">', {"api.github.com"}),
        ('<a href="https://git.example/a/b" class="md-source" data-md-component="source">', set()),
    ],
)
def test_whom_a_page_asks(page, hosts):
    assert hosts_asked(f"<!doctype html><html><body>{page}</body></html>") == hosts


def test_a_page_asks_its_own_host():
    assert hosts_asked('<img src="https://A.example/x.png">', "a.EXAMPLE") == set()


@given(st.text(), st.sampled_from(["p", "code", "td"]))
def test_words_ask_nobody(words, tag):
    page = f'<{tag} title="{escape(words)}">{escape("<img src=https://a.example/>" + words)}</{tag}>'
    assert hosts_asked(page) == set()


@given(
    st.lists(
        st.sampled_from(
            ["<b>", "<!--", "-->", "<script>", "</script>", "'", '"', "=", "<img src=", "//a.example/", ">", " "]
        )
    )
)
def test_any_text_is_read_and_in_no_time(pieces):
    assert hosts_asked("".join(pieces) * 50) <= {"a.example", "a.example,"}


def test_pages_are_counted():
    assert list(who_is_asked({"b.example": ["x.md", "y.md"], "a.example": ["x.md"], "c.example": ["x.md"] * 3})) == [
        "x.md loads from a.example when it is read",
        "x.md and 1 other page load from b.example when they are read",
        "x.md and 2 other pages load from c.example when they are read",
    ]
