"""What holds for every layer that drops: rates, modes, generators, types, gradients, state."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dropoutlab import layers
from dropoutlab.layers import (
    AlphaDropout,
    ChannelDropout,
    ConcreteDropout,
    DropBlock,
    DropConnect,
    Dropout,
    Dropping,
    GaussianDropout,
    SequenceDropout,
    StochasticDepth,
    VariationalLSTM,
    Zoneout,
    ZoneoutLSTM,
    checked_drop,
    keep_mask,
)

MAPS = (3, 4, 6, 5)


class Branch(nn.Module):
    """A branch that doubles."""

    def forward(self, x):
        return 2 * x


PLAIN = {
    "Dropout": Dropout,
    "GaussianDropout": GaussianDropout,
    "AlphaDropout": AlphaDropout,
    "ChannelDropout": ChannelDropout,
    "DropBlock": lambda drop, generator=None: DropBlock(drop, block_size=3, generator=generator),
}
"""Layers that take maps, and in evaluation return the very input."""


class First(nn.Module):
    """A recurrent layer's outputs without its state."""

    def __init__(self, lstm):
        super().__init__()
        self.lstm = lstm

    def forward(self, x):
        return self.lstm(x)[0]


class Settled(nn.Module):
    """Zoneout between a state of ones and x."""

    def __init__(self, zoneout):
        super().__init__()
        self.zoneout = zoneout

    def forward(self, x):
        return self.zoneout(torch.ones_like(x), x)


def all_layers(drop, generator=None, dtype=torch.float32):
    """Every layer at one rate, with a shape of input that it takes."""
    made = {name: (layer(drop, generator=generator), MAPS) for name, layer in PLAIN.items()}
    made["DropConnect example"] = DropConnect(5, 4, drop, generator=generator, dtype=dtype), (3, 5)
    made["DropConnect batch"] = DropConnect(5, 4, drop, per="batch", generator=generator, dtype=dtype), (3, 5)
    made["StochasticDepth"] = StochasticDepth(Branch(), drop, generator=generator), (6, 5)
    made["SequenceDropout"] = SequenceDropout(drop, generator=generator), (4, 3, 5)
    variational = VariationalLSTM(5, 7, input_drop=drop, state_drop=drop, generator=generator, dtype=dtype)
    made["VariationalLSTM"] = First(variational), (4, 3, 5)
    zoneout = ZoneoutLSTM(5, 7, cell_drop=drop, state_drop=drop, generator=generator, dtype=dtype)
    made["ZoneoutLSTM"] = First(zoneout), (4, 3, 5)
    made["Zoneout"] = Settled(Zoneout(drop, generator=generator)), (6, 5)
    if 0 < drop < 1:
        linear = nn.Linear(5, 4, dtype=dtype)
        made["ConcreteDropout"] = ConcreteDropout(linear, drop=drop, generator=generator), (3, 5)
    return made


names = pytest.mark.parametrize("name", list(all_layers(0.5)))
fixed_names = pytest.mark.parametrize("name", list(all_layers(0.0)))
drops = st.floats(0.05, 0.95)
seeds = st.integers(0, 2**32)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def normal(shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64).to(dtype)


def test_everything_public_is_exported_once_and_documented():
    assert sorted(layers.__all__) == layers.__all__ and len(set(layers.__all__)) == len(layers.__all__)
    for name in layers.__all__:
        assert getattr(layers, name).__doc__, name


# Rates


@pytest.mark.parametrize("drop", [-0.1, -1e-300, 1.0000001, 2, 50, math.inf, -math.inf, math.nan])
def test_a_rate_that_is_no_probability_is_refused_by_name(drop):
    message = rf"drop is a probability between 0 and 1, not {drop}"
    with pytest.raises(ValueError, match=message):
        checked_drop(drop)
    for make in [
        *PLAIN.values(),
        Zoneout,
        SequenceDropout,
        lambda drop: DropConnect(2, 2, drop),
        lambda drop: StochasticDepth(Branch(), drop),
        lambda drop: VariationalLSTM(2, 2, input_drop=drop, state_drop=0.0),
        lambda drop: VariationalLSTM(2, 2, input_drop=0.0, state_drop=drop),
        lambda drop: ZoneoutLSTM(2, 2, cell_drop=drop, state_drop=0.0),
        lambda drop: ZoneoutLSTM(2, 2, cell_drop=0.0, state_drop=drop),
        lambda drop: ConcreteDropout(nn.Linear(2, 2), drop=drop),
    ]:
        with pytest.raises(ValueError, match=message):
            make(drop)


@given(st.floats(0, 1))
def test_keep_is_one_minus_drop_and_follows_it(drop):
    layer = Dropping(0.5)
    layer.drop = drop
    assert layer.drop == drop and layer.keep == 1 - drop
    with pytest.raises(ValueError, match=r"not 1\.5"):
        layer.drop = 1.5
    assert layer.drop == drop


