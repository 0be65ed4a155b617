"""Build the HTML of figures, claims and provenance as element trees, so that nothing has to be escaped by hand."""

from __future__ import annotations

import posixpath
import xml.etree.ElementTree as etree
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markdown.util import AtomicString

from asrun.model import Condition, Record, RunName, State
from asrun.pages.literature import Entry, Published
from asrun.values.comparison import LEVEL, Comparison, Interval
from asrun.values.formats import describe, format_measure, format_number, format_seconds, plural
from asrun.values.measure import SEED, Measure

__all__ = ["Links", "element", "error_box", "evidence", "pdf_names", "provenance", "published_anchor", "record_anchor"]

RECORDS_PAGE = "about/records.md"
GRID = "asrun-grid"
"""Class of our tables: those without one are the theme's to put into a box."""
REFERENCES_PAGE = "references/index.md"
Source = Callable[[str], tuple[Published, Entry]]
"""Finds a published number by its key, and the work that it stands in."""


def element(tag: str, *children: etree.Element | str, classes: str = "", **attributes: str) -> etree.Element:
    """Make an element; strings among its children are text that Markdown does not look into."""
    made = etree.Element(tag, {"class": classes} | attributes if classes else attributes)
    append(made, children)
    return made


def append(parent: etree.Element, children: Iterable[etree.Element | str]) -> None:
    """Add children, text among them, at the end of an element."""
    for child in children:
        if isinstance(child, etree.Element):
            parent.append(child)
        elif len(parent):
            parent[-1].tail = AtomicString((parent[-1].tail or "") + child)
        else:
            parent.text = AtomicString((parent.text or "") + child)


@dataclass(frozen=True)
class Links:
    """Makes links from one page to others.

    Arguments:
        page: The page's path in the documentation folder, as in `lessons/07.md`.
        site_root: Where the site's root is, seen from the finished page, for pages that MkDocs does not render; without
            it, links name source files, and the host turns them into addresses.
    """

    page: str
    site_root: str | None = None
    directory_urls: bool = True
    """Whether the site has `lessons/07/` for lessons/07.md, or `lessons/07.html`."""

    def to(self, target: str, anchor: str = "") -> str:
        """Return a link to a page or file of the documentation, by its path there."""
        if self.site_root is None:
            target = posixpath.relpath(target, posixpath.dirname(self.page) or ".")
        else:
            target = self.site_root + self._published(target)
        return target + (f"#{anchor}" if anchor else "")

    def _published(self, target: str) -> str:
        """Return where MkDocs puts a page; any other file stays where it is."""
        if not target.endswith(".md"):
            return target
        page = target.removesuffix(".md")
        if not self.directory_urls:
            return f"{page}.html"
        page = page.removesuffix("index").rstrip("/")
        return f"{page}/" if page else ""


def record_anchor(run: RunName) -> str:
    """Return the id of a record on the page of all records."""
    return f"{run.snippet}-{run.scale}-{run.device}"


def pdf_names(deck: str) -> tuple[str, str]:
    """Return what the slides of a deck are called as PDF, and its handout."""
    return f"{deck}.pdf", f"{deck}-handout.pdf"


def published_anchor(key: str) -> str:
    """Return the id of a published number on the page that lists them."""
    return f"published-{key}"


def error_box(text: str, tag: str = "div") -> etree.Element:
    """Make what a page shows in a preview where something is wrong."""
    return element(tag, text, classes="asrun-error", role="alert")


def stale_note(condition: Condition) -> etree.Element | None:
    """Say that a record is stale, where that is allowed to be shown."""
    if condition.state is State.FRESH:
        return None
    return element("p", f"Not up to date ({condition}).", classes="asrun-stale", role="note")


def provenance(record: Record, condition: Condition, links: Links) -> etree.Element:
    """Say how a record came to be: what a reader needs to judge it, and to make it again."""
    made, run = record.provenance, record.run
    seeds = record.parameters.get("seeds")
    rows: list[tuple[str, Sequence[etree.Element | str]]] = [
        ("Question", [record.question]),
        ("Scale", [run.scale + ": " + ", ".join(f"{k} {describe(v)}" for k, v in record.parameters.items())]),
        (
            "Run",
            [
                f"{made.when[:10]}, {format_seconds(made.seconds)} on {run.device} ({made.device}), "
                f"{describe(round(made.peak_memory_mb))} MB at its peak"
                + (f", {plural(seeds, 'seed')}" if seeds else "")
            ],
        ),
        (
            "With",
            [", ".join(f"{name} {version}" for name, version in made.versions.items())]
            + ([f"; commit {made.commit}"] if made.commit else []),
        ),
        *(("Note", [remark]) for remark in record.remarks),
        ("Again", [element("code", made.command)]),
        (
            "Look",
            [
                element("a", "source", href=links.to(f"snippets/{run.snippet}.py")),
                ", ",
                element("a", "record", href=links.to(f"snippets/records/{run.snippet}/{run.scale}-{run.device}.json")),
                ", ",
                element("a", "all records", href=links.to(RECORDS_PAGE, record_anchor(run))),
            ],
        ),
    ]
    table = element("dl", classes="asrun-facts")
    for term, facts in rows:
        append(table, [element("dt", term), element("dd", *facts)])
    label = f"{run.snippet}, {run.scale}, {run.device}" + (
        "" if condition.state is State.FRESH else f", {condition.state}"
    )
    return element(
        "details", element("summary", "How this was made ", element("small", label)), table, classes="asrun-provenance"
    )


