"""What happens inside a snippet's own process: run it or draw it, watch what it opens and imports, and report.

Started by `asrun.process` as `python -m asrun.child request.json`. It writes into the folder that the request names,
and never into the project: values.json (what `run` returned) or figures.json, then report.json or error.json.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import signal
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from asrun import codec
from asrun.errors import AsrunError
from asrun.measure import check_axes
from asrun.observe import Calls
from asrun.watch import Watch, device, end_with_parent, is_own, modules, take_standard_input, versions

__all__ = ["main"]


def main(request_file: str) -> int:
    """Serve one request; return the process's exit code."""
    request = json.loads(Path(request_file).read_text("utf-8"))
    out, path = Path(request["out"]), Path(request["snippet"])
    end_with_parent(take_standard_input(), out)
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    calls = Calls(request["folders"])
    watch = Watch(request["folders"])
    sys.path[:0] = request["folders"]
    try:
        module = _load(path, calls)
        started = time.perf_counter()
        if request["do"] == "run":
            result = module.run(**request["parameters"])
            values = codec.encode(result)
            check_axes(result)
            seconds = time.perf_counter() - started
            (out / "values.json").write_text(json.dumps(values), "utf-8")
        else:
            values, arrays = json.loads((out / "values.json").read_text("utf-8"))
            (out / "figures.json").write_text(json.dumps(_draw(module, codec.decode(values, arrays))), "utf-8")
            seconds = time.perf_counter() - started
        inside = [request["root"], *request["data"]]
        report = {
            "seconds": seconds,
            "opened": watch.data_files(inside),
            "absent": watch.absent_files(inside),
            "listed": watch.listed_folders(inside),
            "variables": watch.variables,
            "calls": calls.told(),
            "modules": modules(request["folders"]),
            "versions": versions(request["folders"]),
        } | device()
        (out / "report.json").write_text(json.dumps(report), "utf-8")
    except (Exception, SystemExit) as error:
        (out / "error.json").write_text(json.dumps(_failure(error, request["folders"])), "utf-8")
        return 1
    return 0


def _load(path: Path, calls: Calls) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path, loader=calls.loader(path.stem, str(path)))
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
    return {
        name: {"svg": figure.svg, "alt": figure.alt, "points_as_image": figure.points_as_image}
        for name, figure in figures.items()
    }


def _failure(error: BaseException, folders: list[str]) -> dict[str, Any]:
    """Describe an exception: its sentence, and the innermost place in the project's own code where it passed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_own(frame.filename, folders)]
    place = {"file": frames[-1].filename, "line": frames[-1].lineno, "function": frames[-1].name} if frames else None
    told = error if isinstance(error, AsrunError) else None
    return {
        "told": told is not None,
        "what": told.what if told else f"{type(error).__name__}: {error}",
        "remedy": told.remedy if told else None,
        "place": place,
        "traceback": "".join(traceback.format_exception(error)),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
