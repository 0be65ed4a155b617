"""Expressions and formats that nobody should write: each is refused with a sentence, at once, and nothing breaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asrun.errors import AsrunError
from asrun.testing import COIN, TinyProject, make_figure, raised
from asrun.values.expression import evaluate
from asrun.values.formats import format_measure
from asrun.values.functions import DECISIONS, FUNCTIONS
from asrun.values.measure import Measure

VALUES = {
    "n": 7,
    "big": 2**70 + 1,
    "hash": 2**64 - 1,
    "least": -(2**63),
    "long": 10**400,
    "seeds": [1234567890, 1234567891],
    "error": [0.5, 0.25],
    "longer": [2**70, 2**70 + 4096],
    "rates": [1e-13, 2e-13],
    "loss": [3.0, 4.0],
    "heads": np.array([[9.0, 8.9, 9.1, 9.05, 8.95], [5.0, 5.1, 4.9, 5.05, 4.95]]),
    "one": np.array([[1.0], [2.0]]),
    "whole": np.array([2**62, 2**62, 2**62]),
    "bytes": np.array([200, 100], dtype="uint8"),
    "word": "digits",
    "words": ["a", "b"],
    "nan": float("nan"),
    "done": True,
    "lost": None,
    "empty": [],
    "group": {"in": 1.0},
    "axes": {"error": "seeds", "loss": "rates", "heads": ["rates", "seed"], "one": ["rates", "seed"]},
}


class Lookup:
    """One snippet with odd values."""

    def record(self, name, scale, value):
        if name != "s":
            raise AsrunError(f"there is no snippet called {name}")
        return "s", VALUES

    def published(self, key):
        return Measure(np.array([1.0, 2.0]), ("keep",), {"keep": np.array([0.5, 1.0])})


def told(text: str) -> str:
    return raised(evaluate, text, Lookup())


def holds(text: str) -> bool:
    return evaluate(text, Lookup()).holds


HOSTILE = {
    "long literal": "9" * 400 + " < 1",
    "longer literal": "9" * 3900,
    "hexadecimal": "0x" + "f" * 3900,
    "tower": "9**9**9**9",
    "power": "10**400 > 1",
    "product": "1e308 * 10 > 1",
    "infinite literal": "1e400 > 1",
    "difference": "1e308 - -1e308 > 0",
    "division": "1 / 0 > 1",
    "parentheses": "(" * 400 + "1" + ")" * 400,
    "lists": "s.error(seeds=" + "[" * 400 + "1" + "]" * 400 + ")",
    "minus": "-" * 3000 + "1",
    "not": "not " * 500 + "s.done",
    "sum": "1" + " + 1" * 900,
    "calls": "abs(" * 150 + "1" + ")" * 150,
    "subscripts": "s.heads" + "[0]" * 900,
    "attributes": "s" + ".a" * 1500,
    "comparisons": "1" + " < 1" * 900 + " < s.word",
    "too long": "1 + " * 25_000 + "1",
    "much too long": "s.n" + " " * 10_000_000,
    "labels": "s.heads(rates=[" + "1, " * 1200 + "])",
    "null": "s.n\x00",
    "half a pair": "s.n == '\ud800' < 1",
    "far index": "s.heads[2**63]",
    "farther index": "s.heads[9223372036854775808]",
    "farthest index": f"s.heads[{10**30}]",
    "back": "s.heads[-100]",
    "long value": "s.long",
    "exponent": "exp(1000)",
    "root": "sqrt(-1)",
    "sum of all": "sum(s.heads) * 1e308 * 1e10",
    "one seed": "sd(s.one) > 0",
    "spread of one seed": "s.one(rates=2e-13) < 4",
    "word": "s.word * 1000000000",
    "text": "'a' * 1000000000",
    "repeat": "[1] * 1000000000",
    "shift": "1 << 100000000000",
    "comprehension": "[x for x in range(10**9)]",
    "format": "f'{s.n:999999999999}'",
    "star": "abs(*s.heads)",
    "both": "s.heads(**{'rates': 1})",
    "twice": "s.heads(rates=1, seed=1)(rates=1)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_expression_is_refused_in_a_short_sentence(name):
    message = told(HOSTILE[name])
    assert len(message) < 1200, message
    assert not any(part in message for part in ("Traceback", "numpy", "recursion", "set_int_max_str_digits")), message


ATOMS = st.sampled_from(
    [f"s.{name}" for name in VALUES]
    + [
        "s",
        "published.x",
        "1",
        "0",
        "-2.5",
        "1e308",
        "1e-308",
        "1e999",
        "9" * 30,
        "9" * 400,
        "'a'",
        "True",
        "None",
        "''",
    ]
    + ["0x" + "f" * 40, "1j", "...", "[]", "()", "{}", "[1, 2]", "s.heads(rates=1e-13)", "s.error(seeds=1234567891)"]
    + [
        "2**63",
        "2**64",
        "10**400",
        "s.heads[0]",
        "*s.n",
        "lambda: 1",
        "x := 1",
        "yield",
        "await x",
        "not",
        "\x00",
        "{{",
    ]
    + ["s.axes", "s.axes.heads", "s.group", "s.group.in", "nan", "inf", "_", "__class__", "\u202e", "\ud800"]
)
ODD = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds(
            "{} {} {}".format,
            inner,
            st.sampled_from([*"+-*/%@<>,&.", "**", "//", "<=", ">=", "==", "!=", "in", "is", "and", "or", "if", ":="]),
            inner,
        ),
        st.builds("({})".format, inner),
        st.builds("{}{}".format, st.sampled_from(["-", "+", "~", "not ", "--", "await "]), inner),
        st.builds("{}({})".format, st.sampled_from([*FUNCTIONS, *DECISIONS, "open"]), inner),
        st.builds("{}({}, {})".format, st.sampled_from([*FUNCTIONS, *DECISIONS]), inner, inner),
        st.builds("close({}, {}, {})".format, inner, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}({}={})".format, inner, st.sampled_from(["rates", "seeds", "seed", "x"]), inner),
        st.builds("{}(rates=[{}, {}])".format, inner, inner, inner),
    ),
    max_leaves=10,
)


@given(ODD, st.sampled_from(["", ".2f", "mean", "range", "words", "d", "x", 'or "lost"']))
@example("s.least < -s.least", "")
@example("abs(s.least) + s.hash", "d")
@example("close(s.big, s.long, 1)", "")
def test_whatever_is_written_is_evaluated_or_refused(text, spec):
    try:
        format_measure(evaluate(text, Lookup()).result, spec)
    except AsrunError as error:
        assert str(error).isprintable() or "\n" in str(error)


# Whole numbers of any length


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        (f"s.big == {2**70 + 1}", True),
        (f"s.big == {2**70}", False),
        (f"s.big > {2**70}", True),
        (f"s.hash == {2**64 - 1}", True),
        (f"s.hash == {2**64 - 2}", False),
        (f"s.hash < {2**64}", True),
        (f"{2**53 + 1} == {2**53}", False),
        (f"close({2**53 + 1}, {2**53}, 1)", False),
        ("s.least < 0 and -s.least > 0 and abs(s.least) > 0", True),
        (f"sum(s.whole) > {2**62}", True),
        (f"sum(s.whole) == {3 * 2**62}", True),
        ("sum(s.bytes) == 300", True),
        ("s.error(seeds=1234567891) == 0.25", True),
        ("s.error(seeds=1234567890) == 0.5", True),
        ("s.loss(rates=2e-13) == 4 and s.loss(rates=1e-13) == 3", True),
    ],
)
def test_whole_numbers_are_compared_to_the_last_digit(text, is_so):
    assert holds(text) is is_so


def test_whole_numbers_are_written_to_the_last_digit():
    def written(text):
        return format_measure(evaluate(text, Lookup()).result).replace("\u202f", "")

    assert written("s.big") == str(2**70 + 1)
    assert written("s.hash") == str(2**64 - 1)
    assert written(f"{2**80}") == str(2**80)
    assert written("s.big / s.big") == "1"
    assert "more than 300 digits" in told("s.long")


# Formats


@pytest.mark.parametrize(
    "spec",
    [
        *(".999999999f", "2000000000d", ">999999999", ",.9999e", "{}", "{0}", ".{x}f", "{:>9}", "0" * 5000, "f" * 5000),
        *("mean .999999999f", "range 999999999", "spread {}", ".41f", "41d", "999", "*^999.2f", "\x00<5"),
        *("٣d", ".٣f", "c", "s", "!r", "words 5000", "or", ".2f or", 'or "" ', "or 'a\" "),
    ],
)
@pytest.mark.parametrize("value", [3, 0.5, 2**80, "word", [0.5, 0.7]])
def test_a_hostile_format_is_refused_at_once(spec, value):
    measure = Measure(
        value if isinstance(value, str) else np.asarray(value), ("seed",) if isinstance(value, list) else ()
    )
    message = raised(format_measure, measure, spec)
    assert (
        "is not a format for" in message
        or "has no seeds" in message
        or "has no word here" in message
        or ("not a number" in message)
    )
    assert len(message) < 1500


@given(
    st.text(max_size=12) | st.from_regex(r"[<>=^]?[+-]?#?0?[0-9]{0,12}[,_]?(\.[0-9]{0,12})?[a-zA-Z%]?", fullmatch=True),
    st.one_of(
        st.floats(), st.integers(), st.text(max_size=3), st.none(), st.booleans(), st.lists(st.floats(), max_size=4)
    ),
)
def test_any_format_of_anything_is_written_or_refused(spec, value):
    seeds = ("seed",) if isinstance(value, list) else ()
    is_word = value is None or isinstance(value, (str, bool))
    try:
        shown = format_measure(Measure(value if is_word else np.asarray(value), seeds, text="s.x"), spec)
    except AsrunError:
        return
    assert len(shown) < 2000


# Pages


@pytest.fixture
def coin(tiny_project) -> TinyProject:
    project = tiny_project({"snippets/coin.py": COIN})
    values = {"n": 3.0, "long": np.arange(1200), "rows": np.arange(120), "across": np.arange(110)}
    values |= {"tall": np.zeros(1200), "wide": np.zeros((120, 110)), "big": np.zeros(2**15)}
    values |= {"axes": {"tall": "long", "wide": ["rows", "across"]}}
    project.put("coin", values, figures=[make_figure()])
    return project


@pytest.mark.parametrize("text", ["coin.n | .999999999f", "3 | 2000000000d", "coin.n | >999999999", "coin.n | {}"])
def test_a_page_tells_where_a_hostile_format_is(coin, text):
    assert raised(coin.convert, f"So.\n\nIt is {{{{ {text} }}}}.").startswith("docs/index.md:3:7: ")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("    of: coin.tall", "1200 rows"),
        ("    of: coin.wide", "120 rows of 110 cells"),
        ("    rows: {a: coin.long}\n    columns: {b: 1}", "1200 rows"),
        ("    rows: {a: coin.big}\n    columns: {b: 1}", "32768 rows"),
        (f"    rows: {{a: {list(range(1001))}}}\n    columns: {{b: a}}", "1001 rows"),
        ("    rows: {a: coin.long}\n    columns: {b: 1", None),
        ("    rows: {a: [[1, 2], 3]}\n    columns: {b: a}", "[1, 2] is no label"),
        ("    rows: {a: [{b: 1}]}\n    columns: {b: a}", "is no label"),
        ("    rows: {a: [null]}\n    columns: {b: a}", "None is no label"),
        ("    rows: {a: [.nan]}\n    columns: {b: 1}", "nan is no label"),
        ("    rows: {a: [1]}\n    columns: {b: [1, 2]}", "the column 'b' of this table has no expression"),
        (f"    rows: {{a: [0x{'f' * 5000}]}}\n    columns: {{b: a}}", "is no label"),
        (f"    rows: {{a: [1]}}\n    columns: {{b: 0x{'f' * 5000}}}", "the column 'b' of this table has no expression"),
        (
            "    rows:\n      a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n    columns:\n      b: &b [*a, *a, *a, *a, *a, *a]\n"
            + "".join(
                f"      {name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
                for before, name in zip("bcdefgh", "cdefghi", strict=True)
            ).rstrip(),
            "the column 'b' of this table has no expression",
        ),
    ],
)
def test_a_table_is_of_a_size_that_can_be_read(coin, options, told):
    message = raised(coin.convert, f"/// table | Numbers\n{options}\n///")
    assert message.startswith("docs/index.md:1: ") and len(message) < 1500
    assert told is None or told in message, message


BOMB = "&a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"    {name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HUGE = f"0x{'f' * 5000}"


@pytest.mark.parametrize(
    "options",
    [
        *("range: [0, .inf]", "range: [-.inf, 10]", "range: [.nan, 10]", "range: [0, 1.0e+400]", "range: [0, 1e400]"),
        *("range: [10, 0]", "range: [-1.0e+300, 10]", f"range: [0, {HUGE}]", f"range: {HUGE}", "range: &a [1, *a]"),
        *("log: true\n    range: [1.0e-300, 10]", "log: true", f"unit: {HUGE}", f"across: {HUGE}", f"of: {HUGE}"),
    ],
)
def test_a_curve_needs_numbers_that_can_be_drawn(coin, options):
    coin.put("coin", {"n": [0.0, 5.0], "bias": [1, 2], "axes": {"n": "bias"}}, figures=[make_figure()])
    of = "" if options.startswith("of:") else "    of: coin.n\n"
    message = raised(coin.convert, f"/// quiz | How does it go?\n{of}    {options}\n///")
    assert message.startswith("docs/index.md:1: ") and len(message) < 1500


@pytest.mark.parametrize("values", [[1e300, 1e-300], [1e308, -1e308], [5e-324, 0.0], [1e-20, 2e-20], [0.0, 1e16]])
@pytest.mark.parametrize("log", ["", "    log: true\n"])
def test_a_curve_that_cannot_be_drawn_is_told(coin, values, log):
    coin.put("coin", {"n": values, "bias": [1, 2], "axes": {"n": "bias"}}, figures=[make_figure()])
    message = raised(coin.convert, f"/// quiz | How does it go?\n    of: coin.n\n{log}///")
    assert "cannot be drawn by hand" in message


@pytest.mark.parametrize(
    "options",
    [
        *(
            "tolerance: .nan",
            "tolerance: .inf",
            "tolerance: 1.0e+400",
            "tolerance: -1",
            "tolerance: nan",
            "tolerance: inf%",
        ),
        *("tolerance: [1, 2]", f"tolerance: {HUGE}", "tolerance: 5%%", f"tolerance: {'9' * 5000}", "tolerance: 1_0x"),
        f"tolerance: 1\n    draw: {{a: [{', '.join(map(str, range(201)))}]}}",
        f"tolerance: 1\n    draw: {{a: {list(range(15))}, b: {list(range(15))}}}",
        f"tolerance: 1\n    draw: {{a: [{HUGE}]}}",
        f"tolerance: 1\n    draw: {{{HUGE}: [1]}}",
        "tolerance: 1\n    draw: {a: [.inf]}",
        "tolerance: 1\n    draw: {a: 1000000000}",
        f"tolerance: 1\n    wrong: {{{HUGE}: So.}}",
        "tolerance: 1\n    wrong: {1e999: So.}",
        "tolerance: 1\n    wrong: {10**400: So.}",
        f"tolerance: 1\n    a: {BOMB}".rstrip(),
    ],
)
def test_a_question_for_a_number_needs_numbers(coin, options):
    message = raised(coin.convert, f"/// quiz | How many?\n    answer: 3\n    {options}\n///")
    assert message.startswith("docs/index.md:1: ") and len(message) < 1500


@pytest.mark.parametrize(
    "answer", [HUGE, "9" * 400, "10**400", ".nan", ".inf", "'9**9**9**9'", "1/0", "1e307", "[1]", "{a: 1}"]
)
def test_an_answer_is_a_number(coin, answer):
    message = raised(coin.convert, f"/// quiz | How many?\n    answer: {answer}\n    tolerance: 5000%\n///")
    assert message.startswith("docs/index.md:1: ") and len(message) < 1500
