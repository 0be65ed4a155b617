"""Train networks of any number and of unequal widths: dealt out to cohorts that fit into memory.

A cohort wants networks of one shape. Networks that differ a little are padded to the widest among them, which costs
arithmetic with zeros; networks that differ much go into cohorts of their own; and a cohort that would not fit is split.
None of this changes a result: a run is the same network whoever stands beside it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from dropoutlab.cohort import Cohort
from dropoutlab.evaluation import Probe
from dropoutlab.memory import available, cohort_need, told
from dropoutlab.optimizers import Optimizer
from dropoutlab.passes import Activation, Loss
from dropoutlab.training import EarlyStopping, History, train

__all__ = ["Group", "Network", "Sweep", "groups", "sweep"]


@dataclass(frozen=True)
class Network:
    """One network to be trained.

    Arguments:
        widths: Units a layer, input and output included.
        drops: A drop rate for the inputs and for each hidden layer.
        seed: Decides initial weights, masks and minibatches.
    """

    widths: tuple[int, ...]
    drops: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class Group:
    """Networks that were trained together: `cohort`'s run i is number `members[i]` of the sweep."""

    members: tuple[int, ...]
    cohort: Cohort


@dataclass(frozen=True)
class Sweep:
    """What became of the networks, in the order in which they were given."""

    history: History
    groups: list[Group]


def _flops(widths: Sequence[int]) -> int:
    """Multiplications of one example's way through a network; what is said of costs here is said in proportion."""
    return sum(rows * columns for rows, columns in zip(widths[:-1], widths[1:], strict=True))


