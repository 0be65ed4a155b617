"""Where a project's things are, read from its mkdocs.yml."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from asrun.errors import AsrunError
from asrun.model import Where

__all__ = ["OPTIONS", "Project", "find_project", "project_around", "read_project"]

OPTIONS: dict[str, Any] = {
    "snippets": "snippets",
    "slides": "slides",
    "references": "docs/references",
    "sources": ["src"],
    "data_variables": [],
    "harmless_variables": [],
    "scales": ["full", "quick"],
    "devices": ["cuda", "cpu"],
    "minutes": 20,
    "output_lines": 1000,
    "array_mb": 0.5,
    "record_mb": 16,
    "macros": {},
    "sourced_numbers": [],
    "number_settings": {},
}
r"""The options of the `asrun` plugin in mkdocs.yml, with their defaults:

- `snippets`, `slides`, `references`: folders, relative to mkdocs.yml. Records live in `<snippets>/records`.
- `sources`: folders whose modules are the project's own: their code decides whether a record is fresh.
- `data_variables`: environment variables that name data folders. Files there are recorded as `$VARIABLE/path`, so that
  a record says the same on every machine.
- `harmless_variables`: environment variables that the project's code reads and that decide no result. Any other makes
  a record stale when it changes.
- `scales`, `devices`: which record a page shows when there are several: the first that exists.
- `macros`: commands for formulas beside LaTeX's own and the house's: `{keep: '\mathrm{keep}'}` makes `\keep`.
- `sourced_numbers`: pages, decks, other files, and folders, in whose prose a number that looks measured needs a source.
- `number_settings`: regular expressions of what needs none there, each with the reason: `{'drop \d\.\d': a setting}`.
- `minutes`: how long a run may take when its snippet's NEEDS does not say.
- `output_lines`: how many lines of what a run prints are recorded: of more, the first and the last.
- `array_mb`: an array of more megabytes stands in a compressed file beside its record.
- `record_mb`: a record of more megabytes, all its files together, is refused.
"""


@dataclass(frozen=True)
class Project:
    """A folder with a mkdocs.yml, and where its parts are."""

    root: Path
    docs: Path
    slides: Path
    snippets: Path
    references: Path
    sources: tuple[Path, ...]
    site: Path
    data_variables: tuple[str, ...]
    harmless_variables: tuple[str, ...]
    scales: tuple[str, ...]
    devices: tuple[str, ...]
    minutes: float
    markdown: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The Markdown extensions that mkdocs.yml names, with their options."""
    macros: dict[str, str] = field(default_factory=dict)
    sourced_numbers: tuple[str, ...] = ()
    number_settings: dict[str, str] = field(default_factory=dict)
    pages: tuple[str, ...] = ()
    """The pages that the navigation names, in its order: `lessons/07.md`."""
    uses_asrun: bool = True
    """Whether mkdocs.yml lists the plugin: any other project is left alone."""
    output_lines: int = OPTIONS["output_lines"]
    array_mb: float = OPTIONS["array_mb"]
    record_mb: float = OPTIONS["record_mb"]

    @property
    def records(self) -> Path:
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
        """Return a path as messages and records name it: relative to the project, with forward slashes."""
        path = Path(path)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml without acting on the tags that MkDocs gives a meaning (`!ENV`, `!!python/name:`)."""


_Loader.add_multi_constructor("", lambda loader, suffix, node: None)


def find_project(start: Path | None = None) -> Project:
    """Find the project that a folder belongs to: the nearest parent with a mkdocs.yml.

    Raises:
        AsrunError: when there is none, or it cannot be read.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "mkdocs.yml").is_file():
            return read_project(folder)
    raise AsrunError(
        f"no mkdocs.yml in {start} or above it", remedy="change to the project's folder, or write a mkdocs.yml there"
    )


def read_project(root: Path) -> Project:
    """Read the project whose mkdocs.yml is in `root`."""
    where = Where("mkdocs.yml")
    try:
        settings = yaml.load((root / "mkdocs.yml").read_text("utf-8-sig"), _Loader) or {}
    except UnicodeDecodeError as error:
        raise AsrunError(f"not valid UTF-8: {error}", where=where, remedy="save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise AsrunError(
            f"not valid YAML: {getattr(error, 'problem', error)}",
            where=Where("mkdocs.yml", mark.line + 1 if mark else None),
        ) from error
    if not isinstance(settings, dict):
        raise AsrunError("mkdocs.yml must hold settings by name", where=where, remedy="write site_name: My site")
    return _project(root, settings)


