"""One run as a task of a Ray cluster: what a worker does with it, and how it tells what the run prints."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from asrun.freshness.key import folders
from asrun.inside.items import ELSEWHERE
from asrun.project import Project
from asrun.remote.worker import work

__all__ = ["NEWS_EVERY", "News", "run"]

NEWS_EVERY = 0.5
"""Seconds between two looks at what a run printed last."""


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


def run(request: bytes, packed: bytes, news: Any) -> bytes:
    """Do one run on a worker; see `asrun.remote.worker.work`."""
    name, host = json.loads(request)["run"], socket.gethostname()
    news.tell.remote(name, host, f"starts on {host}")
    reporter = _Reporter(news, name, host)
    try:
        return work(request, packed, reporter, lambda project: _items_on_the_cluster(project, packed))
    finally:
        reporter.close()


@contextmanager
def _items_on_the_cluster(project: Project, packed: bytes) -> Iterator[None]:
    """Let a run within this know that its items are computed on the cluster."""
    import ray

    again = project.root.parent / "project.zip"
    again.write_bytes(packed)
    there = {
        "address": ray.get_runtime_context().gcs_address,
        "root": str(project.root),
        "packed": str(again),
        "folders": [project.relative(each) for each in folders(project)],
        "data": project.data_variables,
    }
    os.environ[ELSEWHERE] = json.dumps({"by": "asrun.ray_cluster.items:on_cluster", "there": there})
    try:
        yield
    finally:
        del os.environ[ELSEWHERE]
