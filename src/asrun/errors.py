"""One kind of error for everything that an author can cause: what happened, where, and what to do next."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Hashable, Iterable
from enum import IntEnum
from typing import Any

from asrun.model import Where

__all__ = ["AsrunError", "Exit", "Problems", "did_you_mean", "quoted", "visible"]


class Exit(IntEnum):
    """Exit codes of the `asrun` command."""

    OK = 0
    """All is well."""
    FAILED = 1
    """A run, a check or a build failed; the message says which and why."""
    USAGE = 2
    """The command line was not understood (Click's own code)."""
    STALE = 3
    """`asrun status` found records that are not fresh, or `--no-run` needed one that is not."""
    INTERRUPTED = 130
    """Ctrl-C; what was finished is kept."""


_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""What moves a terminal's cursor, turns text around, has no width, or is half a character."""

_WIDEST = 600
"""Characters of one line of a message: what is quoted in it may be of any length."""


def visible(text: str) -> str:
    """Return text that shows what it is made of: characters that act on other text are written as Python writes them.

    Colours are taken out; line ends and tabs stay.
    """
    text = _COLOUR.sub("", text.replace("\r\n", "\n"))
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def _cut(text: str, most: int) -> str:
    """Take the middle out of a line that is too long: what is said stands at its ends."""
    return text if len(text) <= most else f"{text[: most * 2 // 3]} … {text[-most // 4 :]}"


class _Legible:
    """A text of an error: whatever it quotes, it can be read, and is not too much."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"_{name}"

    def __get__(self, error: AsrunError, owner: type | None = None) -> str:
        return str(getattr(error, self.name))

    def __set__(self, error: AsrunError, text: str) -> None:
        lines = [_cut(line, _WIDEST) for line in visible(text).split("\n")]
        if error.longest and len(lines) > error.longest:
            half = error.longest // 2
            lines = [*lines[:half], f"… {len(lines) - 2 * half} lines …", *lines[-half:]]
        setattr(error, self.name, "\n".join(lines))


class AsrunError(Exception):
    """Something that an author can mend. What it is made with are its attributes; as text it is all that they say.

    Arguments:
        what: One sentence: what is wrong.
        where: The place, where there is one.
        remedy: What to type or change next.
        exit_code: What the command exits with.
        cause: What it comes of, where that may be met in many places: it is one problem all the same.

    Examples:
        >>> try:
        ...     Context(find_project()).evaluate("coin.tails")
        ... except AsrunError as error:
        ...     print(error)
        coin (quick, cpu) has no value called tails
            it has: bias, heads, tosses
    """

    def __init__(
        self,
        what: str,
        *,
        where: Where | None = None,
        remedy: str | None = None,
        exit_code: Exit = Exit.FAILED,
        cause: Hashable | None = None,
    ):
        self.what, self.remedy = what, remedy or ""
        self.where, self.exit_code, self.cause = where, exit_code, cause
        super().__init__(self.what)

    what, remedy = _Legible(), _Legible()
    longest = 200
    """Lines of a text; what a run printed last may be among them."""

    @property
    def sentence(self) -> str:
        """Where it is and what, without what to do about it."""
        return f"{visible(str(self.where))}: {self.what}" if self.where else self.what

    def __str__(self) -> str:
        return self.sentence + (f"\n    {self.remedy}" if self.remedy else "")


class Problems(AsrunError):
    """Several errors found in one pass, so that an author mends them in one pass too.

    Arguments:
        errors: At least one.
    """

    errors: list[AsrunError]
    """All of them, in the order in which they were found."""

    PLACES = 4
    """So many places of one problem are named, where not all of them are asked for."""
    longest = 0
    """As many lines as they have."""

    def __init__(self, errors: Iterable[AsrunError]):
        self.errors = list(errors)
        super().__init__(self.told(self.PLACES), exit_code=max(error.exit_code for error in self.errors))

    def told(self, most: int | None = None) -> str:
        """Say what is wrong: one problem that is met in many places once, with its places.

        Arguments:
            most: How many of them to name; all of them by default.
        """
        groups: dict[Hashable, list[AsrunError]] = {}
        for at, error in enumerate(self.errors):
            groups.setdefault(at if error.cause is None else ("cause", error.cause), []).append(error)
        lines = []
        for first, *others in groups.values():
            lines.append(str(first))
            places = list(
                dict.fromkeys(visible(str(each.where)) for each in others if each.where not in (None, first.where))
            )
            if most is not None and len(places) > most:
                left = len(places) - most + 1
                places[most - 1 :] = [f"{left} more place{'s' * (left > 1)}"]
            if places:
                *rest, last = places
                lines.append("    also at " + (f"{', '.join(rest)} and {last}" if rest else last))
        count = len(groups)
        if len(self.errors) > 1:
            spread = f", in {len(self.errors)} places" if len(self.errors) > count else ""
            lines.append(f"{count} problem{'s' * (count > 1)}{spread}")
        return "\n".join(lines)


_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2


def quoted(value: Any) -> str:
    """Return what an author gave where something else was wanted, in a few characters, however large it is."""
    try:
        return _SHORT.repr(value)
    except ValueError:
        return "a number of thousands of digits"


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str, within: str = "") -> str:
    """Return the remedy for a name that nobody has: the nearest one there is, or what to say when none is near.

    Arguments:
        name: What was asked for.
        known: The names there are.
        otherwise: What introduces them all, as in "it has: a, b".
        within: What stands before the name where it is written, as in `coin.`.
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {within}{near[0]}?" if near else otherwise
