"""What a drawing may hold: all that Matplotlib draws, and nothing that acts, reaches out or meddles with a page."""

from __future__ import annotations

import base64
import html.parser
import io
import itertools
import re
import struct
import xml.etree.ElementTree as etree
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

matplotlib.use("agg")
import matplotlib.pyplot as plt
from tests.house_style import house_style

from asrun.errors import AsrunError
from asrun.records.drawing import check_drawing, id_prefix, sanitise_svg
from asrun.records.figure import to_svg
from asrun.testing import raised

RECORDS = Path(__file__).parents[3] / "snippets" / "records"
EMPTY = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'


def png(width: int = 1, height: int = 1, *, begin: bytes = b"\x89PNG\r\n\x1a\n") -> str:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = begin + header + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.fixture
def styled() -> Iterator[None]:
    with house_style():
        yield
    plt.close("all")


HOSTILE = [
    # What acts.
    "<script>alert(1)</script>",
    '<g onclick="alert(1)"/>',
    '<g ONLOAD="alert(1)"/>',
    '<g onfocusin="alert(1)" tabindex="0"/>',
    "<foreignObject/>",
    "<style>*{color:red}</style>",
    '<a href="#x"><path id="x"/></a>',
    '<set attributeName="href" to="javascript:alert(1)"/>',
    '<animate attributeName="href" values="javascript:alert(1)"/>',
    '<animateTransform attributeName="transform"/>',
    '<handler type="application/javascript"/>',
    '<iframe src="x"/>',
    "<switch/>",
    "<discard/>",
    "<svg/>",
    "<symbol/>",
    '<x:script xmlns:x="http://www.w3.org/2000/svg"/>',
    '<p xmlns="http://www.w3.org/1999/xhtml">text</p>',
    "<title><g/></title>",
    '<desc><image href="x"/></desc>',
    # What reaches out.
    '<image href="https://example.org/a.png"/>',
    '<image xlink:href="//example.org/a.png"/>',
    '<image href="data:image/svg+xml;base64,AAAA"/>',
    '<image href="data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ=="/>',
    '<image href="data:image/png;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="/>',
    '<image href="data:text/html,x"/>',
    f'<image href="{png(begin=b"GIF89a..")}"/>',
    f'<image href="{png(100_000, 100_000)}"/>',
    f'<image href="{png(0, 1)}"/>',
    f'<use href="{png()}"/>',
    '<use href="other.svg#a"/>',
    '<use href="https://example.org/a.svg#a"/>',
    '<path style="fill: url(https://example.org/a)"/>',
    '<path fill="url(other.svg#a)"/>',
    '<path fill="url(\'#a\')" id="a"/>',
    '<path filter="url(//example.org/f)"/>',
    '<path style="fill: u\\72l(x)"/>',
    '<path style="fill: \\75rl(https://example.org)"/>',
    '<path style="fill: image-set(&quot;https://example.org/a&quot; 1x)"/>',
    '<path style="fill: image(&quot;https://example.org/a&quot;)"/>',
    '<path style="mask-image: image-set(&quot;https://example.org/a&quot; 1x)"/>',
    '<path style="background: url(x)"/>',
    '<path style="cursor: url(https://example.org/a), auto"/>',
    '<path style="content: attr(x)"/>',
    '<path style="--fig-1: url(https://example.org/a)"/>',
    '<path style="fill: var(--evil)"/>',
    '<path style="fill: var(--fig-1, url(https://example.org/a))"/>',
    '<path style="fill: env(x)"/>',
    '<path style="fill: src(&quot;https://example.org/a&quot;)"/>',
    '<path style="-moz-binding: url(https://example.org/a)"/>',
    '<path style="width: expression(alert(1))"/>',
    '<path style="behavior: url(x)"/>',
    '<path style="@import url(x)"/>',
    '<path style="fill: red /* */; fill: url(x)"/>',
    '<path style="fill: red } * { color: red"/>',
    '<path style="FILL: red"/>',
    '<g xml:base="https://example.org/"/>',
    '<path d="M 0 0" src="x"/>',
    '<text style="font-family: &quot;x&quot;, url(y)">a</text>',
    '<feImage href="https://example.org/a"/>',
    '<filter id="a"><feImage/></filter>',
    # What meddles with the page.
    '<g class="md-dialog"/>',
    '<g class=""/>',
    '<g style="position: fixed"/>',
    '<g style="z-index: 9"/>',
    '<g style="animation: x 1s"/>',
    '<g style="transition: all 1s"/>',
    '<g style="pointer-events: all"/>',
    '<g style="overflow: visible"/>',
    '<g style="max-width: 9px"/>',
    '<g data-md-component="search"/>',
    '<g slot="x" part="y"/>',
    '<g role="dialog"/>',
    '<g tabindex="0"/>',
    '<g lang="en"/>',
    '<g id="a b"/>',
    # What is drawn a billion times.
    '<g id="a"><path/></g><use href="#a"/>',
    '<use id="a" href="#b"/><use id="b" href="#a"/>',
    '<pattern id="a"><path fill="url(#a)"/></pattern>',
    '<clipPath id="a"><path clip-path="url(#a)"/></clipPath>',
    '<clipPath id="a" clip-path="url(#a)"/>',
    '<pattern id="a"><pattern id="b"/></pattern>',
    '<path id="p"/><pattern id="a"><use href="#p"/></pattern>',
    "<g>" * 100 + "</g>" * 100,
    "<g>" * 30_000 + "</g>" * 30_000,
    # What is not there, or not XML.
    '<use href="#nowhere"/>',
    '<path clip-path="url(#nowhere)"/>',
    '<path d="M 0 0 &#10; alert(1)"/>',
    '<path transform="translate(1) url(x)"/>',
    '<path transform="translate(url(x))"/>',
    '<rect width="calc(1px)"/>',
    '<rect width="1e9999"/>',
    "<g>",
    "&entity;",
]


