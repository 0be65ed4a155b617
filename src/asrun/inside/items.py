"""What one item of `asrun.parallel.pmap` comes to, in whichever process: packed, computed there, unpacked here."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asrun.errors import AsrunError

if TYPE_CHECKING:
    from asrun.inside.watch import Watch

__all__ = ["NOTHING", "begin", "compute", "is_within", "pack", "results", "understood", "visible_gpus"]

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


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [each for each in named.split(",") if each.strip() not in ("", "-1")]
    if not shutil.which("nvidia-smi"):
        return []
    told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return [str(index) for index, _ in enumerate(told.stdout.splitlines())] if told.returncode == 0 else []


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
    read = {kind: sorted(getattr(watch, kind) - seen[kind]) for kind in _READ}
    torch = sys.modules.get("torch")
    return pickle.dumps((answer, read, bool(torch and torch.cuda.is_initialized())))


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
    kind, what = pickle.loads(answer)
    return kind, what


def results(outcomes: dict[int, tuple[str, Any]]) -> list[Any]:
    """Return the results in order, or raise the first exception."""
    for _, (kind, what) in sorted(outcomes.items()):
        if kind == "error":
            raise what
    return [what for _, (_, what) in sorted(outcomes.items())]


NOTHING = pickle.dumps((pickle.dumps(("value", None)), {kind: [] for kind in _READ}, False))
"""What is answered for an item that somebody else computes."""
