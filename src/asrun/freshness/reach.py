"""What decides a result: the definitions that a run can reach.

The grain is the definition: a function, a class, a module-level assignment. Starting at the snippet's `run`, every name
that a definition mentions is followed, through imports, into the project's own modules. A definition that cannot be
reached may change freely; so may comments, docstrings and formatting, since digests are taken of syntax trees. What is
reached through third-party packages is not followed: their versions are in the provenance. Nor is asrun itself, even
where its code lies in the project: what it does for a snippet comes to the same in every version of it.

Names lead to more than a run comes by. What a run was observed to pass by, functions that it never called and modules
that it never imported, is left out (`Observed`), and noted, so that the same way is followed again later (`PassedBy`).
Code that was executed and is as it was will pass by the same places again. A note is not believed where it cannot be
true: of anything but a function, of what names lead to in a module that they were not to lead into, of a module that is
imported whenever another is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asrun.freshness.definitions import Definition, Import, Module
from asrun.freshness.sources import Sources
from asrun.model import Digests

__all__ = ["EVERYTHING", "Entry", "Observed", "PassedBy", "Reading", "compare", "merge", "reach"]


@dataclass(frozen=True)
class Entry:
    """Where the code of a run begins: a top-level name of a file."""

    path: Path
    name: str
    instead: dict[str, Digests] | None = None
    """What is told in the place of the file itself, where it was made only to be followed: a notebook's cells."""

    def told(self, reached: dict[str, Digests], sources: Sources) -> dict[str, Digests]:
        """Return what was reached from here, under the names by which an author knows it."""
        if self.instead is None:
            return reached
        itself = sources.shown(self.path)
        return self.instead | {file: digests for file, digests in reached.items() if file != itself}


@dataclass(frozen=True)
class Observed:
    """What a run was seen to do in the project's own modules, by file."""

    watched: dict[Path, set[str]]
    """Functions whose first call would have been noticed."""
    called: dict[Path, set[str]]
    imported: set[Path]


@dataclass
class PassedBy:
    """Where a run went another way than names lead."""

    functions: dict[str, list[str]] = field(default_factory=dict)
    """Labels of definitions, by file; `EVERYTHING` for a module that was imported, and not followed into."""
    modules: list[str] = field(default_factory=list)
    """Files that were never imported."""
    reached_otherwise: dict[str, list[str]] = field(default_factory=dict)
    """Functions that were called though no name leads there, by file: through `getattr` and a computed name, say."""


EVERYTHING = "*"


def reach(
    entry: Path,
    names: Iterable[str],
    *,
    folders: Sequence[Path],
    root: Path,
    also: Iterable[Path] = (),
    without: PassedBy | None = None,
    sources: Sources | None = None,
) -> dict[str, Digests]:
    """Find every definition that `names` in the file `entry` can reach in the project's own code.

    Arguments:
        entry: The file to start from.
        names: Its top-level names to start from.
        folders: Where the project's own modules are found, as on `sys.path`.
        root: The project's folder; files are named relative to it.
        also: Files of the project that the run was seen to import; those that no name leads to count whole.
        without: What is passed by.
        sources: The modules as they were read for another entry a moment ago.

    Returns:
        Digests of definitions by name, by file.
    """
    walk = _Walk(sources or Sources(folders, root), without=without)
    walk.start(entry, names)
    for path in also:
        if path not in walk.seen_modules:
            walk.whole(path)
    return walk.result()