# A pattern that tries all ways to read one of these would not end today.
HOSTILE += [
    f'<text x="{"1" * 500_000}x">a</text>',
    f'<text x="{"1 " * 200_000}x">a</text>',
    f'<text x="1{" " * 300_000}x">a</text>',
    f'<path transform="{"scale(1) " * 100_000}x"/>',
    f'<path style="stroke-linejoin: {"a-" * 200_000}!"/>',
    f'<path style="stroke-dasharray: {"1," * 200_000}x"/>',
    f'<path fill="rgba({"1," * 200_000}"/>',
    f'<image href="data:image/png;base64,{"A " * 300_000}= !"/>',
    f'<image href="data:image/png;base64,{" " * 300_000}=  !"/>',
]


@pytest.mark.parametrize("inside", HOSTILE, ids=lambda text: text[:50])
def test_what_could_act_reach_out_or_meddle_is_refused(inside: str) -> None:
    message = raised(sanitise_svg, EMPTY.format(inside))
    assert message.startswith("The SVG is refused: ") and message.count("\n") == 1 and len(message) < 300


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<p/>",
        "\0",
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
        "<svg/>",
        '<svg xmlns="http://www.w3.org/2000/svg" id="__search"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" class="md-dialog"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" width="99999"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" transform="scale(99)"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" style="max-width: 999999px"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" style="position: fixed"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" style="height: 100vh"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" role="dialog"/>',
    ],
)
def test_what_is_no_drawing_of_its_own_size_is_refused(text: str) -> None:
    assert "SVG is refused" in raised(sanitise_svg, text)


@pytest.mark.parametrize(
    "inside",
    [
        '<path d="M 0 0" style="fill: url(#a); stroke: var(--fig-1, #0072b2)" id="a" />',
        '<path id="a" d="M -1e-3 2.5 C 1 2 3 4 5 6 z" clip-path="url(#a)" />',
        '<path id="a" /><use xlink:href="#a" x="1" style="fill: rgba(1, 2, 3, 50%)" />',
        f'<image href="{png()}" transform="scale(1 -1) translate(0 -2)" />',
        "<title>a &lt;script&gt; https://example.org</title>",
        "<text style=\"font: 12px 'DejaVu Sans', sans-serif; text-anchor: middle\">url(x) javascript:1 &amp;</text>",
    ],
)
def test_what_only_shows_is_kept(inside: str) -> None:
    clean = sanitise_svg(EMPTY.format(inside))
    assert len(etree.fromstring(clean)) == len(etree.fromstring(EMPTY.format(inside)))
    assert "<script" not in clean and sanitise_svg(clean) == clean
    check_drawing(clean)


def test_a_drawing_names_nothing_but_its_own() -> None:
    text = '<svg xmlns="http://www.w3.org/2000/svg"><path id="{0}" /><use href="#{0}" /></svg>'
    check_drawing(text.format("coin-figure-a"), "coin-figure-")
    for name in ("__search", "coin", "coin-figur-a", "COIN-figure-a"):
        assert f"it has the id {name}, and those of this drawing begin with coin-figure-" in raised(
            check_drawing, text.format(name), "coin-figure-"
        )


