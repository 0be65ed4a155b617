"""The block of a claim: a sentence, and an expression that decides it."""

from __future__ import annotations

import xml.etree.ElementTree as etree
from typing import Any

from pymdownx.blocks.block import type_string

from asrun.blocks.base import AsrunBlock
from asrun.elements import append, element, evidence, provenance
from asrun.errors import AsrunError
from asrun.formats import format_measure
from asrun.model import RunName
from asrun.positions import strip_marks

__all__ = ["ClaimBlock"]


class ClaimBlock(AsrunBlock):
    """`/// claim | the sentence`, and an expression that decides it."""

    NAME = "claim"
    OPTIONS = {"scale": ["", type_string]}

    def on_markdown(self) -> str:
        return "raw"

    def begin(self, made: etree.Element) -> None:
        self.require_argument("the sentence")

    def finish(self, made: etree.Element) -> None:
        expression, context = strip_marks(made.text or "").strip(), self.page.context
        made.text = None
        if "{{" in expression:
            raise AsrunError(
                "the expression of a claim stands without {{ }}",
                remedy="write it as it is: snippet.a(axis=1) < snippet.a(axis=0)",
            )
        if not expression:
            raise AsrunError(
                "this claim has nothing that decides it",
                remedy="write an expression under the header: snippet.a(axis=1) < snippet.a(axis=0)",
            )
        evaluation = context.evaluate(expression, self.options["scale"] or None)
        self.cited.evaluation = evaluation
        self.cited.records = {each for each in evaluation.result.sources if isinstance(each, RunName)}
        if not evaluation.comparisons:
            raise AsrunError(f"{expression} is not a claim: nothing is compared", remedy="compare with <, >, == or !=")
        if not evaluation.holds:
            raise AsrunError(
                f"this claim does not hold: {self.cited.text}{_sides(evaluation)}",
                remedy="change the sentence to what was measured, or find out why it was not",
            )
        made.tag = "details"
        made.set("class", "asrun-claim")
        sentence = etree.SubElement(made, "summary")
        sentence.append(element("span", "✓", classes="asrun-mark", title="tested: open for the evidence"))
        sentence[0].tail = " " + self.text
        body = etree.SubElement(made, "div", {"class": "asrun-evidence"})
        append(body, evidence(evaluation.comparisons, context.literature, self.page.links))
        for run in sorted(self.cited.records):
            record = context.store.get(run)
            body.append(provenance(record, context.condition(record), self.page.links))


def _sides(evaluation: Any) -> str:
    told = ""
    for each in evaluation.comparisons:
        if not each.holds:
            chance = "" if each.p_value is None else f" (p = {each.p_value:.3g}, {each.test})"
            told += (
                f"\n      {each.left.text} = {format_measure(each.left)}, "
                f"{each.right.text} = {format_measure(each.right)}; wanted {each.sign}{chance}"
            )
    return told
