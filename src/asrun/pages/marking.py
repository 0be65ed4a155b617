"""Marks a page before Markdown reads it, and looks afterwards for what nobody understood."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as etree
from collections.abc import Collection, Sequence
from typing import Any

from markdown import Markdown
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from asrun.errors import AsrunError, Problems
from asrun.pages.blocks import vocabulary
from asrun.pages.prose import numbers_without_source
from asrun.text.almost import doubtful_comments, doubtful_fences, lost_options
from asrun.text.comments import without_long_comments
from asrun.text.includes import number_lines, read_numbers
from asrun.text.marks import Marked, mark_lines, places, strip_marks
from asrun.text.markup import read_fragment, written
from asrun.text.overlooked import in_code, in_scripts, left_over, not_understood

__all__ = ["FencePreprocessor", "IndentedCode", "LastPostprocessor", "LinePreprocessor", "MarkPreprocessor", "Parsed"]


class LinePreprocessor(Preprocessor):
    """Keeps the page as it was written, and numbers its lines where lines of other files are put between them."""

    def __init__(self, md: Markdown, extension: Any):
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        page = self.extension.page
        page.lines = lines
        page.includes = "snippet" in self.md.preprocessors and any("8<-" in line for line in lines)
        return number_lines(lines, self.extension.getConfig("first_line")) if page.includes else lines


class MarkPreprocessor(Preprocessor):
    """Marks what may be cited from, and finds what an author meant for us and put in the wrong place."""

    def __init__(self, md: Markdown, extension: Any):
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        page = self.extension.page
        first_line = self.extension.getConfig("first_line")
        numbers: Sequence[int] = range(first_line, first_line + len(lines))
        if page.includes:
            lines, numbers = read_numbers(lines, first_line)
        marked = mark(lines, numbers, self.extension)
        page.hidden = marked.hidden
        doubts = [*lost_options(page.path, marked.lines, numbers, marked.headers, vocabulary.options())]
        doubts += doubtful_fences(page.path, marked.lines, numbers)
        doubts += doubtful_comments(page.path, lines, numbers)
        for error in doubts:
            page.tell("page", error, error.where.line if error.where else None)
        return marked.lines


def mark(lines: Sequence[str], numbers: Sequence[int], extension: Any) -> Marked:
    """Mark lines of a page, and note on the page what was marked."""
    page = extension.page
    ours = vocabulary.names()
    foreign = extension.blocks.blocks.keys() - ours
    works: Collection[str] = ()
    # What is wrong with the literature is told where it is cited.
    with contextlib.suppress(AsrunError):
        works = page.context.citekeys()
    marked = mark_lines(lines, numbers, foreign, ours=ours, works=works)
    page.headers |= marked.headers
    page.marked |= marked.places
    return marked


class FencePreprocessor(Preprocessor):
    """Sees that what was taken for fences is what Markdown took out as such: nothing is lost between the two."""

    def __init__(self, md: Markdown, extension: Any):
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        page = self.extension.page
        there = set(places("\n".join(lines)))
        for place in [*page.marked, *((line, 0) for line in page.headers)]:
            if place not in there:
                error = AsrunError("this stands in a fence that does not end above it", remedy="close that fence")
                page.understood.add(place)
                page.tell("page", error, *place)
        # What Markdown reads as text is text, though it looks like a fence.
        hidden = {line: number for number, line in page.hidden.items()}
        return [mark([line], [hidden[line]], self.extension).lines[0] if line in hidden else line for line in lines]


class IndentedCode(Treeprocessor):
    """Finds what became code because it is indented by four spaces: code that is meant stands in a fence."""

    def __init__(self, md: Markdown, extension: Any):
        super().__init__(md)
        self.extension = extension

    def run(self, root: etree.Element) -> None:
        page = self.extension.page
        for block in root.iter("pre"):
            for line, column in places("".join(block.itertext())):
                name = page.headers.pop(line, "") if not column else ""
                if not name and page.marked.get((line, column)) not in ("value", "work", "end"):
                    # Code is full of what only looks like something of ours.
                    continue
                error = AsrunError(
                    "this is shown as code, because it is indented by four spaces or more",
                    remedy="indent it less, or as what it belongs to; what shall be code stands in a fence (```)",
                )
                if name:
                    page.tell(name, error, line)
                else:
                    page.leave((line, column), error)


class Parsed(Treeprocessor):
    """Notes that the page is parsed: the table of contents calls all postprocessors for each heading before."""

    def __init__(self, md: Markdown, extension: Any):
        super().__init__(md)
        self.extension = extension

    def run(self, root: etree.Element) -> None:
        self.extension.page.parsed = True


class LastPostprocessor(Postprocessor):
    """Strips marks and, at the end of the page, finds what nobody understood, and raises what is wrong."""

    def __init__(self, md: Markdown, extension: Any):
        super().__init__(md)
        self.extension = extension

    def run(self, text: str) -> str:
        if self.extension.page.parsed:
            self.extension.page.parsed = False
            self.finish(text)
        return strip_marks(text)

    def finish(self, text: str) -> None:
        """See to it that nothing on the page was lost."""
        page = self.extension.page
        # Mostly every mark was taken off, and then there is nothing to look for.
        tree = read_fragment(text if any(places(text)) else "")
        shown_as_code = {line for line, _ in in_code(tree)}
        for line, name in sorted(page.headers.items()):
            if line not in shown_as_code and (line, 0) not in page.understood:
                page.tell(name, not_understood(name, self.extension.blocks.blocks, vocabulary.names()), line)
                # What ends it is wrong for the same reason.
                ends = (place for place, kind in page.marked.items() if kind == "end" and place[0] > line)
                page.understood |= {min(ends, default=(0, 0))}
        for cited in page.unfinished:
            problem = AsrunError(f"this {cited.kind} block does not end", remedy="write /// on a line of its own")
            page.fail(cited, problem)
        scripts = in_scripts(tree)
        for place in left_over(tree, page.marked):
            if place not in scripts or page.marked[place] in ("value", "work"):
                page.leave(place)
        if not page.problems:
            # What was thrown away with something that is wrong is told when that is mended.
            self.find_lost(written(tree))
        if self.extension.getConfig("numbers"):
            first_line = self.extension.getConfig("first_line")
            lines = without_long_comments([line.expandtabs(self.md.tab_length) for line in page.lines])
            page.citations += numbers_without_source(page.context, page.path, lines, first_line, page.citations)
        if self.extension.getConfig("strict") and page.problems:
            raise Problems(page.problems)

    def find_lost(self, text: str) -> None:
        """Find what is neither cited nor shown: the text of an abbreviation that the page does not use."""
        page, shown = self.extension.page, set(places(text))
        for place, kind in page.marked.items():
            if kind not in ("end", "comment") and place not in page.understood and place not in shown:
                page.leave(
                    place,
                    AsrunError(
                        "this is shown nowhere, and nothing was checked", remedy="write it into the text itself"
                    ),
                )
