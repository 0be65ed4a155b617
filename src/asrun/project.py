"""Where a project's things are, read from its mkdocs.yml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError, did_you_mean
from asrun.model import Where
from asrun.options import (
    DEVICE_CLASSES,
    DEVICES,
    FOLDER,
    FOLDERS,
    LINES,
    NAMES,
    NUMBER,
    PATTERNS,
    SOME_NAMES,
    TEXTS,
    declared,
    folder_named,
    option,
)
from asrun.settings import FILES, Code, find_settings, read_settings, without_code

__all__ = ["OPTIONS", "Project", "find_project", "named", "project_around", "read_project"]


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with a mkdocs.yml, and where its parts are."""

    root: Path
    """The folder that mkdocs.yml is in."""
    settings: Path
    """Its mkdocs.yml."""
    docs: Path
    """The pages."""
    site: Path
    """Where a build puts the site."""

    # The options of the `asrun` plugin

    snippets: Path = field(metadata=option("snippets", FOLDER))
    """The folder of snippets. Records live in `<snippets>/records`."""
    slides: Path = field(metadata=option("slides", FOLDER))
    """The folder of decks."""
    references: Path = field(metadata=option("docs/references", FOLDER))
    """The folder of `references.bib` and of published numbers."""
    sources: tuple[Path, ...] = field(metadata=option(["src"], FOLDERS))
    """Folders whose modules are the project's own: their code decides whether a record is fresh."""
    data_variables: tuple[str, ...] = field(metadata=option([], NAMES))
    """Environment variables that name data folders. Files there are recorded as `$VARIABLE/path`, so that a record says
    the same on every machine."""
    harmless_variables: tuple[str, ...] = field(metadata=option([], NAMES))
    """Environment variables that the project's code reads and that decide no result. Any other makes a record stale
    when it changes."""
    scales: tuple[str, ...] = field(metadata=option(["full", "quick"], SOME_NAMES))
    """Which record a page shows when there are several: the first that exists."""
    devices: tuple[str, ...] = field(metadata=option(list(DEVICE_CLASSES), DEVICES))
    """The same, for device classes."""
    minutes: float = field(metadata=option(20, NUMBER))
    """How long a run may take when its snippet's `NEEDS` does not say."""
    output_lines: int = field(metadata=option(1000, LINES))
    """How many lines of what a run prints are recorded: of more, the first and the last."""
    array_mb: float = field(metadata=option(0.5, NUMBER))
    """An array of more megabytes stands in a compressed file beside its record."""
    record_mb: float = field(metadata=option(16, NUMBER))
    """A record of more megabytes, all its files together, is refused."""
    macros: dict[str, str] = field(metadata=option({}, TEXTS))
    r"""Commands for formulas beside LaTeX's own and the house's: `{keep: '\mathrm{keep}'}` makes `\keep`."""
    sourced_numbers: tuple[str, ...] = field(metadata=option([], NAMES))
    """Pages, decks, other files, and folders, in whose prose a number that looks measured needs a source."""
    number_settings: dict[str, str] = field(metadata=option({}, PATTERNS))
    r"""Regular expressions of what needs no source there, each with the reason: `{'drop \d\.\d': a setting}`."""

    # What else mkdocs.yml says

    markdown: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The Markdown extensions that mkdocs.yml names, with their options."""
    pages: tuple[str, ...] = ()
    """The pages that the navigation names, in its order: `lessons/07.md`."""
    uses_asrun: bool = True
    """Whether mkdocs.yml lists the plugin: any other project is left alone."""
    read: tuple[Path, ...] = ()
    """The files that say all this: mkdocs.yml, and what it inherits from."""

    @property
    def records(self) -> Path:
        """The folder of all records."""
        return self.snippets / "records"

    @property
    def decks(self) -> list[Path]:
        """The deck files; those that begin with an underscore are drafts."""
        return sorted(self.slides.glob("[!_]*.md"))

    @property
    def cache(self) -> Path:
        """What can be deleted at any time: logs of failed runs, subset fonts, executed notebooks in the making."""
        return self.root / ".asrun"

    def relative(self, path: Path | str) -> str:
        """Return a path as messages and records name it: relative to the project, with forward slashes.

        Arguments:
            path: Any; one outside of the project stays as it is.
        """
        path = Path(path)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()


OPTIONS = declared(Project)
"""The options of the `asrun` plugin in mkdocs.yml, by name."""


def find_project(start: Path | None = None) -> Project:
    """Find the project that a folder belongs to: the nearest parent with a mkdocs.yml.

    Arguments:
        start: The folder; by default the working folder.

    Returns:
        The project, as its mkdocs.yml is now.

    Raises:
        AsrunError: when there is none, or it cannot be read.

    Examples:
        >>> project = find_project()
        >>> project.relative(project.records)
        'snippets/records'
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if find_settings(folder):
            return read_project(folder)
    raise AsrunError(
        f"no mkdocs.yml in {start} or above it", remedy="change to the project's folder, or write a mkdocs.yml there"
    )


def read_project(root: Path) -> Project:
    """Read the project of a folder that has a mkdocs.yml, or of a file that MkDocs is to read in its place."""
    file = root if root.is_file() else find_settings(root) or root / FILES[0]
    read: list[Path] = []
    return _project(file, read_settings(file, read=read), tuple(read))


def project_around(start: Path | None = None) -> Project:
    """Return the project that a folder belongs to; where there is none, the folder itself with every option by default.

    For hosts other than MkDocs, which may have no mkdocs.yml.
    """
    start = (start or Path.cwd()).resolve()
    if any(find_settings(folder) for folder in (start, *start.parents)):
        return find_project(start)
    return _project(start / FILES[0], {"plugins": ["asrun"]})


