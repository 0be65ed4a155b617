"""A place of a page that cites something."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from asrun.errors import AsrunError
from asrun.model import RunName, Where
from asrun.values.expression import Evaluation
from asrun.values.measure import Measure

__all__ = ["Citation", "Shown", "note_front_matter"]


@dataclass(frozen=True)
class Shown:
    """What a reader is shown in one place: a number or a word, or a whole text."""

    what: Measure | str
    spec: str = ""
    """How it is written; see `asrun.values.formats.format_measure`."""
    within: float | None = None
    """How far another number may be from it and mean the same, where the page says so: a question's tolerance."""


@dataclass
class Citation:
    """One place of a page that cites something: a value, a claim, a figure, a work."""

    kind: str
    text: str
    where: Where
    error: AsrunError | None = None
    """Why it cannot be honoured."""
    evaluation: Evaluation | None = None
    records: set[RunName] = field(default_factory=set)
    confirmed: bool = True
    """Whether a claim is one that the records bear out; the others say openly that they do not."""
    scales: tuple[str, ...] = ()
    """The scales that a claim was decided at; an empty name is the one that pages show."""
    shown: list[Shown] = field(default_factory=list)
    """The numbers, words and texts that it puts on the page."""

    def __str__(self) -> str:
        return f"{self.where}: {self.kind} {self.text}"


def note_front_matter(problems: Iterable[AsrunError]) -> list[Citation]:
    """Note what is wrong with a page's metadata as what is wrong with its citations is noted."""
    return [Citation("front matter", "", each.where, each) for each in problems if each.where]
