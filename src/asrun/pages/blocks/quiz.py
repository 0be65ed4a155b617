"""The block of a question: choose, compute, order, or predict a curve.

Its kind follows from what is there: `answer` asks for a number, `of` for a curve, a list with boxes for a choice, a
numbered list for an order. What is written here is complete without a script: the question, and its answer folded
away. quiz.js makes it something to answer.
"""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as etree
from collections.abc import Iterator
from typing import Any

from markdown.extensions.toc import slugify
from markdown.util import AtomicString

from asrun.errors import AsrunError, did_you_mean
from asrun.pages.blocks.base import DROPPED
from asrun.pages.blocks.exercise import take_solution
from asrun.pages.blocks.grounds import GroundedBlock, take_options
from asrun.pages.blocks.questions import ASKERS, kind_of
from asrun.pages.elements import append, element
from asrun.text.marks import strip_marks
from asrun.values.draws import DRAWN, Draw, read_draws, write_number

__all__ = ["QuizBlock"]

_LEFT = re.compile(r"\[=[^]\n]{0,40}\]?")
_IN_FORMULA = re.compile(r"(?<![\\$])\$(?!\s)[^$]*?(\[=[^]$]*\])[^$]*?(?<!\s)\$(?!\d)")


class QuizBlock(GroundedBlock):
    """`/// quiz | the question`.

    Options:
        name: The question's id on its page, `quiz-NAME`; by default made from the question.
        because: A claim that must hold for the answer to be right; it is decided and tested as claims are.
        definition: In words, why the answer is right, where no measurement decides it.
        scale: Read records of this scale.
        answer, tolerance, unit, draw, wrong: See `asrun.pages.blocks.questions.ask_number`.
        of, published, at, log, range, across, up, unit: See `asrun.pages.blocks.questions.ask_curve`.
    """

    NAME = "quiz"
    PLURAL = "quizzes"
    COUNTED = ASKS = True
    OPTIONS = take_options(
        *("name", "because", "definition", "scale"),
        *("answer", "tolerance", "unit", "draw", "wrong"),
        *("of", "published", "at", "log", "range", "across", "up"),
    )

    def begin(self, made: etree.Element) -> None:
        super().begin(made)
        self.require_argument("the question")
        self.id = self.take_id()
        self.draws = read_draws(self.options["draw"], self.page.context.snippets())
        self.tokens: dict[str, str] = {}

    def take_id(self) -> str:
        """Give the question an id that no other on the page has."""
        name = self.words("name") or slugify(strip_marks(self.text), "-")[:60].strip("-")
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
            raise AsrunError(
                f"{name!r} is no name for a question", remedy="write name: in small letters, digits and dashes"
            )
        if f"quiz-{name}" in self.page.taken:
            raise AsrunError(f"the name {name} is taken on this page", remedy="give one of the two another: name: …")
        self.page.taken.add(f"quiz-{name}")
        return f"quiz-{name}"

    def finish(self, made: etree.Element) -> None:
        solution = take_solution(made)
        kind = kind_of(self, list(made))
        self.asked = asked = ASKERS[kind](self, made, self.draws)
        shown = {*self.mentions(self.text), *self.say_drawn([*asked.text, *asked.shown])}
        sentence = etree.Element("strong")
        sentence.text = self.drawn(self.text)
        self.check_drawn(shown, asked.needed)
        self.say_drawn(asked.answer if solution is None else [*asked.answer, solution])
        question = element(
            "div", element("p", sentence), *asked.text, classes="asrun-question", id=f"{self.id}-question"
        )
        answer = element("details", element("summary", "Answer"), *asked.answer, classes="asrun-answer")
        append(answer, self.reasons(kind))
        if solution is not None:
            solution.tag = "div"
            solution.remove(solution[0])
            answer.append(solution)
        append(answer, asked.evidence)
        for child in list(made):
            made.remove(child)
        made.text = None
        for name, value in {
            "class": f"asrun-quiz asrun-asks-{kind}",
            "id": self.id,
            "role": "group",
            "aria-labelledby": f"{self.id}-question",
        }.items():
            made.set(name, value)
        append(made, [question, *asked.shown, answer, self.embedded({"kind": kind, **asked.data}, asked.texts)])

    def reasons(self, kind: str) -> list[etree.Element]:
        """Say why the answer is right: a claim that holds, or a definition."""
        reasons = self.decide("because", "the answer to this question")
        if definition := self.words("definition"):
            reason = etree.Element("p")
            reason.text = f"By definition: {self.drawn(definition)}"
            reasons.append(reason)
        if not reasons and kind in ("choice", "order"):
            raise AsrunError(
                "nothing says why this answer is right",
                remedy="write because: a claim that holds, or definition: the reason in words",
            )
        return reasons

    def embedded(self, data: dict[str, Any], texts: tuple[str, ...]) -> etree.Element:
        """Put what the script needs into the page, with a version that any change to the question changes."""
        version = hashlib.sha256(json.dumps([self.cited.text, data, texts], sort_keys=True).encode()).hexdigest()[:8]
        written = json.dumps(data | {"version": version}, ensure_ascii=False, allow_nan=False)
        # A script element ends at the first `</script`, wherever it stands.
        script = f'<script type="application/json">{written.replace("<", chr(92) + "u003c")}</script>'
        holder = etree.Element("div", {"hidden": ""})
        holder.text = self.stash(script)
        return holder

    # Drawn parameters in texts

    def mentions(self, text: str | None) -> Iterator[str]:
        """Find the drawn parameters that a text names."""
        return (found[1] for found in DRAWN.finditer(text or ""))

    def drawn(self, text: str) -> str:
        """Replace parameters in a text by what quiz.js fills in; until then, the first that could be drawn.

        Raises:
            AsrunError: for a name that is not drawn.
        """
        first: Draw = self.draws[0]

        def put(found: re.Match[str]) -> str:
            name = found[1]
            if name not in first:
                raise AsrunError(
                    f"{found[0]} names nothing that is drawn",
                    remedy=did_you_mean(name, first, otherwise=f"write draw: {{{name}: [1, 2, 3]}}"),
                )
            shown = element("span", write_number(first[name]), **{"data-drawn": name})
            token = self.stash(etree.tostring(shown, encoding="unicode"))
            self.tokens[token] = found[0]
            return token

        if formula := _IN_FORMULA.search(text):
            raise _fixed(formula[1])
        said = DRAWN.sub(put, text)
        if first and (left := _LEFT.search(said)):
            raise AsrunError(f"{left[0]} is not the name of a parameter", remedy=f"write [={next(iter(first))}]")
        return said

    def say_drawn(self, roots: list[etree.Element]) -> set[str]:
        """Replace parameters in all texts of some elements, and return which there were. Code is left as it is."""
        found: set[str] = set()
        for each in (each for root in roots for each in root.iter()):
            for part in ("text", "tail"):
                text = getattr(each, part)
                if text and "[=" in text and not isinstance(text, AtomicString):
                    found |= set(self.mentions(text))
                    setattr(each, part, self.drawn(text))
        return found

    def check_drawn(self, shown: set[str], needed: set[str]) -> None:
        """See that a reader is told every parameter that the answer depends on, and that each is good for something."""
        for name in self.draws[0]:
            if name not in shown:
                raise AsrunError(
                    f"the answer depends on {name}, and the question does not say what it is"
                    if name in needed
                    else f"{name} is drawn for nothing",
                    remedy=f"write [={name}] into the question, or take {name} out of draw:",
                )

    def on_inline_end(self, block: etree.Element) -> None:
        if self.broken or not self.ended or DROPPED in block.attrib:
            return
        try:
            self.check_links()
            self.check_tokens(block)
        except AsrunError as error:
            self.fail(block, error)
        else:
            self.asked.late()

    def check_links(self) -> None:
        """See that what is said of a wrong choice leads to what refutes it."""
        for item in self.asked.refuted:
            if not any(link.get("href") for part in item.feedback for link in part.iter("a")):
                raise AsrunError(
                    f"what is said of the wrong choice leads nowhere: {item.name}",
                    remedy="link to the experiment or the lesson that refutes it: [see for yourself](lesson.md)",
                )

    def check_tokens(self, block: etree.Element) -> None:
        """See that no drawn parameter came to stand where a page cannot change it."""
        for token, name in self.tokens.items():
            for each in block.iter():
                formula = "".join(each.itertext()) if "arithmatex" in each.get("class", "").split() else ""
                if token in formula or any(token in value for value in each.attrib.values()):
                    raise _fixed(name)


def _fixed(name: str) -> AsrunError:
    return AsrunError(
        f"{name} stands in a formula or an address, where it cannot be drawn anew",
        remedy="name it in the text beside it; if a $ is money, write \\$",
    )
