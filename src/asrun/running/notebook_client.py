"""Execute a notebook in a kernel process of its own, in an empty folder, and put what it showed into its cells."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrun.errors import AsrunError
from asrun.inside.leftovers import KILL, MARK, end_group, end_marked
from asrun.model import Where
from asrun.own import PACKAGE
from asrun.records.secrecy import secrets
from asrun.records.terminal import as_shown
from asrun.running import ipynb
from asrun.running.follow import forgiving
from asrun.running.ipynb import Document

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

__all__ = ["require", "run"]

_LONGEST_SOCKET = 100
"""Bytes that the name of a socket may have on every system: macOS takes 103, Linux 107."""


def require() -> None:
    """See to it that what executes notebooks is installed, and that this is a system on which it was tried.

    Raises:
        AsrunError: when it is not.
    """
    if sys.platform == "win32":
        raise AsrunError("notebooks are not executed on Windows", remedy="in WSL they are: wsl --install")
    try:
        import ipykernel  # noqa: F401
        import nbclient  # noqa: F401
    except ImportError as error:
        raise AsrunError(f"notebooks need {error.name}", remedy="pip install nbclient ipykernel") from error


def run(
    document: Document,
    name: str,
    *,
    folders: Sequence[Path],
    root: Path,
    minutes: float,
    data: Sequence[Path] = (),
    listener: Callable[[str], None] = lambda text: None,
    log: Path | None = None,
) -> dict[str, Any]:
    """Execute the cells of a notebook, and fill in their outputs.

    Arguments:
        document: The notebook; changed in place.
        name: What messages call it.
        folders: Where modules are found besides the installed ones.
        root: The project's folder: data in it counts as opened, and outputs do not tell where it is.
        minutes: How long all of it may take.
        data: Folders of data elsewhere: what is in them counts as opened, too.
        listener: Is called with what is being done, and not again once it has raised.
        log: Where the traceback of a failure is kept.

    Returns:
        The kernel's report: what it opened, listed, looked for in vain, asked of the environment, called and imported;
        versions, device.

    Raises:
        AsrunError: when a cell raises, the kernel dies, or it does not end in time.
        KeyboardInterrupt: after the kernel and all that it started have been ended.
    """
    require()
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    at = _Place(ipynb.code_cells(document), forgiving(listener))
    # A kernel that ends itself deletes its folder, too: whoever comes second finds less in it.
    with tempfile.TemporaryDirectory(prefix="asrun-lab-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder).resolve()
        work = scratch / "work"
        work.mkdir()
        # A specification of our own: one that is installed by the name of python3 may be of another Python.
        spec = scratch / "kernels" / "asrun" / "kernel.json"
        spec.parent.mkdir(parents=True)
        request = {
            "out": str(scratch),
            "folders": [str(each) for each in folders],
            "inside": [str(root), *map(str, data)],
        }
        (scratch / "request.json").write_text(json.dumps(request), "utf-8")
        command = [
            sys.executable,
            "-m",
            "asrun.inside.notebook_kernel",
            str(scratch / "request.json"),
            "-f",
            "{connection_file}",
        ]
        spec.write_text(json.dumps({"argv": command, "display_name": "asrun", "language": "python"}), "utf-8")
        specs = KernelSpecManager(kernel_dirs=[str(scratch / "kernels")], ensure_native_kernel=False)
        manager = AsyncKernelManager(kernel_name="asrun", kernel_spec_manager=specs)
        manager.connection_file = str(scratch / "connection.json")
        if sys.platform != "win32" and len(os.fsencode(scratch / "socket-1")) < _LONGEST_SOCKET:
            # Sockets that are files in a private folder: two runs at once cannot take each other's port.
            manager.transport, manager.ip = "ipc", str(scratch / "socket")
        notebook = nbformat.from_dict(document | {"metadata": {}})  # type: ignore[no-untyped-call]
        client = NotebookClient(notebook, km=manager, timeout=None, record_timing=False, store_widget_state=False,
                                coalesce_streams=True, on_cell_start=at.start,
                                resources={"metadata": {"path": str(work)}})  # fmt: skip
        with (scratch / "log.txt").open("wb") as printed:
            environment = _environment(folders, scratch) | {MARK: scratch.name}
            options = {"env": environment, "stdout": printed, "stderr": printed}
            failure = _follow(client, manager, options, minutes * 60)
        replaced = secrets() | _as_written(
            {str(work): ".", f"{root}{os.sep}": "", str(root): ".", os.path.expanduser("~"): "~"}
        )
        for cell, ran in zip(at.cells, [cell for cell in notebook.cells if cell.cell_type == "code"], strict=True):
            cell["execution_count"] = ran.execution_count
            cell["outputs"] = [_scrubbed(ipynb.plain_output(output), replaced) for output in _plain(ran.outputs)]
        if failure is None and (scratch / "report.json").is_file():
            return _of_the_world(json.loads((scratch / "report.json").read_text("utf-8")), scratch)
        said = ""
        with contextlib.suppress(FileNotFoundError):
            said = (scratch / "log.txt").read_text("utf-8", "replace")
        raise _told(failure, name, at, minutes, log, said)


def _of_the_world(report: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Return a report without what is of the run alone: files in its own folder."""
    for kind in ("opened", "absent", "listed"):
        report[kind] = [path for path in report[kind] if not Path(path).is_relative_to(scratch)]
    return report


