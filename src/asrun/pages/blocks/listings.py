"""Blocks that list all there is: the works of the bibliography, the published numbers, the records of the project."""

from __future__ import annotations

import xml.etree.ElementTree as etree
from collections.abc import Collection, Iterator
from itertools import groupby

import numpy as np

from asrun.freshness import snippet as snippets
from asrun.freshness.conditions import judge_records
from asrun.model import RunName, State
from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.elements import REFERENCES_PAGE, bibliography, element, provenance, published_anchor, record_anchor
from asrun.pages.literature import Published
from asrun.project import Project
from asrun.values.formats import describe, format_measure, format_seconds
from asrun.values.measure import Measure, plain

__all__ = ["BibliographyBlock", "PublishedBlock", "RecordsBlock"]

MOST = 16
"""Points along an axis of published numbers that are shown one by one."""
FEW = 3
"""Numbers that a sentence can hold."""


class BibliographyBlock(AsrunBlock):
    """`/// bibliography`: every work of references.bib."""

    NAME = "bibliography"

    def begin(self, made: etree.Element) -> None:
        made.append(bibliography(self.page.context.literature.entries.values()))


class PublishedBlock(AsrunBlock):
    """`/// published`: every published number, work by work: what an author types, what it is, where it stands."""

    NAME = "published"

    def begin(self, made: etree.Element) -> None:
        literature, links = self.page.context.literature, self.page.links
        made.set("class", "asrun-literature")
        for cite, numbers in groupby(_by_work(literature.published.values()), key=lambda number: number.cite):
            entry = literature.entries[cite]
            made.append(element("h2", entry.short, id=f"published-by-{cite}"))
            title = element("a", element("cite", entry.title), href=links.to(REFERENCES_PAGE, cite))
            made.append(element("p", title))
            for number in numbers:
                made.append(_published(number))


def _by_work(numbers: Collection[Published]) -> list[Published]:
    """Put the numbers of one work together: works in the order of their first number."""
    works = list(dict.fromkeys(number.cite for number in numbers))
    return sorted(numbers, key=lambda number: works.index(number.cite))


def _published(number: Published) -> etree.Element:
    """Show one published number or table of numbers."""
    chosen = ", ".join(f"{axis}={_typed(number.labels[axis][0])}" for axis in number.axes)
    typed = f"published.{number.key}" + (f"({chosen})" if chosen else "")
    what: list[etree.Element | str] = [_sentence(number.what)]
    if number.unit:
        what.append(f" (in {'percent' if number.unit == '%' else number.unit})")
    long = max(number.values.shape, default=1) > MOST
    few = number.values.size <= FEW and len(number.axes) < 2
    if long:
        what += [": ", _extent(number)]
    elif few:
        for at, (label, cell) in enumerate(zip(_labels(number), _cells(number).flat, strict=True)):
            what += [", " if at else ": ", label, element("strong", cell)]
    place = f"{_sentence(number.place)}; {number.how}."
    if number.p:
        place += f" The letter p there is the probability to {number.p} a unit."
    made = element(
        "div",
        element("p", element("code", typed)),
        element("p", *what, "."),
        element("p", place, classes="asrun-place"),
        classes="asrun-number",
        id=published_anchor(number.key),
    )
    if not (long or few):
        made.append(_table(number))
    return made


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _typed(label: object) -> str:
    """Write a label as an author types it."""
    return f'"{label}"' if isinstance(label, str) else f"{plain(label):g}"


def _read(label: object) -> str:
    """Write a label as a reader reads it."""
    value = plain(label)
    return describe(int(value)) if isinstance(value, float) and value.is_integer() else describe(value)


def _labels(number: Published) -> list[str]:
    """Name each of a few numbers in a sentence: words by themselves, numbers by what they are."""
    if not number.axes:
        return [""]
    (axis,) = number.axes
    labels = number.labels[axis]
    return [f"{axis} {_read(label)}: " if labels.dtype.kind in "if" else f"{label}: " for label in labels]


