"""What happens inside a snippet's own process: run it or draw it, watch what it opens and imports, and report.

Started by `asrun.runner` as `python -m asrun.child request.json`. It writes into the folder that the request names, and
never into the project: values.json (what `run` returned) or figures.json, then report.json or error.json.
"""

from __future__ import annotations

import faulthandler
import importlib.metadata
import importlib.util
import json
import os
import platform
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from asrun import codec
from asrun.errors import AsrunError

__all__ = ["main"]


class _Watch:
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

    def data_files(self) -> list[str]:
        """List what was opened and is data: not Python's own files, not code, not the system's."""
        import sysconfig

        outside = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values(), tempfile.gettempdir()}
        outside |= {"/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/run", str(Path(__file__).parent)}
        if matplotlib := sys.modules.get("matplotlib"):
            outside |= {matplotlib.get_cachedir(), matplotlib.get_configdir()}
        return sorted(
            path
            for path in self.opened
            if not path.endswith((".py", ".pyc", ".so", ".pth"))
            and not any(Path(path).is_relative_to(folder) for folder in outside if folder)
            and os.path.isfile(path)
        )


def main(request_file: str) -> int:
    """Serve one request; return the process's exit code."""
    request = json.loads(Path(request_file).read_text("utf-8"))
    out, path = Path(request["out"]), Path(request["snippet"])
    _end_with_parent()
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    watch = _Watch()
    sys.path[:0] = request["folders"]
    try:
        module = _load(path)
        started = time.perf_counter()
        if request["do"] == "run":
            values = codec.encode(module.run(**request["parameters"]))
            seconds = time.perf_counter() - started
            (out / "values.json").write_text(json.dumps(values), "utf-8")
        else:
            values, arrays = json.loads((out / "values.json").read_text("utf-8"))
            (out / "figures.json").write_text(json.dumps(_draw(module, codec.decode(values, arrays))), "utf-8")
            seconds = time.perf_counter() - started
        report = {
            "seconds": seconds,
            "opened": watch.data_files(),
            "modules": _modules(request["folders"]),
            "versions": _versions(request["folders"]),
        } | _device()
        (out / "report.json").write_text(json.dumps(report), "utf-8")
    except (Exception, SystemExit) as error:
        (out / "error.json").write_text(json.dumps(_failure(error, Path(request["root"]))), "utf-8")
        return 1
    return 0


def _end_with_parent() -> None:
    """End this process group when the parent is gone: it holds the other end of our standard input."""

    def wait() -> None:
        sys.stdin.buffer.read()
        if hasattr(os, "killpg"):
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader, "a snippet ends in .py"
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _draw(module: ModuleType, result: dict[str, Any]) -> dict[str, Any]:
    from asrun.figure import to_svg

    drawn = module.plot(result)
    named = drawn if isinstance(drawn, dict) else {"figure": drawn}
    figures = {name: to_svg(figure, f"{module.__name__}-{name}") for name, figure in named.items()}
    return {name: {"svg": figure.svg, "alt": figure.alt} for name, figure in figures.items()}


def _modules(folders: list[str]) -> list[str]:
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


def _versions(folders: list[str]) -> dict[str, str]:
    """Return the versions of Python and of the packages that the project's own modules use."""
    own = set(_modules(folders))
    used: set[str] = set()
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) in own:
            for value in vars(module).values():
                name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
                used.add(str(name).partition(".")[0])
    versions = {"python": platform.python_version()}
    packages = importlib.metadata.packages_distributions()
    for name in sorted(used - sys.stdlib_module_names):
        for package in packages.get(name, ())[:1]:
            versions[package.lower()] = importlib.metadata.version(package)
    torch = sys.modules.get("torch")
    if torch and torch.version.cuda:
        versions["cuda"] = torch.version.cuda
    return versions


def _device() -> dict[str, Any]:
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


def _failure(error: BaseException, root: Path) -> dict[str, Any]:
    """Describe an exception: its sentence, and the innermost place in the project where it passed."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(root) and not Path(frame.filename).is_relative_to(Path(__file__).parent)
    ]  # fmt: skip
    place = {"file": frames[-1].filename, "line": frames[-1].lineno, "function": frames[-1].name} if frames else None
    told = isinstance(error, AsrunError)
    return {
        "told": told,
        "what": error.what if told else f"{type(error).__name__}: {error}",
        "remedy": error.remedy if told else None,
        "place": place,
        "traceback": "".join(traceback.format_exception(error)),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
