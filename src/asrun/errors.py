"""One kind of error for everything that an author can cause: what happened, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable
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
        cause: What it comes of, where that may be met in many places: it is one problem all the same.
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
        super().__init__(what)
        self.what, self.where, self.remedy, self.exit_code = what, where, remedy, exit_code
        self.cause = cause

    @property
    def sentence(self) -> str:
        """Where it is and what, without what to do about it."""
        return f"{self.where}: {self.what}" if self.where else self.what

    def __str__(self) -> str:
        return self.sentence + (f"\n    {self.remedy}" if self.remedy else "")


class Problems(AsrunError):
    """Several errors found in one pass, so that an author mends them in one pass too."""

    PLACES = 4
    """So many places of one problem are named, where not all of them are asked for."""

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
            places = list(dict.fromkeys(str(each.where) for each in others if each.where and each.where != first.where))
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
