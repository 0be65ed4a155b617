"""Regular expressions that authors give: matched for so long, and not for ever.

What repeats a repetition can take longer than anybody lives to be found not to match. The standard library cannot be
told to stop; the `regex` package, which reads the same expressions, can.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from asrun.errors import AsrunError
from asrun.model import Where

if TYPE_CHECKING:
    from regex import Match

__all__ = ["Pattern"]

SECONDS = 5.0
"""How long the processor may work on one pattern, all texts together."""

_LONGEST = 2000
"""Characters of a pattern."""

Found = TypeVar("Found")


class Pattern:
    """A regular expression that has only so much time for all that it is asked.

    Arguments:
        text: The expression.
        name: What messages call it.
        where: The file that has it.
        otherwise: What an author can do who does not want to mend it.
        flags: The flags of `re`.

    Raises:
        AsrunError: when it is no regular expression.
    """

    def __init__(self, text: str, name: str, where: Where, *, otherwise: str = "", flags: int = 0):
        # Imported here: few projects have patterns, and it takes its time to load.
        import regex

        self.name, self.where, self.left = name, where, SECONDS
        try:
            if len(text) > _LONGEST:
                raise ValueError(f"it has more than {_LONGEST} characters")
            self._compiled = regex.compile(text, flags)
        except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
            why = "it is nested too deep" if isinstance(error, (RecursionError, MemoryError)) else error
            raise AsrunError(
                f"{name} is not a regular expression: {why}", where=where, remedy="mend it" + otherwise
            ) from None
        self._otherwise = otherwise

    def __repr__(self) -> str:
        return f"Pattern({self._compiled.pattern!r}, {self.name!r}, flags={self._compiled.flags})"

    def find(self, text: str, start: int = 0) -> list[Match[str]]:
        """Return all matches."""
        return self._in_time(lambda left: list(self._compiled.finditer(text, start, timeout=left)))

    def search(self, text: str, start: int, end: int) -> Match[str] | None:
        """Return the first match."""
        return self._in_time(lambda left: self._compiled.search(text, start, end, timeout=left))

    def sub(self, replace: Callable[[Any], str], text: str) -> str:
        """Return a text in which all matches are replaced."""
        return self._in_time(lambda left: self._compiled.sub(replace, text, timeout=left))

    def _in_time(self, match: Callable[[float], Found]) -> Found:
        began = time.process_time()
        try:
            if self.left > 0:
                return match(self.left)
        except TimeoutError:
            pass
        finally:
            self.left -= time.process_time() - began
        self.left = 0
        raise AsrunError(
            f"{self.name} takes too long to find out what it matches",
            where=self.where,
            remedy="write it so that it can match a text in one way only, without a repetition of a repetition"
            + self._otherwise,
        )
