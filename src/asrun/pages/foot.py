"""What stands at the foot of a page: how much it has that was checked, and what that rests on."""

from __future__ import annotations

import xml.etree.ElementTree as etree
from collections import Counter
from collections.abc import Iterable

from asrun.pages.blocks.vocabulary import count, counted
from asrun.pages.citation import Citation
from asrun.pages.elements import element
from asrun.values.formats import plural

__all__ = ["made_of"]


def made_of(citations: Iterable[Citation], records_page: str | None) -> str:
    """Say at the foot of a page what it rests on; nothing for a page that cites nothing."""
    cited = list(citations)
    runs = set().union(*(each.records for each in cited)) if cited else set()
    kinds = Counter(each.kind for each in cited)
    parts = [count(kinds[kind], kind) for kind in counted() if kinds[kind]]
    if not parts:
        return ""
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    told: list[etree.Element | str] = [f"This page has {listed}, all checked when it was built"]
    if runs:
        rest = plural(len(runs), "recorded run")
        told += ["; they rest on ", element("a", rest, href=records_page) if records_page else rest]
    return etree.tostring(element("p", *told, ".", classes="asrun-made"), encoding="unicode", method="html")
