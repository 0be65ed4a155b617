"""What one item of `asrun.parallel.pmap` comes to, in whichever process: packed, computed there, unpacked here."""

from __future__ import annotations

import json
import os
import pickle
import pkgutil
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from asrun.errors import AsrunError

if TYPE_CHECKING:
    from asrun.inside.watch import Watch

__all__ = [
    "ELSEWHERE", "NOTHING", "Computer", "begin", "compute", "elsewhere", "is_within", "pack", "results", "understood",
]  # fmt: skip

_within = False
"""Whether this process computes items of another one's: it starts none of its own."""


def begin() -> Watch:
    """Make this process one that computes items of another one's; return what notes what they read."""
    global _within
    from asrun.inside.watch import Watch

    _within = True
    return Watch()


def is_within() -> bool:
    """Does this process compute items of another one's?"""
    return _within


class Computer(Protocol):
    """Computes the items of one call of `pmap`, wherever that is: `in_processes`, or what `elsewhere` finds."""

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any], gpus: float) -> list[Any]:
        """Return the results in the order of the items; items and results travel as `pack` and `compute` pack them.

        Arguments:
            function: Takes an item.
            items: What it is called for; more than one.
            gpus: What part of a GPU each item has for itself, where there are GPUs.

        Raises:
            Exception: what the function raised for the first item for which it raised anything.
            AsrunError: when an item is lost.
        """


ELSEWHERE = "ASRUN_ITEMS"
"""The environment variable by which whoever starts a run says that its items are computed elsewhere, as JSON.

`by` names a function, `package.module:function`; it is called as a `Computer` is, and with what `there` says.
"""


def elsewhere() -> Computer | None:
    """Return what computes the items of this run if whoever started it named it; None where this machine does."""
    told = os.environ.get(ELSEWHERE)
    if not told or _within:
        return None
    named = json.loads(told)
    return partial(pkgutil.resolve_name(named["by"]), there=named["there"])


def pack(what: Any) -> bytes:
    """Pack a function with an item, or refuse what cannot travel.

    Raises:
        AsrunError: naming what it is.
    """
    try:
        return pickle.dumps(what)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AsrunError(
            f"pmap cannot send this to another process: {error}",
            remedy="give it a function of a module's own (def at the left margin; no lambda), and items of plain data",
        ) from error


def compute(packed: bytes, watch: Watch) -> bytes:
    """Call a function for an item, and return what came of it: the result or the exception, and what was read."""
    seen = {kind: set(getattr(watch, kind)) for kind in _READ}
    try:
        function, item = pickle.loads(packed)
        outcome: tuple[str, Any] = ("value", function(item))
        answer = pickle.dumps(outcome)
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        answer = _packed_error(error)
    read = {kind: sorted(set(getattr(watch, kind)) - seen[kind]) for kind in _READ}
    # Loaded already, by whoever made the watch.
    from asrun.inside.watch import device_class

    return pickle.dumps((answer, read, device_class()))


_READ = {"opened": "open", "absent": "open", "listed": "os.listdir"}
"""What a process read of the world, as `asrun.inside.watch` calls it, and the audit event that tells it."""


def _packed_error(error: Exception) -> bytes:
    """Pack an exception; one that cannot be unpacked again is told in words."""
    try:
        packed = pickle.dumps(("error", error))
        pickle.loads(packed)
    except Exception:
        return pickle.dumps(("error", RuntimeError(f"{type(error).__name__}: {error}")))
    return packed


def understood(reply: bytes, here: Callable[[str], str] = str) -> tuple[str, Any]:
    """Unpack what another process answered, and tell here what it read and whether it used a GPU.

    Arguments:
        reply: The answer.
        here: Returns what a path there is called here.
    """
    answer, read, device = pickle.loads(reply)
    for kind, event in _READ.items():
        for path in read[kind]:
            if not path.endswith((".py", ".pyc", ".so")):
                # A record names the data that was read: whoever listens here hears of it as if it were read here.
                sys.audit(event, *((here(path), None, os.O_RDONLY) if event == "open" else (here(path),)))
    torch = sys.modules.get("torch")
    # The device class of a record is that of the run as a whole.
    if device == "cuda" and torch and not torch.cuda.is_initialized():
        torch.cuda.init()
    elif device == "mps" and torch:
        torch.zeros(1, device="mps")
    kind, what = pickle.loads(answer)
    return kind, what


def results(outcomes: dict[int, tuple[str, Any]]) -> list[Any]:
    """Return the results in order, or raise the first exception."""
    for _, (kind, what) in sorted(outcomes.items()):
        if kind == "error":
            raise what
    return [what for _, (_, what) in sorted(outcomes.items())]


NOTHING = pickle.dumps((pickle.dumps(("value", None)), {kind: [] for kind in _READ}, "cpu"))
"""What is answered for an item that somebody else computes."""
