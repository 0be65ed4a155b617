"""The MkDocs plugin: gives pages the extension, publishes what they link to, and adds the decks.

Everything it does is in other modules, which have never heard of MkDocs.
"""

from __future__ import annotations

from collections.abc import Collection
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from mkdocs.config import config_options
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort, MkDocsException, PluginError
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority, get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import AnchorLink
from mkdocs.utils import get_relative_url

from asrun.checks.hosts import SHIM, hosts_asked, keep_inside, who_is_asked
from asrun.checks.reading import SUFFIXES, Read, read_notebook, read_page
from asrun.decks import browser, of_project, pdf, render
from asrun.errors import AsrunError, Problems
from asrun.freshness.key import locate
from asrun.model import Where
from asrun.own import ASSETS
from asrun.pages.citation import Citation, note_front_matter
from asrun.pages.context import Context
from asrun.pages.elements import RECORDS_PAGE, REFERENCES_PAGE, download_link, pdf_names
from asrun.pages.extension import AsrunExtension
from asrun.pages.foot import made_of
from asrun.pages.markdown import ALWAYS
from asrun.project import OPTIONS, read_project
from asrun.publishing import imprint, place
from asrun.records import apart
from asrun.running import notebooks
from asrun.site.rendering import read_by
from asrun.text import mathfont
from asrun.text.front_matter import Parted, part_page, read_text
from asrun.text.slide_texts import slide_texts

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


