"""What pages load from other hosts: themes are kept from it, and what is left is told.

Whoever reads a page should be known to nobody but the host that it came from, and find it whole without a network.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Any

from asrun.text.deck_source import parse_attributes
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
_LOADED = re.compile(r"\b(?:stylesheet|icon|manifest|prefetch|preconnect|dns-prefetch|(?:module)?preload)\b")
"""What a `link` may name that is loaded; all else is only said to be somewhere."""

_UNREAD = re.compile(r"<!--(?:[^-]|-(?!->))*-->|(<script\b[^>]*>)[^<]*(?:<(?!/script)[^<]*)*")
_TAG = re.compile(rf"<(?P<name>{'|'.join(_LOADING)})\b(?P<rest>(?:\"[^\"]*\"|'[^']*'|[^>\"'])*)>")
_STYLE = re.compile(r"""<style\b[^>]*>.*?</style\s*>|\sstyle=(?:"[^"]*"|'[^']*')""", re.DOTALL)
_HOST = r"(?:https?:)?//(?P<host>[^\s/?#\"'<>()\\]+)"
_STYLED = re.compile(rf"""(?:url\(|@import\b)\s*(?:["']|&quot;|&#39;|&#x27;)?\s*{_HOST}""")
_ADDRESS = re.compile(rf"\s*{_HOST}")
_ONE_OF_MANY = re.compile(r"\s*,\s+|\s*,(?=(?:https?:)?//)")
"""What stands between the addresses of a `srcset`, which may have commas of their own."""

_REPOSITORY = re.compile(rf"""<a\b[^>]*\shref="{_HOST}[^>]*\sdata-md-component="source\"""")
_COUNTS = {"github.com": "api.github.com", "gitlab.com": "gitlab.com"}
"""Whom Material asks how many stars a repository has, by where the repository is."""
_MERMAID = re.compile(r"""<(?:pre|div)\b[^>]*\sclass=["'](?:[^"']*\s)?mermaid["'\s]""")


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
        page: The whole page, well-formed, as a theme renders it.
        own: The host that the page will be on.
    """
    # Neither hosts nor the names of elements know capitals, and without them a page is read several times as fast.
    page = page.lower()
    hosts = _asked(page)
    # What stands in a comment or in a script asks nobody; few pages have to be looked at twice for that.
    return _asked(_UNREAD.sub(r"\1", page)) - {own.lower()} if hosts else hosts


def _asked(page: str) -> set[str]:
    hosts = []
    if _STYLED.search(page):
        hosts += [styled["host"] for style in _STYLE.finditer(page) for styled in _STYLED.finditer(style[0])]
    for tag in _TAG.finditer(page):
        if "//" in tag["rest"]:
            name, attributes = tag["name"], parse_attributes(tag["rest"].rstrip("/"))
            if name != "link" or _LOADED.search(attributes.get("rel", "")):
                for which in _LOADING[name]:
                    written = unescape(attributes.get(which, ""))
                    addresses = _ONE_OF_MANY.split(written) if which == "srcset" else [written]
                    hosts += [found["host"] for address in addresses if (found := _ADDRESS.match(address))]
    return {*hosts, *_asked_by_material(page)}


def _asked_by_material(page: str) -> set[str]:
    """Return whom Material's script asks by itself, on pages that have what it asks for."""
    if "data-md-component" not in page:
        return set()
    hosts = {_COUNTS.get(found["host"], "") for found in _REPOSITORY.finditer(page)} - {""}
    # A script that the site has of its own is taken in its place.
    if _MERMAID.search(page) and not re.search(r"<script\b[^>]*\ssrc=[^>]*mermaid", page):
        hosts.add("unpkg.com")
    return hosts


def who_is_asked(asked: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Say for each host which pages ask it: `index.md and 2 other pages load from unpkg.com when they are read`."""
    for host, pages in sorted(asked.items()):
        others = f" and {plural(len(pages) - 1, 'other page')}" if len(pages) > 1 else ""
        they = "load from {} when they are" if others else "loads from {} when it is"
        yield f"{pages[0]}{others} {they.format(host)} read"
