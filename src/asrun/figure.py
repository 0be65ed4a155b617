"""From a Matplotlib figure to SVG that belongs to a page: its font, its colours, its light and its dark.

The style itself is `assets/matplotlibrc`. What it cannot say is done here: the style's colours become CSS variables,
what Matplotlib writes for a page of its own is taken out, and the figure's label becomes the alt text.
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
import xml.etree.ElementTree as etree
from pathlib import Path
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from asrun.errors import AsrunError
from asrun.model import Figure

__all__ = ["COLOURS", "MATPLOTLIBRC", "sanitise_svg", "style_digest", "to_svg"]

MATPLOTLIBRC = Path(__file__).parent / "assets" / "matplotlibrc"
"""The house style; the runner sets the environment variable of the same name to it."""

COLOURS = {
    "#0072b2": "--fig-1",
    "#e0650a": "--fig-2",
    "#00a05a": "--fig-3",
    "#6f4600": "--fig-4",
    "#5f35ad": "--fig-5",
    "#1b95ee": "--fig-6",
    "#b15184": "--fig-7",
    "#3d3a36": "--fig-8",
    "#1f2430": "--fig-fg",
    "#5b6472": "--fig-muted",
    "#dfe3e8": "--fig-grid",
    "#fdfdfc": "--fig-bg",
}
"""The colours of `assets/matplotlibrc` and the CSS variables that stand for them in a page."""

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_PIXELS_PER_POINT = 1.5  # at its widest; 11 points are then 16 pixels, as large as the text around the figure

_ELEMENTS = frozenset(
    [
        "svg",
        "g",
        "defs",
        "title",
        "desc",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "textPath",
        "use",
        "image",
        "clipPath",
        "mask",
        "pattern",
        "marker",
        "symbol",
        "linearGradient",
        "radialGradient",
        "stop",
        "filter",
        "feColorMatrix",
        "feComposite",
        "feFlood",
        "feBlend",
        "feGaussianBlur",
        "feOffset",
        "feMerge",
        "feMergeNode",
    ]
)
_GEOMETRY = frozenset(["d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "points", "width", "height"])
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_LOCAL_URL = re.compile(r"url\(\s*(['\"]?)#([^)'\"]+)\1\s*\)")
_OUTWARD = re.compile(
    r"url\(\s*['\"]?(?![\s'\"#])|//|@import|expression\(|javascript:|data:|position\s*:|\\", re.IGNORECASE
)
_EMBEDDED_IMAGE = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/=\s]*")
_NO_ROTATION = re.compile(r"rotate\(-?0 [^)]*\)")


def to_svg(figure: Any, name: str) -> Figure:
    """Draw a Matplotlib figure as SVG that can be put into any page, beside other figures.

    Arguments:
        figure: The figure; its label is its alt text.
        name: Becomes the first part of every id in the drawing.

    Returns:
        The drawing. The same figure gives the same bytes.
    """
    module = sys.modules.get("matplotlib.figure")  # where it was never imported, nothing can be one of its figures
    if module is None or not isinstance(figure, module.Figure):
        raise AsrunError(
            f"plot returned a {type(figure).__name__} for {name}, and not a Matplotlib figure.",
            remedy="Return the figure that `figure, axes = plt.subplots()` made, or a dict of figures by name.",
        )
    alt = " ".join(str(figure.get_label()).split())
    if not alt:
        raise AsrunError(
            f"The figure {name} has no alt text: readers who cannot see it would learn nothing from it.",
            remedy='Say in plot what it shows: figure.set_label("Test error falls until …, then rises.")',
        )
    return Figure(name=name, svg=_housed(_drawn(figure), name, alt), alt=alt)


def _drawn(figure: Any) -> str:
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # A snippet may have chosen a style of its own; without these two, neither text nor bytes could be relied on.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "asrun"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue().decode("utf-8")


def _housed(svg: str, name: str, alt: str) -> str:
    root = fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            # The style sheet would rule the whole page that the drawing stands in; the root's style says the same.
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    prefix = re.sub(r"[^A-Za-z0-9_-]+", "-", name) + "-"
    for element in root.iter():
        _house(element, prefix)
        # One element a line, without Matplotlib's indentation: shorter, and still a readable diff.
        if len(element) and not (element.text or "").strip():
            element.text = "\n"
        element.tail = "\n" if element is not root else None
    width, height = (float(root.attrib.pop(side).removesuffix("pt")) for side in ("width", "height"))
    root.attrib.pop("version", None)
    root.attrib |= {
        "viewBox": f"0 0 {width:g} {height:g}",
        "width": "100%",
        "role": "img",
        "aria-label": alt,
        "style": f"max-width: {width * _PIXELS_PER_POINT:.0f}px; height: auto; "
        "font-family: var(--fig-font, sans-serif); stroke-linejoin: round; stroke-linecap: butt",
    }
    return sanitise_svg(etree.tostring(root, encoding="unicode"))


def _house(element: etree.Element, prefix: str) -> None:
    for key, value in list(element.attrib.items()):
        if key == "id":
            value = prefix + value
        elif key == _HREF and value.startswith("#"):
            value = f"#{prefix}{value[1:]}"
        elif key == "style":
            value = _style(value)
        elif key == "transform":
            value = _NO_ROTATION.sub("", value).strip()
        if key in _GEOMETRY:
            value = _LONG_NUMBER.sub(_rounded, " ".join(value.split()))
        elif key not in ("id", _HREF):
            value = _COLOUR.sub(_variable, _LOCAL_URL.sub(rf"url(#{prefix}\2)", value))
        element.set(key, value)
        if not value:
            del element.attrib[key]


def _style(value: str) -> str:
    declarations = []
    for declaration in filter(None, map(str.strip, value.split(";"))):
        key, _, what = map(str.strip, declaration.partition(":"))
        if key == "font-family":
            # Matplotlib laid the text out in its own font; the page shows it in the page's.
            if "Mono" not in what:
                continue
            what = "monospace"
        if key == "stroke" and what.lower() in ("#000000", "black"):
            # A black line must be seen on a dark page too. Black text stays: it may stand on a light cell.
            what = "var(--fig-fg, #000000)"
        declarations.append(f"{key}: {what}")
    return "; ".join(declarations)


def _rounded(number: re.Match[str]) -> str:
    # Adding zero turns a negative zero into a plain one.
    return f"{round(float(number[0]), 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _variable(colour: re.Match[str]) -> str:
    variable = COLOURS.get(colour[0].lower())
    return f"var({variable}, {colour[0].lower()})" if variable else colour[0]


def sanitise_svg(text: str) -> str:
    """Return SVG that can do nothing in a page but be seen, or raise.

    Arguments:
        text: A drawing from a record, which anyone may have edited.

    Returns:
        The drawing, written anew from what was checked.
    """
    start = text.find("<svg")
    try:
        root = fromstring(text[max(start, 0) :], forbid_dtd=True)
    except (etree.ParseError, DefusedXmlException) as error:
        raise _refused(f"it cannot be read ({error})") from error
    if root.tag != f"{{{_SVG}}}svg":
        raise _refused("it is not one <svg> element")
    for element in root.iter():
        namespace, _, tag = str(element.tag).rpartition("}")
        if namespace != f"{{{_SVG}" or tag not in _ELEMENTS:
            raise _refused(f"it holds <{tag}>")
        element.tag = tag
        for key, value in list(element.attrib.items()):
            if key == _HREF:
                element.set("href", element.attrib.pop(key))
                key = "href"
            _check_attribute(tag, key, value.strip())
    root.set("xmlns", _SVG)
    return etree.tostring(root, encoding="unicode")


def _check_attribute(tag: str, key: str, value: str) -> None:
    if key.lower().startswith("on"):
        raise _refused(f"<{tag}> has the event handler {key}")
    if key == "href":
        if not value.startswith("#") and not (tag == "image" and _EMBEDDED_IMAGE.fullmatch(value)):
            raise _refused(f"<{tag}> refers to {value[:40]}")
    elif key.startswith("{") or key in ("src", "base"):
        raise _refused(f"<{tag}> has the attribute {key.rpartition('}')[2]}")
    elif key != "aria-label" and (outward := _OUTWARD.search(value)):
        raise _refused(f"{key} of <{tag}> holds {value[outward.start() : outward.start() + 40]}")


def _refused(reason: str) -> AsrunError:
    return AsrunError(
        f"The SVG is refused: {reason}.",
        remedy="A figure holds shapes, text and embedded images only; draw it again with its snippet.",
    )


def style_digest() -> str:
    """Return a short digest of all that decides how a figure looks beside its snippet."""
    return hashlib.sha256(MATPLOTLIBRC.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
