"""What stands within a text: values, citations and formulas."""

from __future__ import annotations

import re
import xml.etree.ElementTree as etree
from typing import Any

from markdown import Markdown
from markdown.inlinepatterns import InlineProcessor
from markdown.treeprocessors import Treeprocessor

from asrun.errors import AsrunError, Problems
from asrun.model import RunName
from asrun.pages.citation import Shown
from asrun.pages.elements import RECORDS_PAGE, REFERENCES_PAGE, citation, element, error_box, record_anchor
from asrun.text.marks import BAR, places, strip_marks
from asrun.values.formats import format_measure

__all__ = ["CitationInline", "Guard", "LinksInLinks", "ValueInline"]


_BESIDE = "write it in the text beside it; if a $ is money, write \\$"


class Guard(Treeprocessor):
    """Notes what is wrong with formulas with everything else that is wrong, instead of stopping at it."""

    def __init__(self, md: Markdown, extension: Any, inner: Treeprocessor):
        super().__init__(md)
        self.extension, self.inner = extension, inner

    def run(self, root: etree.Element) -> etree.Element | None:
        page = self.extension.page
        for part in root.iter():
            if "arithmatex" in part.get("class", "").split():
                # Braces mean something else there, and values are refused by whoever reads the formula.
                for place in places("".join(part.itertext())):
                    if page.marked.get(place) == "work":
                        page.leave(place, AsrunError("a citation cannot stand in a formula", remedy=_BESIDE))
                    page.understood.add(place)
        try:
            return self.inner.run(root)
        except AsrunError as error:
            for each in error.errors if isinstance(error, Problems) else [error]:
                cited = page.cite("formula", "", each.where.line if each.where else None)
                cited.error = each
            return None


class LinksInLinks(Treeprocessor):
    """Makes values and citations inside of a link plain text: HTML has no link in a link."""

    def run(self, root: etree.Element) -> None:
        for link in root.iter("a"):
            for inner in link.iter("a"):
                if inner is not link:
                    inner.tag = "span"
                    inner.attrib.pop("href", None)


class _Inline(InlineProcessor):
    def __init__(self, pattern: str, md: Markdown, extension: Any):
        super().__init__(pattern, md)
        self.extension = extension


_IN_TAG = re.compile(r"(<[a-zA-Z][^<>]*|\]\([^()\s]*)\Z")


class ValueInline(_Inline):
    """`{{ snippet.value | format }}`, `{{ published.key }}`."""

    def handleMatch(  # type: ignore[override]  # an InlineProcessor's, and not an old Pattern's
        self, m: re.Match[str], data: str
    ) -> tuple[etree.Element, int, int]:
        page = self.extension.page
        page.understood.update(places(m[0]))
        text, spec = (strip_marks(part).strip() for part in m[3].partition(BAR)[::2])
        cited = page.cite("value", text, int(m[1]), int(m[2]))
        try:
            if _IN_TAG.search(data[: m.start(0)]):
                raise AsrunError("a value cannot stand inside a tag or an address", remedy="write it in the text")
            if not text:
                raise AsrunError("there is no value between {{ and }}", remedy="write {{ snippet.value }}")
            cited.evaluation = page.context.evaluate(text)
            result = cited.evaluation.result
            shown = format_measure(result, spec)
            cited.shown.append(Shown(result, spec))
        except AsrunError as error:
            return error_box(page.fail(cited, error), "span"), m.start(0), m.end(0)
        cited.records = {source for source in result.sources if isinstance(source, RunName)}
        published = sorted(
            str(each).removeprefix("published.") for each in result.sources if not isinstance(each, RunName)
        )
        if cited.records:
            run = min(cited.records)
            note = f"{text}, from {run}" + (
                f": mean ± standard deviation of {result.values.size} seeds" if result.is_sample else ""
            )
            target = page.links.to(RECORDS_PAGE, record_anchor(run))
        elif published:
            number, entry = page.context.source(published[0])
            note = f"{entry.short}, {number.where}: {number.what} ({number.how})"
            target = page.links.to(REFERENCES_PAGE, number.cite)
        else:
            return element("span", shown, classes="asrun-value"), m.start(0), m.end(0)
        kind = "asrun-value" if cited.records else "asrun-value asrun-published"
        return element("a", shown, classes=kind, href=target, title=note), m.start(0), m.end(0)


class CitationInline(_Inline):
    """`[@key]`, or `[@one; @two]`."""

    def handleMatch(  # type: ignore[override]  # an InlineProcessor's, and not an old Pattern's
        self, m: re.Match[str], data: str
    ) -> tuple[etree.Element, int, int]:
        page = self.extension.page
        page.understood.update(places(m[0]))
        shown = element("span", "(", classes="asrun-citations")
        for at, work in enumerate(m[3].split(";")):
            key, _, locator = strip_marks(work).strip().removeprefix("@").partition(",")
            key = key.strip()
            cited = page.cite("citation", key, int(m[1]), int(m[2]))
            if at:
                shown[-1].tail = (shown[-1].tail or "") + "; "
            try:
                shown.append(citation(page.context.work(key), page.links))
                if locator.strip():
                    shown[-1].tail = f", {locator.strip()}"
            except AsrunError as error:
                # It may be that the whole bibliography cannot be read; a preview goes on all the same.
                shown.append(error_box(page.fail(cited, error), "span"))
        shown[-1].tail = (shown[-1].tail or "") + ")"
        return shown, m.start(0), m.end(0)
