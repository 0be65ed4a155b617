"""What a slide shows from another host: nothing is asked there before the reader presses a button that names it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from asrun.text.markup import Node, attribute, read_fragment, select

__all__ = ["asking", "asking_ground", "without_imports"]

_ELSEWHERE = re.compile(r"\s*((?:https?:)?//[^\s,]*)", re.IGNORECASE)
_ONE_OF_MANY = re.compile(r"(?:^|,)" + _ELSEWHERE.pattern, re.IGNORECASE)
"""An address in a `srcset`, which names several."""
_SHOWN = {
    "iframe": "what is embedded here",
    "object": "what is embedded here",
    "embed": "what is embedded here",
    "img": "a picture",
    "picture": "a picture",
    "input": "a picture",
    "svg": "a drawing",
    "video": "a film",
    "audio": "a sound",
}
"""What may show something from elsewhere, and what it is called where it has no name."""
_SOURCES = frozenset({"src", "srcset", "poster", "data"})
_DRAWN = frozenset({"image", "use", "feimage"})
"""Elements of SVG that show what their `href` names."""
_IMPORT = re.compile(r"""@import\s+(?:url\(\s*)?["']?(?:https?:)?//[^;]*;""", re.IGNORECASE)
_URL = re.compile(r"""url\(\s*["']?(?:https?:)?//[^)]*\)""", re.IGNORECASE)
_GROUND = re.compile(r"data-background(?:-image|-video|-iframe)?")


def asking(slide: Node) -> None:
    """Put a button in the place of each frame, picture and film from elsewhere, and leave out scripts and styles."""
    for loading in select(slide, "script, link"):
        if any(_ELSEWHERE.match(attribute(loading, name)) for name in ("src", "href", "xlink:href")):
            loading.remove()
    for styled in select(slide, "[style]"):
        style = attribute(styled, "style")
        if (kept := without_imports(style)) != style:
            styled.attrs["style"] = kept
    for sheet in select(slide, "style"):
        style = sheet.text()
        if (kept := without_imports(style)) != style:
            sheet.inner_html = ""
            sheet.insert_child(kept)
    done: set[int] = set()
    for shown in select(slide, ", ".join(_SHOWN)):
        if shown.mem_id not in done and (sources := list(_from_elsewhere(shown))):
            done |= {each.mem_id for each in select(shown, "*")}
            _put_behind_button(shown, sources)


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


def _from_elsewhere(shown: Node) -> Iterator[tuple[Node, str, str]]:
    """List what an element, and what is in it, loads from elsewhere: element, attribute, address."""
    for element in select(shown, "*"):
        for name, value in element.attributes.items():
            named = name.removeprefix("data-") in _SOURCES or (
                name in ("href", "xlink:href") and (element.tag or "").lower() in _DRAWN
            )
            pattern = _ONE_OF_MANY.search if name.endswith("srcset") else _ELSEWHERE.match
            if named and value and (found := pattern(value)):
                yield element, name, found[1]


def _put_behind_button(shown: Node, sources: list[tuple[Node, str, str]]) -> None:
    """Take the addresses off, and put a button beside it that brings them back."""
    address = sources[0][2]
    kind = shown.tag or ""
    about = attribute(shown, "title") or next(filter(None, (attribute(each, "alt") for each in select(shown, "*"))), "")
    if kind == "iframe" and "title" not in shown.attrs:
        shown.attrs["title"] = f"embedded from {_host(address)}"
    for element, name, _ in sources:
        # Of the two names of an address in SVG, a script can set but the newer one.
        asked = "data-ask-" + name.removeprefix("data-").removeprefix("xlink:")
        element.attrs[asked] = attribute(element, name).strip()
        del element.attrs[name]
    asks = read_fragment(_button(about or _SHOWN[kind], address, "ask"), "span")
    asks.attrs["class"] = "asks"
    shown.insert_before(asks)
    if (placed := shown.prev) and placed.first_child:
        placed.first_child.insert_before(shown, move=True)


def _button(about: str, address: str, classes: str) -> str:
    wanted = html.escape(f"Load {about} from {_host(address)}")
    return f'<button type="button" class="{classes}">{wanted}</button>'


def _host(address: str) -> str:
    return address.partition("//")[2].partition("/")[0]
