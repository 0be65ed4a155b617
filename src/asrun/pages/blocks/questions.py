"""The kinds of questions: what each reads from its block, what it shows, and what its answer is."""

from __future__ import annotations

import copy
import string
import xml.etree.ElementTree as etree
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asrun.errors import AsrunError, quoted
from asrun.pages.blocks.grounds import GroundedBlock
from asrun.pages.blocks.items import Item, read_items
from asrun.pages.citation import Shown
from asrun.pages.elements import GRID, citation, element
from asrun.text.marks import strip_marks
from asrun.values.curve import Curve, Published, read_curve, read_published, read_range
from asrun.values.draws import Draw, Tolerance, compute_cases, mentioned, shuffled, write_number
from asrun.values.formats import format_number
from asrun.values.measure import Measure

__all__ = ["ASKERS", "Asked", "kind_of"]

NUMBER = ("answer", "tolerance", "draw", "wrong")
CURVE = ("of", "published", "at", "log", "range", "across", "up")
LETTERS = string.ascii_uppercase


@dataclass
class Asked:
    """A question, taken apart."""

    data: dict[str, Any]
    """What the script needs to judge an answer."""
    text: list[etree.Element]
    """What the question says besides its header."""
    shown: list[etree.Element]
    """What there is to answer with."""
    answer: list[etree.Element]
    evidence: list[etree.Element] = field(default_factory=list)
    texts: tuple[str, ...] = ()
    """What there is to choose or to order: when it changes, answers that a browser kept mean nothing."""
    needed: set[str] = field(default_factory=set)
    """Drawn parameters that the answer depends on."""
    refuted: list[Item] = field(default_factory=list)
    """Wrong choices, whose feedback must lead to what refutes them."""
    late: Callable[[], None] = lambda: None
    """What has to wait until Markdown has read the texts."""


def kind_of(block: GroundedBlock, content: Sequence[etree.Element]) -> str:
    """Say what kind of question a block asks.

    Raises:
        AsrunError: when it asks nothing, or two things at once.
    """
    kinds = {"answer": "number", "of": "curve"}
    asked = block.given(kinds)
    if len(asked) == 2:
        raise AsrunError("answer asks for a number and of for a curve", remedy="make two questions of it")
    if asked:
        kind = kinds[asked[0]]
        block.refuse(CURVE if kind == "number" else NUMBER, f"a question for a {kind}")
        return kind
    block.refuse([*NUMBER, *CURVE, "unit"], "a question without answer: or of:")
    tags = [child.tag for child in content if child.tag in ("ul", "ol")]
    if not tags:
        raise AsrunError(
            "this question has nothing to answer it with",
            remedy="after a blank line, list the choices as - [x] right and - [ ] wrong, or steps as 1. 2. 3. in the "
            "right order; or write answer: an expression, or of: a curve",
        )
    return "choice" if tags[-1] == "ul" else "order"


def _listed(made: etree.Element) -> tuple[list[etree.Element], list[Item]]:
    """Return what stands before the last list, and its items."""
    content = list(made)
    at = max(at for at, child in enumerate(content) if child.tag in ("ul", "ol"))
    if content[at + 1 :]:
        raise AsrunError(
            "something stands after the list of this question, where nobody reads it",
            remedy="put it before the list, under an item by four spaces, or into /// solution … ///; then the quiz "
            "needs a slash more: //// quiz",
        )
    return content[:at], read_items(content[at])


def ask_choice(block: GroundedBlock, made: etree.Element, draws: Sequence[Draw]) -> Asked:
    """Ask for the right one, or ones, of several."""
    text, items = _listed(made)
    for item in items:
        if item.right is None:
            raise AsrunError(f"this choice has no box: {item.name}", remedy="write - [x] before what is right, - [ ] "
                             "before what is wrong")  # fmt: skip
        if not item.right and not item.feedback:
            raise AsrunError(
                f"nothing is said of the wrong choice: {item.name}",
                remedy="under it, indented by four spaces, name the misconception and link to what refutes it",
            )
    if len(items) > len(LETTERS):
        raise AsrunError(f"a question with {len(items)} choices", remedy=f"keep to {len(LETTERS)} or fewer")
    right = [at for at, item in enumerate(items) if item.right]
    if not right:
        raise AsrunError("no choice of this question is right", remedy="write - [x] before one that is")
    answers = []
    for at, item in enumerate(items):
        verdict = f"{LETTERS[at]} is {'right' if item.right else 'not right'}."
        says = element("p", element("strong", verdict), classes="asrun-which")
        answers.append(element("div", says, *item.feedback, classes="asrun-feedback", **{"data-for": str(at)}))
    # The letters are those of the answer, with and without a style sheet.
    style = "list-style-type: upper-alpha"
    choices = element("ol", *(element("li", item.offer) for item in items), classes="asrun-choices", style=style)
    return Asked(
        {"right": right},
        text,
        [choices],
        answers,
        refuted=[item for item in items if not item.right],
        texts=tuple(item.text for item in items),
    )


