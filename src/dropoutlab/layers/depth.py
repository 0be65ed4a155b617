"""Dropping whole residual branches."""

from __future__ import annotations

import torch
from torch import nn

from dropoutlab.layers.base import Dropping, checked_drop, masked, require_floating

__all__ = ["StochasticDepth", "depth_drops"]


def depth_drops(blocks: int, last: float) -> list[float]:
    r"""Return drop rates that grow linearly with depth: :math:`\mathrm{drop}_l = \frac{l}{L} \mathrm{drop}_L`.

    Huang et al. (2016), the linear rule. Early blocks make what all later ones need, and are dropped less often.

    Arguments:
        blocks: How many residual blocks there are.
        last: Drop rate of the last one.

    >>> depth_drops(4, last=0.5)
    [0.125, 0.25, 0.375, 0.5]
    """
    if blocks < 1:
        raise ValueError(f"a network has at least one block, not {blocks}")
    last = checked_drop(last)
    return [last * block / blocks for block in range(1, blocks)] + [last]


class StochasticDepth(Dropping):
    r"""A residual block whose branch is dropped for some examples, and scaled up for the others.

    .. math:: y_n = x_n + \frac{m_n}{\mathrm{keep}} f(x_n), \qquad m_n \sim \mathrm{Bernoulli}(\mathrm{keep})

    Huang, Sun, Liu, Sedra and Weinberger (2016), "Deep networks with stochastic depth". There one draw serves the whole
    minibatch (which saves the branch's time) and the branch is scaled down in the test pass; here each example has its
    own draw and the scale is in training, the form that later residual networks and transformers use. PyTorch has no
    such layer (torchvision has).

    Arguments:
        branch: The module :math:`f`; what it returns has the shape of what it is given.
        drop: Probability of dropping the branch for an example. 0 leaves `x + branch(x)`, 1 returns x.
        generator: What the masks are drawn from; None is PyTorch's global generator.

    Call it with x of shape (examples, ...); the result has the same.

    >>> block = StochasticDepth(torch.nn.Linear(3, 3), drop=0.5, generator=torch.Generator().manual_seed(0))
    >>> block(torch.ones(4, 3)).shape
    torch.Size([4, 3])
    """

    def __init__(self, branch: nn.Module, drop: float, *, generator: torch.Generator | None = None):
        super().__init__(drop, generator=generator)
        self.branch = branch

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() == 0:
            raise ValueError("x has shape (examples, ...): a single number has no examples")
        residual = self.branch(x)
        if residual.shape != x.shape:
            raise ValueError(f"the branch made {tuple(residual.shape)} of {tuple(x.shape)}: they cannot be added")
        if not self.would_drop():
            return x + residual
        require_floating(residual)
        mask = self._draw((len(x),) + (1,) * (x.dim() - 1), x)
        return x + masked(residual, mask, self.keep)
