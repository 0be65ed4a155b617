"""Train a cohort, and measure it on the way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tqdm import tqdm

from dropoutlab import checkpoints
from dropoutlab.evaluation import Probe, evaluate
from dropoutlab.masks import mixed
from dropoutlab.networks import Networks
from dropoutlab.optimizers import Optimizer, Steps

__all__ = ["Batches", "EarlyStopping", "History", "train"]


_ORDER = 0x4F52
"""Sets the stream of shuffles apart from all that a seed decides besides."""


class Batches:
    """Minibatches for every run: each seed shuffles the examples anew each epoch, in an order of its own.

    Runs with equal seeds see equal minibatches, so networks that differ in drop rate alone can be compared in pairs.

    Arguments:
        seeds: (runs,) integers.
        examples: How many examples an epoch has.
        size: How many of them make a minibatch; what is left over at the end of an epoch is not used.
        device: Where the indices are needed.

    Raises:
        ValueError: when one minibatch needs more examples than there are.
    """

    def __init__(self, seeds: Sequence[int], examples: int, size: int, *, device: torch.device | str = "cpu"):
        if not 0 < size <= examples:
            raise ValueError(f"a minibatch of {size} cannot be drawn from {examples} examples")
        self.examples, self.size, self.per_epoch = examples, size, examples // size
        self._distinct, self._device = sorted(set(seeds)), torch.device(device)
        self._row = torch.tensor([self._distinct.index(seed) for seed in seeds], device=device)
        self._epoch, self._order = -1, torch.empty(0)

    def at(self, update: int) -> torch.Tensor:
        """Return the examples of one update as a (runs, size) tensor of indices."""
        epoch, place = divmod(update, self.per_epoch)
        if epoch != self._epoch:
            orders = [
                torch.randperm(self.examples, generator=torch.Generator().manual_seed(mixed(seed, _ORDER, epoch)))
                for seed in self._distinct
            ]
            self._epoch, self._order = epoch, torch.stack(orders).to(self._device)
        return self._order[self._row, place * self.size : (place + 1) * self.size]


@dataclass(frozen=True)
class EarlyStopping:
    """Give each run the parameters back with which it did best on a data set.

    Arguments:
        probe: Name of the data set, one of those that are measured. Take validation data: what is chosen on test data
            is not tested.
        by: "error" or "loss"; the lower the better, and of equals the first.
        patience: A run is done when so many measurements in a row brought nothing better; None trains to the end.
    """

    probe: str
    by: Literal["error", "loss"] = "error"
    patience: int | None = None

    def __post_init__(self):
        if self.by not in ("error", "loss") or (self.patience is not None and self.patience < 1):
            raise ValueError(
                f'early stopping is by "error" or "loss", with a patience of 1 or more, not by {self.by!r} with '
                f"{self.patience}"
            )


@dataclass(frozen=True)
class History:
    """What was measured on the way: row i was taken after `updates[i]` weight updates, column j is run j."""

    updates: np.ndarray
    """(points,) integers."""
    error: dict[str, np.ndarray]
    """By data set, (points, runs) percent; empty where nothing is classified. NaN once a run has stopped early."""
    loss: dict[str, np.ndarray]
    """By data set, (points, runs), as the cohort's loss is defined. NaN once a run has stopped early."""
    training_loss: np.ndarray
    """(points, runs): mean over the minibatches since the measurement before, with units dropped."""
    best: np.ndarray | None = None
    """(runs,): after how many updates each run was at its best, and left; None without early stopping."""


@dataclass
class _Measured:
    """A history being written: whatever has to survive a kill is in here."""

    updates: list[int] = field(default_factory=list)
    error: dict[str, list[list[float]]] = field(default_factory=dict)
    loss: dict[str, list[list[float]]] = field(default_factory=dict)
    training_loss: list[list[float]] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    lowest: list[float] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)

    def history(self, stopping: EarlyStopping | None) -> History:
        return History(
            np.array(self.updates, dtype=np.int64),
            {name: np.array(rows) for name, rows in self.error.items()},
            {name: np.array(rows) for name, rows in self.loss.items()},
            np.array(self.training_loss),
            np.array(self.best) if stopping else None,
        )


