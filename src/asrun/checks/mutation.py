"""Would the claims of a course notice if the numbers were different?

Every claim is evaluated again and again, each time with one of the values that it reads changed: shifted by some of
its own spreads, scaled, swapped, negated. A claim that comes out the same whatever is changed says nothing. Values are
changed on their way to the claim; nothing on disk is touched.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from asrun.checks import reading as pages
from asrun.checks.mutants import SHIFTS, Change, Kind, changes, drop_seed, drop_size, shift
from asrun.checks.readings import SAMPLED, Cell, Reading, drawn, parts, readings, shorten, words
from asrun.errors import AsrunError
from asrun.model import RunName, Where
from asrun.pages.blocks import vocabulary
from asrun.pages.citation import Citation
from asrun.pages.context import Context
from asrun.values.expression import Evaluation, Lookup, evaluate
from asrun.values.measure import Measure

__all__ = ["FAR", "Changed", "Claim", "Found", "Verdict", "find_claims", "judge", "sample"]

FAR = 100
"""A shift by more spreads than this is not tried."""

_FINE = 0.05
"""How far from the smallest shift that is noticed the answer may be, as a part of it."""

_NEAR = 0.01
"""A smaller shift than this, in spreads, is not looked for."""


@dataclass(frozen=True, eq=False)
class Claim:
    """What a page says, and the expression that decides it."""

    kind: str
    sentence: str
    where: Where
    expression: str
    scale: str | None
    holds: bool
    """What the expression comes to as things are."""


@dataclass(frozen=True)
class Found:
    """The claims of some pages, and what could not be tried."""

    claims: tuple[Claim, ...]
    set_aside: tuple[str, ...]
    """Claims and pages that are wrong as they are, each with the reason."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What came of one claim."""

    claim: Claim
    reads: tuple[str, ...]
    tried: Mapping[Kind, int]
    """How many mutants there were, by kind."""
    noticed: int
    mildest: Change | None
    """The smallest change that was noticed."""
    slack: float | None
    """The smallest shift that was noticed, in spreads; infinite when none up to FAR was, None without numbers."""

    @property
    def mutants(self) -> int:
        return sum(self.tried.values())

    @property
    def killed(self) -> bool:
        return self.noticed > 0


# What is read


@dataclass(frozen=True, eq=False)
class Changed:
    """A Lookup in which some values are others; what is behind it stays as it is."""

    behind: Lookup
    records: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Other values of a snippet's record, by the snippet's name."""
    numbers: Mapping[str, Measure] = field(default_factory=dict)
    """Other published numbers, and what names stand for in a shortened expression."""

    def record(self, name: str, scale: str | None, value: str | None) -> tuple[Any, dict[str, Any]]:
        source, values = self.behind.record(name, scale, value)
        return source, self.records.get(name, values)

    def published(self, key: str) -> Measure:
        return self.numbers[key] if key in self.numbers else self.behind.published(key)


class _Remembered:
    """A Lookup that asks the one behind it once for each thing: asking looks at files."""

    def __init__(self, behind: Lookup):
        self.behind = behind
        self._records: dict[tuple[str, str | None, str | None], tuple[Any, dict[str, Any]]] = {}
        self._numbers: dict[str, Measure] = {}

    def record(self, name: str, scale: str | None, value: str | None) -> tuple[Any, dict[str, Any]]:
        key = (name, scale, value)
        if key not in self._records:
            self._records[key] = self.behind.record(name, scale, value)
        return self._records[key]

    def published(self, key: str) -> Measure:
        if key not in self._numbers:
            self._numbers[key] = self.behind.published(key)
        return self._numbers[key]


def _replaced(values: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return values of which one is another; those that were given stay as they are."""
    first, *rest = path
    return values | {first: _replaced(values[first], tuple(rest), value) if rest else value}


# Claims


def find_claims(context: Context, only: Iterable[Path] = ()) -> Found:
    """Find everything on pages and decks that a comparison decides: claims, and what else is made like them.

    Arguments:
        context: Gives the project, and what its pages may cite.
        only: Read these pages and decks; by default all there are.

    Raises:
        AsrunError: when one of these is no page or deck of the project.
    """
    project = context.project
    known = {path.resolve(): path for path in (*pages.list_pages(project), *project.decks)}
    wanted = {path.resolve() for path in only}
    if unknown := wanted - set(known):
        raise AsrunError(
            f"{project.relative(min(unknown))} is no page or deck of this project",
            remedy=f"pages are under {project.relative(project.docs)}, decks in {project.relative(project.slides)}",
        )
    unwanted = {path for resolved, path in known.items() if wanted and resolved not in wanted}
    stating = vocabulary.names(lambda block: block.STATES)
    claims: list[Claim] = []
    set_aside: list[str] = []
    for read in pages.read_all(context, without=unwanted):
        if read.error:
            set_aside.append(f"{read.error.where or project.relative(read.path)}: {read.error.what}")
        for cited in read.citations:
            if not (cited.kind in stating or (cited.evaluation and cited.evaluation.comparisons)):
                continue
            if cited.kind not in stating and cited.evaluation and not cited.evaluation.result.sources:
                # The check of an exercise may be plain arithmetic, which no record can change.
                continue
            if cited.error:
                set_aside.append(f"{cited.where}: {cited.error.what}")
            elif cited.evaluation and (claim := _claim(cited, cited.evaluation, context)):
                claims.append(claim)
            else:
                set_aside.append(f"{cited.where}: {cited.text}: what decides this cannot be evaluated by itself")
    return Found(tuple(claims), tuple(set_aside))


