"""The math font, cut down to what the pages really show: 270 kB of woff2 become about 15."""

from __future__ import annotations

import hashlib
import os
import shutil
import unicodedata
from pathlib import Path

import fontTools

from asrun.errors import AsrunError
from asrun.own import ASSETS
from asrun.text.markup import read_page, select

__all__ = ["FONT", "math_code_points", "subset", "write_site_font"]

FONT = ASSETS / "vendor" / "noto-sans-math.woff2"
"""The whole font, as the wheel carries it."""

# A browser shows a single letter in <mi> as mathematical italic (MathML Core, "math-auto"): the page says x and asks
# the font for U+1D465. The planes' letters name their plain ones; italic h was in Unicode before them.
_ITALIC = {
    ord(chr(int(unicodedata.decomposition(chr(code)).split()[1], 16))): code
    for block in (range(0x1D434, 0x1D468), range(0x1D6A4, 0x1D6A6), range(0x1D6E2, 0x1D71C))
    for code in block
    if unicodedata.decomposition(chr(code))
} | {ord("h"): ord("\N{PLANCK CONSTANT}")}

# Asked for by the browser and not by any page: a space to measure, and the bar of <msqrt>.
_ALWAYS = frozenset(map(ord, " √"))

# Compositions, and what formulas need: script variants, dotless letters under accents, flattened accents.
_FEATURES = ["ccmp", "ssty", "dtls", "flac", "mark", "mkmk"]


def math_code_points(html_text: str) -> set[int]:
    """Return the code points that the formulas of an HTML page ask a font for.

    Arguments:
        html_text: A whole page or a part of one.

    Returns:
        Nothing, where it has no formula.
    """
    # Most parts have none, and are not read for that.
    formulas = select(read_page(html_text), "math") if "<math" in html_text.lower() else []
    shown = {ord(letter) for formula in formulas for letter in formula.text() if letter > " "}
    return shown and shown | {_ITALIC[code] for code in shown & _ITALIC.keys()} | _ALWAYS


def subset(font: Path, code_points: frozenset[int], cache: Path) -> Path:
    """Cut a font down to some code points, with the MATH table and every size and piece of their glyphs.

    Arguments:
        font: A woff2 file.
        code_points: What to keep. Those that the font lacks are left to the next font of the page's list.
        cache: Folder where results are kept under a digest of font and code points.

    Returns:
        The woff2 file in `cache`.
    """
    key = hashlib.sha256(font.read_bytes())
    key.update(repr((sorted(code_points), _FEATURES, fontTools.version)).encode())
    target = cache / f"math-{key.hexdigest()[:16]}.woff2"
    if target.exists():
        return target
    # Imported here: loading it takes longer than finding what is in the cache.
    from fontTools.subset import Options, Subsetter, load_font, save_font

    options = Options(flavor="woff2", layout_features=_FEATURES, hinting=False, notdef_outline=True)
    # Copyright and licence must travel with the font.
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=code_points)
    cache.mkdir(parents=True, exist_ok=True)
    temporary = cache / f"{target.name}.{os.getpid()}.tmp"
    try:
        with load_font(font, options) as loaded:
            subsetter.subset(loaded)
            save_font(loaded, temporary, options)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def write_site_font(site: Path, cache: Path) -> None:
    """Put the font beside every `math.css` of a built site, with the signs of all the site's formulas.

    Arguments:
        site: Folder of the site.
        cache: Folder where subsets are kept from build to build.
    """
    if not FONT.exists():
        raise AsrunError(
            f"The math font is missing: {FONT.name} was not packed into asrun.",
            remedy="Install asrun again, so that its build fetches what browsers need.",
        )
    points = _ALWAYS.union(*(math_code_points(page.read_text("utf-8")) for page in site.rglob("*.html")))
    font = subset(FONT, points, cache)
    for style in site.rglob("math.css"):
        shutil.copyfile(font, style.with_name("math.woff2"))
