"""What blocks share that an expression decides: claims, and the answers of questions."""

from __future__ import annotations

import xml.etree.ElementTree as etree

from asrun.errors import AsrunError
from asrun.model import RunName
from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.elements import append, evidence, provenance, shown
from asrun.values.expression import Evaluation
from asrun.values.functions import DECISIONS
from asrun.values.measure import Measure

__all__ = ["DecidedBlock", "sides"]


class DecidedBlock(AsrunBlock):
    """A block that an expression over records decides."""

    def rest_on(self, found: Evaluation) -> None:
        """Note what the block rests on."""
        if not self.cited.evaluation:
            self.cited.evaluation = found
        self.cited.records |= _runs(found)

    def require_comparison(self, expression: str, found: Evaluation) -> None:
        """Refuse an expression that decides nothing.

        Raises:
            AsrunError: when nothing is compared.
        """
        if not found.comparisons:
            raise AsrunError(
                f"{expression} is not a claim: nothing is compared",
                remedy="compare with <, >, == or !=, or with " + ", ".join(DECISIONS),
            )

    def lay_open(self, body: etree.Element, found: Evaluation) -> None:
        """Show the evidence, and where it comes from."""
        append(body, evidence(found.comparisons, self.page.context.source, self.page.links))
        append(body, self.provenances(found))

    def provenances(self, *found: Evaluation) -> list[etree.Element]:
        """Say how the records came to be that some evaluations rest on."""
        judged = map(self.page.context.judged, sorted(set().union(*map(_runs, found))))
        return [provenance(record, condition, self.page.links) for record, condition in judged]


def _runs(found: Evaluation) -> set[RunName]:
    return {each for each in found.result.sources if isinstance(each, RunName)}


def _measured(side: Measure) -> str:
    """Return one side of a comparison with what it comes to; a number that is written out says that itself."""
    # Of 0.9 it is no news that it is 0.9.
    literal = not side.sources and side.is_number
    return side.text if literal and side.text == shown(side) else f"{side.text} = {shown(side)}"


def sides(evaluation: Evaluation, holding: bool = False) -> str:
    """Say what the comparisons found that do not hold, or those that do."""
    told = ""
    for each in evaluation.comparisons:
        if each.holds is holding:
            chance = "" if each.p_value is None else f" (p = {each.p_value:.3g}, {each.test})"
            both = ", ".join(map(_measured, filter(None, (each.left, each.right))))
            told += f"\n      {both}; {'found' if holding else 'wanted'} {each.sign}{chance}"
    return told
