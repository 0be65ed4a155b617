"""Numbers that are not finite: they decide nothing, and are shown with words of the author's or not at all."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.errors import AsrunError
from asrun.testing import COIN, TinyProject, make_figure, raised
from asrun.values.comparison import compare
from asrun.values.expression import evaluate
from asrun.values.formats import format_measure
from asrun.values.measure import Measure

NAN, INF = float("nan"), float("inf")
VALUES = {
    "drop": [0.0, 0.5],
    "nan": NAN,
    "inf": INF,
    "below": -INF,
    "n": 3.0,
    "loss": [[1.0, 1.1, 0.9, 1.05, 0.95], [1.0, 2.0, NAN, 4.0, INF]],
    "fine": [2.0, 2.1, 1.9, 2.05, 1.95],
    "curve": [1.0, NAN],
    "rate": np.array([0.5, 1.0], dtype="float32"),
    "lost": None,
    "wide": [1e200, -1e200, 3e200, 2e200, -1e200],
    "small": np.array([3, 2], dtype="uint8"),
    "axes": {"loss": ["drop", "seed"], "fine": "seed", "wide": "seed", "curve": "drop", "small": "drop"},
}


class Lookup:
    """One snippet, and a published curve that has no point at one place."""

    def record(self, name, scale, value):
        return "coin", VALUES

    def published(self, key):
        values, unsure = {"table": ([1.5, NAN], None), "unsure": ([1.0, 1.0], [NAN, INF])}[key]
        uncertainty = None if unsure is None else np.array(unsure)
        return Measure(np.array(values), ("keep",), {"keep": np.array([0.5, 1.0])}, uncertainty=uncertainty)


def refused(text: str) -> str:
    return raised(evaluate, text, Lookup())


def holds(text: str) -> bool:
    return evaluate(text, Lookup()).holds


BROKEN = [
    *("coin.nan", "coin.inf", "coin.below", "coin.loss(drop=0.5)", "coin.loss(drop=0.5)[2]", "coin.curve"),
    *("mean(coin.loss(drop=0.5))", "sd(coin.loss(drop=0.5))", "max(coin.curve)", "min(coin.loss)", "sum(coin.loss)"),
    *("1 / coin.inf", "coin.nan ** 0", "1 ** coin.nan", "0 * coin.inf", "exp(coin.below)", "abs(coin.below)"),
    *("-coin.inf", "coin.inf - coin.inf", "paired(coin.loss(drop=0.5), coin.fine)", "coin.fine - coin.nan"),
    *("coin.loss(drop=0.5)[[1, 2][0]]", "published.table(keep=1)", "published.table"),
]


@pytest.mark.parametrize("broken", [each for each in BROKEN if "[[" not in each])
@pytest.mark.parametrize("claim", ["{} < 3", "not ({} < 3)", "{} != 7", "3 == {}", "close({}, 3, 1)", "{0} == {0}"])
def test_what_is_not_finite_decides_nothing(broken, claim):
    for text in (claim, f"({claim}) or coin.n == 3", f"coin.n == 3 or {claim}", f"coin.n == 4 and {claim}"):
        message = refused(text.format(broken))
        assert (
            "not finite" in message
            or "many numbers" in message
            or "too large" in message
            or "decides nothing" in (message)
        ), message


@pytest.mark.parametrize(
    "text",
    [
        *("rises(coin.loss)", "falls(coin.curve)", "agrees(coin.loss(drop=0.5), 1)", "agrees(coin.fine, coin.nan)"),
        *("close(coin.fine, 2, coin.inf)", "close(coin.n, 2, coin.nan)", "close(coin.fine, coin.inf, 1)"),
        *("argmin(coin.curve) == 0", "argmax(coin.loss) == 0.5", "coin.n < coin.inf < 4", "coin.n < 4 < coin.inf"),
    ],
)
def test_no_function_decides_by_what_is_not_finite(text):
    assert "not finite" in refused(text)
    assert "not finite" in refused(f"not {text}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("coin.nan < 1", "coin.nan is nan: "),
        ("coin.below < 1", "coin.below is -inf: "),
        ("coin.loss(drop=0.5) < 1", "coin.loss(drop=0.5) is nan at seed 3 of 5, and 1 more are not finite: "),
        ("max(coin.loss) < 1", "coin.loss is nan at drop=0.5, seed 3 of 5, and 1 more are not finite: "),
        ("2 * max(coin.curve) + 1 != 7", "coin.curve is nan at drop=0.5: "),
        ("mean(coin.loss)(drop=0.5) < 1", "mean(coin.loss)(drop=0.5) is nan: "),
    ],
)
def test_the_message_says_which_number_is_not_finite_and_what_to_do(text, told):
    message = refused(text)
    assert message.startswith(told), message
    assert "nonfinite(" in message and '| or "did not converge"' in message and "by label" in message


def test_what_is_finite_can_be_chosen_and_the_rest_be_counted():
    assert holds("coin.loss(drop=0) < 2")
    assert holds("mean(coin.loss)(drop=0) < 2")
    assert holds("coin.curve[0] == 1")
    assert holds("nonfinite(coin.loss) == 2 and nonfinite(coin.loss(drop=0)) == 0")
    assert holds("nonfinite(coin.nan) == count(coin.nan)")
    assert not holds("nonfinite(coin.n) > 0")
    assert holds("1 / nonfinite(coin.loss) == 0.5")


def test_what_was_not_measured_decides_nothing():
    for text in ("coin.lost != 3", "coin.lost == 3", "not coin.lost == 3", "coin.lost == coin.lost", "coin.lost < 3"):
        assert "coin.lost is None, not a number" in refused(text)


def test_an_uncertainty_without_bounds_agrees_with_nothing():
    assert holds("not agrees(coin.fine, published.unsure(keep=0.5))")
    assert "nothing can agree" in refused("agrees(coin.fine, published.unsure(keep=1))")


@pytest.mark.parametrize("text", ["coin.wide < 0", "not close(coin.wide, 0, 1)", "agrees(coin.wide, 3)"])
def test_numbers_whose_squares_are_too_large_decide_nothing(text):
    assert "too large" in refused(text)


def test_numbers_of_few_bits_do_not_rise_by_falling():
    assert holds("falls(coin.small)") and not holds("rises(coin.small)")


FINITE = st.floats(-1e300, 1e300)
ANY = st.one_of(FINITE, st.sampled_from([NAN, INF, -INF, 0.0, 1e308]))


@given(st.lists(ANY, min_size=5, max_size=6), ANY, st.sampled_from(["<", ">", "==", "!=", "<=", ">="]), st.booleans())
def test_a_comparison_is_of_finite_numbers_or_not_at_all(values, other, sign, seeds):
    left = Measure(np.array(values), ("seed",)) if seeds else Measure(np.array(values[0]))
    try:
        with np.errstate(all="ignore"):
            found = compare(left, sign, Measure(np.array(other)))
    except AsrunError:
        return
    assert np.all(np.isfinite(left.values)) and np.isfinite(other)
    assert found.p_value is None or 0 <= found.p_value <= 1


LEAVES = st.sampled_from(["coin.nan", "coin.inf", "coin.below", "coin.n", "coin.loss(drop=0.5)", "coin.fine", "0", "2"])
NUMBERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner),
        st.builds("{}({})".format, st.sampled_from(["mean", "sd", "min", "max", "sum", "abs", "exp", "log"]), inner),
        st.builds("-{}".format, inner),
    ),
    max_leaves=5,
)


@given(NUMBERS, st.sampled_from(["{} < 1", "{} != 1", "not {} == 1", "{} == 1 or 1 == 1", "rises({})"]))
def test_nothing_that_is_reckoned_from_it_decides_anything(text, claim):
    """Whatever is done to it: a claim that reads nan or inf is refused."""
    try:
        evaluate(claim.format(text), Lookup())
    except AsrunError:
        return
    assert not re.search(r"nan|inf|below|loss", text), claim.format(text)


# Pages


@pytest.fixture
def coin(tiny_project) -> TinyProject:
    project = tiny_project({"snippets/coin.py": COIN})
    project.put("coin", VALUES, figures=[make_figure()])
    return project


def test_what_is_not_finite_is_not_published_without_words_for_it(coin):
    for text in (
        "coin.nan",
        "coin.loss(drop=0.5)",
        "coin.loss(drop=0.5) | mean .2f",
        "coin.inf | .2f",
        "coin.nan | words",
    ):
        message = raised(coin.convert, f"It is {{{{ {text} }}}}.")
        assert message.startswith("docs/index.md:1:7: coin."), message
        assert "not finite" in message and "show words" in message


@pytest.mark.parametrize(
    "spec", ['or "did not converge"', ".2f or 'did not converge'", 'mean .1% or "did not converge"']
)
def test_words_take_its_place(coin, spec):
    for value in ("coin.loss(drop=0.5)", "100 * coin.loss(drop=0.5)", "coin.loss(drop=0.5) - coin.fine"):
        html = coin.convert(f"It {{{{ {value} | {spec} }}}}.")
        assert ">did not converge</a>" in html and "coin-quick-cpu" in html
    assert "did not" not in coin.convert(f"It {{{{ coin.fine | {spec} }}}}.")


def test_words_work_in_markdown_tables_and_are_text(coin):
    html = coin.convert('| a | b |\n| - | - |\n| {{ coin.nan | or "<b>no</b>" }} | 2 |')
    assert "&lt;b&gt;no&lt;/b&gt;" in html and html.count("<td>") == 2


def test_words_are_for_single_numbers_and_need_their_quotes(coin):
    assert "has many numbers" in raised(coin.convert, '{{ coin.loss | or "none" }}')
    for spec in ("or none", 'or "none', 'or ""', "or"):
        assert "is not a format" in raised(coin.convert, f"{{{{ coin.nan | {spec} }}}}")


def test_tables_have_words_by_column(coin):
    table = "/// table | Loss\n    rows: {drop: coin.drop}\n    columns:\n      loss: coin.loss(drop=drop) | MORE\n///"
    html = coin.convert(table.replace("MORE", '.2f or "diverged"'))
    assert ">1.00 ± 0.08<" in html and ">diverged<" in html
    assert "docs/index.md:1: coin.loss(drop=drop) is nan at seed 3 of 5" in raised(
        coin.convert, table.replace("MORE", ".2f")
    )
    whole = "/// table | Loss\n    of: coin.loss\n    format: or 'diverged'\n///"
    assert ">diverged<" in coin.convert(whole)
    assert "nan at seed 3" in raised(coin.convert, whole.replace("    format: or 'diverged'\n", ""))


@pytest.mark.parametrize("confirmed", ["", "    confirmed: no\n"])
@pytest.mark.parametrize(
    "claim", ["coin.nan < 3", "not coin.nan < 3", "coin.loss(drop=0.5) > 0", "coin.n == 3 or coin.nan < 3"]
)
def test_a_claim_that_reads_it_is_neither_confirmed_nor_not(coin, claim, confirmed):
    message = raised(coin.convert, f"/// claim | It is so.\n{confirmed}\n{claim}\n///")
    assert message.startswith("docs/index.md:1: coin.") and "decides nothing" in message


def test_questions_and_exercises_rest_on_finite_numbers(coin):
    choice = "/// quiz | Which?\n    because: BECAUSE\n\n- [x] This.\n- [ ] That.\n\n    [See](index.md).\n///"
    exercise = "//// exercise | Do.\n    check: BECAUSE\n/// solution\nDone.\n///\n////"
    for question, claim in product((choice, exercise), ("coin.nan != 3", "not coin.inf < 3")):
        assert "decides nothing" in raised(coin.convert, question.replace("BECAUSE", claim))
    number = "/// quiz | How many?\n    answer: coin.nan\n    tolerance: 5%\n///"
    assert "coin.nan is nan: what is not finite" in raised(coin.convert, number)
    curve = "/// quiz | How does it go?\n    of: coin.loss\n///"
    assert "coin.loss is nan at drop=0.5, seed 3 of 5" in raised(coin.convert, curve)


def test_a_claim_at_several_scales_needs_finite_numbers_at_each(tiny_project):
    project = tiny_project(
        {"snippets/coin.py": COIN.replace("dict(seeds=5)}", "dict(seeds=5), 'full': dict(seeds=9)}")}
    )
    project.put("coin", {"n": 1.0}, figures=[make_figure()])
    project.put("coin", {"n": NAN}, scale="full", figures=[make_figure()])
    assert "coin.n is nan" in raised(project.convert, "/// claim | So.\n    scale: quick, full\n\nnot coin.n > 2\n///")


def test_published_numbers_that_are_not_there_decide_and_show_nothing(tiny_project):
    project = tiny_project(
        {
            "docs/references/references.bib": "@book{one, title = {One}, author = {A, B}, year = {2014}}\n",
            "docs/references/published.yml": "lost: {cite: one, where: there, how: read, what: it, "
            "axes: {keep: [0.5, 1]}, values: [1, .nan]}\n"
            "some: {cite: one, where: there, how: read, what: it, value: .inf}\n",
        }
    )
    assert "1" in project.convert("{{ published.lost(keep=0.5) }}")
    assert ">unknown<" in project.convert('{{ published.lost(keep=1) | or "unknown" }}')
    assert "published.lost(keep=1) is nan" in raised(project.convert, "{{ published.lost(keep=1) }}")
    assert "published.some is inf" in raised(project.convert, "/// claim | So.\n\nnot published.some < 3\n///")


def test_words_are_of_no_use_where_nothing_went_wrong():
    assert format_measure(Measure(np.asarray(0.5)), '.2f or "lost"') == "0.50"
    assert format_measure(Measure(np.asarray(NAN)), '.2f or "lost"') == "lost"
    assert format_measure(Measure("word"), 'or "lost"') == "word"
