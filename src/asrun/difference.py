"""What changed in the records of a project since a commit: numbers against their spread over seeds, texts, figures.

The records of the commit are taken out of git into a folder that is thrown away, and read there as all records are. When
a record was made, from which commit and by which code is not compared: two runs that measured the same do not differ.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from asrun import codec
from asrun.errors import AsrunError, did_you_mean
from asrun.measure import SEED, Measure, from_record, plain
from asrun.model import Record, RunName
from asrun.project import Project
from asrun.store import PRINTED, Store

__all__ = ["Change", "Difference", "Entry", "FigureChange", "RecordChange", "ValueChange", "since"]

SHOWN = 5
"""Of an array in which more entries changed than this, only the largest differences are shown."""


class Change:
    """The ways in which something can differ, as programs read them."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Entry:
    """One place where two records differ: a whole value, or an entry of an array."""

    name: str
    """As a page would cite it: `test_error(drop=0.5)`."""
    before: Any
    """The number, or the text, list or bool; the mean, when it was measured with several seeds."""
    after: Any
    samples: tuple[np.ndarray, np.ndarray] | None = None
    """The numbers over seeds, before and after."""
    difference: float | int | None = None
    """After less before; None where that is no finite number."""
    spread: float | None = None
    """The pooled standard deviation over seeds; None without seeds, or with one before and one after."""
    remark: str = ""

    @property
    def spreads(self) -> float | None:
        """The size of the difference in spreads: infinite where there is no spread at all."""
        if self.spread is None or self.difference is None:
            return None
        if not self.spread:
            return math.inf if self.difference else 0.0
        return abs(self.difference) / self.spread

    @property
    def relative(self) -> float | None:
        """The difference relative to what it was before."""
        try:
            return self.difference / abs(self.before) if self.difference is not None and self.before else None
        except OverflowError:
            return None

    @property
    def rank(self) -> tuple[int, float]:
        """What is told first: what is no number any more, then spreads, then relative differences, then the rest."""
        if self.difference is None:
            return (3, 0.0) if isinstance(self.before, (int, float)) and isinstance(self.after, float) else (0, 0.0)
        if self.spreads is not None:
            return 2, self.spreads
        return 1, math.inf if self.relative is None else abs(self.relative)


@dataclass(frozen=True)
class ValueChange:
    """How one value of a record differs."""

    name: str
    kind: str
    entries: list[Entry]
    """All that changed when they are few, otherwise those with the largest differences; the largest first."""
    changed: int = 1
    total: int = 1
    remark: str = ""


@dataclass(frozen=True)
class FigureChange:
    """How one figure of a record differs: by its digest, or by its alt text alone. None where there is none."""

    name: str
    kind: str
    files: tuple[str | None, str | None]
    alts: tuple[str | None, str | None]


@dataclass(frozen=True)
class RecordChange:
    """How one record differs."""

    run: RunName
    kind: str
    values: list[ValueChange] = field(default_factory=list)
    figures: list[FigureChange] = field(default_factory=list)
    parameters: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Before and after, by name; None where there was none."""
    circumstances: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """What else was not the same: device, versions, seconds. Told, but no difference by itself."""
    damaged: list[str] = field(default_factory=list)
    """Names of values that were changed by hand since."""
    record: Record | None = field(default=None, repr=False)
    """The record that was added or removed."""


@dataclass(frozen=True)
class Difference:
    """What changed in a project's records since a commit."""

    revision: str
    commit: str
    records: list[RecordChange]
    unreadable: dict[str, str]
    """Why a record could not be compared, by its path; `path at revision` for the one of the commit."""
    unchanged: int
    torn: bool = False
    """Whether a record that cannot be read is not what it was in the commit."""

    def __bool__(self) -> bool:
        return bool(self.records) or self.torn


def since(project: Project, revision: str = "HEAD") -> Difference:
    """Compare the records in the working tree with those of a commit.

    Raises:
        AsrunError: when there is no git, no repository or no such commit.
    """
    commit = _find_commit(project.root, revision)
    now, changes, unreadable, unchanged, torn = Store(project), [], {}, 0, False
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        then = Store(replace(project, root=Path(folder), snippets=Path(folder) / "snippets"))
        _check_out(project, commit, then.folder)
        for run in sorted({*then.list(), *now.list()}):
            read: list[Record | None] = []
            for store, at in ((then, f" at {revision}"), (now, "")):
                try:
                    read.append(store.get(run))
                except AsrunError as error:
                    unreadable[project.relative(now.path(run)) + at] = error.what
            if len(read) == 2:
                change = _compare(run, *read, files=(_figures(then, run), _figures(now, run)))
                changes += [change] if change else []
                unchanged += not change
            elif _bytes(then.path(run)) != _bytes(now.path(run)):
                torn = True
    return Difference(revision, commit, changes, unreadable, unchanged, torn)


