"""The code of a run: what of each module was executed, as digests that change when what was executed does.

A module's top level runs whole, in its order; the body of a function, a method, a function within a function, when it
is called. What did not run is left out where that cannot matter:

- the body of a function that was not called and is only ever mentioned in order to be called;
- a function of the top level, or a literal constant, that nothing executed mentions at all, as long as nothing that was
  executed looks names up by computation.

Comments, docstrings and formatting are no part of it, unless something that was executed asks for docstrings. What
third-party packages do is not: their versions are in the provenance. Nor is asrun itself, even where its code lies in
the project: what it does for a snippet comes to the same in every version of it.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from asrun.freshness.mentions import Mentions
from asrun.freshness.module_code import TOP_LEVEL, ModuleCode, Unit
from asrun.freshness.sources import Sources
from asrun.model import Digests

__all__ = ["IMPORTS", "Called", "Entry", "compare", "executed", "importable"]

IMPORTS = "imports"
"""Stands in the place of a file for what imports lead to."""

_DOCSTRINGS = "(docstrings)"

Called = Mapping[Path, Set[str] | None]
"""The files that a run loaded, with the functions that it called by label; None where all may have been called."""


@dataclass(frozen=True)
class Entry:
    """Where the code of a run begins: a function of a file."""

    path: Path
    name: str
    instead: dict[str, Digests] | None = None
    """What is told in the place of the file itself, where it was made only to be read: a notebook's cells."""


def executed(sources: Sources, ran: Called, entry: Entry) -> dict[str, Digests]:
    """Take digests of the code that a run executed, as it is now.

    Arguments:
        sources: The project's modules.
        ran: What was executed.
        entry: Where it began.

    Returns:
        Digests by label, by file; a file or a function that is gone has none.
    """
    if entry.instead is None:
        return _Run(sources, ran, entry.path).digests()
    found = _Run(sources, {**ran, entry.path: None}, entry.path).digests()
    found.pop(sources.shown(entry.path), None)
    return entry.instead | found


def importable(sources: Sources, files: Iterable[Path]) -> dict[Path, Set[str] | None]:
    """Return all that some files may come to execute, by what they import: what counts of a run nobody watched."""
    found: dict[Path, Set[str] | None] = {}
    waiting = list(files)
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found[path] = None
        code = sources.code(path)
        names = code.mentions.imports.union(*(unit.mentions.imports for unit in code.units.values()))
        waiting += [at for name in names for at in sources.ways_to(name)]
    return dict(sorted(found.items()))


def compare(before: Mapping[str, Digests], now: Mapping[str, Digests]) -> list[str]:
    """Say in words what differs between two results of `executed`: `src/lab/net.py: step changed`."""
    reasons = []
    for path in sorted({*before, *now}):
        old, new = before.get(path, {}), now.get(path, {})
        if path == IMPORTS:
            reasons += [f"{name} is imported from another file" for name in sorted({*old, *new})
                        if old.get(name) != new.get(name)]  # fmt: skip
            continue
        if not new or not old:
            reasons.append(f"{path} {'is used now' if new else 'is gone'}")
            continue
        for label in sorted({*old, *new}):
            if old.get(label) != new.get(label):
                what = "changed" if label in old and label in new else ("is new" if label in new else "is gone")
                reasons.append(f"{path}: {label} {what}")
    return reasons


@dataclass
class _Loaded:
    code: ModuleCode
    counted: set[str] = field(default_factory=set)
    """Labels of the units whose bodies count."""
    bare: set[str] = field(default_factory=set)
    """Names that stand alone in what counts of it."""


