"""Blocks that list all there is: the works of the bibliography, the records of the project."""

from __future__ import annotations

import xml.etree.ElementTree as etree
from collections.abc import Collection, Iterator

from asrun import snippet as snippets
from asrun.blocks.base import AsrunBlock
from asrun.elements import bibliography, element, provenance, record_anchor
from asrun.formats import describe, format_seconds
from asrun.freshness import conditions
from asrun.model import RunName, State
from asrun.project import Project

__all__ = ["BibliographyBlock", "RecordsBlock"]


class BibliographyBlock(AsrunBlock):
    """`/// bibliography`: every work of references.bib."""

    NAME = "bibliography"

    def begin(self, made: etree.Element) -> None:
        made.append(bibliography(self.page.context.literature.entries.values()))


class RecordsBlock(AsrunBlock):
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
