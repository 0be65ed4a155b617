"""Would claims notice other numbers? Those that cannot are found, and looking for them changes nothing."""

from __future__ import annotations

import json
import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.checks.mutants import SHIFTS, Kind, changes, drop_seed
from asrun.checks.mutation import FAR, Changed, Claim, find_claims, judge, sample
from asrun.checks.readings import SAMPLED, parts, readings, shorten, spread
from asrun.errors import AsrunError, Exit
from asrun.model import RunName, Where
from asrun.pages.context import Context
from asrun.testing import TinyProject, raised
from asrun.values.expression import evaluate
from asrun.values.measure import Measure

LAB = '''\
"""How often do they fail?"""

SCALES = {"quick": dict(), "full": dict()}


def run():
    return {}
'''
DROP = np.array([0.0, 0.2, 0.5])
LOW, HIGH = [1.0, 2.0, 3.0, 4.0, 5.0], [21.0, 22.0, 23.0, 24.0, 25.0]
VALUES = {
    "drop": DROP,
    "error": np.array([LOW, [11.0, 12.0, 13.0, 14.0, 15.0], HIGH]),
    "curve": np.array([3.0, 1.0, 2.0]),
    "steps": [5, 7, 9],
    "epochs": 15,
    "best": "sgd",
    "names": ["sgd", "adam", "adagrad"],
    "converged": True,
    "nested": {"loss": np.array([[0.5, 0.6], [0.7, 0.8]]), "axes": {}},
    "axes": {"error": ["drop", "seed"], "curve": "drop", "nested": {"loss": ["drop", "seed"]}},
}
PUBLISHED = {"paper": Measure(np.array([2.0, 1.0]), ("keep",), {"keep": np.array([0.5, 1.0])}, frozenset(["paper"]))}


class Values:
    """A Lookup over what is in memory."""

    def __init__(self, values, published=PUBLISHED):
        self.values, self.numbers = values, published

    def record(self, name, scale, value):
        if name != "lab":
            raise AsrunError(f"there is no snippet called {name}")
        return RunName(name, scale or "quick", "cpu"), self.values

    def published(self, key):
        return self.numbers[key]


def claim(expression, lookup):
    holds = evaluate(expression, lookup).holds
    return Claim("claim", "A sentence.", Where("docs/index.md", 1), expression, None, holds)


def verdict(expression, values=VALUES, seed=0):
    """Try one claim over values in memory."""
    lookup = Values(values)
    (found,) = judge([claim(expression, lookup)], lookup, seed)
    return found


def changed(expression, values=VALUES):
    """Return all changes of the only value that an expression reads."""
    (reading,) = readings(expression, Values(values))
    random = Random(0)
    return reading, changes(reading, parts(reading, random), [], random)


def page(*claims):
    """Write a page of claims, each a sentence and an expression, from line 3 on and five lines apart."""
    return "# A page\n\n" + "".join(f"/// claim | {sentence}\n{text}\n///\n\n\n" for sentence, text in claims)


@pytest.fixture
def project(tmp_path):
    made = TinyProject({"snippets/lab.py": LAB}, tmp_path / "project")
    made.put("lab", VALUES)
    return made


# What is killed, and what cannot be


@pytest.mark.parametrize(
    "expression",
    [
        "lab.error(drop=0) < lab.error(drop=0.5)",
        "mean(lab.error(drop=0)) < 10",
        "lab.epochs == 15",
        "lab.best == 'sgd'",
        "lab.best != 'adam'",
        "lab.names[1] == 'adam'",
        "argmin(lab.curve) == 0.2",
        "lab.curve(drop=argmin(lab.curve)) < lab.curve(drop=0)",
        "lab.error(drop=0) < 6 and lab.curve[0] > 2.5",
        "published.paper(keep=0.5) > published.paper(keep=1)",
        "min(lab.steps) == 5",
        "max(lab.nested.loss) < 1",
        "rises(lab.error)",
        "falls(lab.error(drop=[0.5, 0.2]))",
        "close(lab.error(drop=0), 3, 2)",
        "not lab.epochs == 16",
        "(mean(lab.error) - 1)[0] < 3",
    ],
)
def test_a_claim_that_says_something_is_killed(expression):
    assert verdict(expression).killed