def groups(
    widths: Sequence[Sequence[int]], *, each: Callable[[Sequence[int]], int], memory: int, waste: float = 1.25
) -> list[list[int]]:
    """Deal networks out to cohorts.

    Arguments:
        widths: Of each network.
        each: How many bytes a network takes that is padded to the widths it is called with.
        memory: How many bytes there are for one cohort.
        waste: How much more arithmetic padding may cost than the networks need: 1 allows none.

    Returns:
        Numbers of networks; the costliest cohort comes first, so that one which fails does so at once.

    Raises:
        MemoryError: when a single network does not fit.
    """
    together: list[list[int]] = []
    for index in sorted(range(len(widths)), key=lambda i: (-_flops(widths[i]), tuple(widths[i]), i)):
        if together and _joins(widths[index], [widths[i] for i in together[-1]], waste):
            together[-1].append(index)
        else:
            together.append([index])
    dealt = []
    for members in together:
        padded = _widest([widths[i] for i in members])
        fit = memory // each(padded)
        if fit < 1:
            raise MemoryError(f"a network {_shape(padded)} needs {told(each(padded))}, and there are {told(memory)}")
        # In equal parts: the last one would otherwise be left with the crumbs, which train no faster.
        parts = math.ceil(len(members) / fit)
        dealt += [sorted(members[len(members) * k // parts : len(members) * (k + 1) // parts]) for k in range(parts)]
    return dealt


def _joins(newcomer: Sequence[int], members: Sequence[Sequence[int]], waste: float) -> bool:
    """Whether a network may be padded to stand beside others."""
    if (len(newcomer), newcomer[0], newcomer[-1]) != (len(members[0]), members[0][0], members[0][-1]):
        return False
    whole = [*members, newcomer]
    return len(whole) * _flops(_widest(whole)) <= waste * sum(map(_flops, whole))


def _widest(widths: Sequence[Sequence[int]]) -> tuple[int, ...]:
    return tuple(map(max, zip(*widths, strict=True)))


def _shape(widths: Sequence[int]) -> str:
    return "-".join(map(str, widths))


def sweep(
    networks: Sequence[Network],
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    updates: int,
    batch: int,
    optimizer: Optimizer,
    measure: Mapping[str, Probe] | None = None,
    measure_at: Iterable[int] = (),
    stopping: EarlyStopping | None = None,
    checkpoints: Path | str | None = None,
    memory: int | None = None,
    waste: float = 1.25,
    activation: Activation = "relu",
    loss: Loss = "cross_entropy",
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    compile: bool | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = tqdm,
) -> Sweep:
    """Train every network; arguments that are not told here are those of `Cohort` and `train`.

    Arguments:
        networks: Of any widths; settings of `optimizer` that are sequences have one number for each.
        x: (examples, inputs) training data.
        y: (examples,) class numbers, or (examples, outputs) numbers.
        updates: Weight updates of each.
        batch: Examples a minibatch.
        optimizer: From `dropoutlab.optimizers`.
        measure: Data sets to measure on, by name.
        measure_at: After how many updates.
        stopping: Leaves each run as it was at its best.
        checkpoints: A folder, from which the same call goes on when it was interrupted.
        memory: Bytes for one cohort; None takes four fifths of what is free.
        waste: See `groups`.
        activation: Of the hidden layers.
        loss: What is made small.
        device: Where to compute.
        dtype: Of every number.
        compile: Whether to compile what can be.
        progress: Wraps the range of updates of each cohort.

    Raises:
        MemoryError: when a single network does not fit: the message shows the arithmetic.
        ValueError: as `Cohort` and `train` raise it.
    """
    if not networks:
        raise ValueError("there is no network to train")
    points = sorted(set(measure_at))

    def need(widths: Sequence[int]):
        return cohort_need(widths, 1, batch=batch, optimizer=optimizer, stopping=stopping is not None,
                           smooth=activation != "relu", dtype=dtype)  # fmt: skip

    budget = int(available(device) * 0.8) if memory is None else memory
    shapes = [network.widths for network in networks]
    try:
        dealt = groups(shapes, each=lambda widths: need(widths).bytes, memory=budget, waste=waste)
    except MemoryError as error:
        widest = max(shapes, key=lambda widths: need(widths).bytes)
        raise MemoryError(
            f"{error}: {need(widest)}. Take smaller minibatches, narrower layers or SGD, or more memory."
        ) from None
    trained, histories = [], []
    for members in dealt:
        cohort = _cohort([networks[i] for i in members], activation=activation, loss=loss, device=device, dtype=dtype)
        # Named by its members: with more or less memory free, the next call may deal them out in another way.
        name = None if checkpoints is None else Path(checkpoints) / f"{zlib.crc32(repr(members).encode()):08x}.pt"
        own = optimizer.of(members, among=len(networks))
        histories.append(
            train(cohort, x, y, updates=updates, batch=batch, optimizer=own, measure=measure,
                  measure_at=points, stopping=stopping, checkpoint=name, compile=compile, progress=progress)
        )  # fmt: skip
        trained.append(Group(tuple(members), cohort))
    return Sweep(_merged(histories, dealt, points, stopping is not None), trained)


def _cohort(networks: Sequence[Network], **options: Any) -> Cohort:
    padded = _widest([network.widths for network in networks])
    units: list[torch.Tensor | None] = []
    for layer, width in enumerate(padded[:-1]):
        own = torch.tensor([network.widths[layer] for network in networks])
        units.append(None if (own == width).all() else torch.arange(width) < own.unsqueeze(1))
    return Cohort(padded, [network.drops for network in networks], [network.seed for network in networks],
                  units=units, **options)  # fmt: skip


def _merged(
    histories: Sequence[History], dealt: Sequence[Sequence[int]], points: Sequence[int], stopped: bool
) -> History:
    """Put the columns of several histories side by side, in the order of the networks."""
    back = np.argsort(np.concatenate([np.array(members) for members in dealt]))

    def side_by_side(arrays: list[np.ndarray]) -> np.ndarray:
        # A cohort whose runs have all stopped early has fewer rows.
        rows = [np.pad(a, ((0, len(points) - len(a)), (0, 0)), constant_values=np.nan) for a in arrays]
        return np.concatenate(rows, axis=1)[:, back]

    def named(series: str) -> dict[str, np.ndarray]:
        return {
            name: side_by_side([getattr(history, series)[name] for history in histories])
            for name in getattr(histories[0], series)
        }

    best = np.concatenate([history.best for history in histories])[back] if stopped else None
    losses = side_by_side([history.training_loss for history in histories]) if points else histories[0].training_loss
    return History(np.array(points, dtype=np.int64), named("error"), named("loss"), losses, best)
