"""Questions as readers meet them: from a disk, with a keyboard, a mouse or a finger, in lessons and on slides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from asrun.pages.context import Context
from asrun.site import build as building
from asrun.testing import COIN, TinyProject, make_figure

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("quiz")]

DESKTOP = {"width": 1280, "height": 900}
TELEPHONE = {"width": 390, "height": 844}
LONG = "a choice that takes more than one line on a telephone, where there is $\\frac{1}{2}$ as much room"

CHOICE = f"""\
/// quiz | Which coin shows *more* heads?
    name: choice
    because: coin.heads(bias=0.8) > coin.heads(bias=0.2)

- [x] The one with bias 0.8
    It was **made** for it.
- [ ] The other, {LONG}
    You took tails for heads: see [the tosses](other.md).
- [ ] Neither
    They [differ](other.md).
///
"""
SEVERAL = """\
/// quiz | Which are coins?
    name: several
    definition: "a penny and a cent are"

- [x] A penny
- [ ] A button
    It has holes: [look](other.md).
- [x] A cent
///
"""
NUMBER = """\
/// quiz | Of [=tosses] tosses with bias [=bias], how many show heads?
    name: number
    answer: tosses * bias
    tolerance: 1%
    unit: heads
    draw: {tosses: [100, 1000], bias: [0.2, 0.3]}
    wrong:
      tosses * (1 - bias): "Of [=tosses], that many show *tails*."
///
"""
ORDER = """\
/// quiz | In which order is a coin tossed?
    name: order
    definition: "it cannot fly before it is thrown"

1. Take it
2. Throw it
3. Let it fall
4. Look
///
"""
CURVE = """\
//// quiz | How do heads depend on the bias?
    name: curve
    of: coin.heads
    range: [0, 1]

/// solution
On a straight line.
///

////
"""
EXERCISE = "//// exercise | Toss it.\n\n/// solution\nDone.\n///\n\n////\n"
PAGE = "# Questions\n\n" + "\n".join((CHOICE, SEVERAL, NUMBER, ORDER, CURVE, EXERCISE))
DECK = "# Asked\n\n---\n\n" + "\n---\n\n".join((CHOICE, NUMBER, ORDER, CURVE, "# End\n"))
HEADS = [[0.19, 0.2, 0.21, 0.2, 0.2], [0.5, 0.49, 0.51, 0.5, 0.5], [0.8, 0.79, 0.81, 0.8, 0.8]]
VALUES = {"bias": [0.2, 0.5, 0.8], "heads": HEADS, "axes": {"heads": ["bias", "seed"]}}
MKDOCS = """\
site_name: Tiny
theme:
  name: material
  font: false
  palette:
    - {media: "(prefers-color-scheme: light)", scheme: default, primary: custom, accent: custom}
    - {media: "(prefers-color-scheme: dark)", scheme: slate, primary: custom, accent: custom}
plugins: [search, offline, asrun]
extra: {generator: false, polyfills: [assets/asrun/iframe-worker-shim.js]}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pages = {"docs/index.md": PAGE, "docs/other.md": "# Other\n", "slides/talk.md": DECK}
    project = TinyProject({"mkdocs.yml": MKDOCS, "snippets/coin.py": COIN, **pages}, tmp_path_factory.mktemp("asked"))
    project.put("coin", VALUES, figures=[make_figure()])
    return building.build(Context(project.project))[0]


class Visit:
    """A page with questions, and what went wrong or left the machine meanwhile."""

    def __init__(self, browser: Browser, path: Path, **options: Any) -> None:
        self.context = browser.new_context(**({"viewport": DESKTOP, "reduced_motion": "reduce"} | options))
        self.wrong: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda told: told.type == "error" and self.wrong.append(told.text))
        self.page.on("request", lambda asked: asked.url.startswith("http") and self.wrong.append(asked.url))
        self.open(path)

    def open(self, path: Path) -> None:
        self.page.goto(path.as_uri())
        if "slides" in path.parts:
            self.page.wait_for_function("window.Reveal && Reveal.isReady()")
        else:
            expect(self.page.locator("#quiz-curve form")).to_be_visible()

    def quiz(self, name: str) -> Locator:
        return self.page.locator(f"#quiz-{name}")

    def check(self, name: str) -> Locator:
        """Press the button that judges, and return what is said."""
        self.quiz(name).locator("button[type=submit]").click()
        return self.quiz(name).get_by_role("status").first

    def answer_number(self, *, wrong: bool = False) -> None:
        tosses, bias = map(float, self.quiz("number").locator(".asrun-question [data-drawn]").all_inner_texts())
        self.quiz("number").get_by_role("textbox").fill(f"{tosses * (1 - bias if wrong else bias):g}")

    def answer_all(self) -> None:
        """Answer everything: some right, some wrong."""
        self.quiz("choice").get_by_label("The other").check()
        self.check("choice")
        self.quiz("several").get_by_label("A penny").check()
        self.quiz("several").get_by_label("A button").check()
        self.check("several")
        self.answer_number()
        self.check("number")
        self.quiz("order").get_by_role("button", name="Move down").first.click()
        self.check("order")
        self.quiz("curve").get_by_label("bias 0.5").fill("20")
        self.check("curve")