def ask_order(block: GroundedBlock, made: etree.Element, draws: Sequence[Draw]) -> Asked:
    """Ask for the order of things that are given in another."""
    text, items = _listed(made)
    if boxed := next((item for item in items if item.right is not None), None):
        raise AsrunError(
            f"this step has a box: {boxed.name}",
            remedy="choices are listed with -, and steps that are to be ordered have none",
        )
    order = shuffled([item.text for item in items], block.cited.text)
    steps = element(
        "ul", *(element("li", items[at].offer, **{"data-item": str(at)}) for at in order), classes="asrun-steps"
    )
    rows = []
    for at, item in enumerate(items):
        row = element("li", element("span"))
        if item.feedback:
            row.append(element("div", *item.feedback, classes="asrun-feedback", **{"data-for": str(at)}))
        rows.append(row)

    def copy_texts() -> None:
        # Values and citations in them are read, and tested, once.
        for row, item in zip(rows, items, strict=True):
            row[0] = copy.deepcopy(item.offer)

    return Asked({}, text, [steps], [element("ol", *rows)], late=copy_texts, texts=tuple(item.text for item in items))


def ask_number(block: GroundedBlock, made: etree.Element, draws: Sequence[Draw]) -> Asked:
    """Ask for a number.

    Options:
        answer: An expression.
        tolerance: How far from it is right still: `0.01`, or `5%` of the answer.
        unit: What stands behind the number.
        draw: Parameters by name, each with the numbers it may have; see `asrun.values.draws`.
        wrong: What to say of a wrong result, by the expression that leads to it.
    """
    answer = block.expression("answer")
    if block.options["tolerance"] is None:
        raise AsrunError(
            "nothing says how near a number must come to be right",
            remedy="write tolerance: 0.01, or a share of the answer: tolerance: 5%",
        )
    tolerance = Tolerance.read(block.options["tolerance"])
    said = _wrong(block)
    cases, found = compute_cases(draws, answer, list(said), tolerance, block.evaluate)
    for case in cases:
        numbers = (case.answer, *case.wrong)
        block.cited.shown += [Shown(Measure(np.asarray(each)), within=case.tolerance) for each in numbers]
    unit = strip_marks(block.words("unit"))
    after = f" {unit}" if unit else ""
    first = cases[0]
    shown = element("span", write_number(first.answer, first.tolerance), **{"data-answer": ""})
    answers = [element("p", "The answer is ", shown, f"{after}.")]
    for at, (text, number) in enumerate(zip(said.values(), first.wrong, strict=True)):
        got = element("span", write_number(number, first.tolerance), **{"data-wrong": str(at)})
        reason = etree.Element("p")
        reason.text = text
        says = element("p", element("strong", "Not ", got, f"{after}."), classes="asrun-which")
        answers.append(element("div", says, reason, classes="asrun-feedback", **{"data-for": str(at)}))
    data = {"unit": unit, "cases": [_case(case) for case in cases]}
    needed = set().union(*map(mentioned, (answer, *said)))
    return Asked(data, list(made), [], answers, block.provenances(*found), needed=needed)


def _case(case: Any) -> dict[str, Any]:
    return {
        "draw": {name: write_number(number) for name, number in case.draw.items()},
        "answer": case.answer,
        "tolerance": case.tolerance,
        "wrong": list(case.wrong),
        "shown": [write_number(number, case.tolerance) for number in (case.answer, *case.wrong)],
    }


