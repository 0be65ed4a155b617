"""Locks between the processes of a machine, on a file or a folder: whoever holds one keeps others waiting, or away.

A lock ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["held", "take"]

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def take(handle: int, *, wait: bool = False) -> bool | None:
    """Lock what is open until it is closed; say whether that was done.

    Arguments:
        handle: Its descriptor.
        wait: Whether to wait for it while somebody else holds it.

    Returns:
        False when somebody else holds it; None where there are no locks, as on some file systems of networks.
    """
    while True:
        try:
            _lock(handle)
            return True
        except (BlockingIOError, PermissionError):
            if not wait:
                return False
        except OSError:
            return None
        time.sleep(0.02)


@contextmanager
def held(path: Path, *, wait: bool = False) -> Iterator[bool | None]:
    """Hold a file or a folder, if that can be done; see `take` for what this says.

    Windows opens no folder, and so has no locks on them; what is not there is held by nobody.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        yield take(handle, wait=wait)
    finally:
        os.close(handle)
