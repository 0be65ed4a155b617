"""The Python-Markdown extension: values, claims, figures, snippets and literature in any Markdown page.

    markdown.Markdown(extensions=["asrun"], extension_configs={"asrun": {"page": "docs/lessons/01.md"}})

It knows no host: MkDocs, the deck renderer and the tests use the same one.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as etree
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.inlinepatterns import InlineProcessor
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from pymdownx.blocks import BlocksExtension, BlocksProcessor

from asrun.blocks.vocabulary import BLOCKS
from asrun.citation import Citation, Shown
from asrun.context import Context
from asrun.elements import RECORDS_PAGE, REFERENCES_PAGE, Links, citation, element, error_box, record_anchor
from asrun.errors import AsrunError, Problems, did_you_mean
from asrun.formats import format_measure
from asrun.mathml import MathExtension
from asrun.model import RunName, Where
from asrun.positions import BAR, MARK, mark_lines, strip_marks
from asrun.project import project_around
from asrun.prose import numbers_without_source

__all__ = ["AsrunExtension", "Page", "makeExtension"]

OURS = frozenset(block.NAME for block in BLOCKS)


@dataclass
class Page:
    """One page while it is being converted: where it is, what it cites, what is wrong with it."""

    context: Context
    path: str
    links: Links
    lines: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    headers: dict[int, str] = field(default_factory=dict)
    """Headers of blocks that nothing has understood yet, by line."""
    unfinished: list[Citation] = field(default_factory=list)
    """Our blocks that have begun and not ended."""
    taken: set[str] = field(default_factory=set)
    """Ids that blocks of the page have given out. A deck is one page, though its slides are converted one by one."""

    def where(self, line: int | None, column: int | None = None) -> Where:
        return Where(self.path or "this page", line, column)

    def cite(self, kind: str, text: str, line: int | None, column: int | None = None) -> Citation:
        """Note that the page cites something."""
        self.citations.append(Citation(kind, text, self.where(line, column)))
        return self.citations[-1]

    def fail(self, cited: Citation, error: AsrunError) -> str:
        """Note that a citation cannot be honoured; return what to show in its place."""
        if error.where:
            # The place of the citation comes first; what it points at is told in the sentence.
            error.what = f"{error.where}: {error.what}"
        error.where = cited.where
        cited.error = error
        return str(error)

    @property
    def problems(self) -> list[AsrunError]:
        return [cited.error for cited in sorted(self.citations, key=lambda each: each.where.line or 0) if cited.error]


class AsrunExtension(BlocksExtension):
    """Registers the blocks and inlines of asrun.

    Options:
        context: The `Context` to look things up in; by default, that of the project around the working
            folder, or of that folder.
        page: The page's path in the project, for messages and links.
        first_line: Number of the text's first line in its file (after front matter, more than 1).
        site_root, directory_urls: See `asrun.elements.Links`.
        numbers: Hold the page's numbers to having a source, where the project asks for that; see `asrun.prose`.
        strict: Raise the page's problems when it is converted; otherwise they are only shown on it, and noted.
    """

    def __init__(self, *args: Any, **options: Any):
        # Markdown reads an option whose default is None or a bool as a bool; hence the empty strings.
        self.config = {
            "context": ["", "what to look things up in"],
            "page": ["", "path of the page in the project"],
            "first_line": [1, "line of the text's first line in its file"],
            "site_root": ["", "where the site's root is, seen from the page"],
            "directory_urls": [True, "how the site names its pages"],
            "strict": [True, "raise what is wrong"],
            "numbers": [True, "hold numbers to having a source, where the project asks for it"],
        }
        super().__init__(*args, **options)

    def extendMarkdownBlocks(self, md: Markdown, block_mgr: BlocksProcessor) -> None:
        md.registerExtension(self)
        self.context = self.getConfig("context") or Context(project_around())
        self.math = MathExtension(locate=self._locate, macros=self.context.project.macros)
        self.reset()
        md.preprocessors.register(_MarkPreprocessor(md, self), "asrun-mark", 29)
        md.inlinePatterns.register(_ValueInline(rf"\{{\{{{MARK}(.*?)\}}\}}", md, self), "asrun-value", 185)
        md.inlinePatterns.register(_CitationInline(rf"\[@{MARK}([^\]]+)\]", md, self), "asrun-citation", 184)
        md.postprocessors.register(_LastPostprocessor(md, self), "asrun-last", -10)
        self.blocks = block_mgr
        block_mgr.split_header = _with_names(block_mgr.split_header)
        for block in BLOCKS:
            block_mgr.register(block, {"extension": self})
        self.math.extendMarkdown(md)
        guarded = _Guard(md, self, md.treeprocessors["asrun-math"])
        md.treeprocessors.deregister("asrun-math")
        md.treeprocessors.register(guarded, "asrun-math", 15)
        md.treeprocessors.register(_LinksInLinks(md), "asrun-links", 14)

    def reset(self) -> None:
        """Start a new page."""
        path, project = self.getConfig("page"), self.context.project
        full = project.root / path
        inside = full.relative_to(project.docs).as_posix() if full.is_relative_to(project.docs) else Path(path).name
        self.page = Page(
            self.context, path, Links(inside, self.getConfig("site_root") or None, self.getConfig("directory_urls"))
        )
        self.math.setConfig("page", path)

    def _locate(self, formula: str) -> Where | None:
        """Find the line of a formula: that of the first line of the page that has its first line."""
        wanted = formula.strip().split("\n")[0]
        for at, line in enumerate(self.page.lines):
            if wanted and wanted in line:
                return self.page.where(self.getConfig("first_line") + at)
        return None


def _with_names(split: Callable[..., Any]) -> Callable[..., Any]:
    """Make pymdownx refuse options whose name cannot be an argument's, at which it would break down."""

    def split_header(block: str, length: int) -> tuple[dict[str, Any] | None, str]:
        options, rest = split(block, length)
        usable = all(isinstance(name, str) and name not in ("self", "parent", "arg") for name in options or ())
        return options if usable else None, rest

    return split_header


