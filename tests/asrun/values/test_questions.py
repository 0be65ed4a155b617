"""Questions: what they show of records, what is right, and what an author is told."""

from __future__ import annotations

import html as html_
import itertools
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asrun.checks.reading import read_page
from asrun.decks import of_project
from asrun.errors import AsrunError
from asrun.pages.context import Context
from asrun.testing import COIN, TinyProject, make_figure, raised
from asrun.values.curve import read_curve, read_range
from asrun.values.draws import Tolerance, compute_cases, read_draws, shuffled, write_number
from asrun.values.measure import Measure

BIB = "@article{one2014, author = {Hinton, Geoffrey}, title = {Big}, journal = {J}, year = {2014}}\n"
NUMBERS = """\
curve: {cite: one2014, where: Fig. 1, how: read, what: heads, table: {file: t.json, at: a, axes: {tails: x}, value: y}}
same: {cite: one2014, where: Fig. 1, how: read, what: heads, table: {file: t.json, at: a, axes: {bias: x}, value: y}}
rate: {cite: one2014, where: Table 1, how: stated, what: a rate, value: 0.25}
"""
FILES = {
    "snippets/coin.py": COIN,
    "docs/references/references.bib": BIB,
    "docs/references/published.yml": NUMBERS,
    "docs/references/t.json": '{"a": [{"x": 0.8, "y": 0.25}, {"x": 0.5, "y": 0.4}, {"x": 0.2, "y": 0.9}]}',
}
HEADS = [[0.19, 0.2, 0.21, 0.2, 0.2], [0.5, 0.49, 0.51, 0.5, 0.5], [0.8, 0.79, 0.81, 0.8, 0.8]]
VALUES = {
    "bias": [0.2, 0.5, 0.8],
    "heads": HEADS,
    "tosses": 12345,
    "flat": [[1.0, 2.0], [3.0, 4.0]],
    "none": [0.0, 0.5, 0.8],
    "axes": {"heads": ["bias", "seed"], "flat": ["one", "other"], "none": ["bias"]},
}


def fill(project: TinyProject) -> TinyProject:
    project.put("coin", VALUES, figures=[make_figure()])
    return project


@pytest.fixture
def coin(tiny_project) -> TinyProject:
    return fill(tiny_project(FILES))


def data_of(html: str) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def text_of(html: str) -> str:
    return html_.unescape(re.sub(r"<[^>]+>", "", html))


CHOICE = """\
/// quiz | Which coin shows *more* heads?
    because: coin.heads(bias=0.8) > coin.heads(bias=0.2)

- [x] The one with bias `0.8`
    It was made for it.
- [ ] The other, $\\frac{1}{2}$
    You took tails for heads: see [the tosses](other.md).
///
"""
NUMBER = """\
/// quiz | Of [=tosses] tosses with bias **[=bias]**, how many show heads?
    answer: tosses * bias
    tolerance: 2%
    unit: heads
    draw: {tosses: [100, 1000], bias: [0.2, 0.8]}
    wrong:
      tosses * (1 - bias): "Of [=tosses], that many show *tails*: [see](other.md)."
///
"""
ORDER = """\
/// quiz | In which order is a coin tossed?
    definition: "it cannot fly before it is *thrown*"

1. Take it
2. Throw it
    It has to be in a hand.
3. Let it fall
4. Look at {{ coin.tosses }}
///
"""
CURVE = """\
/// quiz | How do heads depend on the bias?
    of: coin.heads
    published: published.curve
    at: 1 - tails
    unit: "%"
///
"""


def test_a_choice_shows_the_question_and_folds_the_answer_away(coin):
    html = coin.convert(CHOICE)
    shown, _, folded = html.partition("<details")
    assert "<strong>Which coin shows <em>more</em> heads?</strong>" in shown
    assert "<code>0.8</code>" in shown and "<mfrac>" in shown and "[x]" not in shown and "tails" not in shown
    assert "A is right" in folded and "B is not right" in folded and 'href="other.md"' in folded
    assert "Welch" in folded and "How this was made" in folded
    assert data_of(html)["right"] == [0]


