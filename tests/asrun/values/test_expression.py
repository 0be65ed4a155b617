"""The language of values and claims: what it can say, what an author is told, and that it can do nothing else."""

from __future__ import annotations

import ast
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asrun.errors import AsrunError
from asrun.testing import raised
from asrun.values.expression import FUNCTIONS, evaluate
from asrun.values.measure import Measure

VALUES = {
    "bias": np.array([0.0, 0.1, 0.5]),
    "heads": np.array([[9.0, 8.9, 9.1, 9.05, 8.95], [5.0, 5.1, 4.9, 5.05, 4.95], [7.0, 7.1, 6.9, 7.05, 6.95]]),
    "fewer": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    "other": np.array([[1.0, 2.0, 3.0]]),
    "rate": np.array([0.2]),
    "plain": [1.0, 2.0, 4.0],
    "n": 7,
    "zero": 0,
    "huge": 2**62,
    "small": np.array([3, 200], dtype="uint8"),
    "flags": np.array([True, False, True]),
    "odd": np.array([1.0, np.nan]),
    "word": "digits",
    "method": ["plain", "fancy"],
    "cost": np.array([2.0, 1.0]),
    "done": True,
    "nothing": None,
    "empty": np.array([]),
    "group": {"rate": 0.25},
    "ragged": [[1], [2, 3]],
    "axes": {
        "heads": ["bias", "seed"],
        "fewer": ["bias", "seed"],
        "other": ["rate", "seed"],
        "flags": ["seed"],
        "cost": ["method"],
    },
}


class Lookup:
    """One snippet, and one published table."""

    def __init__(self):
        self.scales = []

    def record(self, name, scale, value):
        self.scales.append(scale)
        if name != "coin":
            raise AsrunError(f"there is no snippet called {name}", remedy="did you mean coin?")
        return "coin", VALUES

    def published(self, key):
        if key != "table":
            raise AsrunError(f"there is no published number called {key}")
        return Measure(np.array([1.5, 2.5]), ("keep",), {"keep": np.array([0.5, 0.8])}, frozenset(["published.table"]))


def value(text: str) -> object:
    result = evaluate(text, Lookup()).result
    return result.values.tolist() if isinstance(result.values, np.ndarray) else result.values


def refused(text: str) -> str:
    return raised(evaluate, text, Lookup())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("coin.n", 7),
        ("coin.group.rate", 0.25),
        ("coin.word", "digits"),
        ("coin.done", True),
        ("coin.heads(bias=0.1)", [5.0, 5.1, 4.9, 5.05, 4.95]),
        ("coin.heads(bias=0)[0]", 9.0),
        ("coin.heads[0][-1]", 8.95),
        ("coin.plain[2]", 4.0),
        ("coin.cost(method='fancy')", 1.0),
        ("published.table(keep=0.8)", 2.5),
        ("published.table(keep=1 - 0.5)", 1.5),
        ("mean(coin.heads(bias=0.5))", 7.0),
        ("mean(coin.heads)(bias=0.5)", 7.0),
        ("argmin(coin.heads)", 0.1),
        ("argmax(coin.heads)", 0.0),
        ("argmin(coin.cost)", "fancy"),
        ("min(coin.heads)", 4.9),
        ("max(coin.plain)", 4.0),
        ("abs(-coin.n)", 7),
        ("count(coin.heads)", 15),
        ("mean(coin.flags)", 2 / 3),
        ("1 + 2 * 3 - 4 / 8", 6.5),
        ("-coin.small[0]", -3),
        ("coin.small[0] - coin.small[1]", -197),
        ("coin.small[1] * coin.small[1]", 40000),
        ("coin.flags[0] + coin.flags[1]", 1),
        ("coin.huge * 4", 2.0**64),
        ("100000000000000000000000", 1e23),
        ("coin.heads(bias=argmin(coin.heads))[0]", 5.0),
        ("(\n  coin.n  # seven\n  + 1\n)", 8),
        ("coin.n < 8 and not coin.n < 7", True),
        ("coin.n == 7 or coin.n == 8", True),
        ("1 < coin.n < 7", False),
        ("coin.word == 'digits'", True),
        ("argmin(coin.cost) == 'fancy'", True),
        ("coin.done == True", True),
    ],
)
def test_expressions_mean_what_they_say(text, wanted):
    assert value(text) == (pytest.approx(wanted) if isinstance(wanted, float) else wanted)


def test_the_spread_over_seeds_is_that_of_a_sample():
    assert value("sd(coin.heads(bias=0))") == pytest.approx(np.std(VALUES["heads"][0], ddof=1))


