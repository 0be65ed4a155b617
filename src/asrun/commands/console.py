"""What every command prints to, and in which colours."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from asrun.errors import visible
from asrun.model import Condition, Record, State


@contextmanager
def _without_threads() -> Iterator[None]:
    """Let NumPy start no threads when it is loaded: that takes longer than all the rest of it.

    A command reads records and multiplies no matrices. What it runs is in other processes, whose environment is as it
    was.
    """
    name = "OPENBLAS_NUM_THREADS"
    if name in os.environ or "numpy" in sys.modules:
        yield
        return
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]


with _without_threads():
    from asrun.values.formats import format_seconds

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["cost", "err", "escape", "out", "progress", "spell_out", "state"]

_TAG = re.compile(r"(\\*)(\[[a-z#/@][^[]*?])")
"""What Rich takes for a tag, and the backslashes before it."""

GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET, errno.ESHUTDOWN, *([errno.EINVAL] if sys.platform == "win32" else []))
"""What is told when nobody reads any more: a pipe that was closed, a terminal."""

_COLOURED_ANYWAY = ("FORCE_COLOR", "TTY_COMPATIBLE")
"""Variables by which Rich is told that a pipe ends in something that shows colours."""


def escape(text: str) -> str:
    """Return text in which nothing is taken for a tag."""
    escaped = _TAG.sub(r"\1\1\\\2", text)
    return escaped + "\\" if escaped.endswith("\\") and not escaped.endswith("\\\\") else escaped


def without_tags(text: str) -> str:
    """Return what Rich would print of marked text where there are no colours."""
    if "[" not in text:
        return text
    made, at = "", 0
    for tag in _TAG.finditer(text):
        backslashes, escaped = divmod(len(tag[1]), 2)
        # Between tags a bracket may be escaped though it starts none.
        made += text[at : tag.start()].replace("\\[", "[") + "\\" * backslashes + (tag[2] if escaped else "")
        at = tag.end()
    return made + text[at:].replace("\\[", "[")


class Output:
    """Where a command prints to. Rich, which takes a while to load, is loaded only where it has something to do.

    Arguments:
        stderr: Whether this is standard error.
    """

    def __init__(self, *, stderr: bool = False):
        self.stderr = stderr
        self._gone: TextIO | None = None

    @property
    def stream(self) -> TextIO | None:
        """What the name stands for now: tests and hosts put others in its place, and a shell may leave none."""
        return sys.stderr if self.stderr else sys.stdout

    @cached_property
    def rich(self) -> Console:
        from rich.console import Console
        from rich.text import Text

        class Careful(Console):
            """Shows what a text is made of, in the cells of tables too, and leaves a closed pipe to whoever prints."""

            def render_str(self, text: str, **options: Any) -> Text:
                return super().render_str(visible(text), **options)

            def on_broken_pipe(self) -> None:
                # By itself, Rich would end the program.
                raise BrokenPipeError(errno.EPIPE, "nobody reads any more")

        # Piped output is for programs and logs: nothing is folded there.
        width = None if self.stderr or (self.stream and self.stream.isatty()) else 240
        return Careful(stderr=self.stderr, highlight=False, soft_wrap=True, emoji=False, width=width)

    @property
    def is_terminal(self) -> bool:
        """Whether colours are shown, and lines can be written over."""
        coloured = any(os.environ.get(name) for name in _COLOURED_ANYWAY)
        return self.stream is not None and (self.stream.isatty() or coloured) and self.rich.is_terminal

    @property
    def width(self) -> int:
        return self.rich.width

    def print(self, what: Any, *, markup: bool = True, style: str | None = None) -> None:
        """Print a line of text, with Rich's tags in it if `markup`, or anything else that Rich can show.

        What nobody reads any more (`asrun run | head -1`) is not printed; the command goes on.
        """
        if isinstance(what, str) and not self.is_terminal:
            text = without_tags(what) if markup else what
            self.write(visible(text))
        else:
            self.unless_gone(lambda: self.rich.print(what, markup=markup, style=style))

    def write(self, text: str) -> None:
        """Write a line of text as it is, also on a terminal."""

        def write() -> None:
            if stream := self.stream:
                stream.write(text + "\n")
                # In order with what others write, and told while it happens.
                stream.flush()

        self.unless_gone(write)

    def unless_gone(self, act: Callable[[], None]) -> None:
        """Print by calling a function, as long as anybody reads."""
        if self._gone and self._gone is self.stream:
            return
        try:
            act()
        except OSError as error:
            if error.errno not in GONE:
                raise
            self.close()

    def close(self) -> None:
        """Print nothing any more: whoever read it is gone."""
        self._gone = self.stream
        # What is left in Python's own buffers would be complained of when the command ends.
        with suppress(OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._gone.fileno() if self._gone else nothing)
            os.close(nothing)


out, err = Output(), Output(stderr=True)


def spell_out() -> None:
    r"""Let signs that a terminal or a pipe has no code for be spelled out (`\u2192`), not end the command.

    Windows gives pipes the code page of the country, and an old terminal has ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


_COLOURS = {
    State.FRESH: "green",
    State.MISSING: "yellow",
    State.STALE: "yellow",
    State.FAILED: "red",
    State.UNUSED: "dim",
    State.BROKEN: "red",
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
        lines = "\n".join(_line(each, *told) for each, told in list(news.items()))
        err.unless_gone(lambda: status.update(lines))

    from rich.status import Status

    status = Status("", console=err.rich, spinner="dots")
    # To whoever is there: a terminal that was closed ends nothing.
    err.unless_gone(status.start)
    try:
        yield tell
    finally:
        err.unless_gone(status.stop)


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
