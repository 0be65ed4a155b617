"""Modes made visible: what would drop, and rooms where nothing may."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from dropoutlab.layers import (
    ConcreteDropout,
    Dropout,
    VariationalLSTM,
    Zoneout,
    ZoneoutLSTM,
    dropping_layers,
    evaluating,
    sampling,
)


class Functional(nn.Module):
    """A module that drops without a layer, in one of several wrong ways."""

    def __init__(self, drop_out):
        super().__init__()
        self.drop_out = drop_out

    def forward(self, x):
        return self.drop_out(x)


class Stubborn(Dropout):
    """A layer that eval() does not reach."""

    def train(self, mode=True):
        self.training = True
        return self


def net():
    return nn.Sequential(nn.Linear(4, 4), Dropout(0.5), nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)), Dropout(0.0))


def test_layers_that_drop_are_named():
    module = net()
    assert dropping_layers(module) == ["1", "2.1"]
    module[1].eval()
    assert dropping_layers(module) == ["2.1"]
    assert dropping_layers(module.eval()) == []
    assert dropping_layers(Dropout(0.5)) == ["Dropout"]


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Dropout(0.5), ["Dropout"]),
        (nn.Dropout2d(0.5), ["Dropout2d"]),
        (nn.AlphaDropout(0.5), ["AlphaDropout"]),
        (nn.FeatureAlphaDropout(0.5), ["FeatureAlphaDropout"]),
        (nn.Dropout(0.0), []),
        (nn.LSTM(2, 2, num_layers=2, dropout=0.5), ["LSTM"]),
        (nn.GRU(2, 2, num_layers=2), []),
        (nn.MultiheadAttention(4, 2, dropout=0.1), ["MultiheadAttention"]),
        (nn.MultiheadAttention(4, 2), []),
        (Zoneout(0.5), ["Zoneout"]),
        (ConcreteDropout(nn.Linear(2, 2)), ["ConcreteDropout"]),
        (VariationalLSTM(2, 2, input_drop=0.5, state_drop=0.0), ["inputs"]),
        (VariationalLSTM(2, 2, input_drop=0.0, state_drop=0.5), ["state"]),
        (ZoneoutLSTM(2, 2, cell_drop=0.5, state_drop=0.1), ["cell_zoneout", "state_zoneout"]),
        (nn.Linear(2, 2), []),
    ],
    ids=str,
)
def test_pytorchs_layers_and_ours_are_known(module, expected):
    assert dropping_layers(module) == expected
    assert dropping_layers(module.eval()) == []


@pytest.mark.parametrize("room", [evaluating, sampling])
@given(modes=st.lists(st.booleans(), min_size=7, max_size=7), fails=st.booleans())
def test_every_mode_is_restored_whatever_happens(room, modes, fails):
    module = net()
    for layer, mode in zip(module.modules(), modes, strict=True):
        layer.training = mode
    try:
        with room(module) as given_back:
            assert given_back is module
            module.train(fails)
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert [layer.training for layer in module.modules()] == modes
    assert not any(layer._forward_pre_hooks for layer in module.modules())


def test_evaluating_evaluates():
    module, x = net(), torch.ones(3, 4)
    with evaluating(module):
        assert torch.equal(module(x), module(x))
        assert not any(layer.training for layer in module.modules())


def test_a_layer_put_back_into_training_is_caught_by_name():
    module = net()
    with evaluating(module):
        module[2].train()
        with pytest.raises(RuntimeError, match=r"2\.1 drops inside evaluating"):
            module(torch.ones(3, 4))
    with evaluating(module) as silent:
        silent.train()
        silent[0](torch.ones(3, 4))  # only what would drop is refused


@pytest.mark.parametrize(
    "lstm",
    [VariationalLSTM(2, 2, input_drop=0.0, state_drop=0.5), ZoneoutLSTM(2, 2, cell_drop=0.5, state_drop=0.0)],
)
def test_a_recurrent_layer_put_back_into_training_is_caught(lstm):
    with evaluating(lstm):
        lstm.train()
        with pytest.raises(RuntimeError, match="drops inside evaluating"):
            lstm(torch.ones(3, 2, 2))


def test_a_layer_that_eval_does_not_reach_is_caught_on_entry():
    with (
        pytest.raises(RuntimeError, match=r"still dropping after eval\(\): 1; "),
        evaluating(nn.Sequential(nn.ReLU(), Stubborn(0.5))),
    ):
        pytest.fail("the room was entered")


@pytest.mark.parametrize(
    "drop_out",
    [
        lambda x: F.dropout(x),
        lambda x: F.dropout(x, 0.5),
        lambda x: F.dropout(input=x, p=0.1, training=True),
        lambda x: F.alpha_dropout(x, 0.5, True),
        lambda x: F.dropout2d(x.view(1, 1, *x.shape), 0.5),
        lambda x: F.scaled_dot_product_attention(x, x, x, None, 0.5),
        lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
    ],
)
def test_functional_dropout_that_ignores_the_mode_is_caught(drop_out):
    with evaluating(Functional(drop_out)) as module, pytest.raises(RuntimeError, match=r"F\.\w+ drops inside"):
        module(torch.ones(2, 3))


@pytest.mark.parametrize(
    "drop_out",
    [
        lambda x: F.dropout(x, 0.5, training=False),
        lambda x: F.dropout(x, 0.0),
        lambda x: F.alpha_dropout(x, 0.5),
        lambda x: F.scaled_dot_product_attention(x, x, x),
    ],
)
def test_functional_dropout_that_does_nothing_is_let_through(drop_out):
    with evaluating(Functional(drop_out)) as module:
        assert module(torch.ones(2, 3)).shape == (2, 3)
    F.dropout(torch.ones(2))  # and outside the room all is as before


def test_sampling_leaves_batch_normalisation_in_evaluation():
    module, x = net(), torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with sampling(module):
        assert not torch.equal(module(x), module(x))
        assert dropping_layers(module) == ["1", "2.1"] and not module[2][0].training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_sampling_from_what_cannot_drop_is_refused():
    with pytest.raises(ValueError, match="Linear has no layer that can drop"), sampling(nn.Linear(2, 2)):
        pytest.fail("the room was entered")


def test_sampling_reaches_the_dropout_inside_a_transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True).eval()
    x = torch.ones(2, 3, 8)
    with sampling(layer), torch.no_grad():
        assert not torch.equal(layer(x), layer(x))
    with evaluating(layer), torch.no_grad():
        assert torch.equal(layer(x), layer(x))


def test_sampling_inside_evaluating_is_a_contradiction():
    with evaluating(net()) as module, sampling(module), pytest.raises(RuntimeError, match="1 drops"):
        module(torch.ones(3, 4))