def train(
    cohort: Networks,
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    updates: int,
    batch: int,
    optimizer: Optimizer,
    measure: Mapping[str, Probe] | None = None,
    measure_at: Iterable[int] = (),
    stopping: EarlyStopping | None = None,
    checkpoint: Path | str | None = None,
    compile: bool | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = tqdm,
) -> History:
    """Train every run; the cohort's parameters change in place.

    Arguments:
        cohort: The networks.
        x: (examples, inputs) training data.
        y: (examples,) class numbers, or (examples, outputs) numbers.
        updates: Weight updates in all.
        batch: Examples a minibatch.
        optimizer: From `dropoutlab.optimizers`; its settings may differ from run to run.
        measure: Data sets to measure on, by name.
        measure_at: After how many updates.
        stopping: Leaves each run as it was at its best; None leaves it as it is in the end.
        checkpoint: A file that is written about every half minute, and from which the same call goes on, to the same
            result to the last bit, when it was interrupted. Finished work is not done again. None takes a file in the
            folder that the environment variable `DROPOUTLAB_CHECKPOINTS` names, if there is one.
        compile: Whether to compile what can be (see `dropoutlab.passes`); None decides by how much there is to do.
            The result does not depend on it.
        progress: Wraps the range of updates; the default draws a bar with an estimate of the time left.

    Raises:
        ValueError: when examples and targets differ in number, or something is to be measured before the first or
            after the last update, or a data set to stop by is not measured.
        CheckpointError: when the checkpoint is damaged, or of another training.
    """
    measure, points = dict(measure or {}), sorted(set(measure_at))
    if len(x) != len(y):
        raise ValueError(f"there are {len(x)} examples but {len(y)} classes")
    if any(not 0 < at <= updates for at in points):
        raise ValueError(f"measure_at must lie between 1 and {updates}, not {points}")
    if stopping and (stopping.probe not in measure or not points):
        raise ValueError(f"early stopping looks at {stopping.probe!r}, which is measured at no time")
    if stopping and stopping.by == "error" and cohort.loss != "cross_entropy":
        raise ValueError('early stopping by "error" needs classes; this cohort has by="loss"')
    training = _Training(cohort, x, y, batch, optimizer, measure, stopping)
    first, path, what = 0, None, None
    if checkpoint is not None or os.environ.get(checkpoints.FOLDER_VARIABLE):
        what = training.described(updates, points)
        path = Path(checkpoint) if checkpoint is not None else checkpoints.named(what)
        first = training.go_on(checkpoints.load(path, what, cohort.device))
    if compile or (compile is None and _compiling_pays(cohort, batch * (updates - first))):
        cohort.compile()
    due = time.monotonic() + _SAVE_EVERY
    for update in progress(range(first, updates)):
        training.advance(update)
        done, over = update + 1, update + 1 == updates
        if done in points:
            training.measure(done)
            over = over or training.all_stopped()
        if path and what and (over or time.monotonic() > due):
            began = time.monotonic()
            checkpoints.save(path, what, training.state(updates if over else done))
            # Large ones are written less often: no more than a thirtieth of the time goes into saving.
            due = time.monotonic() + _SAVE_EVERY * max(1.0, time.monotonic() - began)
        if over and done < updates:
            break
    return training.finished()


_SAVE_EVERY = 30.0
"""Seconds between checkpoints, of those that take no more than a second to write."""


def _compiling_pays(cohort: Networks, examples: int) -> bool:
    """Estimate whether compiled passes save more time than making them takes, half a minute on a new machine.

    They save about 3 ns for each unit and example on two CPU cores, and on a GPU perhaps a hundredth of that.
    """
    return cohort.droppable() * examples > (2e10 if cohort.device.type == "cpu" else 2e12)


