"""What a drawing may hold: the elements, attributes and properties that Matplotlib draws with, and nothing else.

A drawing stands in a page as it is, and may come from anyone. So there are no lists of what is bad here: what is not
named below is refused, in whatever way a browser might take it. A drawing can be seen and read, and that is all; it
names nothing outside of itself, and nothing of the page can be meant by it.

Libraries that clean HTML, such as nh3, judge elements, attributes and links by their names. They let through a value
like `clip-path="url(//elsewhere)"`, and write HTML where a record holds XML. So the list is kept here, and with it how
each value may be written. What else a record says is escaped where it enters a page.
"""

from __future__ import annotations

import base64
import functools
import re
import xml.etree.ElementTree as etree

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from asrun.errors import AsrunError

__all__ = ["check_drawing", "id_prefix", "sanitise_svg"]

SVG = "http://www.w3.org/2000/svg"
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"

_DEEPEST = 60
"""Levels of elements; Matplotlib's have some ten."""
_MOST_PIXELS = 64_000_000
"""Of one image: what a browser unpacks it into has four bytes each."""

# How values are written. Nothing has a backslash, a quotation mark or an @, and each bracket is one of those named.
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_LENGTH = rf"{_NUMBER}(?:px|pt|em|%)?"
_LENGTHS = rf"{_LENGTH}(?:[\s,]+{_LENGTH})*"
_WORD = r"[a-zA-Z]+(?:-[a-zA-Z]+)*"
_HERE = r"url\(#(?P<id>[\w.:-]+)\)"
_FIXED = rf"(?:#[0-9a-fA-F]{{3,8}}|{_WORD}|rgba?\([\d.,%\s]*\))"
_COLOUR = rf"(?:{_FIXED}|var\(--fig-[a-z0-9]+(?:,\s*{_FIXED})?\))"
_PAINT = rf"(?:{_HERE}|{_COLOUR})"
_FONTS = r"(?:var\(--fig-font, sans-serif\)|[\w ,-]+)"

_PROPERTIES = {
    **dict.fromkeys(["fill", "stroke"], _PAINT),
    **dict.fromkeys(["color", "stop-color"], _COLOUR),
    **dict.fromkeys(["opacity", "fill-opacity", "stroke-opacity", "stop-opacity", "stroke-miterlimit"], _NUMBER),
    **dict.fromkeys(["stroke-width", "stroke-dashoffset"], _LENGTH),
    "stroke-dasharray": rf"(?:none|{_LENGTHS})",
    **dict.fromkeys(
        ["stroke-linejoin", "stroke-linecap", "fill-rule", "clip-rule", "text-anchor", "dominant-baseline"], _WORD
    ),
    **dict.fromkeys(["font-style", "font-variant", "font-stretch", "white-space", "visibility", "display"], _WORD),
    **dict.fromkeys(["shape-rendering", "text-rendering", "image-rendering"], _WORD),
    "font-size": rf"(?:{_LENGTH}|{_WORD})",
    "font-weight": rf"(?:\d+|{_WORD})",
    "font-family": _FONTS,
    # Older versions of Matplotlib write all of it at once: size, weight and families.
    "font": r"[\w .,%'-]+",
    "clip-path": rf"(?:none|{_HERE})",
    # On a dark page, images of lines and points are turned light for dark: see assets/palette.css.
    "filter": rf"(?:none|{_HERE}|var\(--fig-turned, none\))",
}
"""What a style may set, and to what; attributes of the same names say the same."""

_OF_THE_WHOLE = {"max-width": r"\d{1,5}px", "height": "auto"}
"""What the style of the outermost element may set besides: how large it is on its page."""

_ALL = {
    **_PROPERTIES,
    "id": r"(?P<own>[\w.:-]+)",
    "transform": r"(?:(?:translate|rotate|scale|matrix|skewX|skewY)\([\d.eE,+\-\s]*\)\s*)*",
}
_BOX = dict.fromkeys(["x", "y", "width", "height"], _LENGTH)
_UNITS = "(?:userSpaceOnUse|objectBoundingBox)"