def download_link(notebook: str) -> str:
    """Offer a notebook for download from its page; mkdocs-jupyter puts the file beside the page."""
    link = element("a", f"Download {notebook}.ipynb", href=f"{notebook}.ipynb", download="", classes="md-button")
    return etree.tostring(element("p", link, classes="asrun-download"), encoding="unicode", method="html")


def citation(entry: Entry, links: Links) -> etree.Element:
    """Make the link that running text has for a work."""
    return element("a", entry.short, classes="asrun-citation", href=links.to(REFERENCES_PAGE, entry.key))


def bibliography(entries: Iterable[Entry]) -> etree.Element:
    """Make the list of works."""
    made = element("ul", classes="asrun-bibliography")
    for entry in sorted(entries, key=lambda entry: ("; ".join(entry.authors).casefold(), entry.year)):
        authors = "; ".join(entry.authors).replace("; others", " and others")
        year = f" ({entry.year})" if entry.year else ""
        parts: list[etree.Element | str] = [f"{authors}{year}. ", element("cite", entry.title)]
        parts.append(f". {entry.container}." if entry.container else ".")
        if entry.url:
            parts += [" ", element("a", entry.url.split("://")[-1], href=entry.url)]
        made.append(element("li", *parts, id=entry.key))
    return made


def evidence(comparisons: Iterable[Comparison], source: Source, links: Links) -> list[etree.Element]:
    """Show what decided a claim: both sides of each comparison, the test, and where the numbers come from."""
    parts = []
    for each in comparisons:
        heads = [element("th", name, scope="col") for name in ("side", "value", "n", "from")]
        rows = [element("tr", *heads)]
        for side in filter(None, (each.left, each.right)):
            rows.append(
                element(
                    "tr",
                    element("th", element("code", side.text), scope="row"),
                    element("td", shown(side)),
                    element("td", _n(side)),
                    element("td", *_from(side, source, links)),
                )
            )
        parts.append(element("table", *rows, classes=GRID))
        parts.append(element("p", element("code", in_words(each)), *_decision(each)))
    return parts


def in_words(each: Comparison) -> str:
    """Write a comparison as its author might."""
    return f"{each.left.text} {each.sign}" + (f" {each.right.text}" if each.right else "")


def _decision(each: Comparison) -> list[str]:
    told = [f" {'holds' if each.holds else 'does not hold'}: {each.test}"]
    if each.p_value is not None:
        told.append(f", p {_p(each.p_value)} (level {LEVEL:g})")
    told.append(".")
    if each.difference:
        low, high = _interval(each.difference)
        told.append(f" Difference {format_number(each.difference.estimate)}, {each.difference.level:.0%} interval "
                    f"{low} to {high}")  # fmt: skip
        told.append(f", effect size d = {format_number(each.effect)}." if each.effect is not None else ".")
    return told


def _interval(found: Interval) -> tuple[str, str]:
    return format_number(found.low), format_number(found.high)


def shown(side: Measure) -> str:
    """Write one side of a comparison: a number, or all those of a series."""
    if side.is_number or side.is_sample or not isinstance(side.values, np.ndarray) or not side.axes:
        stated = "" if side.uncertainty is None or np.isnan(side.uncertainty).any() else f" ± {side.uncertainty:g}"
        return format_measure(side) + stated
    means = side.over_seeds(np.mean) if SEED in side.axes else side
    return ", ".join(format_number(float(value)) for value in np.ravel(means.values))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _n(side: Measure) -> str:
    if SEED in side.axes:
        return str(side.values.shape[side.axes.index(SEED)])
    return "1"


def _from(side: Measure, cited: Source, links: Links) -> list[etree.Element | str]:
    parts: list[etree.Element | str] = []
    for source in sorted(side.sources, key=str):
        if parts:
            parts.append(", ")
        if isinstance(source, RunName):
            parts.append(element("a", str(source), href=links.to(RECORDS_PAGE, record_anchor(source))))
        else:
            number, work = cited(str(source).removeprefix("published."))
            parts += [citation(work, links), f", {number.place}"]
    return parts or ["stated"]
