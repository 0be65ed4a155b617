"""The block of a claim: a sentence, and an expression that decides it."""

from __future__ import annotations

import xml.etree.ElementTree as etree

from pymdownx.blocks.block import type_boolean, type_string

from asrun.blocks.base import AsrunBlock
from asrun.elements import append, element, evidence, provenance, shown
from asrun.errors import AsrunError
from asrun.expression import Evaluation
from asrun.functions import DECISIONS
from asrun.model import RunName
from asrun.positions import strip_marks

__all__ = ["ClaimBlock"]


class ClaimBlock(AsrunBlock):
    """`/// claim | the sentence`, and an expression that decides it.

    Options:
        scale: Decide it over records of this scale, or of each of several (`full, quick`); by default over those that
            pages show.
        confirmed: `no` for a sentence of the literature that the records do not bear out: it is shown as such, and is
            wrong as soon as they do.
    """

    NAME = "claim"
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
            self.show(body, evaluation)

    def scales(self) -> list[str]:
        """Return the scales that the claim is about; an empty name is the one that pages show."""
        return [scale.strip() for scale in self.options["scale"].split(",")]

    def decide(self, expression: str, scale: str, confirmed: bool) -> Evaluation:
        """Evaluate the claim at one scale.

        Raises:
            AsrunError: when it cannot be evaluated, or is not as it is said to be.
        """
        evaluation = self.page.context.evaluate(expression, scale or None)
        if not self.cited.evaluation:
            self.cited.evaluation = evaluation
        self.cited.records |= {each for each in evaluation.result.sources if isinstance(each, RunName)}
        if not evaluation.comparisons:
            raise AsrunError(
                f"{expression} is not a claim: nothing is compared",
                remedy="compare with <, >, == or !=, or with " + ", ".join(DECISIONS),
            )
        at = f" at scale {scale}" if scale else ""
        if confirmed and not evaluation.holds:
            raise AsrunError(
                f"this claim does not hold{at}: {self.cited.text}{_sides(evaluation)}",
                remedy="change the sentence to what was measured, or find out why it was not",
            )
        if not confirmed and evaluation.holds:
            raise AsrunError(
                f"this claim is marked as not confirmed, and holds{at}: {self.cited.text}{_sides(evaluation, True)}",
                remedy="take out `confirmed: no`",
            )
        return evaluation

    def show(self, body: etree.Element, evaluation: Evaluation) -> None:
        """Lay the evidence open, and where it comes from."""
        context = self.page.context
        append(body, evidence(evaluation.comparisons, context.literature, self.page.links))
        for run in sorted(each for each in evaluation.result.sources if isinstance(each, RunName)):
            record = context.store.get(run)
            body.append(provenance(record, context.condition(record), self.page.links))


def _sides(evaluation: Evaluation, holding: bool = False) -> str:
    """Say what the comparisons found that hold, or that do not."""
    told = ""
    for each in evaluation.comparisons:
        if each.holds is holding:
            chance = "" if each.p_value is None else f" (p = {each.p_value:.3g}, {each.test})"
            sides = ", ".join(f"{side.text} = {shown(side)}" for side in (each.left, each.right) if side)
            told += f"\n      {sides}; {'found' if holding else 'wanted'} {each.sign}{chance}"
    return told