class _Run:
    """What counts, found in rounds: what counts mentions more, and what is mentioned may count."""

    def __init__(self, sources: Sources, ran: Called, entry: Path):
        self.sources, self.entry = sources, entry
        self.modules: dict[Path, _Loaded] = {}
        self.all = Mentions()
        for path in ran:
            if path.is_file():
                code = sources.code(path)
                self.modules[path] = _Loaded(code, bare=set(code.mentions.bare))
                self.all.add(code.mentions)
        for path, loaded in self.modules.items():
            labels = ran[path]
            self._count(loaded, set(loaded.code.units) if labels is None else labels & set(loaded.code.units))
        # Packages that have no file, too.
        stems = {name for path in self.modules for name in (path.stem, path.parent.name)}
        while self._round(stems):
            pass

    def _count(self, loaded: _Loaded, labels: Set[str]) -> None:
        for label in labels - loaded.counted:
            loaded.counted.add(label)
            self.all.add(loaded.code.units[label].mentions)
            loaded.bare |= loaded.code.units[label].mentions.bare

    def _round(self, stems: Set[str]) -> bool:
        """Take what is used as an object; say whether anything was taken that was not before."""
        before = sum(len(loaded.counted) for loaded in self.modules.values())
        for loaded in self.modules.values():
            if any(self._is_module(name, loaded.code, stems) for name in loaded.bare):
                # A module that is handed around: whoever has it looks up in it what they like.
                self.all.computes = self.all.hands_on = True
            units = loaded.code.units.items()
            self._count(
                loaded,
                {
                    label
                    for label, unit in units
                    if (unit.around == TOP_LEVEL or unit.around in loaded.counted) and self._may_matter(unit)
                },
            )
        return sum(len(loaded.counted) for loaded in self.modules.values()) > before

    @staticmethod
    def _is_module(dotted: str, code: ModuleCode, stems: Set[str]) -> bool:
        """Whether a name may stand for a module of the project's: `net`, or `lib.net` where `lib` is imported."""
        first, _, last = dotted.partition(".")
        stands_for = code.imported_names.get(first) or code.imported_names.get(dotted)
        if not last:
            return stands_for in stems
        imported = stands_for or any(name.startswith(f"{first}.") for name in code.imported_names)
        return bool(imported) and last.rpartition(".")[2] in stems

    def _may_matter(self, unit: Unit) -> bool:
        """Whether somebody may look into a function that was not called: it is handed to them as an object."""
        method = "." in unit.label.rpartition("<locals>.")[2]
        found = self.all.hands_on if method else self.all.computes
        return unit.handed_over or unit.name in self.all.objects or found

    def digests(self) -> dict[str, Digests]:
        found: dict[str, Digests] = {}
        for path, loaded in self.modules.items():
            code = loaded.code
            digests = {TOP_LEVEL: code.digest}
            digests |= {
                name: digest for name, digest in code.bindings.items() if name in self.all.names or self.all.computes
            }
            # The body of a function says more than that there is one.
            digests |= {label: code.units[label].digest for label in loaded.counted}
            if self.all.asks_for_docstrings:
                digests[_DOCSTRINGS] = code.docstrings
            found[self.sources.shown(path)] = dict(sorted(digests.items()))
        found = dict(sorted(found.items()))
        if imports := self._imports():
            found[IMPORTS] = imports
        return found

    def _imports(self) -> Digests:
        """Say which of the project's files the imported names lead to: another one may come to stand before it."""
        led = {name: self.sources.find(name) for name in sorted(self.all.imports)}
        for name in self.all.imports:
            for around in itertools.accumulate(name.split(".")[:-1], "{}.{}".format):
                # A package of which nothing was executed had no file, or its import was not reached.
                if (path := self.sources.find(around)) and path not in self.modules:
                    led[around] = path
        mentioned = {around for name in led for around in itertools.accumulate(name.split("."), "{}.{}".format)}
        for path in self.modules:
            dotted = self.sources.dotted(path)
            # Imported by a computed name.
            if dotted not in mentioned and path != self.entry:
                led[dotted] = self.sources.find(dotted)
        led = dict(sorted(led.items()))
        shown = {name: self.sources.shown(path) for name, path in led.items() if path}
        return {name: hashlib.sha256(path.encode()).hexdigest()[:16] for name, path in shown.items()}
