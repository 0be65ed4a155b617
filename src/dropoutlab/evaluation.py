r"""What a cohort gets wrong: in evaluation, with units dropped as in training, or averaged over many masks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch.nn import functional

from dropoutlab.networks import Networks

__all__ = ["Mean", "Mode", "Probe", "Scores", "average", "evaluate"]

Mode = Literal["eval", "train", "mc"]
Mean = Literal["arithmetic", "geometric"]


@dataclass(frozen=True)
class Probe:
    """A data set to measure on, and how.

    Arguments:
        x: (examples, inputs).
        y: (examples,) class numbers, or (examples, outputs) numbers.
        mode: "eval" drops nothing. "train" drops as in training, with one mask an example: the mistake of a forgotten
            `eval()`. "mc" averages what `samples` masks an example predict (Monte Carlo dropout).
        samples: How many masks "mc" averages.
        mean: Of probabilities ("arithmetic"), or of their logarithms, normalised ("geometric").

    Raises:
        ValueError: when there is not one target for each example, or no such mode or mean.
    """

    x: torch.Tensor
    y: torch.Tensor
    mode: Mode = "eval"
    samples: int = 50
    mean: Mean = "arithmetic"

    def __post_init__(self):
        if len(self.x) != len(self.y):
            raise ValueError(f"there are {len(self.x)} examples but {len(self.y)} classes")
        if self.mode not in get_args(Mode) or self.mean not in get_args(Mean) or self.samples < 1:
            raise ValueError(
                f"a probe has a mode ({', '.join(get_args(Mode))}), a mean ({', '.join(get_args(Mean))}) and at least "
                f"one sample, not {self.mode!r}, {self.mean!r} and {self.samples}"
            )


@dataclass(frozen=True)
class Scores:
    """What each run got."""

    loss: torch.Tensor
    """(runs,), as the cohort's loss is defined: nats an example where it is a cross-entropy of classes."""
    error: torch.Tensor | None
    """(runs,) percent of the examples; None where nothing is classified."""


def evaluate(cohort: Networks, probe: Probe, *, chunk: int = 1000) -> Scores:
    """Measure every run on a data set.

    Arguments:
        cohort: The networks.
        probe: The data set.
        chunk: How many examples are evaluated at once; bounds the memory, not the result.
    """
    classes = cohort.loss == "cross_entropy"
    loss, wrong = (torch.zeros(cohort.runs, dtype=torch.float64, device=cohort.device) for _ in range(2))
    for start in range(0, len(probe.x), chunk):
        x = probe.x[start : start + chunk].to(cohort.device, cohort.dtype)
        y = probe.y[start : start + chunk].to(cohort.device, torch.int64 if classes else cohort.dtype)
        if probe.mode == "mc":
            outputs = average(cohort, x, samples=probe.samples, mean=probe.mean, first=start)
        else:
            outputs = cohort.predict(x, sample=0 if probe.mode == "train" else None, first=start)
        y = y.expand(cohort.runs, *y.shape)
        if classes:
            wrong += (outputs.argmax(dim=2) != y).sum(dim=1)
            loss -= outputs.log_softmax(dim=2).gather(2, y.unsqueeze(2)).sum(dim=(1, 2), dtype=torch.float64)
        elif cohort.loss == "squared_error":
            loss += (outputs - y).square().mean(dim=2).sum(dim=1, dtype=torch.float64)
        else:
            each = functional.binary_cross_entropy_with_logits(outputs, y, reduction="none")
            loss += each.mean(dim=2).sum(dim=1, dtype=torch.float64)
    return Scores(loss / len(probe.x), 100 * wrong / len(probe.x) if classes else None)


def average(
    cohort: Networks, x: torch.Tensor, *, samples: int, mean: Mean = "arithmetic", first: int = 0
) -> torch.Tensor:
    r"""Predict with many masks and average (Gal and Ghahramani 2016).

    The arithmetic mean of probabilities is :math:`\tfrac1k \sum_k P_k`; the geometric one is
    :math:`\prod_k P_k^{1/k}`, normalised. For `squared_error` the outputs themselves are averaged, either way.

    Arguments:
        cohort: The networks.
        x: (examples, inputs), the same for every run, or (runs, examples, inputs).
        samples: How many masks each example is given.
        mean: Which one.
        first: Number of the first example, when a data set is evaluated in parts.

    Returns:
        (runs, examples, outputs): log-probabilities of classes; for `binary_cross_entropy` logits of the mean
        probability; for `squared_error` mean outputs.
    """
    totals: list[torch.Tensor] = []
    for sample in range(samples):
        outputs = cohort.predict(x, sample=sample, first=first)
        if cohort.loss == "cross_entropy":
            parts = [outputs.log_softmax(dim=2)]
        elif cohort.loss == "binary_cross_entropy" and mean == "arithmetic":
            # Of a probability and of its complement: the logarithm of one alone cannot tell 1 from nearly 1.
            parts = [functional.logsigmoid(outputs), functional.logsigmoid(-outputs)]
        else:
            parts = [outputs]
        logarithms = cohort.loss != "squared_error" and mean == "arithmetic"
        add = torch.logaddexp if logarithms else torch.add
        totals = [add(total, part) for total, part in zip(totals, parts, strict=True)] if totals else parts
    if cohort.loss == "cross_entropy":
        return totals[0] - math.log(samples) if mean == "arithmetic" else (totals[0] / samples).log_softmax(dim=2)
    return totals[0] - totals[1] if len(totals) == 2 else totals[0] / samples
