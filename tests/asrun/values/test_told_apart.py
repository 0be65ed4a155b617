"""What cannot be told apart decides nothing: labels that are there twice; but whole numbers of any length can."""

from __future__ import annotations

import numpy as np
import pytest

from asrun.errors import AsrunError
from asrun.pages.context import Context
from asrun.testing import ANSWER, TinyProject, raised
from asrun.values.formats import format_measure
from asrun.values.measure import Measure


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    site = TinyProject({"snippets/answer.py": ANSWER}, tmp_path_factory.mktemp("site"))
    site.put(
        "answer",
        {
            "big": 2**62,
            "huge": 2**70,
            "single": np.float32(0.1),
            "done": True,
            "rate": np.array([0.0, 0.5, 0.5]),
            "error": np.array([1.0, 2.0, 3.0]),
            "word": ["a", "b", "a"],
            "cost": np.array([1.0, 2.0, 3.0]),
            "size": np.array([1e-13, 1e-3]),
            "gap": np.array([1.0, 2.0]),
            "axes": {"error": ["rate"], "cost": ["word"], "gap": ["size"]},
        },
    )
    return Context(site.project)


@pytest.mark.parametrize(
    "text",
    [
        "answer.error(rate=0.5) == 2",
        'answer.cost(word="a") < 2',
        'answer.cost(word=["b", "a"])',
        "argmax(answer.error) == 0.5",
        'argmin(answer.cost) == "a"',
    ],
)
def test_a_label_that_is_there_twice_chooses_nothing(context, text):
    assert "twice" in raised(context.evaluate, text)


def test_other_labels_choose_still(context):
    assert context.evaluate("answer.error(rate=0) == 1").holds
    assert context.evaluate('answer.cost(word="b") == 2').holds
    assert context.evaluate("argmin(answer.error) == 0").holds


def test_a_small_label_is_not_another_small_one(context):
    assert "has no size=5e-13" in raised(context.evaluate, "answer.gap(size=5e-13) == 1")
    assert context.evaluate("answer.gap(size=1e-13) == 1").holds


@pytest.mark.parametrize(
    "text",
    [
        "answer.huge == answer.huge + 1",
        "2**53 == 2**53 + 1",
        "answer.big >= answer.big + 1",
        "abs(-answer.huge) == answer.huge + 1",
        "answer.big + 1 <= answer.big",
        "answer.huge - (answer.huge - 1) != 1",
    ],
)
def test_a_whole_number_is_not_the_next_one(context, text):
    assert not context.evaluate(text).holds


def test_large_whole_numbers_can_be_reckoned_with(context):
    assert context.evaluate("answer.big * 4 > answer.big").holds
    assert context.evaluate("answer.huge == 2**70").holds
    assert context.evaluate("answer.big == 4611686018427387904").holds
    assert not context.evaluate("answer.big == 4611686018427387905").holds


@pytest.mark.parametrize("text", ["answer.done != 7", "answer.done == 2", "2 != answer.done"])
def test_a_truth_is_no_number(context, text):
    assert "true or false" in raised(context.evaluate, text)


@pytest.mark.parametrize("words", ["0.5", "-0.5", "−.5", " 3 of them", "12"])
def test_what_is_shown_for_no_number_does_not_look_like_one(words):
    with pytest.raises(AsrunError, match="is not a format"):
        format_measure(Measure(np.asarray(np.nan)), f'.2f or "{words}"')
    assert format_measure(Measure(np.asarray(np.nan)), '.2f or "none of 3 came out"') == "none of 3 came out"
