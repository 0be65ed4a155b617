"""Does a run reproduce its record? Everything that pages say of the one holds of the other.

Two machines round in different places, and in a training such differences grow: no two kinds of processor return the
same bits. What a reader is told must be the same all the same. A run reproduces its record when

- names, types, shapes, axes and figures are the same;
- words, truths, labels and whole numbers are equal (labels as they are chosen by, to nine digits; whole numbers along
  the seeds are a sample as any other);
- every claim, question and exercise that rests on the record comes out the same with the new numbers in its place;
- every number that a page shows agrees as it is read: see `asrun.checks.likeness`.

A number that differs and that nobody cites is told, and no failure. Pages are converted once more, with a context in
which the record has the values of the run; nothing on disk is touched.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from asrun.checks.likeness import Rounded, differs
from asrun.checks.reading import Read, read_deck, read_page
from asrun.errors import AsrunError
from asrun.freshness.rounding import EPSILON, LARGEST, check_names, factor_of
from asrun.model import Record, RunName, Snippet, Where
from asrun.pages.citation import Citation
from asrun.pages.context import Context
from asrun.records.value_changes import ValueChange, compare_values
from asrun.values.measure import SEED, from_record, same_label

__all__ = ["Verdict", "compare"]


@dataclass(frozen=True)
class Verdict:
    """What came of holding a run against a record."""

    run: RunName
    wrong: tuple[AsrunError, ...]
    """What is not the same, each with its place; nothing for a run that reproduces the record."""
    told: tuple[str, ...] = ()
    """What differs without anybody citing it."""
    held: Mapping[str, int] = field(default_factory=dict)
    """How many claims, values and so on rest on the record, by kind."""

    @property
    def reproduces(self) -> bool:
        return not self.wrong


def compare(context: Context, snippet: Snippet, known: Record, made: Record, pages: Iterable[Read]) -> Verdict:
    """Hold a run against its record.

    Arguments:
        context: What the pages were read with.
        snippet: The snippet of both.
        known: The record.
        made: What a run just returned and, where figures are compared, drew.
        pages: The project's pages and decks, read with the record as it is.

    Raises:
        AsrunError: when the record was changed by hand, or ROUNDING names what there is not.
    """
    where = Where(context.project.relative(snippet.path))
    if known.damaged:
        names = ", ".join(sorted(known.damaged))
        raise AsrunError(
            f"{names} in {context.project.relative(context.store.path(known.run))} was changed by hand: there is "
            "nothing to reproduce",
            remedy=f"restore the record, or make it anew: asrun run {snippet.name} --scale {known.run.scale} --rerun",
        )
    check_names(snippet.rounding, known.values, where)
    anew = f"make its record anew: asrun run {snippet.name} --scale {known.run.scale} --rerun"
    if form := list(_other_form(snippet, known, made)):
        return Verdict(known.run, tuple(AsrunError(what, where=where, remedy=anew) for what in form))
    wrong = [AsrunError(what, where=where, remedy=anew) for what in _other_words(known.values, made.values)]
    instead = _Instead(context, made)
    held: Counter[str] = Counter()
    for read in pages:
        resting = [cited for cited in read.citations if known.run in cited.records]
        if not resting:
            continue
        held.update(cited.kind for cited in resting if not cited.error)
        reader = read_page if read.path.is_relative_to(context.project.docs) else read_deck
        wrong += _other_page(snippet, known, read, reader(read.path, instead))
    told = list(_uncited(known, made, instead))
    if known.output != made.output and not held["output"]:
        told.append("it prints something else than its record has")
    return Verdict(known.run, tuple(wrong), tuple(told), held)


class _Instead(Context):
    """A context in which one record has the values, the output and the figures of another run."""

    def __init__(self, behind: Context, made: Record):
        super().__init__(behind.project, allow_stale=True, store=behind.store, read=behind.sources)
        self.literature, self.made = behind.literature, made
        self.looked_up: set[str] = set()
        """The values of the record that pages asked for."""

    def best(self, name: str, scale: str | None = None) -> Record:
        found = super().best(name, scale)
        if found.run != self.made.run:
            return found
        return replace(
            found, values=self.made.values, output=self.made.output, figures=self.made.figures or found.figures
        )

    def record(self, name: str, scale: str | None, value: str | None) -> tuple[RunName, dict[str, Any]]:
        run, values = super().record(name, scale, value)
        if run == self.made.run and value:
            self.looked_up.add(value)
        return run, values


# Names, types, shapes, axes, figures


def _other_form(snippet: Snippet, known: Record, made: Record) -> Iterator[str]:
    """Say in what a run is made otherwise than its record."""
    # A run by itself draws nothing: that is done from its values, and may have been left out.
    drawn = made.figures or not snippet.plots
    for what, before, now in (
        ("values", set(known.values), set(made.values)),
        ("figures", set(known.figures), set(made.figures) if drawn else set(known.figures)),
    ):
        if before != now:
            yield f"{known.run} returns other {what} than its record: {', '.join(sorted(before ^ now))}"
    if known.values.get("axes") != made.values.get("axes"):
        yield f"{known.run} names other axes than its record"
    for name in sorted(known.values.keys() & made.values.keys() - {"axes"}):
        for path, before, now in _pairs(known.values[name], made.values[name], (name,)):
            if (was := _form(before)) != (is_ := _form(now)):
                yield f"{'.'.join(path)} of {known.run} is {is_}, and {was} in its record"


def _pairs(before: Any, after: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Return the values of two results side by side, groups taken apart."""
    if isinstance(before, dict) and isinstance(after, dict) and set(before) == set(after):
        for name in before:
            if name != "axes":
                yield from _pairs(before[name], after[name], (*path, name))
            elif before[name] != after[name]:
                yield (*path, name), before[name], after[name]
    else:
        yield path, before, after


