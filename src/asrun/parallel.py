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
import logging
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

from asrun.errors import AsrunError

__all__ = ["ON_CLUSTER", "pmap"]

Item = TypeVar("Item")
Result = TypeVar("Result")

ON_CLUSTER = "ASRUN_RAY"
"""The environment variable that tells a run that it is on a Ray cluster, and where: JSON."""

_THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip

_RETRIES = 3
"""How often an item is computed again whose node or worker is lost."""

_within = False
"""Whether this process computes items of another one's: it starts none of its own."""


def pmap(function: Callable[[Item], Result], items: Iterable[Item], *, gpus: float = 0) -> list[Result]:
    """Call a function for each item, in several processes, and return the results in the order of the items.

    Arguments:
        function: Takes an item; of a module's own top level.
        items: What it is called for.
        gpus: What part of a GPU each item has for itself, 0 to 1; where the run is on the CPU, there is none to have.

    Raises:
        Exception: what the function raised for the first item, in their order, for which it raised anything.
        AsrunError: when the function cannot be sent to another process, or a process ends before it has answered.
    """
    items = list(items)
    # What other processes call, nobody here sees: as after a fork, all that names lead to counts. Also where a plain
    # loop does it, so that a record depends on the same code wherever it is made.
    sys.audit("os.fork")
    if not 0 <= gpus <= 1:
        raise AsrunError(f"an item of pmap cannot have {gpus} GPUs", remedy="give each a part of one: 0 to 1")
    _packed(function)
    told = os.environ.get(ON_CLUSTER)
    if told and not _within and len(items) > 1:
        return _on_cluster(function, items, gpus, json.loads(told))
    visible = _visible_gpus() if gpus else []
    room = int(1 / gpus) * len(visible) if gpus and visible else _cores()
    count = 1 if _within else min(room, _cores(), len(items))
    return [function(item) for item in items] if count <= 1 else _in_processes(function, items, count, visible)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [each for each in named.split(",") if each.strip() not in ("", "-1")]
    if not shutil.which("nvidia-smi"):
        return []
    told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return [str(index) for index, _ in enumerate(told.stdout.splitlines())] if told.returncode == 0 else []


def _packed(what: Any) -> bytes:
    try:
        return pickle.dumps(what)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AsrunError(
            f"pmap cannot send this to another process: {error}",
            remedy="give it a function of a module's own (def at the left margin; no lambda), and items of plain data",
        ) from error


# What an item comes to, in whichever process.


def _compute(packed: bytes, watch: Any) -> bytes:
    """Call a function for an item, and return what came of it: the result or the exception, and what was read."""
    seen = {kind: set(getattr(watch, kind)) for kind in _READ}
    try:
        function, item = pickle.loads(packed)
        outcome: tuple[str, Any] = ("value", function(item))
        answer = pickle.dumps(outcome)
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        answer = _packed_error(error)
    read = {kind: sorted(getattr(watch, kind) - seen[kind]) for kind in _READ}
    torch = sys.modules.get("torch")
    return pickle.dumps((answer, read, bool(torch and torch.cuda.is_initialized())))


_READ = {"opened": "open", "absent": "open", "listed": "os.listdir"}
"""What a process read of the world, as `asrun.watch` calls it, and the audit event that tells it."""


def _packed_error(error: Exception) -> bytes:
    """Pack an exception; one that cannot be unpacked again is told in words."""
    try:
        packed = pickle.dumps(("error", error))
        pickle.loads(packed)
    except Exception:
        return pickle.dumps(("error", RuntimeError(f"{type(error).__name__}: {error}")))
    return packed


def _outcome(reply: bytes, here: Callable[[str], str] = str) -> tuple[str, Any]:
    """Unpack what another process answered, and tell here what it read and whether it used a GPU.

    Arguments:
        reply: The answer.
        here: Returns what a path there is called here.
    """
    answer, read, cuda = pickle.loads(reply)
    for kind, event in _READ.items():
        for path in read[kind]:
            if not path.endswith((".py", ".pyc", ".so")):
                # A record names the data that was read: whoever listens here hears of it as if it were read here.
                sys.audit(event, *((here(path), None, os.O_RDONLY) if event == "open" else (here(path),)))
    torch = sys.modules.get("torch")
    if cuda and torch and not torch.cuda.is_initialized():
        # The device class of a record is that of the run as a whole.
        torch.cuda.init()
    return pickle.loads(answer)


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
                connection.send_bytes(_packed((function, items[index])))

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
                    outcomes[index] = _outcome(connection.recv_bytes())
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
    return _results(outcomes)


def _results(outcomes: dict[int, tuple[str, Any]]) -> list[Any]:
    """Return the results in order, or raise the first exception."""
    for _, (kind, what) in sorted(outcomes.items()):
        if kind == "error":
            raise what
    return [what for _, (_, what) in sorted(outcomes.items())]


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
    global _within
    from asrun.watch import Watch

    _within, watch = True, Watch()
    while True:
        try:
            packed = connection.recv_bytes()
        except (EOFError, ConnectionResetError):
            return
        connection.send_bytes(_compute(packed, watch))


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


# On a Ray cluster


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


def _on_cluster(
    function: Callable[[Item], Result], items: Sequence[Item], gpus: float, there: dict[str, Any]
) -> list[Result]:
    ray = _ray(there)
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    gpus = gpus if _visible_gpus() else 0
    # It lives where the run lives: if that node is lost, so is all this.
    node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    claims: Any = ray.remote(_Claims).options(num_cpus=0, scheduling_strategy=node).remote()
    task: Any = ray.remote(_item).options(num_cpus=1, num_gpus=gpus, max_retries=_RETRIES)
    places = {"folders": there["folders"], "data": there["data"]}
    tasks = [task.remote(_packed((function, item)), index, claims, places) for index, item in enumerate(items)]
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
    return _results(outcomes)


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

    return _outcome(reply, here)


_watch: Any = None
"""Notes what a Ray worker reads; there is one for all the items that it computes."""


def _item(packed: bytes, index: int, claims: Any, places: dict[str, list[str]]) -> tuple[bytes, list[tuple[str, str]]]:
    """Compute one item, in a Ray worker whose working folder is a copy of the project.

    Returns:
        The answer, and folders here with the variables that name them; the project's own has none.
    """
    global _within, _watch
    import ray

    from asrun.watch import Watch

    root, data = Path.cwd(), [name for name in places["data"] if os.environ.get(name)]
    if _watch is None:
        _within, _watch = True, Watch()
        sys.path[:0] = [str(root / folder) for folder in places["folders"]]
    moved = [*((os.path.abspath(os.environ[name]), name) for name in data), (str(root), "")]
    if not ray.get(claims.claim.remote(index, "task")):
        return pickle.dumps((pickle.dumps(("value", None)), {kind: [] for kind in _READ}, False)), moved
    reply = _compute(packed, _watch)
    if pickle.loads(pickle.loads(reply)[0])[0] == "error":
        ray.get(claims.fail.remote(index))
    return reply, moved
