"""How much does asrun take: to say what is fresh, and to build a site in which nothing has changed?

    python -m benchmarks.site                      a table
    python -m benchmarks.site --json               the same, for programs
    python -m benchmarks.site --only build --repeats 9

Both projects are generated: their records are put there, and nothing is ever run.

- status: snippets that share a small laboratory, each with a record. Timed are `freshness.conditions` in this process,
  with nothing read before, and the whole command `asrun status`.
- build: pages that show values and figures of a few records. `asrun build`, which runs nothing since nothing has
  changed, against `mkdocs build` of equal pages: what asrun's blocks turn into stands in them as HTML, in the same
  theme, with the same styles. Both are whole commands in processes of their own, in turns, so that a busy machine
  slows them both. `no_change_ratio` is the median of the ratios of neighbours.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asrun.freshness import conditions, key, module_code, syntax
from asrun.freshness.executed import Entry
from asrun.freshness.key import possible_code, sources, with_style
from asrun.freshness.snippet import list_snippets
from asrun.model import Figure, Provenance, Record, RunName, State
from asrun.project import Project, find_project
from asrun.records.drawing import sanitise_svg
from asrun.records.store import Store

SETTINGS = """\
site_name: Generated
theme:
  name: material
  font: false
markdown_extensions: [abbr, admonition, attr_list, def_list, footnotes, md_in_html, tables, pymdownx.details,
                      pymdownx.highlight, pymdownx.superfences, pymdownx.tabbed: {{alternate_style: true}}]
{more}
"""
"""Of both sites: those extensions that asrun counts on are in both."""

SNIPPET = '''\
"""Which share does number {n} have?"""

import numpy as np

from lab import data, nets
from lab.training import train

SCALES = {{"quick": dict(seeds=5, width={n})}}


def shares(width):
    return np.linspace(0.1, 0.9, 9) * width / (width + 1)


def run(*, seeds, width):
    net = nets.{net}(width)
    return {{"share": train(net, data.examples(width), seeds) * shares(width), "width": width}}


def plot(result):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot(result["share"].mean(axis=0))
    figure.set_label("The share.")
    return figure
'''

FUNCTION = '''

def {name}(x, *, rate=0.5, times={n}):
    """Do step {n} of what is done."""
    total = 0.0
    for step in range(times):
        total = total + {called}
        if total > rate * LIMIT:
            total = total / (1.0 + np.abs(total).max())
    return total
'''


@dataclass(frozen=True)
class Size:
    """How large the generated projects are."""

    records: int = 500
    pages: int = 60
    shown: int = 12
    """Records of the site."""


def laboratory(folder: Path) -> None:
    """Write the modules that all snippets share: functions that call each other, within and between modules."""
    made = folder / "src" / "lab"
    made.mkdir(parents=True)
    (made / "__init__.py").write_text('"""A laboratory."""\n')
    for module, imports in {
        "tools": "",
        "data": "from lab import tools\n",
        "nets": "from lab import tools\n",
        "training": "from lab import nets, tools\n",
    }.items():
        text = f'"""The module {module}."""\n\nimport numpy as np\n\n{imports}\nLIMIT = 100.0\n'
        names = [f"{module}_{n}" for n in range(16)]
        for n, name in enumerate(names):
            inner = f"{names[n - 1]}(x)" if n else "np.sum(x)"
            text += FUNCTION.format(name=name, n=n, called=inner if not imports or n % 4 else f"tools.tools_{n}(x)")
        text += {
            "data": "\n\ndef examples(width):\n    return data_15(np.ones(width))\n",
            "nets": "\n\nclass Wide:\n    def __init__(self, width):\n        self.size = nets_15(width)\n"
            "\n\nclass Deep(Wide):\n    depth = 3\n",
            "training": "\n\ndef train(net, examples, seeds):\n    return training_15(examples) * np.ones((seeds, 9))"
            "\n",
        }.get(module, "")
        (made / f"{module}.py").write_text(text)


def recorded(folder: Path, count: int, settings: str) -> Project:
    """Write a project of so many snippets, and a record for each as if it had been run."""
    folder.mkdir(parents=True)
    laboratory(folder)
    (folder / "docs").mkdir()
    (folder / "docs" / "index.md").write_text("# Generated\n")
    (folder / "mkdocs.yml").write_text(settings)
    (folder / "snippets").mkdir()
    for n in range(count):
        source = SNIPPET.format(n=n, net=("Wide", "Deep")[n % 2])
        (folder / "snippets" / f"share_{n:03}.py").write_text(source)
    project = find_project(folder)
    store, read = Store(project), sources(project)
    for n, snippet in enumerate(list_snippets(project)):
        (folder / "docs" / "data").mkdir(exist_ok=True)
        (folder / "docs" / "data" / f"{n % 10}.csv").write_text(f"{n % 10}\n")
        data = f"docs/data/{n % 10}.csv"
        values = {
            "share": np.random.default_rng(n).random((5, 9)),
            "width": n,
            "drop": np.linspace(0.1, 0.9, 9),
            "axes": {"share": ["seed", "drop"]},
        }
        code, ran = possible_code(Entry(snippet.path, "run"), read)
        store.put(
            Record(
                run=RunName(snippet.name, "quick", "cpu"),
                question=snippet.question,
                parameters=snippet.scales["quick"],
                values=values,
                output="done",
                figures={"figure": Figure("figure", drawing(n), f"The share number {n}.")},
                code=code,
                ran=ran,
                files={data: key.file_digest(project.root / data)},
                plot_code=with_style(code, read),
                plot_ran=ran,
                plot_files={},
                provenance=Provenance(
                    "2026-01-02T03:04:05Z",
                    1.5,
                    64.0,
                    "a processor, 2 cores",
                    {"python": "3.11"},
                    "",
                    f"asrun run {snippet.name}",
                ),
            )
        )
    return project


def drawing(n: int) -> str:
    """Draw what is about as much as a figure with a few curves."""
    places = np.random.default_rng(n).random((6, 40, 2)) * 400
    paths = ("M " + " L ".join(f"{x:.2f} {y:.2f}" for x, y in line) for line in places)
    drawn = "".join(f'<path d="{path}" style="fill: none; stroke: var(--fig-1)"/>' for path in paths)
    return sanitise_svg(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" role="img"><g>{drawn}</g></svg>'
    )


PROSE = """\
## Part {n}

