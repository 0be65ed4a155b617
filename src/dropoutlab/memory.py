"""How much memory a cohort takes, before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from dropoutlab.optimizers import Adam, Optimizer

__all__ = ["Need", "available", "cohort_need"]


@dataclass(frozen=True)
class Need:
    """Memory of a cohort in training; `str` shows the arithmetic.

    Attributes:
        runs: How many networks.
        parameters: Of one network.
        copies: How often each of them is there: itself, its gradient, what the optimiser keeps, the best so far.
        passing: Numbers that one network holds while a minibatch, or a part of a data set, passes through it.
        item: Bytes a number.
    """

    runs: int
    parameters: int
    copies: int
    passing: int
    item: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.runs * self.each

    @property
    def each(self) -> int:
        """Of one run."""
        return (self.parameters * self.copies + self.passing) * self.item

    def __str__(self) -> str:
        one = f"{self.parameters:,} parameters × {self.copies} copies + {self.passing:,} activations"
        return f"{self.runs} {'run' if self.runs == 1 else 'runs'} × ({one}) × {self.item} bytes = {told(self.bytes)}"


def told(count: float) -> str:
    """Write a number of bytes as people read it.

    >>> told(1_536_000_000), told(20_000)
    ('1.54 GB', '0.02 MB')
    """
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def cohort_need(
    widths: Sequence[int],
    runs: int,
    *,
    batch: int,
    optimizer: Optimizer,
    stopping: bool = False,
    smooth: bool = False,
    chunk: int = 1000,
    dtype: torch.dtype = torch.float32,
) -> Need:
    """Predict what `Cohort(widths, …)` needs in `train`, besides the data set.

    Arguments:
        widths: Units a layer.
        runs: How many networks.
        batch: Examples a minibatch.
        optimizer: Adam keeps two numbers a parameter, gradient descent one.
        stopping: Whether the best parameters are kept.
        smooth: Whether hidden layers are anything but ReLU; they keep their slopes.
        chunk: Examples that are evaluated at once.
        dtype: Of every number.
    """
    parameters = sum((rows + 1) * columns for rows, columns in zip(widths[:-1], widths[1:], strict=True))
    copies = 2 + (2 if isinstance(optimizer, Adam) else 1) + (1 if stopping else 0)
    hidden, widest = sum(widths[1:-1]), max(widths)
    # A minibatch of inputs and one with units dropped, activations and slopes, outputs and their gradient, the gradient
    # between two layers, and the random words of one layer.
    training = batch * (2 * widths[0] + hidden * (2 if smooth else 1) + 3 * widths[-1] + 2 * widest)
    # In evaluation, two neighbouring layers; the inputs are the same for every run.
    evaluating = chunk * max(rows + columns for rows, columns in zip([0, *widths[1:-1]], widths[1:], strict=True))
    return Need(runs, parameters, copies, training + evaluating, torch.finfo(dtype).bits // 8)


def available(device: torch.device | str = "cpu") -> int:
    """Return the bytes that are free: of a GPU, or of the machine and the limit that this process is held to."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(psutil.virtual_memory().available, _left_by_limit())


def _left_by_limit() -> int:
    """Return what a Linux control group leaves, as a container has one; without a limit, more than any machine has."""
    group = Path("/sys/fs/cgroup")
    try:
        return int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return 1 << 62
