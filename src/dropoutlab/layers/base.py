"""What every layer that drops has in common: a checked rate, a generator of its own, and a mode that can be seen."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["Dropping", "checked_drop", "keep_mask", "masked", "require_floating"]


def checked_drop(drop: float) -> float:
    """Return a drop rate as a float, or refuse it by name.

    >>> checked_drop(1)
    1.0
    >>> checked_drop(50)
    Traceback (most recent call last):
    ValueError: drop is a probability between 0 and 1, not 50
    """
    if not 0.0 <= drop <= 1.0:  # written so that NaN is refused too
        raise ValueError(f"drop is a probability between 0 and 1, not {drop}")
    return float(drop)


def keep_mask(
    shape: Sequence[int],
    keep: float,
    *,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Draw a boolean mask: True, with probability `keep`, where a unit stays.

    Arguments:
        shape: The mask's shape.
        keep: Probability of True.
        device: Where the mask is made; a generator has to live there too.
        generator: What to draw from; None is PyTorch's global generator.

    >>> keep_mask((2, 3), keep=1.0).all()
    tensor(True)
    """
    device = torch.device(device)
    if generator is not None and generator.device.type != device.type:
        raise ValueError(
            f"the generator draws on {generator.device.type} and the mask is needed on {device.type}: "
            f"make it with torch.Generator(device={device.type!r})"
        )
    # Booleans, so that one seed gives one mask whatever the precision of the units.
    return torch.empty(tuple(shape), dtype=torch.bool, device=device).bernoulli_(keep, generator=generator)


def masked(x: torch.Tensor, mask: torch.Tensor, keep: float) -> torch.Tensor:
    """Return 0 where the mask is False and x / keep where it is True, exactly, even where x is infinite.

    >>> masked(torch.tensor([1.0, float("inf")]), torch.tensor([True, False]), keep=0.5)
    tensor([2., 0.])
    """
    kept = x.masked_fill(~mask, 0)
    return kept / keep if keep > 0 else kept  # keep = 0 leaves nothing to scale


def require_floating(x: torch.Tensor) -> None:
    """Refuse integers, which cannot hold x / keep."""
    if not x.is_floating_point():
        raise TypeError(f"only floating point numbers can be rescaled, not {x.dtype}; pass x.float()")


class Dropping(nn.Module):
    """A layer that drops in training mode, and says so.

    `drop` may be changed between updates (rates are often scheduled); it is checked whenever it is set. A subclass
    writes `forward`, and begins it by asking `would_drop()`.

    Arguments:
        drop: Probability of dropping, in [0, 1].
        args: For the next class in line, when a subclass is a layer with weights too.
        generator: What the masks are drawn from; None is PyTorch's global generator. It is used where it stands, not
            copied, and no part of the `state_dict`.
        kwargs: As `args`.

    >>> layer = Dropping(0.25)
    >>> layer
    Dropping(drop=0.25, dropping)
    >>> layer.eval()
    Dropping(drop=0.25, evaluating)
    >>> layer.keep
    0.75
    """

    generator: torch.Generator | None

    def __init__(self, drop: float, *args, generator: torch.Generator | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.drop = drop
        self.generator = generator

    @property
    def drop(self) -> float:
        """Probability of dropping."""
        return self._drop

    @drop.setter
    def drop(self, drop: float) -> None:
        self._drop = checked_drop(drop)

    @property
    def keep(self) -> float:
        """Probability of keeping: 1 - drop."""
        return 1.0 - self.drop

    def would_drop(self) -> bool:
        """Tell whether a call would drop now: in training mode, at a rate above 0."""
        return self.training and self.drop > 0

    def extra_repr(self) -> str:
        return f"drop={self.drop:g}, {'dropping' if self.would_drop() else 'evaluating'}"

    def _draw(self, shape: Sequence[int], x: torch.Tensor) -> torch.Tensor:
        return keep_mask(shape, self.keep, device=x.device, generator=self.generator)
