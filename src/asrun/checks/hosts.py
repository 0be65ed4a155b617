"""What pages load from other hosts: themes are kept from it, and what is left is told.

Whoever reads a page should be known to nobody but the host that it came from, and find it whole without a network.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from asrun.text.markup import Node, attribute, read_page, select
from asrun.values.formats import plural

__all__ = ["SHIM", "hosts_asked", "keep_inside", "who_is_asked"]

SHIM = "assets/asrun/iframe-worker-shim.js"
"""The site's own copy of what a search needs where pages are opened from a disk."""

_OFF = {"font": False, "highlightjs": False}
"""Options of themes that load something from elsewhere, and what keeps each from it: Material has its fonts from
Google, the themes mkdocs and readthedocs have their highlighter from Cloudflare."""

_LOADING = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
"""Elements that load something as soon as they are there, and the attributes that say what."""
_LOADED = re.compile(
    r"\b(?:stylesheet|icon|manifest|prefetch|preconnect|dns-prefetch|(?:module)?preload)\b", re.IGNORECASE
)
"""What a `link` may name that is loaded; all else is only said to be somewhere."""

_HOST = r"(?:https?:)?//(?P<host>[^\s/?#\"'<>()\\]+)"
_STYLED = re.compile(rf"""(?:url\(|@import\b)\s*["']?\s*{_HOST}""", re.IGNORECASE)
_ADDRESS = re.compile(rf"\s*{_HOST}", re.IGNORECASE)
_ONE_OF_MANY = re.compile(r"\s*,\s+|\s*,(?=(?:https?:)?//)", re.IGNORECASE)
"""What stands between the addresses of a `srcset`, which may have commas of their own."""

_COUNTS = {"github.com": "api.github.com", "gitlab.com": "gitlab.com"}
"""Whom Material asks how many stars a repository has, by where the repository is."""


def keep_inside(config: Any) -> None:
    """Set options of a theme that load from elsewhere to what loads nothing, unless their author has set them.

    Arguments:
        config: MkDocs' configuration, as it is before plugins change it.
    """
    with warnings.catch_warnings():
        # Deprecated, for MkDocs has no use for it; nothing else tells what an author wrote from what is so anyway.
        warnings.simplefilter("ignore", DeprecationWarning)
        themes = [given.get("theme") for given in config.user_configs]
    written = {option for given in themes if isinstance(given, dict) for option in given}
    theme = config.theme
    if theme.get("user_color_mode_toggle") or theme.get("color_mode", "light") != "light":
        # MkDocs' own theme cannot change its colours without its highlighter; whom that asks is told.
        written.add("highlightjs")
    for option, off in _OFF.items():
        if option in theme and option not in written:
            theme[option] = off
    offline = config.plugins.get("material/offline") or config.plugins.get("offline")
    if offline and offline.config.get("enabled", True):
        polyfills = config.extra.setdefault("polyfills", [])
        # Any address with this name in it keeps the plugin from asking unpkg.com for it.
        if not any("iframe-worker" in str(address) for address in polyfills):
            polyfills.append(SHIM)


def hosts_asked(page: str, own: str = "") -> set[str]:
    """Return the other hosts that a browser asks for something while it shows a page, before anybody clicks.

    Arguments:
        page: The whole page, as a theme renders it.
        own: The host that the page will be on.
    """
    tree = read_page(page)
    styles = [attribute(styled, "style") for styled in select(tree, "[style]")]
    styles += [sheet.text() for sheet in select(tree, "style")]
    hosts = [found["host"] for style in styles for found in _STYLED.finditer(style)]
    for element in select(tree, ", ".join(_LOADING)):
        name = element.tag or ""
        if name != "link" or _LOADED.search(attribute(element, "rel")):
            for which in _LOADING.get(name, ()):
                written = attribute(element, which)
                addresses = _ONE_OF_MANY.split(written) if which == "srcset" else [written]
                hosts += [found["host"] for address in addresses if (found := _ADDRESS.match(address))]
    # Hosts know no capitals.
    return {host.lower() for host in (*hosts, *_asked_by_material(tree))} - {own.lower()}


def _asked_by_material(page: Node) -> set[str]:
    """Return whom Material's script asks by itself, on pages that have what it asks for."""
    if not page.css_first("[data-md-component]"):
        return set()
    repositories = [attribute(link, "href") for link in select(page, 'a[data-md-component="source"]')]
    found = [_ADDRESS.match(address) for address in repositories]
    hosts = {_COUNTS.get(each["host"].lower(), "") for each in found if each} - {""}
    # A script that the site has of its own is taken in its place.
    if page.css_first("pre.mermaid, div.mermaid") and not page.css_first('script[src*="mermaid"]'):
        hosts.add("unpkg.com")
    return hosts


def who_is_asked(asked: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Say for each host which pages ask it: `index.md and 2 other pages load from unpkg.com when they are read`."""
    for host, pages in sorted(asked.items()):
        others = f" and {plural(len(pages) - 1, 'other page')}" if len(pages) > 1 else ""
        they = "load from {} when they are" if others else "loads from {} when it is"
        yield f"{pages[0]}{others} {they.format(host)} read"