What follows is said of *every* page with some **emphasis**, a [link](page-{next:02}.md), `code`, and a list:

- one thing and another, which takes up a line or two of the page so that there is something to convert;
- a second thing.

| drop | keep |
| ---- | ---- |
| 0.1  | 0.9  |

```python
def share(width):
    return width / (width + 1)
```

!!! note "Remember"
    A box with a sentence in it.

"""


def page(n: int, size: Size) -> str:
    """Write a page: prose, six values and a figure."""
    name = f"share_{n % size.shown:03}"
    parts = [f"# Page {n}\n"]
    for part in range(3):
        parts.append(PROSE.format(n=part, next=(n + 1) % size.pages))
        parts.append(f"The share is {{{{ {name}.share(drop=0.{part + 1}) | .3f }}}}, and the width "
                     f"{{{{ {name}.width }}}}.\n")  # fmt: skip
    parts.append(f"/// figure | {name}\nThe share, number {n}.\n///\n")
    return "\n".join(parts)


def sites(folder: Path, size: Size) -> tuple[Path, Path]:
    """Write a site for asrun, build it once, and write the same site for MkDocs alone.

    In the second one, all that asrun makes of a page stands there as raw HTML, and what it publishes lies under docs.
    """
    project = recorded(folder / "asrun", size.shown, SETTINGS.format(more="plugins: [search, asrun]"))
    for n in range(size.pages):
        (project.docs / f"page-{n:02}.md").write_text(page(n, size), "utf-8")
    done = subprocess.run(ASRUN, cwd=project.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plain = folder / "mkdocs"
    shutil.copytree(project.docs, plain / "docs")
    for inside in ("snippets", "assets/asrun"):
        shutil.copytree(project.site / inside, plain / "docs" / inside)
    heading, rest = article(project.site / "about" / "records" / "index.html").split("</h1>")
    path = plain / "docs" / "about" / "records.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"# {re.sub('<.*?>', '', heading).strip()}\n\n{rest.strip()}\n", "utf-8")
    for n in range(size.pages):
        path = plain / "docs" / f"page-{n:02}.md"
        path.write_text(as_html(path.read_text("utf-8"), project.site / path.stem / "index.html"), "utf-8")
    styles = [f"assets/asrun/{each}.css" for each in ("palette", "fonts", "math", "site")]
    more = f"plugins: [search]\nextra_css: {json.dumps(styles)}\nextra_javascript: [assets/asrun/site.js]"
    (plain / "mkdocs.yml").write_text(SETTINGS.format(more=more), "utf-8")
    return project.root, plain


def article(path: Path) -> str:
    """Return what a finished page says, without what the theme puts around it."""
    return re.search(r"<article[^>]*>(.*)</article>", path.read_text("utf-8"), re.DOTALL)[1]  # type: ignore[index]


def as_html(source: str, finished: Path) -> str:
    """Return a page's Markdown with what asrun made of its values and blocks in their place."""
    said = article(finished)
    values, figures, made = (
        re.findall(pattern, said, re.DOTALL)
        for pattern in (r'<a class="asrun-value".*?</a>', r'<figure class="asrun-figure".*?</figure>',
                        r'<p class="asrun-made">.*?</p>')
    )  # fmt: skip
    source = re.sub(r"\{\{.*?\}\}", lambda _: values.pop(0), source)
    source = re.sub(r"^/// figure.*?^///$", lambda _: figures.pop(0), source, flags=re.DOTALL | re.MULTILINE)
    assert not values and not figures, finished
    return "\n\n".join([source, *made])


