"""Linux that lacks what Windows or macOS lacks, and refuses what they refuse: as near as one comes without them.

`pretending(system, folder)` returns the environment in which every Python process is such a one, children included.
What is emulated is what asrun could trip over: calls that are not there, folders that cannot be opened, files that
cannot be renamed or deleted while the same process has them open, names that are taken, code pages. Not emulated are
paths with backslashes and drives, and whatever other processes have open.
"""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
from dataclasses import dataclass
from pathlib import Path

_POSIX_MODULES = ("fcntl", "resource", "termios", "pwd", "grp")
_POSIX_CALLS = (
    "chown", "fork", "forkpty", "getpgid", "getpgrp", "getuid", "geteuid", "killpg", "mkfifo", "sched_getaffinity",
    "setpgid", "setsid", "statvfs",
)  # fmt: skip
_POSIX_SIGNALS = ("SIGKILL", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGSTOP", "SIGCHLD")


def pretending(system: str, folder: Path) -> dict[str, str]:
    """Return environment variables by which Python processes are on another system.

    Arguments:
        system: What `sys.platform` says there: `win32` or `darwin`.
        folder: An empty folder.
    """
    (folder / "sitecustomize.py").write_text(
        f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import other_systems; "
        f"other_systems.pretend({system!r})",
        "utf-8",
    )
    import matplotlib

    import asrun

    paths = [str(folder), str(Path(asrun.__file__).parents[1])]
    # Where fonts are known already: another system would look for its own.
    here = {"PYTHONPATH": os.pathsep.join(paths), "MPLCONFIGDIR": matplotlib.get_cachedir()}
    return here | ({"PYTHONIOENCODING": "cp1252"} if system == "win32" else {})


def pretend(system: str) -> None:
    """Let asrun be on another system in this process, for all of it that is loaded from now on."""
    # Loaded before, since what is Python's own and others' may keep what this takes away.
    import asyncio  # noqa: F401
    import ctypes
    import multiprocessing.popen_spawn_posix
    import multiprocessing.resource_tracker  # noqa: F401
    import platform
    import subprocess
    import tempfile  # noqa: F401

    import psutil

    sys.meta_path.insert(0, _Finder(system))
    machine = "arm64" if system == "darwin" else "AMD64"
    platform.machine = lambda: machine
    del os.sched_getaffinity
    _without_proc()
    if system == "win32":
        _without_posix(subprocess, psutil)
        _files_as_on_windows()

    def library(name, *arguments, **options):
        if name is None and _by_asrun():
            if system == "win32":
                raise TypeError("argument of type 'NoneType' is not iterable")
            return _AppleLibrary()
        return open_library(name, *arguments, **options)

    open_library, ctypes.CDLL = ctypes.CDLL, library


def _by_asrun() -> bool:
    """Whether it is asrun that calls what calls this."""
    return sys._getframe(2).f_globals.get("__name__", "").partition(".")[0] == "asrun"


class _Finder(importlib.machinery.PathFinder):
    """Finds asrun's modules, in which `sys.platform` says what it is told to."""

    def __init__(self, system: str):
        self.system = system

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] != "asrun":
            return None
        spec = super().find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(fullname, spec.origin, self.system)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, system: str):
        super().__init__(name, path)
        self.system = system

    def get_code(self, fullname):
        tree = ast.parse(Path(self.path).read_bytes(), self.path)
        return compile(ast.fix_missing_locations(_Platform(self.system).visit(tree)), self.path, "exec")


class _Platform(ast.NodeTransformer):
    def __init__(self, system: str):
        self.system = system

    def visit_Attribute(self, node):
        if ast.unparse(node) == "sys.platform":
            return ast.copy_location(ast.Constant(self.system), node)
        return self.generic_visit(node)


class _AppleLibrary:
    """What `ctypes.CDLL(None)` finds on macOS, as far as asrun asks for it."""

    @staticmethod
    def renamex_np(one, other, flags):
        if flags.value != 2 or not (os.path.exists(one) and os.path.exists(other)):
            return -1
        between = one + b".between"
        os.rename(one, between)
        os.rename(other, one)
        os.rename(between, other)
        return 0


def _without_proc():
    look = Path.stat

    def stat(self, **options):
        if str(self).startswith("/proc"):
            raise FileNotFoundError(2, "No such file or directory", str(self))
        return look(self, **options)

    Path.stat = stat


def _without_posix(subprocess, psutil):
    import signal

    for name in _POSIX_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in _POSIX_CALLS:
        if hasattr(os, name):
            delattr(os, name)
    for name in _POSIX_SIGNALS:
        if hasattr(signal, name):
            delattr(signal, name)
    # They may be asked for: one is nothing here, the other the number that Windows has beside that of now.
    subprocess.CREATE_NEW_PROCESS_GROUP = 0
    psutil.Process.memory_info = lambda self, look=psutil.Process.memory_info: _Memory(look(self).rss)
    psutil.Process.kill = lambda self: os.kill(self.pid, 9)
    sys.modules["msvcrt"] = _Locks()


@dataclass(frozen=True)
class _Memory:
    rss: int

    @property
    def peak_wset(self):
        return self.rss


class _Locks:
    """The module `msvcrt`, as far as asrun asks for it: locks on files, kept by another means."""

    LK_NBLCK = 2

    def __init__(self):
        import ctypes

        self._flock = ctypes.CDLL(None, use_errno=True).flock

    def locking(self, handle, mode, count):
        if self._flock(handle, 2 | 4):
            raise PermissionError(13, "Permission denied")


def _by_asrun_or_pathlib() -> bool:
    callers = [sys._getframe(depth).f_globals.get("__name__", "").partition(".")[0] for depth in (2, 3)]
    return callers[0] == "asrun" or callers == ["pathlib", "asrun"]


def _files_as_on_windows():
    def is_open(path):
        """Whether this process has a file open, or one in a folder: Windows does not let go of those."""
        path = os.path.abspath(os.fsdecode(path))
        held = []
        for each in os.listdir("/proc/self/fd"):
            try:
                held.append(os.readlink(f"/proc/self/fd/{each}"))
            except OSError:
                continue
        return any(each == path or each.startswith(path + "/") for each in held)

    def careful(act, *, over):
        def do(source, *rest, **options):
            by_name = not {"dir_fd", "src_dir_fd"} & {name for name, value in options.items() if value is not None}
            if by_name and _by_asrun_or_pathlib() and isinstance(source, (str, bytes, os.PathLike)):
                if any(map(is_open, (source, *rest[:1]))):
                    raise PermissionError(13, "The process cannot access the file", os.fspath(source))
                if not over and rest and os.path.lexists(rest[0]):
                    raise FileExistsError(17, "Cannot create a file when that file already exists", os.fspath(source))
                if over and rest and os.path.isdir(rest[0]):
                    raise PermissionError(13, "Access is denied", os.fspath(source))
            return act(source, *rest, **options)

        return do

    os.rename = careful(os.rename, over=False)
    os.replace = careful(os.replace, over=True)
    os.unlink = os.remove = careful(os.unlink, over=True)
    real_open = os.open

    def open_file(path, flags, *arguments, **options):
        if _by_asrun() and os.path.isdir(path):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real_open(path, flags, *arguments, **options)

    os.open = open_file
