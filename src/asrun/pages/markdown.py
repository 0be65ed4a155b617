"""One Markdown for pages and slides: the extensions that mkdocs.yml names, and those that every deck may count on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.project import Project
from asrun.settings import Relative

__all__ = ["ALWAYS", "make_markdown"]

ALWAYS: dict[str, dict[str, Any]] = {
    "abbr": {},
    "admonition": {},
    "attr_list": {},
    "def_list": {},
    "footnotes": {},
    "md_in_html": {},
    "tables": {},
    "pymdownx.details": {},
    "pymdownx.highlight": {},
    "pymdownx.superfences": {},
    "pymdownx.tabbed": {"alternate_style": True},
}
"""What decides what is code on a page, and what is nested in what."""

_THE_SITES_OWN = frozenset(["asrun", "meta", "toc"])
"""Front matter and tables of contents are for the site's pages; asrun is added with its options."""


def make_markdown(
    project: Project, extension: Extension | None, more: Mapping[str, dict[str, Any]] | None = None
) -> Markdown:
    """Make the Markdown instance that converts a page or a slide, with `extension` in it.

    Arguments:
        project: Its mkdocs.yml may name further extensions, or options for those that are always there.
        extension: Ours, with the page that it is used for.
        more: Further extensions that are always there, with their options.

    Raises:
        AsrunError: when one of them cannot be used.
    """
    options = ALWAYS | dict(more or {}) | _located(project, extension)
    made = Markdown()
    for name in (name for name in options if name not in _THE_SITES_OWN):
        try:
            made.registerExtensions([name], {name: options[name]})
        except Exception as error:
            # Whatever an extension does when it cannot be used.
            raise _unusable(name, error, project) from error
    if extension:
        made.registerExtensions([extension], {})
    return made.reset()


def _unusable(name: str, error: Exception, project: Project) -> AsrunError:
    """Say that an extension cannot be used, and where it is asked for."""
    why = str(error.args[0] if isinstance(error, KeyError) and error.args else error) or type(error).__name__
    file = project.settings
    lines = file.read_text("utf-8", errors="replace").split("\n") if file.is_file() else []
    named = re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w.])")
    line = next((at for at, line in enumerate(lines, 1) if named.search(line)), None)
    return AsrunError(
        f"the Markdown extension {name} cannot be used: {why}",
        where=Where(project.relative(file), line),
        remedy="mend its name or its options, or install what it is part of",
    )


def _located(project: Project, extension: Extension | None) -> dict[str, dict[str, Any]]:
    """Return the extensions of mkdocs.yml with the folders that `!relative` means on the page that is converted."""
    page = project.root / (extension.getConfig("page", "") if extension else "")

    def located(value: Any) -> Any:
        if isinstance(value, Relative):
            return value.path(root=project.root, docs=project.docs, page=page)
        if isinstance(value, dict):
            return {name: located(each) for name, each in value.items()}
        return [located(each) for each in value] if isinstance(value, list) else value

    return {name: located(options) for name, options in project.markdown.items()}