class Reading:
    """The code of a snippet as it is now, to be compared with what its run did, however long that takes.

    Arguments:
        entry: Where it begins.
        sources: The project's own modules.
    """

    def __init__(self, entry: Entry, sources: Sources):
        self.sources, self._entry, self._walk = sources, entry, _Walk(sources)
        self._walk.start(entry.path, [entry.name])

    def reached(self) -> dict[str, Digests]:
        """Everything that names lead to."""
        return self._entry.told(self._walk.result(), self.sources)

    def entered(self) -> set[Path]:
        """Every file that names lead to."""
        return self._walk.seen_modules

    def observed(self, seen: Observed) -> tuple[dict[str, Digests], PassedBy]:
        """Leave out what a run passed by, and say what that is."""
        full = self._walk
        walk = _Walk(self.sources, seen=seen)
        walk.start(self._entry.path, [self._entry.name])
        # Imported, though no name that was come by leads there: what happens on import counts.
        for path in sorted(full.seen_modules & seen.imported - walk.seen_modules):
            walk.passed_by.functions[walk.shown(path)] = [EVERYTHING]
            walk.module(path)
        for path, labels in sorted(seen.called.items()):
            # A module that no name leads to counts whole.
            if path in walk.seen_modules:
                walk.call(path, sorted(labels))
        functions = {file: labels for file, labels in sorted(walk.passed_by.functions.items()) if labels}
        reached = self._entry.told(walk.result(), self.sources)
        return reached, PassedBy(functions, walk.passed_by.modules, walk.passed_by.reached_otherwise)


