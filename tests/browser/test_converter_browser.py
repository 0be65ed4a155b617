"""The converter of docs/reference/notation.md: the same arithmetic as dropoutlab, with a keyboard, from a disk."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dropoutlab.conventions import ARGUMENTS, Recipe, drop_of

PROJECT = Path(__file__).parents[2]
NAMES = {"the 2014 paper": "JMLR paper", "CS231n, first listing": "CS231n", "CS231n, inverted listing": "CS231n"}
VANILLA = {"the 2014 paper", "deepnet", "CS231n, first listing", "ConvNetJS"}
FIELDS = ["learning_rate", "weight", "max_norm", "l2"]


def form() -> str:
    """The form as the page has it."""
    page = (PROJECT / "docs/reference/notation.md").read_text()
    found = re.search(r'<form id="converter-form".*?</form>', page, re.S)
    assert found, "docs/reference/notation.md has no converter any more"
    return found[0]


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    script = (PROJECT / "docs/assets/converter.js").as_uri()
    (tmp_path / "page.html").write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Converter</title><main><h1>Converter</h1>{form()}'
        f'</main><script src="{script}"></script>'
    )
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    yield page
    page.close()
    assert not errors


def result(page: Page, name: str) -> float:
    return float(page.locator(f'[data-out="{name}"]').get_attribute("data-value") or "nan")


def options(page: Page, name: str) -> list[str]:
    return page.locator(f"select[name={name}] option").all_text_contents()


def expected(source: str, target: str, rate: float, recipe: Recipe) -> tuple[float, float, Recipe]:
    """What dropoutlab makes of a recipe: keep, the number that the target is handed, and the recipe."""
    drop = drop_of(NAMES.get(source, source), rate)
    keep = 1 - drop if ARGUMENTS[NAMES.get(source, source)].means == "drop" else rate
    if (source in VANILLA) != (target in VANILLA):
        recipe = recipe.to_inverted(keep) if source in VANILLA else recipe.to_vanilla(keep)
    return keep, keep if ARGUMENTS[NAMES.get(target, target)].means == "keep" else drop, recipe


def test_every_work_and_library_of_the_form_means_what_dropoutlab_says(page: Page) -> None:
    for name in ("from", "to"):
        for option in page.locator(f"select[name={name}] option").all():
            argument = ARGUMENTS[NAMES.get(option.inner_text(), option.inner_text())]
            assert option.get_attribute("data-means") == argument.means, option.inner_text()
            assert option.get_attribute("data-argument") == argument.name, option.inner_text()
            form_of = "vanilla" if option.inner_text() in VANILLA else "inverted"
            assert option.get_attribute("data-form") == form_of, option.inner_text()


def test_random_recipes_are_converted_as_dropoutlab_converts_them(page: Page) -> None:
    rng = random.Random(7)
    for _ in range(40):
        source, target = rng.choice(options(page, "from")), rng.choice(options(page, "to"))
        rate = round(rng.uniform(0.01, 0.99), rng.choice([1, 2, 4])) or 0.1
        rate = min(rate, 0.9)
        values = [float(f"{10 ** rng.uniform(-4, 1):.3g}") for _ in FIELDS]
        page.select_option("[name=from]", label=source)
        page.select_option("[name=to]", label=target)
        page.fill("[name=rate]", repr(rate))
        for name, value in zip(FIELDS, values, strict=True):
            page.fill(f"[name={name}]", repr(value))
        keep, argument, recipe = expected(source, target, rate, Recipe(*values))
        case = f"{source} -> {target} at {rate} with {values}"
        assert result(page, "keep") == pytest.approx(keep, rel=1e-12), case
        assert result(page, "argument") == pytest.approx(argument, rel=1e-12), case
        for name in FIELDS:
            converted = getattr(recipe, name)
            assert result(page, name) == pytest.approx(converted, rel=1e-12), f"{name}, {case}"
            shown = page.locator(f'[data-out="{name}"]').inner_text()
            assert float(shown) == pytest.approx(converted, rel=1e-5), f"{name}, {case}"


def test_the_code_is_in_the_form_of_the_libraries_whatever_is_wanted(page: Page) -> None:
    inverted = Recipe(0.1, 0.01, 2, 0.001).to_inverted(0.8)
    for target in options(page, "to"):
        page.select_option("[name=to]", label=target)
        pytorch, keras = (page.locator(f"[data-code={name}]").inner_text() for name in ("pytorch", "keras"))
        assert "nn.Dropout(p=0.2)" in pytorch and "layers.Dropout(0.2)" in keras
        assert f'"lr": {inverted.learning_rate:.6g}, "weight_decay": {inverted.l2:.6g}' in pytorch
        assert f"renorm(2, 0, {inverted.max_norm:.6g})" in pytorch and f"std={inverted.weight:.6g}" in pytorch
        assert f"MaxNorm({inverted.max_norm:.6g})" in keras and f"SGD({inverted.learning_rate:.6g})" in keras
        assert '{"params": [layer.bias], "lr": 0.1}' in pytorch and "of the biases 0.1" in keras
        assert f"L2({inverted.l2 / 2:.6g})" in keras  # Keras's penalty has no factor one half


def test_what_a_recipe_does_not_have_is_left_out(page: Page) -> None:
    for name in ("weight", "max_norm", "l2"):
        page.fill(f"[name={name}]", "")
    for name in ("weight", "max_norm", "l2"):
        assert math.isnan(result(page, name))
    assert result(page, "learning_rate") == pytest.approx(0.064)
    assert "renorm" not in page.locator("[data-code=pytorch]").inner_text()
    expect(page.locator("[role=status]")).to_contain_text("p = 0.2")


@pytest.mark.parametrize(
    ("source", "rate", "message"),
    [
        ("the 2014 paper", "0", "p has to be a number above 0 and at most 1"),
        ("PyTorch", "1", "p has to be a number at least 0 and below 1"),
        ("Keras", "1.5", "rate has to be"),
        ("TensorFlow 1", "", "keep_prob has to be"),
    ],
)
def test_a_rate_that_cannot_be_converted_is_refused_by_its_name(page: Page, source, rate, message) -> None:
    page.select_option("[name=from]", label=source)
    page.fill("[name=rate]", rate)
    expect(page.locator("[role=status]")).to_contain_text(message)
    expect(page.locator("[name=rate]")).to_have_attribute("aria-invalid", "true")
    assert math.isnan(result(page, "learning_rate"))


def test_a_keyboard_is_enough(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.locator("[name=from]")).to_be_focused()
    page.keyboard.type("Keras")
    expect(page.locator("label[for=converter-rate]")).to_have_text("rate, the probability to drop a unit")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("0.25")
    for _ in range(5):
        page.keyboard.press("Tab")
    expect(page.locator("[name=to]")).to_be_focused()
    page.keyboard.type("the")
    expect(page.locator("[role=status]")).to_contain_text("the 2014 paper: p = 0.75")
    assert result(page, "max_norm") == pytest.approx(2 / 0.75)


def test_everybody_can_use_it(page: Page) -> None:
    report = Axe().run(page)
    assert not report.response["violations"], report.generate_report()


def test_without_javascript_the_form_stays_out_of_the_way(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(f"<!doctype html><title>Converter</title>{form()}")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    expect(page.locator("#converter-form")).to_be_hidden()
    context.close()
