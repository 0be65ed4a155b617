"""What a child process can tell of itself: the files it opens, the modules it imports, the device it uses."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["Watch", "device", "end_with_parent", "modules", "take_standard_input", "versions"]


class Watch:
    """Notes every file that this process opens for reading, through Python's audit events."""

    def __init__(self) -> None:
        self.opened: set[str] = set()
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
            return
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        if not flags & (os.O_WRONLY | os.O_RDWR):
            self.opened.add(os.path.abspath(os.fsdecode(arguments[0])))

    def data_files(self, inside: Iterable[str] = ()) -> list[str]:
        """List what was opened and is data: not Python's own files, not code, not the system's.

        Arguments:
            inside: Folders whose files are data even where a folder around them is the system's: a project in /tmp.
        """
        import sysconfig

        python = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
        system = {"/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/run", tempfile.gettempdir()}
        never = {str(Path(__file__).parent)}
        if matplotlib := sys.modules.get("matplotlib"):
            never |= {matplotlib.get_cachedir(), matplotlib.get_configdir()}

        def within(path: str, folders: Iterable[str]) -> bool:
            return any(Path(path).is_relative_to(folder) for folder in folders if folder)

        return sorted(
            path
            for path in self.opened
            if not path.endswith((".py", ".pyc", ".so", ".pth"))
            and not within(path, never | python)
            and (not within(path, system) or within(path, inside))
            and os.path.isfile(path)
        )


def take_standard_input() -> int:
    """Return a descriptor of its own for standard input, and leave standard input empty: nobody is there to answer."""
    own = os.dup(0)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return own


def end_with_parent(descriptor: int) -> None:
    """End this process group when the parent is gone: it holds the other end of a pipe, and never writes to it."""

    def wait() -> None:
        # Not through sys.stdin: its lock, held by a daemon thread, makes the interpreter abort when it exits.
        while os.read(descriptor, 4096):
            pass
        if hasattr(os, "killpg"):
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def modules(folders: list[str]) -> list[str]:
    """List the files of the project's own modules that are loaded."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    own = Path(__file__).parent
    return sorted(
        file
        for file in files
        if file
        and file.endswith(".py")
        and not Path(file).is_relative_to(own)
        and any(Path(file).is_relative_to(folder) for folder in folders)
    )


def versions(folders: list[str], also: Iterable[dict[str, Any]] = ()) -> dict[str, str]:
    """Return the versions of Python and of the packages that the project's own modules use.

    Arguments:
        folders: Where the project's own modules are.
        also: Namespaces of code that is in no module: a notebook's.
    """
    own = set(modules(folders))
    namespaces = [vars(module) for module in list(sys.modules.values()) if getattr(module, "__file__", None) in own]
    used: set[str] = set()
    for namespace in (*namespaces, *also):
        for value in list(namespace.values()):
            name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            used.add(str(name).partition(".")[0])
    found = {"python": platform.python_version()}
    packages = importlib.metadata.packages_distributions()
    for name in sorted(used - sys.stdlib_module_names):
        for package in packages.get(name, ())[:1]:
            found[package.lower()] = importlib.metadata.version(package)
    torch = sys.modules.get("torch")
    if torch and torch.version.cuda:
        found["cuda"] = torch.version.cuda
    return found


def device() -> dict[str, Any]:
    """Say which device class was really used, its name, and how much memory the run took at its peak."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        peak = torch.cuda.max_memory_allocated() / 2**20
        return {"device_class": "cuda", "device": torch.cuda.get_device_name(), "peak_memory_mb": round(peak, 1)}
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    return {"device_class": "cpu", "device": f"{name}, {_cores()} cores", "peak_memory_mb": round(_peak_memory(), 1)}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _peak_memory() -> float:
    try:
        import resource
    except ImportError:  # Windows has no such module, and no figure is better than a wrong one.
        return 0.0
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