@pytest.mark.parametrize("gap", ["\n", "\n\n"], ids=["tight", "loose"])
def test_feedback_is_what_is_indented_by_four_spaces(coin, gap):
    items = ["- [x] One\n  goes on", "- [X] Two", "- [ ] Three\n    [No](a.md),\n    *no*"]
    html = coin.convert("/// quiz | Which?\n    definition: so it is\n\n" + gap.join(items) + "\n///")
    assert data_of(html)["right"] == [0, 1]
    shown, _, folded = html.partition("<details")
    assert "goes on" in shown and "No" not in text_of(shown)
    assert '<a href="a.md">No</a>' in folded and "<em>no</em>" in folded


def test_a_number_is_computed_for_every_combination(coin):
    cases = data_of(coin.convert(NUMBER))["cases"]
    drawn = {(each["draw"]["tosses"], each["draw"]["bias"]): each for each in cases}
    assert set(drawn) == set(itertools.product(["100", "1000"], ["0.2", "0.8"]))
    for (tosses, bias), case in drawn.items():
        assert case["answer"] == pytest.approx(float(tosses) * float(bias))
        assert case["tolerance"] == pytest.approx(0.02 * case["answer"])
        assert case["wrong"] == [pytest.approx(float(tosses) * (1 - float(bias)))]
        assert case["shown"][0] == write_number(float(tosses) * float(bias))


def test_drawn_parameters_stand_in_question_and_feedback_and_leave_latex_and_values_alone(coin):
    text = NUMBER.replace("\n///", "\n\nWith $\\frac{tosses}{2}$ and {{ coin.tosses }}, `[=bias]` and {tosses}.\n///")
    html = coin.convert(text)
    assert html.count('<span data-drawn="tosses">100</span>') == 2
    assert '<code><span data-drawn="bias">0.2</span></code>' in html
    assert "<mfrac>" in html and "12\u202f345" in html and "{tosses}" in html


def test_an_answer_may_rest_on_a_record(coin):
    html = coin.convert("/// quiz | How many?\n    answer: coin.tosses * n\n    tolerance: 1\n    draw: {n: [1, 2]}\n\n"
                        "[=n] times.\n///")  # fmt: skip
    assert [case["answer"] for case in data_of(html)["cases"]] == [12345, 24690]
    assert "How this was made" in html


def test_an_order_is_shown_in_another_that_is_always_the_same(coin):
    html = coin.convert(ORDER)
    shown, _, folded = html.partition("<details")
    given = [int(at) for at in re.findall(r'data-item="(\d)"', shown)]
    assert sorted(given) == [0, 1, 2, 3] != given
    assert html == coin.convert(ORDER)
    places = [folded.index(text) for text in ("Take it", "Throw it", "It has to be", "Let it fall", "12\u202f345")]
    assert places == sorted(places)
    assert "<em>thrown</em>" in folded


@given(st.lists(st.text(max_size=5), min_size=2, max_size=8, unique=True), st.text(max_size=5))
def test_a_shuffle_loses_nothing_and_is_never_right(items, salt):
    order = shuffled(items, salt)
    assert sorted(order) == list(range(len(items))) != order
    assert order == shuffled(items, salt)


def test_a_curve_has_its_means_its_spread_and_the_published_points(coin):
    html = coin.convert(CURVE)
    data = data_of(html)
    assert data["mean"] == [pytest.approx(each) for each in (0.2, 0.5, 0.8)]
    assert data["low"] == [0.19, 0.49, 0.79] and data["high"] == [0.21, 0.51, 0.81]
    assert data["published"] == [[pytest.approx(x), y] for x, y in ((0.2, 0.25), (0.5, 0.4), (0.8, 0.9))]
    assert (data["across"], data["up"], data["unit"], data["source"]) == ("bias", "heads", "%", "Hinton 2014")
    low, high = data["range"]
    assert low <= 0.19 and high >= 0.9
    folded = html.partition("<details")[2]
    assert "0.500 ± 0.007" in folded and "Hinton 2014" in folded and "Fig. 1" in folded


@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=6), st.booleans())
def test_a_range_holds_every_point(values, log):
    labels = np.arange(len(values))
    curve = read_curve(Measure(np.array(values), ("x",), {"x": labels}, text="a.b"))
    low, high = read_range(None, curve, None, log=log)
    assert low <= min(values) <= max(values) <= high
    assert high <= 10 * max(values)
    assert low > 0 or not log


def test_a_solution_comes_with_the_answer(coin):
    text = "/" + CHOICE.replace("///\n", "\n/// solution\nIt *is* {{ coin.tosses }}.\n///\n\n////\n")
    html = coin.convert(text)
    shown, _, folded = html.partition("<details")
    assert "12\u202f345" in folded and "12\u202f345" not in shown and "<em>is</em>" in folded