def _form(value: Any) -> str:
    """Describe the type and the shape of a value: what is the same in every run."""
    if isinstance(value, dict):
        return f"a group of {', '.join(value) or 'nothing'}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype}, {' × '.join(map(str, value.shape)) or 'a single number'}"
    if isinstance(value, (list, tuple)):
        parts = [_form(each) for each in value]
        return f"a list of {len(parts)}" + (f" ({', '.join(dict.fromkeys(parts))})" if parts else "")
    if isinstance(value, (float, np.floating)):
        # The largest of numbers of two precisions has the precision of whichever it is.
        return "a number"
    return "a whole number" if isinstance(value, (int, np.integer)) and not isinstance(value, bool) else _kind(value)


def _kind(value: Any) -> str:
    return {"str": "a text", "bool": "true or false", "NoneType": "nothing"}.get(type(value).__name__, str(value))


# Words, truths, labels, whole numbers


def _other_words(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Say which words, truths, labels and whole numbers differ between two results of one form."""
    labels = _axes(before)
    for name in before:
        for path, was, now in _pairs(before[name], after[name], (name,)):
            shown = ".".join(path)
            if path[-1] in labels:
                if not all(map(same_label, _flat(was), _flat(now))):
                    yield f"{shown} labels an axis, and has other labels than its record"
            elif not _is_float(was) and not _is_sample(before, path):
                for one, other in zip(_flat(was), _flat(now), strict=True):
                    if not isinstance(one, float) and one != other:
                        yield f"{shown} has {other!r} in place of {one!r}"
                        break


def _axes(values: Mapping[str, Any]) -> set[str]:
    """Return the names of all axes that a result names, but for that of the seeds."""
    found: set[str] = set()
    for name, value in values.items():
        if name == "axes" and isinstance(value, dict):
            found |= {axis for named in _groups(value) for axis in named}
        elif isinstance(value, dict):
            found |= _axes(value)
    return found - {SEED}


def _groups(axes: Mapping[str, Any]) -> Iterator[list[str]]:
    for named in axes.values():
        if isinstance(named, dict):
            yield from _groups(named)
        else:
            yield [named] if isinstance(named, str) else [str(each) for each in named]


def _flat(value: Any) -> list[Any]:
    """Return what a value is made of, as plain Python has it."""
    if isinstance(value, np.ndarray):
        return list(value.ravel().tolist())
    if isinstance(value, (list, tuple)):
        return [part for each in value for part in _flat(each)]
    return [value.item() if isinstance(value, np.generic) else value]


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _is_sample(values: dict[str, Any], path: Sequence[str]) -> bool:
    """Whether a value has one number for each seed."""
    # Axes that do not fit are for the pages to complain of.
    with suppress(AsrunError, TypeError, ValueError):
        measure = from_record(values, list(path), ".".join(path), "")
        return SEED in measure.axes and measure.values.dtype.kind in "iuf"
    return False


# Pages


def _other_page(snippet: Snippet, known: Record, before: Read, after: Read) -> Iterator[AsrunError]:
    """Say what of a page comes out otherwise, or reads otherwise, with the numbers of the run."""
    if after.error and not before.error:
        yield after.error
    was = {_place(cited): cited for cited in before.citations}
    for now in after.citations:
        then = was.get(_place(now))
        if now.error and not (then and then.error):
            now.error.what = f"with the numbers of this run, {now.error.what}"
            yield now.error
        elif then and not now.error and not then.error and known.run in then.records:
            yield from _reads_otherwise(snippet, known, then, now)


def _place(cited: Citation) -> tuple[Any, ...]:
    return cited.kind, cited.text, cited.where


def _reads_otherwise(snippet: Snippet, known: Record, before: Citation, after: Citation) -> Iterator[AsrunError]:
    shown = f"{before.kind} {before.text}"
    if len(before.shown) != len(after.shown):
        yield AsrunError(
            f"{shown} shows {len(after.shown)} numbers in place of {len(before.shown)}", where=before.where
        )
        return
    for was, now in zip(before.shown, after.shown, strict=True):
        text = "" if isinstance(was.what, str) else was.what.text
        rounded = _rounded(snippet, known.values, text if text else None)
        if told := differs(was, now, rounded):
            what = text if text and text != before.text else ""
            yield AsrunError(
                f"{shown}{': ' + what if what else ''} {told}",
                where=before.where,
                remedy="if both are sizes of rounding errors, let the snippet say so: "
                f'ROUNDING = {{"{_names(text, snippet.name)[0][0]}": 100}}'
                if _tiny(was.what) and _names(text, snippet.name) and not rounded
                else None,
            )


def _tiny(shown: Any) -> bool:
    """Whether a number may be the size of a rounding error."""
    values = getattr(shown, "values", None)
    return isinstance(values, np.ndarray) and values.dtype.kind == "f" and bool(np.all(np.abs(values) < LARGEST))


def _names(text: str, snippet: str) -> list[tuple[str, ...]]:
    """Return the values of a snippet that an expression names, each as the way to it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(f"({text.strip()}\n)", mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []
    found = []
    for node in ast.walk(tree):
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id == snippet and parts:
            found.append(tuple(reversed(parts)))
    # The parts of `a.b.c` are attributes too.
    return [path for path in found if not any(other != path and other[: len(path)] == path for other in found)]


def _rounded(snippet: Snippet, values: dict[str, Any], text: str | None) -> Rounded | None:
    """Tell whether an expression has the size of a rounding error; a text without one may have several such numbers."""
    if not snippet.rounding:
        return None
    names = [tuple(each.split(".")) for each in snippet.rounding] if text is None else _names(text, snippet.name)
    factor = factor_of(snippet.rounding, names)
    return Rounded(factor, _smallest(values, names)) if factor else None


def _smallest(values: dict[str, Any], names: Iterable[tuple[str, ...]]) -> float:
    """Return the smallest size above 0 that some values have, or that of rounding, if that is smaller."""
    sizes: list[float] = []
    for path in names:
        value: Any = values
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        sizes += [abs(each) for each in _flat(value) if isinstance(each, float) and 0 < abs(each) < np.inf]
    return min([EPSILON, *sizes])


# What nobody cites


def _uncited(known: Record, made: Record, instead: _Instead) -> Iterator[str]:
    """Tell what differs and stands on no page."""
    for change in compare_values(known.values, made.values):
        if change.name.partition(".")[0] not in instead.looked_up:
            yield _told(change)
    for name, figure in known.figures.items():
        if name in made.figures and made.figures[name].alt != figure.alt:
            yield f"the alt text of figure {name} is another"


def _told(change: ValueChange) -> str:
    """Write how a value differs: `loss: 3 of 12 numbers; most loss(step=9), 0.123456 -> 0.123457`."""
    entry = change.entries[0]
    count = f"{change.changed} of {change.total} numbers; most " if change.total > 1 else ""
    before, after = (f"{side:.6g}" if isinstance(side, float) else str(side) for side in (entry.before, entry.after))
    size = (
        f" ({entry.spreads:.2g} spreads)"
        if entry.spreads is not None and np.isfinite(entry.spreads)
        else f" (relative {abs(entry.relative):.0e})"
        if entry.relative
        else ""
    )
    return f"{change.name}: {count}{entry.name}, {before} → {after}{size}"
