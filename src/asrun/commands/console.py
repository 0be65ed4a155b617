"""What every command prints to, and in which colours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from asrun.formats import format_seconds
from asrun.model import Condition, Record, State

__all__ = ["cost", "err", "out", "progress", "state"]

# Piped output is for programs and logs: nothing is folded there.
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_COLOURS = {
    State.FRESH: "green",
    State.MISSING: "yellow",
    State.STALE: "yellow",
    State.FAILED: "red",
    State.UNUSED: "dim",
}


@contextmanager
def progress() -> Iterator[Callable[[str, str], Any]]:
    """Show the latest news of whatever is running, on one line that is rewritten."""
    if not err.is_terminal:
        yield lambda name, text: None
        return
    with Status("", console=err, spinner="dots") as status:
        yield lambda name, text: status.update(f"{name}  {_clip(text)}")


def _clip(text: str) -> str:
    width = max(20, err.width - 40)
    return escape(text[:width])


def cost(record: Record) -> str:
    """Say what a record took: `24 s on AMD EPYC, 2 cores, 2026-11-21`."""
    made = record.provenance
    return f"{format_seconds(made.seconds)} on {made.device}, {made.when[:10]}"


def state(condition: Condition) -> str:
    """Return a state's name in its colour."""
    return f"[{_COLOURS[condition.state]}]{condition.state}[/]"
