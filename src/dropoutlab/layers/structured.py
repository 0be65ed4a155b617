"""Dropout for feature maps, where neighbours say nearly the same: whole channels, or blocks of them."""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)

from dropoutlab.layers.base import Dropping, keep_mask, masked, require_floating

__all__ = ["ChannelDropout", "DropBlock"]


def _require_maps(x: torch.Tensor, layer: str) -> None:
    if x.dim() != 4:
        raise ValueError(f"{layer} expects maps of shape (examples, channels, height, width), not {tuple(x.shape)}")


class ChannelDropout(Dropping):
    r"""Drops whole channels of an example, and scales the others up.

    .. math:: y_{ncij} = \frac{m_{nc}\, x_{ncij}}{\mathrm{keep}}, \qquad m_{nc} \sim \mathrm{Bernoulli}(\mathrm{keep})

    Tompson, Goroshin, Jain, LeCun and Bregler (2015), "Efficient object localization using convolutional networks"
    (there: SpatialDropout). The law is that of `torch.nn.Dropout2d`, which takes no generator.

    Arguments:
        drop: Probability of dropping a channel. 0 returns the very input, 1 returns zeros.
        generator: What the masks are drawn from; None is PyTorch's global generator.

    Call it with x of shape (examples, channels, height, width); the result has the same.

    >>> layer = ChannelDropout(0.5, generator=torch.Generator().manual_seed(0))
    >>> y = layer(torch.ones(2, 8, 3, 3))
    >>> y.shape, torch.equal(y, y[:, :, :1, :1].expand_as(y))  # a channel is kept or dropped as one
    (torch.Size([2, 8, 3, 3]), True)
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _require_maps(x, "ChannelDropout")
        if not self.would_drop():
            return x
        require_floating(x)
        return masked(x, self._draw((*x.shape[:2], 1, 1), x), self.keep)


class DropBlock(Dropping):
    r"""Drops square blocks of every channel, and scales what is left by the share that is left.

    Upper left corners of blocks are drawn wherever a whole block fits, with probability

    .. math::
        \gamma = \frac{\mathrm{drop}}{\mathrm{block}^2} \cdot
        \frac{H W}{(H - \mathrm{block} + 1)(W - \mathrm{block} + 1)}

    and with :math:`m = 0` inside the blocks, :math:`y = m \odot x \cdot \mathrm{count}(m) / \mathrm{ones}(m)`.

    Ghiasi, Lin and Le (2018), "DropBlock: a regularization method for convolutional networks", with a
    mask for each channel. Blocks may overlap, which :math:`\gamma` leaves out of account: at high
    rates less than `drop` is lost. The share that is left is counted over the whole minibatch. A block of 1 is dropout;
    a block as large as the map is channel dropout. PyTorch has no such layer.

    Arguments:
        drop: Share of the units to be dropped, blocks' overlaps aside. 0 returns the very input, 1 returns zeros.
        block_size: Height and width of a block.
        generator: What the masks are drawn from; None is PyTorch's global generator.

    Call it with x of shape (examples, channels, height, width), both sides at least `block_size`; the result has the
    same.

    >>> layer = DropBlock(0.2, block_size=3, generator=torch.Generator().manual_seed(0))
    >>> y = layer(torch.ones(4, 2, 8, 8))
    >>> y.shape, round(y.mean().item(), 5)
    (torch.Size([4, 2, 8, 8]), 1.0)
    """

    def __init__(self, drop: float, block_size: int, *, generator: torch.Generator | None = None):
        super().__init__(drop, generator=generator)
        if not block_size >= 1 or block_size % 1:
            raise ValueError(f"block_size is a whole number of at least 1, not {block_size}")
        self.block_size = int(block_size)

    def extra_repr(self) -> str:
        return f"block_size={self.block_size}, {super().extra_repr()}"

    def gamma(self, height: int, width: int) -> float:
        """Return the probability that a block begins at a place where one fits.

        >>> DropBlock(0.1, block_size=1).gamma(5, 7)
        0.1
        """
        block = self.block_size
        if min(height, width) < block:
            raise ValueError(f"a block of {block} x {block} does not fit into a map of {height} x {width}")
        places = (height - block + 1) * (width - block + 1)
        return min(1.0, self.drop * (height * width) / (block**2 * places))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _require_maps(x, "DropBlock")
        gamma = self.gamma(x.shape[2], x.shape[3])  # also in evaluation: a map too small is found before training
        if not self.would_drop():
            return x
        require_floating(x)
        mask = self._mask(x, gamma)
        ones = mask.sum()
        # No block left a unit: masked_fill makes zeros, and the scale must not make NaN of them.
        return masked(x, mask, 1.0) * (mask.numel() / ones.clamp(min=1).double())

    def _mask(self, x: torch.Tensor, gamma: float) -> torch.Tensor:
        if self.keep == 0:
            return torch.zeros(x.shape, dtype=torch.bool, device=x.device)
        examples, channels, height, width = x.shape
        block = self.block_size
        places = (examples, channels, height - block + 1, width - block + 1)
        corners = ~keep_mask(places, 1 - gamma, device=x.device, generator=self.generator)
        # A unit lies in a block if a corner lies within the block up and left of it: a maximum over that window.
        padded = F.pad(corners.float(), (block - 1,) * 4)
        return F.max_pool2d(padded, block, stride=1) == 0
