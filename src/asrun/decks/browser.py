"""Finds and starts the Chromium that prints and measures decks; it is kept off every network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from asrun.errors import AsrunError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Playwright

__all__ = ["find_chromium", "offline", "started", "told"]

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
CHANNELS = ("chrome", "msedge")
"""Browsers that Playwright finds where Windows and macOS install them."""


def find_chromium() -> str | None:
    """Return the Chromium that CHROMIUM names, or else one that can be called by its name; None where there is none.

    Raises:
        AsrunError: when CHROMIUM names no program.
    """
    if asked := os.environ.get("CHROMIUM"):
        if found := shutil.which(asked):
            return found
        raise AsrunError(
            f"CHROMIUM is {asked}, and that is no program",
            remedy="set it to where Chromium is, or unset it to have one looked for",
        )
    return next(filter(None, map(shutil.which, COMMANDS)), None)


@contextmanager
def started() -> Iterator[Browser]:
    """Start a browser without a window, and end it afterwards.

    Raises:
        AsrunError: when Playwright is not installed, or no browser is.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise AsrunError(
            "Playwright, which talks to the browser, is not installed", remedy='install it: pip install "asrun[pdf]"'
        ) from error
    with sync_playwright() as playwright:
        browser = _launch(playwright)
        try:
            yield browser
        finally:
            browser.close()


def _launch(playwright: Playwright) -> Browser:
    """Start the installed Chromium, or else Playwright's own, or else a Chrome or Edge that it finds."""
    from playwright.sync_api import Error

    chromium = playwright.chromium
    installed = find_chromium()
    if installed or Path(chromium.executable_path).is_file():
        try:
            return chromium.launch(executable_path=installed)
        except Error as error:
            raise AsrunError(
                f"{installed or chromium.executable_path} does not start: {error.message.splitlines()[0]}",
                remedy="set CHROMIUM to one that does",
            ) from error
    for channel in CHANNELS:
        try:
            return chromium.launch(channel=channel)
        except Error:
            continue
    raise AsrunError(
        "there is no Chromium on this machine",
        remedy="install one (playwright install chromium, or apt install chromium), or set CHROMIUM to where one is",
    )


@contextmanager
def offline(browser: Browser, *, width: int = 1280, height: int = 720) -> Iterator[BrowserContext]:
    """Open a window of some size in which nothing moves, and from which no network can be reached."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        offline=True,
        reduced_motion="reduce",
        color_scheme="light",
        service_workers="block",
    )
    try:
        yield context
    finally:
        context.close()


@contextmanager
def told(shown: str) -> Iterator[None]:
    """Tell what the browser cannot do as an error of a deck."""
    from playwright.sync_api import Error

    try:
        yield
    except Error as error:
        raise AsrunError(
            f"{shown} could not be shown in the browser: {error.message.splitlines()[0]}",
            remedy="open the deck (asrun deck FILE.md --open) and look for errors in the browser's console",
        ) from error