_ELEMENTS: dict[str, dict[str, str]] = {
    "svg": {"viewBox": _LENGTHS, "width": "100%", "role": "img"},
    "g": _ALL,
    "defs": {},
    # A browser reads their content as HTML, so they hold text and no element: see _check_place.
    "title": {},
    "desc": {},
    "path": _ALL | {"d": r"[MmLlHhVvCcSsQqTtAaZz\d.eE,+\-\s]*"},
    "rect": _ALL | _BOX | {"rx": _LENGTH, "ry": _LENGTH},
    "circle": _ALL | dict.fromkeys(["cx", "cy", "r"], _LENGTH),
    "ellipse": _ALL | dict.fromkeys(["cx", "cy", "rx", "ry"], _LENGTH),
    "line": _ALL | dict.fromkeys(["x1", "y1", "x2", "y2"], _LENGTH),
    "polyline": _ALL | {"points": r"[\d.eE,+\-\s]*"},
    "polygon": _ALL | {"points": r"[\d.eE,+\-\s]*"},
    "text": _ALL | dict.fromkeys(["x", "y", "dx", "dy", "rotate"], _LENGTHS),
    "tspan": _ALL | dict.fromkeys(["x", "y", "dx", "dy", "rotate"], _LENGTHS),
    "use": _ALL | _BOX | {"href": r"#(?P<id>[\w.:-]+)"},
    "image": _ALL | _BOX | {"href": r"data:image/png;base64,(?P<png>[A-Za-z0-9+/\s]+={0,2})"},
    "clipPath": _ALL | {"clipPathUnits": _UNITS},
    "pattern": _ALL | _BOX | {"patternUnits": _UNITS, "patternContentUnits": _UNITS, "viewBox": _LENGTHS},
    "linearGradient": _ALL | {"gradientUnits": _UNITS} | dict.fromkeys(["x1", "y1", "x2", "y2"], _LENGTH),
    "radialGradient": _ALL | {"gradientUnits": _UNITS} | dict.fromkeys(["cx", "cy", "r", "fx", "fy"], _LENGTH),
    "stop": _ALL | {"offset": _LENGTH},
    # Of triangles whose corners have different colours.
    "filter": {"id": _ALL["id"]},
    "feColorMatrix": {"in": _WORD, "type": _WORD, "values": r"[\d.\s\n-]*"},
    "feComposite": {"in": _WORD, "in2": _WORD, "operator": _WORD, **dict.fromkeys(["k1", "k2", "k3", "k4"], _NUMBER)},
}
"""Every element that a drawing may hold, and how each of its attributes is written; `style` and `aria-label` apart."""

_DRAWN_AGAIN = frozenset(["clipPath", "pattern"])
"""What is drawn wherever something names it: were more named inside, a few lines could be drawn a billion times."""