@pytest.fixture
def lesson(browser: Browser, site: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    visit = Visit(browser, site / "index.html", **getattr(request, "param", {}))
    yield visit
    visit.context.close()
    assert visit.wrong == []


@pytest.fixture
def deck(browser: Browser, site: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    visit = Visit(browser, site / "slides" / "talk" / "index.html", **getattr(request, "param", {}))
    yield visit
    visit.context.close()
    assert visit.wrong == []


def test_a_wrong_choice_is_told_why_and_may_be_tried_again(lesson: Visit) -> None:
    said = lesson.check("choice")
    expect(said).to_have_text("Choose first.")
    expect(lesson.quiz("choice").locator("details.asrun-answer")).to_be_hidden()
    lesson.quiz("choice").get_by_label("The other").check()
    said = lesson.check("choice")
    expect(said).to_contain_text("Not right.")
    expect(said).to_contain_text("You took tails for heads")
    expect(said.get_by_role("link")).to_have_attribute("href", "other.html")
    lesson.quiz("choice").get_by_label("0.8").check()
    said = lesson.check("choice")
    expect(said).to_contain_text("✓ Right.")
    expect(said).to_contain_text("made for it")
    expect(lesson.quiz("choice").get_by_label("0.8")).to_be_disabled()
    expect(lesson.quiz("choice").locator("details.asrun-answer")).to_be_visible()


def test_several_right_ones_are_all_wanted(lesson: Visit) -> None:
    quiz = lesson.quiz("several")
    quiz.get_by_label("A penny").check()
    quiz.get_by_label("A button").check()
    said = lesson.check("several")
    expect(said).to_contain_text("1 of your choices is wrong, and 1 that is right is missing.")
    expect(said).to_contain_text("It has holes")
    quiz.get_by_label("A button").uncheck()
    quiz.get_by_label("A cent").check()
    expect(lesson.check("several")).to_contain_text("Right.")


def test_numbers_are_drawn_and_their_wrong_results_known(lesson: Visit) -> None:
    quiz = lesson.quiz("number")
    lesson.answer_number(wrong=True)
    tosses = quiz.locator("[data-drawn=tosses]").first.inner_text()
    expect(lesson.check("number")).to_contain_text(f"Of {tosses}, that many show tails.")
    lesson.answer_number()
    quiz.get_by_role("textbox").press("Enter")
    expect(quiz.get_by_role("status").first).to_contain_text("Right.")
    seen = set()
    for _ in range(40):
        quiz.get_by_role("button", name="Other numbers").click()
        seen.add(tuple(quiz.locator(".asrun-question [data-drawn]").all_inner_texts()))
        lesson.answer_number()
        expect(lesson.check("number")).to_contain_text("Right.")
    assert len(seen) > 1


@pytest.mark.parametrize(
    ("typed", "judged"),
    [("{:.3f}", "Right."), (" {:.1e} ", "Right."), ("{:g} heads", "Right."), ("many", "Write a number"), ("", "Write")],
)
def test_numbers_may_be_written_in_many_ways(lesson: Visit, typed: str, judged: str) -> None:
    tosses, bias = map(float, lesson.quiz("number").locator(".asrun-question [data-drawn]").all_inner_texts())
    lesson.quiz("number").get_by_role("textbox").fill(typed.format(tosses * bias))
    expect(lesson.check("number")).to_contain_text(judged)


@pytest.mark.parametrize(("typed", "judged"), [("20,5", "Not right."), ("1,000", "Write a number")])
def test_a_comma_is_a_point_where_it_cannot_be_a_thousand(lesson: Visit, typed: str, judged: str) -> None:
    lesson.quiz("number").get_by_role("textbox").fill(typed)
    expect(lesson.check("number")).to_contain_text(judged)


def order_of(visit: Visit) -> list[str]:
    return visit.quiz("order").locator(".asrun-steps > li > .asrun-offer").all_inner_texts()


RIGHT = ["Take it", "Throw it", "Let it fall", "Look"]


def test_steps_are_ordered_with_the_keyboard(lesson: Visit) -> None:
    quiz, keys = lesson.quiz("order"), lesson.page.keyboard
    assert sorted(order_of(lesson)) == sorted(RIGHT) != order_of(lesson)
    expect(lesson.check("order")).to_have_text("Move something first.")
    for at, name in enumerate(RIGHT):
        while order_of(lesson).index(name) > at:
            button = quiz.get_by_role("button", name=f"Move up: {name}")
            button.focus()
            before = order_of(lesson).index(name)
            keys.press("Enter")
            assert order_of(lesson).index(name) == before - 1
            focused = lesson.page.evaluate("document.activeElement.ariaLabel")
            assert focused in (f"Move up: {name}", f"Move down: {name}")
            expect(quiz.locator(".asrun-spoken")).to_have_text(f"{name}: now {before} of 4.")
    assert order_of(lesson) == RIGHT
    expect(lesson.check("order")).to_contain_text("Right.")


def test_steps_are_ordered_with_the_mouse(lesson: Visit) -> None:
    grips = lesson.quiz("order").locator(".asrun-grip")
    grips.first.scroll_into_view_if_needed()
    first, last = grips.first.bounding_box(), grips.last.bounding_box()
    name = order_of(lesson)[0]
    lesson.page.mouse.move(first["x"] + 5, first["y"] + 5)
    lesson.page.mouse.down()
    lesson.page.mouse.move(last["x"] + 5, last["y"] + last["height"], steps=8)
    lesson.page.mouse.up()
    assert order_of(lesson)[-1] == name
    expect(lesson.check("order")).to_contain_text("of 4 are in their place")


def test_a_curve_is_set_then_compared_in_words(lesson: Visit) -> None:
    quiz = lesson.quiz("curve")
    expect(lesson.check("curve")).to_contain_text("Set your points first")
    for label, value in (("0.2", "60"), ("0.5", "100"), ("0.8", "160")):
        quiz.get_by_label(f"bias {label}").fill(value)
    expect(quiz.locator(".asrun-setting").first).to_have_text("0.3")
    expect(quiz.locator(".asrun-band")).to_have_count(0)
    said = lesson.check("curve")
    expect(said).to_contain_text("On average, your points are 0.033 away from the measured ones.")
    expect(said).to_contain_text("Furthest off: bias 0.2, where you said 0.3 and 0.2 was measured.")
    expect(quiz.locator(".asrun-band")).to_have_count(1)
    quiz.locator("summary", has_text="Answer").click()
    expect(quiz.get_by_role("cell", name="0.500 ± 0.007")).to_be_visible()
    expect(said).to_contain_text("On a straight line.")


def test_a_curve_is_drawn_with_the_mouse(lesson: Visit) -> None:
    plot = lesson.quiz("curve").locator(".asrun-plot > svg")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    lesson.page.mouse.move(box["x"] + 0.15 * box["width"], box["y"] + 0.8 * box["height"])
    lesson.page.mouse.down()
    lesson.page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.2 * box["height"], steps=12)
    lesson.page.mouse.up()
    values = [int(each.input_value()) for each in lesson.quiz("curve").get_by_role("slider").all()]
    assert values == sorted(values) and values[0] < 60 and values[-1] > 140


def test_answers_are_kept_until_they_are_forgotten(lesson: Visit, site: Path) -> None:
    lesson.answer_all()
    drawn = lesson.quiz("number").locator(".asrun-question").inner_text()
    order = order_of(lesson)
    lesson.open(site / "index.html")
    expect(lesson.quiz("choice").get_by_label("The other")).to_be_checked()
    expect(lesson.quiz("choice").get_by_role("status").first).to_contain_text("You took tails")
    expect(lesson.quiz("number").get_by_role("status").first).to_contain_text("Right.")
    assert lesson.quiz("number").locator(".asrun-question").inner_text() == drawn
    assert order_of(lesson) == order
    expect(lesson.quiz("curve").locator(".asrun-band")).to_have_count(1)
    lesson.page.get_by_role("button", name="Forget them all").click()
    expect(lesson.page.get_by_text("Forgotten.")).to_be_visible()
    assert lesson.page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('asrun-quiz'))") == []
    lesson.open(site / "index.html")
    expect(lesson.quiz("choice").get_by_label("The other")).not_to_be_checked()
    expect(lesson.quiz("choice").get_by_role("status").first).to_be_empty()


