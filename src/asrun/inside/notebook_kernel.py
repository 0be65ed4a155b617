"""What happens inside a notebook's own kernel: IPython's, started so that it watches itself and ends with its parent.

Started by `asrun.running.notebook_client` as `python -m asrun.inside.notebook_kernel request.json -f connection.json`.
When it is told to shut down, it writes report.json into the folder that the request names before it answers.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp

from asrun.inside.executed import Executed
from asrun.inside.watch import Watch, device, end_with_parent, modules, versions, write

__all__ = ["main"]


class _WatchedKernel(IPythonKernel):
    request: dict[str, Any]
    watch: Watch
    executed: Executed

    # IPython's kernel answers at once, its base class later: both are accepted.
    def do_shutdown(self, restart: bool) -> Any:
        inside, folders = self.request["inside"], self.request["folders"]
        report = {
            "opened": self.watch.data_files(inside),
            "changed": self.watch.changed_files(inside),
            "absent": self.watch.absent_files(inside),
            "listed": self.watch.listed_folders(inside),
            "variables": self.watch.variables(),
            "executed": self.executed.told(),
            "elsewhere": self.executed.elsewhere,
            "modules": modules(folders),
            "versions": versions(folders, also=[self.shell.user_ns if self.shell else {}]),
        } | device()
        write(Path(self.request["out"], "report.json"), report)
        return super().do_shutdown(restart)  # type: ignore[no-untyped-call]


def main(request_file: str, arguments: list[str]) -> None:
    """Serve one notebook.

    Arguments:
        request_file: JSON with "out", "folders" (the project's modules) and "inside" (where its data may be).
        arguments: For IPython's kernel.
    """
    request = json.loads(Path(request_file).read_text("utf-8"))
    end_with_parent(os.dup(0), Path(request["out"]))
    # A cell's own children must not wait for what nobody will type.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    app = IPKernelApp.instance(kernel_class=_WatchedKernel)
    app.initialize(arguments)  # type: ignore[no-untyped-call]
    app.kernel.request = request
    # Not sooner: what IPython reads to start decides nothing.
    app.kernel.executed = Executed(request["folders"])
    assert app.shell, "it was initialised"
    app.kernel.watch = Watch(request["folders"], app.shell.user_global_ns)
    app.start()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
