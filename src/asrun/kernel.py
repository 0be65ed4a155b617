"""What happens inside a notebook's own kernel: IPython's, started so that it watches itself and ends with its parent.

Started by `asrun.notebook_process` as `python -m asrun.kernel request.json -f connection.json`. When it is told to shut
down, it writes report.json into the folder that the request names before it answers.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp

from asrun.watch import Watch, device, end_with_parent, modules, versions

__all__ = ["main"]


class _WatchedKernel(IPythonKernel):
    request: dict[str, Any]
    watch: Watch

    # IPython's kernel answers at once, its base class later: both are accepted.
    def do_shutdown(self, restart: bool) -> Any:
        report = {
            "opened": self.watch.data_files(inside=self.request["inside"]),
            "modules": modules(self.request["folders"]),
            "versions": versions(self.request["folders"], also=[self.shell.user_ns if self.shell else {}]),
        } | device()
        Path(self.request["out"], "report.json").write_text(json.dumps(report), "utf-8")
        return super().do_shutdown(restart)


def main(request_file: str, arguments: list[str]) -> None:
    """Serve one notebook.

    Arguments:
        request_file: JSON with "out", "folders" (the project's modules) and "inside" (where its data may be).
        arguments: For IPython's kernel.
    """
    end_with_parent(os.dup(0))
    # A cell's own children must not wait for what nobody will type.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    app = IPKernelApp.instance(kernel_class=_WatchedKernel)
    app.initialize(arguments)
    app.kernel.request = json.loads(Path(request_file).read_text("utf-8"))
    # Not sooner: what IPython reads to start decides nothing.
    app.kernel.watch = Watch()
    app.start()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
