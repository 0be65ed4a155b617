"""A deck as its readers meet it: opened from a disk in Chromium, on a projector and on a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import markdown
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, expect

from asrun.decks.render import render_deck, write_deck
from asrun.text.deck_source import parse_deck

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("deck")]

FIGURE = (
    '<figure class="asrun-figure"><svg viewBox="0 0 460 300" width="460pt" height="300pt" role="img" '
    'aria-label="A line">'
    '<rect width="460" height="300" style="fill: var(--fig-bg)"/><path d="M9 290L450 9" style="stroke: var(--fig-1)"/>'
    '<text x="200" y="280" style="fill: var(--fig-muted)">drop</text></svg><figcaption>A line.</figcaption></figure>'
)

DECK = f"""\
---
title: A trial
---

# How much is too much?

A lecture

Note: Ask for a **guess**.

---

## Fragments

- one <!-- .element: class="fragment" -->
- two <!-- .element: class="fragment" -->

<math display="block"><mfrac><mi>h</mi><mi>q</mi></mfrac></math>

--

## Below

| drop | accuracy, measured on the training set | accuracy, measured on the test set | seeds |
|-----:|------:|------:|--:|
| 0.5  | 0.981 | **0.962 ± 0.002** | 5 |

---

## Steps

```python [1|3-4|5]
import numpy as np

def keep(drop):
    return 1 - drop
print("a string", 1.5)  # a comment
```

---

## A figure

{FIGURE}

---

## Long

```python
def train(model, data, epochs, optimiser, scheduler, loss_function, callbacks=None, verbose=True, device="cpu"):
{"    print(model)" + chr(10)}{("    step()" + chr(10)) * 30}```

---

## Tabs

!!! tip "A remark"
    With [a link](https://example.org/) and `code`.

=== "One"

    The first.

=== "Two"

    The second.

---

## Tabs again

=== "One"

    The third.

=== "Two"

    The fourth.

---
<!-- .slide: data-background="#10233a" -->

## On a ground of its own

Words and `code`.
"""

EXTENSIONS = ["pymdownx.superfences", "pymdownx.highlight", "attr_list", "tables", "admonition", "pymdownx.tabbed"]
PROJECTOR = {"width": 1280, "height": 720}
TELEPHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("deck")
    deck = parse_deck(DECK, str(folder / "trial.md"))
    settings = {"pymdownx.tabbed": {"alternate_style": True}}

    def convert(text: str, line: int) -> str:
        return markdown.markdown(text, extensions=EXTENSIONS, extension_configs=settings)

    write_deck(deck, render_deck(deck, convert, site_root="../", lesson="../lesson/"), folder / "out")
    return Path(folder, "out", "index.html").as_uri()


class Opened:
    """A deck on a screen, and what went wrong or left the machine meanwhile."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(**({"viewport": PROJECTOR, "reduced_motion": "reduce"} | options))
        self.complaints: list[str] = []
        self.context.on("request", self._request)
        self.context.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.context.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page: Page = self.context.new_page()
        self.page.goto(url)
        self.ready(self.page)

    def _request(self, request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "about:", "blob:")):
            self.complaints.append(f"asked: {request.url}")

    @staticmethod
    def ready(page: Page) -> None:
        page.wait_for_function("window.Reveal && Reveal.isReady()")

    def at(self) -> list[int]:
        return self.page.evaluate("(({h, v, f}) => [h, v, f ?? -1])(Reveal.getIndices())")

    def press(self, *keys: str) -> list[int]:
        for key in keys:
            self.page.keyboard.press(key)
        return self.at()

    def slides(self) -> Iterator[str]:
        """Show one slide after the other, with all its fragments."""
        for number in range(self.page.evaluate("Reveal.getTotalSlides()")):
            yield self.page.evaluate(
                """async (number) => {
                    const slide = Reveal.getSlides()[number], {h, v} = Reveal.getIndices(slide);
                    Reveal.slide(h, v, 99);
                    await new Promise((resolve) => setTimeout(resolve, 50));
                    return slide.innerText.split("\\n")[0];
                }""",
                number,
            )


@pytest.fixture
def opened(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Opened]:
    deck = Opened(browser, url, **getattr(request, "param", {}))
    yield deck
    deck.context.close()
    assert deck.complaints == []


def test_keys_walk_through_slides_fragments_and_stacks(opened: Opened) -> None:
    assert opened.at() == [0, 0, -1]
    assert opened.press("ArrowRight") == [1, 0, -1]
    assert opened.press("ArrowRight", "ArrowRight") == [1, 0, 1]
    assert opened.press("ArrowDown") == [1, 1, -1]
    assert opened.press("ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowLeft") == [0, 0, -1]
    assert opened.press("Space") == [1, 0, -1]
    assert opened.press("End")[0] == 7
    opened.page.wait_for_url("**#/7")


def test_code_goes_in_steps(opened: Opened) -> None:
    opened.page.evaluate("Reveal.slide(2)")
    lit = """() => [...document.querySelectorAll(".present .steps code")]
        .filter((code) => getComputedStyle(code).visibility === "visible").at(-1)
        .querySelectorAll(".line:not(.dim)").length"""
    seen = [opened.page.evaluate(lit)]
    for _ in range(2):
        opened.press("ArrowRight")
        seen.append(opened.page.evaluate(lit))
    assert seen == [1, 2, 1]
    assert opened.press("ArrowRight")[0] == 3