class _Training:
    """A cohort, its data and its optimiser, between two updates."""

    def __init__(
        self,
        cohort: Networks,
        x: torch.Tensor,
        y: torch.Tensor,
        batch: int,
        optimizer: Optimizer,
        probes: Mapping[str, Probe],
        stopping: EarlyStopping | None,
    ):
        self.cohort, self.probes, self.stopping = cohort, probes, stopping
        self.x = x.to(cohort.device, cohort.dtype)
        self.y = y.to(cohort.device, torch.int64 if cohort.loss == "cross_entropy" else cohort.dtype)
        self.batches = Batches(cohort.masks.seeds, len(x), batch, device=cohort.device)
        self.steps: Steps = optimizer.start(cohort)
        self.loss, self.since = torch.zeros(cohort.runs, dtype=cohort.dtype, device=cohort.device), 0
        classes = cohort.loss == "cross_entropy"
        self.measured = _Measured(error={name: [] for name in probes if classes}, loss={name: [] for name in probes})
        self.best: list[torch.Tensor] = []
        if stopping:
            self.best = [each.clone() for each in cohort.parameters]
            self.measured.best, self.measured.waited = [0] * cohort.runs, [0] * cohort.runs
            self.measured.lowest = [float("inf")] * cohort.runs

    def advance(self, update: int) -> None:
        rows = self.batches.at(update)
        x = self.x.index_select(0, rows.flatten()).view(*rows.shape, self.x.shape[1])
        self.loss += self.cohort.backpropagate(x, self.y[rows], update)
        self.steps.step(update)
        self.since += 1

    def measure(self, updates: int) -> None:
        measured, stopped = self.measured, self._stopped()
        measured.updates.append(updates)
        measured.training_loss.append((self.loss / self.since).tolist())
        self.loss, self.since = torch.zeros_like(self.loss), 0
        for name, probe in self.probes.items():
            scores = evaluate(self.cohort, probe)
            for series, values in ((measured.error, scores.error), (measured.loss, scores.loss)):
                if values is not None:
                    told = values.tolist()
                    series[name].append([float("nan") if gone else v for v, gone in zip(told, stopped, strict=True)])
        if self.stopping:
            series = measured.error if self.stopping.by == "error" else measured.loss
            for run, value in enumerate(series[self.stopping.probe][-1]):
                if value < measured.lowest[run]:
                    measured.lowest[run], measured.best[run], measured.waited[run] = value, updates, 0
                    for best, now in zip(self.best, self.cohort.parameters, strict=True):
                        best[run] = now[run]
                elif not stopped[run]:
                    measured.waited[run] += 1

    def _stopped(self) -> list[bool]:
        if not self.stopping or self.stopping.patience is None:
            return [False] * self.cohort.runs
        return [waited >= self.stopping.patience for waited in self.measured.waited]

    def all_stopped(self) -> bool:
        return all(self._stopped())

    @torch.no_grad()
    def finished(self) -> History:
        if self.stopping:
            for now, best in zip(self.cohort.parameters, self.best, strict=True):
                now.copy_(best)
        return self.measured.history(self.stopping)

    def described(self, updates: int, points: Sequence[int]) -> str:
        """Tell this training from others: all that decides its result."""
        probes = {
            name: (probe.mode, probe.samples, probe.mean, checkpoints.digest(probe.x, probe.y))
            for name, probe in self.probes.items()
        }
        digests = [checkpoints.digest(*self.cohort.parameters), checkpoints.digest(self.x, self.y)]
        settings = (self.steps.optimizer, self.batches.size, self.stopping, probes, updates, points)
        return repr((self.cohort.described(), *settings, *digests))

    def state(self, update: int) -> dict[str, Any]:
        return {
            "update": update,
            "parameters": list(self.cohort.parameters),
            "best": self.best,
            "optimizer": self.steps.state,
            "loss": self.loss,
            "since": self.since,
            "measured": vars(self.measured),
        }

    @torch.no_grad()
    def go_on(self, state: dict[str, Any] | None) -> int:
        """Take up a state that was saved, if there is one, and return the update that comes next."""
        if state is None:
            return 0
        for ours, theirs in zip(
            [*self.cohort.parameters, *self.best], [*state["parameters"], *state["best"]], strict=True
        ):
            ours.copy_(theirs)
        self.steps.load(state["optimizer"])
        self.loss, self.since, self.measured = state["loss"], state["since"], _Measured(**state["measured"])
        return state["update"]
