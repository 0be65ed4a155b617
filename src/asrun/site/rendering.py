"""Let MkDocs render the pages of a site, and tell what it says as an author can use it: with file, line and remedy."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asrun.checks.reading import Read
from asrun.errors import AsrunError, Problems
from asrun.model import Where
from asrun.pages.context import Context
from asrun.pages.markdown import make_markdown
from asrun.project import Project
from asrun.publishing import place

__all__ = ["load", "read_by", "render"]


def load(project: Project, folder: Path | None = None) -> Any:
    """Return the settings as MkDocs understands them.

    Arguments:
        project: The project.
        folder: Where the site is to be written, in place of `site_dir`.

    Raises:
        AsrunError: when MkDocs does not take them, or the plugin is not among them.
    """
    # Imported here: only a build needs MkDocs, and it takes a while to load.
    from mkdocs.config import load_config

    # An extension that cannot be used is told in our words, as everywhere.
    make_markdown(project, None)
    with _told(project):
        config = load_config(str(project.settings), **({"site_dir": str(folder)} if folder else {}))
    if config.plugins.get("asrun") is None:
        raise AsrunError(
            "the plugin asrun is not listed: pages would show {{ … }} and /// as they are typed",
            where=Where(project.relative(project.settings)),
            remedy="write plugins: [search, asrun]",
        )
    return config


def render(context: Context, folder: Path) -> list[Read]:
    """Render the site into a folder; return the pages and decks that were read for it.

    Raises:
        AsrunError: for all that MkDocs complains of; what it only warns about (a link that leads nowhere) is wrong all
            the same.
    """
    from mkdocs.commands.build import build

    project = context.project
    config = load(project, folder)
    place.check_site(project, read_by(config), beside=True)
    plugin: Any = config.plugins["asrun"]
    plugin.given = context
    with _told(project):
        config.plugins.on_startup(command="build", dirty=False)
        try:
            build(config)
        finally:
            config.plugins.on_shutdown()
    read: list[Read] = plugin.read
    return read


def read_by(config: Any) -> Iterator[place.ReadFrom]:
    """List what is read besides: MkDocs is handed a folder aside, and cannot see that the site is in the way."""
    yield place.ReadFrom(Path(config.docs_dir), "the pages")
    yield place.ReadFrom(Path(config.config_file_path), "the settings")
    if config.theme.custom_dir:
        yield place.ReadFrom(Path(config.theme.custom_dir), "the theme's templates")
    for hook in dict(config.hooks).values():
        yield place.ReadFrom(Path(hook.__file__), "a hook")


@contextmanager
def _told(project: Project) -> Iterator[None]:
    """Raise what MkDocs logs: it says what is wrong there, and then only that it stops."""
    from mkdocs.exceptions import MkDocsException

    warnings = _Warnings()
    log = logging.getLogger("mkdocs")
    log.addHandler(warnings)
    try:
        yield
    except MkDocsException as error:
        if not warnings.told:
            raise AsrunError(str(error), where=Where(project.relative(project.settings))) from error
        raise Problems(_placed(text, project) for text in warnings.told) from error
    finally:
        log.removeHandler(warnings)
    if warnings.told:
        raise Problems(_placed(text, project) for text in warnings.told)


class _Warnings(logging.Handler):
    """Collects what MkDocs warns about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


_SETTING = re.compile(r"Config value '(?P<name>\w+)': (?P<what>.*)", re.DOTALL)
_LINK = re.compile(
    r"Doc file '(?P<page>[^']+)' contains (?P<what>a|an \w+) link '(?P<link>[^']+)', (?P<why>.*)", re.DOTALL
)


def _placed(text: str, project: Project) -> AsrunError:
    """Return what MkDocs says with the line that it is about, where it is about one."""
    if found := _SETTING.fullmatch(text):
        file = project.settings
        line = _line_of(file, re.compile(rf"^[\"']?{found['name']}\b"))
        told = found["what"].removeprefix("Error: ").strip()
        missing = "not provided" in told
        return AsrunError(
            f"MkDocs does not take {found['name']}: {told}",
            where=Where(project.relative(file), line),
            remedy=f"write {found['name']}: …" if missing else "mend it there, or leave it out",
        )
    if found := _LINK.fullmatch(text):
        file = project.docs / found["page"]
        return AsrunError(
            f"this page has {found['what']} link to {found['link']}, {found['why']}",
            where=Where(project.relative(file), _line_of(file, re.compile(re.escape(found["link"])))),
            remedy="mend the address, or write what it leads to",
        )
    return AsrunError(text)


def _line_of(file: Path, pattern: re.Pattern[str]) -> int | None:
    """Return the first line of a file in which something is; None where that cannot be told."""
    try:
        lines = file.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return next((at for at, line in enumerate(lines, 1) if pattern.search(line)), None)
