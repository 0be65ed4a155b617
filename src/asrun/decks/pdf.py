"""Prints a deck: a page a slide, or a handout with the notes beneath; the same deck gives the same bytes."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asrun.decks.browser import offline, told
from asrun.decks.render import write_deck
from asrun.errors import AsrunError
from asrun.own import ASSETS
from asrun.pages.elements import pdf_names

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from asrun.decks.alone import Lone

__all__ = ["Printed", "is_own", "print_lone", "print_page", "write_both"]

SECONDS = 60
"""How long a deck may take until it is laid out."""

_DATES = re.compile(rb"/(?:CreationDate|ModDate) ?\(D:[^)]*\)")
_SEAL = re.compile(rb"/asrun \(([0-9a-f]{16})\)")
"""Stands where a date stood: whose file it is, and that nobody wrote anything into it since."""


@dataclass(frozen=True)
class Printed:
    """A deck on paper."""

    pdf: bytes
    slides: int
    """How many slides, or steps of slides, there are."""
    told: list[AsrunError]
    """What is not in it because it would have come from another host."""


def print_lone(browser: Browser, lone: Lone, source: Path, *, steps: bool = False, handout: bool = False) -> Printed:
    """Print a deck that `asrun.decks.alone.render_lone` made.

    Arguments:
        browser: From `asrun.decks.browser.started`.
        lone: The deck.
        source: The folder that its pictures are relative to.
        steps: Give each step of a slide a page of its own; otherwise everything on a slide is shown at once.
        handout: A4 pages with the slide above and its notes beneath.

    Raises:
        AsrunError: when the deck cannot be laid out.
    """
    with tempfile.TemporaryDirectory(prefix="asrun-pdf-") as folder:
        write_deck(lone.deck, lone.html, Path(folder), source=source)
        return print_page(browser, Path(folder, "index.html"), str(lone.deck), steps=steps, handout=handout)


def write_both(browser: Browser, folder: Path, deck: str, shown: str, *, base: str | None = None) -> None:
    """Print the deck that is in a folder of a site, its slides and its handout, into that folder."""
    for name, handout in zip(pdf_names(deck), (False, True), strict=True):
        printed = print_page(browser, folder / "index.html", shown, handout=handout, base=base)
        (folder / name).write_bytes(printed.pdf)


def print_page(
    browser: Browser, path: Path, shown: str, *, steps: bool = False, handout: bool = False, base: str | None = None
) -> Printed:
    """Print the finished page of a deck; arguments and errors are those of `print_lone`.

    Arguments:
        browser: From `asrun.decks.browser.started`.
        path: The page.
        shown: What messages call the deck.
        steps: Give each step a page of its own.
        handout: A4 pages with notes.
        base: Where the page will be published: links to other pages of its site are kept then.
    """
    with offline(browser) as window:
        page = window.new_page()
        refused: set[str] = set()
        page.on("requestfailed", lambda request: refused.add(request.url))
        with told(shown):
            _lay_out(page, f"{path.resolve().as_uri()}?print-pdf&pdfSeparateFragments={str(steps).lower()}", base)
            if handout:
                page.add_style_tag(path=ASSETS / "handout.css")
                page.evaluate("asrunPrint.handout()")
            slides = page.locator(".pdf-page").count()
            pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True)
    elsewhere = sorted(url for url in refused if not url.startswith("file:"))
    return Printed(_sealed(pdf), slides, [_left_out(shown, url) for url in elsewhere])


def _lay_out(page: Page, url: str, base: str | None) -> None:
    """Open a deck, and wait until it is laid out for paper."""
    page.add_init_script(path=ASSETS / "print.js")
    page.goto(url)
    page.wait_for_function("window.asrunPrint?.ready", timeout=SECONDS * 1000)
    page.evaluate("(base) => document.fonts.ready.then(() => asrunPrint.prepare(base))", base)


def _left_out(shown: str, url: str) -> AsrunError:
    return AsrunError(
        f"{shown}: {url} is left out: asrun asks no network while it prints",
        remedy="save it beside the deck, and name that file",
    )


def is_own(path: Path) -> bool:
    """Whether a file is a PDF as asrun printed it: one in which somebody made notes is theirs."""
    try:
        with path.open("rb") as file:
            pdf = file.read(4)
            if pdf != b"%PDF":
                return False
            pdf += file.read()
    except OSError:
        return False
    if seal := _SEAL.search(pdf):
        return seal[1] == _seal(_blanked(_SEAL, pdf))
    # Earlier versions left no seal, but were the only ones to take the dates of this producer out.
    dated = b"/CreationDate" in pdf or b"/ModDate" in pdf
    return b"/Producer (Skia/PDF" in pdf and not dated and pdf.count(b"%%EOF") == 1


def _sealed(pdf: bytes) -> bytes:
    """Take out when the file was made, and seal it; the length stays, and so every offset stays right."""
    blank = _blanked(_DATES, pdf)
    for date in _DATES.finditer(pdf):
        seal = b"/asrun (%s)" % _seal(blank)
        if len(seal) <= len(date[0]):
            return blank[: date.start()] + seal + blank[date.start() + len(seal) :]
    return blank


def _blanked(pattern: re.Pattern[bytes], pdf: bytes) -> bytes:
    return pattern.sub(lambda found: b" " * len(found[0]), pdf)


def _seal(pdf: bytes) -> bytes:
    return hashlib.sha256(pdf).hexdigest()[:16].encode()
