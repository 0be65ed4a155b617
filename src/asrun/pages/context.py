"""The door through which a page learns of its project: what it may cite, and whether that can be trusted now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from asrun.errors import AsrunError, did_you_mean
from asrun.freshness.conditions import judge_records
from asrun.freshness.excerpt import Excerpt, excerpt
from asrun.freshness.key import sources
from asrun.freshness.snippet import Survey
from asrun.freshness.sources import Sources
from asrun.model import Condition, Figure, Record, RunName, State, Where
from asrun.pages.asked import Answering, question
from asrun.pages.citable import Citable
from asrun.pages.listed import DeckText, ListedDeck, ListedRecord, list_deck, not_run, read_lesson
from asrun.pages.literature import Entry, Literature, Published
from asrun.project import Project
from asrun.records.printed import shorten
from asrun.records.store import PRINTED, Store
from asrun.records.terminal import as_shown
from asrun.text.deck_source import Deck, parse_deck
from asrun.text.front_matter import read_text
from asrun.text.patterns import Pattern
from asrun.values.expression import Evaluation, evaluate
from asrun.values.measure import Measure

__all__ = ["Context"]


class Context(Answering):
    """Looks up what pages cite, remembers what it found, and notes what each page asked.

    Everything that a page learns of its project is the answer to a question: a method with `@question`, whose answer is
    a value that nobody changes. What is behind the questions (`project`, `store`, `literature`, `sources`) is for
    hosts, and for no block. A context is of one moment, and looks at nothing twice; a preview makes another for each
    build.

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
        super().__init__()
        self.project, self.allow_stale = project, allow_stale
        self.store, self.literature = store or Store(project), Literature(project)
        self.sources = read or sources(project)
        self._citable = Citable(project, self.store, self.sources, allow_stale=allow_stale)
        self.hosts: dict[str, list[str]] = {}
        """Other hosts that pages load something from, and which pages."""

    pdf = False
    """Whether the site that is built has its decks as PDF too."""

    # Snippets

    @property
    def surveyed(self) -> Survey:
        """Every snippet that can be read, and what is wrong with the rest."""
        return self._citable.surveyed

    @question
    def snippets(self) -> tuple[str, ...]:
        """Return the names of all snippets."""
        return tuple(self.surveyed.found)

    @question
    def code(self, name: str, section: str = "") -> Excerpt:
        """Return a snippet's code, or a section of it."""
        return excerpt(self._citable.snippet(name), section, self.project)

    # Records

    @question
    def judged(self, run: RunName) -> tuple[Record, Condition]:
        """Return the record of a run that a page cites, and whether it is true now, its figures too.

        Arguments:
            run: Which one.

        Raises:
            AsrunError: when there is no such record.
        """
        record = self.store.get(run)
        if record is None:
            raise AsrunError(f"the record of {run} is gone", remedy=f"make it: asrun run {run.snippet}")
        return record, self._citable.condition(record)

    @question
    def records(self) -> tuple[ListedRecord, ...]:
        """Return every record there is, and what a build would run, with their conditions."""
        found = judge_records(self.project, self.store, drawn=True, read=self.sources)
        unread = (State.UNUSED, State.BROKEN)
        return tuple(
            ListedRecord(run, condition, None if condition.state in unread else self.store.get(run))
            for run, condition in found.items()
        )

    @question
    def not_run(self) -> tuple[tuple[str, str], ...]:
        """Return which experiments are written and have no record, each with the scale or the device."""
        return tuple(not_run(self.surveyed.found.values(), self.store.list()))

    @question
    def best(self, name: str, scale: str | None = None) -> Record:
        """Return the record that pages show for a snippet.

        Arguments:
            name: The snippet's.
            scale: The only one that is wanted; by default the first that the project prefers and that has a record.

        Raises:
            AsrunError: when there is no such snippet or no record, or the record is stale and that is not allowed.
        """
        return self._citable.best(name, scale)

    @question
    def record(self, name: str, scale: str | None, value: str | None) -> tuple[RunName, dict[str, Any]]:
        """Return a snippet's values for an expression; see `asrun.values.expression.Lookup`."""
        if name not in self.surveyed.found and (near := did_you_mean(name, ["published"], otherwise="")):
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

    @question
    def figure(self, text: str) -> tuple[Record, Figure]:
        """Find a figure by `snippet` or `snippet.figure`."""
        name, _, figure = text.partition(".")
        record = self.best(name)
        if not record.figures:
            draws = self._citable.snippet(name).plots
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

    @question
    def printed(self, name: str) -> tuple[Record, str]:
        """Return a snippet's record, and what its run printed, as a page shows it."""
        record = self.best(name)
        if PRINTED in record.damaged:
            raise AsrunError(
                f"{PRINTED} is not what {record.run} printed: the record was changed by hand",
                remedy=f"restore it, or make it anew: asrun run {name} --scale {record.run.scale} --rerun",
            )
        if not record.output:
            raise AsrunError(
                f"{record.run} printed nothing", remedy="print what the page should show, or take this block out"
            )
        # Records of earlier versions have all of it, as it went to a terminal.
        return record, shorten(as_shown(record.output), self.project.output_lines)[0]

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

    # Literature

    @question
    def published(self, key: str) -> Measure:
        """Return a published number for an expression."""
        number = self._number(key)
        return Measure(
            number.values, number.axes, number.labels, frozenset([f"published.{key}"]), uncertainty=number.uncertainty
        )

    @question
    def source(self, key: str) -> tuple[Published, Entry]:
        """Return a published number, and the work that it stands in."""
        number = self._number(key)
        return number, self.literature.entries[number.cite]

    def _number(self, key: str) -> Published:
        known = self.literature.published
        if key not in known:
            raise AsrunError(
                f"there is no published number called {key}",
                remedy=did_you_mean(key, known, otherwise=f"published.yml has: {', '.join(known) or 'none'}"),
                cause=("published", key),
            )
        return known[key]

    @question
    def numbers(self) -> tuple[tuple[Published, Entry], ...]:
        """Return every published number, each with its work."""
        return tuple((each, self.literature.entries[each.cite]) for each in self.literature.published.values())

    @question
    def work(self, key: str) -> Entry:
        """Return a work of the bibliography."""
        known = self.literature.entries
        if key not in known:
            raise AsrunError(
                f"there is no {key} in references.bib", remedy=f"it has: {', '.join(known) or 'no works yet'}"
            )
        return known[key]

    @question
    def works(self) -> tuple[Entry, ...]:
        """Return every work of the bibliography."""
        return tuple(self.literature.entries.values())

    @question
    def citekeys(self) -> tuple[str, ...]:
        """Return what the works are cited by."""
        return tuple(self.literature.entries)

    # Decks and pages

    @question
    def deck(self, path: str) -> DeckText:
        """Return a deck, by its path in the project."""
        text = read_text(self.project.root / path, path)
        return DeckText(text, parse_deck(text, path))

    @question
    def decks(self) -> tuple[ListedDeck, ...]:
        """Return the decks in the order in which the navigation names their lessons, and the others after them."""
        found: list[Deck] = []
        for path in self.project.decks:
            # What is wrong with one is told where that one is read, and is no matter of those who list them.
            with suppress(AsrunError):
                found.append(self.deck(self.project.relative(path)).deck)
        pages = self.project.pages

        def order(deck: Deck) -> tuple[int, str]:
            page = f"{deck.meta.get('lesson')}.md"
            return (pages.index(page) if page in pages else len(pages), deck.path)

        return tuple(
            list_deck(deck, self.lesson(str(deck.meta.get("lesson") or "")), has_pdf=self.pdf)
            for deck in sorted(found, key=order)
        )

    @question
    def lesson(self, name: str) -> str:
        """Return the title of the lesson that a deck names; nothing where it names none, or none that there is."""
        return read_lesson(name, self.project) if name else ""

    @question
    def has_page(self, page: str) -> bool:
        """Tell whether there is a page: `lessons/07.md`."""
        return (self.project.docs / page).is_file()

    # Settings

    @question
    def macros(self) -> Mapping[str, str]:
        """Return the commands that formulas have beside LaTeX's own."""
        return self.project.macros

    @question
    def needs_sources(self, path: str) -> bool:
        """Tell whether the numbers of a page need a source: whether mkdocs.yml lists it, or a folder that it is in."""
        return any(path == each or path.startswith(each.rstrip("/") + "/") for each in self.project.sourced_numbers)

    @question
    def number_settings(self) -> tuple[Pattern, ...]:
        """Return what needs no source on any page: one pattern for all pages, and so one limit to what it may take."""
        where = Where(self.project.relative(self.project.settings))
        return tuple(
            Pattern(pattern, f"number_settings: {pattern!r}", where, flags=re.IGNORECASE)
            for pattern in self.project.number_settings
        )
