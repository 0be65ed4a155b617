"""The page of a deck: every slide in its place, code in steps, colours that can be read, nothing from elsewhere."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markdown
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrun.decks.of_project import dialect
from asrun.decks.render import copy_assets, missing_files, render_deck, write_deck
from asrun.errors import AsrunError
from asrun.own import ASSETS
from asrun.pages.markdown import ALWAYS
from asrun.text.deck_source import parse_deck
from asrun.text.markup import Node, read_fragment, written
from asrun.text.offsite import asking, asking_ground, without_imports
from asrun.text.slide_edits import element_comments, own_ids, unlinked
from asrun.text.steps import mark_steps

EXTENSIONS = ["pymdownx.superfences", "pymdownx.highlight", "attr_list", "tables", "md_in_html", "pymdownx.tabbed"]

needs_vendor = pytest.mark.skipif(
    not (ASSETS / "vendor").is_dir(), reason="the browser files are fetched when asrun is installed"
)


def convert(text: str, line: int) -> str:
    return markdown.markdown(text, extensions=EXTENSIONS)


def edited(markup: str, edit: Callable[..., None], *arguments: Any) -> str:
    """A slide's HTML after an edit of its tree."""
    slide: Node = read_fragment(markup)
    edit(slide, *arguments)
    return written(slide)


SLIDE = st.tuples(st.sampled_from(["# A", "a\n\nb", "```\n---\n```"]), st.sampled_from(["", "said"]))


@given(st.lists(st.lists(SLIDE, min_size=1, max_size=3), min_size=1, max_size=4))
def test_the_page_has_every_slide_and_note_in_its_place(stacks: list[list[tuple[str, str]]]) -> None:
    text = "\n---\n".join(
        "\n--\n".join(f"{shown}\n\nNote: {said}" if said else shown for shown, said in stack) for stack in stacks
    )
    seen: list[tuple[str, int]] = []

    def plain(source: str, line: int) -> str:
        seen.append((source, line))
        return f"<pre>{html.escape(source)}</pre>"

    page = render_deck(parse_deck(text, "deck.md"), plain)
    written = [part for stack in stacks for slide in stack for part in slide if part]
    assert [source for source, _ in seen] == written
    assert page.count("<section") == sum(len(stack) + (len(stack) > 1) for stack in stacks)
    assert page.count('<aside class="notes">') == sum(bool(said) for stack in stacks for _, said in stack)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<li>a <!-- .element: class="fragment" --></li>', '<li class="fragment">a </li>'),
        ('<p>a</p>\n<!-- .element: class="fragment" -->', '<p class="fragment">a</p>\n'),
        ('<li>a <b>b</b><!-- .element: id="x" --></li>', '<li>a <b id="x">b</b></li>'),
        ('<p class="a">b<br>c <!-- .element: class="d" --></p>', '<p class="a d">b<br>c </p>'),
        ('<img src="a.png" /><!-- .element: width="9" -->', '<img src="a.png" width="9">'),
        ("<p>a <!-- a remark --></p>", "<p>a <!-- a remark --></p>"),
    ],
)
def test_element_comments(before: str, after: str) -> None:
    assert edited(before, element_comments) == after


def test_nothing_that_says_nothing_is_a_link_or_a_heading() -> None:
    lines = markdown.Markdown(
        extensions=EXTENSIONS, extension_configs={"pymdownx.highlight": {"anchor_linenums": True}}
    )
    text = "# A\n\n```python\na = 1\n```\n\n| | b |\n| --- | --- |\n| c | d |\n"
    page = render_deck(parse_deck(text, "deck.md"), lambda source, line: lines.reset().convert(source))
    section = page[page.index("<section") : page.index("</section>")]
    assert "codelineno" in lines.reset().convert(text) and "codelineno" not in section
    assert not re.search(r"<th[^>]*>\s*</th>", section) and "<td></td>" in section


def test_ids_are_the_slide_s_own() -> None:
    taken: set[str] = set()
    tab = '<input id="t_1" name="t"><label for="t_1">a</label><a href="#t_1">b</a><i style="clip-path: url(#t_1)"></i>'
    assert edited(tab, own_ids, taken, "-s1") == tab
    assert edited(tab, own_ids, taken, "-s2") == tab.replace("t_1", "t_1-s2").replace('name="t"', 'name="t-s2"')