def test_data_cannot_end_the_script_that_it_stands_in(coin):
    evil = "</script><script>alert(1)</script>"
    html = coin.convert(f'/// quiz | How many?\n    answer: 1\n    tolerance: 0.1\n    unit: "{evil}"\n///')
    assert data_of(html)["unit"] == evil
    assert html.count("<script") == 1 and html.count("</script") == 1
    html = coin.convert(CURVE.replace('unit: "%"', f"across: '{evil}'\n    up: '{evil}'"))
    assert html.count("<script") == 1 and data_of(html)["across"] == evil


def test_ids_come_from_the_question_or_from_a_name(coin):
    assert 'id="quiz-which-coin-shows-more-heads"' in coin.convert(CHOICE)
    named = CHOICE.replace("    because", "    name: heads\n    because")
    assert 'id="quiz-heads"' in coin.convert(named)
    message = raised(coin.convert, f"{named}\n\n{named}")
    assert "the name heads is taken" in message and "docs/index.md:12" in message


def test_a_deck_is_one_page(coin):
    coin.write("slides/talk.md", f"# A\n\n---\n\n{CHOICE}\n---\n\n# B\n\n{CHOICE}")
    context = Context(coin.project)
    message = raised(of_project.render, coin.folder / "slides" / "talk.md", context)
    assert "is taken on this page" in message and "slides/talk.md:18" in message


def test_a_choice_that_goes_on_in_the_next_line_is_the_same_in_a_lesson_and_on_a_slide(coin):
    text = "/// quiz | Which?\n    definition: so\n\n- [x] One\n  goes on\n- [ ] Two\n    [No](a.md)\n///\n"
    path = coin.write("slides/talk.md", f"# A\n\n---\n\n{text}")
    for html in (coin.convert(text), of_project.render(path, Context(coin.project)).html):
        shown, _, folded = html[html.index("asrun-choices") :].partition("<details")
        assert "goes on" in shown and "No" not in text_of(shown) and "No" in folded


def test_only_decks_that_ask_bring_the_script(coin):
    for name, text, wanted in (("one", CHOICE, True), ("two", "# Nothing", False)):
        path = coin.write(f"slides/{name}.md", f"# A\n\n---\n\n{text}")
        html = of_project.render(path, Context(coin.project)).html
        assert ("quiz.js" in html) is wanted and ("quiz.css" in html) is wanted
        if wanted:
            assert html.index("quiz.js") < html.index("deck.js"), "what is fitted to a slide is there before"


def test_a_question_is_collected_with_its_evidence(coin):
    path = coin.write("docs/one.md", "\n\n".join((CHOICE, NUMBER, ORDER, CURVE)))
    read = read_page(path, Context(coin.project))
    assert read.problems == []
    quizzes = [each for each in read.citations if each.kind == "quiz"]
    assert quizzes[0].text == "Which coin shows *more* heads?"
    assert quizzes[0].evaluation.comparisons and quizzes[3].evaluation
    assert [bool(each.records) for each in quizzes] == [True, False, False, True]


# What an author is told


def choice(items: str, options: str = "definition: so") -> str:
    return f"/// quiz | Which?\n    {options}\n\n{items}\n///"


GOOD = "- [x] a\n- [ ] b\n    [no](x.md)"


def number(*options: str, question: str = "How many?") -> str:
    return f"/// quiz | {question}\n" + "".join(f"    {each}\n" for each in options) + "///"


