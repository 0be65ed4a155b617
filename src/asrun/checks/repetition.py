"""Does a run repeat? Two runs, now, on this machine, are equal bit for bit.

It needs no record, and finds what no seed decides: random numbers without one, the order of a set, the time of day. The
second run begins with another seed of Python's hashes, so that sets of words are gone through in another order; where
the two differ, a third one that has the first one's tells whether that was why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from asrun.errors import AsrunError
from asrun.model import Record, RunName, Snippet, Where
from asrun.project import Project
from asrun.records import codec
from asrun.records.store import PRINTED
from asrun.records.value_changes import compare_values
from asrun.running import snippets
from asrun.running.process import Listener

__all__ = ["check_repeats"]

_RECORDED, _OTHER = 0, 1
"""What Python's hashes start from in runs that are recorded, and in the second one here."""


@dataclass(frozen=True)
class _Differing:
    """What two runs have that is not the same."""

    names: tuple[str, ...]
    example: str


def check_repeats(project: Project, snippet: Snippet, scale: str, device: str, listener: Listener) -> None:
    """Run a snippet twice, and compare all that a record would keep: values, output, figures.

    Arguments:
        project: The snippet's.
        snippet: What to run.
        scale: At which of its SCALES.
        device: On which device class.
        listener: Hears what is printed.

    Raises:
        AsrunError: when a run fails, or when the two differ: in which values, and what to do about it.
    """

    def make(hash_seed: int) -> Record:
        return snippets.run_snippet(project, snippet, scale, device, listener, hash_seed=hash_seed)

    first, second = make(_RECORDED), make(_OTHER)
    run, where = RunName(snippet.name, scale, device), Where(project.relative(snippet.path))
    if found := _compare(first, second):
        by_order = not _compare(first, make(_RECORDED))
        raise AsrunError(
            f"{run} does not repeat: two runs, just now, differ in {', '.join(found.names)}{found.example}",
            where=where,
            remedy="the order of a set decides it: go through sorted(…) of the set, or use a list or a dict"
            if by_order
            else "give each source of random numbers a seed (numpy.random.default_rng(seed), random.Random(seed), "
            "torch.manual_seed(seed)), and return or print neither times nor identities of objects",
        )
    if not snippet.plots:
        return
    # From the same values, each drawn in a process of its own.
    drawn = [
        snippets.redraw(project, snippet, replace(made, values=first.values), listener) for made in (first, second)
    ]
    one, other = (made.figures for made in drawn)
    if names := [name for name in {**one, **other} if one.get(name) != other.get(name)]:
        raise AsrunError(
            f"{run} does not repeat: drawn twice from the same values, just now, its figures differ: "
            f"{', '.join(names)}",
            where=where,
            remedy="let plot draw what is in its argument, and nothing at random",
        )


def _compare(one: Record, other: Record) -> _Differing | None:
    """Say in what two runs differ; nothing when every bit is the same."""
    names = [name for name in {**one.values, **other.values} if _bits(one.values, name) != _bits(other.values, name)]
    example = ""
    for change in compare_values(one.values, other.values):
        entry = change.entries[0]
        if entry.before != entry.after:
            count = f", {change.changed} of {change.total} numbers" if change.total > 1 else ""
            example = f" ({entry.name} was {_shown(entry.before)}, then {_shown(entry.after)}{count})"
            break
    if one.output != other.output:
        names.append(PRINTED)
        pairs = zip(one.output.split("\n"), other.output.split("\n"), strict=False)
        said = next((pair for pair in pairs if pair[0] != pair[1]), None)
        example = example or (f" ({said[0].strip()[:60]!r}, then {said[1].strip()[:60]!r})" if said else "")
    return _Differing(tuple(names), example) if names else None


def _bits(values: dict[str, Any], name: str) -> str:
    """Return what a record would say of a value: the same text for the same bits, and for no others."""
    return json.dumps(codec.encode({name: values[name]})) if name in values else ""


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)[:60]
