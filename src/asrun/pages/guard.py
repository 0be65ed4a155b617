"""Keeps a Markdown extension that breaks down from taking everything else down with it."""

from __future__ import annotations

import traceback
import xml.etree.ElementTree as etree
from collections.abc import Callable
from typing import Any

from asrun.errors import AsrunError, Problems
from asrun.pages.elements import error_box

__all__ = ["guarded"]


def guarded(convert: Callable[[str], str], extension: Any) -> Callable[[str], str]:
    """Make the conversion of a page tell as a problem of that page what an extension raises.

    Arguments:
        convert: Converts a page.
        extension: Ours, which knows the page.
    """

    def told(source: str) -> str:
        try:
            return convert(source)
        except AsrunError:
            raise
        except Exception as error:
            page, blamed = extension.page, _blamed(error)
            # Where it was is known as far as the last thing of ours that had begun.
            last = page.unfinished[-1] if page.unfinished else page.citations[-1] if page.citations else None
            problem = AsrunError(
                f"{blamed} cannot convert this page: {type(error).__name__}: {error}",
                remedy="look at what it reads from here on; or take the extension out of mkdocs.yml",
            )
            page.unfinished.clear()
            page.tell("page", problem, last.where.line if last else None)
            if extension.getConfig("strict"):
                raise Problems(page.problems) from error
            return etree.tostring(error_box(str(problem)), encoding="unicode", method="html")

    return told


def _blamed(error: Exception) -> str:
    """Name the extension in whose code an error was raised.

    Raises:
        Exception: the error itself, where the code is ours: then it is our mistake, and no author's.
    """
    if isinstance(error, RecursionError):
        return "Markdown"
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    if modules[-1].partition(".")[0] == "asrun":
        raise error
    extensions = [
        name
        for name in modules
        if name.startswith("markdown.extensions.") or name.partition(".")[0] not in ("markdown", "asrun")
    ]
    return f"the Markdown extension {extensions[0]}" if extensions else "Markdown"