def test_a_claim_over_seeds_is_a_test():
    evaluation = evaluate("coin.heads(bias=0.1) < coin.heads(bias=0)", Lookup())
    (comparison,) = evaluation.comparisons
    assert evaluation.holds
    assert comparison.p_value < 0.001
    assert comparison.left.text == "coin.heads(bias=0.1)"
    assert evaluation.result.sources == {"coin"}
    assert not evaluate("coin.heads(bias=0.1) > coin.heads(bias=0)", Lookup()).holds


def test_every_comparison_of_a_claim_is_kept_and_each_source():
    evaluation = evaluate("coin.n < 8 and 1 < published.table(keep=0.5) < coin.n", Lookup())
    assert [f"{each.left.text} {each.sign} {each.right.text}" for each in evaluation.comparisons] == [
        "coin.n < 8",
        "1 < published.table(keep=0.5)",
        "published.table(keep=0.5) < coin.n",
    ]
    assert evaluation.result.sources == {"coin", "published.table"}


def test_differences_of_seeds_are_taken_seed_by_seed():
    values = VALUES["heads"]
    assert value("coin.heads(bias=0) - coin.heads(bias=0.1)") == (values[0] - values[1]).tolist()
    assert value("2 * coin.heads(bias=0)") == (2 * values[0]).tolist()


def test_the_scale_that_a_claim_asks_for_is_the_one_it_gets():
    lookup = Lookup()
    evaluate("coin.n + coin.zero", lookup, "full")
    assert lookup.scales == ["full", "full"]


# What an author is told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cion.n", ["there is no snippet called cion", "did you mean coin?"]),
        ("coin.hedas", ["coin has no value called hedas", "did you mean heads?"]),
        ("coin.heads(bais=0)", ["coin.heads has no axis called bais", "its axes are: bias, seed"]),
        ("coin.heads(bias=0.2)", ["coin.heads has no bias=0.2", "it has: 0, 0.1, 0.5"]),
        ("meen(coin.heads)", ["there is no function called meen", "did you mean mean?"]),
        ("exec('1')", ["there is no function called exec", "functions are: mean, sd"]),
        ("published.tabel", ["there is no published number called tabel"]),
        ("published", ["published is not a published number", "write published.key"]),
        ("published.table.x", ["published.table.x is not a published number"]),
        ("coin", ["coin is a snippet, not a value", "its values are: bias, heads"]),
        ("coin.heads(0.1)", ["does not choose anything", "choose by label"]),
        ("coin.heads()", ["does not choose anything"]),
        ("coin.heads(**coin.n)", ["does not choose anything"]),
        ("coin.heads(bias=coin.heads)", ["does not choose one thing"]),
        ("coin.heads(bias=coin.nothing)", ["does not choose one thing"]),
        ("coin.heads(bias=coin.n < 8)", ["true or false, not a number"]),
        ("coin.plain[3]", ["coin.plain[3] is out of range", "there are 3"]),
        ("coin.plain[0.5]", ["does not point at one thing"]),
        ("coin.plain[0:2]", ["0:2 is not part of the language"]),
        ("coin.n[0]", ["does not point at one thing", "count from 0"]),
        ("coin.word[0]", ["does not point at one thing"]),
        ("coin.word + 1", ["coin.word + 1 cannot be computed"]),
        ("coin.nothing + 1", ["cannot be computed"]),
        ("coin.done + 1", ["cannot be computed"]),
        ("-coin.word", ["cannot be computed"]),
        ("argmin(coin.cost) + 1", ["cannot be computed"]),
        ("+coin.n", ["is not part of the language"]),
        ("coin.n // 2", ["cannot be computed", "use + - * /"]),
        ("coin.n / coin.zero", ["coin.n / coin.zero is not a finite number"]),
        ("coin.zero / 0", ["is not a finite number"]),
        ("coin.heads - coin.plain", ["mixes axes: bias, seed with plain"]),
        ("coin.heads(bias=0) - coin.fewer(bias=0)", ["different numbers of seed"]),
        ("coin.bias + coin.other", ["mixes axes"]),
        ("mean(coin.n)", ["coin.n has no seeds"]),
        ("mean(coin.heads, coin.n)", ["mean takes one value"]),
        ("mean(x=coin.heads)", ["mean takes one value"]),
        ("mean(coin.word)", ["coin.word is not numbers"]),
        ("abs(coin.nothing)", ["coin.nothing is not numbers"]),
        ("max(coin.empty)", ["coin.empty is not numbers"]),
        ("argmin(coin.heads[0])", ["must have one labelled axis"]),
        ("argmin(coin.odd)", ["nan"]),
        ("coin.n in (1, 2)", ["not part of the language"]),
        ("coin.n is 7", ["not part of the language"]),
        ("coin.n if coin.n else 1", ["not part of the language"]),
        ("[coin.n]", ["[coin.n] is not part of the language"]),
        ("(lambda: 1)()", ["not part of the language"]),
        ("(x := 1)", ["not part of the language"]),
        ("f'{coin.n}'", ["not part of the language"]),
        ("coin.n.real.__class__", ["n has no value called real"]),
        ("'a'.join", ["has no parts"]),
        ("1j", ["1j is not a number or a string"]),
        ("b'a'", ["is not a number or a string"]),
        ("...", ["is not a number or a string"]),
        ("coin.heads <", ["not an expression: coin.heads <", "write it as in Python"]),
        ("coin heads", ["not an expression"]),
        ("", ["not part of the language"]),
        ("import os", ["not an expression"]),
        ("coin.n\n\x00", ["not an expression"]),
        ("coin.ragged", ["coin.ragged is a list of different things"]),
    ],
)
def test_what_cannot_be_said_is_told_helpfully(text, told):
    message = refused(text)
    assert all(part in message for part in told), message