def _wrong(block: GroundedBlock) -> dict[str, str]:
    option = block.options["wrong"]
    if option is None:
        return {}
    example = 'write wrong: {units * drop: "That is how many are dropped: …"}'
    if not isinstance(option, dict) or not option:
        raise AsrunError("wrong holds what to say of wrong results, by expression", remedy=example)
    said = {}
    for expression, text in option.items():
        huge = isinstance(expression, int) and abs(expression) > 10**1000
        if not isinstance(expression, (str, int, float)) or isinstance(expression, bool) or huge:
            raise AsrunError(f"{quoted(expression)} is no expression", remedy=example)
        if not isinstance(text, str) or not text.strip():
            raise AsrunError(
                f"nothing is said of the wrong result {strip_marks(str(expression))}",
                remedy="name the misconception that leads to it",
            )
        said[strip_marks(str(expression)).strip()] = text.strip()
    return said


def ask_curve(block: GroundedBlock, made: etree.Element, draws: Sequence[Draw]) -> Asked:
    """Ask for a prediction of a curve.

    Options:
        of: An expression with one labelled axis besides the seeds.
        published: A published curve, to be shown beside it.
        at: How the measured axis comes from the published one, as in `1 - keep`.
        log: Whether the scale is logarithmic.
        range: The lowest and the highest value that can be set: `[0, 10]`.
        across, up: What stands at the axes, and `unit` behind the numbers.
    """
    found = block.evaluate(block.expression("of"))
    curve = read_curve(found.result)
    points = range(len(found.result.labels[curve.axis]))
    block.cited.shown += [Shown(found.result.take(curve.axis, at)) for at in points]
    evaluations, published = [found], None
    if block.options["published"] is not None:
        evaluations.append(block.evaluate(block.expression("published")))
        published = read_published(evaluations[1].result, curve, block.expression("at"), block.evaluate)
    else:
        block.refuse(["at"], "a curve without published:")
    log, unit = block.flag("log"), strip_marks(block.words("unit"))
    low, high = read_range(block.options["range"], curve, published, log=log)
    across = strip_marks(block.words("across")) or curve.axis
    up = strip_marks(block.words("up")) or found.result.text.rpartition(".")[2].partition("(")[0].replace("_", " ")
    data: dict[str, Any] = {
        "across": across,
        "up": up,
        "unit": unit,
        "log": log,
        "range": [low, high],
        "labels": curve.labels,
        "at": curve.at,
        "mean": curve.mean,
        "low": curve.low,
        "high": curve.high,
        "spread": curve.is_sample,
        "published": published.points if published else [],
        "source": _source(block, published),
    }
    return Asked(data, list(made), [], _table(block, curve, published, data), block.provenances(*evaluations))


def _source(block: GroundedBlock, published: Published | None) -> str:
    if published is None:
        return ""
    _, work = block.page.context.source(published.key)
    return str(work.short)


def _table(
    block: GroundedBlock, curve: Curve, published: Published | None, words: Mapping[str, Any]
) -> list[etree.Element]:
    """Write the curve as a table: what there is to see without a script, and for those who listen."""
    up = f"{words['up']}, {words['unit']}" if words["unit"] else words["up"]
    head = element("tr", *(element("th", name, scope="col") for name in (words["across"], up)))
    rows = [
        element("tr", element("th", label, scope="row"), element("td", written))
        for label, written in zip(curve.labels, curve.written, strict=True)
    ]
    if published:
        head.append(element("th", words["source"], scope="col"))
        theirs = {round(at, 9): format_number(value) for at, value in published.points}
        for row, at in zip(rows, curve.at, strict=True):
            row.append(element("td", theirs.get(round(at, 9), "–")))
    parts = [element("table", element("thead", head), element("tbody", *rows), classes=GRID)]
    if published:
        number, work = block.page.context.source(published.key)
        link = citation(work, block.page.links)
        parts.append(element("p", "Published: ", link, f", {number.place}: {number.what} ({number.how})."))
    return parts


ASKERS: dict[str, Callable[[GroundedBlock, etree.Element, Sequence[Draw]], Asked]] = {
    "choice": ask_choice,
    "order": ask_order,
    "number": ask_number,
    "curve": ask_curve,
}
"""The kinds of questions."""
