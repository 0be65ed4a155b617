"""Split a snippet's own work: `pmap(function, items)` is the same call on a laptop and on a cluster.

    from asrun.parallel import pmap

    def train(seed): ...

    def run(*, seeds):
        return {"error": np.array(pmap(train, range(seeds)))}

On one machine items are computed in as many processes as there are cores. In a run that `asrun run … --on` sent to a
Ray cluster, they are Ray tasks. Function, items and results travel between processes, so they must be what pickle can
carry: the function is one of a module's own, not a lambda. A process computes several items, one after the other, and
nobody promises which: whatever is random must follow from the item.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from asrun.errors import AsrunError
from asrun.inside.items import begin, compute, is_within, pack, results, understood, visible_gpus

__all__ = ["ON_CLUSTER", "pmap"]

Item = TypeVar("Item")
Result = TypeVar("Result")

ON_CLUSTER = "ASRUN_RAY"
"""The environment variable that tells a run that it is on a Ray cluster, and where: JSON."""

_THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip


def pmap(function: Callable[[Item], Result], items: Iterable[Item], *, gpus: float = 0) -> list[Result]:
    """Call a function for each item, in several processes, and return the results in the order of the items.

    Arguments:
        function: Takes an item; of a module's own top level.
        items: What it is called for.
        gpus: What part of a GPU each item has for itself, 0 to 1; where the run is on the CPU, there is none to have.

    Returns:
        Results in the order of the items, wherever they were computed.

    Raises:
        Exception: what the function raised for the first item, in their order, for which it raised anything.
        AsrunError: when the function cannot be sent to another process, or a process ends before it has answered.

    Examples:
        >>> pmap(math.sqrt, [1, 4, 9])
        [1.0, 2.0, 3.0]
    """
    items = list(items)
    # What other processes call, nobody here sees: as after a fork, all that names lead to counts. Also where a plain
    # loop does it, so that a record depends on the same code wherever it is made.
    sys.audit("os.fork")
    if not 0 <= gpus <= 1:
        raise AsrunError(f"an item of pmap cannot have {gpus} GPUs", remedy="give each a part of one: 0 to 1")
    pack(function)
    told = os.environ.get(ON_CLUSTER)
    if told and not is_within() and len(items) > 1:
        from asrun.inside.ray_items import on_cluster

        return on_cluster(function, items, gpus, json.loads(told))
    visible = visible_gpus() if gpus else []
    room = int(1 / gpus) * len(visible) if gpus and visible else _cores()
    count = 1 if is_within() else min(room, _cores(), len(items))
    return [function(item) for item in items] if count <= 1 else _in_processes(function, items, count, visible)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# On this machine


def _in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], count: int, gpus: Sequence[str]
) -> list[Result]:
    context = multiprocessing.get_context("spawn")
    processes: dict[Connection, Any] = {}
    busy: dict[Connection, int] = {}
    outcomes: dict[int, tuple[str, Any]] = {}
    following = iter(range(len(items)))

    def first_failed() -> int:
        return min((index for index, (kind, _) in outcomes.items() if kind == "error"), default=len(items))

    def next_item(connection: Connection) -> None:
        index = next(following, None) if first_failed() == len(items) else None
        if index is not None:
            busy[connection] = index
            # A process that is gone is found out when its answer is waited for.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.send_bytes(pack((function, items[index])))

    try:
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            gpu = gpus[number % len(gpus)] if gpus else ""
            with _variables(dict.fromkeys(_THREADS, str(max(1, _cores() // count))) | {"CUDA_VISIBLE_DEVICES": gpu}):
                process.start()
            theirs.close()
            processes[ours] = process
            next_item(ours)
        # An item before the first that failed may fail as well; those after it are not wanted any more.
        while busy and min(busy.values()) < first_failed():
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                index = busy.pop(connection)
                try:
                    outcomes[index] = understood(connection.recv_bytes())
                except (EOFError, ConnectionResetError):
                    raise _lost(index, processes[connection]) from None
                next_item(connection)
    finally:
        for connection, process in processes.items():
            connection.close()
            if connection not in busy:
                process.join(5.0)
            process.kill()
            process.join()
    return results(outcomes)


def _lost(index: int, process: Any) -> AsrunError:
    process.join(5.0)
    code = process.exitcode or 0
    ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return AsrunError(
        f"a process of pmap {ended} while it computed item {index}",
        remedy="it may have needed more memory than there is: make the items smaller",
    )


def _serve(connection: Connection) -> None:
    """Compute items until nobody sends any more; in a process of its own."""
    watch = begin()
    while True:
        try:
            packed = connection.recv_bytes()
        except (EOFError, ConnectionResetError):
            return
        connection.send_bytes(compute(packed, watch))


@contextmanager
def _variables(wanted: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
