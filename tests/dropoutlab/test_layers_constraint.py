"""Max-norm: no vector longer than the limit, directions kept, and doing it twice is doing it once."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dropoutlab.layers import project_max_norm_

seeds = st.integers(0, 2**32)
limits = st.floats(1e-3, 1e3)
shapes = st.sampled_from([(1, 1), (5, 7), (3, 300), (4, 2, 3, 3), (0, 4), (4, 0)])
dtypes = st.sampled_from([torch.float64, torch.float32, torch.bfloat16])
sizes = st.floats(1e-4, 1e4)


def made(seed, shape, size=1.0, dtype=torch.float64):
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * size).to(dtype)


def lengths(weight):
    return weight.double().flatten(1).norm(dim=1)


@given(seeds, shapes, sizes, limits, dtypes)
def test_no_vector_is_longer_and_twice_is_once(seed, shape, size, limit, dtype):
    weight = made(seed, shape, size, dtype)
    before = weight.clone()
    assert project_max_norm_(weight, limit) is weight
    assert (lengths(weight) <= limit * (1 + 1e-14)).all()
    short = lengths(before) <= limit * (1 - 1e-14)
    assert torch.equal(weight[short], before[short])
    once = weight.clone()
    assert torch.equal(project_max_norm_(weight, limit), once)


@given(seeds, limits, st.floats(0.1, 1e3))
def test_it_is_pytorchs_renorm_without_its_slack(seed, limit, size):
    weight = made(seed, (5, 7), size)
    expected = weight.renorm(2, 0, limit)
    torch.testing.assert_close(project_max_norm_(weight, limit), expected, rtol=1e-5, atol=1e-7)


@given(seeds, limits)
def test_long_vectors_end_at_the_limit_and_keep_their_direction(seed, limit):
    before = made(seed, (5, 7), 1e4)
    after = project_max_norm_(before.clone(), limit)
    torch.testing.assert_close(lengths(after), torch.full((5,), limit, dtype=torch.float64))
    torch.testing.assert_close(after / lengths(after)[:, None], before / lengths(before)[:, None])


def test_a_parameter_is_projected_without_a_gradient():
    layer = nn.Linear(100, 3)
    weight = layer.weight
    project_max_norm_(weight, 0.01)
    assert layer.weight is weight and weight.requires_grad and weight.is_leaf and weight.grad_fn is None
    assert (lengths(weight.detach()) <= 0.01).all()


def test_a_view_is_projected_in_place():
    whole = torch.ones(4, 6)
    project_max_norm_(whole.T, 1.0)
    assert (lengths(whole.T) <= 1).all()


def test_zeros_infinite_limits_huge_and_tiny_numbers_are_no_trouble():
    zeros = torch.zeros(2, 3)
    assert torch.equal(project_max_norm_(zeros, 1.0), torch.zeros(2, 3))
    assert torch.equal(project_max_norm_(torch.ones(2, 3), math.inf), torch.ones(2, 3))
    huge = project_max_norm_(torch.full((2, 3), 1e30), 3.0)
    torch.testing.assert_close(lengths(huge), torch.full((2,), 3.0, dtype=torch.float64))
    for limit in (1e-44, 1e-45, 1e-50):
        assert (lengths(project_max_norm_(torch.ones(2, 3), limit)) <= limit).all()


@pytest.mark.parametrize("limit", [0, -1.0, math.nan])
def test_a_limit_is_a_length(limit):
    with pytest.raises(ValueError, match=f"limit is a length above 0, not {limit}"):
        project_max_norm_(torch.ones(2, 2), limit)


def test_a_vector_of_biases_and_integers_are_refused():
    with pytest.raises(ValueError, match=r"\(units, inputs, ...\), not \(3,\)"):
        project_max_norm_(torch.ones(3), 1.0)
    with pytest.raises(TypeError, match=r"not torch.int64"):
        project_max_norm_(torch.ones(3, 3, dtype=torch.int64), 1.0)
