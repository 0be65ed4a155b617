"""Stochastic depth: whole branches, one draw an example, rates that grow with depth."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dropoutlab.layers import StochasticDepth, depth_drops

drops = st.floats(0.05, 0.95)
seeds = st.integers(0, 2**32)


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


def made(drop, seed=0):
    return StochasticDepth(Doubled(), drop, generator=torch.Generator().manual_seed(seed))


@given(seeds, drops, st.sampled_from([(7,), (7, 3), (7, 2, 3, 4)]))
def test_an_example_loses_its_whole_branch_or_none_of_it(seed, drop, shape):
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    layer = made(drop, seed)
    for before, after in zip(x, layer(x), strict=True):
        assert torch.equal(after, before) or torch.equal(after, before + 2 * before / layer.keep)


@given(seeds, drops)
def test_branches_are_lost_at_the_rate_and_the_mean_stays(seed, drop):
    n = 20_000
    y = made(drop, seed)(torch.ones(n, dtype=torch.float64))
    lost = (y == 1).double()
    assert abs(lost.mean().item() - drop) < 5 * math.sqrt(drop * (1 - drop) / n)
    assert abs(y.mean().item() - 3) < 5 * 2 * math.sqrt(drop / (1 - drop) / n)


def test_neighbouring_examples_are_independent():
    lost = (made(0.5)(torch.ones(10_001)) == 1).double() * 2 - 1
    assert abs((lost[1:] * lost[:-1]).mean().item()) < 5 / math.sqrt(10_000)


def test_a_lost_branch_has_no_gradient():
    branch = nn.Linear(3, 3, dtype=torch.float64)
    StochasticDepth(branch, 1.0)(torch.ones(4, 3, dtype=torch.float64)).sum().backward()
    assert not branch.weight.grad.any()


def test_evaluation_is_the_plain_residual_block():
    x = torch.ones(4, 3)
    assert torch.equal(made(0.5).eval()(x), x + 2 * x)


@pytest.mark.parametrize("training", [True, False])
def test_a_branch_that_does_not_fit_is_refused(training):
    with pytest.raises(ValueError, match=r"made \(4, 2\) of \(4, 3\)"):
        StochasticDepth(nn.Linear(3, 2), 0.5).train(training)(torch.ones(4, 3))
    with pytest.raises(ValueError, match="a single number has no examples"):
        made(0.5)(torch.ones(()))


@given(st.integers(1, 200), st.floats(0, 1))
def test_depth_drops_grow_evenly_to_the_last(blocks, last):
    rates = depth_drops(blocks, last)
    assert len(rates) == blocks and rates[-1] == last
    assert all(rate == pytest.approx(last * (i + 1) / blocks) for i, rate in enumerate(rates))


def test_depth_drops_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="at least one block, not 0"):
        depth_drops(0, 0.5)
    with pytest.raises(ValueError, match=r"not 1\.5"):
        depth_drops(3, 1.5)