class _MarkPreprocessor(Preprocessor):
    def __init__(self, md: Markdown, extension: AsrunExtension):
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        foreign = self.extension.blocks.blocks.keys() - OURS
        marked, headers = mark_lines(lines, self.extension.getConfig("first_line"), foreign)
        self.extension.page.headers |= headers
        self.extension.page.lines = lines
        return marked


class _Guard(Treeprocessor):
    """Notes what is wrong with formulas with everything else that is wrong, instead of stopping at it."""

    def __init__(self, md: Markdown, extension: AsrunExtension, inner: Treeprocessor):
        super().__init__(md)
        self.extension, self.inner = extension, inner

    def run(self, root: etree.Element) -> etree.Element | None:
        try:
            return self.inner.run(root)
        except AsrunError as error:
            page = self.extension.page
            for each in error.errors if isinstance(error, Problems) else [error]:
                cited = page.cite("formula", "", each.where.line if each.where else None)
                cited.error = each
            return None


class _LinksInLinks(Treeprocessor):
    """Makes values and citations inside of a link plain text: HTML has no link in a link."""

    def run(self, root: etree.Element) -> None:
        for link in root.iter("a"):
            for inner in link.iter("a"):
                if inner is not link:
                    inner.tag = "span"
                    inner.attrib.pop("href", None)


class _Inline(InlineProcessor):
    def __init__(self, pattern: str, md: Markdown, extension: AsrunExtension):
        super().__init__(pattern, md)
        self.extension = extension


_IN_TAG = re.compile(r"(<[a-zA-Z][^<>]*|\]\([^()\s]*)\Z")


