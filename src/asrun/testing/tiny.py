"""A project of a few files, and the `asrun` command over it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from markdown import Markdown

from asrun.cli import main
from asrun.freshness.executed import Entry
from asrun.freshness.key import possible_code, sources, with_style
from asrun.freshness.snippet import find_snippet
from asrun.model import Record, RunName
from asrun.pages.context import Context
from asrun.project import Project, find_project
from asrun.records.store import Store
from asrun.testing.handmade import make_record
from asrun.testing.sources import MKDOCS

__all__ = ["Result", "TinyProject"]

_TERMINAL = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
_HOST = ("admonition", "tables", "fenced_code", "md_in_html", "pymdownx.details", "pymdownx.tabbed")
"""Extensions that a site has beside asrun's."""


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    """How it ended; 0 is well."""
    out: str
    """What it printed, without colours."""
    err: str
    """What it printed to standard error, without colours."""

    @property
    def text(self) -> str:
        """All that it printed."""
        return self.out + self.err


class TinyProject:
    """A project made of files, in a folder of its own.

    Arguments:
        files: Their text by path. `mkdocs.yml` has a default, `MKDOCS`; common indentation is taken off.
        folder: Where to write them. It is made if it is not there.
    """

    folder: Path
    """Where they are; absolute."""

    def __init__(self, files: Mapping[str, str], folder: Path):
        self.folder = folder.resolve()
        for path, text in {"mkdocs.yml": MKDOCS, **files}.items():
            self.write(path, text)
        for name in ("docs", "snippets"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    # Its files

    def write(self, path: str, text: str) -> Path:
        """Write a file, over one that is there.

        Arguments:
            path: Where, from the project's folder.
            text: What; common indentation is taken off.

        Returns:
            Where that is.
        """
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text), "utf-8", newline="")
        return target

    def read(self, path: str) -> str:
        """Return a file's text.

        Arguments:
            path: Where, from the project's folder.
        """
        return (self.folder / path).read_text("utf-8")

    def exists(self, path: str) -> bool:
        """Say whether there is such a file or folder.

        Arguments:
            path: Where, from the project's folder.
        """
        return (self.folder / path).exists()

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of text that a file has exactly once.

        Arguments:
            path: Where, from the project's folder.
            old: The piece.
            new: What is to stand there.

        Raises:
            AssertionError: when it has it more often, or not at all.
        """
        text = self.read(path)
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        self.write(path, text.replace(old, new))

    # The command

    def run(self, *arguments: str) -> Result:
        """Call the `asrun` command in this process: what a test costs is what the command does.

        The working folder and the environment are as before when it is over.

        Arguments:
            *arguments: What stands behind `asrun` on the command line.
        """
        with self._inside():
            result = CliRunner().invoke(main, arguments, prog_name="asrun", catch_exceptions=False)
        return Result(result.exit_code, _plain(result.stdout), _plain(result.stderr))

    @contextmanager
    def _inside(self) -> Iterator[None]:
        before = Path.cwd()
        environment = dict(os.environ)
        os.environ.update(_TERMINAL)
        os.chdir(self.folder)
        try:
            yield
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(environment)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the `asrun` command in a process of its own, and leave it running.

        Arguments:
            *arguments: What stands behind `asrun` on the command line.
        """
        return subprocess.Popen(
            [sys.executable, "-m", "asrun.cli", *arguments],
            cwd=self.folder,
            env=os.environ | _TERMINAL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_subprocess(self, *arguments: str) -> Result:
        """Call the `asrun` command in a process of its own, as a user does.

        Arguments:
            *arguments: What stands behind `asrun` on the command line.

        Raises:
            subprocess.TimeoutExpired: after two minutes.
        """
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Result(process.returncode, _plain(out), _plain(err))

    def run_pytest(self, *arguments: str) -> Result:
        """Run pytest over the project, in a process of its own.

        Arguments:
            *arguments: What stands behind `pytest` on the command line.

        Raises:
            subprocess.TimeoutExpired: after two minutes.
        """
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | _TERMINAL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Result(done.returncode, _plain(done.stdout), _plain(done.stderr))

    # Its parts, without the command

    @property
    def project(self) -> Project:
        """The project, with the settings that its `mkdocs.yml` has now."""
        return find_project(self.folder)

    @property
    def store(self) -> Store:
        """Its records."""
        return Store(self.project)

    def put(self, name: str, values: Mapping[str, Any], *, scale: str = "quick", **fields: Any) -> Record:
        """Store a record of a snippet as if a run had just returned these values: fresh, and without running it.

        Arguments:
            name: The snippet's.
            values: What its `run` is to have returned.
            scale: One of its scales.
            **fields: Any other field of a Record; `figures` is a sequence of figures.

        Returns:
            The record.

        Raises:
            AsrunError: when there is no such snippet, or it cannot be read.
            KeyError: when it has no such scale.
        """
        project = self.project
        snippet = find_snippet(name, project)
        figures = {figure.name: figure for figure in fields.pop("figures", ())}
        read = sources(project)
        code, ran = possible_code(Entry(snippet.path, "run"), read)
        made = make_record(
            RunName(name, scale, "cpu"),
            values,
            question=snippet.question,
            parameters=snippet.scales[scale],
            code=code,
            ran=ran,
            figures=figures,
            plot_code=with_style(code, read) if snippet.plots else {},
            plot_ran=ran if snippet.plots else {},
            **fields,
        )
        self.store.put(made)
        return made

    def record_json(self, name: str, scale: str = "quick", device: str = "cpu") -> Any:
        """Return what the file of a record says.

        Arguments:
            name: The snippet's.
            scale: One of its scales.
            device: The device class.
        """
        return json.loads(self.read(f"snippets/records/{name}/{scale}-{device}.json"))

    def record_files(self) -> dict[str, bytes]:
        """Return all files of all records, by name."""
        records = self.folder / "snippets" / "records"
        return {path.name: path.read_bytes() for path in sorted(records.rglob("*")) if path.is_file()}

    def convert(self, text: str, page: str = "docs/index.md", **options: Any) -> str:
        """Convert Markdown with asrun's extension, as any host of Python-Markdown does.

        Arguments:
            text: Markdown; common indentation is taken off.
            page: The file that it is to come from: links and errors go by that.
            **options: Of the extension.

        Returns:
            HTML.

        Raises:
            AsrunError: when the page says what no record bears out; Problems, when there are several.
        """
        settings = {"asrun": {"context": Context(self.project), "page": page, **options}}
        return Markdown(extensions=[*_HOST, "asrun"], extension_configs=settings).convert(textwrap.dedent(text))


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
