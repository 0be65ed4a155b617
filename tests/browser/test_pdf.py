"""`asrun pdf`: what a deck is on paper, read back from the file."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader

from asrun.decks.alone import render_lone, write_lone
from asrun.decks.pdf import Printed, is_own, print_lone, print_page

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("pdf")]

DECK = """\
---
title: 'Ein "Titel" & mehr'
lang: de
---

# A heading that is so long that it has to be broken into several lines

Somebody

Note: Greet everybody.

---

## Steps

```python [1|3-4|5]
import numpy as np

def keep(drop):
    return 1 - drop
print("last")
```

- one <!-- .element: class="fragment" -->

--

## Links

[first](#/0), [above](#/1), [out](https://example.org/a?b=1), [file](other.html)

<iframe title="A film" src="https://www.example.org/embed/1"></iframe>

---

## Long

```python
LONG```

Note:
SAID

---
<!-- .slide: data-background="#10233a" -->

## A ground of its own

<figure><svg role="img" aria-label="A line, rising" viewBox="0 0 9 9" width="90"><path d="M0 9L9 0"/></svg></figure>
"""
TEXT = DECK.replace("LONG", "    step('after step, and on and on')\n" * 70).replace(
    "SAID", "Much is said here.\n\n" * 60
)
A4 = (595, 842)


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "talk.md"
    path.write_text(TEXT)
    return path


def printed(browser: Browser, path: Path, **options: bool) -> tuple[Printed, PdfReader]:
    made = print_lone(browser, render_lone(path), path.parent, **options)
    return made, PdfReader(io.BytesIO(made.pdf))


def titles(outline: list[Any]) -> list[str]:
    return [title for each in outline for title in (titles(each) if isinstance(each, list) else [each.title])]


def links(reader: PdfReader) -> list[str]:
    notes = [note.get_object() for page in reader.pages for note in page.get("/Annots", [])]
    return [str(note["/A"]["/URI"] if "/A" in note else note["/Dest"]) for note in notes]


def tags(reader: PdfReader) -> list[tuple[str, str]]:
    """Every element of the structure tree: its tag, and its text alternative."""
    found, waiting = [], [reader.root_object["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            found.append((str(node.get("/S", "")), str(node.get("/Alt", ""))))
            waiting += [node["/K"]] if "/K" in node else []
    return found


@pytest.fixture(scope="module")
def slides(browser: Browser, deck: Path) -> tuple[Printed, PdfReader]:
    return printed(browser, deck)


def test_a_page_a_slide_at_its_own_size(slides):
    made, reader = slides
    assert made.slides == len(reader.pages) == 5
    assert {(float(page.mediabox.width), float(page.mediabox.height)) for page in reader.pages} == {(960, 540)}


def test_everything_on_a_slide_is_text_and_there_once(slides):
    _, reader = slides
    steps = reader.pages[1].extract_text()
    assert steps.count("import numpy") == steps.count('print("last")') == 1 and "one" in steps
    assert reader.pages[3].extract_text().count("after step") == 70, "a long slide is on its page to its last line"
    assert "Much is said" not in "".join(page.extract_text() for page in reader.pages)


@pytest.fixture(scope="module")
def folder(deck: Path) -> Path:
    """The deck as a page to look into."""
    write_lone(render_lone(deck), deck.parent / "out", deck.parent)
    return deck.parent / "out"


def on_paper(browser: Browser, folder: Path, script: str, steps: bool = False) -> Any:
    page = browser.new_page()
    page.goto(f"{(folder / 'index.html').as_uri()}?print-pdf&pdfSeparateFragments={str(steps).lower()}")
    page.wait_for_selector(".pdf-page")
    page.wait_for_function("(steps) => steps || document.documentElement.matches('.at-once')", arg=steps)
    found = page.evaluate(script)
    page.close()
    return found


def test_code_in_steps_is_not_dimmed_when_all_is_shown(browser, folder):
    colours = "new Set([...document.querySelectorAll('.steps .line')].map((line) => getComputedStyle(line).color)).size"
    assert on_paper(browser, folder, colours) == 1
    assert on_paper(browser, folder, colours, steps=True) == 2


def test_slides_have_the_margins_and_colours_of_the_screen(browser, folder):
    style = """[...document.querySelectorAll(".pdf-page > section")].map((slide) => {
        const { paddingLeft, paddingTop, color } = getComputedStyle(slide);
        return [parseFloat(paddingLeft) > 5, parseFloat(paddingTop) > 5, color];
    })"""
    slides = on_paper(browser, folder, style)
    assert all(left and top for left, top, _ in slides)
    assert slides[-1][2] != slides[0][2], "words on a dark ground are light"


def test_every_step_can_have_a_page(browser, deck):
    made, reader = printed(browser, deck, steps=True)
    assert made.slides == len(reader.pages) == 8
    assert ["one" in reader.pages[at].extract_text() for at in (1, 2, 3, 4)] == [False, False, False, True]
    assert all(page.extract_text().count("import numpy") == 1 for page in reader.pages[1:5])


def test_links_lead_somewhere(slides):
    _, reader = slides
    assert links(reader) == ["/slide-0/0", "/slide-1/0", "https://example.org/a?b=1", "https://www.example.org/embed/1"]
    places = reader.named_destinations
    pages = [reader.get_destination_page_number(places[f"/slide-{at}/0"]) for at in (0, 1)]
    assert pages == [0, 1]
    assert "file" in reader.pages[2].extract_text() and "A film" in reader.pages[2].extract_text()
    assert b"file:" not in slides[0].pdf


def test_links_to_the_site_are_kept_where_it_has_an_address(browser, folder):
    made = print_page(browser, folder / "index.html", "talk", base="https://course.example/slides/talk/")
    assert "https://course.example/slides/talk/other.html" in links(PdfReader(io.BytesIO(made.pdf)))


def test_it_has_a_title_a_language_an_outline_and_tags(slides):
    _, reader = slides
    assert reader.metadata and reader.metadata.title == 'Ein "Titel" & mehr'
    root = reader.root_object
    assert root["/Lang"] == "de" and root["/MarkInfo"]["/Marked"]
    first = "A heading that is so long that it has to be broken into several lines"
    assert titles(reader.outline) == [first, "Steps", "Links", "Long", "A ground of its own"]
    found = [tag for tag, _ in tags(reader)]
    assert found.count("/H1") == 1 and found.count("/H2") == 4
    assert {"/Link", "/L", "/P"} <= set(found)
    assert [alternative for tag, alternative in tags(reader) if tag == "/Figure"] == ["A line, rising"]


def test_two_runs_give_the_same_bytes(browser, deck, slides):
    again, _ = printed(browser, deck)
    assert again.pdf == slides[0].pdf
    assert b"CreationDate" not in again.pdf and b"ModDate" not in again.pdf


def test_nothing_is_asked_of_another_host_and_what_is_left_out_is_told(browser, tmp_path):
    asked: list[str] = []

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

    host = HTTPServer(("127.0.0.1", 0), Host)
    Thread(target=host.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{host.server_port}/secret"
    (tmp_path / "talk.md").write_text(f'# A\n\n<script>fetch("{address}").catch(() => {{}})</script>\n')
    made, _ = printed(browser, tmp_path / "talk.md")
    host.shutdown()
    host.server_close()
    assert asked == []
    assert [f"{address} is left out: asrun asks no network" in str(told) for told in made.told] == [True]


def test_a_handout_has_the_slide_above_and_its_notes_beneath(browser, deck):
    made, reader = printed(browser, deck, handout=True)
    assert made.slides == 5
    assert {(round(float(page.mediabox.width)), round(float(page.mediabox.height))) for page in reader.pages} == {A4}
    texts = [page.extract_text() for page in reader.pages]
    assert "Greet everybody." in texts[0] and "Somebody" in texts[0]
    long = [text for text in texts if "Much is said here." in text]
    assert len(long) > 1 and sum(text.count("Much is said here.") for text in texts) == 60
    assert len(texts) == 5 + len(long) - 1
    assert f"{len(texts)} / {len(texts)}" in texts[-1] and 'Ein "Titel" & mehr' in texts[-1]
    assert printed(browser, deck, handout=True)[0].pdf == made.pdf


# The command, in a process of its own: this one has a browser already.


def run(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "asrun.cli", "pdf", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command_writes_the_file(browser, deck):
    done = run("talk.md", folder=deck.parent)
    assert done.returncode == 0, done.stderr
    assert "5 slides in talk.pdf" in done.stdout
    made = deck.parent / "talk.pdf"
    assert PdfReader(made).get_num_pages() == 5
    assert is_own(made) and PdfReader(made).metadata["/asrun"]
    before = made.read_bytes()
    assert run("talk.md", folder=deck.parent).returncode == 0 and made.read_bytes() == before
    made.write_bytes(before + b"% annotated\n%%EOF\n")
    refused = run("talk.md", folder=deck.parent)
    assert (
        refused.returncode == 1 and "talk.pdf: this file is there, and is not a PDF that asrun made" in refused.stderr
    )


def test_without_a_browser_it_says_what_to_type(deck):
    done = run("talk.md", "-o", "without.pdf", folder=deck.parent, CHROMIUM="/nowhere/chromium")
    assert done.returncode == 1
    assert "CHROMIUM is /nowhere/chromium, and that is no program" in done.stderr and "unset it" in done.stderr


def test_a_handout_in_steps_is_refused(deck):
    done = run("talk.md", "--handout", "--fragments", "steps", folder=deck.parent)
    assert done.returncode == 2 and "leave out --fragments steps" in done.stderr


def test_a_site_can_have_its_decks_as_pdf(browser, tiny_project):
    made = tiny_project(
        {
            "docs/index.md": "# Start\n\n/// decks\n///\n",
            "slides/talk.md": "---\nlesson: index\n---\n\n# Talk\n\n[home](index.md)\n\nNote: said\n",
        }
    )
    done = made.run_subprocess("build", "--pdf")
    assert done.code == 0, done.text
    page = made.read("site/index.html")
    for name, said in (("talk.pdf", False), ("talk-handout.pdf", True)):
        assert f'href="slides/talk/{name}"' in page
        text = PdfReader(made.folder / "site/slides/talk" / name).pages[0].extract_text()
        assert "Talk" in text and ("said" in text) == said
    assert made.run_subprocess("build").code == 0
    assert "talk.pdf" not in made.read("site/index.html")
    assert not (made.folder / "site/slides/talk/talk.pdf").exists()
