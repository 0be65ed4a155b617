"""The Python-Markdown extension: values, claims, figures, snippets and literature in any Markdown page.

    markdown.Markdown(extensions=["asrun"], extension_configs={"asrun": {"page": "docs/lessons/01.md"}})

It knows no host: MkDocs, the deck renderer and the tests use the same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markdown import Markdown
from pymdownx.blocks import BlocksExtension, BlocksProcessor

from asrun.model import Where
from asrun.pages.blocks import vocabulary
from asrun.pages.blocks.base import UNREADABLE
from asrun.pages.context import Context
from asrun.pages.elements import Links
from asrun.pages.guard import guarded
from asrun.pages.inlines import CitationInline, Guard, LinksInLinks, ValueInline
from asrun.pages.marking import (
    FencePreprocessor,
    IndentedCode,
    LastPostprocessor,
    LinePreprocessor,
    MarkPreprocessor,
    Parsed,
)
from asrun.pages.page import Page
from asrun.project import project_around
from asrun.text.marks import END, MARK
from asrun.text.mathml import MathExtension

__all__ = ["AsrunExtension", "Page", "makeExtension"]


class AsrunExtension(BlocksExtension):  # type: ignore[misc]  # pymdownx has no types
    """Values, claims, figures, snippets and literature in the Markdown of any host.

    Python-Markdown knows it as `asrun`; that and an instance are the same.

    Options:
        context: The `Context` to look things up in; by default, that of the project around the working
            folder, or of that folder.
        page: The page's path in the project, for messages and links.
        first_line: Number of the text's first line in its file (after front matter, more than 1).
        site_root: Where the site's root is, seen from the finished page. Without it links name source files, and the
            host turns them into addresses.
        directory_urls: Whether the site has `lessons/07/` for lessons/07.md, or `lessons/07.html`.
        numbers: Hold the page's numbers to having a source, where `sourced_numbers` in mkdocs.yml names the page.
        strict: Raise the page's problems when it is converted; otherwise they are only shown on it, and noted.

    Raises:
        AsrunError: when a page is converted, and says what no record bears out; Problems, when there are several.

    Examples:
        >>> page = markdown.Markdown(extensions=[AsrunExtension(page="docs/index.md")])
        >>> html = page.convert("A coin was tossed {{ coin.tosses }} times.")
        >>> print(html[: html.index(" href")])
        <p>A coin was tossed <a class="asrun-value"
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
        self.math = MathExtension(locate=self._locate)
        self.reset()
        md.preprocessors.register(LinePreprocessor(md, self), "asrun-lines", 33)
        md.preprocessors.register(MarkPreprocessor(md, self), "asrun-mark", 29)
        md.preprocessors.register(FencePreprocessor(md, self), "asrun-fences", 24.5)
        value = rf"\{{\{{{MARK}(.*?)\}}\}}(?:{MARK})?"
        md.inlinePatterns.register(ValueInline(value, md, self), "asrun-value", 185)
        md.inlinePatterns.register(CitationInline(rf"\[@{MARK}([^\]]+)\]", md, self), "asrun-citation", 184)
        md.treeprocessors.register(IndentedCode(md, self), "asrun-indented", 35)
        md.treeprocessors.register(Parsed(md, self), "asrun-parsed", -100)
        md.postprocessors.register(LastPostprocessor(md, self), "asrun-last", -10)
        self.blocks = block_mgr
        block_mgr.end = re.compile(END)
        block_mgr.split_header = _with_names(block_mgr.split_header)
        for block in vocabulary.BLOCKS:
            block_mgr.register(block, {"extension": self})
        self.math.extendMarkdown(md)
        formulas = Guard(md, self, md.treeprocessors["asrun-math"])
        md.treeprocessors.deregister("asrun-math")
        md.treeprocessors.register(formulas, "asrun-math", 15)
        md.treeprocessors.register(LinksInLinks(md), "asrun-links", 14)
        setattr(md, "convert", guarded(md.convert, self))  # noqa: B010 - a method that is ours for this one instance

    def reset(self) -> None:
        """Start a new page."""
        path, project = self.getConfig("page"), self.context.project
        full = project.root / path
        inside = full.relative_to(project.docs).as_posix() if full.is_relative_to(project.docs) else Path(path).name
        self.page = Page(
            self.context.for_page(),
            path,
            Links(inside, self.getConfig("site_root") or None, self.getConfig("directory_urls")),
        )
        self.math.setConfig("page", path)
        self.math.setConfig("macros", self.page.context.macros())

    def _locate(self, formula: str) -> Where | None:
        """Find the line of a formula: that of the first line of the page that has its first line."""
        wanted = formula.strip().split("\n")[0]
        for at, line in enumerate(self.page.lines):
            if wanted and wanted in line:
                return self.page.where(self.getConfig("first_line") + at)
        return None


def _with_names(split: Callable[..., Any]) -> Callable[..., Any]:
    """Hand options on whose name cannot be an argument's, and those that are not YAML, under a name of their own.

    At the one pymdownx would break down, and the other it would take for no block at all.
    """

    def split_header(block: str, length: int) -> tuple[dict[str, Any] | None, str]:
        options, rest = split(block, length)
        if options is None:
            return {UNREADABLE: None}, rest
        unusable = (name for name in options if not isinstance(name, str) or name in ("self", "parent", "arg"))
        name = next(unusable, None)
        return options if name is None else {UNREADABLE: name}, rest

    return split_header


def makeExtension(**options: Any) -> AsrunExtension:
    """Return the extension: the name and the signature are Python-Markdown's."""
    return AsrunExtension(**options)
