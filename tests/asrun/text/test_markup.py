"""HTML is read as a browser reads it, written as it was read, and edited where an edit says and nowhere else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.text.markup import (
    Node,
    attribute,
    put_in_place,
    read_fragment,
    read_page,
    rename,
    select,
    set_attributes,
    start_tag,
    written,
)
from asrun.text.nesting_limit import DEEPEST, flattened
from asrun.text.slide_edits import element_comments, own_ids, unlinked, without_empty_names

DRAWING = (
    '<svg viewBox="0 0 1 1" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<linearGradient id="a"></linearGradient><use xlink:href="#a" preserveAspectRatio="none"></use>'
    "<foreignObject><div>a<br>b</div></foreignObject><style>a>b{}</style></svg>"
)
FORMULA = (
    '<math display="block"><semantics><mi>x</mi><annotation-xml encoding="text/html"><p>x</p></annotation-xml>'
    "</semantics></math>"
)


@pytest.mark.parametrize(
    "markup",
    [
        DRAWING,
        FORMULA,
        "<template><b>a</b><template><i>b</i></template></template>",
        "<pre>\n\na\n</pre><textarea>\n\na</textarea>",
        "<script>a < b && '<p>'</script><style>a > b {}</style>",
        "a&nbsp;&lt;b&gt; &amp;amp; \ue000\u202f<!-- c -->",
        '<input disabled="" value="&quot;\'&lt;&gt;&amp;"><custom-tag x:y="z"></custom-tag>',
        "<p>a</p>\n\n<table><tbody><tr><td>b</td></tr></tbody></table>\n",
        '<iframe src="a"><p></iframe><noscript><img src="b"></noscript>',
    ],
)
def test_what_is_as_a_browser_would_write_it_is_written_as_it_was(markup: str) -> None:
    assert written(read_fragment(markup)) == markup


@pytest.mark.parametrize(
    ("markup", "tree"),
    [
        ("<P CLASS=a>b<p>c", '<p class="a">b</p><p>c</p>'),
        ("</section></div>a</main>", "a"),
        ("<b>a<i>b</b>c</i>", "<b>a<i>b</i></b><i>c</i>"),
        ("<table><tr><td>a<td>b</table>", "<table><tbody><tr><td>a</td><td>b</td></tr></tbody></table>"),
        ("<svg><path d='a'/><p>b", '<svg><path d="a"></path></svg><p>b</p>'),
        ("&ApplyFunction;&copy", "\u2061©"),
        ("<html><body class=a><head>b", "b"),
        ("<div title='<p>'>a > b", '<div title="&lt;p&gt;">a &gt; b</div>'),
        ("a <!-- b", "a <!-- b-->"),
        ("<script>a", "<script>a</script>"),
    ],
)
def test_what_is_not_is_mended_as_browsers_mend_it(markup: str, tree: str) -> None:
    assert written(read_fragment(markup)) == tree


def test_a_page_is_read_whole() -> None:
    page = read_page("<title>a &amp; b</title><p id=c>d")
    assert page.tag == "html" and page.css_first("title").text() == "a & b"
    assert [attribute(each, "id") for each in select(page, "body > p")] == ["c"]
    assert read_page("").tag == "html" and written(read_fragment("")) == ""


# What can be nested in everything, so that what is made of it is what was written.
NAMES = st.text("abc", min_size=1, max_size=2)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["id", "class", "title", "href", "data-a"]), st.text("ab#:<>&\"' \xa0", max_size=5), max_size=3
)
WORDS = st.text("ab<>&\"'\xa0\u202f ", max_size=6).map(
    lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\xa0", "&nbsp;")
)


def element(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    content = st.lists(inner, max_size=3).map("".join)
    names = st.sampled_from(["span", "div", "section", "custom-tag", "template", "svg", "math"])
    return st.tuples(names, ATTRIBUTES, content).map(lambda of: f"{browser_tag(of[0], of[1])}{of[2]}</{of[0]}>")


def browser_tag(name: str, attributes: dict[str, str]) -> str:
    def value(text: str) -> str:
        for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\xa0", "&nbsp;")):
            text = text.replace(sign, entity)
        return text

    return f"<{name}" + "".join(f' {key}="{value(text)}"' for key, text in attributes.items()) + ">"


# In drawings and formulas HTML would end them.
HTML = st.recursive(WORDS, element, max_leaves=8).filter(lambda html: "<svg" not in html and "<math" not in html)


@given(HTML)
def test_reading_and_writing_change_nothing(markup: str) -> None:
    assert written(read_fragment(markup)) == markup


@given(
    st.lists(
        st.sampled_from(
            ["<b>", "</b>", "<div>", "</div>", "<li>", "<ul>", "</ul>", "<svg>", "<g/>", "</svg>", "<math>",
             "<mi>", "\n", "<!--", "-->", "<i x='", "'>", "<script>", "</script>", "a", "&lt", "<", ">", "\0", "</p>",
             "<br/>", "<td>"]
        )
    )
)  # fmt: skip
def test_what_any_text_becomes_stays_within_its_slide(pieces: list[str]) -> None:
    once = written(read_fragment("".join(pieces)))
    slides = read_fragment(f"<section>{once}</section><section>next</section>")
    first, second = (each for each in slides.iter() if each.tag == "section")
    assert written(first) == once and written(second) == "next"


@given(HTML, st.sets(NAMES))
def test_an_edit_that_finds_nothing_changes_nothing(markup: str, taken: set[str]) -> None:
    slide = read_fragment(markup)
    ids = {attribute(each, "id") for each in select(slide, "[id]")}
    own_ids(slide, taken - ids, "-s2")
    element_comments(slide)
    without_empty_names(slide)
    unlinked(slide, "nowhere:")
    assert written(slide) == markup


@given(HTML, st.sampled_from(["class", "title", "id"]), st.text("ab<\"'&", max_size=4))
def test_an_attribute_is_set_where_it_is_asked_for_and_nowhere_else(markup: str, name: str, value: str) -> None:
    slide = read_fragment(f'{markup}<p>x<!-- .element: {name}="{value.replace(chr(34), "")}" --></p>{markup}')
    element_comments(slide)
    paragraph = browser_tag("p", {name: value.replace('"', "")})
    assert written(slide) == f"{markup}{paragraph}x</p>{markup}"


def test_elements_are_renamed_replaced_and_given_attributes() -> None:
    tree = read_fragment('<a id="a" x="">b<i>c</i></a><p class="d">e</p>')
    rename(select(tree, "a")[0], "span")
    set_attributes(select(tree, "p")[0], {"class": "f", "title": '"'})
    put_in_place(select(tree, "i")[0], "g<b>h</b>")
    assert written(tree) == '<span id="a" x="">bg<b>h</b></span><p class="d f" title="&quot;">e</p>'
    assert start_tag("p", {"title": '"<'}) == '<p title="&quot;&lt;">'


# What nobody writes but to see what happens

MANY = 100_000


@pytest.mark.parametrize(
    "pieces",
    [
        "<div>",
        "<template>",
        "<p><b id=1>",
        "<svg><p><path/>",
        "<ul><li>",
        "<div a='>'></x>",
        "<a b='",
    ],
)
def test_hostile_nesting_takes_no_time_and_no_stack(pieces: str) -> None:
    start = time.process_time()
    slide = read_fragment(pieces * MANY)
    element_comments(slide)
    assert len(written(slide)) < 100 * MANY
    assert time.process_time() - start < 20


def depth(node: Node) -> int:
    """How many elements stand in one another, where each has one in it at most."""
    return 1 + depth(node.first_child) if node.first_child else 0


@pytest.mark.parametrize("name", ["div", "b", "span"])
def test_nesting_stops_where_browsers_stop_and_all_words_stay(name: str) -> None:
    tree = read_fragment(f"<{name}>" * 6000 + "a" + f"</{name}>" * 6000 + "b")
    assert depth(tree) == DEEPEST + 1 and tree.text() == "ab"


@pytest.mark.parametrize(
    "piece",
    [
        "<br>",
        "<p>a",
        "<tr><td>a",
        "<b>c</b>",
        "<!-- <div> -->",
        "<svg><path d='>'/></svg>",
        "<i></i ><I></I>",
        "a < b <",
        "<script>'<div>'</script>",
        "<style>a>b{}</style>",
        "<math><mi>a</mi><mspace/></math>",
    ],
)
def test_what_is_long_and_not_deep_is_left_alone(piece: str) -> None:
    assert flattened(piece * 6000) == piece * 6000
    assert flattened(f"<svg>{'<g>' * 9}{'<path/>' * 6000}{'</g>' * 9}</svg>").count("<g>") == 9