ERRORS = [
    ("/// quiz\n///", ["does not say which"]),
    (choice("- [x] a\n- [ ] b"), ["nothing is said of the wrong choice: b", "name the misconception"]),
    (choice("- [x] a\n- [ ] b\n    No."), ["leads nowhere: b", "link to the experiment"]),
    (choice("- [ ] a\n    [no](x.md)\n- [ ] b\n    [no](x.md)"), ["no choice of this question is right"]),
    (choice("- [x] a\n- b"), ["has no box: b"]),
    (choice("- [x] a"), ["only one item"]),
    (choice("- [x] a\n- [ ] a\n    [no](x.md)"), ["are alike: a"]),
    (choice("- [x] a\n- [ ]\n    [no](x.md)"), ["has no box"]),
    (choice("no list"), ["nothing to answer it with"]),
    ("/// quiz | Which?\n    definition: so\ntext\n- [x] a\n- [ ] b\n///", ["nothing to answer it with", "blank line"]),
    (choice(f"{GOOD}\n\ntext after"), ["stands after the list"]),
    (choice("1. [x] a\n2. b"), ["has a box: a"]),
    (choice(GOOD, "name: which"), ["nothing says why", "because:", "definition:"]),
    (choice("1. a\n2. b", "name: which"), ["nothing says why"]),
    (choice(GOOD, "because: coin.tosses < 5"), ["does not hold: Which?", "12\u202f345", "wanted <"]),
    (choice(GOOD, "because: coin.tosses"), ["is not a claim"]),
    (choice(GOOD, "because: coin.toses > 5"), ["did you mean tosses?"]),
    (choice(GOOD, "because: true"), ["because is a text"]),
    (choice(GOOD, "becuase: 1 < 2"), ["no option becuase", "did you mean because?"]),
    (choice(GOOD, "name: 'a b'"), ["is no name for a question"]),
    (choice(GOOD, "tolerance: 1"), ["tolerance has no meaning in a question without answer"]),
    (number("answer: 1"), ["how near", "tolerance: 5%"]),
    (number("answer: 1", "tolerance: much"), ["'much' is no tolerance"]),
    (number("answer: 1", "tolerance: -1"), ["is no tolerance"]),
    (number("answer: 1", "tolerance: 1", "log: true"), ["log has no meaning in a question for a number"]),
    (number("answer: 1 < 2", "tolerance: 1"), ["is True, not a number"]),
    (number("answer: coin.heads", "tolerance: 1"), ["has many numbers"]),
    (number("answer: x", "tolerance: 1"), ["there is no snippet called x"]),
    (number("answer: '{{ 1 }}'", "tolerance: 1"), ["stands without {{ }}"]),
    (number("answer: 1", "tolerance: 1", "of: coin.heads"), ["make two questions"]),
    (number("answer: a", "tolerance: 1", "draw: [1]"), ["draw holds lists"]),
    (number("answer: a", "tolerance: 1", "draw: {a: 1}"), ["a needs a list of numbers"]),
    (number("answer: a", "tolerance: 1", "draw: {a: [1, 1]}"), ["has a number twice"]),
    (number("answer: a", "tolerance: 1", "draw: {coin: [1]}"), ["coin means something else"]),
    (number("answer: a", "tolerance: 1", "draw: {mean: [1]}"), ["mean means something else"]),
    (number("answer: a", "tolerance: 1", "draw: {for: [1]}"), ["is no name for a parameter"]),
    (number("answer: a", "tolerance: 1", f"draw: {{a: {list(range(300))}}}"), ["300 combinations"]),
    (number("answer: a", "tolerance: 1", "draw: {a: [1, 2]}"), ["depends on a", "write [=a]"]),
    (number("answer: 1", "tolerance: 1", "draw: {a: [1]}"), ["a is drawn for nothing"]),
    (number("answer: a", "tolerance: 1", "draw: {a: [1]}", question="Of [=b] [=a]?"), ["[=b] names nothing"]),
    (number("answer: a", "tolerance: 1", "draw: {a: [1]}", question="Of [=a=]?"), ["[=a=] is not", "write [=a]"]),
    (number("answer: 1", "tolerance: 1", question="Of [=b]?"), ["[=b] names nothing", "write draw:"]),
    (number("answer: 1 / a", "tolerance: 1", "draw: {a: [1, 0]}", question="[=a]"), ["with a = 0"]),
    (number("answer: a", "tolerance: 1", "draw: {a: [1]}", question="$x = [=a]$"), ["[=a] stands in a formula"]),
    (number("answer: a", "tolerance: 1", "draw: {a: [1]}", question="[x](y.md '[=a]')"), ["in a formula or an addr"]),
    (
        number("answer: a", "tolerance: 0.1", "draw: {a: [0.2, 0.5]}", "wrong: {1 - a: never}", question="[=a]"),
        ["a is 0.5 and 1 - a is 0.5 with a = 0.5", "nobody can tell"],
    ),
    (number("answer: 1", "tolerance: 0", "wrong: {3: never, 1 + 2: never}"), ["3 is 3 and 1 + 2 is 3"]),
    (number("answer: 1", "tolerance: 0.5", "wrong: {2: never}"), ["nobody can tell"]),
    (number("answer: 1", "tolerance: 0", "wrong: {2: }"), ["nothing is said of the wrong result 2"]),
    (number("answer: 1", "tolerance: 0", "wrong: [2]"), ["wrong holds what to say"]),
    (number("of: coin.tosses"), ["is a single number, not a curve"]),
    (number("of: coin.flat"), ["more than one axis: one, other"]),
    (number("of: coin.flat[0]"), ["the axis other of coin.flat[0] has no labels"]),
    (number("of: coin.heads", "published: published.rate"), ["is a single number"]),
    (number("of: coin.heads", "published: coin.heads"), ["is not a published curve"]),
    (number("of: coin.heads", "published: published.curv"), ["did you mean curve?"]),
    (number("of: coin.heads", "published: published.curve"), ["goes along tails", "at: 1 - tails"]),
    (number("of: coin.heads", "at: 1 - tails"), ["at has no meaning in a curve without published:"]),
    (number("of: coin.none", "log: true"), ["a logarithmic scale has no place for 0"]),
    (number("of: coin.heads", "log: maybe"), ["log is true or false"]),
    (number("of: coin.heads", "range: [1, 0]"), ["is no range"]),
    (number("of: coin.heads", "range: [0, 0.5]"), ["make the range wider"]),
    (number("of: coin.heads", "draw: {a: [1]}"), ["draw has no meaning in a question for a curve"]),
    ("/// solution\nSo.\n///", ["belongs to nothing"]),
    ("/// quiz | Which?\n    1: 2\n///", ["a quiz has no option 1"]),
    ("/// quiz | Which?\n    arg: 2\n///", ["a quiz has no option arg"]),
    ("/// quiz | Which?\n    unit: %\n///", ["are not YAML", "need quotes"]),
    ("//// quiz | Which?\n    definition: so\n\n- [x] a\n\n////\n", ["only one item"]),
]