def test_all_that_points_at_an_id_has_its_new_name() -> None:
    taken = {"a", "b", "fn:1"}
    names = '<i id="a"></i><i id="b"></i><i id="fn:1"></i><i id="c"></i>'
    assert edited(names, own_ids, set(taken), "-s2").count("-s2") == 3
    pointing = '<b aria-labelledby="a c b"></b><a href="#fn%3A1"></a><svg><use xlink:href="#a"></use></svg>'
    assert edited(names + pointing, own_ids, set(taken), "-s2").endswith(
        '<b aria-labelledby="a-s2 c b-s2"></b><a href="#fn%3A1-s2"></a><svg><use xlink:href="#a-s2"></use></svg>'
    )
    others = '<b title="a" class="b" data-a="#a"></b><a href="a"></a><a href="b#a">a #a url(#a)</a>'
    assert edited(names + others, own_ids, set(taken), "-s2").endswith(others)


def test_links_that_lead_nowhere_are_text() -> None:
    links = '<a class="a" href="site:x/">a <b>b</b></a><a href="y">c</a><a id="d"></a>'
    assert edited(links, unlinked, "site:") == '<span class="a">a <b>b</b></span><a href="y">c</a><a id="d"></a>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<div><p>a</div>", "<div><p>a</p></div>"),
        ("<div><font>a", "<div><font>a</font></div>"),
        ("</div>a</div></section>", "a"),
        ("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
        ("a<br></br><img>", "a<br><br><img>"),
        ("a <!-- b", "a <!-- b-->"),
        ("<b>a</i></b>", "<b>a</b>"),
    ],
)
def test_a_slide_ends_what_it_opens_and_nothing_else(before: str, after: str) -> None:
    assert written(read_fragment(before)) == after


def test_code_that_is_not_closed_ends_with_its_slide() -> None:
    page = render_deck(parse_deck("a\n\n```js [1|2]\nx\ny\n---\n# B", "deck.md"), convert)
    assert page.count("<section") == 2 and page.count('class="fragment"') == 1 and "```" not in page


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ('<img src="https://a.org/x.png" alt="A &amp; B">', "Load A &amp; B from a.org"),
        ('<video poster="p.png"><source src="//a.org/x.mp4"></video>', "Load a film from a.org"),
        ('<iframe src="http://a.org/"></iframe>', "Load what is embedded here from a.org"),
        ('<picture><source srcset="//a.org/x.webp"><img src="x.png" alt="A"></picture>', "Load A from a.org"),
        ('<img srcset="x.png 1x, https://a.org/y.png 2x" data-src="x.png">', "Load a picture from a.org"),
        ('<svg><image href="https://a.org/x.png"/></svg>', "Load a drawing from a.org"),
        ("<IMG SRC=//a.org/x.png>", "Load a picture from a.org"),
        ('<template><video src="//a.org/x.mp4"></video></template>', "Load a film from a.org"),
    ],
)
def test_nothing_is_asked_of_another_host_before_the_reader_asks(before: str, shown: str) -> None:
    page = edited(f"<p>a</p>{before}<p>b</p>", asking)
    assert shown in page and re.search(r"\sdata-ask-(?:src|srcset|href)=", page)
    assert not re.search(r"""\s(?:src|poster|srcset)=["'](?:https?:)?//""", page)
    assert re.match(r"<p>a</p>(<template>)?<span", page) and re.search(r"</span>(</template>)?<p>b</p>$", page)


def test_scripts_and_styles_from_elsewhere_are_left_out() -> None:
    page = edited(
        '<script src="https://a.org/a.js"></script><script>b()</script><link rel="stylesheet" href="//a.org/a.css">'
        '<p style="background: url(\'https://a.org/c.png\')">url(https://a.org/d)</p><img src="e.png">',
        asking,
    )
    assert page == '<script>b()</script><p style="background: none">url(https://a.org/d)</p><img src="e.png">'
    assert without_imports("@import url('https://a.org/?a=1');\na {b: url(c.png)}") == "\na {b: url(c.png)}"


