"""What the parts of the plugin share while pytest runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from asrun.checks.reading import Read, list_pages, read_deck, read_page
from asrun.model import Where
from asrun.pages.context import Context

__all__ = ["CONTEXT", "MODE", "REPEAT", "SLOW", "TOLD", "AsrunItem", "read", "read_all"]

CONTEXT = pytest.StashKey[Context]()
MODE = pytest.StashKey[str]()
"""`check` or `update`."""
REPEAT = pytest.StashKey[bool]()
"""Whether snippets are run twice, to see whether they repeat."""
SLOW = "asrun_slow"
TOLD = "differs from the record, and nobody cites it"
"""Heads the section of a report that tells what is no failure."""
_READ = pytest.StashKey[dict[Path, Read]]()


def read(config: pytest.Config, path: Path) -> Read:
    """Read a page or a deck once, whoever asks."""
    context = config.stash[CONTEXT]
    known = config.stash.setdefault(_READ, {})
    if path not in known:
        reader = read_page if path.is_relative_to(context.project.docs) else read_deck
        known[path] = reader(path, context)
    return known[path]


def read_all(config: pytest.Config) -> list[Read]:
    """Read every page and deck of the project, each once."""
    project = config.stash[CONTEXT].project
    return [read(config, path) for path in (*list_pages(project), *project.decks)]


class AsrunItem(pytest.Item):
    """A test that fails with a sentence, never with a traceback."""

    where: Where | None = None

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.where.line if self.where else None
        # The place and not the name: pytest would take the full stops of a sentence for those of a Python path.
        return self.path, line - 1 if line else None, str(self.where or self.path)
