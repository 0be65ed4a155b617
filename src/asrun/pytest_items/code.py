"""Snippets and notebooks as tests: they still run, and say what their records say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asrun.checks import reading, reproduction
from asrun.checks.repetition import check_repeats
from asrun.errors import AsrunError, Problems
from asrun.freshness import conditions
from asrun.freshness.snippet import cheapest_scale, find_snippet
from asrun.model import Record, RunName, Snippet, State, Where
from asrun.pages.context import Context
from asrun.pytest_items.state import CONTEXT, MODE, REPEAT, SLOW, TOLD, AsrunItem, read_all
from asrun.running import notebooks, recording, snippets

__all__ = ["NotebookFile", "NotebookItem", "RepeatItem", "SnippetFile", "SnippetItem", "UnreadableItem"]

CHEAP = 5.0
"""Snippets whose last run took at most so many seconds are run by every test session."""


class SnippetFile(pytest.File):
    """A snippet, at its smallest scale: it reproduces its record, and where that is asked for, it repeats."""

    def collect(self) -> Iterator[pytest.Item]:
        context = self.config.stash[CONTEXT]
        try:
            snippet = find_snippet(self.path.stem, context.project)
        except AsrunError as error:
            yield UnreadableItem.from_parent(self, name="can be read", error=error)
            return
        scale = cheapest_scale(snippet, context.project)
        try:
            known = context.store.get(RunName(snippet.name, scale, "cpu"))
        except AsrunError as error:
            yield UnreadableItem.from_parent(self, name="its record can be read", error=error)
            return
        name = f"reproduces its record at scale {scale}" if known else f"runs at scale {scale}"
        items: list[SnippetItem] = [SnippetItem.from_parent(self, name=name, snippet=snippet, scale=scale)]
        if self.config.stash[REPEAT]:
            repeats = RepeatItem.from_parent(self, name=f"repeats at scale {scale}", snippet=snippet, scale=scale)
            repeats.add_marker(pytest.mark.asrun_repeat)
            items.append(repeats)
        for item in items:
            if known is None or known.provenance.seconds > CHEAP:
                item.add_marker(getattr(pytest.mark, SLOW))
        yield from items


class UnreadableItem(AsrunItem):
    """A snippet, or a record of it, that cannot be read."""

    def __init__(self, *, error: AsrunError, **arguments: object):
        super().__init__(**arguments)  # type: ignore[arg-type]
        self.error, self.where = error, Where(self.config.stash[CONTEXT].project.relative(self.path))

    def runtest(self) -> None:
        raise self.error


class SnippetItem(AsrunItem):
    """Runs a snippet, draws its figures, and holds both against its record; see `asrun.checks.reproduction`.

    The committed record is left alone, unless records are to be updated.
    """

    def __init__(self, *, snippet: Snippet, scale: str, **arguments: object):
        super().__init__(**arguments)  # type: ignore[arg-type]
        self.snippet, self.run_name = snippet, RunName(snippet.name, scale, "cpu")
        self.where = Where(self.config.stash[CONTEXT].project.relative(self.path))

    def runtest(self) -> None:
        context, run = self.config.stash[CONTEXT], self.run_name
        known = context.store.get(run)
        if self.config.stash[MODE] == "update":
            if known is None or not self.is_fresh(context, known):
                recording.make_record(context.project, context.store, self.snippet, run.scale, run.device, _silence)
            return
        made = snippets.run_snippet(
            context.project, self.snippet, run.scale, run.device, lambda text: None, at_once=_at_once(self.config)
        )
        if self.snippet.plots:
            made = snippets.redraw(context.project, self.snippet, made, lambda text: None)
        if known:
            self.hold(context, known, made)

    def hold(self, context: Context, known: Record, made: Record) -> None:
        """Hold a run against the record, and all that pages say of it."""
        if self.is_fresh(context, known):
            pages = read_all(self.config)
        else:
            # What pages say of a record that is not up to date is an error everywhere else.
            context = Context(context.project, allow_stale=True, store=context.store, read=context.sources)
            pages = reading.read_all(context)
        verdict = reproduction.compare(context, self.snippet, known, made, pages)
        if verdict.told:
            self.add_report_section("call", TOLD, "\n".join(verdict.told))
        if verdict.wrong:
            raise verdict.wrong[0] if len(verdict.wrong) == 1 else Problems(verdict.wrong)

    def is_fresh(self, context: Context, known: Record) -> bool:
        return conditions.record_condition(context.project, self.snippet, known).state is State.FRESH


def _at_once(config: pytest.Config) -> int:
    """Return how many tests go on at the same time: pytest-xdist's workers each run snippets, and share the cores."""
    return int(getattr(config, "workerinput", {}).get("workercount", 1))


class RepeatItem(SnippetItem):
    """Runs a snippet twice, and compares every bit; see `asrun.checks.repetition`."""

    def runtest(self) -> None:
        project, run = self.config.stash[CONTEXT].project, self.run_name
        check_repeats(project, self.snippet, run.scale, run.device, lambda text: None)


def _silence(name: str, text: str) -> None:
    pass


class NotebookFile(pytest.File):
    """A notebook of the project's pages."""

    def collect(self) -> Iterator[pytest.Item]:
        yield NotebookItem.from_parent(self, name="its executed copy is up to date")
        for number, error in enumerate(reading.read_notebook(self.path, self.config.stash[CONTEXT]).problems, 1):
            yield UnreadableItem.from_parent(self, name=f"its text cites nothing ({number})", error=error)


class NotebookItem(AsrunItem):
    """A notebook: its executed copy is what it would be now."""

    def runtest(self) -> None:
        project = self.config.stash[CONTEXT].project
        condition = notebooks.condition(project, self.path)
        if condition.state is not State.FRESH and self.config.stash[MODE] == "update":
            notebooks.execute(project, self.path, lambda text: None)
            condition = notebooks.condition(project, self.path)
        if condition.state is not State.FRESH:
            raise AsrunError(
                f"this notebook is {condition}",
                where=Where(project.relative(self.path)),
                remedy="execute it: asrun run --labs",
            )