@pytest.mark.parametrize("before", ["", "# Title\n\n- a\n- b\n\n"], ids=["top", "deep"])
@pytest.mark.parametrize(("text", "told"), ERRORS)
def test_every_mistake_is_told_with_its_line_and_a_remedy(coin, before, text, told):
    line = before.count("\n") + 1
    message = raised(coin.convert, before + text, page="docs/one.md", first_line=5)
    assert re.match(rf"docs/one.md:{line + 4}(:\d+)?: ", message), message
    assert all(part in message for part in told), message
    assert "\n    " in message, message


def test_blocks_in_each_other_need_different_slashes(coin):
    message = raised(coin.convert, "/// quiz | Which?\n/// solution\nSo.\n///\n///")
    assert "ends before what is in it" in message and "a slash more" in message


# True properties of the parts


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4),
    st.floats(-1e6, 1e6),
    st.floats(0, 1e3),
    st.booleans(),
)
def test_results_that_are_accepted_can_be_told_apart(wrong, answer, amount, relative):
    texts = [repr(each) for each in wrong]
    evaluate = _scratch_context().evaluate
    try:
        (case,), _ = compute_cases(
            [{}], repr(answer), texts, Tolerance(amount, relative), lambda text, names: evaluate(text, names=names)
        )
    except AsrunError as error:
        assert "nobody can tell" in str(error)
        return
    for one, other in itertools.combinations([case.answer, *case.wrong], 2):
        assert abs(one - other) > 2 * case.tolerance


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True), min_size=1
    )
)
def test_every_combination_is_drawn_once(option):
    draws = read_draws(option, [])
    assert sorted(tuple(each.values()) for each in draws) == sorted(itertools.product(*option.values()))


@pytest.mark.parametrize(("text", "around"), [("0.5", 0.5), (2, 2.0), ("5%", 10.0), ("5 %", 10.0), (0, 0.0)])
def test_a_tolerance_is_an_amount_or_a_share(text, around):
    assert Tolerance.read(text).around(-200.0) == pytest.approx(around)


@pytest.mark.parametrize(
    ("number", "tolerance", "shown"),
    [
        (50.0, 0.1, "50"),
        (19.999999999999996, 0.4, "20"),
        (1 / 3, 0.01, "0.333"),
        (1 / 3, 0.0, "0.333333"),
        (-2, 0, "\u22122"),
    ],
)
def test_numbers_are_written_with_the_digits_that_count(number, tolerance, shown):
    assert write_number(number, tolerance) == shown


