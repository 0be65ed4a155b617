"""The block of a claim: a sentence, and an expression that decides it."""

from __future__ import annotations

import xml.etree.ElementTree as etree

from pymdownx.blocks.block import type_boolean, type_string

from asrun.errors import AsrunError
from asrun.pages.blocks.decided import DecidedBlock, sides
from asrun.pages.elements import element
from asrun.text.marks import strip_marks
from asrun.values.expression import Evaluation

__all__ = ["ClaimBlock"]


class ClaimBlock(DecidedBlock):
    """`/// claim | the sentence`, and an expression that decides it.

    Options:
        scale: Decide it over records of this scale, or of each of several (`full, quick`); by default over those that
            pages show.
        confirmed: `no` for a sentence of the literature that the records do not bear out: it is shown as such, and is
            wrong as soon as they do.
    """

    NAME = "claim"
    COUNTED = STATES = True
    PROSE = False
    OPTIONS = {"scale": ["", type_string], "confirmed": [True, type_boolean]}

    def on_markdown(self) -> str:
        return "raw"

    def begin(self, made: etree.Element) -> None:
        self.require_argument("the sentence")

    def finish(self, made: etree.Element) -> None:
        expression = strip_marks(made.text or "").strip()
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
        confirmed = self.options["confirmed"]
        evaluations = {scale: self.decide(expression, scale, confirmed) for scale in self.scales()}
        self.cited.confirmed, self.cited.scales = confirmed, tuple(evaluations)
        made.tag = "details"
        made.set("class", "asrun-claim" if confirmed else "asrun-claim asrun-unconfirmed")
        mark = (
            ("✓", "tested: open for the evidence") if confirmed else ("≠", "not confirmed here: open for the evidence")
        )
        sentence = etree.SubElement(made, "summary")
        sentence.append(element("span", mark[0], classes="asrun-mark", title=mark[1]))
        sentence[0].tail = " " + self.text
        if not confirmed:
            sentence.append(element("small", "not confirmed here", classes="asrun-state"))
            sentence[0].tail += " "
        body = etree.SubElement(made, "div", {"class": "asrun-evidence"})
        for scale, evaluation in evaluations.items():
            if len(evaluations) > 1:
                body.append(element("p", f"At scale {scale}:"))
            self.lay_open(body, evaluation)

    def scales(self) -> list[str]:
        """Return the scales that the claim is about; an empty name is the one that pages show."""
        return [scale.strip() for scale in self.options["scale"].split(",")]

    def decide(self, expression: str, scale: str, confirmed: bool) -> Evaluation:
        """Evaluate the claim at one scale.

        Raises:
            AsrunError: when it cannot be evaluated, or is not as it is said to be.
        """
        evaluation = self.page.context.evaluate(expression, scale or None)
        self.rest_on(evaluation)
        self.require_comparison(expression, evaluation)
        at = f" at scale {scale}" if scale else ""
        if confirmed and not evaluation.holds:
            raise AsrunError(
                f"this claim does not hold{at}: {self.cited.text}{sides(evaluation)}",
                remedy="change the sentence to what was measured, or find out why it was not",
            )
        if not confirmed and evaluation.holds:
            raise AsrunError(
                f"this claim is marked as not confirmed, and holds{at}: {self.cited.text}{sides(evaluation, True)}",
                remedy="take out `confirmed: no`",
            )
        return evaluation