def _claim(cited: Citation, evaluation: Evaluation, context: Context) -> Claim | None:
    """Return what a citation claims, at the (first) scale at which it was decided; None when that cannot be had."""
    scales = {source.scale for source in evaluation.result.sources if isinstance(source, RunName)}
    for scale in (*(scale or None for scale in cited.scales[:1]), None, *sorted(scales)):
        try:
            again = evaluate(evaluation.result.text, context, scale)
        except AsrunError:
            continue
        if again.result.sources == evaluation.result.sources and again.holds == evaluation.holds:
            return Claim(cited.kind, cited.text, cited.where, evaluation.result.text, scale, evaluation.holds)
    return None


def sample(claims: tuple[Claim, ...], count: int | None, seed: int) -> tuple[Claim, ...]:
    """Draw some claims, the same ones for the same seed, in the order in which they stand."""
    return claims if count is None else tuple(drawn(claims, count, Random(seed)))


def judge(claims: Iterable[Claim], lookup: Lookup, seed: int = 0) -> Iterator[Verdict]:
    """Try one claim after another.

    Arguments:
        claims: What to try.
        lookup: Gives the values as they are.
        seed: Draws what is tried where there is too much of it. The same seed tries the same.
    """
    remembered = _Remembered(lookup)
    for claim in claims:
        # Extreme values overflow here and there, and that is no news.
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            yield _Trial(claim, remembered, Random(f"{seed} {claim.expression}")).verdict()


class _Trial:
    """One claim, and the changes that it meets."""

    def __init__(self, claim: Claim, lookup: Lookup, random: Random):
        self.claim, self.lookup, self.random = claim, lookup, random
        self.readings = readings(claim.expression, lookup, claim.scale)
        self.parts = {reading.path: parts(reading, random) for reading in self.readings}
        self.short = shorten(claim.expression, self.readings)
        self.numbers = self.short.numbers()
        self.shifts: dict[str, bool] = {}
        """Which shifts were noticed, by how they are told."""

    def verdict(self) -> Verdict:
        outcomes = [*self._changes(), *self._without_a_seed()]
        noticed = [change for change, seen in outcomes if seen]
        return Verdict(
            claim=self.claim,
            reads=tuple(reading.name for reading in self.readings),
            tried=Counter(change.kind for change, _ in outcomes),
            noticed=len(noticed),
            mildest=min(noticed, key=lambda change: change.size, default=None),
            slack=self._slack(),
        )

    def _changes(self) -> Iterator[tuple[Change, bool]]:
        known = words(self.claim.expression)
        for reading in self.readings:
            for change in changes(reading, self.parts[reading.path], known, self.random):
                seen = self._notices(reading, change.values)
                if change.kind is Kind.SHIFT:
                    self.shifts[change.text] = seen
                yield change, seen

    def _notices(self, reading: Reading, values: Any) -> bool:
        """Whether the claim comes out otherwise, or not at all, when one of its values is another."""
        name, *path = reading.path
        numbers, records = self.numbers | self.short.numbers(reading, values), {}
        if reading.is_published:
            numbers[path[0]] = replace(self.lookup.published(path[0]), values=values)
        else:
            _, record = self.lookup.record(name, self.claim.scale, path[0])
            records[name] = _replaced(record, tuple(path), values)
        try:
            return self._comes_to(self.short.text, Changed(self.lookup, records, numbers)) != self.claim.holds
        except AsrunError:
            return True

    def _comes_to(self, expression: str, lookup: Lookup) -> bool:
        return evaluate(expression, lookup, self.claim.scale).holds

    def _without_a_seed(self) -> Iterator[tuple[Change, bool]]:
        """Leave out one seed of a record, of all its values alike.

        What cannot be decided then is left out too: the numbers did not decide that, but how many of them there are.
        """
        done = set()
        for reading in self.readings:
            name, seeds = reading.path[0], reading.seeds
            if seeds < 2 or reading.is_published or (name, seeds) in done:
                continue
            done.add((name, seeds))
            _, record = self.lookup.record(name, self.claim.scale, reading.path[1])
            for at in drawn(range(seeds), SAMPLED, self.random):
                fewer = drop_seed(record, seeds, at)
                size = drop_size(reading.measure, at)
                change = Change(Kind.SEED, f"{name} without seed {at + 1} of {seeds}", fewer, size)
                lookup = Changed(self.lookup, records={name: fewer})
                try:
                    yield change, self._comes_to(self.claim.expression, lookup) != self.claim.holds
                except AsrunError:
                    continue

    # Slack

    def _slack(self) -> float | None:
        """Return the smallest shift that is noticed, in spreads, found by halving.

        A claim that notices one shift is taken to notice each larger one of the same numbers.
        """
        moves = [
            (reading, cell, sign)
            for reading in self.readings
            if isinstance(reading.measure.values, np.ndarray) and reading.measure.values.dtype.kind in "iuf"
            for cell in self.parts[reading.path]
            for sign in (1, -1)
        ]
        best = math.inf
        for low, high in zip((0, *SHIFTS), (*SHIFTS, FAR), strict=True):
            for move in moves:
                if low < best and self._is_noticed(*move, min(high, 0.95 * best)):
                    best = self._halved(move, low, min(high, 0.95 * best))
            if best < math.inf:
                break
        return best if moves else None

    def _halved(self, move: tuple[Reading, Cell, int], low: float, high: float) -> float:
        while high > _NEAR and high - low > _FINE * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self._is_noticed(*move, middle) else (middle, high)
        return max(high, shift(move[0], move[1], move[2] * high).size)

    def _is_noticed(self, reading: Reading, cell: Cell, sign: int, spreads: float) -> bool:
        change = shift(reading, cell, sign * spreads)
        known = self.shifts.get(change.text) if spreads in SHIFTS else None
        return self._notices(reading, change.values) if known is None else known