def project_around(start: Path | None = None) -> Project:
    """Return the project that a folder belongs to; where there is none, the folder itself with every option by default.

    For hosts other than MkDocs, which may have no mkdocs.yml.
    """
    start = (start or Path.cwd()).resolve()
    if any((folder / "mkdocs.yml").is_file() for folder in (start, *start.parents)):
        return find_project(start)
    return _project(start, {"plugins": ["asrun"]})


def _project(root: Path, settings: dict[str, Any]) -> Project:
    where = Where("mkdocs.yml")
    options = dict(OPTIONS)
    plugins = settings.get("plugins") or []
    # MkDocs takes a list of plugins, or a mapping from their names to their options.
    listed = [plugins] if isinstance(plugins, dict) else plugins
    for plugin in listed:
        if isinstance(plugin, dict) and isinstance(given := plugin.get("asrun"), dict):
            if unknown := set(given) - set(OPTIONS):
                raise AsrunError(
                    f"the asrun plugin has no option {', '.join(sorted(unknown))}",
                    where=where,
                    remedy=f"options are: {', '.join(OPTIONS)}",
                )
            options |= given
    _check_options(options, where)
    return Project(
        root=root,
        docs=root / (settings.get("docs_dir") or "docs"),
        slides=root / options["slides"],
        snippets=root / options["snippets"],
        references=root / options["references"],
        sources=tuple(root / folder for folder in options["sources"]),
        site=Path(os.path.abspath(root / (settings.get("site_dir") or "site"))),
        data_variables=tuple(options["data_variables"]),
        harmless_variables=tuple(options["harmless_variables"]),
        scales=tuple(options["scales"]),
        devices=tuple(options["devices"]),
        minutes=float(options["minutes"]),
        output_lines=max(2, int(options["output_lines"])),
        array_mb=float(options["array_mb"]),
        record_mb=float(options["record_mb"]),
        markdown=_markdown_extensions(settings.get("markdown_extensions") or []),
        macros=options["macros"],
        sourced_numbers=tuple(options["sourced_numbers"]),
        number_settings=options["number_settings"],
        pages=tuple(_navigated(settings.get("nav"))),
        uses_asrun=any(plugin == "asrun" or (isinstance(plugin, dict) and "asrun" in plugin) for plugin in listed),
    )


def _navigated(nav: Any) -> Iterator[str]:
    """The pages of a navigation, which nests lists and titles."""
    if isinstance(nav, str):
        yield nav
    for item in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _navigated(item)


def _markdown_extensions(listed: Any) -> dict[str, dict[str, Any]]:
    """Return Markdown extensions by name; options whose value only MkDocs can make (`!!python/name:`) are left out."""
    found: dict[str, dict[str, Any]] = {}
    for item in [listed] if isinstance(listed, dict) else listed:
        for name, options in item.items() if isinstance(item, dict) else [(item, None)]:
            found[name] = {key: value for key, value in (options or {}).items() if value is not None}
    return found


def _check_options(options: dict[str, Any], where: Where) -> None:
    """Refuse options of the wrong kind: each is of the kind of its default."""
    for name, default in OPTIONS.items():
        value = options[name]
        if isinstance(default, list):
            right = isinstance(value, list) and all(isinstance(each, str) for each in value)
            wanted = "a list of names"
        elif isinstance(default, dict):
            right = isinstance(value, dict) and all(isinstance(part, str) for pair in value.items() for part in pair)
            wanted = "texts by name"
        elif isinstance(default, str):
            right, wanted = isinstance(value, str), "the name of a folder"
        else:
            right = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
            wanted = "a number above 0"
        if right and name in ("scales", "devices") and not value:
            right, wanted = False, "a list of at least one name"
        if not right:
            raise AsrunError(
                f"the option {name} of the asrun plugin must be {wanted}, and is {value!r}",
                where=where,
                remedy=f"its default is {default!r}",
            )
    for pattern in options["number_settings"]:
        try:
            re.compile(pattern)
        except re.error as error:
            raise AsrunError(
                f"number_settings of the asrun plugin has {pattern!r}, which is no regular expression: {error}",
                where=where,
                remedy="quote it with single quotes, and escape what stands for itself: 'drop \\d\\.\\d'",
            ) from error
    if unknown := set(options["devices"]) - set(OPTIONS["devices"]):
        raise AsrunError(
            f"there is no device class {', '.join(sorted(unknown))}",
            where=where,
            remedy=f"devices are: {', '.join(OPTIONS['devices'])}",
        )
