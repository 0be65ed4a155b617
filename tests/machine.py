"""What tests ask of the machine that they run on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["alive", "eventually", "has_compiler", "python_of"]


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


def python_of(version: str) -> str:
    """Return a Python of this version, `3.12`; a test that needs one which is not installed is skipped."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    found = str(kept[-1]) if kept else shutil.which(f"python{version}")
    if not found or subprocess.run([found, "-c", "0"], capture_output=True, timeout=60).returncode:
        pytest.skip(f"there is no Python {version} here")
    return found