@pytest.mark.parametrize(
    "expression",
    [
        "lab.epochs == lab.epochs",
        "abs(lab.epochs) >= 0",
        "abs(mean(lab.error(drop=0))) >= 0",
        "lab.best == lab.best",
        "count(lab.curve) == 3",
        "lab.curve(drop=0) ** 2 > 0 - 1",
        "1 < 2",
    ],
)
def test_a_claim_that_is_always_so_is_not(expression):
    found = verdict(expression)
    assert (found.killed, found.noticed, found.mildest) == (False, 0, None)
    assert found.slack in (None, math.inf)


def test_a_claim_that_says_openly_that_it_is_not_confirmed_notices_when_it_comes_to_hold():
    found = verdict("lab.error(drop=0.5) < lab.error(drop=0)")
    assert not found.claim.holds and found.killed
    assert not verdict("lab.epochs != lab.epochs").killed


# By how much


def test_slack_is_the_shift_in_spreads_that_a_hand_calculates():
    # Mean 3, standard deviation √2.5: seven more are 4.43 spreads.
    found = verdict("mean(lab.error(drop=0)) < 10")
    exact = 7 / math.sqrt(2.5)
    assert exact <= found.slack <= 1.05 * exact
    assert found.mildest.text == "lab.error(drop=0) + 10 spreads"
    assert found.mildest.size == pytest.approx(10)


@pytest.mark.parametrize(("limit", "low", "high"), [(3 + 1e-9, 0, 0.01), (3 + 30 * math.sqrt(2.5), 30, 31.5)])
def test_slack_is_searched_from_a_hundredth_to_a_hundred_spreads(limit, low, high):
    assert low <= verdict(f"mean(lab.error(drop=0)) < {limit!r}").slack <= high
    assert verdict(f"mean(lab.error(drop=0)) < 3 + {1.01 * FAR} * 2.5 ** 0.5").slack == math.inf


def test_the_mildest_change_may_be_one_that_is_no_shift():
    found = verdict("lab.epochs == 15")
    assert found.mildest.text in ("lab.epochs + 1", "lab.epochs − 1")
    assert found.mildest.size == pytest.approx(1 / 15)
    # Whole numbers move by 1 at least, and that is what is told.
    assert found.slack == pytest.approx(1 / 15)


@pytest.mark.parametrize(
    ("values", "axes", "at", "expected"),
    [
        ([[1.0, 3.0], [10.0, 16.0]], ("drop", "seed"), [0, 1], math.sqrt(2)),
        ([[1.0, 3.0], [10.0, 16.0]], ("drop", "seed"), [0, 1, 2, 3], math.sqrt(10)),
        # One place does not vary: what the others do is taken.
        ([[2.0, 2.0], [10.0, 16.0]], ("drop", "seed"), [0, 1], 3.0),
        ([1.0, 3.0], ("drop",), [0], math.sqrt(2)),
        ([[4.0], [6.0]], ("drop", "seed"), [0, 1], 5.0),
        ([0.1, 0.1, 0.1], ("seed",), [0, 1, 2], 0.1),
        (-7.0, (), [0], 7.0),
        (0.0, (), [0], 1.0),
        (math.nan, (), [0], 1.0),
        ([math.inf, 2.0], ("drop",), [0, 1], 2.0),
    ],
)
def test_spreads(values, axes, at, expected):
    with np.errstate(all="ignore"):
        assert spread(Measure(np.array(values), axes), np.array(at)) == pytest.approx(expected)


# Which changes there are


def told(expression, kind, values=VALUES):
    return [change.text for change in changed(expression, values)[1] if change.kind is kind]