# Whatever is typed


LINES = st.sampled_from(
    [
        *(
            "/// quiz | Which?",
            "//// quiz | Which [=a]?",
            "/// quiz",
            "/// solution",
            "//// exercise | Do.",
            "///",
            "////",
        ),
        *(
            "    definition: so",
            "    because: 1 < 2",
            "    answer: a",
            "    answer: 1",
            "    tolerance: 5%",
            "    unit: x",
        ),
        *(
            "    draw: {a: [1, 2]}",
            "    draw: {a: [.nan]}",
            "    wrong: {a + 9: never}",
            "    wrong:",
            "      3: never",
        ),
        *("    of: coin.heads", "    published: published.same", "    log: true", "    range: [0, 1]", "    name: n"),
        *("    at: bias", "    check: 1 < 2", "    0: 1", "    a: [", "    attrs: {id: x}", "", "", "text", "[=a]"),
        *("- [x] a", "- [x] [=a]", "- [ ] b", "    [no](x.md)", "    no", "1. a", "2. b", "* [ ] c", "$x$", "`[=a]`"),
        *("{{ coin.tosses }}", "[@one2014]", "```", "> quote", "!!! note", "<div>", "</script>", "- ", "    - [x] d"),
    ]
)


@settings(max_examples=500)
@given(st.lists(LINES, max_size=12).map("\n".join))
@example("/// quiz | Which?\n/// quiz | Which?\n///\n///")
@example("//// exercise | Do.\n/// quiz | Which?\n    definition: so\n\n- [x] a\n- [ ] b\n    [no](x.md)\n///\n////")
@example("/// quiz | Which [=a]?\n    answer: a\n    draw: {a: [.nan]}\n    tolerance: 5%\n///")
def test_whatever_is_typed_becomes_a_page_or_a_problem_with_its_place(text):
    try:
        html = _scratch().convert(text)
    except AsrunError as error:
        assert re.match(r"docs/index.md(:\d+)*: ", str(error)), str(error)
    else:
        outside = re.sub(r"(?s)<(code|pre)\b.*?</\1>", "", html)
        assert not re.search(r"///+ *(quiz|exercise|solution)\b", outside)
        assert html.count("<script") == html.count('class="asrun-quiz')
        for script in re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL):
            assert json.loads(script)["kind"] in ("choice", "number", "order", "curve")


DAMAGES = ["drop", "again", "swap", "put", "cut"]
SOLVED = "/" + CHOICE.replace("///\n", "\n/// solution\nSo.\n///\n\n////\n")


@settings(max_examples=500)
@given(
    st.sampled_from([CHOICE, NUMBER, ORDER, CURVE, SOLVED]),
    st.lists(
        st.tuples(st.sampled_from(["drop", "again", "swap", "put", "cut"]), st.integers(0, 99), LINES), max_size=3
    ),
)
def test_a_good_question_that_is_damaged_is_a_question_or_a_problem(text, damages):
    lines = text.split("\n")
    for kind, at, other in damages:
        at %= len(lines)
        match kind:
            case "drop":
                lines[at : at + 1] = [""] if len(lines) == 1 else []
            case "again":
                lines.insert(at, lines[at])
            case "swap":
                lines[at], lines[at - 1] = lines[at - 1], lines[at]
            case "put":
                lines.insert(at, other)
            case "cut":
                lines[at] = lines[at][: len(lines[at]) // 2]
    test_whatever_is_typed_becomes_a_page_or_a_problem_with_its_place.hypothesis.inner_test("\n".join(lines))


def _scratch(made: list[TinyProject] = []) -> TinyProject:  # noqa: B006
    if not made:
        folder = tempfile.TemporaryDirectory()
        site = fill(TinyProject(FILES, Path(folder.name)))
        site.kept = folder
        made.append(site)
    return made[0]


def _scratch_context(made: list[Context] = []) -> Context:  # noqa: B006
    if not made:
        made.append(Context(_scratch().project))
    return made[0]


def test_a_choice_that_is_lost_in_the_feedback_above_is_told(coin):
    text = (
        "/// quiz | Which?\n    definition: so it is\n\n- [x] one\n- [ ] two\n\n    No: [see](a.md).\n"
        "- [ ] three\n\n    No: [see](a.md).\n///"
    )
    assert "a choice is lost" in raised(coin.convert, text)
