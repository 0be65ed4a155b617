"""A run reproduces its record when it says the same on every page; what nobody reads is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.checks.likeness import Rounded, differs
from asrun.checks.reading import read_all
from asrun.checks.reproduction import compare
from asrun.freshness.snippet import find_snippet
from asrun.pages.citation import Shown
from asrun.pages.context import Context
from asrun.testing import TinyProject, make_figure, raised
from asrun.values.expression import evaluate
from asrun.values.measure import Measure

COIN = '''\
"""How often does a coin show heads?"""

SCALES = {"quick": dict(seeds=5)}
ROUNDING = {"gap": 100, "small": 100}


def run(*, seeds):
    return {}
'''

VALUES = {
    "bias": np.array([0.2, 0.5, 0.8]),
    "heads": np.array([[0.19, 0.21, 0.2, 0.22, 0.18], [0.49, 0.51, 0.5, 0.52, 0.48], [0.79, 0.81, 0.8, 0.82, 0.78]]),
    "loss": 0.123456,
    "nobody": 0.5,
    "gap": 5e-16,
    "small": 1e-8,
    "tosses": 12345,
    "wrong": np.array([12, 14, 13, 15, 12]),
    "fair": True,
    "metal": "silver",
    "best": [3, 5],
    "axes": {"heads": ["bias", "seed"], "wrong": ["seed"]},
}

PAGE = """\
# A coin

It falls on heads {{ coin.heads(bias=0.5) }} of the time, the loss is {{ coin.loss | .2f }}, and {{ coin.tosses }}
tosses of {{ coin.metal }} make {{ coin.gap | .0e }}, {{ coin.small | .0e }} and {{ coin.wrong | mean .1f }}.

/// claim | A fair coin falls on heads less often than one that is bent.
coin.heads(bias=0.5) < coin.heads(bias=0.8)
///

/// claim | The loss is above an eighth less a thousandth.
coin.loss > 0.1225
///

//// exercise | How far is it from a half?
    check: abs(mean(coin.heads(bias=0.5)) - 0.5) < 0.2
/// solution
Not far.
///
////

/// quiz | How many tosses are a thousandth?
    answer: coin.loss * 1000
    tolerance: 1
