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

import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

from asrun.errors import AsrunError
from asrun.inside.items import elsewhere, pack
from asrun.inside.processes import in_processes

__all__ = ["pmap"]

Item = TypeVar("Item")
Result = TypeVar("Result")


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
    computer = elsewhere() if len(items) > 1 else None
    return (computer or in_processes)(function, items, gpus)
