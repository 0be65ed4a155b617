"""The items of `asrun.parallel.pmap` in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import Any

from asrun import machine
from asrun.errors import AsrunError
from asrun.inside.items import begin, compute, is_within, pack, results, understood

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as End
else:
    from multiprocessing.connection import Connection as End

__all__ = ["in_processes"]


def in_processes(function: Callable[[Any], Any], items: Sequence[Any], gpus: float) -> list[Any]:
    """Compute items in several processes, as many as cores and GPUs allow; see `asrun.inside.items.Computer`.

    In a process that computes items itself, and where there is one core, a plain loop does it.
    """
    visible = machine.visible_gpus() if gpus else []
    room = int(1 / gpus) * len(visible) if gpus and visible else machine.cores()
    count = 1 if is_within() else min(room, machine.cores(), len(items))
    return [function(item) for item in items] if count <= 1 else _shared_out(function, items, count, visible)


def _shared_out(function: Callable[[Any], Any], items: Sequence[Any], count: int, gpus: Sequence[str]) -> list[Any]:
    context = multiprocessing.get_context("spawn")
    processes: dict[End, Any] = {}
    busy: dict[End, int] = {}
    outcomes: dict[int, tuple[str, Any]] = {}
    following = iter(range(len(items)))
    threads = max(1, machine.cores() // count)

    def first_failed() -> int:
        return min((index for index, (kind, _) in outcomes.items() if kind == "error"), default=len(items))

    def next_item(connection: End) -> None:
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
            with _variables(machine.with_threads(threads) | {"CUDA_VISIBLE_DEVICES": gpu}):
                process.start()
            theirs.close()
            processes[ours] = process
            next_item(ours)
        # An item before the first that failed may fail as well; those after it are not wanted any more.
        while busy and min(busy.values()) < first_failed():
            for connection in wait(list(busy)):
                assert isinstance(connection, End)
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


def _serve(connection: End) -> None:
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
