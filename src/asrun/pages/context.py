"""What a page may cite: the project's records, literature and snippets, and whether they can be trusted now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from asrun.errors import AsrunError, Exit, did_you_mean
from asrun.freshness.conditions import drawing_condition, record_condition, without_snippet
from asrun.freshness.key import sources
from asrun.freshness.reach import Sources
from asrun.freshness.snippet import Survey, by_preference, survey
from asrun.model import Condition, Figure, Record, RunName, Snippet, State, Where
from asrun.pages.literature import Literature
from asrun.project import Project
from asrun.records.store import DESCRIPTION, Store
from asrun.text.patterns import Pattern
from asrun.values.expression import Evaluation, evaluate
from asrun.values.measure import Measure

__all__ = ["Context"]


class Context:
    """Looks up what pages cite, and remembers what it found.

    Arguments:
        project: The project.
        allow_stale: Show stale records (pages mark them) where they are an error otherwise.
        store: The project's records, where somebody has read them already.
        read: Its modules, likewise.

    Raises:
        AsrunError: when its bibliography or its modules cannot be read.

    Examples:
        >>> context = Context(find_project())
        >>> context.evaluate("coin.tosses / 3").result.number()
        4115.0
        >>> context.best("coin").question
        'How often does a coin show heads?'
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
    def surveyed(self) -> Survey:
        """Every snippet that can be read, and what is wrong with the rest."""
        return survey(self.project)

    @property
    def snippets(self) -> dict[str, Snippet]:
        return self.surveyed.found

    @cached_property
    def number_settings(self) -> list[Pattern]:
        """What needs no source on any page: one pattern for all pages, and so one limit to what it may take."""
        return [
            Pattern(
                pattern,
                f"number_settings: {pattern!r}",
                Where(self.project.relative(self.project.settings)),
                flags=re.IGNORECASE,
            )
            for pattern in self.project.number_settings
        ]

    def condition(self, record: Record) -> Condition:
        """Return whether a record is fresh, and its figures too.

        Arguments:
            record: One of the project's.
        """
        if record.run not in self._conditions:
            self._conditions[record.run] = self._judge(record)
        return self._conditions[record.run]

    def _judge(self, record: Record) -> Condition:
        snippet = self.snippets.get(record.run.snippet)
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

    def best(self, name: str, scale: str | None = None) -> Record:
        """Return the record that pages show for a snippet.

        Arguments:
            name: The snippet's.
            scale: The only one that is wanted; by default the first that the project prefers and that has a record.

        Raises:
            AsrunError: when there is no such snippet or no record, or the record is stale and that is not allowed.
        """
        if (name, scale) not in self._best:
            self._best[name, scale] = self._find_best(name, scale)
        return self._best[name, scale]

    def _find_best(self, name: str, scale: str | None) -> Record:
        snippet = self.snippets.get(name)
        if snippet is None:
            raise self.surveyed.missing(name, self.project)
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

    def record(self, name: str, scale: str | None, value: str | None) -> tuple[RunName, dict[str, Any]]:
        """Return a snippet's values for an expression; see `asrun.values.expression.Lookup`."""
        if name not in self.snippets and (near := did_you_mean(name, ["published"], otherwise="")):
            raise AsrunError(f"there is no snippet called {name}", remedy=near)
        record = self.best(name, scale)
        if value in record.damaged:
            raise AsrunError(
                f"{name}.{value} is not what the run wrote: {self.project.relative(self.store.path(record.run))} was "
                "changed by hand",
                remedy=f"restore the record, or make it anew: asrun run {name} --scale {record.run.scale} --rerun",
                cause=("value", record.run, value),
            )
        return record.run, record.values

    def published(self, key: str) -> Measure:
        """Return a published number for an expression."""
        known = self.literature.published
        if key not in known:
            raise AsrunError(
                f"there is no published number called {key}",
                remedy=did_you_mean(key, known, otherwise=f"published.yml has: {', '.join(known) or 'none'}"),
                cause=("published", key),
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
            snippet = self.snippets.get(name)
            draws = snippet is None or snippet.plots
            raise AsrunError(
                f"{record.run} has no figures" if draws else f"{name} draws no figures: it has no function plot",
                remedy=f"draw them: asrun run {name}" if draws else "write plot(result), which returns a figure",
            )
        figure = figure or next(iter(record.figures))
        if figure not in record.figures:
            raise AsrunError(
                f"{name} has no figure called {figure}",
                remedy=did_you_mean(
                    figure, record.figures, otherwise=f"it has: {', '.join(record.figures)}", within=f"{name}."
                ),
                cause=("figure", record.run, figure),
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
        """Evaluate an expression of the language of values and claims.

        Arguments:
            text: The expression, as it stands between two braces of a page, or in a claim.
            scale: Read records of this scale only; by default each snippet's preferred one.
            names: Names that stand for values here, before any snippet.

        Raises:
            AsrunError: for what is not in the language, a name that nothing has, a comparison that cannot be decided,
                or a record that is not fresh.
        """
        return evaluate(text, self, scale, names=names)