class AsrunPlugin(BasePlugin):  # type: ignore[type-arg,no-untyped-call]  # its options are those of asrun.project
    """Connects MkDocs to asrun.

    While previewing (`mkdocs serve`), stale records are shown and marked, and problems are shown on the page; a build
    stops at them.
    """

    config_scheme = tuple((name, config_options.Optional(config_options.Type(object))) for name in OPTIONS)
    """MkDocs is told which options there are; what they may be is told by `asrun.project`, to whoever reads them."""

    given: Context | None = None
    """What pages may cite, where whoever calls MkDocs knows it already."""

    _finished: Path | None = None
    """The site that MkDocs built by itself, all of which is new."""

    def on_startup(self, *, command: str, dirty: bool) -> None:
        self.previewing, self.dirty = command == "serve", dirty
        if self.previewing:
            # While an author writes, everything is looked up anew for each build.
            self.given = None

    # Before plugins that would have a page ask another host where nothing else is said.
    @event_priority(100)
    def _on_config_first(self, config: MkDocsConfig) -> None:
        keep_inside(config)

    def _on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        try:
            self.project = read_project(Path(config.config_file_path or "mkdocs.yml").absolute())
        except AsrunError as error:
            raise self._stop(str(error)) from error
        if not self.given:
            # MkDocs deletes what is there, and knows of its own folders only.
            self._check_place(config)
        self.context = self.given or Context(self.project, allow_stale=self.previewing)
        self.read: list[Read] = []
        self.problems: list[AsrunError] = []
        self.decks: dict[str, of_project.Rendered] = {}
        self.extension = AsrunExtension(context=self.context, strict=False)
        # It may be named for hosts that know no plugins.
        config.markdown_extensions[:] = [name for name in config.markdown_extensions if name != "asrun"]
        # What is code and what is nested in what is the same wherever a page is read.
        for name, options in ALWAYS.items():
            if name not in config.markdown_extensions:
                config.markdown_extensions.append(name)
                config.mdx_configs[name] = options
        config.markdown_extensions.append(self.extension)
        config.extra_javascript.append("assets/asrun/site.js")
        config.extra_css[:0] = [f"assets/asrun/{name}" for name in STYLES]
        return config

    on_config = CombinedEvent(_on_config_first, _on_config)

    def _check_place(self, config: MkDocsConfig) -> None:
        folder, remedy = Path(config.site_dir), "name a folder of its own: `site_dir: site`"
        shown, where = self.project.relative(folder), Where(self.project.relative(self.project.settings))
        try:
            place.check_place(folder, shown, [*place.read_by(self.project), *read_by(config)], where, remedy)
            place.check_maker(folder, shown, self.project.settings, where, remedy)
        except AsrunError as error:
            raise self._stop(str(error)) from error

    def _stop(self, text: str) -> Exception:
        """Return what stops MkDocs; in a preview it tells that without a traceback, and goes on with the next edit."""
        return Abort(text) if self.previewing else PluginError(text)

    # After mkdocs-jupyter, which would undo that a notebook's page is made from its executed copy.
    @event_priority(-100)
    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Publish the sources and records that pages link to, and what styles them."""
        if Path(config.docs_dir).absolute() != self.project.docs:
            said = f"{self.project.settings.name} says {self.project.docs}"
            raise self._stop(f"MkDocs reads pages from {config.docs_dir}, and {said}: a plugin or a hook moved them")
        for page, content in GENERATED_PAGES.items():
            # Values and citations link there, so a project that has not written them gets them all the same.
            if files.get_file_from_path(page) is None and (page != REFERENCES_PAGE or self.project.references.is_dir()):
                files.append(File.generated(config, page, content=content))
        for name in (*STYLES, "site.js", "quiz.css", "quiz.js"):
            files.append(File.generated(config, f"assets/asrun/{name}", abs_src_path=str(ASSETS / name)))
        for name in FONTS:
            path = ASSETS / "vendor" / name
            files.append(File.generated(config, f"assets/asrun/{name}", abs_src_path=str(path)))
        shim = ASSETS / "vendor" / "iframe-worker-shim.js"
        files.append(File.generated(config, SHIM, abs_src_path=str(shim)))
        records = self.project.records
        sources = [
            *self.project.snippets.glob("[!_]*.py"), *records.glob("*/*.json"), *records.glob(f"*/*{apart.SUFFIX}")
        ]  # fmt: skip
        own = [folder.resolve() for folder in (self.project.root, self.project.snippets, records)]
        for path in filter(Path.is_file, sources):
            if not any(path.resolve().is_relative_to(folder) for folder in own):
                # A link to what is nobody's business: a record may come from anyone.
                continue
            target = "snippets/" + path.relative_to(self.project.snippets).as_posix()
            files.append(File.generated(config, target, abs_src_path=str(path)))
        self._read_texts(files)
        for path in self.project.decks:
            target = f"slides/{path.stem}/index.html"
            try:
                rendered = of_project.render(
                    path, self.context, strict=False, directory_urls=bool(config.use_directory_urls)
                )
            except AsrunError as error:
                error.where = error.where or Where(self.project.relative(path))
                self.problems.append(error)
                if self.previewing:
                    files.append(File.generated(config, target, content=_instead_of_deck(path.stem, error)))
                continue
            self.problems += [cited.error for cited in rendered.citations if cited.error]
            self.decks[path.stem] = rendered
            self.read.append(Read(path, rendered.citations, asked=rendered.asked))
            files.append(File.generated(config, target, content=rendered.html))
            if self.context.pdf:
                # Links to them are checked before the browser has printed them.
                for name in pdf_names(path.stem):
                    files.append(File.generated(config, f"slides/{path.stem}/{name}", content=b"%PDF"))
        self._publish_notebooks(files)
        return files

    def _publish_notebooks(self, files: Files) -> None:
        """Let the pages of notebooks be made of their executed copies."""
        try:
            paths = notebooks.list_notebooks(self.project)
        except AsrunError as error:
            self.problems.append(error)
            return
        for path in paths:
            self.read.append(read_notebook(path, self.context))
            self.problems += self.read[-1].problems
            file = files.get_file_from_path(path.relative_to(self.project.docs).as_posix())
            try:
                copy = notebooks.publish(self.project, path, allow_stale=self.context.allow_stale)
            except AsrunError as error:
                self.problems.append(error)
                copy = notebooks.publish_without_outputs(self.project, path, error)
            if file is not None:
                file.abs_src_path = str(copy)

    def _read_texts(self, files: Files) -> None:
        """See that every page is a text: one that is none is told, and costs no other."""
        for file in files:
            path = self.project.docs / file.src_uri
            if path.suffix in SUFFIXES and path.is_file():
                try:
                    read_text(path, self.project.relative(path))
                except AsrunError as error:
                    self.problems.append(error)
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
            self.read.append(Read(path, cited.citations, asked=tuple(cited.context.asked)))
        self.problems += cited.problems
        records = files.get_file_from_path(RECORDS_PAGE)
        return html + made_of(cited.citations, get_relative_url(records.url, page.url) if records else None)

    def _compare(self, path: Path) -> None:
        """See that MkDocs and `asrun check` read the same page, where something else had its hands on the text."""
        cited = self.extension.page
        if cited.lines == self.parted.text.split("\n") and not cited.includes:
            return
        expected = read_page(path, self.context).citations
        said = [[f"{each.kind} {each.text}" for each in found] for found in (expected, cited.citations)]
        if said[0] == said[1]:
            return
        if len(expected) != len(cited.citations):
            one, other = (f"{len(found)} values, claims and citations" for found in (expected, cited.citations))
        else:
            one, other = next(pair for pair in zip(*said, strict=True) if pair[0] != pair[1])
        cited.citations.append(
            Citation(
                "page",
                "",
                (where := cited.where(None)),
                AsrunError(
                    f"`asrun check` finds {one} on this page, and MkDocs finds {other}: a hook or another plugin "
                    "changes its text",
                    where=where,
                    remedy="let it leave {{ … }}, [@…] and /// alone, or write them in the page itself",
                ),
            )
        )

    def on_env(self, env: Any, *, config: MkDocsConfig, files: Files) -> None:
        # All pages are converted, and none is rendered: nothing has to be when something is wrong.
        problems = [*self.context.surveyed.broken.values(), *self.problems]
        if problems and not self.previewing:
            raise PluginError(str(Problems(problems)))
        if problems:
            log.warning(str(Problems(problems)))
        self._index_decks(config, files)

    def _index_decks(self, config: MkDocsConfig, files: Files) -> None:
        """Let readers search the slides: each is found by itself, and opened."""
        search: Any = config.plugins.get("material/search") or config.plugins.get("search")
        index = getattr(search, "search_index", None)
        for name, rendered in self.decks.items() if index else ():
            file = files.get_file_from_path(f"slides/{name}/index.html")
            if index and file:
                index.add_entry_from_context(_deck_page(rendered, file.url))

    # After plugins that fetch what a page would ask for, such as Material's privacy.
    @event_priority(-100)
    def on_post_page(self, output: str, *, page: Page, config: MkDocsConfig) -> None:
        for host in hosts_asked(output, urlsplit(config.site_url or "").netloc):
            self.context.hosts.setdefault(host, []).append(page.file.src_uri)

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        for asked in who_is_asked(self.context.hosts):
            log.info(asked)
        site = Path(config.site_dir)
        for name, rendered in self.decks.items():
            of_project.write(rendered, site / "slides" / name, self.context)
        if self.decks:
            render.copy_assets(site / "slides" / "assets")
        if self.context.pdf:
            self._print_decks(site / "slides", config.site_url)
        mathfont.write_site_font(site, self.project.cache)
        if not (self.previewing or self.dirty or self.given):
            self._finished = site

    def on_shutdown(self) -> None:
        # Every plugin has written what it writes. `asrun build` leaves the mark itself.
        if self._finished:
            imprint.write_mark(self._finished, hidden=False, of=self.project.settings)

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
        """Watch everything that pages are made of, besides the pages."""
        project = self.project
        folders = [project.snippets, project.slides, project.references, *project.sources, ASSETS]
        watched = {path for path in folders if path.is_dir()} | {path for path in project.read if path.is_file()}
        for path in (*sorted(watched), *sorted(_data(self.context, [*watched, project.docs]))):
            server.watch(str(path))

        def mend() -> None:
            try:
                builder()
            except (AsrunError, MkDocsException) as error:
                # What an author can mend is told in a sentence; anything else with a traceback.
                raise Abort(str(error)) from error

        server.builder = mend
        return server


MOST_DATA = 200
"""So many files of data are watched: each is looked at twice a second."""


def _data(context: Context, folders: Collection[Path]) -> set[Path]:
    """Return the data files that records name, as far as they are here and are not watched with their folder."""
    found: set[Path] = set()
    for run in context.store.list():
        try:
            record = context.store.get(run)
        except AsrunError:
            continue
        for name in {**record.files, **record.plot_files} if record else ():
            path = locate(name, context.project)
            if len(found) < MOST_DATA and path.is_file() and not any(path.is_relative_to(each) for each in folders):
                found.add(path)
    return found


def _instead_of_deck(name: str, error: AsrunError) -> str:
    """What a preview shows where a deck would be."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(name)}</title>'
        f'<pre role="alert">{escape(str(error))}</pre></html>'
    )


def _deck_page(rendered: of_project.Rendered, url: str) -> Any:
    """A deck as search plugins see a page: a heading for each slide, whose anchor is the slide's."""
    title = f"{rendered.title} (slides)"
    toc, content = [], [f"<h1>{escape(title)}</h1>"]
    for number, slide in enumerate(slide_texts(rendered.html), 1):
        heading = slide.heading or f"Slide {number}"
        toc.append(AnchorLink(heading, slide.place, 2))
        content.append(f'<h2 id="{slide.place}">{escape(heading)}</h2><p>{escape(slide.text)}</p>')
    return SimpleNamespace(content="".join(content), toc=toc, url=url, title=title, meta={})
