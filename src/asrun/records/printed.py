"""What a run printed, cut to what somebody would read: its beginning and its end, with a note of what is left out."""

from __future__ import annotations

from dataclasses import replace

from asrun.model import Record
from asrun.values.formats import describe

__all__ = ["shorten", "shortened"]

LONGEST_LINE = 2000
"""Characters of a line."""


def shorten(text: str, lines: int) -> tuple[str, str]:
    """Cut a text; one that was cut is not cut again.

    Arguments:
        text: What was printed.
        lines: How many lines are kept, the note among them.

    Returns:
        The text, and what was left out of it: empty when it is whole.
    """
    told = text.split("\n")
    left = len(told) - lines + 1 if len(told) > lines else 0
    if left:
        first = lines // 2
        told = [*told[:first], f"… {describe(left)} lines left out …", *told[first + left :]]
    cut = 0
    for at, line in enumerate(told):
        if len(line) > LONGEST_LINE:
            more = len(line) - LONGEST_LINE + 50
            cut += more
            first = LONGEST_LINE * 3 // 4
            told[at] = f"{line[:first]} … {describe(more)} characters left out … {line[first + more :]}"
    counts = [f"{describe(count)} {what}" for count, what in ((left, "lines"), (cut, "characters")) if count]
    return ("\n".join(told), " and ".join(counts)) if counts else (text, "")


def shortened(record: Record, lines: int) -> Record:
    """Return the record of a run with what it printed cut, and a remark that says so."""
    output, left = shorten(record.output, lines)
    if not left:
        return record
    remark = f"it printed more than is kept: {left} were left out"
    return replace(record, output=output, remarks=(*record.remarks, remark))
