"""Notes what Python warned of during a run; the warnings are shown as ever."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterable
from typing import Any

from asrun.records.secrecy import without_credentials
from asrun.records.terminal import as_line

__all__ = ["Warned"]

MOST = 5
"""How many different warnings are told."""

_COUNTED = 1000
"""How many are counted; nobody reads on."""

_LONGEST = 300
"""Characters of one that are told."""


class Warned:
    """Notes every warning that is shown, from now on."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], None] = {}
        show = warnings.showwarning

        # What `warnings.showwarning` is for. Whoever catches warnings, or has them shown in another way, still does.
        def noted(message: Any, category: Any, *place: Any, **more: Any) -> None:
            if len(self._seen) < _COUNTED:
                self._seen.setdefault((category.__name__, str(message)))
            show(message, category, *place, **more)

        warnings.showwarning = noted

    def told(self, folders: Iterable[str]) -> list[str]:
        """Return each warning in a line, the first few of them, without where anything is on this machine.

        Arguments:
            folders: Whose names are left out.
        """
        lines = dict.fromkeys(f"{category}: {_without_places(text, folders)}" for category, text in self._seen)
        told = [line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …" for line in lines]
        if (more := len(told) - MOST) > 0:
            counted = f"{more} or more" if len(self._seen) == _COUNTED else str(more)
            told = [*told[:MOST], f"Python warned of {counted} other things"]
        return told


def _without_places(text: str, folders: Iterable[str]) -> str:
    """Return a text in a line, with names of files instead of paths, and without addresses in memory."""
    text = without_credentials(as_line(text)).replace("file://", "")
    known = {*folders, sys.prefix, sys.base_prefix, os.path.expanduser("~")} - {"", os.sep}
    for folder in sorted(known, key=len, reverse=True):
        text = text.replace(folder.rstrip(os.sep) + os.sep, "")
    text = re.sub(rf"{re.escape(os.path.expanduser('~'))}(?![\w.-])", "~", text)
    text = re.sub(r"(?<![\w.:/\\~])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\"():,;]+[/\\])+(?=[^\s/\\])", "", text)
    return re.sub(r"\b0x[0-9a-fA-F]{6,16}\b", "0x…", text)
