"""The pytest plugin: what a project's pages say, and that its code still runs, as tests.

Installed with asrun and active in any project whose mkdocs.yml has the asrun plugin. Tests are called as they read:

    docs/lessons/how-much-dropout.md::Dropping nothing is worse than dropping half.
    docs/lessons/how-much-dropout.md::line 41: value drop_rate.test_error(drop=0.5)
    docs/lessons/how-much-dropout.md::line 12: link ../about/records.md
    docs/about/laboratory.md::its Python examples run
    snippets/drop_rate.py::reproduces its record at scale quick
    snippets/drop_rate.py::repeats at scale quick
    docs/labs/turn-the-knob.ipynb::its executed copy is up to date

It also has a fixture, `tiny_project`, for the tests of what is built on asrun: see `asrun.testing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asrun.checks.reading import SUFFIXES
from asrun.errors import AsrunError
from asrun.freshness.snippet import is_snippet
from asrun.pages.context import Context
from asrun.project import Project, read_project
from asrun.pytest_items.code import NotebookFile, SnippetFile
from asrun.pytest_items.pages import PageFile
from asrun.pytest_items.state import CONTEXT, MODE, REPEAT, SLOW, TOLD
from asrun.settings import find_settings
from asrun.values.formats import plural

if TYPE_CHECKING:
    from asrun.testing import TinyProject

__all__ = [
    "pytest_addoption",
    "pytest_collect_file",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_terminal_summary",
    "tiny_project",
]

PROJECT = pytest.StashKey[Project | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add asrun's options."""
    group = parser.getgroup("asrun", "values, claims, snippets and notebooks of pages")
    group.addoption(
        "--asrun",
        choices=("check", "update"),
        default="check",
        help="check: hold pages against the records there are (default); update: first make records and executed "
        "notebooks anew that are not up to date",
    )
    group.addoption(
        "--asrun-slow", action="store_true", help="run snippets and notebooks that take long, too (marked asrun_slow)"
    )
    group.addoption(
        "--asrun-repeat",
        action="store_true",
        help="run snippets twice, too, and compare every bit: finds what no seed decides (marked asrun_repeat)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of long runs."""
    config.addinivalue_line("markers", "asrun_slow: runs a snippet or a notebook that takes long; see --asrun-slow")
    config.addinivalue_line("markers", "asrun_repeat: runs a snippet twice and compares every bit; see --asrun-repeat")
    config.stash[MODE] = config.getoption("--asrun")
    config.stash[PROJECT] = _project(config)
    named = any("::repeats at scale" in argument for argument in config.args)
    config.stash[REPEAT] = config.getoption("--asrun-repeat") or named or "asrun_repeat" in _marks(config)


def _marks(config: pytest.Config) -> str:
    return config.getoption("-m") or ""


def _project(config: pytest.Config) -> Project | None:
    """Return the project whose folder pytest runs in, if it has the plugin.

    Raises:
        pytest.UsageError: when that cannot be found out, in a project that may have it: no tests are not green.
    """
    file = find_settings(config.rootpath)
    if file is None:
        return None
    try:
        project = read_project(file)
    except AsrunError as error:
        if any(name in file.read_bytes() for name in (b"asrun", b"INHERIT")):
            raise pytest.UsageError(f"asrun: {error}") from error
        return None
    return project if project.uses_asrun else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the pages and notebooks under docs/, the decks under slides/, and the snippets."""
    if file_path.suffix not in (*SUFFIXES, ".py", ".ipynb"):
        return None
    project = parent.config.stash[PROJECT]
    if project is None:
        return None
    kind: type[pytest.File]
    if file_path.suffix in SUFFIXES and file_path.is_relative_to(project.docs):
        kind = PageFile
    elif file_path.name.startswith("_"):
        return None
    elif file_path.suffix == ".py" and file_path.parent == project.snippets and is_snippet(file_path, project):
        kind = SnippetFile
    elif file_path.suffix == ".md" and file_path.parent == project.slides:
        kind = PageFile
    elif file_path.suffix == ".ipynb" and file_path.is_relative_to(project.docs):
        kind = NotebookFile
    else:
        return None
    if CONTEXT not in parent.config.stash:
        parent.config.stash[CONTEXT] = Context(project)
    return kind.from_parent(parent, path=file_path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long runs out, unless they are asked for."""
    if config.getoption("--asrun-slow") or "asrun_slow" in _marks(config):
        return
    left_out = [item for item in items if item.get_closest_marker(SLOW)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell in a line each which snippets return something else where nobody looks: that is no failure."""
    reports = [report for report in terminalreporter.stats.get("passed", []) if report.when == "call"]
    for report in reports:
        told = next((text for title, text in report.sections if TOLD in title), "")
        if told:
            count = plural(len(told.split("\n")), "value")
            terminalreporter.write_line(f"{report.nodeid}: {count} that nobody cites differ: pytest -rP tells which")


@pytest.fixture
def tiny_project(tmp_path: Path) -> Callable[[Mapping[str, str]], TinyProject]:
    """Make a tiny project of some files, in a folder of its own: `tiny_project({"docs/index.md": "# Hello"})`."""
    # A project that only tests its pages does not pay for it.
    from asrun.testing import TinyProject

    def make(files: Mapping[str, str]) -> TinyProject:
        return TinyProject(files, tmp_path / "project")

    return make