def id_prefix(name: str) -> str:
    """Return what every id of a drawing begins with, so that drawings can share a page, and name nothing else of it."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name) + "-"


def sanitise_svg(text: str, prefix: str = "") -> str:
    """Return SVG that can do nothing in a page but be seen, or raise.

    Arguments:
        text: A drawing from a record, which anyone may have edited.
        prefix: What all its ids must begin with.

    Returns:
        The drawing, written anew from what was checked.

    Raises:
        AsrunError: saying what it holds.
    """
    start = text.find("<svg")
    try:
        root = fromstring(text[max(start, 0) :], forbid_dtd=True)
    except (etree.ParseError, DefusedXmlException, ValueError) as error:
        raise _refused(f"it cannot be read ({error})") from error
    if root.tag != f"{{{SVG}}}svg":
        raise _refused("it is not one <svg> element")
    ids: dict[str, str] = {}
    named: list[tuple[str, str]] = []
    # Each with what it stands in, how deep, and the clip path or pattern around it.
    waiting: list[tuple[etree.Element, str, int, str]] = [(root, "", 0, "")]
    while waiting:
        element, parent, depth, again = waiting.pop()
        tag = _check_place(element, parent, again)
        if depth > _DEEPEST:
            raise _refused("it is nested too deep")
        if tag in _DRAWN_AGAIN:
            again = tag
        if _XLINK_HREF in element.attrib:
            element.set("href", element.attrib.pop(_XLINK_HREF))
        for key, value in element.attrib.items():
            for own, other in _check_style(tag, value) if key == "style" else _check_attribute(tag, key, value):
                if own:
                    ids[own] = tag
                if other:
                    named.append((tag, other))
                    if again:
                        raise _refused(f"<{again}> refers to #{other[:40]}")
        waiting += [(child, tag, depth + 1, again) for child in element]
    for name in ids:
        if not name.startswith(prefix):
            raise _refused(f"it has the id {name[:40]}, and those of this drawing begin with {prefix}")
    for tag, name in named:
        if name not in ids:
            raise _refused(f"<{tag}> refers to #{name[:40]}, which it does not hold")
        if tag == "use" and ids[name] not in ("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"):
            raise _refused(f"<use> repeats <{ids[name]}>, and not one shape")
    root.set("xmlns", SVG)
    return etree.tostring(root, encoding="unicode")


def _check_place(element: etree.Element, parent: str, again: str) -> str:
    namespace, _, tag = str(element.tag).rpartition("}")
    if namespace != f"{{{SVG}" or tag not in _ELEMENTS:
        raise _refused(f"it holds <{tag[:40]}>")
    element.tag = tag
    if tag == "svg" and parent:
        raise _refused("it holds another <svg>")
    if parent in ("title", "desc"):
        raise _refused(f"<{parent}> holds <{tag}>")
    if again and tag in ("use", "image", *_DRAWN_AGAIN):
        raise _refused(f"<{again}> holds <{tag}>")
    return tag


_Ids = tuple[str, str]
"""The id that a value gives, and the one that it names; empty where there is none."""


def _check_attribute(tag: str, key: str, value: str) -> list[_Ids]:
    """Refuse an attribute that may not be there or says what it may not; return the ids in it."""
    if key == "aria-label" and tag == "svg":
        return []
    pattern = _ELEMENTS[tag].get(key)
    if pattern is None:
        name = key.rpartition("}")[2][:40]
        raise _refused(f"<{tag}> has the {'event handler' if name.lower().startswith('on') else 'attribute'} {name}")
    match = _pattern(pattern).fullmatch(value.strip())
    if key == "href" and tag == "image" and not (match and _is_image(match["png"])):
        raise _refused(f"<image> refers to {value.strip()[:40]}, which is no PNG image")
    if not match:
        raise _refused(f"<{tag}> refers to {value[:40]}" if key == "href" else f"{key} of <{tag}> holds {value[:40]}")
    return [_ids(match)]


@functools.lru_cache(maxsize=4096)
def _check_style(tag: str, value: str) -> list[_Ids]:
    if ("id" not in _ELEMENTS[tag] and tag != "svg") or tag == "filter":
        raise _refused(f"<{tag}> has the attribute style")
    found = []
    for declaration in filter(None, map(str.strip, value.split(";"))):
        name, _, what = map(str.strip, declaration.partition(":"))
        pattern = _PROPERTIES.get(name) or (_OF_THE_WHOLE.get(name) if tag == "svg" else None)
        match = _pattern(pattern).fullmatch(what) if pattern else None
        if not match:
            raise _refused(f"style of <{tag}> holds {declaration[:40]}")
        found.append(_ids(match))
    return found


def _ids(match: re.Match[str]) -> _Ids:
    groups = match.re.groupindex
    return match["own"] if "own" in groups else "", (match["id"] or "") if "id" in groups else ""


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _is_image(encoded: str) -> bool:
    """Is it a PNG image, by its first bytes, and of a size that can be shown?"""
    head = base64.b64decode("".join(encoded[:60].split())[:32])
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR" or len(head) < 24:
        return False
    width, height = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    return 0 < width * height <= _MOST_PIXELS


def _refused(reason: str) -> AsrunError:
    shown = reason if reason.isprintable() else ascii(reason)[1:-1]
    return AsrunError(
        f"The SVG is refused: {shown}.",
        remedy="A figure holds shapes, text and embedded images only; draw it again with its snippet.",
    )


@functools.lru_cache(maxsize=256)
def check_drawing(svg: str, prefix: str = "") -> None:
    """Refuse a drawing that could do anything in a page but be seen, or that a browser could read in another way.

    What passes may stand in a page as it is: XML and HTML agree about elements, attributes and text.

    Arguments:
        svg: The drawing.
        prefix: What all its ids must begin with.

    Raises:
        AsrunError: saying what it holds.
    """
    # An HTML parser ends `<!-->` at once, an XML parser much later: what is a comment to one is a script to the other.
    for start, told in {"<!DOCTYPE": "a DOCTYPE", "<?": "a processing instruction", "<!": "a comment or CDATA"}.items():
        if start in svg:
            raise _refused(f"it holds {told}")
    if not svg.startswith("<svg") or not svg.rstrip().endswith(">"):
        raise _refused("it is not one <svg> element")
    # Names of namespaces, entities and ways to write the same thing are all read by XML alone.
    if sanitise_svg(svg, prefix) != svg:
        raise _refused("it is not written as asrun writes drawings")
