"""What a child process can tell of itself: the files it opens, the modules it imports, what it leaves behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from asrun.inside.leftovers import MARK, end_marked
from asrun.inside.variables import Variables
from asrun.machine import cores
from asrun.own import PACKAGE

__all__ = [
    "Watch", "device", "device_class", "end_with_parent", "is_loading", "is_own", "left_behind", "modules",
    "take_standard_input", "versions", "write",
]  # fmt: skip


class Watch:
    """Notes what this process reads of the world: files, listings of folders, environment variables.

    Files and folders are noticed through Python's audit events, variables through `os.environ`.

    Arguments:
        folders: Where the project's own modules are: only variables that they ask for are noted.
        namespace: The globals of code of the project's own that is in no file: a notebook's cells.
    """

    def __init__(self, folders: Iterable[str] = (), namespace: dict[str, Any] | None = None) -> None:
        self.opened: dict[str, str] = {}
        """Files that were read, each with what tells its content apart, as it was when it was first opened."""
        self.listed: set[str] = set()
        self.absent: set[str] = set()
        self._written: set[str] = set()
        self._folders, self._namespace = tuple(folders), namespace
        sys.addaudithook(self._hook)
        self._variables = Variables(self.is_own) if self._folders or namespace is not None else None

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            path, flags = os.path.abspath(os.fsdecode(arguments[0])), arguments[2]
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR) and not _may_be_read(path, flags):
                self._written.add(path)
            elif path in self._written:
                # Its own work, read again, is not what decides a result.
                pass
            elif Path(path).exists():
                if path not in self.opened and not self._is_code(path, sys._getframe().f_back):
                    self.opened[path] = _fingerprint(path, exact=isinstance(flags, int) and bool(flags & os.O_RDWR))
            elif arguments[1] is not None or Path(os.fsdecode(arguments[0])).is_absolute():
                # The low-level open takes paths relative to any folder, and does not tell which.
                self.absent.add(path)
        elif event == "import" and isinstance(arguments[1], str) and os.path.isfile(arguments[1]):
            # A library that is loaded as a module: Python tells of it in this way alone.
            path = os.path.abspath(arguments[1])
            self.opened.setdefault(path, _fingerprint(path))
        elif event in ("os.listdir", "os.scandir") and not _importing(sys._getframe().f_back):
            folder = "." if arguments[0] is None else arguments[0]
            # A folder that is known by a number only is one that is being deleted, as shutil does it.
            if isinstance(folder, (str, bytes, os.PathLike)):
                self.listed.add(os.path.abspath(os.fsdecode(folder)))

    def _is_code(self, path: str, frame: FrameType | None) -> bool:
        """Whether a file is opened as code, and not as data: Python loads it, or shows a line of it in a message."""
        if not path.endswith((".py", ".pyc")):
            return False
        if _importing(frame) or is_loading(frame):
            return True
        # Who reads code as a text is the nearest that is no part of Python. A package that does looks for what it is to
        # compile, and that counts as code.
        while (
            frame
            and frame.f_code.co_filename.startswith((_LIBRARY, "<frozen "))
            and ("site-packages" not in frame.f_code.co_filename)
        ):
            if Path(frame.f_code.co_filename).name in ("warnings.py", "traceback.py"):
                return True
            frame = frame.f_back
        return frame is None or not self.is_own(frame)

    def is_own(self, frame: FrameType) -> bool:
        """Whether code of the project's own is executed in a frame."""
        if self._namespace is not None and frame.f_globals is self._namespace:
            return True
        return is_own(frame.f_code.co_filename, self._folders)

    def variables(self) -> list[str]:
        """List the environment variables that the project's own code asked for."""
        return self._variables.names() if self._variables else []

    def data_files(self, inside: Iterable[str] = ()) -> list[str]:
        """List what was opened and is data: not Python's own files, not code, not the system's.

        Arguments:
            inside: Folders whose files are data even where a folder around them is the system's: a project in /tmp.
        """
        return [path for path in self._data(self.opened, inside) if os.path.isfile(path)]

    def changed_files(self, inside: Iterable[str] = ()) -> dict[str, str]:
        """Return the data files that are not as they were when they were opened, with their digests then, if known."""
        found = {}
        for path in self.data_files(inside):
            then, exact = self.opened[path], not self.opened[path].startswith("@")
            if then != _fingerprint(path, exact=exact):
                found[path] = then if exact else ""
        return found

    def absent_files(self, inside: Iterable[str] = ()) -> list[str]:
        """List what was to be opened, would have been data, and was not there."""
        return self._data(self.absent - set(self.opened) - self._written, inside)

    def listed_folders(self, inside: Iterable[str] = ()) -> list[str]:
        """List the folders whose content was looked at, as far as they hold data."""
        return [path for path in self._data(self.listed, inside) if Path(path).is_dir()]

    def _data(self, paths: Iterable[str], inside: Iterable[str]) -> list[str]:
        import sysconfig

        python = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
        system = {"/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/run", "/System", "/Library", tempfile.gettempdir()}
        system.add(os.environ.get("SYSTEMROOT", ""))
        never = {str(PACKAGE)}
        if matplotlib := sys.modules.get("matplotlib"):
            never |= {matplotlib.get_cachedir(), matplotlib.get_configdir()}

        def within(path: str, folders: Iterable[str]) -> bool:
            return any(Path(path).is_relative_to(folder) for folder in folders if folder)

        def is_pythons(path: str) -> bool:
            # A project may stand below Python's own folder, as Python's may stand in the project.
            around = [folder for folder in python if within(path, [folder])]
            return any(
                not any(Path(each).is_relative_to(folder) and within(path, [each]) for each in inside)
                for folder in around
            )

        return sorted(
            path
            for path in paths
            if not within(path, never) and not is_pythons(path) and (not within(path, system) or within(path, inside))
        )


