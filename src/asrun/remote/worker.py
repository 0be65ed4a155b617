"""Does one run of a project that was sent, where it arrived. See `asrun.remote.sending`, which sends it."""

from __future__ import annotations

import base64
import json
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asrun import __version__
from asrun.errors import AsrunError
from asrun.freshness.snippet import find_snippet
from asrun.project import Project
from asrun.records.store import Store
from asrun.remote import bundle
from asrun.remote.parcel import unpack
from asrun.running.follow import Listener
from asrun.running.snippets import redraw, run_snippet

__all__ = ["work"]


def work(
    request: bytes,
    packed: bytes,
    listener: Listener,
    within: Callable[[Project], AbstractContextManager[Any]] = lambda project: nullcontext(),
) -> bytes:
    """Run a snippet of a project that was sent here.

    Arguments:
        request: For which run; see `Sent.request`.
        packed: The project.
        listener: Hears what the run prints.
        within: Takes the project as it is here, and returns a context in which it is run.

    Returns:
        A bundle of its record, or what went wrong, for `Sent.receive`.
    """
    job, host = json.loads(request), socket.gethostname()
    if job["asrun"] != __version__:
        error = {"what": f"{host} has asrun {__version__}, and here it is {job['asrun']}"}
        return json.dumps({"host": host, "error": error}).encode()
    reply: dict[str, Any] = {"host": host}
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="asrun-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve() / "project"
        project = unpack(packed, root)
        try:
            # Whoever sends runs here says who has which GPU, not the lock by which the runs of one machine take turns.
            tempfile.tempdir = folder
            with within(project):
                _record(project, job, listener, reply)
        except AsrunError as error:
            reply["error"] = _told(error, project, job, host)
        finally:
            tempfile.tempdir = before
    # Where the project is here means nothing to anybody else.
    return json.dumps(reply).replace(json.dumps(str(root))[1:-1], json.dumps(job["root"])[1:-1]).encode()


def _record(project: Project, job: dict[str, Any], listener: Listener, reply: dict[str, Any]) -> None:
    """Make a record; what there is of it is in the reply even if it cannot be drawn."""
    snippet, store = find_snippet(job["snippet"], project), Store(project)
    record = run_snippet(project, snippet, job["scale"], job["device"], listener)
    store.put(record)
    path = project.root.parent / "record.tar.gz"
    try:
        if snippet.plots:
            store.put(redraw(project, snippet, record, listener))
    finally:
        bundle.pack(project, store, [record.run], path)
        reply["bundle"] = base64.b64encode(path.read_bytes()).decode()


def _told(error: AsrunError, project: Project, job: dict[str, Any], host: str) -> dict[str, Any]:
    """Describe an error, with its log, and with what of the data is not on this worker."""
    log = project.cache / "logs" / f"{job['snippet']}-{job['scale']}-{job['device']}.txt"
    lacking = [name for name in job["data"] if not Path(os.environ.get(name) or "/nowhere").is_dir()]
    if lacking or "FileNotFoundError" in error.what:
        states = [f"{name} is {os.environ.get(name) or 'not set'}" for name in lacking or project.data_variables]
        state = f" There, {', '.join(states)}; set it where its workers are started." if states else ""
        remedy = f"it ran on {host}: is its data there?{state}" + (f"\n    {error.remedy}" if error.remedy else "")
    else:
        remedy = error.remedy or ""
    return {
        "what": error.what,
        "where": asdict(error.where) if error.where else None,
        "remedy": remedy or None,
        "log": log.read_text("utf-8") if log.is_file() else None,
    }