def test_a_background_from_elsewhere_is_asked_for() -> None:
    kept, button = asking_ground({"data-background-image": "https://a.org/a.png", "data-background-size": "contain"})
    assert kept == {"data-ask-background-image": "https://a.org/a.png", "data-background-size": "contain"}
    assert button == '<button type="button" class="ask ground">Load the background from a.org</button>'
    assert asking_ground({"data-background": "#fff"}) == ({"data-background": "#fff"}, "")


WORD = st.text("abcdefghij", min_size=1, max_size=6)
ITEMS = st.lists(st.tuples(st.integers(0, 2), WORD), min_size=1, max_size=5)


def items(words: list[tuple[int, str]], mark: str) -> str:
    """A list of which no item is more than one deeper than the one before."""
    lines, depth = [], -1
    for wanted, word in words:
        depth = min(wanted, depth + 1)
        lines.append(f"{' ' * len(mark) * depth}{mark}{word}")
    return "\n".join(lines)


# What is written, and the words that are seen.
BLOCK = st.one_of(
    WORD.map(lambda word: (word, word)),
    WORD.map(lambda word: (f"## {word}", word)),
    st.tuples(WORD, WORD).map(lambda two: (f"**{two[0]}** ~~{two[1]}~~ `{two[0]}`", "".join([*two, two[0]]))),
    st.tuples(ITEMS, st.sampled_from(["- ", "* ", "1. "])).map(
        lambda of: (items(*of), "".join(word for _, word in of[0]))
    ),
    st.tuples(WORD, ITEMS).map(
        lambda of: (f"{of[0]}:\n{items(of[1], '- ')}", f"{of[0]}:" + "".join(w for _, w in of[1]))
    ),
    st.tuples(WORD, WORD).map(lambda two: (f"{two[0]}\n| {two[1]} | x |\n|---|---|\n| y | z |", f"{''.join(two)}xyz")),
    st.tuples(WORD, WORD).map(lambda two: (f"> {two[0]}\n> {two[1]}", "".join(two))),
    WORD.map(lambda word: (f'<div class="a">\n\n- {word}\n\n</div>', word)),
    WORD.map(lambda word: (f"<div>\n*{word}*\n</div>", f"*{word}*")),
    WORD.map(lambda word: (f"<div><font>\n\n{word}", word)),
    WORD.map(lambda word: (f"{word}\n</div></section>", word)),
    st.lists(st.sampled_from(["---", "----", "Note: x", "- a", "<b>", "# a", ""]), min_size=1, max_size=4).map(
        lambda lines: ("\n".join(["```text", *lines, "```"]), "".join(lines).replace(" ", ""))
    ),
)
BLOCKS = st.lists(BLOCK, min_size=1, max_size=4).map(
    lambda blocks: ("\n\n".join(text for text, _ in blocks), "".join(words for _, words in blocks))
)
WHOLE = st.lists(
    st.lists(st.tuples(BLOCKS, st.one_of(st.none(), st.tuples(WORD, BLOCKS))), min_size=1, max_size=3),
    min_size=1,
    max_size=4,
)


