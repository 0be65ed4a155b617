"""A drop rate that is learned."""

from __future__ import annotations

import math

import torch
from torch import nn

from dropoutlab.layers.base import Dropping, checked_drop

__all__ = ["ConcreteDropout"]


class ConcreteDropout(Dropping):
    r"""Dropout before a linear layer, at a rate that gradient descent chooses.

    The mask is relaxed, so that it has a gradient with respect to the rate:

    .. math:: y = f\left(\frac{x \odot (1 - z)}{\mathrm{keep}}\right), \qquad
        z = \sigma\left(\frac{\mathrm{logit}(\mathrm{drop}) + \mathrm{logit}(u)}{\mathrm{temperature}}\right), \qquad
        u \sim \mathrm{Uniform}(0, 1)

    Gal, Hron and Kendall (2017), "Concrete dropout". The rate would learn to be 0 if nothing spoke for noise: add
    `penalty` to the loss. PyTorch has no such layer.

    Arguments:
        layer: The linear layer :math:`f` whose inputs are dropped.
        drop: The rate to start from, inside (0, 1): at either end there is no gradient to leave it by.
        temperature: How soft the mask is. Near 0 it is Bernoulli's, and its gradient is noisy.
        generator: What the masks are drawn from; None is PyTorch's global generator.

    Call it with x of shape (..., inputs of the layer); the result is (..., units of the layer).

    >>> layer = ConcreteDropout(torch.nn.Linear(4, 2), drop=0.25, generator=torch.Generator().manual_seed(0))
    >>> y = layer(torch.ones(3, 4))
    >>> (y.mean() + layer.penalty(examples=100)).backward()
    >>> y.shape, layer.logit.grad is not None, round(layer.drop, 4)
    (torch.Size([3, 2]), True, 0.25)
    """

    def __init__(
        self,
        layer: nn.Linear,
        *,
        drop: float = 0.1,
        temperature: float = 0.1,
        generator: torch.Generator | None = None,
    ):
        nn.Module.__init__(self)  # the rate is a parameter here, not the setting that Dropping makes of it
        if not 0 < temperature < math.inf:
            raise ValueError(f"temperature is a positive number, not {temperature}")
        self.layer = layer
        self.temperature = temperature
        self.generator = generator
        self.logit = nn.Parameter(layer.weight.new_empty(()))
        """Parameter of shape (): the logit of the drop rate, which any real number is."""
        self.drop = drop

    @property
    def drop(self) -> float:
        """Probability of dropping, as learned so far."""
        return torch.sigmoid(self.logit.detach()).item()

    @drop.setter
    def drop(self, drop: float) -> None:
        drop = checked_drop(drop)
        if drop in (0.0, 1.0):
            raise ValueError(f"a rate that is to be learned starts inside (0, 1), not at {drop:g}")
        with torch.no_grad():
            self.logit.fill_(math.log(drop) - math.log1p(-drop))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() == 0 or x.shape[-1] != self.layer.in_features:
            raise ValueError(f"x has shape (..., {self.layer.in_features} inputs), not {tuple(x.shape)}")
        if not self.training:
            return self.layer(x)
        u = torch.empty_like(x).uniform_(generator=self.generator)
        u_logit = torch.logit(u, eps=torch.finfo(x.dtype).eps)
        # 1 - sigmoid(a) is sigmoid(-a), and 1 / keep is 1 + exp(logit): exact where keep is nearly 0.
        stays = torch.sigmoid(-(self.logit + u_logit) / self.temperature)
        return self.layer(x * stays * (1 + self.logit.exp()))

    def penalty(self, *, examples: int, length_scale: float = 1e-2) -> torch.Tensor:
        r"""Return what to add to a loss that is a mean over examples of the negative log-likelihood, in nats.

        .. math::
            \frac{1}{N}
            \left(\frac{\ell^2}{2} \frac{\lVert W \rVert^2}{\mathrm{keep}} - K\, \mathrm{H}(\mathrm{drop})\right)

        for :math:`K` inputs and the entropy :math:`\mathrm{H}` of a Bernoulli variable, in nats. The paper's :math:`M`
        is :math:`W / \mathrm{keep}`, because the scale here is in the inputs. The first term holds weights small, and
        more so at high rates; the second rewards rates near one half, the less the more examples there are.

        Arguments:
            examples: Size :math:`N` of the training set.
            length_scale: The prior's :math:`\ell`; weights are decayed by its square.

        Returns:
            A tensor of shape (), which may be negative.
        """
        if examples < 1:
            raise ValueError(f"a training set has at least one example, not {examples}")
        # log drop and log keep from the logit, so that no rate is rounded to 0 or 1 under the logarithm.
        log_drop, log_keep = nn.functional.logsigmoid(self.logit), nn.functional.logsigmoid(-self.logit)
        entropy = -(log_drop.exp() * log_drop + log_keep.exp() * log_keep)
        weights = length_scale**2 / 2 * self.layer.weight.square().sum() * (1 + self.logit.exp())
        return (weights - self.layer.in_features * entropy) / examples
