"""What there is in a project, as pages list it: its decks, and the experiments that were not run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from asrun.errors import AsrunError
from asrun.model import Condition, Record, RunName, Snippet
from asrun.project import Project
from asrun.text.deck_source import Deck
from asrun.text.front_matter import part_page, read_text
from asrun.text.headings import first_heading, shows_picture

__all__ = ["DeckText", "ListedDeck", "ListedRecord", "list_deck", "not_run", "read_lesson"]


@dataclass(frozen=True)
class DeckText:
    """A deck's file: its text, and what that was cut into."""

    text: str
    deck: Deck


@dataclass(frozen=True)
class ListedDeck:
    """A deck as a list shows it."""

    name: str
    title: str
    count: int
    """How many slides it has."""
    shown: int
    """The slide to know it by, from 0: the first with a picture, or the one after the title."""
    place: str
    """Where that slide is: `/2/1` is one below the third."""
    heading: str
    """What that slide says first."""
    page: str = ""
    """The page of its lesson, `lessons/07.md`; nothing where there is none."""
    lesson: str = ""
    """What that is called."""
    has_pdf: bool = False


@dataclass(frozen=True)
class ListedRecord:
    """A run, whether its record is true now, and the record, where there is one that can be read."""

    run: RunName
    condition: Condition
    record: Record | None


def list_deck(deck: Deck, lesson: str, *, has_pdf: bool) -> ListedDeck:
    """Say of a deck what a list shows of it.

    Arguments:
        deck: The deck.
        lesson: What the page is called that its front matter names; nothing where there is no such page.
        has_pdf: Whether there is a PDF of it.
    """
    name, slides = Path(deck.path).stem, [slide for stack in deck.slides for slide in stack]
    places = [f"/{across}/{down}" for across, stack in enumerate(deck.slides) for down in range(len(stack))]
    pictured = (at for at, slide in enumerate(slides) if at and shows_picture(slide.source))
    shown = next(pictured, min(1, len(places) - 1))
    title = str(deck.setting("title") or first_heading(slides[0].source) or name)
    return ListedDeck(
        name,
        title,
        deck.count,
        shown,
        places[shown],
        first_heading(slides[shown].source) or title,
        page=f"{deck.meta['lesson']}.md" if lesson else "",
        lesson=lesson,
        has_pdf=has_pdf,
    )


def read_lesson(name: str, project: Project) -> str:
    """Return the title of a lesson, `lessons/07`; nothing where there is no such page."""
    path = project.docs / f"{name}.md"
    if not path.is_file():
        return ""
    try:
        return first_heading(part_page(read_text(path, name), name).text) or name
    except AsrunError:
        return name


def not_run(snippets: Iterable[Snippet], recorded: Collection[RunName]) -> Iterator[tuple[str, str]]:
    """Say which experiments are written and have no record: a scale, or a device that the snippet is meant for."""
    for snippet in snippets:
        for scale in snippet.scales:
            devices = {run.device for run in recorded if (run.snippet, run.scale) == (snippet.name, scale)}
            if not devices:
                yield snippet.name, scale
            elif snippet.needs.get("gpu") and devices == {"cpu"}:
                yield snippet.name, f"{scale}, on a GPU"
