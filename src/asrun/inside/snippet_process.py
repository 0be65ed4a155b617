"""What happens inside a snippet's own process: run it or draw it, watch what it opens and imports, and report.

Started by `asrun.running.process` as `python -m asrun.inside.snippet_process request.json`. It writes into the folder
that the request names, and never into the project: values.json (what `run` returned) or figures.json, then report.json
or error.json.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from asrun.errors import AsrunError
from asrun.inside.executed import Executed
from asrun.inside.luck import Luck
from asrun.inside.warned import Warned
from asrun.inside.watch import (
    Watch,
    device,
    end_with_parent,
    is_own,
    left_behind,
    modules,
    take_standard_input,
    versions,
    write,
)
from asrun.records import codec
from asrun.values.measure import check_axes

__all__ = ["main"]


def main(request_file: str) -> int:
    """Serve one request; return the process's exit code."""
    request = json.loads(Path(request_file).read_text("utf-8"))
    out, path, itself = Path(request["out"]), Path(request["snippet"]), os.getpid()
    end_with_parent(take_standard_input(), out)
    if sys.platform != "win32":
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    executed = Executed([request["root"], *request["folders"]])
    watch = Watch(request["folders"])
    warned, luck = Warned(), Luck(watch.is_own)
    sys.path[:0] = request["folders"]
    # As for `python snippets/NAME.py`: what was asked of asrun is not asked of the snippet.
    sys.argv[:] = [str(path)]
    try:
        module = _load(path)
        started = time.perf_counter()
        if request["do"] == "run":
            result = module.run(**request["parameters"])
        else:
            result = _draw(module, codec.decode(*json.loads((out / "values.json").read_text("utf-8"))))
        if os.getpid() != itself:
            # A fork that came back from `run`, too: what it returns was not asked for.
            return 0
        if request["do"] == "run":
            encoded = codec.encode(result)
            check_axes(result)
            result = encoded
        seconds = time.perf_counter() - started
        write(out / ("values.json" if request["do"] == "run" else "figures.json"), result)
        inside = [request["root"], *request["data"]]
        report = {
            "seconds": seconds,
            "opened": watch.data_files(inside),
            "changed": watch.changed_files(inside),
            "absent": watch.absent_files(inside),
            "listed": watch.listed_folders(inside),
            "executed": executed.told(),
            "elsewhere": executed.elsewhere,
        }
        if request["do"] == "run":
            own = modules(request["folders"])
            report |= {
                "variables": watch.variables(),
                "modules": own,
                "versions": versions(request["folders"]),
                "remarks": [*luck.told(own), *warned.told([request["root"], *request["data"]])],
            } | device()
        report["threads"], report["processes"] = left_behind()
        write(out / "report.json", report)
    except (Exception, SystemExit) as error:
        if os.getpid() != itself:
            raise
        write(out / "error.json", _failure(error, request["folders"]))
        return 1
    return 0


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader, "a snippet ends in .py"
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _draw(module: ModuleType, result: dict[str, Any]) -> dict[str, Any]:
    from asrun.records.figure import to_svg

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
