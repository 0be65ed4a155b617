"""Dropout through time: one mask for a whole sequence, and units that skip a step instead of falling silent.

Sequences have the shape (time, examples, features), as PyTorch's recurrent layers have them by default.
"""

from __future__ import annotations

import torch
from torch import nn

from dropoutlab.layers.base import Dropping, masked, require_floating

__all__ = ["SequenceDropout", "VariationalLSTM", "Zoneout", "ZoneoutLSTM"]

State = tuple[torch.Tensor, torch.Tensor]


class SequenceDropout(Dropping):
    r"""Drops the same features of an example at every time step, and scales the others up.

    .. math:: y_{tnf} = \frac{m_{nf}\, x_{tnf}}{\mathrm{keep}}, \qquad m_{nf} \sim \mathrm{Bernoulli}(\mathrm{keep})

    Gal and Ghahramani (2016), "A theoretically grounded application of dropout in recurrent neural networks". PyTorch
    has no such layer: `torch.nn.LSTM(dropout=...)` draws anew at each step, and between stacked layers only.

    Arguments:
        drop: Probability of dropping a feature of a sequence. 0 returns the very input, 1 returns zeros.
        generator: What the masks are drawn from; None is PyTorch's global generator.

    Call it with x of shape (time, examples, features); the result has the same.

    >>> layer = SequenceDropout(0.5, generator=torch.Generator().manual_seed(0))
    >>> y = layer(torch.ones(7, 2, 4))
    >>> y.shape, torch.equal(y, y[:1].expand_as(y))
    (torch.Size([7, 2, 4]), True)
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() != 3:
            raise ValueError(f"SequenceDropout expects shape (time, examples, features), not {tuple(x.shape)}")
        if not self.would_drop():
            return x
        require_floating(x)
        return masked(x, self._draw((1, *x.shape[1:]), x), self.keep)


class Zoneout(Dropping):
    r"""Lets some units of a recurrent state keep their old value for a step.

    .. math::
        h_t = m \odot \tilde{h}_t + (1 - m) \odot h_{t-1}, \qquad m \sim \mathrm{Bernoulli}(\mathrm{keep})

    In evaluation, the expectation: :math:`h_t = \mathrm{keep}\, \tilde{h}_t + \mathrm{drop}\, h_{t-1}`.

    Krueger et al. (2017), "Zoneout: regularizing RNNs by randomly preserving hidden activations". PyTorch has no such
    layer.

    Arguments:
        drop: Probability of dropping a unit's update, the paper's zoneout probability. At 0 the new state is returned
            and at 1 the old one; nothing is scaled.
        generator: What the masks are drawn from; None is PyTorch's global generator.

    Call it with the old and the new state, of one shape.

    >>> old, new = torch.zeros(2, 3), torch.ones(2, 3)
    >>> layer = Zoneout(0.25, generator=torch.Generator().manual_seed(0))
    >>> y = layer(old, new)
    >>> bool(((y == old) | (y == new)).all())
    True
    >>> layer.eval()(old, new).unique()
    tensor([0.7500])
    """

    def forward(self, old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        if old.shape != new.shape:
            raise ValueError(f"old and new state differ in shape: {tuple(old.shape)} and {tuple(new.shape)}")
        if self.drop == 0:
            return new
        if not self.training:
            return new * self.keep + old * self.drop
        return torch.where(self._draw(new.shape, new), new, old)


def _started(cell: nn.LSTMCell, x: torch.Tensor, state: State | None) -> State:
    """Check a sequence and the state that it starts from; without one, start from zeros."""
    if x.dim() != 3 or x.shape[2] != cell.input_size:
        raise ValueError(f"x has shape (time, examples, {cell.input_size} inputs), not {tuple(x.shape)}")
    if len(x) == 0:
        raise ValueError("a sequence has at least one time step")
    shape = (x.shape[1], cell.hidden_size)
    if state is None:
        return x.new_zeros(shape), x.new_zeros(shape)
    if any(part.shape != shape for part in state):
        raise ValueError(f"each part of the state has shape {shape}, not {[tuple(part.shape) for part in state]}")
    return state


class VariationalLSTM(nn.Module):
    r"""An LSTM that drops the same inputs and the same recurrent units at every time step of a sequence.

    .. math:: (h_t, c_t) = \mathrm{LSTM}\left(\frac{m_x \odot x_t}{\mathrm{keep}_x},
        \left(\frac{m_h \odot h_{t-1}}{\mathrm{keep}_h}, c_{t-1}\right)\right)

    with :math:`m_x, m_h` drawn once for each example. Gal and Ghahramani (2016); this is the form with tied masks, one
    for the four gates together. It is a loop over `torch.nn.LSTMCell`, and in evaluation computes what `torch.nn.LSTM`
    with the same weights does.

    Arguments:
        input_size: Features of a time step.
        hidden_size: Units.
        input_drop: Probability of dropping an input.
        state_drop: Probability of dropping a unit of the recurrent state, on its way back in (not on its way out).
        generator: What the masks are drawn from; None is PyTorch's global generator.
        device: Of the parameters.
        dtype: Of the parameters.

    Call it with x of shape (time, examples, input_size), and the state to start from if it is not zeros: two tensors of
    shape (examples, hidden_size). It returns all outputs, (time, examples, hidden_size), and the last state.

    >>> lstm = VariationalLSTM(3, 5, input_drop=0.25, state_drop=0.25, generator=torch.Generator().manual_seed(0))
    >>> y, (h, c) = lstm(torch.zeros(7, 2, 3))
    >>> y.shape, torch.equal(y[-1], h), c.shape
    (torch.Size([7, 2, 5]), True, torch.Size([2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        input_drop: float,
        state_drop: float,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size, device=device, dtype=dtype)
        self.inputs = SequenceDropout(input_drop, generator=generator)
        self.state = SequenceDropout(state_drop, generator=generator)

    def forward(self, x: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        h, c = _started(self.cell, x, state)
        # Dropout of ones is the mask with its scale; here it has to outlive a step.
        factor = self.state(torch.ones_like(h).unsqueeze(0)).squeeze(0)
        outputs = []
        for step in self.inputs(x):
            h, c = self.cell(step, (h * factor, c))
            outputs.append(h)
        return torch.stack(outputs), (h, c)


class ZoneoutLSTM(nn.Module):
    r"""An LSTM in which units now and then skip a step, in the cell state, the output state, or both.

    Krueger et al. (2017); both candidates are those of the plain cell, which is `torch.nn.LSTMCell`, and
    each state goes through `Zoneout`.

    .. math:: (\tilde{h}_t, \tilde{c}_t) = \mathrm{LSTM}(x_t, (h_{t-1}, c_{t-1})), \qquad
        h_t = \mathrm{zoneout}(h_{t-1}, \tilde{h}_t), \qquad c_t = \mathrm{zoneout}(c_{t-1}, \tilde{c}_t)

    Arguments:
        input_size: Features of a time step.
        hidden_size: Units.
        cell_drop: Probability of dropping the update of a cell.
        state_drop: Probability of dropping the update of an output.
        generator: What the masks are drawn from; None is PyTorch's global generator.
        device: Of the parameters.
        dtype: Of the parameters.

    Call it with x of shape (time, examples, input_size), and the state to start from if it is not zeros: two tensors of
    shape (examples, hidden_size). It returns all outputs, (time, examples, hidden_size), and the last state.

    >>> lstm = ZoneoutLSTM(3, 5, cell_drop=0.5, state_drop=0.05, generator=torch.Generator().manual_seed(0))
    >>> y, (h, c) = lstm(torch.zeros(7, 2, 3))
    >>> y.shape, torch.equal(y[-1], h), c.shape
    (torch.Size([7, 2, 5]), True, torch.Size([2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell_drop: float,
        state_drop: float,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size, device=device, dtype=dtype)
        self.cell_zoneout = Zoneout(cell_drop, generator=generator)
        self.state_zoneout = Zoneout(state_drop, generator=generator)

    def forward(self, x: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        h, c = _started(self.cell, x, state)
        outputs = []
        for step in x:
            new_h, new_c = self.cell(step, (h, c))
            h, c = self.state_zoneout(h, new_h), self.cell_zoneout(c, new_c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)
