"""What a slide shows from another host: nothing is asked there before the reader presses a button that names it."""

from __future__ import annotations

import html
import re

from asrun.text.deck_source import parse_attributes
from asrun.text.tags import Tag, edited, insides, read_tags, with_attributes

__all__ = ["asking", "asking_ground", "without_imports"]

_ADDRESS = r"""["'](?P<address>\s*(?:https?:)?//[^"']+)["']"""
_SOURCE = re.compile(rf"""\s(?:data-)?(?P<name>src|srcset|poster|data)={_ADDRESS}""", re.IGNORECASE)
_SHOWN = frozenset({"iframe", "img", "video", "audio", "object", "embed"})
_KINDS = {"img": "a picture", "video": "a film", "audio": "a sound"}
_LOADED = re.compile(
    rf"<script\b[^>]*\ssrc={_ADDRESS}[^>]*>.*?</script\s*>"
    rf"|<link\b[^>]*\shref={_ADDRESS.replace('address', 'other')}[^>]*>",
    re.IGNORECASE | re.DOTALL,
)
_STYLED = re.compile(r"""<style\b[^>]*>.*?</style\s*>|\sstyle=(?:"[^"]*"|'[^']*')""", re.IGNORECASE | re.DOTALL)
_IMPORT = re.compile(r"""@import\s+(?:url\(\s*)?["']?(?:https?:)?//[^;]*;""", re.IGNORECASE)
_URL = re.compile(r"""url\(\s*(?:["']|&quot;|&#39;)?(?:https?:)?//[^)]*\)""", re.IGNORECASE)
_GROUND = re.compile(r"data-background(?:-image|-video|-iframe)?")


def asking(markup: str) -> str:
    """Put a button in the place of each frame, picture and film from elsewhere, and leave out scripts and styles."""
    markup = _STYLED.sub(lambda found: without_imports(found[0]), _LOADED.sub("", markup))
    edits: dict[tuple[int, int], str] = {}
    done = 0
    for tag in read_tags(markup):
        if tag.kind != "start" or tag.name not in _SHOWN or tag.start < done:
            continue
        done = _end(markup, tag)
        whole = markup[tag.start : done]
        if address := _SOURCE.search(whole):
            edits[tag.start, done] = _asks(tag, whole, address["address"].strip())
    return edited(markup, edits)


def asking_ground(attributes: dict[str, str]) -> tuple[dict[str, str], str]:
    """Take a background from elsewhere off a slide's attributes; return them, and the button that brings it."""
    kept: dict[str, str] = {}
    button = ""
    for name, value in attributes.items():
        if _GROUND.fullmatch(name) and re.match(r"\s*(?:https?:)?//", value):
            kept[name.replace("data-", "data-ask-", 1)] = value
            button = _button("the background", value, "ask ground")
        else:
            kept[name] = value
    return kept, button


def without_imports(style: str) -> str:
    """A style sheet that asks no other host: what it would show from there is not shown."""
    return _URL.sub("none", _IMPORT.sub("", style))


def _end(markup: str, tag: Tag) -> int:
    """Where an element ends."""
    begin, end = insides(markup, tag)
    closing = re.compile(rf"</{tag.name}\s*>", re.IGNORECASE).match(markup, end)
    return closing.end() if closing else end if end < len(markup) else begin


def _asks(tag: Tag, whole: str, address: str) -> str:
    has = parse_attributes(tag.text[1:-1].partition(" ")[2])
    about = html.unescape(has.get("title") or has.get("alt") or _KINDS.get(tag.name, "what is embedded here"))
    opening = tag.text
    if tag.name == "iframe" and "title" not in has:
        opening = with_attributes(opening, {"title": f"embedded from {_host(address)}"})
    kept = _SOURCE.sub(r' data-ask-\g<name>="\g<address>"', opening + whole[len(tag.text) :])
    return f'<span class="asks">{kept}{_button(about, address, "ask")}</span>'


def _button(about: str, address: str, classes: str) -> str:
    wanted = html.escape(f"Load {about} from {_host(address)}")
    return f'<button type="button" class="{classes}">{wanted}</button>'


def _host(address: str) -> str:
    return html.unescape(address).partition("//")[2].partition("/")[0]
