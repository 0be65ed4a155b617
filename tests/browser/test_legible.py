"""`asrun deck --check`: slides that overflow or cannot be read are told with their line."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from asrun.decks.alone import render_lone
from asrun.decks.legible import check_lone

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("legible")]

GOOD = "# A title\n\n---\n\n## Words\n\n- one\n- two\n\n$x^{2^2}$\n\n---\n\n```python [1|2]\na = 1\nb = 2\n```\n"


def problems(browser: Browser, folder: Path, text: str) -> list[str]:
    path = folder / "talk.md"
    path.write_text(text)
    told = check_lone(browser, render_lone(path), folder)
    return [str(each).removeprefix(f"{path}:") for each in told]


def test_a_deck_that_fits_is_left_alone(browser, tmp_path):
    assert problems(browser, tmp_path, GOOD) == []


def test_a_slide_that_does_not_fit_is_told_with_its_line_and_a_remedy(browser, tmp_path):
    told = problems(browser, tmp_path, GOOD + "\n---\n\n## Much\n\n" + "Words upon words.\n\n" * 40)
    (tall,) = [each for each in told if "does not fit" in each]
    line = GOOD.count("\n") + 4
    first, remedy = tall.split("\n")
    assert first == f"{line}: on 16:9, 4:3 and a telephone the slide does not fit its frame: it has to be scrolled"
    assert "cut the slide in two" in remedy


def test_words_that_were_shrunk_too_far_are_told(browser, tmp_path):
    code = "## Code\n\n```python\n" + "step(1)\n" * 29 + "```\n"
    told = problems(browser, tmp_path, f"# A\n\n---\n{code}")
    assert told[0].startswith("4: on 16:9") and "'step(1) step(1) step(1) step(1) step(1)…' is too small" in told[0]


def test_lines_too_wide_for_a_room_may_be_scrolled_on_a_telephone(browser, tmp_path):
    told = problems(browser, tmp_path, "# A\n\n---\n## Wide\n\n```\n" + "wide " * 60 + "\n```\n")
    wide = [each for each in told if "is too wide" in each]
    assert len(wide) == 1 and wide[0].startswith("4: on 16:9 and 4:3 'wide wide")


def test_what_stands_out_of_the_frame_is_told(browser, tmp_path):
    told = problems(browser, tmp_path, '# A\n\n---\n## Out\n\n<div style="width: 1500px">too wide a box</div>\n')
    assert told[0].startswith("4: on 16:9, 4:3 and a telephone 'too wide a box' stands out of the frame")