def test_what_a_claim_selects_is_changed_by_itself_and_with_all_the_rest():
    reading, found = changed("lab.error(drop=0.2) < 100")
    up = {change.text: change.values for change in found if change.text.endswith("+ 3 spreads")}
    assert list(up) == ["lab.error(drop=0.2) + 3 spreads", "lab.error + 3 spreads"]
    moved = [(values != reading.measure.values).all(axis=1).tolist() for values in up.values()]
    assert moved == [[False, True, False], [True, True, True]]


def test_without_a_selection_one_label_is_changed_at_a_time():
    assert told("rises(lab.error)", Kind.SIGN) == [
        "lab.error with the other sign",
        "lab.error at drop=0 with the other sign",
        "lab.error at drop=0.2 with the other sign",
        "lab.error at drop=0.5 with the other sign",
    ]


def test_shifts_scales_signs_steps_and_swaps_of_one_number():
    assert told("lab.curve[1] == 1", Kind.SHIFT)[: 2 * len(SHIFTS)] == [
        f"lab.curve[1] {sign} {spreads} spread{'s' * (spreads > 1)}" for spreads in (1, 3, 10) for sign in "+−"
    ]
    assert told("lab.curve[1] == 1", Kind.SCALE)[:2] == ["lab.curve[1] × 0.5", "lab.curve[1] × 2"]
    assert told("lab.curve[1] == 1", Kind.STEP) == []
    assert told("lab.steps[1] == 7", Kind.STEP)[:2] == ["lab.steps[1] + 1", "lab.steps[1] − 1"]
    assert "lab.curve with drop turned round" in told("lab.curve[1] == 1", Kind.SWAP)
    assert told("lab.best == 'x'", Kind.WORD) == ["lab.best = 'not sgd'"]
    assert told("lab.names[0] == 'x'", Kind.WORD)[0] == "lab.names[0] = 'not sgd'"
    assert told("lab.converged == 1", Kind.TRUTH) == ["not lab.converged"]


def test_two_series_that_a_claim_selects_are_swapped():
    expression = "lab.error(drop=0) < lab.error(drop=0.2)"
    (swapped,) = [each for each in changed(expression)[1] if each.text.endswith("swapped")]
    assert swapped.text == "lab.error with drop=0 and drop=0.2 swapped"
    assert np.array_equal(swapped.values, VALUES["error"][[1, 0, 2]])


def test_whole_numbers_stay_whole_and_the_largest_do_not_begin_again_from_the_other_end():
    for change in changed("lab.steps[1] == 7")[1]:
        assert change.values.dtype == np.int64
    large = {"n": np.array([2**63 - 1, 1], dtype=np.uint64)}
    doubled = [each for each in changed("lab.n[0] > 1", large)[1] if each.text == "lab.n[0] × 2"]
    assert doubled[0].values[0] == pytest.approx(2.0**64)


def test_a_value_with_many_labels_is_changed_at_some_of_them():
    many = {"x": np.linspace(0, 1, 20_000)}
    (reading,) = readings("max(lab.x) < 2", Values(many))
    assert len(parts(reading, Random(0))) == 1 + SAMPLED


def test_a_seed_is_dropped_from_all_values_of_a_record_alike():
    values = {
        "seed": np.array([7, 8, 9]),
        "a": np.array([[1, 2, 3], [4, 5, 6]]),
        "b": {"c": [1.0, 2.0, 3.0]},
        "other": np.array([1.0, 2.0]),
        "drop": np.array([0.1, 0.2, 0.3]),
        "axes": {"a": ["drop", "seed"], "b": {"c": "seed"}, "other": ["seed"]},
    }
    fewer = drop_seed(values, 3, 1)
    assert fewer["seed"].tolist() == [7, 9] and fewer["a"].tolist() == [[1, 3], [4, 6]]
    assert fewer["b"]["c"].tolist() == [1.0, 3.0]
    assert fewer["other"].tolist() == [1.0, 2.0] and fewer["drop"].tolist() == [0.1, 0.2, 0.3]
    assert values["a"].shape == (2, 3)