///
"""


@pytest.fixture
def hold(tmp_path):
    """Make a project whose record has VALUES, and hold other values against it."""
    site = TinyProject({"snippets/coin.py": COIN, "docs/index.md": PAGE}, tmp_path / "project")
    known = site.put("coin", VALUES, figures=[make_figure("curve")])
    context = Context(site.project)
    pages = read_all(context)
    assert not [problem for page in pages for problem in page.problems]

    def hold(changed=None, *, without=(), **more):
        values = {name: value for name, value in (VALUES | (changed or {})).items() if name not in without}
        return compare(context, find_snippet("coin", site.project), known, replace(known, values=values, **more), pages)

    hold.site = site
    return hold


def wrong(verdict):
    return "\n".join(map(str, verdict.wrong))


def moved(row, by):
    heads = VALUES["heads"].copy()
    heads[row] += by
    return {"heads": heads}


# What reproduces


def test_the_same_numbers_reproduce_and_it_is_said_what_rests_on_them(hold):
    verdict = hold()
    assert verdict.reproduces and not verdict.told
    assert verdict.held == {"value": 7, "claim": 2, "exercise": 1, "quiz": 1}


def test_other_last_digits_reproduce(hold):
    verdict = hold({"loss": 0.123456 * (1 + 1e-9), "gap": 8e-15, "small": 3e-10} | moved(1, 1e-9))
    assert verdict.reproduces, wrong(verdict)


def test_a_number_that_nobody_cites_is_told_and_no_failure(hold):
    verdict = hold({"nobody": 0.7})
    assert verdict.reproduces
    (told,) = verdict.told
    assert "nobody" in told and "0.5 → 0.7" in told


def test_a_whole_number_of_each_seed_is_a_sample_as_any_other(hold):
    assert hold({"wrong": np.array([12, 14, 13, 15, 13])}).reproduces
    assert "docs/index.md:4" in wrong(hold({"wrong": np.array([22, 24, 23, 25, 22])}))


def test_labels_are_equal_as_they_are_chosen_by(hold):
    assert hold({"bias": np.array([0.2, 0.5 + 1e-16, 0.8])}).reproduces
    assert "bias labels an axis, and has other labels" in wrong(hold({"bias": np.array([0.2, 0.51, 0.8])}))


# What does not


def test_a_claim_that_flips_is_named_by_its_line(hold):
    verdict = hold({"loss": 0.12249})
    assert "docs/index.md:10: with the numbers of this run, this claim does not hold: The loss is above" in wrong(
        verdict
    )
    # What it reads, 0.12, is the same.
    assert "value coin.loss" not in wrong(verdict)


def test_a_check_that_flips_is_named_by_its_line(hold):
    told = wrong(hold({"heads": VALUES["heads"] * 0.5}))
    assert "docs/index.md:14: with the numbers of this run, what this solution rests on does not hold" in told


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"loss": 0.143}, "docs/index.md:3:71: value coin.loss reads 0.14 in place of 0.12, more than one in the last"),
        ({"loss": 0.125}, "quiz How many tosses are a thousandth? reads 125 in place of 123, and 1 is all"),
        ({"gap": 6e-14}, "value coin.gap reads 6 × 10⁻¹⁴ in place of 5 × 10⁻¹⁶, which is not within the factor 100"),
        ({"small": 9e-11}, "value coin.small reads 9 × 10⁻¹¹ in place of 1 × 10⁻⁸, which is not within the factor"),
        ({"loss": float("nan")}, "docs/index.md:3:71"),
        ({"tosses": 12346}, "tosses has 12346 in place of 12345"),
        ({"fair": False}, "fair has False in place of True"),
        ({"metal": "gold"}, "metal has 'gold' in place of 'silver'"),
        ({"best": [3, 6]}, "best has 6 in place of 5"),
        ({"tosses": 12345.0}, "tosses of coin (quick, cpu) is a number, and a whole number in its record"),
        ({"tosses": True}, "tosses of coin (quick, cpu) is true or false"),
        ({"best": [3, 5, 6]}, "a list of 3"),
        ({"heads": VALUES["heads"][:, :4]}, "heads of coin (quick, cpu) is float64, 3 × 4, and float64, 3 × 5"),
        ({"heads": VALUES["heads"].astype("float32")}, "float32"),
        ({"more": 1}, "other values than its record: more"),
        ({"axes": {"heads": ["seed", "bias"], "wrong": ["seed"]}}, "names other axes than its record"),
    ],
)  # fmt: skip
def test_what_reads_otherwise_does_not_reproduce(hold, changed, told):
    verdict = hold(changed)
    assert not verdict.reproduces
    assert told in wrong(verdict)


def test_what_is_missing_is_named(hold):
    assert "other values than its record: nobody" in wrong(hold(without=["nobody"]))
    assert "other figures than its record: curve, line" in wrong(hold(figures={"line": make_figure("line")}))


def test_a_sample_outside_of_the_interval_of_its_mean_does_not_reproduce(hold):
    # t(0.975, 4) 0.0158 / sqrt(5) = 0.0196
    assert hold(moved(1, 0.0195)).reproduces
    assert "reads 0.520 ± 0.016 in place of 0.500 ± 0.016, whose mean was to lie within 0.02" in wrong(
        hold(moved(1, 0.02))
    )


def test_noise_buys_no_agreement(hold):
    heads = VALUES["heads"].copy()
    heads[1] = 0.5 + 10 * (heads[1] - 0.5)
    assert "whose spread was to lie between" in wrong(hold({"heads": heads}))


def test_a_number_that_is_not_finite_in_both_reads_the_same(tmp_path):
    site = TinyProject({"snippets/coin.py": COIN.replace("ROUNDING", "UNUSED")}, tmp_path / "project")
    site.write("docs/index.md", "It is {{ coin.x }}.\n")
    known = site.put("coin", {"x": float("inf")})
    context = Context(site.project)
    verdict = compare(context, find_snippet("coin", site.project), known, known, read_all(context))
    assert verdict.reproduces


def test_printed_text_that_a_page_shows_is_read_too(tmp_path):
    site = TinyProject(
        {"snippets/coin.py": COIN, "docs/index.md": "# A coin\n\n/// output | coin\n///\n"}, tmp_path / "project"
    )
    known = site.put("coin", VALUES, output="after 100 steps: 0.51\nfloat64 4e-16")
    context = Context(site.project)

    def hold(output):
        return compare(
            context, find_snippet("coin", site.project), known, replace(known, output=output), read_all(context)
        )

    assert hold("after 100 steps:  0.52\nfloat64 9e-15").reproduces
    for other in ("after 100 steps: 0.53\nfloat64 4e-16", "before 100 steps: 0.51\nfloat64 4e-16",
                  "after 100 steps: 0.51\nfloat32 4e-16", "after 100 steps: 0.51\nfloat64 4e-13",
                  "after 100 steps: 0.51"):  # fmt: skip
        assert "docs/index.md:3: output coin" in wrong(hold(other)), other
        assert not hold(other).told


def test_a_table_and_a_curve_are_read_cell_by_cell(tmp_path):
    page = "# A coin\n\n/// table | By bias\n    of: coin.heads\n///\n\n/// quiz | Draw it.\n    of: coin.heads\n///\n"
    site = TinyProject({"snippets/coin.py": COIN, "docs/index.md": page}, tmp_path / "project")
    known = site.put("coin", VALUES)
    context = Context(site.project)
    other = replace(known, values=VALUES | moved(2, 0.1))
    told = wrong(compare(context, find_snippet("coin", site.project), known, other, read_all(context)))
    assert "docs/index.md:3: table By bias: coin.heads reads 0.900 ± 0.016 in place of 0.800 ± 0.016" in told
    assert "docs/index.md:7: quiz Draw it.: coin.heads reads 0.900" in told


def test_a_record_that_was_changed_by_hand_is_nothing_to_reproduce(hold):
    hold.site.edit("snippets/records/coin/quick-cpu.json", ": 12345,", ": 12346,")
    context = Context(hold.site.project)
    known = context.store.best("coin")
    told = raised(compare, context, find_snippet("coin", hold.site.project), known, known, [])
    assert "tosses in snippets/records/coin/quick-cpu.json was changed by hand" in told


def test_a_stale_record_can_be_held_against_what_the_new_code_returns(hold):
    hold.site.edit("snippets/coin.py", "return {}", "return {'new': 1}")
    context = Context(hold.site.project, allow_stale=True)
    known = context.store.best("coin")
    snippet = find_snippet("coin", hold.site.project)
    other = replace(known, values=VALUES | {"loss": 0.1224})
    assert compare(context, snippet, known, known, read_all(context)).reproduces
    assert "docs/index.md:10" in wrong(compare(context, snippet, known, other, read_all(context)))


# ROUNDING


@pytest.mark.parametrize(
    "rounding", ["[1]", "{1: 100}", '{"gap": 1}', '{"gap": "100"}', '{"gap": True}', '{"gap": -5}']
)
def test_a_rounding_that_is_not_understood_is_refused(hold, rounding):
    hold.site.edit("snippets/coin.py", '{"gap": 100, "small": 100}', rounding)
    told = raised(find_snippet, "coin", hold.site.project)
    assert told.startswith("snippets/coin.py:1: ROUNDING") and 'write ROUNDING = {"difference": 100}' in told


def test_a_rounding_of_a_value_that_there_is_not_names_the_nearest(hold):
    hold.site.edit("snippets/coin.py", '"gap": 100', '"gapp": 100')
    told = raised(hold)
    assert (
        "snippets/coin.py: ROUNDING names gapp, and run returns no such value" in told and "did you mean gap?" in told
    )


def test_to_declare_what_is_rounding_makes_no_record_stale(hold):
    hold.site.edit("snippets/coin.py", 'ROUNDING = {"gap": 100, "small": 100}\n', "")
    assert hold.site.run("status").code == 0
    hold.site.edit("snippets/coin.py", "\n\ndef run", 'ROUNDING = {"gap": 50, "small": 1000}\n\n\ndef run')
    assert hold.site.run("status").code == 0


# Properties


EXPRESSIONS = [
    "coin.loss",
    "coin.heads(bias=0.5)",
    "coin.wrong",
    "coin.gap",
    "coin.heads(bias=0.2) - coin.heads(bias=0.8)",
]


class Values:
    """Gives the snippet `coin` some values."""

    def __init__(self, values):
        self.values = values

    def record(self, name, scale, value):
        return name, self.values


def shown(text, spec, values):
    return Shown(evaluate(text, Values(values)).result, spec)


def perturbed(values, by):
    return {
        name: value * (1 + by)
        if isinstance(value, float) or (isinstance(value, np.ndarray) and name != "bias")
        else value
        for name, value in values.items()
    }


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(["", ".2f", ".3g", ".0e", ".1%"]), st.floats(-15, -1),
       st.sampled_from([1, -1]), st.sampled_from([None, Rounded(100)]))  # fmt: skip
def test_what_agrees_at_a_distance_agrees_when_it_comes_nearer(text, spec, exponent, sign, rounded):
    before = shown(text, spec, VALUES)
    agrees = [
        not differs(before, shown(text, spec, perturbed(VALUES, sign * 10**power)), rounded)
        for power in np.linspace(-15, exponent, 12)
    ]
    # From some distance on it does not, and never again.
    assert agrees == sorted(agrees, reverse=True)
    assert agrees[0]


@given(st.floats(-15, -1), st.sampled_from([1, -1]), st.floats(0.0, 1.0))
def test_the_verdict_on_a_claim_is_the_claims_own(exponent, sign, threshold):
    by = sign * 10**exponent
    limit = VALUES["loss"] * (1 + 2 * (threshold - 0.5) * 10**exponent)
    before = VALUES["loss"] > limit
    after = VALUES["loss"] * (1 + by) > limit
    assert flips(limit, by) == (before != after)


_MADE: dict[str, TinyProject] = {}


@pytest.fixture(autouse=True, scope="module")
def made(tmp_path_factory):
    site = TinyProject({"snippets/coin.py": COIN}, tmp_path_factory.mktemp("claims") / "project")
    site.put("coin", VALUES)
    _MADE["site"] = site
    yield
    _MADE.clear()


def flips(limit, by):
    """Write a claim that holds of the record, and tell whether the verdict on a run says that it flips."""
    site = _MADE["site"]
    sign = ">" if VALUES["loss"] > limit else "<="
    site.write("docs/index.md", f"# A coin\n\n/// claim | It is so.\ncoin.loss {sign} {limit!r}\n///\n")
    context = Context(site.project)
    known = context.store.best("coin")
    run = replace(known, values=VALUES | {"loss": VALUES["loss"] * (1 + by)})
    verdict = compare(context, find_snippet("coin", site.project), known, run, read_all(context))
    assert all("docs/index.md:3: with the numbers of this run" in str(error) for error in verdict.wrong)
    return not verdict.reproduces


def test_a_whole_number_is_read_to_its_last_digit_whatever_the_format():
    one, other = (Shown(Measure(np.asarray(number)), ".1e") for number in (123456, 123457))
    assert not differs(one, one)
    # Both read 1.2 × 10⁵.
    assert not differs(one, other)
    assert differs(Shown(Measure(np.asarray(7)), "words"), Shown(Measure(np.asarray(8)), "words"))


def test_a_factor_is_for_what_is_small_enough_to_be_rounding():
    rounded = Rounded(100)
    small, large = (Shown(Measure(np.asarray(number))) for number in (9e-5, 2e-4))
    assert not differs(small, Shown(Measure(np.asarray(8e-3))), rounded)
    assert "more than one in the last digit" in differs(large, Shown(Measure(np.asarray(8e-3))), rounded)
