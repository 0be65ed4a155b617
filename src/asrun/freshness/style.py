"""Whether a figure would be drawn as it was: a digest of the house style and of the code that draws with it."""

from __future__ import annotations

import ast
import hashlib

from asrun.freshness.syntax import tree_digest
from asrun.own import PACKAGE
from asrun.records import house_style

__all__ = ["style_digest"]

_DRAWS = ("figure.py", "ground.py", "raster.py")
"""The modules that decide how a figure looks."""

_THE_SAME = {"7b57d471fe5d0773": "0a9c3f2e73e7f185"}
"""Styles that draw what an earlier one drew, to the byte, and the digest of that one.

What was drawn then need not be drawn again. A line here is a promise: redraw all figures of the course before it is
written, and see that none of them changed.
"""


def style_digest() -> str:
    """Return a short digest of all that decides how a figure looks beside its snippet; comments do not count."""
    lines = (line.partition("#")[0].split() for line in house_style.STYLE.splitlines())
    parts = [repr([line for line in lines if line]), repr(sorted(house_style.VARIABLES.items()))]
    parts += [tree_digest(ast.parse((PACKAGE / "records" / name).read_bytes())) for name in _DRAWS]
    now = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return _THE_SAME.get(now, now)