# Git


def _git(root: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    # Its messages are told apart below, so they must be in one language.
    environment = os.environ | {"LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], input=given, env=environment, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise AsrunError(
            "git is not installed, and earlier records are read with it", remedy="install it: https://git-scm.com"
        ) from error


def _find_commit(root: Path, revision: str) -> str:
    inside = _git(root, "rev-parse", "--git-dir")
    if inside.returncode:
        said = (inside.stderr.decode("utf-8", "replace").strip() or "it said nothing").splitlines()[0]
        if "not a git repository" in said:
            raise AsrunError(
                f"{root} is not in a git repository, so there is nothing to compare its records with",
                remedy="make it one and commit the records: git init, git add, git commit",
            )
        raise AsrunError(f"git cannot read the repository of {root} ({said})", remedy="mend it: git status")
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode == 0:
        return found.stdout.decode().strip()
    if revision == "HEAD":
        raise AsrunError("nothing was committed yet", remedy="commit the records first: git add, git commit")
    known = _git(root, "for-each-ref", "--format=%(refname:short)").stdout.decode("utf-8", "replace").split()
    raise AsrunError(
        f"there is no commit called {revision}",
        remedy=did_you_mean(revision, known, otherwise="name one as git does: HEAD~1, a branch, a tag, a hash"),
    )


def _check_out(project: Project, commit: str, folder: Path) -> None:
    """Write the records of a commit into a folder."""
    records = Path(os.path.relpath(project.records, project.root)).as_posix()
    tree = _git(project.root, "rev-parse", "--verify", "--quiet", f"{commit}:./{records}")
    listing = _git(project.root, "ls-tree", "-r", "-z", tree.stdout.decode().strip()).stdout if tree.stdout else b""
    wanted = []
    for line in filter(None, listing.split(b"\0")):
        described, _, name = os.fsdecode(line).partition("\t")
        mode, _, digest = described.split()
        # Plain files of a record's folder, and no name that could lead out of it.
        if mode.startswith("100") and re.fullmatch(r"(?!\.\.?/)[^/\\:]+/[^/\\:]+\.(json|svg)", name):
            wanted.append((folder / name, digest))
    asked = "".join(f"{digest}\n" for _, digest in wanted).encode()
    answer, at = _git(project.root, "cat-file", "--batch", given=asked).stdout, 0
    for path, _ in wanted:
        # Each is `digest blob size`, its bytes and the end of a line; `digest missing` in a clone that left it out.
        end = answer.index(b"\n", at)
        told, at = answer[at:end].split(), end + 1
        if told[-1] != b"missing":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(answer[at : at + int(told[-1])])
            at += int(told[-1]) + 1


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _figures(store: Store, run: RunName) -> dict[str, dict[str, str]]:
    """Return the files and digests of a record's figures, which a Record does not keep; the Store has checked them."""
    data = _bytes(store.path(run))
    return json.loads(data)["figures"] if data else {}


# Records


def _compare(
    run: RunName, before: Record | None, after: Record | None, files: tuple[dict[str, Any], dict[str, Any]]
) -> RecordChange | None:
    if before is None or after is None:
        return RecordChange(run, Change.REMOVED if before else Change.ADDED, record=before or after)
    values = _compare_values(before.values, after.values)
    for name, was, now in (
        ("the question", before.question, after.question),
        (PRINTED, before.output, after.output),
    ):
        if was != now:
            values.append(ValueChange(name, Change.CHANGED, [Entry(name, was, now)]))
    figures = [
        FigureChange(name, kind, *(tuple(entry and entry[part] for entry in entries) for part in ("file", "alt")))
        for name in {**files[0], **files[1]}
        for entries in [[each.get(name) for each in files]]
        if (kind := _kind_of_change(*entries, parts=("sha256", "alt")))
    ]
    parameters = _changed(before.parameters, after.parameters)
    # What cannot be told from here is whether a figure of the commit was damaged: it may be kept elsewhere.
    damaged = sorted(after.damaged - before.damaged)
    if not (values or figures or parameters or damaged):
        return None
    was, now = before.provenance, after.provenance
    circumstances = _changed({"device": was.device, **was.versions}, {"device": now.device, **now.versions})
    circumstances |= _changed({"seconds": was.seconds}, {"seconds": now.seconds})
    return RecordChange(run, Change.CHANGED, values, figures, parameters, circumstances, damaged)


def _kind_of_change(before: Any, after: Any, *, parts: tuple[str, ...]) -> str:
    if before is None or after is None:
        return Change.ADDED if before is None else Change.REMOVED
    return Change.CHANGED if any(before[part] != after[part] for part in parts) else ""


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (before.get(name), after.get(name)) for name in {**before, **after}}
    return {name: (was, now) for name, (was, now) in pairs.items() if was != now}


