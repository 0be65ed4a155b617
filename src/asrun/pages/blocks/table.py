"""The block that shows numbers of records, or of the literature, as a table."""

from __future__ import annotations

import xml.etree.ElementTree as etree
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pymdownx.blocks.block import type_any, type_string

from asrun.errors import AsrunError, quoted
from asrun.model import RunName
from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.citation import Shown
from asrun.pages.elements import GRID, element, provenance, stale_note
from asrun.values.formats import format_measure
from asrun.values.measure import SEED, Measure, UnknownLabel, plain

__all__ = ["TableBlock"]

ROWS, CELLS = 1000, 10_000
"""The largest table."""

_EXAMPLE = (
    "write `of: snippet.value`, or `rows: {label: snippet.labels}` and `columns: {heading: snippet.value(axis=label)}`"
)


class TableBlock(AsrunBlock):
    """`/// table | caption`: what lies along the axes of a value, or rows and columns of expressions.

    Options:
        of: A value with one or two labelled axes besides the seeds: the first goes down, the second across.
        rows: A name, and the labels that it stands for in turn: an expression, or a list.
        columns: Headings, and the expression of each, in which that name may be used; a format may follow after `|`.
        format: How numbers are written where a column does not say; see `asrun.values.formats.format_measure`.
        missing: What stands in a cell whose label does not exist; without it, that is an error.
    """

    NAME = "table"
    COUNTED = True
    PROSE = False
    OPTIONS = {
        "of": ["", type_string],
        "rows": [{}, type_any],
        "columns": [{}, type_any],
        "format": ["", type_string],
        "missing": ["", type_string],
    }

    def begin(self, made: etree.Element) -> None:
        self.require_argument("what it shows")
        self.sources: set[Any] = set()
        heads, rows = self.along() if self.options["of"] else self.expressions()
        made.set("class", "asrun-table")
        frame = etree.SubElement(made, "div", {"class": "asrun-scroll", "tabindex": "0", "role": "group"})
        frame.set("aria-label", "table, may scroll")
        table = etree.SubElement(frame, "table", {"class": GRID})
        etree.SubElement(table, "caption").text = self.text
        head = etree.SubElement(etree.SubElement(table, "thead"), "tr")
        for text in heads:
            etree.SubElement(head, "th", {"scope": "col"}).text = text
        body = etree.SubElement(table, "tbody")
        for first, *cells in rows:
            body.append(element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in cells)))
        self.cited.records = {source for source in self.sources if isinstance(source, RunName)}

    def finish(self, made: etree.Element) -> None:
        for run in sorted(self.cited.records):
            record, condition = self.page.context.judged(run)
            if (note := stale_note(condition)) is not None:
                made.append(note)
            made.append(provenance(record, condition, self.page.links))

    def along(self) -> tuple[list[str], Iterator[list[str]]]:
        """Lay a value out along its axes."""
        if self.options["rows"] or self.options["columns"]:
            raise AsrunError("a table is `of` one value, or has rows and columns, not both", remedy=_EXAMPLE)
        value = self.value(self.options["of"])
        axes = [axis for axis in value.axes if axis != SEED]
        if not 1 <= len(axes) <= 2 or any(axis not in value.labels for axis in axes):
            raise AsrunError(
                f"{value.text} has no table along {', '.join(axes) or 'nothing'}",
                remedy="choose until one or two labelled axes are left: snippet.value(other=label)",
            )
        first, *second = axes
        _require_readable(len(value.labels[first]), len(value.labels[second[0]]) if second else 1)
        across = list(value.labels[second[0]]) if second else [None]
        heads = [f"{first} ↓ {second[0]} →" if second else first]
        heads += [_label(label) for label in across] if second else [self.options["of"].rpartition(".")[2]]
        return heads, (
            [_label(label)]
            + [
                self.written(value.select({first: label} | ({second[0]: plain(other)} if second else {})))
                for other in across
            ]
            for label in map(plain, value.labels[first])
        )

    def expressions(self) -> tuple[list[str], Iterator[list[str]]]:
        """Evaluate each column's expression for each row."""
        rows, columns = self.options["rows"], self.options["columns"]
        if (
            not isinstance(rows, dict)
            or len(rows) != 1
            or not all(map(_is_label, rows))
            or not isinstance(columns, dict)
            or not columns
        ):
            raise AsrunError("this table does not say what it shows", remedy=_EXAMPLE)
        ((name, given),) = rows.items()
        for heading, expression in columns.items():
            if not _is_label(heading) or not _is_label(expression):
                raise AsrunError(f"the column {quoted(heading)} of this table has no expression", remedy=_EXAMPLE)
        labels = self.labels(given)
        _require_readable(len(labels), len(columns))
        if wrong := [label for label in labels if not _is_label(label)]:
            raise AsrunError(f"{quoted(wrong[0])} is no label of a row", remedy="labels are words and finite numbers")
        return [str(name), *map(str, columns)], (
            [_label(label)]
            + [self.cell(str(expression), {str(name): Measure(_array(label))}) for expression in columns.values()]
            for label in labels
        )

    def labels(self, given: Any) -> list[Any]:
        if isinstance(given, list):
            return given
        found = self.value(str(given))
        if not isinstance(found.values, np.ndarray) or found.values.ndim != 1:
            raise AsrunError(f"{given} is not a list of labels", remedy="name a value with one axis, or write a list")
        return list(found.values.tolist())

    def cell(self, text: str, names: Mapping[str, Measure]) -> str:
        expression, _, spec = text.partition("|")
        try:
            return self.written(self.value(expression, names), spec.strip())
        except UnknownLabel:
            if not self.options["missing"]:
                raise
            return str(self.options["missing"])

    def value(self, text: str, names: Mapping[str, Measure] | None = None) -> Measure:
        result = self.page.context.evaluate(text, names=names).result
        self.sources |= result.sources
        return result

    def written(self, value: Measure, spec: str = "") -> str:
        self.cited.shown.append(Shown(value, spec or self.options["format"]))
        return format_measure(value, spec or self.options["format"])


def _require_readable(rows: int, columns: int) -> None:
    """See that a reader can make something of a table, and a browser show it."""
    if rows > ROWS or rows * columns > CELLS:
        raise AsrunError(
            f"this table has {rows} rows of {columns} cells, which nobody reads",
            remedy=f"choose some by label, or draw them; {ROWS} rows and {CELLS} cells are the most",
        )


def _is_label(label: Any) -> bool:
    """Whether something is a word, or a number that can be reckoned with."""
    return isinstance(label, (str, bool)) or (isinstance(label, (int, float)) and abs(label) < 1e300)


def _array(label: Any) -> Any:
    return label if isinstance(label, (str, bool)) else np.asarray(label)


def _label(label: Any) -> str:
    value = plain(label)
    return f"{value:g}" if isinstance(value, float) else str(value)
