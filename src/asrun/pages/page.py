"""One page while it is being converted: what it cites, what was marked on it, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.pages.citation import Citation
from asrun.pages.context import Context
from asrun.pages.elements import Links
from asrun.text.marks import Place
from asrun.text.overlooked import explain

__all__ = ["Page"]


@dataclass
class Page:
    """One page while it is being converted: where it is, what it cites, what is wrong with it."""

    context: Context
    path: str
    links: Links
    lines: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    headers: dict[int, str] = field(default_factory=dict)
    """Headers of blocks that nothing has understood yet, by line."""
    marked: dict[Place, str] = field(default_factory=dict)
    """What was marked where, and whether it was understood is still to be seen."""
    hidden: dict[int, str] = field(default_factory=dict)
    """Lines of fences in which something would be of ours, were it no code."""
    understood: set[Place] = field(default_factory=set)
    """Places whose mark was taken off, or about which something was told."""
    includes: bool = False
    """Whether other files were put into the text of the page."""
    parsed: bool = False
    """Whether Markdown has parsed it, and only its HTML is to be finished."""
    unfinished: list[Citation] = field(default_factory=list)
    """Our blocks that have begun and not ended."""
    taken: set[str] = field(default_factory=set)
    """Ids that blocks of the page have given out. A deck is one page, though its slides are converted one by one."""

    def where(self, line: int | None, column: int | None = None) -> Where:
        return Where(self.path or "this page", line, column)

    def cite(self, kind: str, text: str, line: int | None, column: int | None = None) -> Citation:
        """Note that the page cites something."""
        self.citations.append(Citation(kind, text, self.where(line, column)))
        return self.citations[-1]

    def fail(self, cited: Citation, error: AsrunError) -> str:
        """Note that a citation cannot be honoured; return what to show in its place."""
        if error.where:
            # The place of the citation comes first; what it points at is told in the sentence.
            error.what = f"{error.where}: {error.what}"
        error.where = cited.where
        cited.error = error
        return str(error)

    def tell(self, kind: str, error: AsrunError, line: int | None, column: int | None = None) -> None:
        """Note something that is wrong, and no citation."""
        self.fail(self.cite(kind, "", line, column), error)

    def leave(self, place: Place, error: AsrunError | None = None) -> None:
        """Note that something which was marked is not understood, once."""
        if place not in self.understood:
            self.understood.add(place)
            kind, usual = explain(self.marked[place])
            self.tell(kind, error or usual, *place)

    @property
    def problems(self) -> list[AsrunError]:
        return [cited.error for cited in sorted(self.citations, key=lambda each: each.where.line or 0) if cited.error]