@fixed_names
def test_drop_zero_changes_nothing_exactly_and_draws_nothing(name):
    generator = seeded(1)
    before = generator.get_state()
    layer, shape = all_layers(0.0, generator)[name]
    x = normal(shape)
    training = layer.train()(x)
    assert torch.equal(training, layer.eval()(x))
    assert torch.equal(generator.get_state(), before)
    if name in PLAIN or name == "SequenceDropout":
        assert training is x


@fixed_names
def test_drop_one_is_finite_in_both_directions(name):
    layer, shape = all_layers(1.0)[name]
    x = normal(shape).requires_grad_()
    y = layer(x)
    y.sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all()
    if name in PLAIN or name in ("SequenceDropout", "DropConnect batch", "DropConnect example"):
        assert not y.any() and not x.grad.any()
    if name == "StochasticDepth":
        assert torch.equal(y, x)
    if name == "Zoneout":
        assert torch.equal(y, torch.ones_like(y))
    if name == "ZoneoutLSTM":
        assert not y.any()  # the state never leaves its start


# Modes


@names
def test_evaluation_is_deterministic_and_its_repr_says_so(name):
    layer, shape = all_layers(0.5)[name]
    assert "dropping" in repr(layer) and "evaluating" not in repr(layer)
    layer.eval()
    assert "evaluating" in repr(layer) and "dropping" not in repr(layer)
    x = normal(shape)
    assert torch.equal(layer(x), layer(x))
    if name in PLAIN or name == "SequenceDropout":
        assert layer(x) is x


# Generators


@names
def test_one_seed_gives_one_result_and_leaves_the_global_generator_alone(name):
    generator = seeded(7)
    torch.manual_seed(0)
    layer, shape = all_layers(0.5, generator)[name]
    before = torch.get_rng_state()
    x = normal(shape)
    generator.manual_seed(7)
    first, second = layer(x), layer(x)
    generator.manual_seed(7)
    assert torch.equal(layer(x), first)
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


@names
def test_without_a_generator_the_global_one_is_used(name):
    layer, shape = all_layers(0.5)[name]
    x = normal(shape)
    torch.manual_seed(3)
    first = layer(x)
    torch.manual_seed(3)
    assert torch.equal(layer(x), first)


@pytest.mark.parametrize(
    "name", ["Dropout", "AlphaDropout", "ChannelDropout", "DropBlock", "SequenceDropout", "StochasticDepth", "Zoneout"]
)
@given(seeds, drops)
def test_the_same_mask_serves_every_precision(name, seed, drop):
    kept = []
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        layer, shape = all_layers(drop, seeded(seed))[name]
        y = layer(torch.full(shape, 2.0, dtype=dtype))
        kept.append(y == y.max())  # the units that are kept have the greater of two values
    assert all(torch.equal(kept[0], other) for other in kept)


def test_a_generator_of_another_device_is_told_apart():
    with pytest.raises(ValueError, match=r"draws on cpu and the mask is needed on meta.*torch.Generator"):
        keep_mask((2,), 0.5, device="meta", generator=seeded(0))


@given(seeds, drops)
def test_a_copy_of_a_layer_goes_on_by_itself(seed, drop):
    layer = Dropout(drop, generator=seeded(seed))
    twin = copy.deepcopy(layer)
    x = torch.ones(50)
    assert torch.equal(layer(x), twin(x))


# Types and shapes


@names
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("training", [True, False])
def test_type_device_and_shape_stay(name, dtype, training):
    layer, shape = all_layers(0.3, dtype=dtype)[name]
    x = normal(shape, dtype=dtype)
    y = layer.train(training)(x)
    assert y.dtype == x.dtype and y.device == x.device
    assert y.isfinite().all()
    if name in PLAIN or name in ("SequenceDropout", "StochasticDepth", "Zoneout"):
        assert y.shape == x.shape


@pytest.mark.parametrize("name", [*PLAIN, "SequenceDropout", "StochasticDepth"])
def test_integers_are_refused_with_a_remedy(name):
    layer, shape = all_layers(0.5)[name]
    with pytest.raises(TypeError, match=r"not torch.int64; pass x.float\(\)"):
        layer(torch.ones(shape, dtype=torch.int64))


@names
def test_the_input_itself_is_left_alone(name):
    layer, shape = all_layers(0.5)[name]
    x = normal(shape)
    before = x.clone()
    layer(x)
    assert torch.equal(x, before)


# Gradients and state


@names
def test_gradients_match_finite_differences(name):
    generator = seeded(0)
    layer, shape = all_layers(0.4, generator, dtype=torch.float64)[name]

    def fixed(x):
        generator.manual_seed(5)
        return layer(x)

    x = normal(shape, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(fixed, (x,))


@names
def test_a_state_dict_goes_there_and_back(name):
    generator = seeded(0)
    layer, shape = all_layers(0.25, generator)[name]
    other, _ = all_layers(0.25, generator)[name]
    other.load_state_dict(layer.state_dict())
    x = normal(shape)
    assert torch.equal(layer.eval()(x), other.eval()(x))
    assert all(isinstance(value, torch.Tensor) for value in layer.state_dict().values())
