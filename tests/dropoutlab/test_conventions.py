"""Conventions: a recipe goes to the other convention and comes back, and no library's rate is misread."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab.conventions import ARGUMENTS, Recipe, drop_of

keeps = st.floats(0.01, 1)
positive = st.floats(1e-6, 1e3)
recipes = st.builds(Recipe, positive, positive, st.one_of(positive, st.just(math.inf)), st.one_of(positive, st.just(0)))


def numbers(recipe):
    return recipe.learning_rate, recipe.weight, recipe.max_norm, recipe.l2


def test_the_factors_are_those_of_the_derivation():
    converted = Recipe(learning_rate=0.1, weight=0.5, max_norm=3, l2=0.02).to_inverted(0.8)
    assert numbers(converted) == pytest.approx((0.064, 0.4, 2.4, 0.03125), rel=1e-15)


def test_a_rate_of_one_half_hides_which_way_the_factors_go_and_another_does_not():
    # At one half, dividing by keep twice is multiplying by 4; at 0.8 the wrong factor would be 1 / 0.04 or 0.04.
    assert Recipe(1.0).to_inverted(0.5).learning_rate == Recipe(1.0).to_inverted(1 - 0.5).learning_rate == 0.25
    assert Recipe(1.0).to_inverted(0.8).learning_rate == pytest.approx(0.64)


@given(recipes, keeps)
def test_there_and_back_is_the_same_recipe(recipe, keep):
    assert numbers(recipe.to_inverted(keep).to_vanilla(keep)) == pytest.approx(numbers(recipe), rel=1e-14)
    assert numbers(recipe.to_vanilla(keep).to_inverted(keep)) == pytest.approx(numbers(recipe), rel=1e-14)


@given(recipes)
def test_where_nothing_is_dropped_the_conventions_are_one(recipe):
    assert recipe.to_inverted(1) == recipe.to_vanilla(1) == recipe


@given(recipes, keeps)
def test_what_is_off_stays_off(recipe, keep):
    for converted in (recipe.to_inverted(keep), recipe.to_vanilla(keep)):
        assert math.isinf(converted.max_norm) == math.isinf(recipe.max_norm)
        assert (converted.l2 == 0) == (recipe.l2 == 0)


@pytest.mark.parametrize("keep", [0, -0.1, 1.01, math.nan, math.inf])
@pytest.mark.parametrize("way", ["to_inverted", "to_vanilla"])
def test_a_keep_that_cannot_be_converted_is_refused_by_name(way, keep):
    with pytest.raises(ValueError, match=f"keep is a probability above 0 and at most 1, not {keep}"):
        getattr(Recipe(0.1), way)(keep)


@pytest.mark.parametrize(
    ("field", "value"),
    [("learning_rate", 0), ("learning_rate", math.nan), ("weight", -1), ("max_norm", 0), ("max_norm", -2), ("l2", -1)],
)
def test_a_number_out_of_its_range_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"{field} must be .*not {value}"):
        Recipe(**{"learning_rate": 0.1, field: value})


# Names


@pytest.mark.parametrize("library", ARGUMENTS)
def test_every_argument_says_what_it_is_and_where_that_is_written(library):
    argument = ARGUMENTS[library]
    assert argument.means in ("keep", "drop") and argument.name and argument.source
    assert drop_of(library, 0.8) == pytest.approx(0.2 if argument.means == "keep" else 0.8)


@pytest.mark.parametrize(
    ("library", "drop"),
    [("JMLR paper", 0.8), ("TensorFlow 1", 0.8), ("TensorFlow 2", 0.2), ("Keras", 0.2), ("PyTorch", 0.2)],
)
def test_the_same_number_means_different_things(library, drop):
    assert drop_of(library, 0.2) == pytest.approx(drop)


def test_pytorch_drops_with_the_probability_that_it_is_handed():
    import torch

    x = torch.ones(40_000)
    for value in (0.2, 0.8):
        torch.manual_seed(0)
        dropped = (torch.nn.functional.dropout(x, value) == 0).double().mean().item()
        assert dropped == pytest.approx(drop_of("pytorch", value), abs=0.01)


def test_an_unknown_library_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"'Theano' is not listed; these are: .*PyTorch"):
        drop_of("Theano", 0.5)


@pytest.mark.parametrize("value", [-0.1, 1.1, 50, math.nan])
def test_a_value_that_is_no_probability_is_refused_by_the_librarys_own_name(value):
    with pytest.raises(ValueError, match=f"keep_prob is a probability between 0 and 1, not {value}"):
        drop_of("TensorFlow 1", value)
