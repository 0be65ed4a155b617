"""Snippets and notebooks as tests: they still run, and return what their records have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from asrun import build, freshness, notebook, runner
from asrun.errors import AsrunError
from asrun.model import Record, RunName, Snippet, State, Where
from asrun.snippet import find_snippet
from asrun.testing.state import CONTEXT, MODE, SLOW, AsrunItem

__all__ = ["NotebookFile", "NotebookItem", "SnippetFile", "SnippetItem"]

CHEAP = 5.0
"""Snippets whose last run took at most so many seconds are run by every test session."""


class SnippetFile(pytest.File):
    """A snippet: a file of one test, at its smallest scale."""

    def collect(self) -> Iterator[pytest.Item]:
        context = self.config.stash[CONTEXT]
        try:
            snippet = find_snippet(self.path.stem, context.project)
        except AsrunError as error:
            yield SnippetItem.from_parent(self, name="can be read", snippet=None, scale="", error=error)
            return
        scales = [scale for scale in reversed(context.project.scales) if scale in snippet.scales]
        scale = scales[0] if scales else next(iter(snippet.scales))
        item = SnippetItem.from_parent(self, name=f"runs at scale {scale}", snippet=snippet, scale=scale, error=None)
        try:
            known = context.store.get(item.run_name)
        except AsrunError as error:
            item.error = error
            yield item
            return
        if known is None or known.provenance.seconds > CHEAP:
            item.add_marker(getattr(pytest.mark, SLOW))
        yield item


class SnippetItem(AsrunItem):
    """Runs a snippet and draws its figures; the committed record is left alone, unless records are to be updated."""

    def __init__(self, *, snippet: Snippet | None, scale: str, error: AsrunError | None, **arguments: object):
        super().__init__(**arguments)  # type: ignore[arg-type]
        self.snippet, self.scale, self.error = snippet, scale, error
        self.where = Where(self.config.stash[CONTEXT].project.relative(self.path))

    @property
    def run_name(self) -> RunName:
        return RunName(self.path.stem, self.scale, "cpu")

    def runtest(self) -> None:
        if self.error or not self.snippet:
            raise self.error or AsrunError("this snippet cannot be read")
        context = self.config.stash[CONTEXT]
        known = context.store.get(self.run_name)
        if self.config.stash[MODE] == "update":
            stale = (
                known is None
                or freshness.record_condition(context.project, self.snippet, known).state is not State.FRESH
            )
            if stale:
                build.make_record(context.project, context.store, self.snippet, self.scale, "cpu", _silence)
            return
        made = runner.run_snippet(context.project, self.snippet, self.scale, "cpu", lambda text: None)
        if self.snippet.plots:
            made = runner.redraw(context.project, self.snippet, made, lambda text: None)
        if known and (wrong := _differences(known, made)):
            raise AsrunError(
                f"{self.run_name} returns {wrong}",
                where=self.where,
                remedy=f"make its record anew: asrun run {self.snippet.name} --scale {self.scale} --rerun",
            )


def _silence(name: str, text: str) -> None:
    pass


def _differences(known: Record, made: Record) -> str:
    """Say in what a run differs from its record: other names, other shapes; other numbers where all else is the same.

    Numbers may differ in the last digits between machines, and grow apart in a training; they are held against the
    record only where processor and versions are those of the record.
    """
    for what, before, now in (("values", known.values, made.values), ("figures", known.figures, made.figures)):
        if set(before) != set(now):
            named = ", ".join(sorted(set(before) ^ set(now)))
            return f"other {what} than its record: {named}"
    there, here = known.provenance, made.provenance
    same = (there.device, there.versions) == (here.device, here.versions)
    for name, before in known.values.items():
        now = made.values[name]
        if np.shape(before) != np.shape(now) if isinstance(before, np.ndarray) else type(before) is not type(now):
            return f"{name} in another shape than its record"
        if same and not _equal(before, now):
            return f"other numbers for {name} than its record, on the same kind of machine with the same versions"
    return ""


def _equal(before: Any, now: Any) -> bool:
    if isinstance(before, dict):
        return set(before) == set(now) and all(_equal(before[name], now[name]) for name in before)
    if isinstance(before, np.ndarray) and before.dtype.kind in "fc":
        return bool(np.allclose(before, now, rtol=1e-6, atol=1e-12, equal_nan=True))
    if isinstance(before, float):
        return bool(np.isclose(before, now, rtol=1e-6, atol=1e-12, equal_nan=True))
    return bool(np.array_equal(before, now))


class NotebookFile(pytest.File):
    """A notebook of the project's pages."""

    def collect(self) -> Iterator[pytest.Item]:
        yield NotebookItem.from_parent(self, name="its executed copy is up to date")


class NotebookItem(AsrunItem):
    """A notebook: its executed copy is what it would be now."""

    def runtest(self) -> None:
        project = self.config.stash[CONTEXT].project
        condition = notebook.condition(project, self.path)
        if condition.state is not State.FRESH and self.config.stash[MODE] == "update":
            notebook.execute(project, self.path, lambda text: None)
            condition = notebook.condition(project, self.path)
        if condition.state is not State.FRESH:
            raise AsrunError(
                f"this notebook is {condition}",
                where=Where(project.relative(self.path)),
                remedy="execute it: asrun run --labs",
            )
