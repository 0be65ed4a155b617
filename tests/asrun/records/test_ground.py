"""What words of a figure stand on, when a page is dark; and images, which are what their author shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from tests.house_style import house_style

from asrun.records.figure import to_svg
from asrun.records.raster import HEAVY

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def styled() -> Iterator[None]:
    with house_style():
        yield
    plt.close("all")


def svg(draw: Callable[[Any], Any], **options: Any) -> str:
    figure, axes = plt.subplots(figsize=(3, 2), **options)
    draw(axes)
    figure.set_label("Words.")
    return to_svg(figure, "words").svg


def colour_of(word: str, drawn: str) -> str:
    (line,) = [line for line in drawn.splitlines() if f">{word}<" in line]
    return line.partition("fill: ")[2].partition('"')[0].partition(";")[0]


def legend(axes: Any) -> None:
    axes.plot([0, 1], label="word")
    axes.legend(facecolor="white", frameon=True, framealpha=1)


OWN: dict[str, Callable[[Any], Any]] = {
    "a white box": lambda axes: axes.text(0.1, 0.1, "word", bbox={"facecolor": "white"}),
    "a coloured box": lambda axes: axes.annotate("word", (0.1, 0.1), bbox={"boxstyle": "round", "fc": "#ffffcc"}),
    "a legend": legend,
    "an image": lambda axes: axes.imshow([[0, 1]], cmap="Blues") and axes.text(0, 0, "word"),
    "cells": lambda axes: axes.pcolormesh([[0, 1]], cmap="Blues") and axes.text(0.5, 0.5, "word"),
    "an image, by the axes": lambda axes: (
        axes.imshow([[0, 1]]) and axes.text(0.5, 0.5, "word", transform=axes.transAxes)
    ),
}
THE_PAGE: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda axes: axes.text(0.1, 0.1, "word"),
    "a clear box": lambda axes: axes.text(0.1, 0.1, "word", bbox={"facecolor": "none"}),
    "a box of the page's colour": lambda axes: axes.text(0.1, 0.1, "word", bbox={"facecolor": "#fdfdfc"}),
    "beside an image": lambda axes: axes.imshow([[0, 1]]) and axes.text(3, 0, "word"),
    "above an image": lambda axes: axes.imshow([[0, 1]]) and axes.set_title("word"),
    "a legend of the house": lambda axes: axes.plot([0, 1], label="word") and axes.legend(),
}


@pytest.mark.parametrize("ground", OWN)
def test_words_on_a_ground_of_their_own_stay_dark(ground: str) -> None:
    assert colour_of("word", svg(OWN[ground])) == "#1f2431"


@pytest.mark.parametrize("ground", THE_PAGE)
def test_words_on_the_page_follow_it(ground: str) -> None:
    assert colour_of("word", svg(THE_PAGE[ground])) == "var(--fig-fg, #1f2430)"


def test_words_with_an_outline_stay_dark() -> None:
    outline = [effects.withStroke(linewidth=5, foreground="w")]
    drawn = svg(lambda axes: axes.text(0.1, 0.1, "word", path_effects=outline))
    # They are drawn as shapes.
    assert "#1f2431" in drawn


def test_a_colour_that_somebody_chose_is_left_alone() -> None:
    drawn = svg(lambda axes: axes.text(0.1, 0.1, "word", color="w", bbox={"facecolor": "navy"}))
    assert colour_of("word", drawn) == "#ffffff"


@pytest.mark.parametrize("style", ["white paper", "default", "dark_background"])
def test_a_figure_on_paper_of_its_own_does_not_follow_the_page(style: str) -> None:
    many = RANDOM.normal(size=(2, 9000))
    with plt.style.context([] if style == "white paper" else style):
        options = {"facecolor": "white"} if style == "white paper" else {}
        drawn = svg(lambda axes: axes.plot(*many, ".", color="k") and axes.set_title("word"), **options)
    assert "var(--fig-1" not in drawn and "var(--fig-fg" not in drawn and "fig-turned" not in drawn
    assert "<image" in drawn and "var(--fig-font" in drawn


IMAGES: dict[str, Callable[[Any], Any]] = {
    "thumbnails": lambda axes: axes.add_artist(AnnotationBbox(OffsetImage(RANDOM.random((9, 9))), (0.5, 0.5))),
    "beside the axes": lambda axes: axes.figure.figimage(RANDOM.random((9, 9))),
    "not cut off": lambda axes: axes.imshow(RANDOM.random((9, 9)), clip_on=False),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_images_that_an_author_shows_are_never_turned(kind: str) -> None:
    drawn = svg(IMAGES[kind])
    assert "<image" in drawn and "fig-turned" not in drawn


def test_what_stands_beside_all_axes_becomes_an_image_too() -> None:
    drawn = svg(
        lambda axes: axes.figure.add_artist(Line2D(*RANDOM.random((2, 20_000)), marker="o", linewidth=0, markersize=1))
    )
    assert "<image" in drawn and len(drawn) < HEAVY