def test_too_few_seeds_kill_nothing_but_a_seed_that_decides_does():
    five = verdict("lab.error(drop=0) < lab.error(drop=0.5)")
    assert Kind.SEED not in five.tried
    hangs = {"error": np.array([1.0, 1.0, 1.0, 1.0, 9.0]), "axes": {"error": "seed"}}
    found = verdict("mean(lab.error) > 2", hangs)
    assert found.tried[Kind.SEED] == 5
    assert found.mildest.text == "lab without seed 5 of 5"


# What is found on pages


def test_the_report_names_what_nothing_kills_and_ends_with_the_count(project):
    project.write(
        "docs/index.md",
        page(
            ("Fewer is better.", "lab.error(drop=0) < lab.error(drop=0.5)"),
            ("It is what it is.", "lab.epochs == lab.epochs"),
            ("A size has no sign.", "abs(mean(lab.error(drop=0))) >= 0"),
        ),
    )
    project.write("slides/deck.md", "# A deck\n\n" + "\n" * 96 + "\n/// claim | Few.\nlab.error(drop=0) < 9\n///\n")
    result = project.run("mutate")
    lines = result.out.rstrip("\n").split("\n")
    assert (result.code, result.err, lines[-1]) == (Exit.OK, "", "killed 2 of 4")
    assert "    docs/index.md:8: It is what it is.\n        lab.epochs == lab.epochs\n" in result.out
    assert "        tried on lab.epochs: 6 shifts, 2 steps, 2 scales, 1 sign\n" in result.out
    assert "    docs/index.md:13: A size has no sign.\n" in result.out
    assert "  slides/deck.md:100: Few.\n" in result.out
    assert any(line.split() == ["docs/index.md", "3", "1", *line.split()[3:]] for line in lines)


@pytest.mark.parametrize(
    ("share", "code"), [("50%", Exit.OK), ("50", Exit.OK), ("51%", Exit.FAILED), ("many", Exit.USAGE), ("-1%", 2)]
)
def test_a_share_may_be_asked_for(project, share, code):
    project.write("docs/index.md", page(("One.", "lab.epochs == 15"), ("Two.", "1 < lab.epochs * 0 + 2")))
    result = project.run("mutate", "--at-least", share)
    assert result.code == code
    assert ("fewer than" in result.err) == (code == Exit.FAILED)


def test_without_claims_nothing_is_asked_too_much(project):
    result = project.run("mutate", "--at-least", "100%")
    assert (result.code, result.out) == (Exit.OK, "killed 0 of 0\n")


def test_pages_can_be_chosen(project):
    for name in ("one", "two"):
        project.write(f"docs/{name}.md", page((f"{name}.", "lab.epochs == 15")))
    told = json.loads(project.run("mutate", "--json", "docs/two.md").out)
    assert [each["page"] for each in told["claims"]] == ["docs/two.md"]
    result = project.run("mutate", "docs/three.md")
    assert result.code == Exit.FAILED
    assert "docs/three.md is no page or deck of this project" in result.err


def test_what_is_wrong_as_it_is_is_set_aside(project):
    project.write("docs/index.md", page(("Right.", "lab.epochs == 15"), ("Wrong.", "lab.epochs == 16")))
    project.write("slides/deck.md", "---\nlesson: none\n---\n\n# A deck\n")
    result = project.run("mutate")
    assert "2 set aside, wrong as they are" in result.out
    assert "docs/index.md:8: this claim does not hold" in result.out
    assert result.out.endswith("killed 1 of 1\n")


def test_values_that_compare_nothing_are_no_claims(project):
    project.write("docs/index.md", "{{ lab.epochs }} {{ mean(lab.error(drop=0)) }}")
    assert project.run("mutate").out == "killed 0 of 0\n"


def test_whatever_is_decided_by_a_comparison_counts_as_a_claim(project):
    project.write("docs/index.md", "It is {{ lab.epochs == 15 }} that it is {{ lab.epochs == 16 }} otherwise.")
    told = json.loads(project.run("mutate", "--json").out)
    assert [(each["kind"], each["expression"], each["killed"]) for each in told["claims"]] == [
        ("value", "lab.epochs == 15", True),
        ("value", "lab.epochs == 16", True),
    ]


