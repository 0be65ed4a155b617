"""What happens inside a notebook's own kernel: IPython's, started so that it watches itself and ends with its parent.

Started by `asrun.notebook` as `python -m asrun.kernel request.json -f connection.json`. When it is told to shut down it
writes report.json into the folder that the request names.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from asrun.watch import Watch, device, end_with_parent, modules, versions

__all__ = ["main"]


def main(request_file: str, arguments: list[str]) -> None:
    """Serve one notebook.

    Arguments:
        request_file: JSON with "out", "folders" (the project's modules) and "inside" (where its data may be).
        arguments: For IPython's kernel.
    """
    from ipykernel.kernelapp import IPKernelApp

    request = json.loads(Path(request_file).read_text("utf-8"))
    end_with_parent(os.dup(0))
    # A cell's own children must not wait for what nobody will type.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    app = IPKernelApp.instance()
    app.initialize(arguments)
    # Not sooner: what IPython reads to start decides nothing.
    watch = Watch()
    app.start()
    report = {
        "opened": watch.data_files(inside=request["inside"]),
        "modules": modules(request["folders"]),
        "versions": versions(request["folders"], also=[app.shell.user_ns]),
    } | device()
    Path(request["out"], "report.json").write_text(json.dumps(report), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
