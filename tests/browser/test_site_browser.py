"""The site of this very repository, built from its committed records and read in a browser, as a folder on a disk."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from asrun.pages.context import Context
from asrun.project import find_project
from asrun.site.build import build

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("site")]

ROOT = Path(__file__).parents[2]
DESKTOP = {"width": 1280, "height": 900}
TELEPHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from records alone, once for all processes that test: nothing is trained here."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    built = shared / "built" / "site"
    with (shared / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.is_dir():
            build(Context(replace(find_project(ROOT), site=built)))
    return built


@pytest.fixture(scope="module")
def pages(site: Path) -> list[Path]:
    found = sorted(path for path in site.rglob("*.html") if path.name != "404.html")
    assert len(found) > 10
    return found


class Visit:
    """A page that is open, and what it asked for or complained about."""

    def __init__(self, browser: Browser, path: Path, **options: object):
        self.context = browser.new_context(**({"viewport": DESKTOP, "reduced_motion": "reduce"} | options))  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", lambda request: self.errors.append(f"failed: {request.url}"))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_timeout(150)

    @property
    def outside(self) -> list[str]:
        return [url for url in self.asked if not url.startswith(("file:", "data:", "blob:", "about:"))]


@pytest.fixture
def visit(browser: Browser) -> Iterator[type]:
    visits: list[Visit] = []

    def open_page(path: Path, **options: object) -> Visit:
        visits.append(Visit(browser, path, **options))
        return visits[-1]

    yield open_page
    for each in visits:
        each.context.close()


def test_no_page_and_no_slide_asks_another_host_for_anything(pages, visit):
    for path in pages:
        opened = visit(path)
        if opened.page.evaluate("!!window.Reveal"):
            for _ in range(opened.page.evaluate("Reveal.getTotalSlides()")):
                opened.page.evaluate("Reveal.next()")
        assert opened.outside == [], path
        assert opened.errors == [], path
        opened.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(site, visit, scheme):
    axe = Axe()
    for name in ("index", "lessons/how-much-dropout", "references/index", "about/records", "slides"):
        opened = visit(site / f"{name}.html", color_scheme=scheme)
        opened.page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
        violations = axe.run(opened.page).response["violations"]
        assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in violations] == [], name


def test_nothing_is_wider_than_a_telephone(site, pages, visit):
    for path in pages:
        opened = visit(path, viewport=TELEPHONE)
        wide = opened.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, path.relative_to(site)
        opened.context.close()


def test_a_figure_follows_light_and_dark_with_one_svg(site, visit):
    lines = {}
    for scheme in ("light", "dark"):
        opened = visit(site / "lessons" / "how-much-dropout.html", color_scheme=scheme)
        drawing = opened.page.locator("#figure-drop_rate svg")
        assert drawing.count() == 1
        assert drawing.get_attribute("aria-label")
        assert drawing.locator("text").count() > 10, "text stays text"
        lines[scheme] = opened.page.evaluate(
            """() => [...document.querySelectorAll("#figure-drop_rate svg path")]
                .map((path) => getComputedStyle(path).stroke).filter((stroke) => stroke !== "none")"""
        )
    assert lines["light"] != lines["dark"]


def test_the_evidence_of_a_claim_opens_from_the_keyboard(site, visit):
    opened = visit(site / "lessons" / "how-much-dropout.html")
    claim = opened.page.locator("details.asrun-claim").first
    assert not claim.locator(".asrun-evidence").is_visible()
    claim.locator("summary").first.focus()
    opened.page.keyboard.press("Enter")
    assert claim.locator(".asrun-evidence table").first.is_visible()


def test_the_search_works_from_a_folder(site, visit):
    opened = visit(site / "index.html")
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("variance", delay=30)
    opened.page.locator(".md-search-result__item").first.wait_for(timeout=10_000)
    assert opened.outside == []


def test_decks_are_looked_at_without_getting_in_the_way(site, visit):
    opened = visit(site / "slides.html")
    frame = opened.page.locator(".asrun-deck-preview iframe").first
    frame.wait_for(state="attached")
    assert frame.evaluate("(frame) => frame.inert && frame.parentElement.getAttribute('role') === 'img'")
    slide = frame.content_frame
    slide.locator("section.present h2").first.wait_for()
    assert slide.locator(".deck-bar, .controls:visible, .progress:visible").count() == 0
    assert opened.page.evaluate("document.activeElement === document.body")
    name = opened.page.locator(".asrun-deck-preview").first.get_attribute("aria-label")
    assert slide.locator("section.present h2").inner_text() in name
    assert opened.outside == [] and opened.errors == []


def test_the_search_finds_slides_and_opens_them(site, visit):
    opened = visit(site / "index.html")
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("fifteen epochs, half buys nothing", delay=20)
    found = opened.page.locator(".md-search-result__link[href*='slides/how-much-dropout/index.html'][href*='#/']").first
    found.wait_for(timeout=10_000)
    opened.page.goto(found.get_attribute("href"))
    opened.page.wait_for_function("window.Reveal?.isReady()")
    assert "After fifteen epochs" in opened.page.evaluate("Reveal.getCurrentSlide().innerText")


def test_the_mathematical_font_is_cut_to_what_is_shown(site):
    assert 2_000 < (site / "assets" / "asrun" / "math.woff2").stat().st_size < 60_000


def test_the_lab_can_be_downloaded(site, visit):
    opened = visit(site / "labs" / "turn-the-knob.html")
    target = opened.page.locator("a[download], a[href$='.ipynb']").first.get_attribute("href")
    assert target
    assert (site / "labs" / target).resolve().is_file()
