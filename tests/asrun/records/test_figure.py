"""Figures: the house style, and SVG that can stand in any page."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as etree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

matplotlib.use("agg")
import matplotlib.pyplot as plt
from tests.house_style import house_style

from asrun.errors import AsrunError
from asrun.freshness.style import style_digest
from asrun.own import ASSETS, PACKAGE
from asrun.records import house_style as house
from asrun.records.figure import to_svg
from asrun.records.house_style import COLOURS, STYLE, VARIABLES
from asrun.testing import ANSWER, TinyProject

LINES = [COLOURS[f"fig-{line}"] for line in range(1, 9)]


@pytest.fixture(autouse=True)
def styled() -> Iterator[None]:
    with house_style():
        yield
    plt.close("all")


def drawing(label: str = "Eight lines that rise.") -> Any:
    figure, axes = plt.subplots()
    for line in range(8):
        axes.plot([0, 1, 2], [line, line + 0.333333, line + 1], marker="o", alpha=0.5, label=f"line {line}")
    axes.axhline(2, color="black")
    axes.set_xlabel("$x_i^2$ and −1")
    axes.legend()
    figure.set_label(label)
    return figure


def test_the_style_can_be_read_without_a_complaint(tmp_path: Path) -> None:
    file = tmp_path / "matplotlibrc"
    file.write_text(STYLE, "utf-8")
    code = (
        "import matplotlib as m; print(m.rcParams['svg.fonttype'], m.rcParams['axes.spines.top'], m.matplotlib_fname())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"MATPLOTLIBRC": str(file)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["none", "False", str(file)]
    assert done.stderr == ""


def test_every_colour_of_the_style_has_a_variable_of_its_own() -> None:
    rc = "\n".join(line for line in STYLE.splitlines() if not line.startswith("#"))
    assert {f"#{colour}" for colour in re.findall(r"\b[0-9a-f]{6}\b", rc)} == set(VARIABLES)
    assert [VARIABLES[c] for c in plt.rcParams["axes.prop_cycle"].by_key()["color"]] == [
        f"--fig-{i}" for i in range(1, 9)
    ]
    assert len(VARIABLES) == len(COLOURS) == 12


def test_a_colour_is_said_once() -> None:
    """In all that asrun is made of, a colour of figures stands in palette.css, light and dark in one line."""
    palette = (ASSETS / "palette.css").read_text("utf-8")
    pairs = re.findall(r"--fig-\w+: var\(--if-light, #\w{6}\) var\(--if-dark, #\w{6}\);", palette)
    assert len(pairs) == len(COLOURS)
    again = re.compile("|".join(["--fig-[0-9a-z]+: *#", *(colour.lstrip("#") for colour in VARIABLES)]), re.IGNORECASE)
    for path in PACKAGE.rglob("*"):
        if path.is_file() and path.suffix in ("", ".py", ".css", ".js", ".html") and "vendor" not in path.parts:
            found = [line for line in path.read_text("utf-8").splitlines() if again.search(line)]
            assert len(found) == (len(pairs) if path.name == "palette.css" else 0), (path, found)


# Machado, Oliveira and Fernandes (2009): linear RGB as it is seen without long, middle or short cones.
VISION = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    channels = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = XYZ @ np.clip(rgb, 0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
def test_no_two_lines_look_alike(vision: str) -> None:
    seen = {colour: lab(VISION[vision] @ linear(colour)) for colour in LINES}
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 15, (one, other)


@pytest.mark.parametrize(
    ("colour", "least"), [(colour, 3) for colour in LINES] + [(COLOURS["fig-fg"], 7), (COLOURS["fig-muted"], 4.5)]
)
def test_every_line_can_be_seen_on_the_page(colour: str, least: float) -> None:
    ground, ink = (float(XYZ[1] @ linear(c)) + 0.05 for c in (COLOURS["fig-bg"], colour))
    assert ground / ink >= least


def test_a_figure_follows_the_page() -> None:
    svg = to_svg(drawing(), "lines").svg
    for colour, variable in VARIABLES.items():
        assert f"var({variable}, {colour})" in svg, variable
    assert not re.search(f"(?<!, )(?:{'|'.join(VARIABLES)})", svg), "a colour without its variable"
    assert "stroke: var(--fig-fg, #000000)" in svg
    assert "stroke-opacity: 0.5" in svg
    assert "font-family: var(--fig-font, sans-serif)" in svg and "DejaVu" not in svg


def test_colours_of_the_author_stay() -> None:
    figure, axes = plt.subplots()
    axes.plot([0, 1], color="#ABCDEF")
    axes.plot([0, 1], color="#E0650A")
    figure.set_label("Two lines.")
    svg = to_svg(figure, "own").svg
    assert "stroke: #abcdef" in svg.lower() and "var(--fig-2, #e0650a)" in svg


def test_the_drawing_is_told_to_those_who_cannot_see_it() -> None:
    figure = to_svg(drawing('Rises,\n "a < b".'), "lines")
    root = etree.fromstring(figure.svg)
    assert figure.alt == root.get("aria-label") == 'Rises, "a < b".'
    assert root.get("role") == "img"
    assert figure.name == "lines"


def test_text_stays_text() -> None:
    root = etree.fromstring(to_svg(drawing(), "lines").svg)
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "line 0" in texts
    assert any("and" in re.sub(r"\s", "", text) for text in texts)


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert to_svg(drawing(), "lines").svg == to_svg(drawing(), "lines").svg


def test_it_scales_with_the_page_and_leaves_nothing_of_a_document() -> None:
    svg = to_svg(drawing(), "lines").svg
    root = etree.fromstring(svg)
    assert (root.get("viewBox"), root.get("width"), root.get("height")) == ("0 0 403.2 252", "100%", None)
    assert not re.search(r"<\?xml|<!DOCTYPE|<metadata|<style|xlink|rdf:", svg)


def test_coordinates_have_two_decimals() -> None:
    root = etree.fromstring(to_svg(drawing(), "lines").svg)
    for element in root.iter():
        for key in ("d", "x", "y", "width", "height"):
            assert not re.search(r"\.\d{3,}|-0(?![\d.])", element.get(key, "")), (element.tag, element.attrib)


def test_two_figures_share_a_page() -> None:
    pages = [to_svg(drawing(), name).svg for name in ("one", "two.b c")]
    ids = [set(re.findall(r' id="([^"]*)"', svg)) for svg in pages]
    assert not ids[0] & ids[1]
    for svg, known in zip(pages, ids, strict=True):
        pointed_at = set(re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', svg))
        assert pointed_at and {a or b for a, b in pointed_at} <= known


def test_images_are_kept() -> None:
    figure, axes = plt.subplots()
    axes.imshow([[0, 1], [2, 3]])
    figure.set_label("Four squares.")
    assert re.search(r'<image [^>]*href="data:image/png;base64,', to_svg(figure, "squares").svg)


@pytest.mark.parametrize("label", ["", "  \n "])
def test_alt_text_is_required(label: str) -> None:
    with pytest.raises(AsrunError) as caught:
        to_svg(drawing(label), "lines")
    assert "lines" in caught.value.what and "figure.set_label(" in str(caught.value.remedy)


@pytest.mark.parametrize("thing", [None, 3, "figure", [1]])
def test_only_figures_are_figures(thing: object) -> None:
    with pytest.raises(AsrunError, match=f"returned a {type(thing).__name__} for odd"):
        to_svg(thing, "odd")


def test_the_digest_follows_the_style(monkeypatch: pytest.MonkeyPatch) -> None:
    before = style_digest()
    assert before == style_digest() and re.fullmatch("[0-9a-f]{16}", before)
    monkeypatch.setattr(house, "STYLE", "# A comment.\n" + STYLE.replace("font.size:  ", "font.size:"))
    assert style_digest() == before
    monkeypatch.setattr(house, "STYLE", STYLE + "\nfont.size: 12\n")
    assert style_digest() != before


def test_the_digest_follows_the_names_of_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    before = style_digest()
    monkeypatch.setattr(house, "VARIABLES", dict(VARIABLES) | {COLOURS["fig-1"]: "--fig-2"})
    assert style_digest() != before


@settings(deadline=None, max_examples=25)
@given(st.text(alphabet="<>\"'&/ aonscriptge=:#", max_size=60))
def test_alt_text_cannot_break_out(label: str) -> None:
    with house_style():
        figure = plt.figure()
    figure.set_label(label + "x")
    root = etree.fromstring(to_svg(figure, "f").svg)
    assert root.get("aria-label") == " ".join((label + "x").split())
    plt.close(figure)


def test_a_figure_of_a_snippet_that_draws_none_is_told_as_such(tmp_path):
    site = TinyProject({"snippets/answer.py": ANSWER, "docs/index.md": "/// figure | answer\n///\n"}, tmp_path)
    site.put("answer", {"answer": 42})
    told = site.run("check").text
    assert "answer draws no figures: it has no function plot" in told and "write plot(result)" in told