class _Place:
    """Which cell is being executed."""

    def __init__(self, cells: list[Document], listener: Callable[[str], None]):
        self.cells, self.listener, self.number = cells, listener, 0

    def start(self, cell: Document, cell_index: int) -> None:
        if cell["cell_type"] == "code":
            self.number += 1
            self.listener(f"cell {self.number} of {len(self.cells)}: {self.line()}")

    def line(self) -> str:
        """Return the first line of the cell that says something."""
        lines = self.cells[self.number - 1]["source"].splitlines() if self.number else []
        return next((line.strip() for line in lines if line.strip()), "")

    def __str__(self) -> str:
        return f"code cell {self.number} ({self.line()})"


def _environment(folders: Sequence[Path], scratch: Path) -> dict[str, str]:
    given = [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    paths = [*map(str, folders), str(PACKAGE.parent), *given]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8",
        # As for a reader with no settings: not the author's IPython profile, plots in Matplotlib's own style.
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_CONFIG_DIR": str(scratch / "jupyter"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "CUDA_VISIBLE_DEVICES": "",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    if (matplotlib := importlib.util.find_spec("matplotlib")) and matplotlib.origin:
        environment["MATPLOTLIBRC"] = str(Path(matplotlib.origin).parent / "mpl-data" / "matplotlibrc")
    return environment


def _follow(client: Any, manager: AsyncKernelManager, options: dict[str, Any], seconds: float) -> BaseException | None:
    """Execute, and end the kernel and all that it started, whatever happens; return what went wrong."""
    mark, errors = options["env"][MARK], list[BaseException]()
    groups: list[int] = []

    def started(notebook: Any) -> None:
        groups.append(manager.provisioner.pid)  # type: ignore[union-attr]

    async def execute() -> None:
        try:
            await client.async_execute(cleanup_kc=False, stdin=read_end, **options)
            # The answer comes once the report is written; waiting for a graceful end after it would be in vain. Whether
            # there is a report is looked at later: what the cells came to is not lost with the answer.
            with contextlib.suppress(Exception):
                await client.kc.shutdown(reply=True, timeout=60)
        finally:
            if client.kc:
                client.kc.stop_channels()
            if manager.has_kernel:
                await manager.shutdown_kernel(now=True)

    def work() -> None:
        # Imported here: few builds execute a notebook, and it takes a while to load.
        import asyncio

        try:
            asyncio.run(execute())
        except BaseException as error:
            errors.append(error)

    client.on_notebook_start = started
    # The kernel ends itself when the other end of this pipe is closed, also because this process was killed.
    read_end, write_end = os.pipe()
    # In a thread, so that Ctrl-C and the time limit reach this one, and because a loop may be running in this one.
    thread = threading.Thread(target=work, daemon=True)
    try:
        thread.start()
        until = time.monotonic() + seconds
        # A little at a time: on Windows, nothing interrupts a thread that waits for another.
        while thread.is_alive() and (left := until - time.monotonic()) > 0:
            thread.join(min(left, 0.5))
        if thread.is_alive():
            return TimeoutError()
        return errors[0] if errors else None
    finally:
        # Before the pipe is closed: a kernel that ends itself would take what it printed with it.
        for group in groups:
            end_group(group, KILL)
        end_marked(mark)
        os.close(write_end)
        os.close(read_end)
        thread.join(10)


def _told(
    error: BaseException | None, name: str, at: _Place, minutes: float, log: Path | None, printed: str
) -> AsrunError:
    """Say why a notebook did not come to its end."""
    from nbclient.exceptions import CellExecutionError

    where = Where(name)
    if isinstance(error, TimeoutError):
        return AsrunError(
            f"it did not end within {minutes:g} minutes, and was stopped in {at}",
            where=where,
            remedy=f"make it faster, or allow more in mkdocs.yml: minutes: {2 * minutes:g}",
        )
    if not isinstance(error, CellExecutionError):
        lines = [line for line in printed.splitlines() if line.strip()][-8:]
        return AsrunError(
            f"its kernel died {f'in {at}' if at.number else 'before the first cell'}"
            + "".join(f"\n    | {line[:160]}" for line in lines),
            where=where,
            remedy=f"it may have needed more memory than there is; see it happen: jupyter lab {name}",
        )
    remedy = f"step through it: jupyter lab {name}"
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(re.sub(r"\x1b\[[0-9;]*m", "", str(error)), "utf-8")
        remedy = f"the whole traceback is in .asrun/logs/{log.name}; or {remedy}"
    return AsrunError(f"{at} raised {error.ename}: {error.evalue}", where=where, remedy=remedy)


def _as_written(paths: dict[str, str]) -> dict[str, str]:
    """Return paths as they are, and before that as `repr` writes those that have backslashes."""
    return {path.replace("\\", "\\\\"): shown for path, shown in paths.items()} | paths


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _scrubbed(output: Document, replaced: dict[str, str]) -> Document:
    """Return an output without what differs from machine to machine or from run to run."""

    def clean(value: Any) -> Any:
        if isinstance(value, list):
            return [clean(each) for each in value]
        if not isinstance(value, str):
            return value
        value = re.sub(r"\S*ipykernel_\d+[/\\]\d+\.py", "<cell>", value)
        for path, shown in replaced.items():
            value = value.replace(path, shown)
        return re.sub(r"\b0x[0-9a-f]{8,16}\b", "0x…", value)

    cleaned = {part: clean(value) for part, value in output.items() if part != "transient"}
    if "text" in cleaned:
        # What was printed; colours of other outputs are drawn by whoever shows the notebook.
        cleaned["text"] = as_shown(cleaned["text"])
    if "data" in output:
        cleaned["data"] = {
            kind: value if kind.startswith(("image/", "application/")) else clean(value)
            for kind, value in output["data"].items()
            if not kind.startswith("application/vnd.jupyter.widget")
        }
    return cleaned