def _may_be_read(path: str, flags: int) -> bool:
    """Whether what is opened for writing was there before, stays, and may be read: `np.memmap` opens all like that."""
    new = os.O_TRUNC | os.O_EXCL
    return bool(flags & os.O_RDWR) and not flags & new and os.path.isfile(path)


def _fingerprint(path: str, *, exact: bool = False) -> str:
    """Return what tells the content of a file apart: when it was written and how long it is, or a digest of it.

    Arguments:
        path: The file.
        exact: Read it: whoever opens it is going to write, too.
    """
    try:
        if exact:
            # Not by name: that would be heard of as an opening of its own.
            with open(path, "rb") as file:  # noqa: PTH123
                return hashlib.file_digest(file, "sha256").hexdigest()
        told = os.stat(path)  # noqa: PTH116
    except OSError:
        return ""
    return f"@{told.st_size} {told.st_mtime_ns}"


_LIBRARY = str(Path(os.__file__).parent)


def _importing(frame: FrameType | None) -> bool:
    """Whether it is Python's import machinery that looks: it lists folders, and reads files."""
    # No frame at all is there where Python itself looks, as when it shows what an exception was raised by.
    return frame is not None and ("importlib" in frame.f_code.co_filename or "pkgutil" in frame.f_code.co_filename)


def is_loading(frame: FrameType | None) -> bool:
    """Whether it is Python's import machinery that opens a file, or asrun itself; or Python, to show a line of it."""
    return frame is None or (
        "importlib" in frame.f_code.co_filename or Path(frame.f_code.co_filename).is_relative_to(PACKAGE)
    )


def is_own(file: str, folders: Iterable[str]) -> bool:
    """Is it a file of the project: not asrun's, and not in a virtual environment that stands in the project?"""
    path = Path(file)
    inside = [path.relative_to(folder).parts for folder in folders if path.is_relative_to(folder)]
    foreign = path.is_relative_to(PACKAGE) or "site-packages" in path.parts
    return any(not part.startswith(".") for parts in inside for part in parts[:1]) and not foreign


def take_standard_input() -> int:
    """Return a descriptor of its own for standard input, and leave standard input empty: nobody is there to answer."""
    own = os.dup(0)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return own