def test_a_drawing_is_read_in_one_way_only() -> None:
    """What XML and HTML take for two things is not written so by asrun."""
    good = '<svg xmlns="http://www.w3.org/2000/svg"><g /></svg>'
    check_drawing(good)
    for other in (
        '<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg"><x:g xmlns:x="http://www.w3.org/2000/svg"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:onload="alert(1)"><g /></svg>',
        "<svg xmlns='http://www.w3.org/2000/svg'><g /></svg>",
        '<svg xmlns="http://www.w3.org/2000/svg"><g /></svg>\n',
        '<svg xmlns="http://www.w3.org/2000/svg"><!-- --><g /></svg>',
    ):
        assert "SVG is refused" in raised(check_drawing, other)


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*/*.svg")), ids=lambda path: path.name)
def test_every_drawing_of_the_course_passes_as_it_is(path: Path) -> None:
    check_drawing(path.read_text("utf-8"), id_prefix(f"{path.parent.name}-{path.name.split('.')[1]}"))


# All that Matplotlib draws

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=(12, 12))
X, Y = np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 12))


def three(axes: Any) -> Any:
    figure = axes.figure
    axes.remove()
    return figure.add_subplot(projection="3d")


def polar(axes: Any) -> Any:
    figure = axes.figure
    axes.remove()
    return figure.add_subplot(projection="polar")


def annotated(axes: Any) -> None:
    arrow, box = {"arrowstyle": "->"}, {"boxstyle": "round"}
    axes.annotate("here → “there” & <b>", (0.5, 0.5), (0.1, 0.8), arrowprops=arrow, bbox=box)
    axes.text(0, 0, r"$\sum_{i=0}^\infty \frac{x_i^2}{\sqrt{2}}$", rotation=30, alpha=0.5, style="italic", weight=700)
    axes.text(0.5, 0.2, "small", size="x-small", variant="small-caps", stretch="condensed", family="monospace")
    axes.set_title("two\nlines", loc="center")


def dressed(axes: Any) -> None:
    from matplotlib import patheffects
    from matplotlib.patches import Circle, FancyArrowPatch, Wedge

    axes.plot([0, 1], path_effects=[patheffects.withStroke(linewidth=5, foreground="w"), patheffects.Normal()])
    axes.add_patch(Circle((0.5, 0.5), 0.2, hatch="//", facecolor=(1, 0, 0, 0.3), linestyle=":"))
    axes.add_patch(Wedge((0.5, 0.5), 0.2, 0, 90, gid="my gid & more"))
    axes.add_patch(FancyArrowPatch((0, 0), (1, 1), mutation_scale=20))
    axes.imshow(NUMBERS, clip_path=Circle((5, 5), 3, transform=axes.transData), interpolation="none", alpha=0.5)


KINDS: dict[str, Callable[[Any], Any]] = {
    "lines": lambda axes: axes.plot(NUMBERS, marker="o", linestyle="--", dash_capstyle="round", markevery=2),
    "log": lambda axes: axes.loglog(np.abs(NUMBERS) + 0.1, "^-."),
    "symlog": lambda axes: (axes.plot(NUMBERS), axes.set_yscale("symlog")),
    "scatter": lambda axes: axes.figure.colorbar(axes.scatter(X, Y, c=NUMBERS, s=NUMBERS**2 * 50, edgecolors="k")),
    "bars": lambda axes: axes.bar(range(5), range(5), yerr=1, hatch=["/", "x", "o", "*", "\\"], edgecolor="red"),
    "stacked": lambda axes: axes.stackplot(range(12), np.abs(NUMBERS), hatch=["//"] * 12),
    "histogram": lambda axes: axes.hist(NUMBERS, bins=5, histtype="stepfilled", alpha=0.4),
    "hist2d": lambda axes: axes.hist2d(X.ravel(), Y.ravel(), bins=4),
    "hexbin": lambda axes: axes.hexbin(X.ravel(), Y.ravel(), gridsize=5),
    "error bars": lambda axes: axes.errorbar(range(12), range(12), yerr=NUMBERS[0] ** 2, fmt="s", capsize=4),
    "between": lambda axes: axes.fill_between(range(12), NUMBERS[0], NUMBERS[1], alpha=0.2, hatch="..", step="mid"),
    "box": lambda axes: axes.boxplot(NUMBERS, notch=True, patch_artist=True),
    "violin": lambda axes: axes.violinplot(NUMBERS, showmedians=True),
    "pie": lambda axes: axes.pie([1, 2, 3], labels=["a", "b", "c"], autopct="%d%%", shadow=True, explode=[0, 0.1, 0]),
    "image": lambda axes: axes.figure.colorbar(axes.imshow(NUMBERS), extend="both"),
    "smooth image": lambda axes: axes.imshow(NUMBERS, interpolation="bicubic", alpha=0.5),
    "matrix": lambda axes: axes.matshow(NUMBERS),
    "spy": lambda axes: axes.spy(NUMBERS > 1, markersize=2),
    "mesh": lambda axes: axes.pcolormesh(X, Y, NUMBERS, edgecolors="w", linewidth=0.1),
    "shaded mesh": lambda axes: axes.pcolormesh(X, Y, NUMBERS, shading="gouraud"),
    "contours": lambda axes: axes.clabel(axes.contour(X, Y, NUMBERS)),
    "filled contours": lambda axes: axes.contourf(X, Y, NUMBERS, hatches=["/", "", "."], extend="both"),
    "triangles": lambda axes: axes.tripcolor(X.ravel(), Y.ravel() + X.ravel() ** 2, NUMBERS.ravel(), shading="gouraud"),
    "mesh of triangles": lambda axes: axes.triplot(X.ravel(), Y.ravel() + X.ravel() ** 2),
    "arrows": lambda axes: axes.quiverkey(axes.quiver(X, Y, NUMBERS, NUMBERS.T), 0.9, 0.9, 1, "one"),
    "barbs": lambda axes: axes.barbs(X, Y, NUMBERS * 50, NUMBERS.T * 50),
    "streams": lambda axes: axes.streamplot(X, Y, NUMBERS, NUMBERS.T, linewidth=np.abs(NUMBERS)),
    "events": lambda axes: axes.eventplot(NUMBERS),
    "stems": lambda axes: axes.stem(NUMBERS[0]),
    "steps": lambda axes: axes.step(range(12), NUMBERS[0], where="post"),
    "stairs": lambda axes: axes.stairs(NUMBERS[0], fill=True, hatch="x"),
    "spectrum": lambda axes: axes.specgram(NUMBERS.ravel(), NFFT=16, noverlap=4),
    "spans": lambda axes: (axes.axvspan(0, 1, hatch="O"), axes.axhspan(0, 1, alpha=0.3), axes.axline((0, 0), slope=1)),
    "table": lambda axes: axes.table([["1", "2"]], colLabels=["a", "b"], cellColours=[["r", "g"]]),
    "polar": lambda axes: polar(axes).bar(np.arange(5), range(5), alpha=0.5),
    "surface": lambda axes: three(axes).plot_surface(X, Y, NUMBERS, cmap="viridis"),
    "bars in three": lambda axes: three(axes).bar3d(X.ravel()[:9], Y.ravel()[:9], 0, 0.1, 0.1, 1),
    "points in three": lambda axes: three(axes).scatter(X, Y, NUMBERS, c=NUMBERS),
    "voxels": lambda axes: three(axes).voxels(NUMBERS[:3, :3, None] > 0),
    "words": annotated,
    "dressed": dressed,
    "markers": lambda axes: [axes.plot(at, at, marker=m) for at, m in enumerate("ov^<>12348spP*hH+xXDd|_.,")],
    "math markers": lambda axes: axes.plot([1, 2], marker="$\\clubsuit$", markersize=20),
    "inset": lambda axes: axes.indicate_inset_zoom(axes.inset_axes([0.5, 0.5, 0.4, 0.4])),
    "twins": lambda axes: (axes.twinx().plot([1, 2]), axes.secondary_xaxis("top"), axes.legend(["a"], shadow=True)),
    "broken": lambda axes: axes.broken_barh([(0, 1), (2, 1)], (0, 1)),
    "raster": lambda axes: axes.scatter(X, Y, c=NUMBERS, rasterized=True),
    "dark": lambda axes: (axes.set_facecolor("k"), axes.plot([1, 2], color="w", alpha=0.01)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_all_that_matplotlib_draws_passes(kind: str, styled: None) -> None:
    figure, axes = plt.subplots()
    KINDS[kind](axes)
    figure.set_label(f"A drawing: {kind}.")
    svg = to_svg(figure, f"kinds-{kind}").svg
    check_drawing(svg, id_prefix(f"kinds-{kind}"))
    assert svg.count("<path") + svg.count("<use") + svg.count("<image") > 3


def test_a_drawing_in_a_style_of_its_own_passes() -> None:
    with plt.style.context(["ggplot", "dark_background"]):
        figure, axes = plt.subplots()
        axes.plot([1, 2], label="$x$")
        axes.legend()
        figure.set_label("Another style.")
        check_drawing(to_svg(figure, "other").svg, "other-")
    plt.close("all")


def test_links_in_a_figure_are_refused_as_it_is_drawn(styled: None) -> None:
    figure, axes = plt.subplots()
    axes.plot([1, 2])[0].set_url("https://example.org")
    axes.scatter([1], [2]).set_urls(["javascript:alert(1)"])
    figure.set_label("Links.")
    assert "it holds <a>" in raised(to_svg, figure, "links")


# Whatever is done to a drawing


class Seen(html.parser.HTMLParser):
    """What a browser's reader makes of a drawing: every element, attribute and value."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.values: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [(key, value or "") for key, value in attrs]

    handle_startendtag = handle_starttag


def _base() -> str:
    with house_style():
        figure, axes = plt.subplots(figsize=(2, 2))
        axes.plot([1, 2], marker="o", label="$x^2$")
        axes.fill_between([0, 1], [1, 2], hatch="/")
        axes.imshow([[1, 2]])
        figure.set_label("A base.")
        svg = to_svg(figure, "base").svg
    plt.close(figure)
    return svg


BASE = _base()
PIECES = [
    "<script>alert(1)</script>", "<!--", "-->", "<![CDATA[", "]]>", "<?x?>", "&#106;", "&lt;", "<style>", "</style>",
    "url(", "url(https://example.org/x)", "https://example.org", "//example.org", "javascript:", "\\75rl(", "/**/",
    ' onload="x"', ' href="https://example.org"', ' xlink:href="//x"', ' class="md-dialog"', ' id="__search"', "data:",
    ' xmlns:x="http://www.w3.org/1999/xhtml"', "<x:script/>", '"', "'", ">", "/>", "</svg>", "<svg>", "<title>",
    "<foreignObject>", "<a>", "@import", "image-set(", "expression(", ";", "{}", "\x00", "\r", "\u202e", "\ud800", "",
]  # fmt: skip
MUTATED = st.lists(
    st.tuples(st.integers(0, len(BASE)), st.integers(0, 12), st.one_of(st.sampled_from(PIECES), st.text(max_size=6))),
    min_size=1,
    max_size=4,
)


