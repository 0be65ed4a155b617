"""One deck by itself, from any Markdown file: a folder that works from a disk, inside of a project or out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from markdown import Markdown

from asrun.decks import of_project
from asrun.decks.render import OWN_MARK, Convert, missing_files, render_deck, write_deck
from asrun.errors import AsrunError
from asrun.model import Where
from asrun.pages.context import Context
from asrun.pages.elements import Links
from asrun.pages.markdown import make_markdown
from asrun.project import Project, project_around
from asrun.publishing import place, swap
from asrun.text.deck_source import Deck, parse_deck
from asrun.text.front_matter import read_text
from asrun.text.mathml import MathExtension

__all__ = ["Lone", "render_lone", "write_lone"]

_SITE = "asrun-site:"
"""Stands before links into a site that a deck by itself does not have."""
_MERMAID = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[ \t]*\{?\.?mermaid\b", re.MULTILINE)


@dataclass(frozen=True)
class Lone:
    """A deck as one HTML page, and what its author should know about it."""

    deck: Deck
    html: str
    path: Path
    """The Markdown file."""
    told: list[AsrunError]
    """What is shown otherwise than it was meant: a picture that is not there, a formula that cannot be read."""


def render_lone(path: Path) -> Lone:
    """Render a deck.

    In a project its values, claims and figures are those of the project; elsewhere `{{` and `///` are words like any.

    Raises:
        AsrunError: when it cannot be read as a deck at all.
    """
    text = read_text(path, str(path))
    project = project_around(path.parent)
    inside = _in_project(project)
    shown = project.relative(path.resolve()) if inside else str(path)
    deck = parse_deck(text, shown)
    told: list[AsrunError] = []
    convert: Convert
    if inside:
        convert = of_project.Converter(Context(project, allow_stale=True), deck, Links("", _SITE), strict=False)
    else:
        convert = _Plain(project, deck, told)
    html = render_deck(deck, convert, assets="assets", nowhere=_SITE)
    if isinstance(convert, of_project.Converter):
        told += [cited.error for cited in convert.citations if cited.error]
    told += deck.problems
    told += _missing(deck, html, path, text)
    told += _diagrams(shown, text)
    return Lone(deck, html, path, sorted(told, key=lambda each: (each.where and each.where.line) or 0))


def write_lone(lone: Lone, folder: Path, source: Path) -> None:
    """Write a deck into a folder of its own; what is in it and did not come from asrun stays.

    Arguments:
        lone: What `render_lone` returned.
        folder: Where to write.
        source: The folder that pictures are relative to.

    Raises:
        AsrunError: when the folder is not one that asrun made, or holds what is read for the deck.
    """
    remedy = "name another folder: asrun deck FILE.md -o FOLDER"
    place.check_kind(folder.absolute(), str(folder), None, remedy)
    place.check_place(folder.absolute(), str(folder), _read_for(source), None, remedy)
    place.check_contents(folder.absolute(), str(folder), None, remedy, _made_before)
    place.check_maker(folder.absolute(), str(folder), lone.path, None, remedy)
    target = swap.Target(folder, str(folder), _made_before, "the deck", of=lone.path)
    with swap.aside(target) as new:
        try:
            write_deck(lone.deck, lone.html, new, source=source)
        except OSError as error:
            if swap.is_about_writing(error, new):
                raise swap.unwritable(error, target) from error
            raise AsrunError(f"a file that the deck shows cannot be used ({error})", remedy="mend it") from error
        swap.publish(new, target)


def _read_for(source: Path) -> Iterator[place.ReadFrom]:
    """List what is read for a deck: it may be written into the folder that it is in, and not over that."""
    yield place.ReadFrom(source.absolute(), "the deck and what it shows", may_hold=True)
    project = project_around(source)
    if _in_project(project):
        never = (project.records, project.cache, project.root / ".git")
        for each in place.read_by(project):
            yield replace(each, may_hold=each.may_hold or each.path not in never)


def _made_before(folder: Path) -> bool:
    """Whether a folder without a mark holds a deck of a version of asrun that left none."""
    page = folder / "index.html"
    return page.is_file() and OWN_MARK in page.read_text("utf-8", errors="replace")


def _in_project(project: Project) -> bool:
    return project.settings.is_file() and project.uses_asrun


class _Plain:
    """Converts slides without values: a formula that cannot be read is shown as it was typed."""

    def __init__(self, project: Project, deck: Deck, told: list[AsrunError]):
        self.told = told
        options = of_project.dialect(deck)
        self.markdown = make_markdown(project, MathExtension(), options)
        self.without_math: Markdown = make_markdown(project, None, options)

    def __call__(self, text: str, line: int) -> str:
        try:
            return self.markdown.reset().convert(text)
        except AsrunError as error:
            error.where = error.where or Where("", line)
            self.told.append(AsrunError(f"{error.what} It is shown as it was typed.", where=error.where))
            return self.without_math.reset().convert(text)


def _missing(deck: Deck, html: str, path: Path, text: str) -> Iterator[AsrunError]:
    for name in missing_files(deck, html, path.parent):
        at = text.find(name)
        line = text.count("\n", 0, at) + 1 if at >= 0 else None
        yield AsrunError(
            f"{name} is not there",
            where=Where(deck.path, line),
            remedy=f"put it into {path.parent}, or mend its name; the deck is written without it",
        )


def _diagrams(shown: str, text: str) -> Iterator[AsrunError]:
    for found in _MERMAID.finditer(text):
        yield AsrunError(
            "a Mermaid diagram is shown as its source: asrun draws none",
            where=Where(shown, text.count("\n", 0, found.start()) + 1),
            remedy="put a picture of it in its place to have it drawn",
        )
