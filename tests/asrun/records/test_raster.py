"""Heavy artists become images; light ones, axes and words stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt
from tests.house_style import house_style

from asrun.model import Figure
from asrun.records.drawing import check_drawing
from asrun.records.figure import to_svg
from asrun.records.raster import HEAVY, WHOLE, replaced
from asrun.testing import TinyProject

RANDOM = np.random.default_rng(0)
MANY = 20_000
CLOUD = RANDOM.normal(size=(2, MANY))
GRID = RANDOM.normal(size=(150, 150))
THIN = "\u202f"


@pytest.fixture(autouse=True)
def styled() -> Iterator[None]:
    with house_style():
        yield
    plt.close("all")


def drawn(draw: Callable[[Any], Any]) -> Figure:
    figure, axes = plt.subplots(figsize=(3, 2))
    draw(axes)
    figure.set_label("Many points.")
    made = to_svg(figure, "many")
    check_drawing(made.svg, "many-")
    return made


def surface(axes: Any) -> None:
    figure, (x, y) = axes.figure, np.meshgrid(np.linspace(0, 1, 80), np.linspace(0, 1, 80))
    axes.remove()
    figure.add_subplot(projection="3d").plot_surface(x, y, x * y, rcount=80, ccount=80)


HEAVY_KINDS: dict[str, Callable[[Any], Any]] = {
    "scatter": lambda axes: axes.scatter(*CLOUD, s=1),
    "markers": lambda axes: axes.plot(*CLOUD, "."),
    "a line": lambda axes: axes.plot(*RANDOM.normal(size=(2, 27_000))),
    "mesh": lambda axes: axes.pcolormesh(GRID),
    "shaded mesh": lambda axes: axes.pcolormesh(GRID[:30, :30], shading="gouraud"),
    "arrows": lambda axes: axes.quiver(*RANDOM.normal(size=(4, 8000))),
    "contours": lambda axes: axes.contourf(GRID),
    "hexagons": lambda axes: axes.hexbin(*CLOUD, gridsize=90),
    "triangles": lambda axes: axes.tripcolor(*CLOUD[:, :3000], CLOUD[0, :3000]),
    "segments": lambda axes: axes.vlines(CLOUD[0, :9000], CLOUD[1, :9000], CLOUD[1, :9000] + 1),
    "many light lines": lambda axes: axes.set_prop_cycle(None) or axes.plot(RANDOM.normal(size=(60, 1500))),
    "surface": surface,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", HEAVY_KINDS)
def test_what_is_heavy_becomes_an_image(kind: str) -> None:
    figure = drawn(HEAVY_KINDS[kind])
    assert figure.points_as_image >= 800
    assert "<image" in figure.svg and len(figure.svg) < HEAVY
    # Labels of the axes are words still.
    assert figure.svg.count("<text") > 4


LIGHT_KINDS: dict[str, Callable[[Any], Any]] = {
    "scatter": lambda axes: axes.scatter(*CLOUD[:, :3000]),
    "a smooth line of many points": lambda axes: axes.plot(np.sin(np.linspace(0, 9, 100_000))),
    "a long noisy line": lambda axes: axes.plot(CLOUD[0]),
    "bars": lambda axes: axes.bar(range(200), range(200)),
    "mesh": lambda axes: axes.pcolormesh(GRID[:40, :40]),
    "hidden": lambda axes: axes.scatter(*CLOUD).set_visible(False),
}


@pytest.mark.parametrize("kind", LIGHT_KINDS)
def test_what_is_light_stays_what_it_is(kind: str) -> None:
    figure = drawn(LIGHT_KINDS[kind])
    assert figure.points_as_image == 0 and "<image" not in figure.svg and len(figure.svg) < WHOLE


def test_only_the_heavy_one_becomes_an_image() -> None:
    def draw(axes: Any) -> None:
        axes.scatter(*CLOUD, s=1)
        axes.plot([0, 1], [0, 1], gid="line")

    figure = drawn(draw)
    assert figure.points_as_image == MANY
    assert 'id="many-line"' in figure.svg and "stroke: var(--fig-1, #0072b2)" in figure.svg


def test_what_the_author_made_an_image_is_not_told() -> None:
    figure = drawn(lambda axes: axes.scatter(*CLOUD, s=1, rasterized=True))
    assert figure.points_as_image == 0 and "<image" in figure.svg
    few = drawn(lambda axes: axes.scatter([1, 2], [1, 2], rasterized=True))
    assert "<image" in few.svg


def test_the_same_heavy_figure_gives_the_same_bytes() -> None:
    one, other = (drawn(HEAVY_KINDS["scatter"]) for _ in range(2))
    assert one == other and one.svg == other.svg


def test_plain_colours_turn_with_the_page_and_mapped_ones_do_not() -> None:
    turned = 'style="filter: var(--fig-turned, none)"'
    assert drawn(lambda axes: axes.scatter(*CLOUD, s=1)).svg.count(turned) == 1
    assert turned not in drawn(lambda axes: axes.scatter(*CLOUD, s=1, c=CLOUD[0])).svg
    assert turned not in drawn(lambda axes: axes.imshow(GRID)).svg

    def both(axes: Any) -> None:
        axes.imshow(GRID, extent=(-1, 1, -1, 1))
        axes.scatter(*CLOUD, s=1)

    svg = drawn(both).svg
    assert svg.count("<image") == 2 and svg.count(turned) == 1


def test_remarks_on_figures_are_those_of_the_last_drawing() -> None:
    before = ("warned of nothing", "figure old: 12 345 points were drawn as an image", "figure of speech")
    assert replaced(before, {"a": 100_000, "b": 0}) == (
        "warned of nothing",
        "figure of speech",
        f"figure a: 100{THIN}000 points were drawn as an image",
    )
    assert replaced(replaced((), {"a": 5}), {"a": 0}) == ()


def test_a_record_tells_what_was_drawn_as_an_image_until_it_is_drawn_otherwise(tmp_path) -> None:
    site = TinyProject(
        {
            "snippets/cloud.py": '''\
            """A cloud?"""
            SCALES = {"quick": dict(points=9000)}
            def run(*, points):
                return {"points": points}
            def plot(result):
                import matplotlib.pyplot as plt
                figure, axes = plt.subplots()
                axes.scatter(range(result["points"]), range(result["points"]))
                figure.set_label("A line of points.")
                return {"cloud": figure}
            ''',
            "docs/index.md": "# Cloud\n\n/// figure | cloud\nA cloud.\n///\n",
        },
        tmp_path,
    )
    done = site.run("build")
    assert done.code == 0, done.text
    remark = f"figure cloud: 9{THIN}000 points were drawn as an image"
    assert site.record_json("cloud")["remarks"] == [remark]
    page = site.read("site/index.html")
    assert remark in page and "data:image/png;base64," in page and len(page) < 400_000
    site.edit("snippets/cloud.py", '(result["points"]), range(result["points"])', "(9), range(9)")
    assert site.run("build").code == 0
    assert "remarks" not in site.record_json("cloud") and "points were drawn" not in site.read("site/index.html")
