"""Blocks that show what a run left behind: its figures, and what it printed."""

from __future__ import annotations

import xml.etree.ElementTree as etree

from pymdownx.blocks.block import type_string_in

from asrun.errors import AsrunError
from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.citation import Shown
from asrun.pages.elements import element, provenance, stale_note
from asrun.records.printed import shorten
from asrun.records.store import PRINTED
from asrun.records.terminal import as_shown

__all__ = ["FigureBlock", "OutputBlock"]


class FigureBlock(AsrunBlock):
    """`/// figure | snippet` or `/// figure | snippet.name`: a recorded drawing; the content is its caption.

    Options:
        size: `small`, `medium` or `wide`; by default as wide as the drawing was made to be.
    """

    NAME = "figure"
    COUNTED = True
    OPTIONS = {"size": ["", type_string_in(["", "small", "medium", "wide"])]}

    def begin(self, made: etree.Element) -> None:
        self.require_argument("snippet")
        made.tag = "figure"
        self.record, figure = self.page.context.figure(self.text)
        self.cited.records = {self.record.run}
        made.set("class", f"asrun-figure asrun-{self.options['size']}" if self.options["size"] else "asrun-figure")
        made.set("id", f"figure-{self.text.replace('.', '-')}")
        drawing = etree.SubElement(made, "div", {"class": "asrun-drawing"})
        drawing.text = self.stash(figure.svg)
        self.caption = etree.SubElement(made, "figcaption")

    def on_add(self, block: etree.Element) -> etree.Element:
        return block if self.broken else self.caption

    def finish(self, made: etree.Element) -> None:
        condition = self.page.context.condition(self.record)
        if (note := stale_note(condition)) is not None:
            made.append(note)
        made.append(provenance(self.record, condition, self.page.links))


class OutputBlock(AsrunBlock):
    """`/// output | name`: what the recorded run of a snippet printed."""

    NAME = "output"

    def begin(self, made: etree.Element) -> None:
        self.require_argument("name")
        record = self.page.context.best(self.text)
        self.cited.records = {record.run}
        if PRINTED in record.damaged:
            raise AsrunError(
                f"{PRINTED} is not what {record.run} printed: the record was changed by hand",
                remedy=f"restore it, or make it anew: asrun run {self.text} --scale {record.run.scale} --rerun",
            )
        if not record.output:
            raise AsrunError(
                f"{record.run} printed nothing", remedy="print what the page should show, or take this block out"
            )
        # Records of earlier versions have all of it, as it went to a terminal.
        output, _ = shorten(as_shown(record.output), self.page.context.project.output_lines)
        self.cited.shown.append(Shown(record.output))
        made.set("class", "asrun-output")
        etree.SubElement(made, "pre", {"tabindex": "0"}).append(element("code", output))
        made.append(provenance(record, self.page.context.condition(record), self.page.links))
