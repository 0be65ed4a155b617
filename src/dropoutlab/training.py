"""Train a cohort, and measure it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from tqdm import tqdm

from dropoutlab.cohort import Cohort
from dropoutlab.masks import mixed

__all__ = ["Batches", "History", "error_percent", "train"]


_ORDER = 0x4F52
"""Sets the stream of shuffles apart from all that a seed decides besides."""


class Batches:
    """Minibatches for every run: each seed shuffles the examples anew each epoch, in an order of its own.

    Runs with equal seeds see equal minibatches, so networks that differ in drop rate alone can be compared in pairs.

    Arguments:
        seeds: (runs,) integers.
        examples: How many examples an epoch has.
        size: How many of them make a minibatch; what is left over at the end of an epoch is not used.

    Raises:
        ValueError: when one minibatch needs more examples than there are.
    """

    def __init__(self, seeds: Sequence[int], examples: int, size: int):
        if not 0 < size <= examples:
            raise ValueError(f"a minibatch of {size} cannot be drawn from {examples} examples")
        self.examples, self.size, self.per_epoch = examples, size, examples // size
        self._distinct = sorted(set(seeds))
        self._row = torch.tensor([self._distinct.index(seed) for seed in seeds])
        self._epoch, self._order = -1, torch.empty(0)

    def at(self, update: int) -> torch.Tensor:
        """Return the examples of one update as a (runs, size) tensor of indices."""
        epoch, place = divmod(update, self.per_epoch)
        if epoch != self._epoch:
            orders = [
                torch.randperm(self.examples, generator=torch.Generator().manual_seed(mixed(seed, _ORDER, epoch)))
                for seed in self._distinct
            ]
            self._epoch, self._order = epoch, torch.stack(orders)
        return self._order[self._row, place * self.size : (place + 1) * self.size]


@dataclass(frozen=True)
class History:
    """What was measured on the way: `updates[i]` weight updates gave `errors[name][i]`, (runs,) percent each."""

    updates: list[int]
    errors: dict[str, list[list[float]]]
    loss: list[list[float]]
    """Mean training loss of each run since the last measurement, in nats, with units dropped."""


def _check_pairs(x: torch.Tensor, y: torch.Tensor) -> None:
    if len(x) != len(y):
        raise ValueError(f"there are {len(x)} examples but {len(y)} classes")


def error_percent(cohort: Cohort, x: torch.Tensor, y: torch.Tensor, *, chunk: int = 1000) -> list[float]:
    """Classification error of each run in percent, in evaluation: nothing is dropped.

    Arguments:
        cohort: The networks.
        x: (examples, inputs).
        y: (examples,) class numbers.
        chunk: How many examples are evaluated at once; bounds the memory, not the result.
    """
    _check_pairs(x, y)
    wrong = torch.zeros(cohort.runs, dtype=torch.int64, device=cohort.device)
    for start in range(0, len(x), chunk):
        logits = cohort.predict(x[start : start + chunk].to(cohort.device, cohort.dtype))
        wrong += (logits.argmax(dim=2) != y[start : start + chunk].to(cohort.device)).sum(dim=1)
    return (100 * wrong.double() / len(x)).tolist()


def train(
    cohort: Cohort,
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    updates: int,
    batch: int,
    learning_rate: float,
    measure: dict[str, tuple[torch.Tensor, torch.Tensor]],
    measure_at: Sequence[int],
    progress: Callable[[Iterable[int]], Iterable[int]] = tqdm,
) -> History:
    """Train every run with Adam (Kingma and Ba 2015), at a learning rate that falls linearly.

    It starts at `learning_rate` and would reach 0 one update after the last.

    Arguments:
        cohort: The networks; their parameters change in place.
        x: (examples, inputs) training data.
        y: (examples,) class numbers.
        updates: Weight updates in all.
        batch: Examples a minibatch.
        learning_rate: At the first update.
        measure: Named data sets whose error is taken in evaluation, as {"test": (x, y)}.
        measure_at: After how many updates.
        progress: Wraps the range of updates; the default draws a bar with an estimate of the time left.

    Raises:
        ValueError: when examples and classes differ in number, or something is to be measured before the first or
            after the last update.
    """
    _check_pairs(x, y)
    if any(not 0 < at <= updates for at in measure_at):
        raise ValueError(f"measure_at must lie between 1 and {updates}, not {list(measure_at)}")
    x, y = x.to(cohort.device, cohort.dtype), y.to(cohort.device)
    batches = Batches(cohort.masks.seeds, len(x), batch)
    # Detached, so that the cohort's own tensors stay plain ones.
    parameters = cohort.parameters.detach().requires_grad_()
    parameters.grad = cohort.gradient
    optimizer = torch.optim.Adam([parameters], lr=learning_rate, fused=True)
    history = History([], {name: [] for name in measure}, [])
    loss, since = torch.zeros(cohort.runs, dtype=cohort.dtype, device=cohort.device), 0
    for update in progress(range(updates)):
        rows = batches.at(update).to(cohort.device)
        loss += cohort.backpropagate(x[rows], y[rows], update)
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - update / updates)
        optimizer.step()
        since += 1
        if update + 1 in measure_at:
            history.updates.append(update + 1)
            history.loss.append((loss / since).tolist())
            loss, since = torch.zeros_like(loss), 0
            for name, (inputs, classes) in measure.items():
                history.errors[name].append(error_percent(cohort, inputs, classes))
    return history
