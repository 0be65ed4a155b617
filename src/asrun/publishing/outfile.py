"""A file that a command was told to write: whole or not at all, and over nothing but what asrun made."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.records.store import write_whole

__all__ = ["check_free", "write_out"]


def check_free(path: Path, shown: str, what: str, made: Callable[[Path], bool], remedy: str) -> None:
    """Refuse a file that is there and that asrun did not make.

    Arguments:
        path: Where something is to be written. A symbolic link is followed.
        shown: What messages call it.
        what: What asrun would have made: `a bundle`.
        made: Whether a file is that, as asrun made it.
        remedy: What to type instead.

    Raises:
        AsrunError: when something would be lost.
    """
    if not os.path.lexists(path):
        return
    if path.is_dir():
        raise AsrunError("this is a folder, and no file", where=Where(shown), remedy=remedy)
    if path.exists() and not _is_stream(path) and not made(path):
        raise AsrunError(f"this file is there, and is not {what} that asrun made", where=Where(shown), remedy=remedy)


def write_out(path: Path, data: bytes) -> None:
    """Write a file, which `check_free` let pass, whole or not at all; a pipe is written to."""
    if path.exists() and _is_stream(path):
        path.write_bytes(data)
    else:
        write_whole(Path(os.path.realpath(path)), data)


def _is_stream(path: Path) -> bool:
    """Whether a path is a pipe or a terminal (`/dev/stdout`), in which nothing can be lost."""
    mode = path.stat().st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
