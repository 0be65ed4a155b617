"""From a Matplotlib figure to SVG that belongs to a page: its font, its colours, its light and its dark.

The style itself is `house_style.STYLE`. What it cannot say is done here: its colours become CSS variables, what
Matplotlib writes for a page of its own is taken out, and the figure's label becomes the alt text.
"""

from __future__ import annotations

import io
import re
import sys
import xml.etree.ElementTree as etree
from typing import Any

from defusedxml.ElementTree import fromstring

from asrun.errors import AsrunError
from asrun.model import Figure
from asrun.records.drawing import id_prefix, sanitise_svg
from asrun.records.ground import has_its_own, keep_words
from asrun.records.house_style import COLOURS, VARIABLES
from asrun.records.raster import HEAVY, follows_the_page, lighten

__all__ = ["to_svg"]

_PAPER = COLOURS["fig-bg"]

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_PIXELS_PER_POINT = 1.5  # at its widest; 11 points are then 16 pixels, as large as the text around the figure

_GEOMETRY = frozenset(["d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "points", "width", "height"])
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_LOCAL_URL = re.compile(r"url\(\s*(['\"]?)#([^)'\"]+)\1\s*\)")
_ODD = re.compile(r"[^\w.:-]", re.ASCII)
"""What an artist's gid may have, and an id may not."""
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
    keep_words(figure, _PAPER)
    points = lighten(figure)
    svg = _drawn(figure)
    if len(svg) > HEAVY and (more := lighten(figure)):
        # Some artists are made only when they are drawn.
        points, svg = points + more, _drawn(figure)
    follows = not has_its_own(figure, _PAPER)
    housed = _housed(svg, name, alt, follows, turns=follows and follows_the_page(figure))
    return Figure(name=name, svg=housed, alt=alt, points_as_image=points)


def _drawn(figure: Any) -> str:
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # A snippet may have chosen a style of its own; without these two, neither text nor bytes could be relied on.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "asrun"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue().decode("utf-8")


def _housed(svg: str, name: str, alt: str, follows: bool, turns: bool) -> str:
    root = fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            # The style sheet would rule the whole page that the drawing stands in; the root's style says the same.
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
            if turns and child.tag == f"{{{_SVG}}}image" and "clip-path" not in parent.attrib:
                # What artists became is drawn light for dark on a dark page; what an author shows as an image is not.
                child.set("style", "filter: var(--fig-turned, none)")
    prefix = id_prefix(name)
    for element in root.iter():
        _house(element, prefix, follows)
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
    return sanitise_svg(etree.tostring(root, encoding="unicode"), prefix)


def _house(element: etree.Element, prefix: str, follows: bool) -> None:
    for key, value in list(element.attrib.items()):
        if key == "id":
            value = prefix + _ODD.sub("-", value)
        elif key == _HREF and value.startswith("#"):
            value = f"#{prefix}{_ODD.sub('-', value[1:])}"
        elif key == "style":
            value = _style(value, follows)
        elif key == "transform":
            value = _NO_ROTATION.sub("", value).strip()
        if key in _GEOMETRY:
            value = _LONG_NUMBER.sub(_rounded, " ".join(value.split()))
        elif key not in ("id", _HREF):
            value = _LOCAL_URL.sub(lambda url: f"url(#{prefix}{_ODD.sub('-', url[2])})", value)
            value = _COLOUR.sub(_variable, value) if follows else value
        element.set(key, value)
        if not value:
            del element.attrib[key]


def _style(value: str, follows: bool) -> str:
    declarations = []
    for declaration in filter(None, map(str.strip, value.split(";"))):
        key, _, what = map(str.strip, declaration.partition(":"))
        if key == "font-family":
            # Matplotlib laid the text out in its own font; the page shows it in the page's.
            if "Mono" not in what:
                continue
            what = "monospace"
        if follows and key == "stroke" and what.lower() in ("#000000", "black"):
            # A black line must be seen on a dark page too. Black text stays: it may stand on a light cell.
            what = "var(--fig-fg, #000000)"
        declarations.append(f"{key}: {what}")
    return "; ".join(declarations)


def _rounded(number: re.Match[str]) -> str:
    # Adding zero turns a negative zero into a plain one.
    return f"{round(float(number[0]), 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _variable(colour: re.Match[str]) -> str:
    variable = VARIABLES.get(colour[0].lower())
    return f"var({variable}, {colour[0].lower()})" if variable else colour[0]
