"""One kind of error for everything that an author can cause: what happened, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum

from asrun.model import Where

__all__ = ["AsrunError", "Exit", "Problems", "did_you_mean"]


class Exit(IntEnum):
    """Exit codes of the `asrun` command."""

    OK = 0
    FAILED = 1
    """A run, a check or a build failed; the message says which and why."""
    USAGE = 2
    """The command line was not understood (Click's own code)."""
    STALE = 3
    """`asrun status` found records that are not fresh, or `--no-run` needed one that is not."""
    INTERRUPTED = 130
    """Ctrl-C; what was finished is kept."""


class AsrunError(Exception):
    """Something that an author can mend.

    Arguments:
        what: One sentence: what is wrong.
        where: The place, where there is one.
        remedy: What to type or change next.
        exit_code: What the command exits with.
    """

    def __init__(
        self, what: str, *, where: Where | None = None, remedy: str | None = None, exit_code: Exit = Exit.FAILED
    ):
        super().__init__(what)
        self.what, self.where, self.remedy, self.exit_code = what, where, remedy, exit_code

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}" + (f"\n    {self.remedy}" if self.remedy else "")


class Problems(AsrunError):
    """Several errors found in one pass, so that an author mends them in one pass too."""

    def __init__(self, errors: Iterable[AsrunError]):
        self.errors = list(errors)
        count = len(self.errors)
        super().__init__(
            "\n".join(str(error) for error in self.errors) + (f"\n{count} problems" if count > 1 else ""),
            exit_code=max(error.exit_code for error in self.errors),
        )


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