@pytest.mark.parametrize(
    "opened",
    [{"viewport": PROJECTOR}, {"viewport": {"width": 1024, "height": 768}}, {"viewport": TELEPHONE}],
    indirect=True,
)
def test_every_slide_fits_its_frame(opened: Opened) -> None:
    outside = """() => {
        const frame = document.querySelector(".slides").getBoundingClientRect();
        return [...Reveal.getCurrentSlide().querySelectorAll("*")].filter((element) => {
            const box = element.getBoundingClientRect(), scrolls = element.closest("[tabindex='0']");
            if (!box.width || element.closest("aside, math, input") || (scrolls && scrolls !== element)) return false;
            const beside = box.left < frame.left - 1 || box.right > frame.right + 1;
            return beside || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
        }).map((element) => element.outerHTML.slice(0, 80));
    }"""
    for name in opened.slides():
        assert opened.page.evaluate(outside) == [], name
        if "figure" in name:
            width = "document.querySelector('.present svg').getBoundingClientRect().width / innerWidth"
            assert opened.page.evaluate(width) > 0.5
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    "opened",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "dark", "viewport": TELEPHONE}],
    indirect=True,
)
def test_axe_has_nothing_to_say(opened: Opened) -> None:
    for name in opened.slides():
        result = Axe().run(opened.page, options={"preload": False})  # it would fetch style sheets, which files forbid
        assert result.violations_count == 0, f"{name}\n{result.generate_report()}"


def test_the_reader_chooses_light_or_dark_and_is_remembered(opened: Opened) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = opened.page.evaluate(ground)
    opened.press("t")
    dark = opened.page.evaluate(ground)
    assert dark != light
    opened.page.reload()
    Opened.ready(opened.page)
    assert opened.page.evaluate(ground) == dark
    opened.page.get_by_role("button", name="Light or dark").click()
    assert opened.page.evaluate(ground) == light
    assert opened.press("ArrowRight")[0] == 1, "the keys still belong to the deck"


def test_tabs_of_one_slide_leave_another_s_alone(opened: Opened) -> None:
    opened.page.evaluate("Reveal.slide(5)")
    opened.page.locator(".present label", has_text="Two").click()
    expect(opened.page.get_by_text("The second.", exact=True)).to_be_visible()
    assert opened.press("ArrowRight")[0] == 6
    expect(opened.page.get_by_text("The third.", exact=True)).to_be_visible()


def test_the_speaker_view_works_without_a_network(opened: Opened) -> None:
    with opened.context.expect_page() as popup:
        opened.press("s")
    speaker = popup.value
    expect(speaker.locator(".speaker-controls-notes .value strong")).to_have_text("guess")
    current = speaker.frame_locator("#current-slide iframe")
    expect(current.get_by_role("heading", name="How much is too much?")).to_be_visible()
    expect(current.locator(".deck-bar")).to_have_count(0)
    opened.press("ArrowRight")
    expect(current.get_by_role("heading", name="Fragments")).to_be_visible()


def test_motion_is_still_for_those_who_ask(browser: Browser, url: str) -> None:
    for motion, transition in (("reduce", "none"), ("no-preference", "fade")):
        deck = Opened(browser, url, reduced_motion=motion)
        assert deck.page.evaluate("Reveal.getConfig().transition") == transition
        deck.context.close()


def test_it_prints_a_page_a_slide(opened: Opened) -> None:
    opened.page.goto(opened.page.url.partition("#")[0] + "?print-pdf")
    Opened.ready(opened.page)
    opened.page.wait_for_selector(".pdf-page")
    assert opened.page.locator(".pdf-page").count() == 9
    assert opened.page.evaluate("document.documentElement.dataset.theme") == "light"


def test_pictures_and_lines_fill_what_is_left(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="160" height="90"/>')
    text = '# A\n\n<img class="r-stretch" src="a.svg">\n\n---\n\n<h2 class="r-fit-text">a line of some words</h2>\n'
    deck = parse_deck(text, str(tmp_path / "deck.md"))
    write_deck(deck, render_deck(deck, lambda source, line: markdown.markdown(source)), tmp_path / "out")
    opened = Opened(browser, (tmp_path / "out" / "index.html").as_uri())
    picture = opened.page.wait_for_selector(".present img").bounding_box()
    assert picture["height"] > 400 and picture["y"] + picture["height"] <= 720
    opened.press("ArrowRight")
    line = opened.page.wait_for_selector(".present h2").bounding_box()
    assert line["width"] > 1000 and line["x"] + line["width"] <= 1280
    opened.context.close()
    assert opened.complaints == []


def test_every_slide_is_fitted_by_the_time_it_is_seen(opened: Opened) -> None:
    small = "getComputedStyle(document.querySelectorAll('.slides section:not(.stack)')[5]).fontSize"
    opened.page.wait_for_function(f"parseFloat({small}) < 30")  # while nothing else was to do
    opened.page.set_viewport_size({"width": 1024, "height": 768})
    opened.page.evaluate("Reveal.slide(4)")
    room = "[document.querySelector('.present').scrollHeight, document.querySelector('.present').clientHeight]"
    high, room_for = opened.page.evaluate(room)
    assert high <= room_for + 1
    opened.press("o")
    assert opened.page.evaluate("Reveal.isOverview()")
    opened.press("o")


def test_without_scripts_it_is_a_long_page(browser: Browser, url: str) -> None:
    page = browser.new_page(java_script_enabled=False, viewport=PROJECTOR)
    page.goto(url)
    tops = [
        page.get_by_role("heading", name=name).bounding_box()["y"]
        for name in ("How much", "Below", "Steps", "On a ground")
    ]
    assert tops == sorted(tops)
    assert len(set(tops)) == 4
    page.get_by_text("Words and").scroll_into_view_if_needed()
    expect(page.get_by_text("Words and")).to_be_in_viewport()
    page.close()
