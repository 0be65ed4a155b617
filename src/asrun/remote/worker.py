"""What a run on a cluster consists of: a project, packed and unpacked again, and one Ray task on a worker.

See `asrun.remote.cluster`, which sends it. All that travels is bytes: a zip of the project's own files and a request as
JSON in one direction, a reply as JSON in the other, with the record in it as a bundle.
"""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import tempfile
import threading
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asrun import __version__
from asrun.errors import AsrunError
from asrun.freshness.key import folders
from asrun.freshness.snippet import find_snippet
from asrun.model import Where
from asrun.parallel import ON_CLUSTER
from asrun.project import Project, read_project
from asrun.records.store import Store
from asrun.remote import bundle
from asrun.running.snippets import redraw, run_snippet

__all__ = ["LARGEST_PROJECT", "NEWS_EVERY", "News", "pack", "unpack", "work"]

LARGEST_PROJECT = 64 * 2**20
"""Bytes that a project's own files may have to be sent."""

NEWS_EVERY = 0.5
"""Seconds between two looks at what a run printed last."""


# What is sent


def pack(project: Project) -> bytes:
    """Pack the project's own files: not its records, its site, its data folders, nor anything hidden.

    Raises:
        AsrunError: when they are too large, or a source folder is not in the project.
    """
    for folder in project.sources:
        if not folder.resolve().is_relative_to(project.root):
            raise AsrunError(
                f"the source folder {folder} is not in the project, and cannot be sent to a cluster",
                where=Where("mkdocs.yml"),
                remedy="move it into the project, or install it as a package here and on the cluster",
            )
    data = {Path(os.path.abspath(os.environ[name])) for name in project.data_variables if os.environ.get(name)}
    apart = {project.records, project.site, project.cache, *data} - {project.root}
    files, sizes = [], Counter[str]()
    for name, inner, names in os.walk(project.root):
        folder = Path(name)
        inner[:] = sorted(
            each
            for each in inner
            if not each.startswith((".", "__pycache__", "node_modules"))
            and folder / each not in apart
            and not (folder / each / "pyvenv.cfg").exists()
        )
        for path in sorted(folder / each for each in names if not each.startswith(".")):
            if path.is_file() and path not in apart:
                files.append(path)
                sizes[path.relative_to(project.root).parts[0]] += path.stat().st_size
    if (total := sum(sizes.values())) > LARGEST_PROJECT:
        largest = ", ".join(f"{name} ({size / 2**20:.0f} MiB)" for name, size in sizes.most_common(3))
        raise AsrunError(
            f"the project's own files are too large to be sent to a cluster: {total / 2**20:.0f} MiB, and "
            f"{LARGEST_PROJECT // 2**20} MiB is the most; the largest are {largest}",
            remedy="move data into a folder that one of mkdocs.yml's data_variables names, here and on the cluster",
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in files:
            # Without times: the same files always make the same bytes.
            entry = zipfile.ZipInfo(path.relative_to(project.root).as_posix())
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unpack(packed: bytes, root: Path) -> Project:
    """Unpack a project into an empty folder, and read it."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(root)
    return read_project(root)


# On a worker


class News:
    """Keeps what runs printed last until somebody asks: a Ray actor."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[str, str]] = {}

    def tell(self, run: str, host: str, text: str) -> None:
        self._latest[run] = (host, text)

    def take(self) -> dict[str, tuple[str, str]]:
        latest, self._latest = self._latest, {}
        return latest


class _Reporter:
    """Passes on what a run prints, but not more often than anybody reads."""

    def __init__(self, news: Any, run: str, host: str):
        self._news, self._run, self._host = news, run, host
        self._text, self._told = "", ""
        self._done = threading.Event()
        threading.Thread(target=self._report, daemon=True).start()

    def __call__(self, text: str) -> None:
        self._text = text[:400]

    def close(self) -> None:
        self._done.set()

    def _report(self) -> None:
        while not self._done.wait(NEWS_EVERY):
            if (text := self._text) != self._told:
                self._told = text
                # Whether anybody hears it is not what a run depends on.
                with suppress(Exception):
                    self._news.tell.remote(self._run, self._host, text)


def work(request: bytes, packed: bytes, news: Any) -> bytes:
    """Run a snippet of a project that was sent here; return a bundle of its record, or what went wrong, as JSON."""
    import ray

    job, host = json.loads(request), socket.gethostname()
    if job["asrun"] != __version__:
        error = {"what": f"{host} has asrun {__version__}, and here it is {job['asrun']}"}
        return json.dumps({"host": host, "error": error}).encode()
    news.tell.remote(job["run"], host, f"starts on {host}")
    reporter, before = _Reporter(news, job["run"], host), tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="asrun-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve() / "project"
        project = unpack(packed, root)
        reply: dict[str, Any] = {"host": host}
        try:
            # Ray says who has which GPU, not the lock by which the runs of one machine take turns.
            tempfile.tempdir = folder
            again = Path(folder) / "project.zip"
            again.write_bytes(packed)
            os.environ[ON_CLUSTER] = json.dumps(
                {
                    "address": ray.get_runtime_context().gcs_address,
                    "root": str(root),
                    "packed": str(again),
                    "folders": [project.relative(each) for each in folders(project)],
                    "data": project.data_variables,
                }
            )
            _record(project, job, reporter, reply)
        except AsrunError as error:
            reply["error"] = _told(error, project, job, host)
        finally:
            reporter.close()
            tempfile.tempdir = before
            os.environ.pop(ON_CLUSTER, None)
    # Where the project was here means nothing to anybody else.
    return json.dumps(reply).replace(json.dumps(str(root))[1:-1], json.dumps(job["root"])[1:-1]).encode()


def _record(project: Project, job: dict[str, Any], listener: Callable[[str], None], reply: dict[str, Any]) -> None:
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
        state = f" There, {', '.join(states)}; set it where Ray is started." if states else ""
        remedy = f"it ran on {host}: is its data there?{state}" + (f"\n    {error.remedy}" if error.remedy else "")
    else:
        remedy = error.remedy or ""
    return {
        "what": error.what,
        "where": asdict(error.where) if error.where else None,
        "remedy": remedy or None,
        "log": log.read_text("utf-8") if log.is_file() else None,
    }
