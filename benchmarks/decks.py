"""How long does a deck take, to make and to see?

    python -m benchmarks.decks            a table
    python -m benchmarks.decks --json     the same, for programs

Decks of 50, 150 and 450 slides with lists, code, tables and formulas; one in six has too much on it and is shrunk.
Making is the processor time of `asrun deck` less that for one slide. Seeing is headless Chromium: the first paint, the
first slide in its place, and the moment when every slide has been fitted, while nothing else was to do. What is told
is the quickest of the repeats, since other programs only ever add, and how each grows with the slides.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES = (50, 150, 450)

SLIDES = (
    "## A list {n}\n\n- one of them\n  - below it\n- with `code` and a [link](https://example.org/)\n\nNote: said {n}",
    "## Code {n}\n\n```python [1|2-3]\ndef keep(drop):\n    rate = 1 - drop\n    return rate\n```",
    "## A table {n}\n\nwords\n| drop | accuracy |\n|-----:|---------:|\n| 0.5  | **0.962** |\n| 0.2  | 0.958 |",
    "## A formula {n}\n\n$$\\tilde h_i = \\frac{{m_i h_i}}{{q}}$$\n\nand $q = 1 - p$, in a line of words that goes on.",
    '## Columns {n}\n\n<div class="columns">\n<div>\n\nleft, *a*\n\n</div>\n<div>\n\n1. right\n\n</div>\n</div>',
    "## Too much {n}\n\n" + "- a sentence that is a little longer than it would have to be, to be on a slide\n" * 14,
)

TIMES = """() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
    shown: performance.getEntriesByName("deck-shown")[0].startTime,
    fitted: performance.getEntriesByName("deck-fitted")[0].startTime,
})"""


def written(slides: int) -> str:
    """A deck of so many slides."""
    return "\n\n---\n\n".join(SLIDES[n % len(SLIDES)].format(n=n) for n in range(slides)) + "\n"


def made(slides: int, folder: Path) -> float:
    """Make a deck in a process of its own, and return the seconds of a processor that it took."""
    source = folder / f"{slides}.md"
    source.write_text(written(slides), "utf-8")
    command = [str(Path(sys.executable).with_name("asrun")), "deck", str(source), "-o", str(folder / str(slides))]
    before = os.times()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def seen(slides: int, folder: Path, browser) -> dict[str, float]:
    """Open a deck in a fresh page, and return the seconds until its first paint, its first slide and its last."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto((folder / str(slides) / "index.html").as_uri())
    page.wait_for_function("performance.getEntriesByName('deck-fitted').length > 0")
    times = page.evaluate(TIMES)
    context.close()
    return {name: value / 1000 for name, value in times.items()}


def measure(repeats: int) -> dict:
    times: dict[str, dict[int, list[float]]] = {}
    start_up: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(repeats):
            start_up.append(made(1, folder))
            for slides in SIZES:
                times.setdefault("make", {}).setdefault(slides, []).append(made(slides, folder))
        for slides, told in _watched(repeats, folder):
            for what, value in told.items():
                times.setdefault(what, {}).setdefault(slides, []).append(value)
    best = {what: {slides: min(each) for slides, each in by_size.items()} for what, by_size in times.items()}
    best["make"] = {slides: seconds - min(start_up) for slides, seconds in best["make"].items()}
    growth = {what: round(by_size[SIZES[-1]] / max(by_size[SIZES[0]], 1e-3), 2) for what, by_size in best.items()}
    return {
        "repeats": repeats,
        "start_up_seconds": round(min(start_up), 3),
        "seconds": {what: {size: round(best[what][size], 3) for size in SIZES} for what in best},
        "slides_ratio": SIZES[-1] / SIZES[0],
        "growth": growth,
    }


def _watched(repeats: int, folder: Path):
    """What a browser tells of each deck; nothing where there is none."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        except Error:
            return
        for _ in range(repeats):
            for slides in SIZES:
                yield slides, seen(slides, folder, browser)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--repeats", type=int, default=5, help="how often each is done (default: 5)")
    arguments = parser.parse_args()
    told = measure(arguments.repeats)
    if arguments.json:
        print(json.dumps(told, indent=2))
        return
    names = {"make": "to make", "paint": "first paint", "shown": "first slide", "fitted": "every slide fitted"}
    print(f"start-up: {told['start_up_seconds']:.2f} s; beyond it, in seconds, the quickest of {told['repeats']}:\n")
    print("| slides | " + " | ".join(f"{slides:>5}" for slides in SIZES) + " | growth for 9 times the slides |")
    print("| --- |" + " ---: |" * (len(SIZES) + 1))
    for what, by_size in told["seconds"].items():
        row = " | ".join(f"{by_size[slides]:.3f}" for slides in SIZES)
        print(f"| {names[what]} | {row} | {told['growth'][what]:.1f} |")


if __name__ == "__main__":
    main()