class _ValueInline(_Inline):
    """`{{ snippet.value | format }}`, `{{ published.key }}`."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[etree.Element, int, int]:
        page = self.extension.page
        text, _, spec = m[3].partition(BAR)
        text = text.strip()
        cited = page.cite("value", text, int(m[1]), int(m[2]))
        try:
            if _IN_TAG.search(data[: m.start(0)]):
                raise AsrunError("a value cannot stand inside a tag or an address", remedy="write it in the text")
            if not text:
                raise AsrunError("there is no value between {{ and }}", remedy="write {{ snippet.value }}")
            cited.evaluation = page.context.evaluate(text)
            result = cited.evaluation.result
            shown = format_measure(result, spec.strip())
            cited.shown.append(Shown(result, spec.strip()))
        except AsrunError as error:
            return error_box(page.fail(cited, error), "span"), m.start(0), m.end(0)
        cited.records = {source for source in result.sources if isinstance(source, RunName)}
        published = [str(each).removeprefix("published.") for each in result.sources if not isinstance(each, RunName)]
        if cited.records:
            run = min(cited.records)
            note = f"{text}, from {run}" + (
                f": mean ± standard deviation of {result.values.size} seeds" if result.is_sample else ""
            )
            target = page.links.to(RECORDS_PAGE, record_anchor(run))
        elif published:
            number = page.context.literature.published[published[0]]
            entry = page.context.literature.entries[number.cite]
            note = f"{entry.short}, {number.where}: {number.what} ({number.how})"
            target = page.links.to(REFERENCES_PAGE, number.cite)
        else:
            return element("span", shown, classes="asrun-value"), m.start(0), m.end(0)
        kind = "asrun-value" if cited.records else "asrun-value asrun-published"
        return element("a", shown, classes=kind, href=target, title=note), m.start(0), m.end(0)


class _CitationInline(_Inline):
    """`[@key]`, or `[@one; @two]`."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[etree.Element, int, int]:
        page = self.extension.page
        shown = element("span", "(", classes="asrun-citations")
        for at, work in enumerate(m[3].split(";")):
            key, _, locator = strip_marks(work).strip().removeprefix("@").partition(",")
            key = key.strip()
            cited = page.cite("citation", key, int(m[1]), int(m[2]))
            problem = None
            try:
                known = page.context.literature.entries
            except AsrunError as error:
                # The whole bibliography cannot be read; a preview goes on all the same.
                known, problem = {}, error
            entry = known.get(key)
            if at:
                shown[-1].tail = (shown[-1].tail or "") + "; "
            if entry is None:
                problem = problem or AsrunError(
                    f"there is no {key} in references.bib", remedy=f"it has: {', '.join(known)}"
                )
                shown.append(error_box(page.fail(cited, problem), "span"))
            else:
                shown.append(citation(entry, page.links))
                if locator.strip():
                    shown[-1].tail = f", {locator.strip()}"
        shown[-1].tail = (shown[-1].tail or "") + ")"
        return shown, m.start(0), m.end(0)


def _not_understood(name: str, known: Iterable[str]) -> AsrunError:
    if name in OURS:
        return AsrunError(
            f"this {name} block was not understood",
            remedy="options are indented by four spaces right under the header, as YAML; texts with a colon, or that "
            "begin with a sign, need quotes; the block ends with ///",
        )
    return AsrunError(
        f"there is no block called {name}",
        remedy=did_you_mean(name, known, otherwise=f"blocks are: {', '.join(sorted(known))}"),
    )


_CODE = re.compile(r"<(code|pre)\b.*?</\1>", re.DOTALL)


class _LastPostprocessor(Postprocessor):
    """Strips marks, finds what nobody understood, and raises what is wrong."""

    def __init__(self, md: Markdown, extension: AsrunExtension):
        super().__init__(md)
        self.extension = extension

    def run(self, text: str) -> str:
        page = self.extension.page
        shown_as_code = {int(line) for code in _CODE.finditer(text) for line, _ in re.findall(MARK, code[0])}
        for line, name in sorted(page.headers.items()):
            if line in shown_as_code:
                continue
            page.fail(page.cite(name, "", line), _not_understood(name, self.extension.blocks.blocks))
        for cited in page.unfinished:
            problem = AsrunError(f"this {cited.kind} block does not end", remedy="write /// on a line of its own")
            page.fail(cited, problem)
        for left in re.finditer(rf"(\{{\{{|\[@){MARK}", _CODE.sub("", text)):
            value = AsrunError(
                "this {{ was not replaced",
                remedy="close it with }} on the same line; in raw HTML, add markdown=1 to the element",
            )
            work = AsrunError("this [@ … ] was not understood", remedy="write [@key], [@key, p. 3] or [@one; @two]")
            page.fail(page.cite("value", "", int(left[2]), int(left[3])), value if left[1] == "{{" else work)
        if self.extension.getConfig("numbers"):
            first_line = self.extension.getConfig("first_line")
            page.citations += numbers_without_source(page.context, page.path, page.lines, first_line, page.citations)
        if self.extension.getConfig("strict") and page.problems:
            raise Problems(page.problems)
        return strip_marks(text)


def makeExtension(**options: Any) -> AsrunExtension:
    """Return the extension: the name and the signature are Python-Markdown's."""
    return AsrunExtension(**options)
