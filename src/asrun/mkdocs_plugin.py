"""The MkDocs plugin: gives pages the extension, publishes what they link to, and adds the decks.

Everything it does is in other modules, which have never heard of MkDocs.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from mkdocs.config import config_options
from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin, event_priority, get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import AnchorLink
from mkdocs.utils import get_relative_url

from asrun import browser, decks, mathfont, notebook, pdf, slides
from asrun.citation import Citation, note_front_matter
from asrun.context import Context
from asrun.elements import RECORDS_PAGE, REFERENCES_PAGE, download_link, made_of, pdf_names
from asrun.errors import AsrunError, Problems
from asrun.extension import AsrunExtension
from asrun.front_matter import Parted, part_page, read_text
from asrun.host import ALWAYS
from asrun.model import Where
from asrun.pages import SUFFIXES, Read, read_page
from asrun.project import OPTIONS, read_project
from asrun.slide_texts import slide_texts

if TYPE_CHECKING:
    # Only a preview needs it, and it takes a while to load.
    from mkdocs.livereload import LiveReloadServer

__all__ = ["AsrunPlugin"]

log = get_plugin_logger("asrun")

STYLES = ("palette.css", "fonts.css", "math.css", "site.css")
GENERATED_PAGES = {
    RECORDS_PAGE: "# How every figure was made\n\n/// records\n///\n",
    REFERENCES_PAGE: "# References\n\n/// bibliography\n///\n",
}
FONTS = ("inter-latin.woff2", "jetbrains-mono-latin.woff2")


class AsrunPluginConfig(Config):
    """Options of the plugin: those of `asrun.project.OPTIONS`, and how it treats stale records."""

    snippets = config_options.Type(str, default=OPTIONS["snippets"])
    slides = config_options.Type(str, default=OPTIONS["slides"])
    references = config_options.Type(str, default=OPTIONS["references"])
    sources = config_options.Type(list, default=OPTIONS["sources"])
    data_variables = config_options.Type(list, default=OPTIONS["data_variables"])
    harmless_variables = config_options.Type(list, default=OPTIONS["harmless_variables"])
    scales = config_options.Type(list, default=OPTIONS["scales"])
    devices = config_options.Type(list, default=OPTIONS["devices"])
    macros = config_options.Type(dict, default=OPTIONS["macros"])
    sourced_numbers = config_options.Type(list, default=OPTIONS["sourced_numbers"])
    number_settings = config_options.Type(dict, default=OPTIONS["number_settings"])
    minutes = config_options.Type((int, float), default=OPTIONS["minutes"])


class AsrunPlugin(BasePlugin[AsrunPluginConfig]):
    """Connects MkDocs to asrun.

    While previewing (`mkdocs serve`), stale records are shown and marked, and problems are shown on the page; a build
    stops at them.
    """

    given: Context | None = None
    """What pages may cite, where whoever calls MkDocs knows it already."""

    def on_startup(self, *, command: str, dirty: bool) -> None:
        self.previewing = command == "serve"

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        root = Path(config.config_file_path).parent
        self.project = read_project(root)
        allow_stale = self.previewing or bool(config.extra.get("asrun_allow_stale"))
        self.context = self.given or Context(self.project, allow_stale=allow_stale)
        self.read: list[Read] = []
        self.problems: list[AsrunError] = []
        self.decks: dict[str, decks.Rendered] = {}
        self.extension = AsrunExtension(context=self.context, strict=False)
        # What is code and what is nested in what is the same wherever a page is read.
        for name, options in ALWAYS.items():
            if name not in config.markdown_extensions:
                config.markdown_extensions.append(name)
                config.mdx_configs[name] = options
        config.markdown_extensions.append(self.extension)
        config.extra_javascript.append("assets/asrun/site.js")
        config.extra_css[:0] = [f"assets/asrun/{name}" for name in STYLES]
        return config

    # After mkdocs-jupyter, which would undo that a notebook's page is made from its executed copy.
    @event_priority(-100)
    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Publish the sources and records that pages link to, and what styles them."""
        for page, content in GENERATED_PAGES.items():
            # Values and citations link there, so a project that has not written them gets them all the same.
            if files.get_file_from_path(page) is None:
                files.append(File.generated(config, page, content=content))
        for name in (*STYLES, "site.js", "quiz.css", "quiz.js"):
            files.append(File.generated(config, f"assets/asrun/{name}", abs_src_path=str(slides.ASSETS / name)))
        for name in FONTS:
            path = slides.ASSETS / "vendor" / name
            files.append(File.generated(config, f"assets/asrun/{name}", abs_src_path=str(path)))
        shim = slides.ASSETS / "vendor" / "iframe-worker-shim.js"
        files.append(File.generated(config, "assets/asrun/iframe-worker-shim.js", abs_src_path=str(shim)))
        for path in [*self.project.snippets.glob("[!_]*.py"), *self.project.records.glob("*/*.json")]:
            target = "snippets/" + path.relative_to(self.project.snippets).as_posix()
            files.append(File.generated(config, target, abs_src_path=str(path)))
        self._read_texts(files)
        for path in self.project.decks:
            try:
                rendered = decks.render(
                    path, self.context, strict=False, directory_urls=bool(config.use_directory_urls)
                )
            except AsrunError as error:
                error.where = error.where or Where(self.project.relative(path))
                self._tell([error])
                if self.previewing:
                    files.append(File.generated(config, f"slides/{path.stem}/index.html", content=_broken(error)))
                continue
            self._tell(cited.error for cited in rendered.citations if cited.error)
            self.decks[path.stem] = rendered
            self.read.append(Read(path, rendered.citations))
            files.append(File.generated(config, f"slides/{path.stem}/index.html", content=rendered.html))
            if self.context.pdf:
                # Links to them are checked before the browser has printed them.
                for name in pdf_names(path.stem):
                    files.append(File.generated(config, f"slides/{path.stem}/{name}", content=b"%PDF"))
        try:
            executed = notebook.executed(self.project, allow_stale=self.context.allow_stale)
        except AsrunError as error:
            raise PluginError(str(error)) from error
        for source, copy in executed.items():
            if (file := files.get_file_from_path(source.relative_to(self.project.docs).as_posix())) is not None:
                file.abs_src_path = str(copy)
        return files

    def _read_texts(self, files: Files) -> None:
        """See that every page is a text: one that is none is told, and costs no other."""
        for file in files:
            path = self.project.docs / file.src_uri
            if path.suffix in SUFFIXES and path.is_file():
                try:
                    read_text(path, self.project.relative(path))
                except AsrunError as error:
                    self._tell([error])
                    file.content_string = ""

    def on_page_markdown(self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> None:
        path = self.project.docs / page.file.src_uri
        shown, is_page = self.project.relative(path), path.suffix in SUFFIXES
        self.parted = part_page(page.file.content_string, shown) if is_page else Parted("")
        self.extension.setConfig("page", shown)
        self.extension.setConfig("first_line", self.parted.first_line)

    def on_page_content(self, html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str | None:
        if page.file.src_uri.endswith(".ipynb"):
            return download_link(page.file.name) + html
        path = self.project.docs / page.file.src_uri
        if path.suffix not in SUFFIXES:
            return None
        cited = self.extension.page
        cited.citations += note_front_matter(self.parted.problems)
        if path.is_file():
            self._compare(path)
            self.read.append(Read(path, cited.citations))
        self._tell(cited.problems)
        records = files.get_file_from_path(RECORDS_PAGE)
        return html + made_of(cited.citations, get_relative_url(records.url, page.url) if records else None)

    def _tell(self, problems: Iterable[AsrunError]) -> None:
        """Note what is wrong; a preview goes on, and says it at once."""
        for problem in problems:
            self.problems.append(problem)
            if self.previewing:
                log.warning(str(problem))

    def _compare(self, path: Path) -> None:
        """See that MkDocs and `asrun check` read the same page, where something else had its hands on the text."""
        cited = self.extension.page
        if cited.lines == self.parted.text.split("\n") and not cited.includes:
            return
        expected = read_page(path, self.context).citations
        if [each.kind for each in expected] == [each.kind for each in cited.citations]:
            return
        cited.citations.append(
            Citation(
                "page",
                "",
                (where := cited.where(None)),
                AsrunError(
                    f"`asrun check` finds {len(expected)} values, claims and citations on this page, and MkDocs "
                    f"{len(cited.citations)}: a hook or another plugin changes its text",
                    where=where,
                    remedy="let it leave {{ … }}, [@…] and /// alone, or write them in the page itself",
                ),
            )
        )

    def on_env(self, env: Any, *, config: MkDocsConfig, files: Files) -> None:
        # All pages are converted, and none is rendered: nothing has to be when something is wrong.
        if self.problems and not self.previewing:
            raise PluginError(str(Problems(self.problems)))
        self._index_decks(config, files)

    def _index_decks(self, config: MkDocsConfig, files: Files) -> None:
        """Let readers search the slides: each is found by itself, and opened."""
        search: Any = config.plugins.get("material/search") or config.plugins.get("search")
        index = getattr(search, "search_index", None)
        for name, rendered in self.decks.items() if index else ():
            file = files.get_file_from_path(f"slides/{name}/index.html")
            if index and file:
                index.add_entry_from_context(_deck_page(rendered, file.url))

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        site = Path(config.site_dir)
        for name, rendered in self.decks.items():
            decks.write(rendered, site / "slides" / name, self.context)
        if self.decks:
            slides.copy_assets(site / "slides" / "assets")
        if self.context.pdf:
            self._print_decks(site / "slides", config.site_url)
        mathfont.write_site_font(site, self.project.cache)

    def _print_decks(self, folder: Path, site_url: str | None) -> None:
        """Print the decks of the finished site: what their links lead to is there."""
        try:
            with browser.started() as chromium:
                for name, rendered in self.decks.items():
                    base = urljoin(site_url, f"slides/{name}/") if site_url else None
                    pdf.write_both(chromium, folder / name, name, str(rendered.deck), base=base)
        except AsrunError as error:
            raise PluginError(str(error)) from error

    def on_serve(self, server: LiveReloadServer, *, config: MkDocsConfig, builder: Any) -> LiveReloadServer:
        for folder in (self.project.snippets, self.project.slides, slides.ASSETS):
            if folder.is_dir():
                server.watch(str(folder))
        return server


def _broken(error: AsrunError) -> str:
    """The page of a deck that cannot be read, in a preview."""
    return f"<!doctype html><title>This deck cannot be shown</title><pre>{escape(str(error))}</pre>"


def _deck_page(rendered: decks.Rendered, url: str) -> Any:
    """A deck as search plugins see a page: a heading for each slide, whose anchor is the slide's."""
    title = f"{rendered.title} (slides)"
    toc, content = [], [f"<h1>{escape(title)}</h1>"]
    for number, slide in enumerate(slide_texts(rendered.html), 1):
        heading = slide.heading or f"Slide {number}"
        toc.append(AnchorLink(heading, slide.place, 2))
        content.append(f'<h2 id="{slide.place}">{escape(heading)}</h2><p>{escape(slide.text)}</p>')
    return SimpleNamespace(content="".join(content), toc=toc, url=url, title=title, meta={})