class _Walk:
    """Follows names from definition to definition, and collects what it passes."""

    def __init__(self, sources: Sources, *, seen: Observed | None = None, without: PassedBy | None = None):
        self.sources, self.root, self.observed = sources, sources.root, seen
        self.find, self.shown = sources.find, sources.shown
        self.passed_by = without or PassedBy()
        self.definitions: dict[Path, dict[int, Definition]] = {}
        self.seen: set[tuple[Path, tuple[str, ...]]] = set()
        self.seen_modules: set[Path] = set()
        self.imported_for_sure: set[Path] = set()
        self.led_by_names = True
        """Whether what is entered now is entered because names lead there."""

    def start(self, entry: Path, names: Iterable[str]) -> None:
        for name in names:
            self.follow(entry, (name,))
        self.led_by_names = False
        for file, labels in list(self.passed_by.functions.items()):
            if labels == [EVERYTHING] and (self.root / file).is_file():
                self.module(self.root / file)
        for file, labels in list(self.passed_by.reached_otherwise.items()):
            if (self.root / file).is_file():
                self.call(self.root / file, labels)

    def call(self, path: Path, labels: Iterable[str]) -> None:
        """Take functions that were called, if names have not led there."""
        for label in labels:
            for definition in self.module(path).by_name.get(label, ()):
                if id(definition) not in self.definitions.get(path, {}):
                    self.take(path, definition)
                    otherwise = self.passed_by.reached_otherwise.setdefault(self.shown(path), [])
                    if label not in otherwise:
                        otherwise.append(label)

    def passes(self, path: Path, definition: Definition) -> bool:
        """Whether a definition is passed by; noted when that is what is being found out."""
        labels, label = self.passed_by.functions.setdefault(self.shown(path), []), definition.label
        if labels == [EVERYTHING]:
            # Only a module that no name leads to can be passed by as a whole.
            return not self.led_by_names
        if not definition.calls_are_seen:
            return False
        if label in labels:
            return True
        if self.observed is None:
            return False
        uncalled = label in self.observed.watched.get(path, ()) and label not in self.observed.called.get(path, ())
        if uncalled:
            labels.append(label)
            labels.sort()
        return uncalled

    def closed(self, path: Path) -> bool:
        """Whether a module is not gone into, because the run never imported it."""
        shown = self.shown(path)
        if path in self.imported_for_sure:
            return False
        if shown in self.passed_by.modules:
            return True
        closed = self.observed is not None and path not in self.observed.imported
        if closed:
            self.passed_by.modules.append(shown)
            self.passed_by.modules.sort()
        return closed

    def result(self) -> dict[str, Digests]:
        collected: dict[str, Digests] = {}
        for path, definitions in self.definitions.items():
            labels: dict[str, list[str]] = {}
            for definition in definitions.values():
                labels.setdefault(definition.label, []).append(definition.digest)
            if labels:
                collected[self.shown(path)] = {
                    label: digests[0]
                    if len(digests) == 1
                    else hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
                    for label, digests in sorted(labels.items())
                }
        return dict(sorted(collected.items()))

    def module(self, path: Path) -> Module:
        """Enter a module: whatever it does on import counts from now on."""
        read = self.sources.module(path)
        if path not in self.seen_modules:
            self.seen_modules.add(path)
            self.imported_for_sure |= {found for name in read.always if (found := self.find(name))}
            for definition in read.definitions:
                if (
                    not definition.names
                    or definition.acts
                    or any(self._is_own(read, name) for name in definition.decorators)
                ):
                    self.take(path, definition)
            if package := self.sources.package(path):
                self.module(package)
        return read

    def whole(self, path: Path) -> None:
        for definition in self.module(path).definitions:
            if not self.passes(path, definition):
                self.take(path, definition)

    def take(self, path: Path, definition: Definition) -> None:
        taken = self.definitions.setdefault(path, {})
        if id(definition) in taken:
            return
        taken[id(definition)] = definition
        for mention in definition.mentions:
            self.follow(path, mention)
        for target in definition.imports:
            self.follow_import(target, ())
        if ("globals",) in definition.mentions:
            self.whole(path)

    def follow(self, path: Path, chain: tuple[str, ...]) -> None:
        """Follow a dotted name from inside a module."""
        if (path, chain) in self.seen:
            return
        self.seen.add((path, chain))
        module, name = self.module(path), chain[0]
        for definition in module.by_name.get(name, ()):
            if not self.passes(path, definition):
                self.take(path, definition)
        for target in module.imported.get(name, ()):
            self.follow_import(target, chain[1:])
        if name not in module.by_name and name not in module.imported:
            for star in module.stars:
                self.follow_import(Import(star, name), chain[1:])

    def follow_import(self, target: Import, rest: tuple[str, ...]) -> None:
        chain = (target.attribute, *rest) if target.attribute else rest
        name = target.module
        while (path := self.find(name)) or (chain and self.sources.is_folder(name)):
            if path and self.closed(path):
                return
            if path:
                module = self.module(path)
                if not chain:
                    # The module itself is handed around: anything in it may be used.
                    self.whole(path)
                    return
                meant = module.imported.get(chain[0], [])
                if chain[0] in module.by_name or meant or module.stars:
                    if any(not self._leads_inside(each) for each in meant):
                        self.take(path, module.passed_on[chain[0]])
                    self.follow(path, chain)
                    # `from . import part` in a package stands for the module `part`, which is looked up next.
                    if chain[0] in module.by_name or (meant and Import(name, chain[0]) not in meant):
                        return
                elif "__getattr__" in module.by_name:
                    self.follow(path, ("__getattr__",))
            name, chain = f"{name}.{chain[0]}", chain[1:]

    def _is_own(self, module: Module, name: str) -> bool:
        """Does a name in a module stand for something of the project's own?"""
        return name in module.by_name or any(map(self._leads_inside, module.imported.get(name, ())))

    def _leads_inside(self, target: Import) -> bool:
        top = target.module.partition(".")[0]
        return self.find(top) is not None or self.sources.is_folder(top)


def merge(one: dict[str, Digests], other: dict[str, Digests]) -> dict[str, Digests]:
    """Put two results of `reach` together; where both have a definition, the first one counts."""
    return dict(sorted({file: other.get(file, {}) | one.get(file, {}) for file in {*one, *other}}.items()))


def compare(before: dict[str, Digests], now: dict[str, Digests]) -> list[str]:
    """Say in words what differs between two results of `reach`: `src/lab/net.py: step changed`."""
    reasons = []
    for path in sorted({*before, *now}):
        old, new = before.get(path, {}), now.get(path, {})
        if not new or not old:
            reasons.append(f"{path} {'is used now' if new else 'is no longer used'}")
            continue
        for label in sorted({*old, *new}):
            if old.get(label) != new.get(label):
                what = "changed" if label in old and label in new else ("is new" if label in new else "is gone")
                reasons.append(f"{path}: {label} {what}")
    return reasons
