"""Predicting with a network that was trained with dropout: once without masks, or many times with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn

from dropoutlab.layers.modes import evaluating, sampling

__all__ = ["Prediction", "mc_predict", "weight_scaling_predict"]

Mean = Literal["arithmetic", "geometric"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Class probabilities, and how sure they are."""

    probabilities: torch.Tensor
    """(examples, classes), each row summing to 1."""
    entropy: torch.Tensor | None = None
    """(examples,) entropy of the probabilities, in nats: all the doubt there is. Of an arithmetic mean only."""
    mutual_information: torch.Tensor | None = None
    """(examples,) the part of the entropy that comes from masks disagreeing, in nats. Of an arithmetic mean only."""


@torch.no_grad()
def mc_predict(module: nn.Module, x: torch.Tensor, samples: int, mean: Mean = "arithmetic") -> Prediction:
    r"""Average predictions over masks (MC dropout).

    .. math:: \text{arithmetic: } \bar{q} = \frac{1}{S} \sum_s q_s, \qquad
        \text{geometric: } \mathrm{softmax}\left(\frac{1}{S} \sum_s \log q_s\right)

    Gal and Ghahramani (2016), "Dropout as a Bayesian approximation", for the arithmetic mean; Warde-Farley, Goodfellow,
    Courville and Bengio (2014), "An empirical analysis of dropout in piecewise linear networks", for the geometric. The
    entropy of the mean is the mean entropy of the samples plus the mutual information of class and mask (Houlsby,
    Huszar, Ghahramani and Lengyel 2011).

    Layers that drop do so as in training, with their own generators; all others are in evaluation mode.

    Arguments:
        module: Maps x to logits of shape (examples, classes).
        x: (examples, ...) what to predict for.
        samples: How many masks.
        mean: `"arithmetic"` or `"geometric"`.

    Raises:
        ValueError: when there is no layer that could drop.

    >>> from dropoutlab.layers import Dropout
    >>> net = nn.Sequential(Dropout(0.5, generator=torch.Generator().manual_seed(0)), nn.Linear(4, 3))
    >>> prediction = mc_predict(net, torch.ones(2, 4), samples=10)
    >>> prediction.probabilities.shape, bool((prediction.mutual_information <= prediction.entropy).all())
    (torch.Size([2, 3]), True)
    """
    if samples < 1:
        raise ValueError(f"samples is a whole number of at least 1, not {samples}")
    if mean not in get_args(Mean):
        raise ValueError(f"mean is 'arithmetic' or 'geometric', not {mean!r}")
    total, entropies = torch.zeros(()), torch.zeros(())
    with sampling(module):
        for sample in range(samples):
            log_q = _logits(module, x).log_softmax(dim=1)
            if sample == 0:
                total, entropies = torch.zeros_like(log_q), torch.zeros_like(log_q[:, 0])
            if mean == "arithmetic":
                total += log_q.exp()
                entropies += torch.special.entr(log_q.exp()).sum(dim=1)
            else:
                total += log_q
    if mean == "geometric":
        return Prediction((total / samples).softmax(dim=1))
    probabilities = total / samples
    entropy = torch.special.entr(probabilities).sum(dim=1)
    # Never negative, but for rounding.
    return Prediction(probabilities, entropy, (entropy - entropies / samples).clamp(min=0))


@torch.no_grad()
def weight_scaling_predict(module: nn.Module, x: torch.Tensor) -> Prediction:
    r"""Predict once, with nothing dropped: the evaluation pass.

    .. math:: \mathrm{softmax}\left(f_{\mathrm{E}\,m}(x)\right)

    Every mask is replaced by its mean, which with inverted dropout is 1; in the form of Srivastava et al. (2014), which
    has no scale in training, the outgoing weights are multiplied by keep instead, hence the name. For one linear layer
    it is the geometric mean over all masks; for deeper networks an approximation of it.

    Arguments:
        module: Maps x to logits of shape (examples, classes).
        x: (examples, ...) what to predict for.

    >>> from dropoutlab.layers import Dropout
    >>> net = nn.Sequential(Dropout(0.5), nn.Linear(4, 3))
    >>> weight_scaling_predict(net, torch.ones(2, 4)).probabilities.shape
    torch.Size([2, 3])
    """
    with evaluating(module):
        return Prediction(_logits(module, x).softmax(dim=1))


def _logits(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    logits = module(x)
    if logits.dim() != 2 or len(logits) != len(x):
        raise ValueError(
            f"the module must return logits of shape ({len(x)} examples, classes), not {tuple(logits.shape)}"
        )
    return logits
