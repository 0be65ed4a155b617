"""What this machine has for whoever runs on it, cores and GPUs; and how a share of the cores is given to somebody."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

__all__ = ["cores", "has_gpu", "visible_gpus", "with_threads"]

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def cores() -> int:
    """Return how many cores this process may use: of those it is bound to, as many as its container has time for."""
    if hasattr(os, "process_cpu_count"):
        bound = os.process_cpu_count()
    else:
        bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min([bound or 1, *(max(1, math.ceil(quota)) for quota in _quotas())])


def _quotas() -> Iterator[float]:
    """Yield how many cores' time each of Linux's control groups around this process has (`docker run --cpus 1.5`)."""
    try:
        groups = [line.split(":", 2) for line in _OWN_GROUPS.read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in groups:
        if controllers and "cpu" not in controllers.split(","):
            continue
        # A group is held to what those around it have; in a container its path may be one of the world outside.
        top = _CONTROL_GROUPS / controllers
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(top) and (quota := _quota(folder)):
                yield quota


def _quota(group: Path) -> float | None:
    """Return how many cores' time one control group has, of version 2 or of version 1; None without a limit."""
    try:
        if (file := group / "cpu.max").is_file():
            most, period = file.read_text().split()
        else:
            most, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(most) / int(period) if int(most) > 0 else None
    except (OSError, ValueError):
        # Version 2 says "max", version 1 -1; the outermost group has no such file.
        return None


def with_threads(count: int) -> dict[str, str]:
    """Return the environment variables by which numerical libraries are told how many threads to take."""
    return dict.fromkeys(_THREADS, str(count))


_THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip


def visible_gpus() -> list[str]:
    """Return the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(index) for index in range(_driven_gpus())]
    # What comes after a name that is none, CUDA does not see.
    return list(takewhile(lambda name: name not in ("", "-1"), (name.strip() for name in named.split(","))))


def has_gpu() -> bool:
    """Is there an NVIDIA GPU that its driver can see, and that this process may use?"""
    return bool(visible_gpus()) and _driven_gpus() > 0


def _driven_gpus() -> int:
    """Count the GPUs that the driver can see."""
    # Imported here: most processes that count cores start none.
    import shutil
    import subprocess

    if not shutil.which("nvidia-smi"):
        return 0
    told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    # A GPU that is divided is followed by its parts, further in.
    return sum(line.startswith("GPU ") for line in told.stdout.splitlines()) if told.returncode == 0 else 0