def end_with_parent(descriptor: int, scratch: Path | None = None) -> None:
    """End this process and all that it started when the parent is gone: it holds a pipe's other end, and never writes.

    Arguments:
        descriptor: This end of the pipe.
        scratch: A folder that the parent would have deleted.
    """

    def wait() -> None:
        # Not through sys.stdin: its lock, held by a daemon thread, makes the interpreter abort when it exits.
        while os.read(descriptor, 4096):
            pass
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
        with contextlib.suppress(Exception):
            end_marked(os.environ[MARK])
        if sys.platform != "win32":
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def left_behind() -> tuple[int, list[tuple[int, float]]]:
    """Return how many threads would keep this process from ending, and the processes that it started and are there.

    Each process is told by its number and the time at which it began.
    """
    threads = [each for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
    told = Path(f"/proc/{os.getpid()}/task")
    if told.is_dir():
        # A look that costs nothing, since most runs start none.
        try:
            if not any((task / "children").read_text() for task in told.iterdir()):
                return len(threads), []
        except OSError:
            pass
    # Imported here: it takes a while to load.
    import psutil

    processes = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                processes.append((child.pid, child.create_time()))
    return len(threads), processes


def write(file: Path, what: Any) -> None:
    """Write a JSON file so that whoever waits for it finds all of it, or nothing."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(json.dumps(what), "utf-8")
    part.replace(file)


def modules(folders: list[str]) -> list[str]:
    """List the files of the project's own modules that are loaded."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    own = PACKAGE
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
    # Imported here: who draws a figure has no need of it.
    from asrun.inside.installed import versions_of

    # What stands for no module, and what is the project's own, is nothing that was installed.
    loaded = {name for name in used - sys.stdlib_module_names if name in sys.modules} - {"__main__", "__mp_main__"}
    foreign = {name for name in loaded if not is_own(str(getattr(sys.modules[name], "__file__", "")), folders)}
    found = {"python": platform.python_version()} | versions_of(foreign)
    torch = sys.modules.get("torch")
    if torch and torch.version.cuda:
        found["cuda"] = torch.version.cuda
    return found


def device() -> dict[str, Any]:
    """Say which device class was really used, its name, and how much memory the run took at its peak."""
    torch, used = sys.modules.get("torch"), device_class()
    if torch and used == "cuda":
        name, peak = torch.cuda.get_device_name(), torch.cuda.max_memory_allocated() / 2**20
    elif torch and used == "mps":
        name, peak = f"GPU of {_processor()}", _taken_of_apple_gpu(torch) / 2**20
    else:
        name, peak = f"{_processor()}, {cores()} cores", _peak_memory()
    return {"device_class": used, "device": name, "peak_memory_mb": round(peak, 1)}


def device_class() -> str:
    """Return the device class that this process has really used, as far as PyTorch tells it."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        return "cuda"
    return "mps" if torch and _taken_of_apple_gpu(torch) else "cpu"


_SMALLEST_HEAP = 8 * 2**20
"""Bytes that PyTorch takes of an Apple GPU for the first tensor on it, however small, and keeps."""


def _taken_of_apple_gpu(torch: ModuleType) -> int:
    """Return how many bytes of an Apple GPU's memory PyTorch holds; 0 where no tensor ever was on it.

    PyTorch does not tell whether it has used that GPU, nor the most that it held. To ask takes a little by itself.
    """
    mps = getattr(getattr(torch, "backends", None), "mps", None)
    if not mps or not mps.is_available():
        return 0
    held: int = torch.mps.driver_allocated_memory()
    return held if held >= _SMALLEST_HEAP // 2 or torch.mps.current_allocated_memory() else 0


def _processor() -> str:
    """Return the name that the processor goes by, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if "model name" in line:
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):
            asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
            told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
            if told:
                return told
    return platform.processor() or platform.machine()


def _peak_memory() -> float:
    """Return the most megabytes of memory that this process has held."""
    status = Path("/proc/self/status")
    if status.is_file():
        # What `resource` tells on Linux begins with what the process that started this one held.
        held = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.MULTILINE)
        if held:
            return int(held[1]) / 2**10
    if sys.platform == "win32":
        # Imported here: it takes a while to load.
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
