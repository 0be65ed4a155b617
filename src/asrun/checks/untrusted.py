"""Refuses a project whose building would run code of its own, or read or write outside of its folder.

It knows what is harmless, and refuses everything else. Nothing of the project's is imported to find that out.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError, Problems
from asrun.model import Where
from asrun.own import PACKAGE
from asrun.project import OPTIONS, Project, named
from asrun.settings import Code, Relative, read_settings

__all__ = ["refuse_code"]

SETTINGS = {
    "INHERIT", "copyright", "dev_addr", "docs_dir", "draft_docs", "edit_uri", "edit_uri_template", "exclude_docs",
    "extra", "extra_css", "extra_javascript", "markdown_extensions", "nav", "not_in_nav", "plugins", "repo_name",
    "repo_url", "site_author", "site_description", "site_dir", "site_name", "site_url", "strict", "theme",
    "use_directory_urls", "validation", "watch",
}  # fmt: skip
"""What mkdocs.yml may say. `hooks` and `extra_templates` are code."""

THEMES = ("material", "mkdocs", "readthedocs")

PLUGINS: dict[str, set[str]] = {
    "asrun": set(OPTIONS),
    "search": {"lang", "separator", "pipeline", "min_search_length", "indexing"},
    "offline": set(),
    "tags": set(),
    "mkdocs-jupyter": {
        "include", "ignore", "execute", "execute_ignore", "include_source", "ignore_h1_titles", "allow_errors",
        "show_input", "no_input", "no_prompt", "remove_tag_config", "highlight_extra_classes", "include_requirejs",
        "toc_depth", "cache",
    },
}  # fmt: skip
"""Plugins that run nothing of the project's, and which options of theirs are harmless."""

MARKDOWN = {
    "abbr", "admonition", "attr_list", "codehilite", "def_list", "extra", "fenced_code", "footnotes", "legacy_attrs",
    "legacy_em", "md_in_html", "meta", "nl2br", "sane_lists", "smarty", "tables", "toc", "wikilinks", "asrun",
    "asrun.text.commonmark",
}  # fmt: skip
PYMDOWNX = re.compile(r"pymdownx\.(blocks\.)?[a-z0-9]+")

NAMES = re.compile(
    r"!!python/name:(material\.extensions\.emoji\.(twemoji|to_svg)|pymdownx\.emoji\.\w+"
    r"|pymdownx\.superfences\.fence_(code|div)_format|pymdownx\.arithmatex\.\w+"
    r"|markdown\.extensions\.toc\.slugify(_unicode)?)"
)
"""What may be named for options that only code can give: functions of libraries that do what they say."""


def refuse_code(project: Project) -> None:
    """Refuse a project that would run code of its own when it is checked or built.

    Raises:
        AsrunError: with everything that would.
    """
    where = Where(project.relative(project.settings))
    codes: list[Code] = []
    settings = read_settings(project.settings, codes=codes)
    problems = [
        *_of_python(project),
        *_of_settings(settings, codes, where),
        *_of_theme(settings.get("theme"), where),
        *_of_plugins(settings.get("plugins"), where),
        *_of_markdown(settings.get("markdown_extensions"), project, where),
        *_of_folders(project, where),
        *_of_links(project),
    ]
    if problems:
        raise problems[0] if len(problems) == 1 else Problems(problems)


def _refused(what: str, where: Where | None, remedy: str = "take it out, or build without --untrusted") -> AsrunError:
    return AsrunError(f"refused, since the project is not trusted: {what}", where=where, remedy=remedy)


def _of_python(project: Project) -> Iterator[AsrunError]:
    """Python itself may look for modules in the project's folder: `python -m` puts the working folder first."""
    own = (Path(sys.prefix).resolve(), PACKAGE.resolve().parent)
    for entry in sys.path:
        folder = Path(entry or os.curdir).resolve()
        if folder.is_relative_to(project.root) and not any(folder.is_relative_to(each) for each in own):
            yield _refused(
                f"Python looks for modules in {folder}, which is in the project",
                None,
                "call the command asrun, or python -P -m asrun.cli, and leave PYTHONPATH alone",
            )


def _of_settings(settings: dict[str, Any], codes: Iterable[Code], where: Where) -> Iterator[AsrunError]:
    for name in settings:
        if name not in SETTINGS:
            yield _refused(f"the setting {name!s:.100} may run code", where)
    for code in codes:
        if code.tag == "!ENV":
            yield _refused("!ENV would show an environment variable of yours", code.where)
        elif not NAMES.fullmatch(code.tag):
            yield _refused(f"{code.tag:.200} runs code", code.where)


