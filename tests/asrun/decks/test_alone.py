"""`asrun deck`: decks that other tools made, outside of any project, become folders that work by themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from asrun.cli import main
from asrun.decks.alone import render_lone
from asrun.own import ASSETS
from asrun.testing import COIN, TinyProject, make_figure

pytestmark = pytest.mark.skipif(
    not (ASSETS / "vendor").is_dir(), reason="the browser files are fetched when asrun is installed"
)

DECK = """\
---
title: Vue in ten minutes
css: style.css, https://example.org/other.css
scripts: [more.js]
---

# Vue :smile: $x^2$

Write {{ message }} and [@click](x)

![here](img/a.png) ![there](img/b.png)

---

- a
  - b

```mermaid
graph TD
```

$\\nonsense$

Note: said

--

<iframe src="https://www.example.org/embed/1" width="800"></iframe>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "a.png").write_bytes(b"a")
    (tmp_path / "style.css").write_text("@import url(https://a.org/b.css); h1 { background: url('img/ground.png') }")
    (tmp_path / "img" / "ground.png").write_bytes(b"g")
    (tmp_path / "talk.md").write_text(DECK)
    return tmp_path


def run(*arguments: str):
    return CliRunner().invoke(main, ["deck", *arguments])


def test_a_deck_of_anybodys_becomes_a_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    done = run("talk.md")
    assert done.exit_code == 0, done.output
    assert "3 slides in talk/index.html" in done.output
    page = (folder / "talk" / "index.html").read_text("utf-8")
    assert "Write {{ message }} and" in page and "😄" in page
    assert re.search(r"<li>a\s*<ul>\s*<li>b</li>", page)
    assert "<math" in page and "nonsense" in page
    assert page.count("<section") == 4 and page.count('<aside class="notes">') == 1
    assert not re.search(r"""\s(?:src|href)=["']https?:""", page)
    assert (folder / "talk" / "style.css").read_text() == " h1 { background: url('img/ground.png') }"
    assert (folder / "talk" / "img" / "ground.png").is_file()
    assert '<link rel="stylesheet" href="style.css">' in page
    assert (folder / "talk" / "img" / "a.png").read_bytes() == b"a"


def test_what_is_shown_otherwise_than_meant_is_told_with_its_line(folder):
    told = [str(each).split("\n")[0] for each in render_lone(folder / "talk.md").told]
    shown = folder / "talk.md"
    assert any(each.startswith("more.js is not there") or "more.js is not there" in each for each in told)
    assert f"{shown}:11: img/b.png is not there" in told
    assert f"{shown}:18: a Mermaid diagram is shown as its source: asrun draws none" in told
    assert any("nonsense" in each and "as it was typed" in each for each in told)
    assert len(told) == 4


def test_a_page_that_is_no_deck_is_not_written_over(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "index.html").write_text("mine")
    done = run("talk.md", "-o", ".")
    assert done.exit_code == 1
    assert ". is where asrun reads the deck and what it shows" in done.output
    assert (folder / "index.html").read_text() == "mine"
    assert run("talk.md", "-o", "out").exit_code == 0
    assert run("talk.md", "-o", "out").exit_code == 0


def test_a_deck_in_a_project_has_its_values_and_no_dead_links(tiny_project):
    made: TinyProject = tiny_project({"snippets/coin.py": COIN})
    made.put("coin", {"heads": 0.5}, figures=[make_figure()])
    made.write("slides/talk.md", "# Coin\n\n{{ coin.heads }} of {{ coin.tails }}\n\n/// figure | coin\n///\n")
    lone = render_lone(made.folder / "slides" / "talk.md")
    assert "0.5</span>" in lone.html and "asrun-site:" not in lone.html
    (told,) = lone.told
    assert str(told).startswith("slides/talk.md:3:21: coin (quick, cpu) has no value called tails")


def test_a_file_without_slides_is_told(folder):
    (folder / "empty.md").write_text("\n")
    done = run(str(folder / "empty.md"))
    assert done.exit_code == 1 and "has no slides" in done.output
