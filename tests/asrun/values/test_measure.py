"""Numbers with named axes: how they are found in a record and chosen by label, and what is told without them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from asrun.testing import raised
from asrun.values.measure import Measure, from_record

RECORD = {
    "bias": np.array([0.0, 0.1, 0.5]),
    "heads": np.arange(15.0).reshape(3, 5),
    "curve": np.arange(30.0).reshape(2, 3, 5),
    "method": ["plain", "fancy"],
    "cost": [1.5, 2.5],
    "n": 7,
    "yes": np.True_,
    "word": "seven",
    "nothing": None,
    "group": {"inner": {"rate": 0.25, "spread": [1.0, 2.0]}, "name": "a"},
    "ragged": [[1, 2], [3]],
    "mixed": [1, {"a": 2}],
    "huge": 2**100,
    "flags": np.array([True, False]),
    "axes": {
        "heads": ["bias", "seed"],
        "curve": ["step", "bias", "seed"],
        "cost": "method",
        "group": {"inner": {"spread": ["seed"]}},
    },
}


def find(text: str) -> Measure:
    return from_record(RECORD, text.split("."), f"coin.{text}", "coin (quick, cpu)")


def test_a_value_has_the_axes_and_labels_that_its_snippet_names():
    heads = find("heads")
    assert heads.axes == ("bias", "seed")
    assert list(heads.labels) == ["bias"]
    assert heads.sources == {"coin (quick, cpu)"}
    assert find("curve").axes == ("step", "bias", "seed")
    assert find("cost").axes == ("method",)
    assert find("n").is_number and find("n").number() == 7
    assert find("word").values == "seven"
    assert find("yes").values is True
    assert find("group.inner.rate").number() == 0.25
    assert find("group.inner.spread").is_sample
    assert find("bias").axes == ("bias",)
    assert find("huge").number() == 2.0**100


@given(
    arrays.arrays("float64", (3, 4), elements=st.floats(-1e6, 1e6)),
    st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3, unique=True).map(sorted),
    st.integers(0, 2),
)
def test_choosing_by_label_is_choosing_by_position(values, labels, at):
    spaced = [label + 10 * number for number, label in enumerate(labels)]
    record = {"x": values, "rate": np.array(spaced), "axes": {"x": ["rate", "seed"]}}
    chosen = from_record(record, ["x"], "x", "here").select({"rate": spaced[at]})
    assert np.array_equal(chosen.values, values[at])
    assert chosen.is_sample
    assert chosen.number() == np.mean(values[at])
    assert np.array_equal(chosen.over_seeds(np.mean).values, np.mean(values[at]))


def test_labels_are_found_as_people_write_them():
    record = {"x": [1, 2, 3], "rate": np.array([0.1 * 3, 1 / 3, 1.0]), "axes": {"x": ["rate"]}}
    measure = from_record(record, ["x"], "x", "here")
    assert measure.select({"rate": 0.3}).number() == 1
    assert measure.select({"rate": 1}).number() == 3
    assert "has no rate=0.33" in raised(measure.select, {"rate": 0.33})
    assert find("cost").select({"method": "fancy"}).number() == 2.5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hedas", ["coin (quick, cpu) has no value called hedas", "did you mean heads?"]),
        ("zzz", ["coin (quick, cpu) has no value called zzz", "it has: bias, heads, curve"]),
        ("group", ["coin.group is a group of values", "choose one: coin.group.inner"]),
        ("group.iner", ["group has no value called iner", "did you mean inner?"]),
        ("n.more", ["n has no value called more", "no named values"]),
        ("ragged", ["coin.ragged is a list of different things"]),
        ("mixed", ["coin.mixed is a list of different things"]),
    ],
)
def test_what_is_not_there_is_told_with_what_is(text, told):
    message = raised(find, text)
    assert all(part in message for part in told), message


@pytest.mark.parametrize(
    ("text", "wanted", "told"),
    [
        ("heads", {"bais": 0.1}, ["coin.heads has no axis called bais", "its axes are: bias, seed"]),
        ("heads", {"bias": 0.2}, ["coin.heads has no bias=0.2", "it has: 0, 0.1, 0.5"]),
        ("heads", {"seed": 1}, ["the axis seed of coin.heads has no labels", "return an array called seed"]),
        ("n", {"bias": 0.1}, ["coin.n has no axis called bias", "it is a single number"]),
        ("cost", {"method": "plane"}, ["has no method=plane", "plain, fancy"]),
    ],
)
def test_a_choice_that_cannot_be_made_is_told_with_those_that_can(text, wanted, told):
    message = raised(find(text).select, wanted)
    assert all(part in message for part in told), message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("heads", "choose one: coin.heads(bias=0)"),
        ("curve", "along step (2) and bias (3)"),
        ("word", "coin.word is 'seven', not a number"),
        ("yes", "coin.yes is True, not a number"),
        ("nothing", "coin.nothing is None, not a number"),
        ("method", "coin.method is ['plain', 'fancy'], not a number"),
    ],
)
def test_a_table_or_a_word_is_no_number(text, told):
    assert told in raised(find(text).number)


def test_no_numbers_at_all_have_no_mean():
    record = {"x": np.array([]), "axes": {"x": ["seed"]}}
    assert "has no numbers at all" in raised(from_record(record, ["x"], "coin.x", "here").number)


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        (["bias"], "has 2 axes, but its snippet names 1: bias"),
        (["bias", "seed", "more"], "has 2 axes, but its snippet names 3"),
        (["seed", "seed"], "names an axis twice"),
    ],
)
def test_axes_that_do_not_fit_are_told(axes, told):
    assert told in raised(from_record, {"x": np.zeros((2, 2)), "axes": {"x": axes}}, ["x"], "coin.x", "here")


def test_a_value_without_seeds_cannot_be_averaged_over_them():
    assert "coin.bias has no seeds" in raised(find("bias").over_seeds, np.mean)
