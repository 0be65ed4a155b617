"""Noise on single units: dropout, its Gaussian relative, and the one made for SELU networks."""

from __future__ import annotations

import torch

from dropoutlab.layers.base import Dropping, masked, require_floating

__all__ = ["AlphaDropout", "Dropout", "GaussianDropout"]


class Dropout(Dropping):
    r"""Drops each unit independently and scales the others up, so that the mean stays (inverted dropout).

    .. math:: y = \frac{m \odot x}{\mathrm{keep}}, \qquad m \sim \mathrm{Bernoulli}(\mathrm{keep})

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: a simple way to prevent neural
    networks from overfitting", section 10 for this form. The law is that of `torch.nn.Dropout`, which draws from the
    global generator and cannot be given another; for that reason alone the mask is drawn here.

    Arguments:
        drop: Probability of dropping a unit. 0 returns the very input, 1 returns zeros.
        generator: What the masks are drawn from; None is PyTorch's global generator.

    Call it with x of any shape; the result has the same shape, type and device.

    >>> layer = Dropout(0.5, generator=torch.Generator().manual_seed(0))
    >>> x = torch.ones(4, 3)
    >>> y = layer(x)
    >>> y.shape, bool(((y == 0) | (y == x / layer.keep)).all())
    (torch.Size([4, 3]), True)
    >>> layer.eval()(x) is x
    True
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.would_drop():
            return x
        require_floating(x)
        return masked(x, self._draw(x.shape, x), self.keep)


class GaussianDropout(Dropping):
    r"""Multiplies each unit by Gaussian noise of mean 1 and the variance that dropout's noise has.

    .. math:: y = x \odot \xi, \qquad \xi \sim \mathcal{N}\left(1, \frac{\mathrm{drop}}{\mathrm{keep}}\right)

    Srivastava et al. (2014), section 10. PyTorch has no such layer.

    Arguments:
        drop: The rate of the dropout whose variance is matched. At 1 the variance has no bound; like dropout at 1, the
            layer then returns zeros.
        generator: What the noise is drawn from; None is PyTorch's global generator.

    Call it with x of any shape; the result has the same shape, type and device.

    >>> layer = GaussianDropout(0.5, generator=torch.Generator().manual_seed(0))
    >>> layer.std
    1.0
    >>> x = torch.zeros(4, 3)
    >>> torch.equal(layer(x), x)  # multiplicative noise leaves zeros alone
    True
    """

    @property
    def std(self) -> float:
        """Standard deviation of the noise."""
        return (self.drop / self.keep) ** 0.5 if self.keep > 0 else float("inf")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.would_drop():
            return x
        require_floating(x)
        if self.keep == 0:
            return x.masked_fill(torch.ones((), dtype=torch.bool, device=x.device), 0)
        noise = torch.empty_like(x).normal_(1.0, self.std, generator=self.generator)
        return x * noise


_FLOOR = -1.0507009873554805 * 1.6732632423543772
"""The value that SELU takes far to the left of 0: minus its scale times its alpha."""


class AlphaDropout(Dropping):
    r"""Sets dropped units to SELU's lowest value, then shifts and scales, so that mean 0 and variance 1 stay.

    .. math::
        y = a \left(m \odot x + (1 - m) \alpha'\right) + b, \qquad
        a = \left(\mathrm{keep} (1 + \mathrm{drop}\, \alpha'^2)\right)^{-1/2}, \qquad
        b = -a\, \mathrm{drop}\, \alpha'

    with :math:`\alpha' \approx -1.758`. Klambauer, Unterthiner, Mayr and Hochreiter (2017), "Self-normalizing neural
    networks". The formula is that of `torch.nn.AlphaDropout`, which takes no generator.

    Arguments:
        drop: Probability of dropping a unit. 0 returns the very input, 1 returns zeros.
        generator: What the masks are drawn from; None is PyTorch's global generator.

    Call it with x of any shape; the result has the same shape, type and device.

    >>> layer = AlphaDropout(0.2, generator=torch.Generator().manual_seed(0))
    >>> y = layer(torch.zeros(50, 20))
    >>> y.shape, y.unique().numel()  # one value for all that was dropped, one for the rest
    (torch.Size([50, 20]), 2)
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.would_drop():
            return x
        require_floating(x)
        if self.keep == 0:
            return x.masked_fill(torch.ones((), dtype=torch.bool, device=x.device), 0)
        a = (self.keep * (1 + self.drop * _FLOOR**2)) ** -0.5
        return x.masked_fill(~self._draw(x.shape, x), _FLOOR) * a - a * self.drop * _FLOOR
