"""Looks at Markdown that nobody converts now: what its first heading says, and whether it shows a picture."""

from __future__ import annotations

import re

__all__ = ["first_heading", "shows_picture"]

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t#]*(?:\{[^{}]*\})?[ \t]*$", re.MULTILINE)
_PICTURE = re.compile(r"^/{3,}[ \t]*figure\b|!\[|<img\b|<svg\b", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"[*_`$\\]|<[^>]+>|<!--.*?-->")


def first_heading(text: str) -> str:
    """Return the first heading of a text, without the marks of Markdown; an empty text where there is none."""
    found = _HEADING.search(text)
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1", found[1])).split()) if found else ""


def shows_picture(text: str) -> bool:
    """Tell whether a text shows a picture, or a figure of a record."""
    return _PICTURE.search(text) is not None