@pytest.mark.parametrize(
    "text",
    [
        "not coin.heads(bias=0.1) > coin.heads(bias=0)",
        "not (coin.n < 8 and coin.heads(bias=0.1) > 9)",
        "(coin.heads(bias=0.1) > coin.heads(bias=0)) == False",
        "False == (coin.heads(bias=0.1) > 9)",
        "(coin.heads(bias=0.1) > 9) * 1 == 0",
        "abs(coin.heads(bias=0.1) > 9) == 0",
        "-(coin.heads(bias=0.1) > 9) == 0",
    ],
)
def test_what_was_not_shown_is_never_taken_for_shown_to_be_false(text):
    refused(text)


@pytest.mark.parametrize("text", ["coin.n and coin.n < 8", "coin.heads or coin.n < 8", "not coin.n", "not coin.heads"])
def test_only_what_is_true_or_false_can_be_joined(text):
    assert "is neither true nor false" in refused(text)


def test_the_same_axis_with_other_labels_is_not_mixed():
    class Two(Lookup):
        def record(self, name, scale, value):
            labels = {"one": [0.1, 0.2], "two": [0.3, 0.4]}[name]
            return name, {"x": np.array([1.0, 2.0]), "rate": np.array(labels), "axes": {"x": ["rate"]}}

    assert "mixes different labels of rate" in raised(evaluate, "one.x - two.x", Two())
    assert evaluate("one.x(rate=0.1) - two.x(rate=0.3)", Two()).result.number() == 0


def test_names_of_functions_can_be_snippets_too():
    assert "there is no snippet called mean" in refused("mean.value")


@given(st.integers(-(2**31), 2**31), st.integers(-(2**31), 2**31), st.sampled_from("+-*"))
def test_whole_numbers_are_reckoned_with_exactly(left, right, sign):
    exact = {"+": left + right, "-": left - right, "*": left * right}[sign]
    assert value(f"{left} {sign} {right}") == pytest.approx(exact, rel=1e-15, abs=0)
    if abs(exact) < 2**53:
        assert value(f"{left} {sign} {right}") == exact


# Nothing else can be called

NAMES = st.sampled_from(
    [
        "coin",
        "coin.n",
        "coin.heads",
        "coin.word",
        "coin.nothing",
        "coin.done",
        "coin.flags",
        "coin.odd",
        "coin.empty",
        "coin.group",
        "coin.axes",
        "coin.ragged",
        "coin.huge",
        "coin.small",
        "coin.cost",
        "coin.method",
        "published",
        "published.table",
        "open",
        "__import__('os')",
        "().__class__",
        "x",
        "1",
        "-2.5",
        "1e999",
        "'a'",
        "True",
        "None",
        "0",
        "9" * 30,
        "*coin.n",
        "coin.__class__",
        "coin.heads.values",
        *FUNCTIONS,
    ]
)
EXPRESSIONS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.tuples(
            inner,
            st.sampled_from(
                [
                    "+",
                    "-",
                    "*",
                    "/",
                    "<",
                    ">",
                    "<=",
                    ">=",
                    "==",
                    "!=",
                    "and",
                    "or",
                    "in",
                    "is",
                    "%",
                    "**",
                    "//",
                    "@",
                    "if",
                ]
            ),
            inner,
        ).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(st.sampled_from(["not ", "-", "+", "~", "*", "await ", "yield ", "lambda: "]), inner).map(
            lambda parts: f"({''.join(parts)})"
        ),
        st.tuples(st.sampled_from([*FUNCTIONS, "print", "eval"]), inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
        st.tuples(inner, st.sampled_from(["bias", "seed", "keep", "method", "x"]), inner).map(
            lambda parts: f"{parts[0]}({parts[1]}={parts[2]})"
        ),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        st.tuples(inner, st.sampled_from(["n", "heads", "rate", "__dict__", "shape"])).map(".".join),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
    ),
    max_leaves=6,
)


