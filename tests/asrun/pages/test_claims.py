"""Claims at one scale, at several, and not confirmed; snippets and figures as an author wants them shown."""

from __future__ import annotations

import re

import pytest

from asrun.testing import COIN, TinyProject, make_figure, raised

SCALES = COIN.replace("dict(seeds=5)}", "dict(seeds=5), 'full': dict(seeds=9)}")
HEADS = [[0.19, 0.2, 0.21, 0.2, 0.2], [0.5, 0.49, 0.51, 0.5, 0.5]]


def values(heads):
    return {"bias": [0.2, 0.5], "heads": heads, "axes": {"heads": ["bias", "seed"]}}


@pytest.fixture
def coin(tiny_project) -> TinyProject:
    project = tiny_project({"snippets/coin.py": SCALES})
    project.put("coin", values(HEADS), figures=[make_figure()])
    project.put("coin", values(HEADS[::-1]), scale="full", figures=[make_figure()])
    return project


def claim(expression: str, *options: str) -> str:
    shown = "".join(f"    {each}\n" for each in options)
    return f"/// claim | It is so.\n{shown}\n{expression}\n///"


MORE = "coin.heads(bias=0.5) > coin.heads(bias=0.2)"


def test_a_claim_is_about_the_scale_that_pages_show(coin):
    assert "does not hold" in raised(coin.convert, claim(MORE))
    assert "asrun-claim" in coin.convert(claim(MORE, "scale: quick"))


def test_a_claim_about_several_scales_must_hold_at_each(coin):
    message = raised(coin.convert, claim(MORE, "scale: quick, full"))
    assert "does not hold at scale full" in message
    html = coin.convert(claim("coin.heads(bias=0.5) < 1", "scale: quick, full"))
    assert "At scale quick:" in html and "At scale full:" in html


def test_a_claim_that_is_not_confirmed_says_so_and_shows_its_evidence(coin):
    html = coin.convert(claim(MORE, "confirmed: no"))
    assert "not confirmed here" in html and "✓" not in html
    assert "Welch" in html


def test_a_claim_that_is_not_confirmed_is_wrong_as_soon_as_it_holds(coin):
    message = raised(coin.convert, claim("coin.heads(bias=0.5) < 1", "confirmed: no"))
    assert message.startswith("docs/index.md:1")
    assert "marked as not confirmed, and holds" in message and "take out" in message


def test_the_evidence_of_a_difference_has_its_size_and_interval(coin):
    html = coin.convert(claim(MORE, "scale: quick"))
    text = re.sub(r"<[^>]+>", "", html)
    assert re.search(r"Difference 0\.3, 95% interval 0\.29 to 0\.31, effect size d = \d+", text), text


@pytest.mark.parametrize(
    "expression",
    [
        "close(coin.heads(bias=0.5), 0.2, 0.05)",
        "falls(coin.heads)",
        "paired(coin.heads(bias=0.2), coin.heads(bias=0.5)) > 0",
        "agrees(coin.heads(bias=0.5), 0.2)",
    ],
)
def test_every_kind_of_decision_lays_its_evidence_open(coin, expression):
    html = coin.convert(claim(expression))
    assert "holds" in html and "coin (full, cpu)" in html


def test_a_snippet_points_at_lines(coin):
    html = coin.convert("/// snippet | coin\n    section: run\n    highlight: 2, 4-5\n///")
    assert html.count('class="hll"') == 3


@pytest.mark.parametrize("lines", ["0", "99", "4-2", "one", "1-", "-1", "2-99"])
def test_lines_that_are_not_there_are_told(coin, lines):
    message = raised(coin.convert, f"/// snippet | coin\n    section: run\n    highlight: '{lines}'\n///")
    assert "does not name lines" in message and "it has lines 1 to" in message


def test_a_collapsed_snippet_opens(coin):
    html = coin.convert("/// snippet | coin\n    collapsed: yes\n///")
    assert re.search(r"<details>\s*<summary>Show <code>snippets/coin.py</code></summary>", html)
    assert "</code></pre>" in html


def test_a_figure_may_be_small(coin):
    assert 'class="asrun-figure asrun-small"' in coin.convert("/// figure | coin\n    size: small\nCaption.\n///")
