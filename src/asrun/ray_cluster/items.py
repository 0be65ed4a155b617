"""The items of `asrun.parallel.pmap` as tasks of a Ray cluster, in a run that is on it."""

from __future__ import annotations

import logging
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asrun import machine
from asrun.errors import AsrunError
from asrun.inside.items import NOTHING, begin, compute, pack, results, understood

__all__ = ["on_cluster"]

_RETRIES = 3
"""How often an item is computed again whose node or worker is lost."""


class _Claims:
    """Says who computes which item: a Ray task, or the run itself, which works along instead of only waiting.

    A run holds a core while it waits. If it waited for tasks that need cores, runs that hold all of them would wait for
    ever; so whatever no task has begun, the run does itself.
    """

    def __init__(self) -> None:
        self._owners: dict[int, str] = {}
        self._failed: int | None = None

    def claim(self, index: int, owner: str) -> bool:
        # What comes after an item that failed is not wanted any more.
        if self._failed is not None and index > self._failed:
            return False
        return self._owners.setdefault(index, owner) == owner

    def fail(self, index: int) -> None:
        self._failed = index if self._failed is None else min(index, self._failed)


def on_cluster(function: Callable[[Any], Any], items: Sequence[Any], gpus: float, there: dict[str, Any]) -> list[Any]:
    """Compute items as tasks of the Ray cluster that the run is on; see `asrun.inside.items.Computer`.

    Arguments:
        function: Takes an item.
        items: What it is called for.
        gpus: What part of a GPU each item has for itself.
        there: Where the run is, as `asrun.ray_cluster.task` tells it.
    """
    ray = _ray(there)
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    gpus = gpus if machine.visible_gpus() else 0
    # It lives where the run lives: if that node is lost, so is all this.
    node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    claims: Any = ray.remote(_Claims).options(num_cpus=0, scheduling_strategy=node).remote()
    task: Any = ray.remote(_item).options(num_cpus=1, num_gpus=gpus, max_retries=_RETRIES)
    places = {"folders": there["folders"], "data": there["data"]}
    tasks = [task.remote(pack((function, item)), index, claims, places) for index, item in enumerate(items)]
    outcomes: dict[int, tuple[str, Any]] = {}
    try:
        # Tasks are begun from the first item on, so the run works from the last.
        for index in reversed(range(len(items))):
            if ray.get(claims.claim.remote(index, "run")):
                try:
                    outcomes[index] = ("value", function(items[index]))
                except Exception as error:
                    outcomes[index] = ("error", error)
                    ray.get(claims.fail.remote(index))
        for index in range(len(items)):
            if index not in outcomes:
                outcomes[index] = _answer(ray, tasks[index], index, there["root"])
            if outcomes[index][0] == "error":
                break
    finally:
        for index, each in enumerate(tasks):
            if index not in outcomes:
                ray.cancel(each, force=True)
        ray.kill(claims)
    return results(outcomes)


def _ray(there: dict[str, Any]) -> Any:
    """Import Ray, and connect to the cluster that this run is on."""
    # Without the project's own folders: what Ray looks for in them is nothing that this run reads.
    path, sys.path[:] = list(sys.path), [each for each in sys.path if not Path(each).is_relative_to(there["root"])]
    try:
        import ray

        if not ray.is_initialized():
            same = {name: os.environ[name] for name in ("PYTHONHASHSEED", "MPLBACKEND") if name in os.environ}
            # A file, for Ray would walk through a folder, and that would be noted, too.
            surroundings = {"working_dir": there["packed"], "env_vars": same}
            ray.init(there["address"], log_to_driver=False, logging_level=logging.ERROR, runtime_env=surroundings)
    finally:
        sys.path[:] = path
    return ray


def _answer(ray: Any, task: Any, index: int, root: str) -> tuple[str, Any]:
    try:
        reply, moved = ray.get(task)
    except ray.exceptions.RayError as error:
        raise AsrunError(
            f"item {index} of pmap was lost on the cluster, {_RETRIES + 1} times: {type(error).__name__}",
            remedy="it may have needed more memory than there is: make the items smaller",
        ) from error

    def here(path: str) -> str:
        for folder, name in moved:
            if Path(path).is_relative_to(folder):
                return str(Path(os.environ.get(name, folder) if name else root, Path(path).relative_to(folder)))
        return path

    return understood(reply, here)


_watch: Any = None
"""Notes what a Ray worker reads; there is one for all the items that it computes."""


def _item(packed: bytes, index: int, claims: Any, places: dict[str, list[str]]) -> tuple[bytes, list[tuple[str, str]]]:
    """Compute one item, in a Ray worker whose working folder is a copy of the project.

    Returns:
        The answer, and folders here with the variables that name them; the project's own has none.
    """
    global _watch
    import ray

    root, data = Path.cwd(), [name for name in places["data"] if os.environ.get(name)]
    if _watch is None:
        _watch = begin()
        sys.path[:0] = [str(root / folder) for folder in places["folders"]]
    moved = [*((os.path.abspath(os.environ[name]), name) for name in data), (str(root), "")]
    if not ray.get(claims.claim.remote(index, "task")):
        return NOTHING, moved
    reply = compute(packed, _watch)
    if pickle.loads(pickle.loads(reply)[0])[0] == "error":
        ray.get(claims.fail.remote(index))
    return reply, moved
