"""Noise on single units: the law of dropout, of its Gaussian relative, and the moments that each one keeps.

Everything is drawn from seeds, so a statistical test gives the same answer every time. Bounds are five standard errors.
"""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from dropoutlab.layers import AlphaDropout, Dropout, GaussianDropout

drops = st.floats(0.01, 0.99)
seeds = st.integers(0, 2**32)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def normal(shape, seed=0):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


@given(seeds, drops)
def test_every_output_is_zero_or_the_input_over_keep(seed, drop):
    x = normal((40, 30))
    layer = Dropout(drop, generator=seeded(seed))
    y = layer(x)
    assert ((y == 0) | (y == x / layer.keep)).all()


@given(seeds, drops)
def test_the_law_is_that_of_pytorch(seed, drop):
    n = 20_000
    x = torch.ones(n, dtype=torch.float64)
    torch.manual_seed(seed)
    ours, theirs = Dropout(drop, generator=seeded(seed))(x), F.dropout(x, drop)
    for y in (ours, theirs):
        torch.testing.assert_close(y[y != 0], torch.full_like(y[y != 0], 1 / (1 - drop)))
        # A mean of n independent draws, each of variance drop / keep.
        assert abs(y.mean().item() - 1) < 5 * math.sqrt(drop / (1 - drop) / n)


@given(seeds, drops)
def test_gradients_have_the_mask_of_the_forward_pass(seed, drop):
    x = normal((20, 30)).requires_grad_()
    y = Dropout(drop, generator=seeded(seed))(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, (y != 0).double() / (1 - drop), rtol=1e-12, atol=0)


def test_what_is_dropped_is_gone_even_if_it_is_infinite():
    x = torch.full((100,), math.inf)
    y = Dropout(0.5, generator=seeded(0))(x)
    assert ((y == 0) | (y == math.inf)).all() and (y == 0).any()


@given(drops)
def test_units_and_examples_are_dropped_independently(drop):
    n = 20_000
    mask = (Dropout(drop, generator=seeded(1))(torch.ones(n, 3)) != 0).double()
    for a, b in ((mask[:, 0], mask[:, 1]), (mask[1:, 0], mask[:-1, 0]), (mask[:, 2], mask[:, 0])):
        product = (a - 1 + drop) * (b - 1 + drop) / (drop * (1 - drop))
        assert abs(product.mean().item()) < 5 / math.sqrt(len(product))


@given(seeds, drops)
def test_gaussian_noise_has_the_mean_and_variance_of_dropout(seed, drop):
    n = 20_000
    layer = GaussianDropout(drop, generator=seeded(seed))
    noise = layer(torch.ones(n, dtype=torch.float64))
    variance = drop / (1 - drop)
    assert layer.std == pytest.approx(math.sqrt(variance))
    assert abs(noise.mean().item() - 1) < 5 * math.sqrt(variance / n)
    # The variance of n Gaussian draws has the standard error variance * sqrt(2 / n).
    assert abs(noise.var().item() - variance) < 5 * variance * math.sqrt(2 / n)


def test_gaussian_noise_multiplies():
    x = normal((1000,))
    noise = GaussianDropout(0.5, generator=seeded(0))(torch.ones_like(x))
    assert torch.equal(GaussianDropout(0.5, generator=seeded(0))(x), x * noise)


@given(seeds, drops)
def test_alpha_dropout_keeps_mean_zero_and_variance_one(seed, drop):
    n = 50_000
    y = AlphaDropout(drop, generator=seeded(seed))(normal((n,), seed + 1))
    kurtosis = ((y - y.mean()) ** 4).mean().item() / y.var().item() ** 2
    assert abs(y.mean().item()) < 5 / math.sqrt(n)
    assert abs(y.var().item() - 1) < 5 * math.sqrt(kurtosis / n)


@given(seeds, st.floats(0.01, 0.99))
def test_alpha_dropout_takes_the_two_values_that_pytorch_takes(seed, drop):
    x = torch.full((2000,), 0.3, dtype=torch.float64)
    torch.manual_seed(seed)
    ours = AlphaDropout(drop, generator=seeded(seed))(x)
    theirs = F.alpha_dropout(x, drop, training=True)
    for end in (torch.min, torch.max):
        if len(ours.unique()) == len(theirs.unique()) == 2:
            torch.testing.assert_close(end(ours), end(theirs), rtol=1e-6, atol=1e-6)


def test_a_deep_selu_network_stays_normalised_under_alpha_dropout_and_not_under_dropout():
    def propagate(layer):
        x = normal((500, 200), 1)
        for depth in range(20):
            weight = normal((200, 200), depth + 2) / math.sqrt(200)
            x = layer(F.selu(x @ weight))
        return x.mean().item(), x.var().item()

    mean, variance = propagate(AlphaDropout(0.1, generator=seeded(0)))
    assert abs(mean) < 0.1 and abs(variance - 1) < 0.2
    _, variance = propagate(Dropout(0.1, generator=seeded(0)))
    assert variance > 1.2


def test_evaluation_agrees_with_pytorch():
    x = normal((10, 10))
    for ours, theirs in ((Dropout(0.5), nn.Dropout(0.5)), (AlphaDropout(0.5), nn.AlphaDropout(0.5))):
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
