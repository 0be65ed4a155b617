"""Makes a record: runs a snippet and stores its values, then draws its figures and stores those."""

from __future__ import annotations

from functools import partial

from asrun.errors import AsrunError
from asrun.freshness import conditions, failures
from asrun.model import Record, RunName, Snippet
from asrun.project import Project
from asrun.records.store import Store
from asrun.running import rescue
from asrun.running.follow import Telling, forgiving
from asrun.running.interruption import finished_runs_first
from asrun.running.snippets import redraw, run_snippet

__all__ = ["draw", "make_record"]


def make_record(
    project: Project, store: Store, snippet: Snippet, scale: str, device: str, tell: Telling, *, at_once: int = 1
) -> Record:
    """Run a snippet and store its record, then draw its figures and store those.

    The values are stored before anything is drawn: a mistake in `plot` costs no training.
    """
    run = RunName(snippet.name, scale, device)
    # Before the run: what is mended while it fails has not been tried.
    tried = conditions.attempted(project, snippet, run)
    with finished_runs_first():
        try:
            record = run_snippet(project, snippet, scale, device, partial(tell, str(run)), at_once=at_once)
        except AsrunError as error:
            failures.note(project, run, error, tried)
            raise
        rescue.put(project, store, record)
        failures.forget(project, run)
    return draw(project, store, snippet, record, tell)


def draw(project: Project, store: Store, snippet: Snippet, record: Record, tell: Telling) -> Record:
    """Draw a record's figures from its values, and store them."""
    if snippet.plots:
        listener = forgiving(partial(tell, f"{record.run} figures"))
        try:
            record = redraw(project, snippet, record, listener)
        finally:
            listener("")
        store.put(record)
    return record