class Outline(HTMLParser):
    """How the sections of a page are nested, and which words are on each and in its notes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.top: list = []
        self.open: list[dict] = []
        self.noted = False
        self.feed(page[page.index('<div class="slides">') : page.index("</main>")])

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "section":
            made = {"shown": "", "said": "", "within": []}
            (self.open[-1]["within"] if self.open else self.top).append(made)
            self.open.append(made)
        self.noted |= tag == "aside"

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self.open.pop()
        self.noted &= tag != "aside"

    def handle_data(self, data: str) -> None:
        if self.open:
            self.open[-1]["said" if self.noted else "shown"] += "".join(data.split())


@settings(max_examples=300)
@given(WHOLE, st.sampled_from(["\n---\n", "\n\n---\n\n"]), st.sampled_from(["\n--\n", "\n\n----\n\n"]))
def test_slides_notes_and_words_survive(stacks: list, across: str, down: str) -> None:
    def text(shown: tuple[str, str], said: tuple[str, tuple[str, str]] | None) -> str:
        return f"{shown[0]}\n\nNote: {said[0]}\n\n{said[1][0]}" if said else shown[0]

    page = render_deck(
        parse_deck(across.join(down.join(text(*slide) for slide in stack) for stack in stacks), "deck.md"), whole
    )
    wanted = [
        [{"shown": shown[1], "said": said[0] + said[1][1] if said else "", "within": []} for shown, said in stack]
        for stack in stacks
    ]
    outline = Outline(page)
    assert [each["within"] or [each] for each in outline.top] == wanted
    assert not outline.open


DIALECT = ALWAYS | dialect(parse_deck("# A", "deck.md"))
MARKDOWN = markdown.Markdown(extensions=list(DIALECT), extension_configs=DIALECT)


def whole(source: str, line: int) -> str:
    """All that decks understand."""
    return MARKDOWN.reset().convert(source)


def test_code_in_steps() -> None:
    text = "# A\n\n```python [1|3-4]\na = 1\n\nb = '''\n'''\n```\n\n~~~ [2]\nx\ny\n~~~"
    page = render_deck(parse_deck(text, "deck.md"), convert)
    blocks = re.findall(r'<div class="highlight steps"[^>]*>(.*?)</div>', page, re.DOTALL)
    assert len(blocks) == 2
    first, second = re.findall(r"<code.*?</code>", blocks[0], re.DOTALL)
    assert ["dim" in line for line in first.split('<span class="line')[1:]] == [False, True, True, True]
    assert ["dim" in line for line in second.split('<span class="line')[1:]] == [True, True, False, False]
    assert second.startswith('<code class="fragment" aria-hidden="true">')
    plain = [html.unescape(re.sub(r"<[^>]+>", "", code)) for code in (first, second)]
    assert plain == ["a = 1\n\nb = '''\n'''\n"] * 2
    assert blocks[1].count("<code") == 1


def test_lines_are_counted_from_the_number_that_is_written() -> None:
    page = render_deck(parse_deck("```js [5: 1|2]\nx\ny\n```\n\n```js []\nz\n```", "deck.md"), convert)
    assert page.count('style="counter-reset: line 4"') == 2 and page.count("<code") == 3
    assert [line.count("dim") for line in re.findall(r"<code.*?</code>", page, re.DOTALL)] == [1, 1, 0]


def test_steps_of_code_within_code_are_text() -> None:
    text = "````md\n```python [1|2]\n```\n````"
    assert mark_steps(text, "deck.md", 1) == text


def test_bad_steps_say_where() -> None:
    with pytest.raises(AsrunError, match=r"deck.md:5: `\[one\]` does not name lines"):
        render_deck(parse_deck("a\n\n---\n\n```python [one]\nx\n```", "deck.md"), convert)


def test_the_page_s_settings() -> None:
    deck = parse_deck(
        '---\ntitle: "A & B"\nlang: de\ntheme: night\ntransition: zoom\n'
        'revealOptions: {loop: true, x: "</script>"}\n---\n# A',
        "deck.md",
    )
    page = render_deck(deck, convert, assets="../assets/", site_root="../../", lesson="../07/?a=1&b=2")
    assert "<title>A &amp; B</title>" in page
    assert '<html lang="de" data-theme="dark">' in page
    assert 'href="../assets/deck.css"' in page
    assert 'href="../07/?a=1&amp;b=2"' in page
    options = re.search(r'id="deck-options">(.*?)</script>', page, re.DOTALL)
    assert options
    assert json.loads(options[1]) == {"transition": "zoom", "loop": True, "x": "</script>"}


def test_the_title_is_the_first_heading_or_the_file_s_name() -> None:
    assert "<title>A &lt; B</title>" in render_deck(parse_deck("a\n\n## *A* &lt; B", "x/deck.md"), convert)
    assert "<title>deck</title>" in render_deck(parse_deck("a", "x/deck.md"), convert)


def test_a_title_slide_is_set_as_one() -> None:
    page = render_deck(parse_deck("# A\n\nby B\n---\n# C\n---\n# D\n\ntext", "deck.md"), convert)
    assert re.findall(r"<section[^>]*>\s*<h1>(.)", page.replace(' class="lead"', "")) == ["A", "C", "D"]
    assert page.count('<section class="lead">') == 2


@needs_vendor
def test_a_written_deck_has_its_pictures_and_nothing_from_outside(tmp_path: Path) -> None:
    source = tmp_path / "slides"
    (source / "img").mkdir(parents=True)
    (source / "img" / "a b.png").write_bytes(b"a")
    (tmp_path / "secret.png").write_bytes(b"s")
    text = (
        '# A\n<!-- .slide: data-background-image="img/a b.png" -->\n![a](img/missing.png) ![b](../secret.png)\n\n'
        '<iframe title="t" src="https://example.org/"></iframe>'
    )
    deck = parse_deck(text, str(source / "deck.md"))
    page = render_deck(deck, convert)
    write_deck(deck, page, tmp_path / "out")
    assert (tmp_path / "out" / "img" / "a b.png").read_bytes() == b"a"
    assert not list((tmp_path / "out").rglob("secret.png"))
    assert '<iframe title="t" data-ask-src="https://example.org/"></iframe><button type="button" class="ask">' in page
    assert "Load t from example.org" in page and not re.search(r'\ssrc="http', page)
    for name in re.findall(r'(?:src|href)="(assets/[^"]+)"', page):
        assert (tmp_path / "out" / name).is_file()
    for style in (tmp_path / "out" / "assets").rglob("*.css"):
        for url in re.findall(r'url\("([^"]+)"\)', style.read_text("utf-8")):
            assert (style.parent / url).is_file()


@needs_vendor
def test_every_way_to_name_a_picture(tmp_path: Path) -> None:
    for name in ("a.png", "b.mp4", "c.webm", "d e.png", "f.jpg", "g.svg"):
        (tmp_path / name).write_bytes(b"a")
    text = (
        '<!-- .slide: data-background="a.png" -->\n# A\n---\n'
        '<!-- .slide: data-background-video="b.mp4, c.webm" -->\n---\n'
        "![d](d%20e.png)\n\n<p style=\"background: url('f.jpg')\">f</p>\n\n"
        "<style>h1 { background: url(g.svg) }</style>\n---\n"
        '<!-- .slide: data-background="linear-gradient(1deg, #fff.ff, red)" -->\n# B\n'
    )
    deck = parse_deck(text, str(tmp_path / "deck.md"))
    page = render_deck(deck, whole)
    assert missing_files(deck, page, tmp_path) == []
    write_deck(deck, page, tmp_path / "out")
    copied = {file.name for file in (tmp_path / "out").iterdir()} - {"index.html", "assets"}
    assert copied == {"a.png", "b.mp4", "c.webm", "d e.png", "f.jpg", "g.svg"}


def test_a_missing_browser_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asrun.decks.render.ASSETS", tmp_path)
    with pytest.raises(AsrunError, match=r"palette\.css is missing"):
        copy_assets(tmp_path / "out")


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def colours(*names: str) -> tuple[dict[str, str], dict[str, str]]:
    """The colours that style sheets say, light and dark; those that are others' by name are as these."""
    style = "\n".join((ASSETS / name).read_text("utf-8") for name in names)
    pairs = re.findall(r"(--[\w-]+): var\(--if-light, (#\w{6})\) var\(--if-dark, (#\w{6})\);", style)
    light, dark = ({name: pair[at] for name, *pair in pairs} for at in (0, 1))
    assert light and len(pairs) == len(light)
    for name, other in re.findall(r"(--[\w-]+): var\((--[\w-]+)\);", style):
        if other in light:
            light[name], dark[name] = light[other], dark[other]
    return light, dark


def test_figures_can_be_told_from_their_ground() -> None:
    for palette in colours("palette.css"):
        for name, colour in palette.items():
            least = {"--fig-bg": 1, "--fig-grid": 1.2, "--fig-fg": 7, "--fig-muted": 4.5}.get(name, 3)
            assert contrast(colour, palette["--fig-bg"]) >= least, name


def test_words_can_be_read() -> None:
    for palette in colours("palette.css", "deck.css"):
        words = {name for name in palette if not name.startswith("--fig-")}
        assert {"--words", "--quiet", "--accent", "--good", "--warn", "--code-comment"} <= words
        for name in words - {"--ground", "--panel", "--edge", "--lit"}:
            for ground in ("--ground", "--panel", *(["--lit"] if name != "--quiet" else [])):
                assert contrast(palette[name], palette[ground]) >= 4.5, (name, ground)
