"""One Markdown for pages and slides: the extensions that mkdocs.yml names, and those that every deck may count on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension

from asrun.project import Project
from asrun.settings import Relative

__all__ = ["make_markdown"]

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
    """
    options = ALWAYS | dict(more or {}) | _located(project, extension)
    names = [name for name in options if name not in _THE_SITES_OWN]
    return Markdown(
        extensions=[*names, *([extension] if extension else [])],
        extension_configs={name: options[name] for name in names},
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