def test_a_claim_is_tried_at_its_own_scale(project):
    project.put("lab", VALUES | {"epochs": 150}, scale="full")
    project.write("docs/index.md", "/// claim | Fifteen.\n    scale: quick\n\nlab.epochs == 15\n///\n")
    (found,) = find_claims(Context(project.project)).claims
    assert found.scale == "quick"
    (tried,) = judge([found], Context(project.project))
    # At the other scale it would be noticed as wrong whatever is changed.
    assert tried.mildest.text in ("lab.epochs + 1", "lab.epochs − 1")


def test_programs_are_told_the_same(project):
    project.write("docs/index.md", page(("Best.", "lab.best == 'sgd'"), ("Never.", "lab.curve[0] * 0 == 0")))
    told = json.loads(project.run("mutate", "--json", "--seed", "3").out)
    assert (told["killed"], told["of"], told["there_are"], told["seed"]) == (1, 2, 2, 3)
    best, never = told["claims"]
    assert best["mildest"] == {"change": "lab.best = 'not sgd'", "spreads": None}
    assert (best["killed"], best["has_numbers"], best["slack"]) == (True, False, None)
    assert (never["killed"], never["has_numbers"], never["slack"], never["mildest"]) == (False, True, None, None)
    assert told["pages"] == [
        {"page": "docs/index.md", "claims": 2, "killed": 1, "noticed": 1, "mutants": never["mutants"] + 1}
    ]


def test_a_sample_is_the_same_for_the_same_seed_and_stands_in_its_order(project):
    project.write("docs/index.md", page(*((f"Claim {at}.", f"lab.epochs < {at + 16}") for at in range(12))))
    asked = ["mutate", "--claims", "4", "--seed", "5"]
    first = project.run(*asked)
    assert first == project.run(*asked)
    assert "4 of 12 claims, drawn at random" in first.out and first.out.endswith("killed 4 of 4\n")
    claims = find_claims(Context(project.project)).claims
    drawn = [sample(claims, 4, seed) for seed in range(20)]
    assert len(set(drawn)) > 1
    assert all([each.where.line for each in some] == sorted(each.where.line for each in some) for some in drawn)
    assert sample(claims, 100, 0) == sample(claims, None, 0) == claims


def test_a_page_that_does_not_exist_says_what_there_is(project):
    (project.folder / "docs" / "x.md").write_text("# X\n")
    assert "pages are under docs" in raised(find_claims, Context(project.project), [project.folder / "nowhere.md"])


# What holds for all numbers

EXPRESSIONS = [
    "lab.error(drop=0) < lab.error(drop=0.5)",
    "mean(lab.error(drop=0)) - mean(lab.error(drop=0.2)) < 1",
    "rises(lab.error)",
    "lab.curve[1] * 2 > lab.curve(drop=0)",
    "argmin(lab.curve) == 0.2 or argmax(lab.error) == 0.5",
    "lab.curve(drop=argmin(lab.curve)) <= lab.curve(drop=0)",
    "falls(lab.curve(drop=[0.5, 0]))",
    "close(mean(lab.error)[0], mean(lab.error)[1], 0.5)",
    "max(lab.drop) > lab.curve(drop=0.5)",
    "lab.n == 3 or lab.curve[0] > 0",
    "lab.names[0] == 'sgd' and lab.best != 'adam'",
    "published.paper(keep=1) < lab.curve(drop=0)",
    "agrees(lab.error(drop=0), published.paper(keep=1))",
    "sd(lab.error(drop=0)) < 1 / (1 + abs(lab.curve[0]))",
]

NUMBERS = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1.0, math.nan, math.inf, 1e300])


