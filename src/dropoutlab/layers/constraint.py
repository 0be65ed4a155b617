"""A bound on the length of weight vectors, dropout's usual companion."""

from __future__ import annotations

import torch

__all__ = ["project_max_norm_"]


@torch.no_grad()
def project_max_norm_(weight: torch.Tensor, limit: float) -> torch.Tensor:
    r"""Shorten, in place, the weight vector of every unit that is longer than a limit.

    .. math:: w \leftarrow w \cdot \min\left(1, \frac{\mathrm{limit}}{\lVert w \rVert_2}\right)

    Srivastava et al. (2014): after each update, for the weights that come in to a unit, with limits of 3
    to 4. This is what `torch.renorm` does along dimension 0; it is written out because that divides by the length plus
    1e-7, which leaves vectors too short or, in float32, a little too long. Here no length exceeds the limit, and
    projecting again changes nothing.

    Arguments:
        weight: (units, inputs), as `torch.nn.Linear` keeps it, or (channels out, channels in, height, width): one
            vector for each index of the first dimension. A parameter will do; no gradient is recorded.
        limit: The greatest length, above 0.

    Returns:
        The same tensor.

    >>> weight = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    >>> project_max_norm_(weight, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if not limit > 0:
        raise ValueError(f"limit is a length above 0, not {limit}")
    if weight.dim() < 2:
        raise ValueError(f"weight has shape (units, inputs, ...), not {tuple(weight.shape)}")
    if not weight.is_floating_point():
        raise TypeError(f"only floating point numbers can be rescaled, not {weight.dtype}")
    lengths = _lengths(weight)
    factor = torch.where(lengths > limit, limit / lengths, torch.ones_like(lengths))
    # Rounding can leave a vector a hair too long: take a hair off, then a thicker one, until it is not.
    hair = torch.finfo(weight.dtype).eps
    shortened = (weight.double() * factor).to(weight.dtype)
    while (long := _lengths(shortened) > limit).any():
        factor = torch.where(long, factor * (1 - hair), factor)
        hair = min(1.0, 2 * hair)
        shortened = (weight.double() * factor).to(weight.dtype)
    return weight.copy_(torch.where(lengths > limit, shortened, weight))


def _lengths(weight: torch.Tensor) -> torch.Tensor:
    """Return each unit's length, with its other dimensions kept as 1, in float64 where squares of float32 overflow."""
    return torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.dim())), keepdim=True, dtype=torch.float64)
