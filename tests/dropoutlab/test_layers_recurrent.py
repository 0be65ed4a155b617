"""Dropout through time, held against PyTorch's LSTM and against loops written out."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dropoutlab.layers import SequenceDropout, VariationalLSTM, Zoneout, ZoneoutLSTM

drops = st.floats(0.05, 0.95)
seeds = st.integers(0, 2**32)
LSTMS = {
    "variational": lambda drop, generator=None: VariationalLSTM(
        3, 5, input_drop=drop, state_drop=drop, generator=generator, dtype=torch.float64
    ),
    "zoneout": lambda drop, generator=None: ZoneoutLSTM(
        3, 5, cell_drop=drop, state_drop=drop, generator=generator, dtype=torch.float64
    ),
}
lstms = pytest.mark.parametrize("make", LSTMS.values(), ids=LSTMS)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def pytorchs(lstm):
    """PyTorch's LSTM with the weights of one of ours."""
    plain = nn.LSTM(3, 5, dtype=torch.float64)
    plain.load_state_dict({f"{name}_l0": value for name, value in lstm.cell.state_dict().items()})
    return plain


@given(seeds, drops)
def test_a_sequence_has_one_mask_and_each_example_its_own(seed, drop):
    layer = SequenceDropout(drop, generator=seeded(seed))
    y = layer(torch.ones(6, 40, 10, dtype=torch.float64))
    assert torch.equal(y, y[:1].expand_as(y))
    assert ((y == 0) | (y == 1 / layer.keep)).all()
    assert len(y[0].unique(dim=0)) > 1
    assert abs(y[0].mean().item() - 1) < 5 * math.sqrt(drop / (1 - drop) / 400)


@lstms
@given(seed=seeds)
def test_without_dropping_it_is_pytorchs_lstm(make, seed):
    x, h, c = normal(7, 2, 3, seed=seed), normal(2, 5), normal(2, 5, seed=1)
    for lstm in (make(0.0), make(0.0).eval()):
        plain = pytorchs(lstm)
        y, state = lstm(x, (h, c))
        expected, expected_state = plain(x, (h[None], c[None]))
        torch.testing.assert_close(y, expected)
        torch.testing.assert_close(state, (expected_state[0][0], expected_state[1][0]))
        torch.testing.assert_close(lstm(x)[0], plain(x)[0])


def test_the_variational_lstm_evaluates_as_pytorchs_lstm_at_any_rate():
    lstm, x = LSTMS["variational"](0.9).eval(), normal(7, 2, 3)
    torch.testing.assert_close(lstm(x)[0], pytorchs(lstm)(x)[0])


@given(seeds, drops)
def test_the_variational_lstm_repeats_its_two_masks_at_every_step(seed, drop):
    lstm, x = LSTMS["variational"](drop, seeded(seed)), normal(6, 4, 3)
    y, _ = lstm(x)
    again = seeded(seed)
    # The recurrent mask is drawn first, then the inputs'.
    keep = 1 - drop
    state_mask = torch.empty(1, 4, 5, dtype=torch.bool).bernoulli_(keep, generator=again)[0]
    input_mask = torch.empty(1, 4, 3, dtype=torch.bool).bernoulli_(keep, generator=again)[0]
    h, c = torch.zeros(4, 5, dtype=torch.float64), torch.zeros(4, 5, dtype=torch.float64)
    for t, step in enumerate(x):
        h, c = lstm.cell(step * input_mask / keep, (h * state_mask / keep, c))
        torch.testing.assert_close(y[t], h)


def test_a_dropped_input_has_no_gradient_at_any_step():
    lstm = VariationalLSTM(30, 5, input_drop=0.5, state_drop=0.0, generator=seeded(0), dtype=torch.float64)
    x = normal(4, 2, 30).requires_grad_()
    lstm(x)[0].sum().backward()
    silent = x.grad == 0
    assert torch.equal(silent, silent[:1].expand_as(silent))
    assert 0 < silent[0].double().mean() < 1


# Zoneout


@given(seeds, drops)
def test_zoneout_takes_the_old_value_or_the_new_one(seed, drop):
    n = 20_000
    old, new = torch.zeros(n), torch.ones(n)
    y = Zoneout(drop, generator=seeded(seed))(old, new).double()
    assert ((y == 0) | (y == 1)).all()
    assert abs(y.mean().item() - (1 - drop)) < 5 * math.sqrt(drop * (1 - drop) / n)


@given(seeds, st.floats(0, 1))
def test_zoneout_evaluates_to_the_expectation(seed, drop):
    old, new = normal(20, seed=seed), normal(20, seed=seed + 1)
    torch.testing.assert_close(Zoneout(drop).eval()(old, new), drop * old + (1 - drop) * new)


@given(seeds, drops)
def test_the_gradient_of_zoneout_goes_where_the_value_came_from(seed, drop):
    old, new = normal(50).requires_grad_(), normal(50, seed=1).requires_grad_()
    y = Zoneout(drop, generator=seeded(seed))(old, new)
    y.sum().backward()
    assert torch.equal(new.grad, (y == new).double()) and torch.equal(old.grad, (y == old).double())


def test_zoneout_at_rate_one_never_leaves_the_start():
    h, c = normal(2, 5), normal(2, 5, seed=1)
    for lstm in (LSTMS["zoneout"](1.0), LSTMS["zoneout"](1.0).eval()):
        y, (last_h, last_c) = lstm(normal(7, 2, 3), (h, c))
        assert torch.equal(y, h.expand_as(y)) and torch.equal(last_h, h) and torch.equal(last_c, c)


def test_a_zoned_out_unit_repeats_its_output_and_steps_are_drawn_anew():
    lstm = ZoneoutLSTM(3, 500, cell_drop=0.0, state_drop=0.3, generator=seeded(0), dtype=torch.float64)
    y, _ = lstm(normal(4, 2, 3))
    repeated = (y[1:] == y[:-1]).double()
    n = repeated.numel()
    assert abs(repeated.mean().item() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / n)
    both = (repeated[1] * repeated[0]).mean().item()
    assert abs(both - 0.09) < 5 * math.sqrt(0.09 * 0.91 / (n / 3))


# Shapes


@lstms
def test_sequences_and_states_that_do_not_fit_are_refused(make):
    lstm = make(0.5)
    for shape in ((7, 3), (7, 2, 4), (7, 2, 3, 1)):
        with pytest.raises(ValueError, match=r"x has shape \(time, examples, 3 inputs\), not"):
            lstm(normal(*shape))
    with pytest.raises(ValueError, match="at least one time step"):
        lstm(normal(0, 2, 3))
    with pytest.raises(ValueError, match=r"each part of the state has shape \(2, 5\), not \[\(2, 5\), \(1, 5\)\]"):
        lstm(normal(7, 2, 3), (normal(2, 5), normal(1, 5)))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(time, examples, features\), not \(2, 3\)"):
        SequenceDropout(0.5)(normal(2, 3))
    with pytest.raises(ValueError, match=r"differ in shape: \(2,\) and \(3,\)"):
        Zoneout(0.5)(normal(2), normal(3))
