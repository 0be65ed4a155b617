"""How figures look in this house: a style for Matplotlib, and the colours that follow a page's light and dark.

What they are is said in two files of `assets/`: colours in `palette.css`, all else in `matplotlibrc`, which names them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from asrun.own import ASSETS

__all__ = ["COLOURS", "STYLE", "VARIABLES"]

_PAIR = re.compile(r"--(fig-\w+): var\(--if-light, (#[0-9a-f]{6})\)")
_NAMED = re.compile(r"\bfig-\w+")

COLOURS: Mapping[str, str] = MappingProxyType(dict(_PAIR.findall((ASSETS / "palette.css").read_text("utf-8"))))
"""The colours that figures are drawn with, those of a light page, by name: `fig-fg`."""

VARIABLES: Mapping[str, str] = MappingProxyType({colour: f"--{name}" for name, colour in COLOURS.items()})
"""The CSS variables that stand for these colours in a page."""

STYLE = _NAMED.sub(lambda name: COLOURS[name[0]].lstrip("#"), (ASSETS / "matplotlibrc").read_text("utf-8"))
"""What Matplotlib reads when the environment variable MATPLOTLIBRC names a file of it."""
