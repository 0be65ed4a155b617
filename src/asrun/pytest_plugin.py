"""The pytest plugin: what a project's pages say, and that its code still runs, as tests.

Installed with asrun and active in any project whose mkdocs.yml has the asrun plugin. Tests are called as they read:

    docs/lessons/how-much-dropout.md::Dropping nothing is worse than dropping half.
    docs/lessons/how-much-dropout.md::line 41: value drop_rate.test_error(drop=0.5)
    docs/lessons/how-much-dropout.md::line 12: link ../about/records.md
    docs/about/laboratory.md::its Python examples run
    snippets/drop_rate.py::runs at scale quick
    docs/labs/turn-the-knob.ipynb::its executed copy is up to date
"""

from __future__ import annotations

from pathlib import Path

import pytest

from asrun.context import Context
from asrun.errors import AsrunError
from asrun.pages import SUFFIXES
from asrun.project import Project, find_project
from asrun.testing.code import NotebookFile, SnippetFile
from asrun.testing.pages import PageFile
from asrun.testing.state import CONTEXT, MODE, SLOW

__all__ = ["pytest_addoption", "pytest_collect_file", "pytest_collection_modifyitems", "pytest_configure"]


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


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of long runs."""
    config.addinivalue_line("markers", "asrun_slow: runs a snippet or a notebook that takes long; see --asrun-slow")
    config.stash[MODE] = config.getoption("--asrun")


def _project(config: pytest.Config) -> Project | None:
    try:
        project = find_project(config.rootpath)
    except AsrunError:
        return None
    return project if project.root == config.rootpath and project.uses_asrun else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the pages and notebooks under docs/, the decks under slides/, and the snippets."""
    if file_path.suffix not in (*SUFFIXES, ".py", ".ipynb"):
        return None
    project = _project(parent.config)
    if project is None:
        return None
    kind: type[pytest.File]
    if file_path.suffix in SUFFIXES and file_path.is_relative_to(project.docs):
        kind = PageFile
    elif file_path.name.startswith("_"):
        return None
    elif file_path.suffix == ".py" and file_path.parent == project.snippets:
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
    if config.getoption("--asrun-slow") or "asrun_slow" in (config.getoption("-m") or ""):
        return
    left_out = [item for item in items if item.get_closest_marker(SLOW)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
