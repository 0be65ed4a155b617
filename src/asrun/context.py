"""What a page may cite: the project's records, literature and snippets, and whether they can be trusted now."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from asrun.errors import AsrunError, Exit, did_you_mean
from asrun.expression import Evaluation, evaluate
from asrun.fingerprint import Sources
from asrun.freshness import drawing_condition, record_condition
from asrun.key import sources
from asrun.literature import Literature
from asrun.measure import Measure
from asrun.model import Condition, Figure, Record, RunName, State
from asrun.project import Project
from asrun.snippet import find_snippet, list_snippets
from asrun.store import DESCRIPTION, Store

__all__ = ["Context"]


class Context:
    """Looks up what pages cite, and remembers what it found.

    Arguments:
        project: The project.
        allow_stale: Show stale records (pages mark them) where they are an error otherwise.
        store: The project's records, where somebody has read them already.
        read: Its modules, likewise.
    """

    def __init__(
        self,
        project: Project,
        *,
        allow_stale: bool = False,
        store: Store | None = None,
        read: Sources | None = None,
    ):
        self.project, self.allow_stale = project, allow_stale
        self.store, self.literature = store or Store(project), Literature(project)
        self.sources = read or sources(project)
        self._conditions: dict[RunName, Condition] = {}
        self._best: dict[tuple[str, str | None], Record] = {}
        self.asked: dict[str, list[str]] = {}
        """Other hosts that pages load something from, and which pages."""

    pdf = False
    """Whether the site that is built has its decks as PDF too."""

    @cached_property
    def snippets(self) -> dict[str, Any]:
        return {snippet.name: snippet for snippet in list_snippets(self.project)}

    def condition(self, record: Record) -> Condition:
        """Return whether a record is fresh, and its figures too."""
        if record.run not in self._conditions:
            snippet = self.snippets[record.run.snippet]
            condition = record_condition(self.project, snippet, record, read=self.sources)
            if condition.state is State.FRESH:
                condition = drawing_condition(self.project, snippet, record, read=self.sources)
            self._conditions[record.run] = condition
        return self._conditions[record.run]

    def best(self, name: str, scale: str | None = None) -> Record:
        """Return the record that pages show for a snippet.

        Raises:
            AsrunError: when there is no such snippet or no record, or the record is stale and that is not allowed.
        """
        if (name, scale) not in self._best:
            self._best[name, scale] = self._find_best(name, scale)
        return self._best[name, scale]

    def _find_best(self, name: str, scale: str | None) -> Record:
        if name not in self.snippets:
            # Says what is near; the file of a snippet that there is was read once for all citations.
            find_snippet(name, self.project)
        record = self.store.best(name, scale)
        if record is None:
            at = f" at scale {scale}" if scale else ""
            raise AsrunError(
                f"{name} has no record{at}", remedy=f"run it: asrun run {name}" + (f" --scale {scale}" if scale else "")
            )
        if DESCRIPTION in record.damaged:
            raise AsrunError(
                f"{self.project.relative(self.store.path(record.run))} was changed by hand: {DESCRIPTION} is not what "
                "the run wrote",
                remedy=f"restore the record, or make it anew: asrun run {name} --scale {record.run.scale} --rerun",
            )
        condition = self.condition(record)
        if condition.state is not State.FRESH and not record.damaged and not self.allow_stale:
            raise AsrunError(
                f"{record.run} is {condition}",
                remedy=f"run it again: asrun run {name} --scale {record.run.scale}",
                exit_code=Exit.STALE,
            )
        return record

    def record(self, name: str, scale: str | None, value: str | None) -> tuple[RunName, dict[str, Any]]:
        """Return a snippet's values for an expression; see `asrun.expression.Lookup`."""
        if name not in self.snippets:
            raise AsrunError(
                f"there is no snippet called {name}",
                remedy=did_you_mean(
                    name,
                    [*self.snippets, "published"],
                    otherwise=f"snippets are: {', '.join(self.snippets) or 'none yet'}",
                ),
            )
        record = self.best(name, scale)
        if value in record.damaged:
            raise AsrunError(
                f"{name}.{value} is not what the run wrote: {self.project.relative(self.store.path(record.run))} was "
                "changed by hand",
                remedy=f"restore the record, or make it anew: asrun run {name} --scale {record.run.scale} --rerun",
            )
        return record.run, record.values

    def published(self, key: str) -> Measure:
        """Return a published number for an expression."""
        known = self.literature.published
        if key not in known:
            raise AsrunError(
                f"there is no published number called {key}",
                remedy=did_you_mean(key, known, otherwise=f"published.yml has: {', '.join(known) or 'none'}"),
            )
        number = known[key]
        return Measure(
            number.values, number.axes, number.labels, frozenset([f"published.{key}"]), uncertainty=number.uncertainty
        )

    def figure(self, text: str) -> tuple[Record, Figure]:
        """Find a figure by `snippet` or `snippet.figure`."""
        name, _, figure = text.partition(".")
        record = self.best(name)
        if not record.figures:
            raise AsrunError(f"{record.run} has no figures", remedy=f"draw them: asrun run {name}")
        figure = figure or next(iter(record.figures))
        if figure not in record.figures:
            raise AsrunError(
                f"{name} has no figure called {figure}",
                remedy=did_you_mean(
                    figure, record.figures, otherwise=f"it has: {', '.join(record.figures)}", within=f"{name}."
                ),
            )
        if damaged := {"figure " + figure} & record.damaged:
            raise AsrunError(
                f"{', '.join(damaged)} of {record.run} is not what the run drew: it was changed by hand",
                remedy=f"draw it anew: asrun run {name} --redraw",
            )
        return record, record.figures[figure]

    def evaluate(
        self, text: str, scale: str | None = None, *, names: Mapping[str, Measure] | None = None
    ) -> Evaluation:
        return evaluate(text, self, scale, names=names)
