"""Dropping connections instead of units."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)

from dropoutlab.layers.base import Dropping, masked

__all__ = ["DropConnect"]

Per = Literal["batch", "example"]


class DropConnect(Dropping, nn.Linear):
    r"""A linear layer that drops single weights, biases among them, and scales the others up.

    .. math::
        y_n = \frac{(M_n \odot W) x_n + m_n \odot b}{\mathrm{keep}}, \qquad
        M, m \sim \mathrm{Bernoulli}(\mathrm{keep})

    Wan, Zeiler, Zhang, LeCun and Fergus (2013), "Regularization of neural networks using DropConnect". There each
    example has a mask of its own, weights are not scaled, and the test pass draws from the Gaussian with the moments of
    the masked sum; here weights are scaled in training, evaluation uses their mean, and `moments` has the Gaussian's.
    It is `torch.nn.Linear` with masks: evaluation is its forward pass, and their `state_dict` are interchangeable.

    Arguments:
        in_features: Inputs.
        out_features: Units.
        drop: Probability of dropping a weight. At 1 the outputs are zeros.
        bias: Whether there is a bias (it is dropped like a weight).
        per: `"example"`, a mask for each row of x, as in the paper, which takes memory for as many weight matrices; or
            `"batch"`, one for all of them.
        generator: What the masks are drawn from; None is PyTorch's global generator.
        device: Of the parameters, as in `torch.nn.Linear`.
        dtype: Of the parameters, as in `torch.nn.Linear`.

    Call it with x of shape (..., in_features); the result is (..., out_features).

    >>> layer = DropConnect(5, 2, drop=0.5, per="example", generator=torch.Generator().manual_seed(0))
    >>> layer(torch.ones(3, 5)).shape
    torch.Size([3, 2])
    >>> plain = torch.nn.Linear(5, 2)
    >>> plain.load_state_dict(layer.state_dict())
    <All keys matched successfully>
    >>> x = torch.ones(3, 5)
    >>> torch.equal(layer.eval()(x), plain(x))
    True
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        drop: float,
        *,
        bias: bool = True,
        per: Per = "example",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        if per not in get_args(Per):
            raise ValueError(f"per is 'batch' or 'example', not {per!r}")
        super().__init__(drop, in_features, out_features, bias, device, dtype, generator=generator)
        self.per = per

    def extra_repr(self) -> str:
        return f"{nn.Linear.extra_repr(self)}, per={self.per!r}, {Dropping.extra_repr(self)}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self._require_inputs(x)
        if not self.would_drop():
            return F.linear(x, self.weight, self.bias)
        if self.per == "batch":
            return F.linear(x, self._dropped(self.weight), None if self.bias is None else self._dropped(self.bias))
        rows = x.reshape(-1, self.in_features)
        weights = self._dropped(self.weight.expand(len(rows), -1, -1))
        y = torch.einsum("noi,ni->no", weights, rows)
        if self.bias is not None:
            y = y + self._dropped(self.bias.expand(len(rows), -1))
        return y.reshape(*x.shape[:-1], self.out_features)

    def moments(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        r"""Return mean and variance, over masks, of what training mode computes.

        .. math:: \mathrm{E}\,y = W x + b, \qquad \mathrm{Var}\,y = \frac{\mathrm{drop}}{\mathrm{keep}} (W^2 x^2 + b^2)

        At drop 1 both are zero: there is nothing left to vary.

        >>> mean, variance = DropConnect(5, 2, drop=0.0).moments(torch.ones(3, 5))
        >>> mean.shape, variance.abs().max().item()
        (torch.Size([3, 2]), 0.0)
        """
        self._require_inputs(x)
        mean = F.linear(x, self.weight, self.bias)
        if self.keep == 0:
            return torch.zeros_like(mean), torch.zeros_like(mean)
        squares = F.linear(x**2, self.weight**2, None if self.bias is None else self.bias**2)
        return mean, squares * (self.drop / self.keep)

    def _dropped(self, weight: torch.Tensor) -> torch.Tensor:
        return masked(weight, self._draw(weight.shape, weight), self.keep)

    def _require_inputs(self, x: torch.Tensor) -> None:
        if x.dim() == 0 or x.shape[-1] != self.in_features:
            raise ValueError(f"x has shape (..., {self.in_features} inputs), not {tuple(x.shape)}")