def _of_theme(theme: Any, where: Where) -> Iterator[AsrunError]:
    options = theme if isinstance(theme, dict) else {"name": theme}
    if options.get("name") not in (None, *THEMES):
        yield _refused(f"the theme {options['name']!s:.100} is not known to run no code", where)
    if isinstance(theme, dict) and options.get("custom_dir") is not None:
        yield _refused("theme: custom_dir has templates, and templates are code", where)


def _of_plugins(plugins: Any, where: Where) -> Iterator[AsrunError]:
    for name, options in named(plugins, "plugins", where):
        short = name.removeprefix("/").removeprefix("material/")
        if short not in PLUGINS:
            yield _refused(f"the plugin {name:.100} is not known to run no code", where)
            continue
        given = options if isinstance(options, dict) else {}
        for option in given:
            if option not in PLUGINS[short] and option != "enabled":
                yield _refused(f"the option {option!s:.100} of the plugin {name} may run code", where)
        if short == "mkdocs-jupyter" and given.get("execute") not in (None, False):
            yield _refused("mkdocs-jupyter would execute notebooks", where, "write execute: false")


def _of_markdown(extensions: Any, project: Project, where: Where) -> Iterator[AsrunError]:
    for name, options in named(extensions, "markdown_extensions", where):
        if name.removeprefix("markdown.extensions.") not in MARKDOWN and not PYMDOWNX.fullmatch(name):
            yield _refused(f"the Markdown extension {name:.100} is not known to run no code", where)
            continue
        given = options if isinstance(options, dict) else {}
        if name == "pymdownx.snippets":
            if given.get("url_download"):
                yield _refused(
                    "pymdownx.snippets would load texts from other hosts", where, "write url_download: false"
                )
            if given.get("restrict_base_path") not in (None, True):
                yield _refused(
                    "pymdownx.snippets would read files from anywhere", where, "leave restrict_base_path out"
                )
        if name in ("pymdownx.snippets", "pymdownx.b64"):
            folders = given.get("base_path") or "."
            for folder in [*(folders if isinstance(folders, list) else [folders]), given.get("root_path") or "docs"]:
                if isinstance(folder, Relative):
                    folder = folder.path(root=project.root, docs=project.docs, page=project.docs / "page.md")
                if not isinstance(folder, str) or not _inside(project.root / folder, project):
                    yield _refused(
                        f"{name} would read files in {folder!s:.100}",
                        where,
                        "let its base_path name a folder in the project: [docs/parts]",
                    )


def _of_folders(project: Project, where: Where) -> Iterator[AsrunError]:
    read = (project.docs, project.slides, project.snippets, project.references, *project.sources)
    for folder in (*read, project.site, project.cache):
        # The name of asrun's own folder begins with a dot.
        if folder != project.cache and not _inside(folder, project):
            yield _refused(f"the folder {folder} is not in the project, or is its own", where)
        elif folder.is_symlink():
            yield _refused("this folder is a link", Where(project.relative(folder)))
    for name in project.sourced_numbers:
        if not (project.root / name).resolve().is_relative_to(project.root.resolve()):
            yield _refused(f"the option sourced_numbers names {name:.100}, which is not in the project", where)


def _inside(path: Path, project: Project) -> bool:
    """Whether a path, with links followed, leads to something in the project that is not hidden there."""
    root = project.root.resolve()
    try:
        path = path.resolve()
    except (OSError, RuntimeError, ValueError):
        return False
    return path != root and path.is_relative_to(root) and not _hidden(path.relative_to(root).parts)


def _hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") for part in parts)


def _of_links(project: Project) -> Iterator[AsrunError]:
    """Find links that lead out of the project, and what is no file: it may never end."""
    for top in dict.fromkeys((project.docs, project.slides, project.snippets, project.references, project.cache)):
        for folder, folders, files in os.walk(top):
            for name in (*folders, *files):
                path = Path(folder, name)
                mode = path.lstat().st_mode
                if stat.S_ISLNK(mode):
                    if top == project.cache or not _inside(path, project):
                        yield _refused(
                            "this link leads out of what the project publishes",
                            Where(project.relative(path)),
                            "put a file there",
                        )
                elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    yield _refused("this is no file", Where(project.relative(path)), "take it out")