def _written(number: float) -> str:
    """Write a number with all of its digits and no others, nan as nothing."""
    if not np.isfinite(number):
        return ""
    digits = np.format_float_positional(number, trim="0").partition(".")[2] if isinstance(number, float) else ""
    return format_measure(Measure(np.asarray(number)), f".{len(digits)}f")


def _cells(number: Published) -> np.ndarray:
    """Write each number, with what the source states after its ±."""
    cells = [_written(plain(value)) for value in number.values.flat]
    if number.uncertainty is not None:
        stated = [_written(plain(value)) for value in number.uncertainty.flat]
        cells = [f"{cell} ± {more}" if more else cell for cell, more in zip(cells, stated, strict=True)]
    return np.array(cells, dtype=object).reshape(number.values.shape)


def _extent(number: Published) -> str:
    """Say how long a curve is that is not shown point by point."""
    axes = (f"{axis} {_read(min(labels))} to {_read(max(labels))}" for axis, labels in number.labels.items())
    there = number.values[np.isfinite(number.values)]
    low, high = (_written(plain(each)) for each in (there.min(), there.max()))
    return f"{there.size} points, {', '.join(axes)}, values from {low} to {high}"


def _table(number: Published) -> etree.Element:
    """Lay numbers out: the first axis down the side, a second across."""
    cells = _cells(number)
    first, *second = number.axes
    labels = [_read(label) for label in number.labels[first]]
    if second:
        heads = [f"{first} ↓ {second[0]} →", *(_read(label) for label in number.labels[second[0]])]
        rows = [[label, *row] for label, row in zip(labels, cells, strict=True)]
    else:
        heads, rows = [first, "value"], [list(pair) for pair in zip(labels, cells, strict=True)]
    table = element("table", classes="asrun-numbers")
    table.append(element("thead", element("tr", *(element("th", text, scope="col") for text in heads))))
    body = etree.SubElement(table, "tbody")
    for name, *row in rows:
        body.append(element("tr", element("th", name, scope="row"), *(element("td", cell) for cell in row)))
    frame = element("div", table, classes="asrun-scroll")
    if len(heads) > 2:
        frame.attrib.update({"tabindex": "0", "role": "group", "aria-label": f"{number.key}, may scroll"})
    return frame


class RecordsBlock(AsrunBlock):
    """`/// records`: every record of the project, its state and its cost, and what was not run."""

    NAME = "records"

    def begin(self, made: etree.Element) -> None:
        context = self.page.context
        made.set("class", "asrun-records")
        for run, condition in judge_records(context.project, context.store, drawn=True, read=context.sources).items():
            heading = element("h2", element("code", run.snippet), f" {run.scale}, {run.device}", id=record_anchor(run))
            made.append(heading)
            if condition.state in (State.UNUSED, State.BROKEN):
                # There is nothing to link to, or nothing to say.
                made.append(element("p", f"{str(condition).capitalize()}."))
                continue
            record = context.store.get(run)
            if record is None:
                made.append(element("p", f"Not run ({condition})."))
                continue
            cost = (
                f"{format_seconds(record.provenance.seconds)}, {describe(round(record.provenance.peak_memory_mb))} MB"
            )
            state = "up to date" if condition.state is State.FRESH else str(condition)
            made.append(element("p", f"{record.question} {cost}; {state}."))
            made.append(provenance(record, condition, self.page.links))
        if missing := list(not_run(context.project, context.store.list())):
            made.append(element("h2", "Not run", id="not-run"))
            made.append(element("ul", *(element("li", element("code", name), f" {what}") for name, what in missing)))


def not_run(project: Project, recorded: Collection[RunName]) -> Iterator[tuple[str, str]]:
    """Say which experiments are written and have no record: a scale, or a device that the snippet is meant for."""
    for snippet in snippets.list_snippets(project):
        for scale in snippet.scales:
            devices = {run.device for run in recorded if (run.snippet, run.scale) == (snippet.name, scale)}
            if not devices:
                yield snippet.name, scale
            elif snippet.needs.get("gpu") and "cuda" not in devices:
                yield snippet.name, f"{scale}, on a GPU"
