"""DropConnect: which weights are gone, for whom, and the moments that are left."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dropoutlab.layers import DropConnect

drops = st.floats(0.05, 0.95)
seeds = st.integers(0, 2**32)
per = pytest.mark.parametrize("per", ["batch", "example"])


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def made(drop, *, inputs=6, units=4, seed=0, **options):
    layer = DropConnect(inputs, units, drop, generator=seeded(seed), dtype=torch.float64, **options)
    for i, parameter in enumerate(layer.parameters()):
        parameter.data = torch.randn(parameter.shape, generator=seeded(i), dtype=torch.float64)
    return layer


@given(seeds, drops)
def test_each_weight_is_zero_or_over_keep(seed, drop):
    layer = made(drop, seed=seed, bias=False, per="batch")
    seen = layer(torch.eye(6, dtype=torch.float64)).T
    expected = layer.weight / layer.keep
    torch.testing.assert_close(seen, torch.where(seen == 0, 0, expected))


@given(seeds, drops)
def test_the_bias_is_dropped_like_a_weight(seed, drop):
    layer = made(drop, seed=seed)
    y = layer(torch.zeros(50, 6, dtype=torch.float64))
    assert ((y == 0) | (y == layer.bias / layer.keep)).all()


def test_a_batch_shares_its_mask_and_examples_do_not():
    same = torch.ones(1, 6, dtype=torch.float64).expand(20, 6)
    assert len(made(0.5, per="batch", bias=False)(same).unique(dim=0)) == 1
    assert len(made(0.5, per="example", bias=False)(same).unique(dim=0)) > 10


@per
def test_the_gradient_of_a_weight_has_its_mask(per):
    layer = made(0.5, bias=False, per=per)
    x = torch.eye(6, dtype=torch.float64)
    y = layer(x)
    y.sum().backward()
    # Input i alone is 1 in row i, so the gradient of weight (o, i) is the mask of (o, i), over keep.
    torch.testing.assert_close(layer.weight.grad, (y != 0).T.double() / layer.keep)


@per
@pytest.mark.parametrize("bias", [True, False])
def test_moments_are_those_of_many_draws(per, bias):
    layer = made(0.3, per=per, bias=bias)
    x = torch.randn(3, 6, generator=seeded(9), dtype=torch.float64)
    mean, variance = layer.moments(x)
    n = 4000
    with torch.no_grad():
        draws = torch.stack([layer(x) for _ in range(n)])
    assert ((draws.mean(0) - mean).abs() < 5 * (variance / n).sqrt()).all()
    kurtosis = ((draws - mean) ** 4).mean(0) / variance**2
    assert ((draws.var(0) - variance).abs() < 5 * variance * ((kurtosis - 1) / n).sqrt()).all()


def test_moments_at_the_ends():
    x = torch.ones(2, 6, dtype=torch.float64)
    mean, variance = made(0.0).moments(x)
    assert torch.equal(mean, made(0.0)(x)) and not variance.any()
    assert not any(moment.any() for moment in made(1.0).moments(x))


@per
@pytest.mark.parametrize("shape", [(6,), (0, 6), (5, 6), (2, 3, 6)])
@pytest.mark.parametrize("training", [True, False])
def test_leading_dimensions_stay(per, shape, training):
    layer = made(0.5, per=per).train(training)
    assert layer(torch.ones(shape, dtype=torch.float64)).shape == (*shape[:-1], 4)


@per
@given(seeds)
def test_evaluation_is_the_linear_layer(per, seed):
    layer = made(0.5, per=per).eval()
    plain = nn.Linear(6, 4, dtype=torch.float64)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(5, 6, generator=seeded(seed), dtype=torch.float64)
    assert torch.equal(layer(x), plain(x))


@pytest.mark.parametrize("shape", [(), (5,), (6, 5)])
def test_inputs_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match=r"x has shape \(..., 6 inputs\), not"):
        made(0.5)(torch.ones(shape, dtype=torch.float64))


def test_a_mask_is_for_a_batch_or_an_example():
    with pytest.raises(ValueError, match="'batch' or 'example', not 'unit'"):
        DropConnect(2, 2, 0.5, per="unit")


@given(drops)
def test_weights_are_dropped_at_the_rate(drop):
    n = 40 * 600
    layer = made(drop, inputs=600, units=40, bias=False, per="batch")
    seen = layer(torch.eye(600, dtype=torch.float64))
    assert abs((seen == 0).double().mean().item() - drop) < 5 * math.sqrt(drop * (1 - drop) / n)
