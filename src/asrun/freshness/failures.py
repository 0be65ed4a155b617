"""Runs that failed, noted until their author changes what could mend them, or they succeed: none fails twice alike.

A run of a snippet goes by its name, one of a notebook by the notebook's file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.model import Condition, RunName, State
from asrun.project import Project
from asrun.records.store import write_whole

__all__ = ["considered", "forget", "note"]


def note(project: Project, of: RunName | Path, error: AsrunError, tried: dict[str, Any]) -> None:
    """Note that a run failed. Where that cannot be written, the failure itself is still what is told.

    Arguments:
        project: Whose run.
        of: Which one.
        error: Why it failed.
        tried: What an author would change, as it was before the run: it may have been mended while that went on.
    """
    with suppress(OSError):
        write_whole(_file(project, of), json.dumps({"what": error.what.split("\n")[0]} | tried).encode())


def forget(project: Project, of: RunName | Path) -> None:
    """Forget that a run failed."""
    with suppress(OSError):
        _file(project, of).unlink(missing_ok=True)


def considered(
    project: Project, of: RunName | Path, condition: Condition, attempted: Callable[[], dict[str, Any]]
) -> Condition:
    """Return the condition of what has no true record: failed, when its last run was, and nothing has changed since.

    Arguments:
        project: Whose run.
        of: Which one.
        condition: The condition of its record.
        attempted: Returns what a run would be made with now.
    """
    if condition.state not in (State.MISSING, State.STALE):
        return condition
    try:
        noted = dict(json.loads(_file(project, of).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        # There is none, or nobody can tell what it says.
        return condition
    if (what := noted.get("what")) and all(noted.get(part) == value for part, value in attempted().items()):
        return Condition(State.FAILED, f"the last run failed: {what}")
    return condition


def _file(project: Project, of: RunName | Path) -> Path:
    folder = project.cache / "failed"
    if isinstance(of, RunName):
        return folder / f"{of.snippet}-{of.scale}-{of.device}.json"
    # In a folder of its own: a notebook may be called like a run of a snippet.
    return folder / "labs" / f"{of.stem}.json"