def _project(file: Path, settings: dict[str, Any], read: tuple[Path, ...] = ()) -> Project:
    root, where = file.parent, Where(file.name)
    given = _given(settings.get("plugins"), where)
    enabled = given is not None and given.pop("enabled", True) is not False
    given = given or {}
    if unknown := [name for name in given if name not in OPTIONS]:
        near = did_you_mean(str(unknown[0]), OPTIONS, otherwise="")
        raise AsrunError(
            f"the asrun plugin has no option {', '.join(sorted(map(str, unknown)))}",
            where=where,
            remedy=(f"{near} " if near else "") + f"options are: {', '.join(OPTIONS)}",
        )
    project = Project(
        root=root,
        settings=file,
        docs=folder_named(_folder_name(settings, "docs_dir", "docs", where), root),
        site=folder_named(_folder_name(settings, "site_dir", "site", where), root),
        **{name: option.value(name, given, root, where) for name, option in OPTIONS.items()},
        markdown=_markdown_extensions(settings.get("markdown_extensions"), where),
        pages=tuple(_navigated(settings.get("nav"))),
        uses_asrun=enabled,
        read=read,
    )
    _check_folders(project, where)
    return project


def _given(plugins: Any, where: Where) -> dict[Any, Any] | None:
    """Return the options of the asrun plugin, or None when it is not listed, by the rules of MkDocs."""
    found: dict[Any, Any] | None = None
    for name, options in named(plugins, "plugins", where):
        if name.rpartition("/")[2] == "group" and isinstance(options, dict):
            inner = [each for each, _ in named(options.get("plugins"), "plugins", where)]
            if "asrun" in inner:
                raise AsrunError(
                    "the asrun plugin is listed in a group, where only MkDocs finds it",
                    where=where,
                    remedy="list it among the plugins themselves; enabled: !ENV [NAME, true] switches it",
                )
        if name.removeprefix("/") != "asrun":
            continue
        if found is not None:
            raise AsrunError("the asrun plugin is listed twice", where=where, remedy="list it once, with all options")
        if options and not isinstance(options, dict):
            raise AsrunError(
                f"the asrun plugin takes options by name, and is given {options!r:.200}",
                where=where,
                remedy="write - asrun, or - asrun: and options by name under it, indented",
            )
        found = dict(options or {})
    return found


def named(listed: Any, what: str, where: Where) -> Iterator[tuple[str, Any]]:
    """Read what MkDocs takes as a list of names, each by itself or with options, or as a mapping from names to options.

    Arguments:
        listed: What is written; None when nothing is.
        what: The setting: `plugins`.
        where: The file.
    """
    if listed is None:
        return
    if not isinstance(listed, (list, dict)):
        raise AsrunError(f"{what} must be a list of names, and is {listed!s:.200}", where=where)
    for item in listed.items() if isinstance(listed, dict) else listed:
        if isinstance(item, dict):
            if len(item) != 1:
                raise AsrunError(
                    f"an entry of {what} has {len(item)} names, and must have one: {', '.join(map(str, item)):.200}",
                    where=where,
                    remedy="options stand under the name that they belong to, indented further than it",
                )
            item = next(iter(item.items()))
        name, options = item if isinstance(item, tuple) else (item, None)
        if not isinstance(name, str):
            raise AsrunError(f"an entry of {what} must be a name, and is {name!s:.200}", where=where)
        yield name, options


def _folder_name(settings: dict[str, Any], name: str, default: str, where: Where) -> str:
    value = settings.get(name)
    value = default if value is None else value
    if not isinstance(value, str) or "\0" in value:
        raise AsrunError(f"{name} must be the name of a folder, and is {value!s:.200}", where=where)
    return value


def _check_folders(project: Project, where: Where) -> None:
    """Refuse folders that cannot be what they are said to be."""
    if project.docs == project.root:
        raise AsrunError(
            f"docs_dir is the folder that {project.settings.name} is in: pages have a folder of their own",
            where=where,
            remedy="move them to docs/, and leave docs_dir out",
        )
    if not project.snippets.is_relative_to(project.root):
        raise AsrunError(
            f"snippets are outside of the project, in {project.snippets}: records name files of the project",
            where=where,
            remedy="let the option snippets of the asrun plugin name a folder beside this file",
        )
    for folder in (project.docs, project.snippets, project.records, project.slides, project.references):
        if folder.is_file():
            raise AsrunError(
                f"{project.relative(folder)} is a file, and must be a folder", where=where, remedy="move it away"
            )


def _navigated(nav: Any) -> Iterator[str]:
    """The pages of a navigation, which nests lists and titles."""
    if isinstance(nav, str):
        yield nav
    for item in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _navigated(item)


def _markdown_extensions(listed: Any, where: Where) -> dict[str, dict[str, Any]]:
    """Return Markdown extensions by name; options whose value only MkDocs can make (`!!python/name:`) are left out."""
    found: dict[str, dict[str, Any]] = {}
    for name, options in named(listed, "markdown_extensions", where):
        if options and not isinstance(options, (dict, Code)):
            raise AsrunError(f"the Markdown extension {name} takes options by name", where=where)
        # One that is listed twice stands where it stood first, with the options that it was given last.
        kept = without_code(options) if isinstance(options, dict) else {}
        if kept or name not in found:
            found[name] = kept
    return found
