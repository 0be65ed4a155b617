"""The guide's first example in a browser: from a disk and from a server, on a light and a dark screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request

from test_first_contact import EXAMPLES, begun, empty_folder, follow

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("first_contact")]

HERE = ("file:", "data:", "blob:", "about:", "http://127.0.0.1:")
THEMES = {
    "example": "",
    "material": "theme: material\n",
    "mkdocs": "theme: mkdocs\n",
    "readthedocs": "theme: readthedocs\n",
}
DARK = {
    "material, dark": "theme: {name: material, palette: {scheme: slate}}\n",
    "mkdocs, dark": "theme: {name: mkdocs, color_mode: dark, highlightjs: false}\n",
}
DECK = "# Coins\n\n{{ coin.heads(flips=1000) | .1% }}, $n$ of `x`.\n\n---\n\n/// figure | coin\n///\n"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The example as it is printed; and once more in each theme, with a deck."""
    made = empty_folder(tmp_path_factory.mktemp("first"))
    follow(begun(EXAMPLES[0]), made)
    made.write("slides/talk.md", DECK)
    settings = made.read("mkdocs.yml")
    built = {}
    for name, theme in (THEMES | DARK).items():
        folder = made.folder.parent / name
        made.write("mkdocs.yml", settings if not theme else f"site_name: Coins\n{theme}plugins: [search, asrun]\n")
        told = made.run("build", "--no-run")
        assert told.code == 0, told.err
        built[name] = (made.folder / "site").rename(folder)
    return built


@pytest.fixture
def served(sites: dict[str, Path]) -> Iterator[dict[str, str]]:
    """The addresses of the sites, on this machine."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    parent = next(iter(sites.values())).parent
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(parent)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {name: f"http://127.0.0.1:{server.server_port}/{folder.name}/index.html" for name, folder in sites.items()}
    server.shutdown()
    thread.join()
    server.server_close()


class Visit:
    """A reader's browser, and all that it asked for."""

    def __init__(self, browser: Browser, **options: object):
        self.context = browser.new_context(reduced_motion="reduce", **options)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", self._failed)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _failed(self, request: Request) -> None:
        # A page that is left loads no further.
        if request.failure != "net::ERR_ABORTED":
            self.errors.append(f"failed: {request.url}: {request.failure}")

    def read(self, address: str) -> None:
        self.page.goto(address)
        self.page.wait_for_load_state("networkidle")

    @property
    def outside(self) -> list[str]:
        return [url for url in self.asked if not url.startswith(HERE)]


@pytest.fixture
def visit(browser: Browser) -> Iterator[type]:
    opened: list[Visit] = []

    def begin(**options: object) -> Visit:
        opened.append(Visit(browser, **options))
        return opened[-1]

    yield begin
    for each in opened:
        each.context.close()


def search(visit: Visit, words: str) -> None:
    """Look for something in Material's search, which loads more than a page does."""
    visit.page.keyboard.press("/")
    visit.page.keyboard.type(words, delay=20)
    visit.page.locator(".md-search-result__item").first.wait_for(timeout=20_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_example_works_from_a_disk_and_asks_nobody(sites, visit, scheme):
    reader = visit(color_scheme=scheme)
    reader.read((sites["example"] / "index.html").as_uri())
    page = reader.page
    assert "50.6% ± 1.7%" in page.inner_text("article")
    fonts = page.evaluate(
        "document.fonts.ready.then(() => [...document.fonts].filter((font) => font.status === 'loaded').length)"
    )
    assert fonts > 0 and "Asrun Sans" in page.evaluate("getComputedStyle(document.body).fontFamily")
    page.locator("a.asrun-value").first.click()
    page.wait_for_url("**/about/records.html*")
    page.wait_for_load_state("networkidle")
    search(reader, "coin")
    reader.read((sites["example"] / "slides" / "talk" / "index.html").as_uri())
    page.evaluate("Reveal.next()")
    assert reader.outside == [] and reader.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_example_is_accessible(sites, visit, scheme):
    reader = visit(color_scheme=scheme)
    reader.read((sites["example"] / "index.html").as_uri())
    page = reader.page
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in violations] == []


@pytest.mark.parametrize("theme", THEMES)
def test_no_theme_asks_another_host_when_it_is_served(served, visit, theme):
    reader = visit()
    reader.read(served[theme])
    reader.page.locator("a.asrun-value").first.click()
    reader.page.wait_for_load_state("networkidle")
    if theme in ("example", "material"):
        search(reader, "coin")
    reader.read(served[theme].replace("index.html", "slides/talk/index.html"))
    assert reader.outside == [] and reader.errors == []


def luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def as_rgb(colour: str) -> str:
    """`#fff` or `#ffffff` as a computed style says it."""
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    return f"rgb({', '.join(str(int(digits[at : at + 2], 16)) for at in (0, 2, 4))})"


GROUND = """(element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (!/, 0\\)$|transparent/.test(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
}"""


@pytest.mark.parametrize(
    ("theme", "scheme"), [*((theme, "dark") for theme in THEMES), *((theme, "light") for theme in DARK)]
)
def test_a_figure_is_as_dark_as_its_page(sites, visit, theme, scheme):
    """Words of a drawing are seen on the ground that the page has, and not on the one that a reader's system has."""
    reader = visit(color_scheme=scheme)
    reader.read((sites[theme] / "index.html").as_uri())
    word = reader.page.locator(".asrun-drawing svg text").first
    colour = word.evaluate("(word) => getComputedStyle(word).fill")
    drawing = reader.page.locator(".asrun-drawing").first
    ground = drawing.evaluate(GROUND)
    light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
    assert (luminance(ground) < 0.1) == (theme in DARK)
    assert (light + 0.05) / (dark + 0.05) >= 7, (colour, ground)
    # What a drawing paints behind itself is what the page has there, too.
    painted = drawing.evaluate("(drawing) => getComputedStyle(drawing).getPropertyValue('--fig-bg').trim()")
    assert painted == "transparent" or painted.startswith("#")
    assert painted == "transparent" or abs(luminance(as_rgb(painted)) - luminance(ground)) < 0.02, (painted, ground)


@pytest.mark.parametrize("theme", THEMES | DARK)
def test_a_figure_is_printed_as_dark_as_its_page(sites, visit, theme):
    """Material prints its dark pages light."""
    reader = visit(color_scheme="dark")
    reader.read((sites[theme] / "index.html").as_uri())
    reader.page.emulate_media(media="print")
    word = reader.page.locator(".asrun-drawing svg text").first
    colour = word.evaluate("(word) => getComputedStyle(word).fill")
    around = reader.page.evaluate("getComputedStyle(document.body).color")
    assert (luminance(colour) > 0.3) == (luminance(around) > 0.3) == (theme == "mkdocs, dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_deck_is_as_dark_as_its_reader_likes_and_its_figures_too(sites, visit, scheme):
    reader = visit(color_scheme=scheme)
    reader.read((sites["example"] / "slides" / "talk" / "index.html").as_uri())
    ground = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    figure = reader.page.evaluate(
        "getComputedStyle(document.querySelector('.asrun-drawing, section svg')).getPropertyValue('--fig-fg').trim()"
    )
    assert (luminance(ground) < 0.1) == (scheme == "dark")
    assert figure == ("#eceff4" if scheme == "dark" else "#1f2430")
