"""Predictions: probabilities that sum to one, doubt that adds up, and the average that weight scaling stands for."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dropoutlab.layers import Dropout, dropping_layers, mc_predict, weight_scaling_predict

seeds = st.integers(0, 2**32)
drops = st.floats(0.05, 0.95)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def net(drop, seed=0):
    module = nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), Dropout(drop, generator=seeded(seed)), nn.Linear(8, 3)
    ).double()
    for i, parameter in enumerate(module.parameters()):
        parameter.data = normal(*parameter.shape, seed=i)
    return module


@given(seeds, drops, st.integers(1, 8))
def test_doubt_adds_up(seed, drop, samples):
    prediction = mc_predict(net(drop, seed), 3 * normal(6, 5, seed=seed), samples)
    p = prediction.probabilities
    assert p.shape == (6, 3) and (p >= 0).all()
    torch.testing.assert_close(p.sum(1), torch.ones(6, dtype=torch.float64))
    torch.testing.assert_close(prediction.entropy, -(p * p.log()).sum(1))
    assert (prediction.entropy <= math.log(3) + 1e-12).all()
    assert (prediction.mutual_information >= 0).all()
    assert (prediction.mutual_information <= prediction.entropy + 1e-12).all()
    assert (prediction.mutual_information <= math.log(samples) + 1e-12).all()


@given(seeds, drops, st.integers(1, 6))
def test_both_means_are_what_they_are_called(seed, drop, samples):
    x = normal(4, 5)
    module = net(drop, seed)
    module.eval()
    module[3].train()
    with torch.no_grad():
        each = torch.stack([module(x).softmax(1) for _ in range(samples)])
    arithmetic = mc_predict(net(drop, seed), x, samples)
    torch.testing.assert_close(arithmetic.probabilities, each.mean(0))
    entropies = -(each * each.log()).sum(2).mean(0)
    torch.testing.assert_close(arithmetic.mutual_information, arithmetic.entropy - entropies, atol=1e-12, rtol=0)
    geometric = mc_predict(net(drop, seed), x, samples, "geometric")
    product = each.prod(0) ** (1 / samples)
    torch.testing.assert_close(geometric.probabilities, product / product.sum(1, keepdim=True))
    assert geometric.entropy is None and geometric.mutual_information is None


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
@given(seed=seeds)
def test_at_drop_zero_all_predictions_agree(mean, seed):
    module, x = net(0.0), normal(6, 5, seed=seed)
    prediction = mc_predict(module, x, 3, mean)
    torch.testing.assert_close(prediction.probabilities, weight_scaling_predict(module, x).probabilities)
    if mean == "arithmetic":
        assert (prediction.mutual_information < 1e-12).all()


@given(seeds, drops)
def test_weight_scaling_is_the_geometric_mean_over_all_masks_of_one_layer(seed, drop):
    """Srivastava et al. (2014); Baldi and Sadowski (2013): exact for a softmax of one linear layer."""
    linear, x = nn.Linear(5, 3, dtype=torch.float64), normal(4, 5, seed=seed)
    log_mean = torch.zeros(4, 3, dtype=torch.float64)
    with torch.no_grad():
        for bits in itertools.product((0.0, 1.0), repeat=5):
            mask = torch.tensor(bits, dtype=torch.float64)
            chance = math.prod(1 - drop if bit else drop for bit in bits)
            log_mean += chance * linear(x * mask / (1 - drop)).log_softmax(1)
    scaled = weight_scaling_predict(nn.Sequential(Dropout(drop), linear), x)
    torch.testing.assert_close(log_mean.softmax(1), scaled.probabilities)


def test_monte_carlo_approaches_it():
    linear, x = nn.Linear(5, 3, dtype=torch.float64), normal(4, 5)
    module = nn.Sequential(Dropout(0.5, generator=seeded(0)), linear)
    n = 4000
    close = mc_predict(module, x, n, "geometric").probabilities - weight_scaling_predict(module, x).probabilities
    # Logits have variance x^2 w^2 summed over inputs (drop / keep is 1), and a softmax has a slope of at most 1 / 2.
    variance = (x**2) @ (linear.weight.detach() ** 2).T
    assert (close.abs() < 5 * (variance.sum(1, keepdim=True) / n).sqrt()).all()


def test_predicting_leaves_no_trace():
    module, x = net(0.5).train(), normal(6, 5)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for prediction in (mc_predict(module, x, 3), weight_scaling_predict(module, x)):
        assert not prediction.probabilities.requires_grad
    assert dropping_layers(module) == ["3"] and module[1].training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_certain_predictions_have_no_doubt():
    linear = nn.Linear(2, 2, bias=False, dtype=torch.float64)
    linear.weight.data = torch.tensor([[1e6, 0.0], [0.0, 0.0]], dtype=torch.float64)
    module = nn.Sequential(Dropout(0.0), linear)
    prediction = mc_predict(module, torch.ones(1, 2, dtype=torch.float64), 2)
    assert prediction.entropy.item() == 0 and prediction.mutual_information.item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_precision_stays(dtype):
    module = nn.Sequential(Dropout(0.5), nn.Linear(5, 3, dtype=dtype))
    prediction = mc_predict(module, torch.ones(2, 5, dtype=dtype), 3)
    assert {prediction.probabilities.dtype, prediction.entropy.dtype, prediction.mutual_information.dtype} == {dtype}


def test_what_makes_no_sense_is_refused():
    x = normal(4, 5)
    with pytest.raises(ValueError, match="samples is a whole number of at least 1, not 0"):
        mc_predict(net(0.5), x, 0)
    with pytest.raises(ValueError, match="'arithmetic' or 'geometric', not 'harmonic'"):
        mc_predict(net(0.5), x, 2, "harmonic")
    with pytest.raises(ValueError, match="no layer that can drop"):
        mc_predict(nn.Linear(5, 3).double(), x, 2)
    with pytest.raises(ValueError, match=r"logits of shape \(4 examples, classes\), not \(4,\)"):
        mc_predict(nn.Sequential(Dropout(0.5), nn.Flatten(0)), x[:, 0], 2)
