"""What tests ask of the machine that they run on."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["alive", "eventually", "has_compiler"]


def eventually(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Wait until something is so: however long a busy machine takes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def has_compiler() -> bool:
    """Whether torch.compile has a C++ compiler to call, and writes what one takes.

    On a processor without vector instructions, or where PyTorch is told so, it writes what no compiler takes.
    """
    vectors = os.environ.get("ATEN_CPU_CAPABILITY") != "default"
    return vectors and shutil.which(os.environ.get("CXX", "g++")) is not None


def alive(pid: int) -> bool:
    """Whether a process has not ended yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    # A zombie that nobody collects has ended all the same.
    return not (stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
