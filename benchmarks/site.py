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
import os
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

from asrun import definitions, fingerprint, freshness
from asrun.context import Context
from asrun.key import code, plot_code
from asrun.model import Figure, Provenance, Record, RunName, State
from asrun.pages import read_all
from asrun.project import Project, find_project
from asrun.snippet import list_snippets
from asrun.store import Store

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
            "training": "\n\ndef train(net, examples, seeds):\n    return training_15(examples) * np.ones((seeds, 9))\n",
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
    store = Store(project)
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
        store.put(
            Record(
                run=RunName(snippet.name, "quick", "cpu"),
                question=snippet.question,
                parameters=snippet.scales["quick"],
                values=values,
                output="done",
                figures={"figure": Figure("figure", drawing(n), f"The share number {n}.")},
                code=code(project, snippet.path, "run"),
                files={data: fingerprint.file_digest(project.root / data)},
                plot_code=plot_code(project, snippet),
                plot_files={},
                provenance=Provenance("2026-01-02T03:04:05Z", 1.5, 64.0, "a processor, 2 cores", {"python": "3.11"},
                                      "", f"asrun run {snippet.name}"),
            )  # fmt: skip
        )
    return project


def drawing(n: int) -> str:
    """Draw what is about as much as a figure with a few curves."""
    places = np.random.default_rng(n).random((6, 40, 2)) * 400
    paths = ("M " + " L ".join(f"{x:.2f} {y:.2f}" for x, y in line) for line in places)
    drawn = "".join(f'<path d="{path}" style="fill: none; stroke: var(--fig-1)"/>' for path in paths)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" role="img"><g>{drawn}</g></svg>'


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


def sites(folder: Path, size: Size) -> tuple[Project, Path]:
    """Write a site for asrun, build it once, and write the same site for MkDocs alone.

    In the second one, all that asrun makes of a page stands in the page as raw HTML, and files that it publishes lie
    under docs.
    """
    project = recorded(folder / "asrun", size.shown, SETTINGS.format(more="plugins: [search, asrun]"))
    for n in range(size.pages):
        (project.docs / f"page-{n:02}.md").write_text(page(n, size))
    done = subprocess.run(command("asrun.cli", "build", "--no-run"), cwd=project.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plain = folder / "mkdocs"
    shutil.copytree(project.docs, plain / "docs")
    for path in project.site.rglob("*"):
        inside = path.relative_to(project.site)
        if path.is_file() and inside.parts[0] in ("snippets", "assets") and (
            inside.parts[0] == "snippets" or inside.parts[:2] == ("assets", "asrun")
        ):  # fmt: skip
            (plain / "docs" / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, plain / "docs" / inside)
    for name in ("records", "references"):
        if not (plain / "docs" / f"{name}.md").exists() and (project.site / name).is_dir():
            (plain / "docs" / f"{name}.md").write_text("# " + name.title() + "\n\n" + article(project.site / name))
    for n in range(size.pages):
        path = plain / "docs" / f"page-{n:02}.md"
        path.write_text(replaced(path.read_text(), article(project.site / path.stem)))
    styles = [f"assets/asrun/{each}.css" for each in ("palette", "fonts", "math", "site")]
    more = f"plugins: [search]\nextra_css: {json.dumps(styles)}\nextra_javascript: [assets/asrun/site.js]"
    (plain / "mkdocs.yml").write_text(SETTINGS.format(more=more))
    return project, plain