@st.composite
def records(draw):
    seeds = draw(st.integers(1, 7))

    def array(*shape):
        return np.array(draw(st.lists(NUMBERS, min_size=math.prod(shape), max_size=math.prod(shape)))).reshape(shape)

    return {
        "drop": DROP,
        "error": array(3, seeds),
        "curve": array(3),
        "n": draw(st.integers(-(2**70), 2**70) | st.integers(-5, 5)),
        "names": draw(st.lists(st.text(max_size=3), min_size=1, max_size=3)),
        "best": draw(st.text(max_size=3)),
        "axes": {"error": ["drop", "seed"], "curve": ["drop"]},
    }


def outcome(expression, lookup):
    """What an expression comes to: true, false, or nothing."""
    try:
        return evaluate(expression, lookup).holds
    except AsrunError:
        return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(records(), st.sampled_from(EXPRESSIONS), st.integers(0, 3))
def test_changes_are_legal_and_differ_and_short_expressions_say_the_same(values, expression, seed):
    lookup, random = Values(values), Random(seed)
    if outcome(expression, lookup) is None:
        return
    found = readings(expression, lookup)
    short = shorten(expression, found)
    assert outcome(short.text, Changed(lookup, numbers=short.numbers())) == outcome(expression, Changed(lookup))
    for reading in found:
        for change in changes(reading, parts(reading, random), ["sgd"], random):
            before = reading.measure
            assert np.shape(change.values) == np.shape(before.values)
            assert not np.array_equal(np.asarray(change.values), np.asarray(before.values))
            assert change.size > 0
            # The whole way: the record is another, and the expression is the author's.
            if reading.is_published:
                full = Changed(lookup, numbers={reading.path[1]: Measure(change.values, before.axes, before.labels)})
            else:
                full = Changed(lookup, records={"lab": values | {reading.path[1]: change.values}})
            after = evaluate(reading.name, full).result
            assert after.axes == before.axes
            assert set(after.labels) == set(before.labels)
            quick = Changed(lookup, full.records, short.numbers() | short.numbers(reading, change.values))
            assert outcome(short.text, quick) == outcome(expression, full), (short.text, change.text)


@given(records(), st.sampled_from(EXPRESSIONS), st.integers(0, 3))
def test_the_same_seed_tells_the_same_and_values_in_memory_stay_as_they_are(values, expression, seed):
    lookup = Values(values)
    if outcome(expression, lookup) is None:
        return
    before = repr(values)

    def told():
        found = verdict(expression, values, seed)
        mildest = found.mildest and (found.mildest.text, found.mildest.size)
        return found.reads, dict(found.tried), found.noticed, mildest, found.slack

    assert repr(told()) == repr(told())
    assert repr(values) == before
    found = verdict(expression, values, seed)
    assert 0 <= found.noticed <= found.mutants
    assert found.killed == (found.mildest is not None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    made = TinyProject({"snippets/lab.py": LAB}, tmp_path_factory.mktemp("mutation") / "project")
    made.put("lab", VALUES)
    return made


@pytest.mark.thorough
@given(st.lists(st.sampled_from([*EXPRESSIONS[:9], "lab.epochs == 15"]), min_size=1, max_size=4), st.integers(0, 9))
def test_nothing_on_disk_changes_and_claims_hold_as_they_are(shared, expressions, seed):
    held = [each for each in expressions if outcome(each, Context(shared.project))]
    shared.write("docs/index.md", page(*((f"Claim {at}.", each) for at, each in enumerate(held))))

    def disk():
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns) for path in shared.folder.rglob("*") if path.is_file()
        }

    before = disk()
    first, second = (shared.run("mutate", "--json", "--seed", str(seed)) for _ in range(2))
    assert first == second and first.code == Exit.OK
    assert disk() == before
    context = Context(shared.project)
    claims = find_claims(context).claims
    assert [each.expression for each in claims] == held
    assert all(evaluate(each.expression, Changed(context), each.scale).holds for each in claims)


def test_the_arithmetic_of_an_exercise_is_no_claim(tiny_project):
    text = "//// exercise | Six times seven?\n    check: 6 * 7 == 42\n/// solution\n42\n///\n////\n"
    assert find_claims(Context(tiny_project({"docs/one.md": text}).project)).claims == ()