ASRUN = [sys.executable, "-m", "asrun.cli", "build"]
MKDOCS = [sys.executable, "-m", "mkdocs", "build", "--quiet"]


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def whole(command: list[str], folder: Path) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def told(times: list[float]) -> dict:
    return {"seconds": round(statistics.median(times), 3), "range": [round(min(times), 3), round(max(times), 3)]}


def conditions_anew(project: Project) -> float:
    """Return the seconds that it takes to compare every record, with nothing read before."""
    syntax.parse.cache_clear()
    module_code.read_code.cache_clear()
    key._file_digest.cache_clear()
    start = time.perf_counter()
    found = conditions.judge_records(project, Store(project), drawn=True)
    seconds = time.perf_counter() - start
    assert {condition.state for condition in found.values()} == {State.FRESH}, found
    return seconds


def status(size: Size, repeats: int, folder: Path) -> dict:
    project = recorded(folder / "status", size.records, SETTINGS.format(more="plugins: [search, asrun]"))
    command = [sys.executable, "-m", "asrun.cli", "status"]
    inside = [conditions_anew(project) for _ in range(repeats)]
    return {
        "work": "status",
        "records": size.records,
        "repeats": repeats,
        "freshness": told(inside),
        "command": told([seconds_of(lambda: whole(command, project.root)) for _ in range(repeats)]),
    }


def build(size: Size, repeats: int, folder: Path) -> dict:
    asrun, mkdocs = sites(folder, size)
    times: dict[str, list[float]] = {"asrun": [], "mkdocs": []}
    # Caches of bytecode and fonts are warm in both.
    whole(MKDOCS, mkdocs)
    for _ in range(repeats):
        times["asrun"].append(seconds_of(lambda: whole(ASRUN, asrun)))
        times["mkdocs"].append(seconds_of(lambda: whole(MKDOCS, mkdocs)))
    ratios = [one / other for one, other in zip(times["asrun"], times["mkdocs"], strict=True)]
    return {
        "work": "build",
        "pages": size.pages,
        "records": size.shown,
        "repeats": repeats,
        "asrun": told(times["asrun"]),
        "mkdocs": told(times["mkdocs"]),
        "no_change_ratio": round(statistics.median(ratios), 3),
        "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
    }


WORKS: dict[str, Callable[[Size, int, Path], dict]] = {"status": status, "build": build}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", choices=WORKS, action="append", help="measure this work only (may be repeated)")
    parser.add_argument("--repeats", type=int, default=5, help="how often everything runs (default: 5)")
    parser.add_argument("--records", type=int, default=Size.records, help="how many records are compared")
    parser.add_argument("--pages", type=int, default=Size.pages, help="how many pages are built")
    arguments = parser.parse_args()
    size = Size(arguments.records, arguments.pages)
    results = []
    with tempfile.TemporaryDirectory(prefix="asrun-bench-") as folder:
        for work in arguments.only or WORKS:
            results.append(WORKS[work](size, arguments.repeats, Path(folder)))
            if not arguments.json:
                tell(results[-1])
    if arguments.json:
        print(json.dumps(results, indent=2))


def tell(result: dict) -> None:
    def line(name: str) -> str:
        low, high = result[name]["range"]
        return f"{result[name]['seconds']:>9.2f} s  ({low:.2f} to {high:.2f})"

    if result["work"] == "status":
        print(f"\nstatus: {result['records']} records, medians of {result['repeats']}")
        print(f"  freshness  {line('freshness')}\n  asrun status{line('command')}")
    else:
        low, high = result["ratio_range"]
        print(f"\nbuild: {result['pages']} pages, {result['records']} records, medians of {result['repeats']}")
        print(f"  asrun build {line('asrun')}\n  mkdocs build{line('mkdocs')}")
        print(f"  no_change_ratio {result['no_change_ratio']:.2f}  ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