@pytest.mark.parametrize("kept", ["{", "1", '{"version": "V", "given": [99]}', '{"version": "V", "given": "x"}'])
def test_what_was_kept_and_is_none_of_ours_does_no_harm(lesson: Visit, site: Path, kept: str) -> None:
    lesson.page.evaluate(
        """(kept) => document.querySelectorAll(".asrun-quiz").forEach((quiz) => {
            const { version } = JSON.parse(quiz.querySelector("script").textContent);
            localStorage.setItem(`asrun-quiz:${location.pathname}#${quiz.id}`, kept.replace("V", version));
        })""",
        kept,
    )
    lesson.open(site / "index.html")
    lesson.answer_all()


def test_a_browser_that_keeps_nothing_can_still_be_asked(browser: Browser, site: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } });")
    page.goto((site / "index.html").as_uri())
    page.locator("#quiz-choice").get_by_label("0.8").check()
    page.locator("#quiz-choice button[type=submit]").click()
    expect(page.locator("#quiz-choice").get_by_role("status").first).to_contain_text("Right.")
    expect(page.get_by_role("button", name="Forget them all")).to_have_count(0)
    context.close()


def test_without_scripts_the_answer_is_folded_away(browser: Browser, site: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto((site / "index.html").as_uri())
    for name in ("choice", "several", "number", "order", "curve"):
        quiz = page.locator(f"#quiz-{name}")
        expect(quiz.locator(".asrun-question")).to_be_visible()
        quiz.locator("summary", has_text="Answer").first.click()
    for text in ("A is right.", "You took tails for heads", "The answer is", "it cannot fly", "0.500 ± 0.007"):
        expect(page.get_by_text(text).first).to_be_visible()
    page.close()


@pytest.mark.parametrize(
    "lesson",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "light", "viewport": TELEPHONE}],
    indirect=True,
)
def test_axe_has_nothing_to_say_before_and_after(lesson: Visit) -> None:
    for answered in (False, True):
        if answered:
            lesson.answer_all()
            lesson.page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        violations = Axe().run(lesson.page, options={"preload": False}).response["violations"]
        assert [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in violations] == []
        wide = lesson.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0


