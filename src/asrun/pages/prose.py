"""Hold the prose of pages to the rule that a number has a source, where a project asks for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from asrun.errors import AsrunError, Exit
from asrun.model import RunName, Where
from asrun.pages.blocks import vocabulary
from asrun.pages.citation import Citation
from asrun.pages.context import Context
from asrun.text.numerals import Unsourced, find_unsourced

__all__ = ["numbers_without_source"]

KIND = "number"


def numbers_without_source(
    context: Context, path: str, lines: Sequence[str], first_line: int, citations: Iterable[Citation]
) -> list[Citation]:
    """Return a citation, with what is wrong with it, for each number of a page that has no source.

    What the cited records and published numbers were made at (parameters, labels of axes) needs none: `at 0.5` on a
    page about an experiment that was done at 0.5.

    Arguments:
        context: What the page may cite.
        path: The page's path in the project.
        lines: Its Markdown, without front matter.
        first_line: Number of the first of them in its file.
        citations: What it cites.
    """
    if not context.needs_sources(path):
        return []
    cited = list(citations)
    settings = _settings(context, cited)
    # What a record that is not fresh was made at is not known: it would be told once more for each of these numbers.
    unknown = any(each.error is not None and each.error.exit_code is Exit.STALE for each in cited)
    try:
        found = find_unsourced(
            lines,
            first_line,
            context.number_settings(),
            sourced=vocabulary.names(lambda block: not block.PROSE),
            asking=vocabulary.names(lambda block: block.ASKS),
        )
    except AsrunError as error:
        return [Citation(KIND, "", Where(path, first_line), error=error)]
    return [
        Citation(KIND, each.number, (where := Where(path, each.line, each.column)), error=_problem(each, where))
        for each in found
        if each.wrong or not (unknown or each.number in settings)
    ]


def _problem(found: Unsourced, where: Where) -> AsrunError:
    if found.wrong:
        return AsrunError(f"{found.number}: {found.wrong}", where=where, remedy="mend the arithmetic")
    return AsrunError(
        f"{found.number} has no source ({found.around})",
        where=where,
        remedy="take it from a record or the literature with {{ … }}, show how it is reckoned, or say why it needs "
        f"none: <!-- stated {found.number}: the reason -->",
    )


def _settings(context: Context, citations: Iterable[Citation]) -> set[str]:
    """Return what the cited records and published numbers were made at, as a page would write it."""
    found: set[str] = set()
    runs: set[RunName] = set()
    for cited in citations:
        runs |= cited.records
        for source in cited.evaluation.result.sources if cited.evaluation else ():
            if isinstance(source, str):
                number, _ = context.source(source.partition(".")[2])
                found |= {_written(each) for labels in number.labels.values() for each in labels}
    for run in runs:
        record, _ = context.judged(run)
        found |= {_written(each) for each in _flat(record.parameters)}
        for axis in _axes(record.values.get("axes", {})):
            found |= {_written(each) for each in _flat(record.values.get(axis))}
    return found


def _axes(named: Any) -> Iterator[str]:
    if isinstance(named, str):
        yield named
    for each in named.values() if isinstance(named, Mapping) else named if isinstance(named, list) else ():
        yield from _axes(each)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple, np.ndarray)):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def _written(value: Any) -> str:
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)):
        return ""
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)