def mutate(edits: list[tuple[int, int, str]]) -> str:
    text = BASE
    for at, removed, put in edits:
        text = text[:at] + put + text[at + removed :]
    return text


def harmless(text: str) -> None:
    """No element, attribute or value in it does anything but show, whoever reads it."""
    seen = Seen(text)
    assert set(seen.tags) <= {
        "svg", "g", "defs", "title", "desc", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text",
        "tspan", "use", "image", "clippath", "pattern", "lineargradient", "radialgradient", "stop", "filter",
        "fecolormatrix", "fecomposite",
    }  # fmt: skip
    for key, value in seen.values:
        assert not key.startswith("on") and key not in ("class", "src", "xlink:href", "target", "tabindex")
        if key == "xmlns":
            assert value == "http://www.w3.org/2000/svg"
        elif key == "href":
            assert value.startswith(("#base-", "data:image/png;base64,"))
        elif key == "id":
            assert value.startswith("base-")
        elif key != "aria-label":
            assert "//" not in value and "\\" not in value and ":" not in re.sub(r"(^|; )[a-z-]+: ", "", value)
            assert all(each.startswith("#base-") for each in re.findall(r"url\(([^)]*)", value, re.IGNORECASE))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MUTATED)
@example([(0, 0, "")])
def test_what_passes_names_no_other_host_and_no_script(edits: list[tuple[int, int, str]]) -> None:
    text = mutate(edits)
    try:
        check_drawing.__wrapped__(text, "base-")
    except AsrunError as error:
        assert str(error).count("\n") == 1
        return
    harmless(text)


@pytest.mark.parametrize("piece", PIECES)
def test_no_piece_can_be_put_anywhere(piece: str) -> None:
    """At every kind of place in a drawing: in and between elements, attributes and texts."""
    places = [match.start() for match in re.finditer(r"[<>\"=; ]", BASE)]
    for at in itertools.islice(places, 0, None, max(1, len(places) // 40)):
        text = mutate([(at, 0, piece)])
        try:
            check_drawing.__wrapped__(text, "base-")
        except AsrunError:
            continue
        harmless(text)


@given(st.text())
def test_any_text_is_refused_or_clean(text: str) -> None:
    try:
        clean = sanitise_svg(text)
    except AsrunError:
        return
    assert sanitise_svg(clean) == clean


def test_an_image_is_looked_at_and_not_unpacked() -> None:
    buffer = io.BytesIO()
    buffer.write(b"\x89PNG\r\n\x1a\n")
    assert "no PNG image" in raised(
        sanitise_svg,
        EMPTY.format(f'<image href="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"/>'),
    )
