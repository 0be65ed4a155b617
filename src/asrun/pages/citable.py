"""Which record pages show for a snippet, whether it is true now, and why it cannot be shown."""

from __future__ import annotations

from asrun.errors import AsrunError, Exit, did_you_mean
from asrun.freshness.conditions import drawing_condition, record_condition, without_snippet
from asrun.freshness.snippet import Survey, by_preference, survey
from asrun.freshness.sources import Sources
from asrun.model import Condition, Record, Snippet, State
from asrun.project import Project
from asrun.records.store import DESCRIPTION, Store

__all__ = ["Citable"]


class Citable:
    """The snippets and records of a project, as far as pages may cite them.

    Arguments:
        project: The project.
        store: Its records.
        read: Its modules.
        allow_stale: Whether a record that is not true now may be shown.
    """

    def __init__(self, project: Project, store: Store, read: Sources, *, allow_stale: bool):
        self.project, self.store, self.sources, self.allow_stale = project, store, read, allow_stale

    @property
    def surveyed(self) -> Survey:
        """Every snippet that can be read, and what is wrong with the rest."""
        return survey(self.project, self.sources)

    def snippet(self, name: str) -> Snippet:
        """Return a snippet.

        Raises:
            AsrunError: when there is none that can be read.
        """
        if name not in self.surveyed.found:
            raise self.surveyed.missing(name, self.project)
        return self.surveyed.found[name]

    def condition(self, record: Record) -> Condition:
        """Return whether a record is true now, and its figures too."""
        snippet = self.surveyed.found.get(record.run.snippet)
        if snippet is None or record.run.scale not in snippet.scales:
            return without_snippet(record.run, self.surveyed)
        try:
            condition = record_condition(self.project, snippet, record, read=self.sources)
            if condition.state is State.FRESH:
                condition = drawing_condition(self.project, snippet, record, read=self.sources)
        except AsrunError as error:
            # A module of the project's cannot be read: what a run would use of it cannot be told.
            return Condition(State.BROKEN, error.sentence)
        return condition

    def best(self, name: str, scale: str | None) -> Record:
        """Return the record that pages show for a snippet; see `asrun.pages.context.Context.best`."""
        snippet = self.snippet(name)
        if scale and scale not in snippet.scales:
            raise AsrunError(
                f"{name} has no scale {scale}",
                remedy=did_you_mean(scale, snippet.scales, otherwise=f"its SCALES are: {', '.join(snippet.scales)}"),
                cause=("scale", name, scale),
            )
        record = self.store.best(name, scale, among=by_preference(snippet, self.project))
        if record is None:
            raise self._no_record(snippet, scale)
        if DESCRIPTION in record.damaged:
            raise AsrunError(
                f"{self.project.relative(self.store.path(record.run))} was changed by hand: {DESCRIPTION} is not what "
                "the run wrote",
                remedy=f"restore the record, or make it anew: asrun run {name} --scale {record.run.scale} --rerun",
                cause=("record", record.run),
            )
        condition = self.condition(record)
        if condition.state is not State.FRESH and not record.damaged and not self.allow_stale:
            again = f"asrun run {name} --scale {record.run.scale}"
            broken = condition.state is State.BROKEN
            raise AsrunError(
                f"{record.run} is {condition}",
                remedy=f"mend it, then: {again}" if broken else f"run it again: {again}",
                exit_code=Exit.FAILED if broken else Exit.STALE,
                cause=("record", record.run),
            )
        return record

    def _no_record(self, snippet: Snippet, scale: str | None) -> AsrunError:
        left = {run.scale for run in self.store.list() if run.snippet == snippet.name} - set(snippet.scales)
        unused = f"; there are records of {' and '.join(sorted(left))}, which SCALES no longer names" if left else ""
        at = f" at scale {scale}" if scale else ""
        return AsrunError(
            f"{snippet.name} has no record{at}{unused}",
            remedy=f"run it: asrun run {snippet.name}"
            + (f" --scale {scale}" if scale else "")
            + ("; asrun trim deletes what is not used any more" if left else ""),
            exit_code=Exit.STALE,
            cause=("record", snippet.name, scale),
        )