@settings(max_examples=1000)
@given(EXPRESSIONS)
@example("min(coin.word)")
@example("coin.heads(bias=coin.heads)")
@example("coin.odd < 1")
def test_any_expression_has_a_value_or_is_refused_and_does_nothing(text):
    with warnings.catch_warnings(action="error"):
        try:
            evaluation = evaluate(text, Lookup())
            assert isinstance(evaluation.holds, bool)
            evaluation.result.number()
        except AsrunError as error:
            assert str(error)


@settings(max_examples=300)
@given(st.text(max_size=30))
def test_any_text_has_a_value_or_is_refused(text):
    try:
        evaluate(text, Lookup())
    except AsrunError as error:
        assert str(error)


@pytest.mark.parametrize(
    "text",
    [
        "-" * 3000 + "1",
        "(" * 300 + "1" + ")" * 300,
        "1" + " + 1" * 20000,
        "coin" + ".n" * 5000,
        "not " * 5000 + "1 < 2",
        "9" * 5000,
    ],
    ids=len,
)
def test_an_expression_without_end_is_refused_and_does_not_crash(text):
    try:
        evaluate(text, Lookup())
    except AsrunError as error:
        assert str(error)


def test_nothing_is_called_that_is_not_in_the_tables(tmp_path):
    marker = tmp_path / "marker"
    for text in (
        f"open({str(marker)!r}, 'w')",
        f"__import__('os').mkdir({str(marker)!r})",
        f"().__class__.__base__.__subclasses__()[0]({str(marker)!r})",
        f"coin.n.__init__.__globals__['open']({str(marker)!r}, 'w')",
        f"[open({str(marker)!r}, 'w') for _ in 'a']",
        f"mean(open({str(marker)!r}, 'w'))",
    ):
        ast.parse(text)
        refused(text)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("close(coin.n, 7.05, 0.1)", True),
        ("close(coin.n, 2 * coin.n, 0.1)", False),
        ("rises(coin.plain)", True),
        ("falls(coin.plain) or rises(coin.plain)", True),
        ("not falls(coin.plain)", True),
        ("sqrt(coin.n) ** 2 < 7.001 and log10(coin.n) < 1", True),
    ],
)
def test_decisions_are_claims(text, holds):
    evaluation = evaluate(text, Lookup())
    assert evaluation.holds is holds
    assert evaluation.comparisons


def test_several_labels_leave_the_axis_there():
    chosen = evaluate("published.table(keep=[0.8, 0.5])", Lookup()).result
    assert chosen.values.tolist() == [2.5, 1.5]
    assert chosen.labels["keep"].tolist() == [0.8, 0.5]


def test_names_stand_for_values_before_snippets_do():
    names = {"coin": Measure(np.asarray(3)), "keep": Measure(np.asarray(0.8))}
    assert float(evaluate("coin * 2", Lookup(), names=names).result.values) == 6
    assert float(evaluate("published.table(keep=keep)", Lookup(), names=names).result.values) == 2.5


def test_a_difference_of_two_samples_is_paired():
    evaluation = evaluate("coin.heads(bias=0.0) - coin.heads(bias=0.1) > 0", Lookup())
    assert evaluation.comparisons[0].test.startswith("paired")
    assert evaluate("paired(coin.heads(bias=0.0), coin.heads(bias=0.1)) > 0", Lookup()).comparisons[0].p_value == (
        evaluation.comparisons[0].p_value
    )


def test_a_decision_is_not_a_number():
    assert "true or false, not a number" in refused("rises(coin.plain) + 1")


def test_a_function_says_what_it_takes():
    assert "close takes 3 values" in refused("close(coin.n, 1)")
    assert "close(one, other, tolerance)" in refused("close(coin.n, 1)")
