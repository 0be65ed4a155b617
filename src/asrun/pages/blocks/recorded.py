"""Blocks that show what a run left behind: its figures, and what it printed."""

from __future__ import annotations

import xml.etree.ElementTree as etree

from pymdownx.blocks.block import type_string_in

from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.citation import Shown
from asrun.pages.elements import element, provenance, stale_note

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
        record, figure = self.page.context.figure(self.text)
        self.run = record.run
        self.cited.records = {self.run}
        made.set("class", f"asrun-figure asrun-{self.options['size']}" if self.options["size"] else "asrun-figure")
        made.set("id", f"figure-{self.text.replace('.', '-')}")
        drawing = etree.SubElement(made, "div", {"class": "asrun-drawing"})
        drawing.text = self.stash(figure.svg)
        self.caption = etree.SubElement(made, "figcaption")

    def on_add(self, block: etree.Element) -> etree.Element:
        return block if self.broken else self.caption

    def finish(self, made: etree.Element) -> None:
        record, condition = self.page.context.judged(self.run)
        if (note := stale_note(condition)) is not None:
            made.append(note)
        made.append(provenance(record, condition, self.page.links))


class OutputBlock(AsrunBlock):
    """`/// output | name`: what the recorded run of a snippet printed."""

    NAME = "output"

    def begin(self, made: etree.Element) -> None:
        self.require_argument("name")
        record, output = self.page.context.printed(self.text)
        self.cited.records = {record.run}
        self.cited.shown.append(Shown(record.output))
        made.set("class", "asrun-output")
        etree.SubElement(made, "pre", {"tabindex": "0"}).append(element("code", output))
        record, condition = self.page.context.judged(record.run)
        made.append(provenance(record, condition, self.page.links))
