"""Looks at every slide of a deck on a projector, an old one and a telephone: does it fit, and can it be read?"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrun.decks.browser import offline, told
from asrun.decks.render import write_deck
from asrun.errors import AsrunError
from asrun.model import Where
from asrun.own import ASSETS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from asrun.decks.alone import Lone

__all__ = ["check_lone"]


@dataclass(frozen=True)
class Screen:
    """A screen that decks are shown on."""

    name: str
    width: int
    height: int
    least: float
    """The smallest words that can be read there, in pixels: a projector is far away, a telephone is held near."""
    scrolls: bool = False
    """Whether code and tables may be scrolled sideways: with a finger, and not from the last row."""


SCREENS = (
    Screen("16:9", 1280, 720, 16),
    Screen("4:3", 1024, 768, 12.8),
    Screen("a telephone", 390, 844, 10, scrolls=True),
)

REMEDIES = {
    "tall": "cut the slide in two (a line of ---, or of -- for one below), or take words or lines away",
    "outside": "take its width or height away (in the Markdown or a style), so that it can shrink",
    "wide": "break its lines, or leave columns out",
    "small": "cut the slide in two, break long lines, or take words away: it was shrunk to make everything fit",
}


def check_lone(browser: Browser, lone: Lone, source: Path) -> list[AsrunError]:
    """Find the slides that do not fit their frame or cannot be read.

    Arguments:
        browser: From `asrun.decks.browser.started`.
        lone: The deck, from `asrun.decks.alone.render_lone`.
        source: The folder that its pictures are relative to.

    Raises:
        AsrunError: when the deck cannot be shown.
    """
    found: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="asrun-check-") as folder:
        write_deck(lone.deck, lone.html, Path(folder), source=source)
        for screen in SCREENS:
            for at, slide in enumerate(_measure(browser, Path(folder, "index.html"), screen, str(lone.deck))):
                for kind, what in _wrong(slide):
                    found[at, kind, what].append(screen.name)
    lines = [slide.line for stack in lone.deck.slides for slide in stack]
    return [
        AsrunError(f"on {_listed(on)} {what}", where=Where(str(lone.deck), lines[at]), remedy=REMEDIES[kind])
        for (at, kind, what), on in sorted(found.items(), key=lambda item: item[0][:2])
    ]


def _measure(browser: Browser, path: Path, screen: Screen, shown: str) -> list[dict[str, Any]]:
    """Show all slides on a screen, one after the other."""
    with offline(browser, width=screen.width, height=screen.height) as window, told(shown):
        page = window.new_page()
        page.goto(path.as_uri())
        page.wait_for_function("window.Reveal?.isReady()")
        measure = (ASSETS / "measure.js").read_text("utf-8").partition("*/")[2].strip().rstrip(";")
        faults: list[dict[str, Any]] = page.evaluate(measure, {"least": screen.least, "scrolls": screen.scrolls})
        return faults


def _wrong(slide: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what is wrong with a slide: the kind, and a sentence about it."""
    if slide["tall"]:
        yield "tall", "the slide does not fit its frame: it has to be scrolled"
    if slide.get("outside"):
        yield "outside", f"{slide['outside']!r} stands out of the frame"
    if slide.get("wide"):
        yield "wide", f"{slide['wide']!r} is too wide: it has to be scrolled"
    if slide.get("small"):
        yield "small", f"{slide['small']!r} is too small to be read"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
