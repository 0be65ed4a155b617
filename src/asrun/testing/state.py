"""What the parts of the plugin share while pytest runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from asrun.context import Context
from asrun.model import Where

__all__ = ["CONTEXT", "MODE", "SLOW", "AsrunItem"]

CONTEXT = pytest.StashKey[Context]()
MODE = pytest.StashKey[str]()
"""`check` or `update`."""
SLOW = "asrun_slow"


class AsrunItem(pytest.Item):
    """A test that fails with a sentence, never with a traceback."""

    where: Where | None = None

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.where.line if self.where else None
        # The place and not the name: pytest would take the full stops of a sentence for those of a Python path.
        return self.path, line - 1 if line else None, str(self.where or self.path)
