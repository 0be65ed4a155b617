"""The math font: which signs a page asks for, and a subset that still has the pieces of a formula."""

from __future__ import annotations

from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.otlLib.builder import buildCoverage
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables import otTables

from asrun.errors import AsrunError
from asrun.text.mathfont import math_code_points, subset, write_site_font


@pytest.fixture
def font(tmp_path: Path) -> Path:
    """A font with the letters a to c, a bracket and, in its MATH table, a taller bracket that has no code point."""
    names = [".notdef", "a", "b", "c", "bracket", "bracket.tall"]
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((500, 0))
    pen.lineTo((0, 700))
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, "abc["), names[1:5], strict=True)))
    builder.setupGlyf({name: pen.glyph() for name in names})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (500, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Tiny", "styleName": "Regular", "licenseDescription": "Free to share."})
    builder.setupOS2()
    builder.setupPost()
    record = otTables.MathGlyphVariantRecord()
    record.VariantGlyph, record.AdvanceMeasurement = "bracket.tall", 2000
    construction = otTables.MathGlyphConstruction()
    construction.GlyphAssembly, construction.MathGlyphVariantRecord, construction.VariantCount = None, [record], 1
    variants = otTables.MathVariants()
    variants.MinConnectorOverlap = 0
    variants.VertGlyphCoverage = buildCoverage(["bracket"], builder.font.getReverseGlyphMap())
    variants.VertGlyphConstruction, variants.VertGlyphCount = [construction], 1
    variants.HorizGlyphCoverage, variants.HorizGlyphConstruction, variants.HorizGlyphCount = None, [], 0
    table = newTable("MATH")
    table.table = otTables.MATH()
    table.table.Version, table.table.MathConstants, table.table.MathGlyphInfo = 0x00010000, None, None
    table.table.MathVariants = variants
    builder.font["MATH"] = table
    builder.font.flavor = "woff2"
    path = tmp_path / "tiny.woff2"
    builder.save(path)
    return path


def test_the_subset_has_what_was_asked_for_and_its_tall_pieces(font: Path, tmp_path: Path) -> None:
    with TTFont(subset(font, frozenset(map(ord, "a[")), tmp_path / "cache")) as small:
        assert set(small.getBestCmap()) == set(map(ord, "a["))
        assert small["MATH"].table.MathVariants.VertGlyphCoverage.glyphs == [small.getBestCmap()[ord("[")]]
        assert len(small.getGlyphOrder()) == 4  # .notdef, a, bracket and the taller bracket
        assert "Free to share." in {str(record) for record in small["name"].names}
        assert small.flavor == "woff2"


def test_signs_that_the_font_lacks_are_passed_over(font: Path, tmp_path: Path) -> None:
    with TTFont(subset(font, frozenset(map(ord, "aЖ")), tmp_path / "cache")) as small:
        assert set(small.getBestCmap()) == {ord("a")}


def test_the_same_question_is_answered_from_the_cache(font: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = subset(font, frozenset(map(ord, "ab")), cache)
    made = first.stat().st_mtime_ns
    assert subset(font, frozenset(map(ord, "ba")), cache) == first
    assert first.stat().st_mtime_ns == made
    assert subset(font, frozenset(map(ord, "a")), cache) != first
    assert all(path.suffix == ".woff2" for path in cache.iterdir())


def test_the_same_question_gives_the_same_bytes(font: Path, tmp_path: Path) -> None:
    one, two = (subset(font, frozenset(map(ord, "ab")), tmp_path / cache) for cache in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_failure_leaves_nothing_behind(font: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(loaded: object, path: Path, options: object) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("fontTools.subset.save_font", fail)
    with pytest.raises(OSError, match="disk full"):
        subset(font, frozenset({97}), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_only_formulas_count() -> None:
    assert math_code_points("<p>z $q$ <code>&lt;math&gt;w&lt;/math&gt;</code></p>") == set()
    points = math_code_points('<p>z <math display="block"><mo>[</mo><mn>2</mn></math> w</p>')
    assert points >= set(map(ord, "[2 √")) and not points & set(map(ord, "zwdisplayblock"))


@pytest.mark.parametrize(
    ("letter", "italic"),
    [("x", "𝑥"), ("X", "𝑋"), ("h", "ℎ"), ("θ", "𝜃"), ("ϕ", "𝜙"), ("ϵ", "𝜖"), ("Γ", "𝛤"), ("∂", "𝜕")],
)
def test_a_letter_is_also_asked_for_in_italics(letter: str, italic: str) -> None:
    assert math_code_points(f"<math><mi>{letter}</mi></math>") >= {ord(letter), ord(italic)}


def test_entities_are_signs() -> None:
    points = math_code_points("<math><mo>&lt;</mo><mo>&#8721;</mo></math>")
    assert {ord("<"), ord("∑")} <= points and ord("&") not in points


def test_the_site_gets_one_font_for_all_its_pages(font: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asrun.text.mathfont.FONT", font)
    site = tmp_path / "site"
    for folder, text in (("assets", "<math><mi>a</mi></math>"), ("slides/assets", "<math><mo>[</mo></math> c")):
        (site / folder).mkdir(parents=True)
        (site / folder / "math.css").write_text("")
        (site / folder).parent.joinpath("index.html").write_text(text)
    write_site_font(site, tmp_path / "cache")
    for folder in ("assets", "slides/assets"):
        with TTFont(site / folder / "math.woff2") as small:
            assert set(small.getBestCmap()) == set(map(ord, "a["))


def test_a_missing_font_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asrun.text.mathfont.FONT", tmp_path / "none.woff2")
    with pytest.raises(AsrunError, match="math font is missing"):
        write_site_font(tmp_path, tmp_path / "cache")