def test_focus_can_be_seen(lesson: Visit) -> None:
    lesson.quiz("choice").get_by_label("0.8").focus()
    for _ in range(3):
        lesson.page.keyboard.press("Tab")
        style = (
            "(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
        )
        line, width = lesson.page.evaluate(style)
        assert line != "none" and float(width.removesuffix("px")) >= 1


# On slides


def show(deck: Visit, number: int) -> None:
    deck.page.evaluate(f"Reveal.slide({number})")


def at(deck: Visit) -> int:
    return deck.page.evaluate("Reveal.getIndices().h")


def test_keys_typed_into_a_question_turn_no_slide(deck: Visit) -> None:
    keys = deck.page.keyboard
    show(deck, 1)
    deck.quiz("choice").get_by_label("0.8").focus()
    for key in ("Space", "ArrowDown", "ArrowRight", "n", "t", "Tab", "Enter"):
        keys.press(key)
        assert at(deck) == 1, key
    show(deck, 2)
    deck.quiz("number").get_by_role("textbox").focus()
    keys.type("1 20.5b")
    assert at(deck) == 2
    assert deck.quiz("number").get_by_role("textbox").input_value() == "1 20.5b"
    show(deck, 3)
    deck.quiz("order").get_by_role("button", name="Move down").first.focus()
    for key in ("Space", "ArrowRight", "Enter"):
        keys.press(key)
        assert at(deck) == 3, key
    keys.press("Escape")
    assert not deck.page.evaluate("Reveal.isOverview()")
    keys.press("ArrowRight")
    assert at(deck) == 4, "the keys belong to the deck again"


def test_a_choice_made_with_the_mouse_leaves_the_keys_to_the_deck(deck: Visit) -> None:
    show(deck, 1)
    deck.quiz("choice").get_by_text("Neither").click()
    expect(deck.check("choice")).to_contain_text("They differ")
    deck.page.keyboard.press("ArrowRight")
    assert at(deck) == 2


@pytest.mark.parametrize(
    "deck",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "dark", "viewport": TELEPHONE}],
    indirect=True,
)
def test_questions_fit_their_slides_and_axe_has_nothing_to_say(deck: Visit) -> None:
    outside = """() => {
        const frame = document.querySelector(".slides").getBoundingClientRect();
        const slide = Reveal.getCurrentSlide();
        return [...slide.querySelectorAll("form *, .asrun-verdict *")].filter((element) => {
            const box = element.getBoundingClientRect();
            if (!box.width || element.closest("svg") || slide.classList.contains("tall")) return false;
            return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
        }).map((element) => element.outerHTML.slice(0, 80));
    }"""
    for number, name in enumerate(("choice", "number", "order", "curve"), start=1):
        show(deck, number)
        assert deck.page.evaluate(outside) == [], name
        if name == "choice":
            deck.quiz(name).get_by_label("The other").check()
        elif name == "number":
            deck.answer_number()
        elif name == "order":
            deck.quiz(name).get_by_role("button", name="Move down").first.click()
        else:
            deck.quiz(name).get_by_label("bias 0.5").fill("20")
        deck.check(name)
        assert deck.page.evaluate(outside) == [], name
        deck.quiz(name).locator("summary", has_text="Answer").first.click()
        deck.page.wait_for_timeout(100)
        assert deck.page.evaluate(outside) == [], name
        result = Axe().run(deck.page, options={"preload": False})
        assert result.violations_count == 0, f"{name}\n{result.generate_report()}"
