"""What every command prints to, and in which colours."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
def progress() -> Iterator[Callable[[str, str], None]]:
    """Show the latest news of whatever is running, a line for each with its time; empty news takes the line away."""
    if not err.is_terminal:
        yield lambda name, text: None
        return
    news: dict[str, tuple[float, str]] = {}

    def tell(name: str, text: str) -> None:
        if text:
            began, _ = news.get(name, (time.monotonic(), ""))
            news[name] = (began, text)
        else:
            news.pop(name, None)
        status.update("\n".join(_line(each, *told) for each, told in news.items()))

    with Status("", console=err, spinner="dots") as status:
        yield tell


def _line(name: str, began: float, text: str) -> str:
    width = max(20, err.width - len(name) - 20)
    return f"{name}  {format_seconds(time.monotonic() - began)}  {escape(text[:width])}"


def cost(record: Record) -> str:
    """Say what a record took: `24 s on AMD EPYC, 2 cores, 2026-11-21`."""
    made = record.provenance
    return escape(f"{format_seconds(made.seconds)} on {made.device}, {made.when[:10]}")


def state(condition: Condition) -> str:
    """Return a state's name in its colour."""
    return f"[{_COLOURS[condition.state]}]{condition.state}[/]"