# Values


def _compare_values(before: dict[str, Any], after: dict[str, Any]) -> list[ValueChange]:
    """Compare all values of two records: those that differ, the largest difference in spreads first."""
    was, now, changes = dict(_leaves(before)), dict(_leaves(after)), []
    for path in {**was, **now}:
        name = ".".join(path)
        if path not in now:
            changes.append(ValueChange(name, Change.REMOVED, [Entry(name, _whole(before, path), None)]))
        elif path not in was:
            changes.append(ValueChange(name, Change.ADDED, [Entry(name, None, _whole(after, path))]))
        elif _written(was[path]) != _written(now[path]) and (change := _compare_value(before, after, path)):
            changes.append(change)
    return sorted(changes, key=lambda change: change.entries[0].rank, reverse=True)


def _leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _written(value: Any) -> str:
    """Return what a record says of a value, with its kind: 1, 1.0 and true are three things."""
    return json.dumps(codec.encode({"value": value}))


def _leaf(values: dict[str, Any], path: tuple[str, ...]) -> Any:
    for name in path:
        values = values[name]
    return values


def _whole(values: dict[str, Any], path: tuple[str, ...]) -> Any:
    """Return a value, or what kind of table it is when it has many entries."""
    measure, value = _numbers(values, path), _leaf(values, path)
    return codec.plain(value) if measure is None or not measure.values.ndim else _kind(value)


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}, {' × '.join(map(str, value.shape))}"
    if isinstance(value, list):
        return f"list, {' × '.join(map(str, np.shape(value)))}"
    return str(value.dtype) if isinstance(value, np.generic) else type(value).__name__


def _numbers(values: dict[str, Any], path: tuple[str, ...]) -> Measure | None:
    """Return a value as numbers with their axes; None when it is none, or a list of different things."""
    value = _leaf(values, path)
    if isinstance(value, (int, float, np.generic)):
        return Measure(np.asarray(value))
    try:
        measure = from_record(values, list(path), ".".join(path), "")
    except (AsrunError, TypeError, ValueError):
        # Axes that do not fit are their snippet's fault; the numbers can be compared all the same.
        measure = None
    try:
        array = np.asarray(value if measure is None else measure.values)
    except ValueError:
        return None
    if array.dtype.kind not in "biuf" or not array.size:
        return None
    # An array that names an axis would be its own label, and nothing in it could ever change.
    if measure is None or measure.axes == path[-1:]:
        return Measure(array, tuple(f"axis{at}" for at in range(array.ndim)))
    return measure


def _compare_value(before: dict[str, Any], after: dict[str, Any], path: tuple[str, ...]) -> ValueChange | None:
    name, was, now = ".".join(path), _leaf(before, path), _leaf(after, path)
    left, right = _numbers(before, path), _numbers(after, path)
    if left is None or right is None:
        shown = [_kind(value) if measure and measure.axes else codec.plain(value)
                 for value, measure in ((was, left), (now, right))]  # fmt: skip
        return ValueChange(name, Change.CHANGED, [Entry(name, *shown)])
    seeds = SEED in left.axes and SEED in right.axes
    cells = [_over_seeds(measure) if seeds else measure for measure in (left, right)]
    aligned = _align(*cells, seeds=seeds) if left.axes == right.axes else None
    if aligned is None:
        remark = "another shape" if left.values.shape != right.values.shape else "other axes"
        return ValueChange(name, Change.CHANGED, [Entry(name, _kind(was), _kind(now))], remark=remark)
    left, right, remark = aligned
    changed = _differ(left.values, right.values, seeds)
    entries = [
        _entry(f"{name}{_place(right, at)}", left.values[at], right.values[at], seeds)
        for at in map(tuple, np.argwhere(changed))
    ]
    if not entries and not remark:
        # The same numbers: of another kind, or with the sign of a zero turned.
        kinds = (_kind(was), _kind(now))
        return ValueChange(name, Change.CHANGED, [Entry(name, *kinds)]) if kinds[0] != kinds[1] else None
    if not entries:
        entries = [Entry(name, _kind(was), _kind(now))]
        return ValueChange(name, Change.CHANGED, entries, 0, changed.size, remark)
    count, entries = len(entries), sorted(entries, key=lambda entry: entry.rank, reverse=True)
    if count > SHOWN:
        largest = max(entries, key=lambda entry: abs(entry.difference or 0))
        first = replace(entries[0], remark="; ".join(filter(None, ["largest in size", entries[0].remark])))
        entries = [first] if largest is entries[0] else [first, replace(largest, remark="largest difference")]
    return ValueChange(name, Change.CHANGED, entries, count, changed.size, remark)


