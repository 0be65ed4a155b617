"""Concrete dropout: nearly Bernoulli, with a rate that has the gradient it should have."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dropoutlab.layers import ConcreteDropout

drops = st.floats(0.05, 0.95)
seeds = st.integers(0, 2**32)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def made(drop, *, inputs=4, units=3, seed=0, **options):
    linear = nn.Linear(inputs, units, dtype=torch.float64)
    return ConcreteDropout(linear, drop=drop, generator=seeded(seed), **options)


class Recording(nn.Linear):
    """A linear layer that remembers what it was given."""

    def forward(self, x):
        self.given = x
        return super().forward(x)


def noise(drop, n, **options):
    """The factors that n inputs of 1 were multiplied by."""
    layer = ConcreteDropout(Recording(n, 1, dtype=torch.float64), drop=drop, **options)
    layer(torch.ones(1, n, dtype=torch.float64))
    return layer.layer.given[0].detach()


@given(drops)
def test_the_rate_is_what_was_asked_for_and_can_be_set(drop):
    layer = made(0.5)
    layer.drop = drop
    assert layer.drop == pytest.approx(drop) and layer.keep == pytest.approx(1 - drop)
    assert layer.logit.item() == pytest.approx(math.log(drop / (1 - drop)))
    assert made(drop).drop == pytest.approx(drop)


@given(seeds, drops)
def test_a_cold_mask_is_bernoullis(seed, drop):
    n = 5000
    factors = noise(drop, n, temperature=1e-5, generator=seeded(seed)) * (1 - drop)
    hard = (factors > 0.5).double()
    assert ((factors - hard).abs() < 1e-3).double().mean() > 0.995
    assert abs(hard.mean().item() - (1 - drop)) < 5 * math.sqrt(drop * (1 - drop) / n)


@given(seeds, drops)
def test_at_any_temperature_more_than_half_of_the_mask_is_kept_as_often_as_keep_says(seed, drop):
    n = 5000
    factors = noise(drop, n, temperature=0.1, generator=seeded(seed)) * (1 - drop)
    assert ((factors >= 0) & (factors <= 1 + 1e-12)).all()
    assert abs((factors > 0.5).double().mean().item() - (1 - drop)) < 5 * math.sqrt(drop * (1 - drop) / n)


def test_evaluation_is_the_layer():
    layer, x = made(0.3).eval(), torch.randn(5, 4, dtype=torch.float64, generator=seeded(0))
    assert torch.equal(layer(x), layer.layer(x))


def test_the_gradient_of_the_rate_matches_finite_differences():
    layer, x = made(0.3, temperature=0.5), torch.randn(5, 4, dtype=torch.float64, generator=seeded(0))

    def output(logit):
        layer.generator.manual_seed(1)
        return torch.func.functional_call(layer, {"logit": logit}, (x,)).sum()

    assert torch.autograd.gradcheck(output, (layer.logit.detach().clone().requires_grad_(),))


@given(drops, st.integers(1, 1000), st.floats(0.01, 10))
def test_the_penalty_is_the_papers(drop, examples, length_scale):
    layer = made(drop)
    squares = layer.layer.weight.square().sum().item()
    entropy = -(drop * math.log(drop) + (1 - drop) * math.log(1 - drop))
    expected = (length_scale**2 / 2 * squares / (1 - drop) - 4 * entropy) / examples
    assert layer.penalty(examples=examples, length_scale=length_scale).item() == pytest.approx(expected)


def test_the_entropy_alone_pulls_the_rate_to_one_half():
    for drop in (0.1, 0.9):
        layer = made(drop)
        layer.penalty(examples=1, length_scale=0.0).backward()
        assert (layer.logit.grad.item() < 0) == (drop < 0.5)


def test_the_weights_alone_pull_the_rate_down():
    layer = made(0.5)
    layer.penalty(examples=1, length_scale=100.0).backward()
    assert layer.logit.grad.item() > 0


@pytest.mark.parametrize("logit", [-50.0, 30.0])
def test_an_extreme_rate_stays_finite(logit):
    layer = made(0.5)
    nn.init.constant_(layer.logit, logit)
    y = layer(torch.ones(5, 4, dtype=torch.float64))
    (y.sum() + layer.penalty(examples=10)).backward()
    assert y.isfinite().all() and all(parameter.grad.isfinite().all() for parameter in layer.parameters())


def test_the_rate_falls_when_noise_does_harm():
    x = torch.randn(200, 4, dtype=torch.float64, generator=seeded(1))
    y = x @ torch.randn(4, 3, dtype=torch.float64, generator=seeded(2))
    layer = made(0.3)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        (((layer(x) - y) ** 2).mean() * 100 + layer.penalty(examples=200)).backward()
        optimiser.step()
    assert layer.drop < 0.1


def test_the_learned_rate_is_part_of_the_state():
    layer, other = made(0.3), made(0.7)
    other.load_state_dict(layer.state_dict())
    assert other.drop == layer.drop


@pytest.mark.parametrize("drop", [0, 1])
def test_a_rate_without_a_gradient_is_refused(drop):
    with pytest.raises(ValueError, match=rf"starts inside \(0, 1\), not at {drop}"):
        made(drop)


def test_what_makes_no_sense_is_refused():
    for temperature in (0, -1, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"temperature is a positive number, not {temperature}"):
            made(0.5, temperature=temperature)
    with pytest.raises(ValueError, match="at least one example, not 0"):
        made(0.5).penalty(examples=0)
    with pytest.raises(ValueError, match=r"x has shape \(..., 4 inputs\), not \(2, 3\)"):
        made(0.5)(torch.ones(2, 3, dtype=torch.float64))
