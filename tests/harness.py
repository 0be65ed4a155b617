"""Tiny real projects: a dict of files in, the `asrun` command over them, what it said and wrote out.

site = Site({"snippets/coin.py": COIN}, folder)
assert site.run("run", "coin").code == 0
assert site.record("coin")["values"]["heads"] == 0.5
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from markdown import Markdown

from asrun.cli import main
from asrun.errors import AsrunError
from asrun.freshness.key import code, plot_code, sources
from asrun.freshness.reach import Entry
from asrun.freshness.snippet import find_snippet
from asrun.model import Figure, Provenance, Record, RunName
from asrun.pages.context import Context
from asrun.project import Project, find_project
from asrun.records.store import Store

__all__ = ["ANSWER", "COIN", "Result", "Site", "alive", "eventually", "has_compiler", "provenance", "raised", "record"]

MKDOCS = """\
site_name: Tiny
theme:
  name: material
  font: false
plugins:
  - search
  - asrun
"""

ANSWER = '''\
"""What is the answer?"""

SCALES = {"quick": dict(twice=21)}


def run(*, twice):
    return {"answer": 2 * twice}
'''

COIN = '''\
"""How often does a coin show heads?"""

import numpy as np

SCALES = {"quick": dict(seeds=5)}


def run(*, seeds):
    print("tossed")
    bias = np.array([0.2, 0.5, 0.8])
    heads = bias[:, None] + np.linspace(-0.01, 0.01, seeds)
    return {"bias": bias, "heads": heads, "tosses": 12345, "axes": {"heads": ["bias", "seed"]}}


def plot(result):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot(result["bias"], result["heads"].mean(axis=1))
    figure.set_label("Heads against bias: a straight line.")
    return figure
'''


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class Site:
    """A project made of files.

    Arguments:
        files: Their text by path; `mkdocs.yml` has a default.
        folder: Where to write them.
    """

    def __init__(self, files: Mapping[str, str], folder: Path):
        self.folder = folder.resolve()
        for path, text in {"mkdocs.yml": MKDOCS, **files}.items():
            self.write(path, text)
        for name in ("docs", "snippets"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def write(self, path: str, text: str) -> Path:
        """Write a file; common indentation is taken off."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text), "utf-8", newline="")
        return target

    def read(self, path: str) -> str:
        return (self.folder / path).read_text("utf-8")

    def exists(self, path: str) -> bool:
        return (self.folder / path).exists()

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of text that a file has exactly once."""
        text = self.read(path)
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        self.write(path, text.replace(old, new))

    def files(self) -> dict[str, bytes]:
        """Return every file under snippets/records, by path."""
        records = self.folder / "snippets" / "records"
        return {path.name: path.read_bytes() for path in sorted(records.rglob("*")) if path.is_file()}

    def record(self, name: str, scale: str = "quick", device: str = "cpu") -> dict[str, Any]:
        return json.loads(self.read(f"snippets/records/{name}/{scale}-{device}.json"))

    # In this process: what a test costs is what the command does.

    def run(self, *arguments: str) -> Result:
        """Call the `asrun` command in this process."""
        with self._inside():
            result = CliRunner().invoke(main, arguments, prog_name="asrun", catch_exceptions=False)
        return Result(result.exit_code, _plain(result.stdout), _plain(result.stderr))

    @contextmanager
    def _inside(self) -> Iterator[None]:
        before = Path.cwd()
        environment = dict(os.environ)
        os.environ.update(self._environment())
        os.chdir(self.folder)
        try:
            yield
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(environment)

    def _environment(self) -> dict[str, str]:
        return {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}

    # In a process of its own, as a user does.

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the `asrun` command as a user does, and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "asrun.cli", *arguments],
            cwd=self.folder,
            env=os.environ | self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_as_user(self, *arguments: str) -> Result:
        """Call the `asrun` command in a process of its own."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return Result(process.returncode, _plain(out), _plain(err))

    def pytest(self, *arguments: str) -> Result:
        """Run pytest in the project's folder, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
            | self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Result(done.returncode, _plain(done.stdout), _plain(done.stderr))

    # The parts, without the command.

    @property
    def project(self) -> Project:
        return find_project(self.folder)

    @property
    def store(self) -> Store:
        return Store(self.project)

    def reach(self, name: str) -> dict[str, dict[str, str]]:
        """Return the digests of all that a snippet's `run` can reach."""
        return code(Entry(self.folder / "snippets" / f"{name}.py", "run"), sources(self.project))

    def put(self, name: str, values: dict[str, Any], *, scale: str = "quick", **more: Any) -> Record:
        """Store a record of a snippet as if a run had just returned these values: fresh, and without running it."""
        project = self.project
        snippet = find_snippet(name, project)
        figures = {figure.name: figure for figure in more.pop("figures", ())}
        made = record(
            RunName(name, scale, "cpu"),
            values,
            question=snippet.question,
            parameters=snippet.scales[scale],
            code=self.reach(name),
            figures=figures,
            plot_code=plot_code(project, snippet),
            **more,
        )
        self.store.put(made)
        return made

    def convert(self, text: str, page: str = "docs/index.md", **options: Any) -> str:
        """Convert Markdown with asrun's extension, as any host of Python-Markdown does."""
        extensions = ["admonition", "tables", "fenced_code", "md_in_html", "pymdownx.details", "pymdownx.tabbed"]
        settings = {"asrun": {"context": Context(self.project), "page": page, **options}}
        return Markdown(extensions=[*extensions, "asrun"], extension_configs=settings).convert(textwrap.dedent(text))


def eventually(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Wait until something is so: however long a busy machine takes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def has_compiler() -> bool:
    """Whether torch.compile has a C++ compiler to call, and writes what one takes.

    On a processor without vector instructions, or where PyTorch is told so, it writes what no compiler takes.
    """
    vectors = os.environ.get("ATEN_CPU_CAPABILITY") != "default"
    return vectors and shutil.which(os.environ.get("CXX", "g++")) is not None


def alive(pid: int) -> bool:
    """Whether a process has not ended yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    # A zombie that nobody collects has ended all the same.
    return not (stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def record(run: RunName, values: dict[str, Any], **more: Any) -> Record:
    """Make a record by hand."""
    parts: dict[str, Any] = {
        "question": "What is the answer?",
        "parameters": {},
        "output": "",
        "figures": {},
        "code": {},
        "files": {},
        "plot_code": {},
        "plot_files": {},
        "provenance": provenance(),
    }
    return Record(run=run, values=values, **{**parts, **more})


def provenance() -> Provenance:
    when = datetime(2020, 1, 2, 3, 4, 5).isoformat() + "Z"
    return Provenance(when, 1.5, 64.0, "a processor, 2 cores", {"python": "3.11.7"}, "", "asrun run it")


def figure(name: str = "figure", text: str = "drawn") -> Figure:
    return Figure(name, f'<svg role="img" xmlns="http://www.w3.org/2000/svg"><title>{text}</title></svg>', text)


def raised(function: Any, *arguments: Any, **options: Any) -> str:
    """Call a function that must raise an AsrunError; return what an author is told."""
    try:
        function(*arguments, **options)
    except AsrunError as error:
        return str(error)
    raise AssertionError("nothing was raised")


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
