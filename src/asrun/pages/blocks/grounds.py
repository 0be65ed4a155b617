"""What an answer rests on: an expression that holds, decided and shown as claims are."""

from __future__ import annotations

import xml.etree.ElementTree as etree
from collections.abc import Collection, Iterable
from typing import Any

from pymdownx.blocks.block import type_any

from asrun.errors import AsrunError
from asrun.pages.blocks.decided import DecidedBlock, sides
from asrun.pages.elements import element
from asrun.text.marks import strip_marks
from asrun.values.expression import Evaluation

__all__ = ["GroundedBlock", "take_options"]


def take_options(*names: str) -> dict[str, Any]:
    """Make options that take anything: what is wrong with them is told in words."""
    return {name: [None, type_any] for name in names}


class GroundedBlock(DecidedBlock):
    """A block whose answer rests on records."""

    def given(self, names: Iterable[str]) -> list[str]:
        """Return those options that the author wrote."""
        return [name for name in names if self.options[name] is not None]

    def refuse(self, names: Collection[str], kind: str) -> None:
        """Refuse options that mean nothing in this kind of block."""
        if wrong := self.given(names):
            raise AsrunError(f"{wrong[0]} has no meaning in {kind}", remedy=f"take {wrong[0]}: … out")

    def words(self, name: str) -> str:
        """Return an option that is a text; an empty one where it was not given."""
        value = self.options[name]
        if value is None:
            return ""
        # A number of more digits than Python writes is no text.
        huge = isinstance(value, int) and abs(value) > 10**1000
        if not isinstance(value, (str, int, float)) or isinstance(value, bool) or huge or not str(value).strip():
            raise AsrunError(f"{name} is a text", remedy=f'write it in quotes: {name}: "…"')
        return str(value).strip()

    def expression(self, name: str) -> str:
        """Return an option that is an expression."""
        text = self.words(name)
        if "{{" in text:
            raise AsrunError(f"the expression of {name} stands without {{{{ }}}}", remedy="write it as it is")
        return strip_marks(text)

    def flag(self, name: str) -> bool:
        """Return an option that is true or false."""
        value = self.options[name]
        if value is not None and not isinstance(value, bool):
            raise AsrunError(f"{name} is true or false", remedy=f"write {name}: true, or leave it out")
        return bool(value)

    def evaluate(self, expression: str, names: Any = None) -> Evaluation:
        """Evaluate an expression, and note what it rests on."""
        found = self.page.context.evaluate(expression, strip_marks(self.words("scale")) or None, names=names)
        self.rest_on(found)
        return found

    def decide(self, name: str, what: str) -> list[etree.Element]:
        """Decide the claim that an option holds, and lay the evidence open; nothing where there is none.

        Raises:
            AsrunError: when it is no claim, or does not hold.
        """
        expression = self.expression(name)
        if not expression:
            return []
        found = self.evaluate(expression)
        self.require_comparison(expression, found)
        if not found.holds:
            raise AsrunError(
                f"{what} does not hold: {self.cited.text}{sides(found)}",
                remedy="change it to what was measured, or find out why it was not",
            )
        return [self.evidence(found)]

    def evidence(self, found: Evaluation) -> etree.Element:
        """Fold the evidence of a claim that holds away."""
        summary = element("summary", element("span", "✓", classes="asrun-mark"), " Tested: the evidence")
        body = element("div", classes="asrun-evidence")
        self.lay_open(body, found)
        return element("details", summary, body, classes="asrun-claim")
