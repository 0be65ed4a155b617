"""The blocks that a page may use: figure, snippet, output, claim, bibliography, records.

Each is a block of pymdownx: `/// name | argument`, options as indented YAML, content, `///`.
"""

from __future__ import annotations

import xml.etree.ElementTree as etree
from collections.abc import Collection, Iterator
from typing import Any

from markdown.util import AtomicString
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pymdownx.blocks.block import Block, type_string

from asrun import snippet as snippets
from asrun.elements import (
    append,
    bibliography,
    element,
    error_box,
    evidence,
    provenance,
    record_anchor,
    stale_note,
)
from asrun.errors import AsrunError
from asrun.formats import describe, format_measure, format_seconds
from asrun.freshness import conditions
from asrun.model import RunName, State
from asrun.positions import strip_marks, take_mark
from asrun.project import Project
from asrun.store import PRINTED

__all__ = ["BLOCKS"]


class _Block(Block):
    """What our blocks share: a place in a file, and errors that are shown and noted."""

    ARGUMENT = True

    def on_create(self, parent: etree.Element) -> etree.Element:
        self.page: Any = self.config["extension"].page
        self.text, self.line = take_mark(self.argument)
        self.page.headers.pop(self.line, None)
        self.cited = self.page.cite(self.NAME, strip_marks(self.text), self.line)
        self.page.unfinished.append(self.cited)
        self.broken = False
        made = etree.SubElement(parent, "div")
        try:
            self.begin(made)
        except AsrunError as error:
            self.fail(made, error)
        return made

    def on_end(self, block: etree.Element) -> None:
        self.page.unfinished.remove(self.cited)
        if self.broken:
            return
        try:
            self.finish(block)
        except AsrunError as error:
            self.fail(block, error)

    def fail(self, made: etree.Element, error: AsrunError) -> None:
        """Show an error where the block would have been, and note it."""
        self.broken = True
        for child in list(made):
            made.remove(child)
        made.text = None
        made.append(error_box(self.page.fail(self.cited, error)))

    def begin(self, made: etree.Element) -> None:
        """Make what does not need the block's content."""

    def finish(self, made: etree.Element) -> None:
        """Make the rest, with the content in place."""

    def require_argument(self, example: str) -> None:
        if not self.text:
            raise AsrunError(f"this {self.NAME} block does not say which", remedy=f"write /// {self.NAME} | {example}")

    def stash(self, html: str) -> str:
        """Set finished HTML aside, where nothing rewrites it."""
        return AtomicString(self.md.htmlStash.store(html))


class FigureBlock(_Block):
    """`/// figure | snippet` or `/// figure | snippet.name`: a recorded drawing; the content is its caption."""

    NAME = "figure"

    def begin(self, made: etree.Element) -> None:
        self.require_argument("snippet")
        made.tag = "figure"
        self.record, figure = self.page.context.figure(self.text)
        self.cited.records = {self.record.run}
        made.set("class", "asrun-figure")
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


class SnippetBlock(_Block):
    """`/// snippet | name`: its code, whole or one `section` (a marked one, or a function by its name)."""

    NAME = "snippet"
    OPTIONS = {"section": ["", type_string]}

    def begin(self, made: etree.Element) -> None:
        self.require_argument("name")
        project = self.page.context.project
        found = snippets.find_snippet(self.text, project)
        shown = project.relative(found.path)
        code, line = snippets.whole(found), 1
        if self.options["section"]:
            code, line = snippets.section(found, self.options["section"], shown)
        made.set("class", "asrun-snippet highlight")
        link = element("a", shown, href=self.page.links.to(f"snippets/{found.path.name}"))
        place = f", from line {line}" if self.options["section"] else ""
        made.append(element("p", link, place, classes="asrun-source"))
        html = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")
        # A scrolling region must be reachable from the keyboard.
        body = etree.SubElement(made, "div")
        body.text = self.stash(f'<pre tabindex="0"><code>{html}</code></pre>')


class OutputBlock(_Block):
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
        made.set("class", "asrun-output")
        etree.SubElement(made, "pre", {"tabindex": "0"}).append(element("code", record.output))
        made.append(provenance(record, self.page.context.condition(record), self.page.links))


class ClaimBlock(_Block):
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


class BibliographyBlock(_Block):
    """`/// bibliography`: every work of references.bib."""

    NAME = "bibliography"

    def begin(self, made: etree.Element) -> None:
        made.append(bibliography(self.page.context.literature.entries.values()))


class RecordsBlock(_Block):
    """`/// records`: every record of the project, its state and its cost, and what was not run."""

    NAME = "records"

    def begin(self, made: etree.Element) -> None:
        context = self.page.context
        made.set("class", "asrun-records")
        for run, condition in conditions(context.project, context.store, drawn=True).items():
            record = context.store.get(run)
            heading = element("h2", element("code", run.snippet), f" {run.scale}, {run.device}", id=record_anchor(run))
            made.append(heading)
            if record is None:
                made.append(element("p", f"Not run ({condition})."))
                continue
            cost = (
                f"{format_seconds(record.provenance.seconds)}, {describe(round(record.provenance.peak_memory_mb))} MB"
            )
            state = "up to date" if condition.state is State.FRESH else str(condition)
            made.append(element("p", f"{record.question} {cost}; {state}."))
            made.append(provenance(record, condition, self.page.links))
        if missing := list(not_run(context.project, context.store.list())):
            made.append(element("h2", "Not run", id="not-run"))
            made.append(element("ul", *(element("li", element("code", name), f" {what}") for name, what in missing)))


def not_run(project: Project, recorded: Collection[RunName]) -> Iterator[tuple[str, str]]:
    """Say which experiments are written and have no record: a scale, or a device that the snippet is meant for."""
    for snippet in snippets.list_snippets(project):
        for scale in snippet.scales:
            devices = {run.device for run in recorded if (run.snippet, run.scale) == (snippet.name, scale)}
            if not devices:
                yield snippet.name, scale
            elif snippet.needs.get("gpu") and "cuda" not in devices:
                yield snippet.name, f"{scale}, on a GPU"


BLOCKS: tuple[type[_Block], ...] = (
    FigureBlock,
    SnippetBlock,
    OutputBlock,
    ClaimBlock,
    BibliographyBlock,
    RecordsBlock,
)