def _over_seeds(measure: Measure) -> Measure:
    """Return a measure with the numbers of all seeds as its last axis, which goes without a name."""
    position = measure.axes.index(SEED)
    axes = tuple(axis for axis in measure.axes if axis != SEED)
    return replace(measure, values=np.moveaxis(measure.values, position, -1), axes=axes)


def _align(left: Measure, right: Measure, *, seeds: bool) -> tuple[Measure, Measure, str] | None:
    """Return the entries that both have, found by their labels where they have labels; None when there is no telling."""
    remarks = []
    for at, axis in enumerate(right.axes):
        was, now = (plain(side.labels.get(axis, np.array([]))) for side in (left, right))
        if was != now and was and now and len(set(was)) == len(was) and len(set(now)) == len(now):
            common = [label for label in now if label in was]
            if not common:
                return None
            left = replace(left, values=np.take(left.values, [was.index(label) for label in common], axis=at))
            right = replace(
                right,
                values=np.take(right.values, [now.index(label) for label in common], axis=at),
                labels={**right.labels, axis: np.asarray(common)},
            )
            added, removed = len(now) - len(common), len(was) - len(common)
            remarks += [f"{axis}: {count} {what}" for count, what in ((added, "added"), (removed, "removed")) if count]
        elif left.values.shape[at] != right.values.shape[at]:
            return None
    if seeds and left.values.shape[-1] != right.values.shape[-1]:
        remarks.append(f"{left.values.shape[-1]} → {right.values.shape[-1]} seeds")
    return left, right, "; ".join(remarks)


def _differ(left: np.ndarray, right: np.ndarray, seeds: bool) -> np.ndarray:
    """Tell for every entry whether it differs; what is no number is equal to what is no number."""
    if seeds and left.shape[-1] != right.shape[-1]:
        return np.ones(right.shape[:-1], bool)
    differ = (left != right) & ~((left != left) & (right != right))
    return np.asarray(differ.any(axis=-1) if seeds else differ)


def _place(measure: Measure, at: tuple[int, ...]) -> str:
    """Write where in an array an entry is, as a page would choose it: `(drop=0.5)`, `[3]`."""
    named, numbered = [], []
    for axis, index in zip(measure.axes, at, strict=True):
        if axis in measure.labels:
            label = measure.labels[axis][index]
            named.append(f"{axis}={str(label)!r}" if isinstance(label, str) else f"{axis}={label}")
        else:
            numbered.append(str(index))
    return (f"({', '.join(named)})" if named else "") + (f"[{', '.join(numbered)}]" if numbered else "")


def _entry(name: str, before: np.ndarray, after: np.ndarray, seeds: bool) -> Entry:
    if not seeds:
        was, now = np.asarray(before).item(), np.asarray(after).item()
        return Entry(name, was, now, difference=_less(now, was))
    with np.errstate(all="ignore"):
        was, now = float(np.mean(before)), float(np.mean(after))
    samples = (before, after)
    if len(before) == len(after) and np.array_equal(np.sort(before), np.sort(after)):
        # Means of the same numbers added in another order may differ in their last digit.
        return Entry(name, was, was, samples, 0.0, _pooled(*samples), "the same numbers, other seeds")
    return Entry(name, was, now, samples, _less(now, was), _pooled(*samples))


def _less(after: Any, before: Any) -> float | int | None:
    if isinstance(after, bool) or isinstance(before, bool):
        return None
    try:
        difference = after - before
        return difference if math.isfinite(difference) else None
    except OverflowError:
        # Whole numbers have no limit; a difference of two of them is whole.
        return after - before if isinstance(after, int) and isinstance(before, int) else None


def _pooled(*samples: np.ndarray) -> float | None:
    """Return the standard deviation over seeds that two samples have in common."""
    freedom = sum(len(sample) - 1 for sample in samples)
    if freedom <= 0:
        return None
    with np.errstate(all="ignore"):
        squares = sum(float(np.sum((sample - np.mean(sample, dtype=float)) ** 2)) for sample in samples)
    spread = math.sqrt(squares / freedom) if math.isfinite(squares) else math.nan
    return spread if math.isfinite(spread) else None
