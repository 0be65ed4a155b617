"""The code of a run: what of each module was executed, as digests that change when what was executed does.

A module's top level runs whole, in its order; the body of a function, a method, a function within a function, when it
is called. What did not run is left out where that cannot matter:

- the body of a function that was not called and is only ever mentioned in order to be called;
- a function of the top level, or a literal constant, that nothing executed mentions at all, as long as nothing that was
  executed looks names up by computation.

Comments, docstrings and formatting are no part of it, unless something that was executed asks for docstrings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from asrun.freshness.module_code import TOP_LEVEL, Mentions, ModuleCode, Unit
from asrun.freshness.sources import Sources
from asrun.model import Digests

__all__ = ["IMPORTS", "executed"]

IMPORTS = "imports"
"""Stands in the place of a file for what imports lead to."""

_DOCSTRINGS = "(docstrings)"


def executed(sources: Sources, ran: Mapping[Path, Set[str] | None]) -> dict[str, Digests]:
    """Take digests of the code that a run executed, as it is now.

    Arguments:
        sources: The project's modules.
        ran: The files that were loaded, each with the labels of the functions that were called, or None where it is not
            known which were: then all count.

    Returns:
        Digests by label, by file; a file or a function that is gone has none.
    """
    return _Run(sources, ran).digests()


@dataclass
class _Loaded:
    code: ModuleCode
    counted: set[str] = field(default_factory=set)
    """Labels of the units whose bodies count."""
    bare: set[str] = field(default_factory=set)
    """Names that stand alone in what counts of it."""


class _Run:
    """What counts, found in rounds: what counts mentions more, and what is mentioned may count."""

    def __init__(self, sources: Sources, ran: Mapping[Path, Set[str] | None]):
        self.sources = sources
        self.modules: dict[Path, _Loaded] = {}
        self.all = Mentions()
        for path in ran:
            if not path.is_file():
                continue
            code = sources.code(path)
            self.modules[path] = _Loaded(code, bare=set(code.mentions.bare))
            self.all.add(code.mentions)
        for path, loaded in self.modules.items():
            labels = ran[path]
            self._count(loaded, loaded.code.units if labels is None else labels & set(loaded.code.units))
        stems = {path.parent.name if path.name == "__init__.py" else path.stem for path in self.modules}
        while self._round(stems):
            pass

    def _count(self, loaded: _Loaded, labels: Set[str] | Mapping[str, object]) -> None:
        for label in labels:
            if label not in loaded.counted:
                loaded.counted.add(label)
                self.all.add(loaded.code.units[label].mentions)
                loaded.bare |= loaded.code.units[label].mentions.bare

    def _round(self, stems: Set[str]) -> bool:
        """Take what is used as an object; say whether anything was taken that was not before."""
        before = sum(len(loaded.counted) for loaded in self.modules.values())
        for loaded in self.modules.values():
            if any(loaded.code.imported_names.get(name) in stems for name in loaded.bare):
                # A module that is handed around: whoever has it looks up in it what they like.
                self.all.computes = self.all.hands_on = True
            self._count(
                loaded,
                {
                    label
                    for label, unit in loaded.code.units.items()
                    if (unit.around == TOP_LEVEL or unit.around in loaded.counted) and self._may_matter(unit)
                },
            )
        return sum(len(loaded.counted) for loaded in self.modules.values()) > before

    def _may_matter(self, unit: Unit) -> bool:
        """Whether somebody may look into a function that was not called: it is handed to them as an object."""
        method = "." in unit.label.rpartition("<locals>.")[2]
        found = self.all.hands_on if method else self.all.computes
        return unit.handed_over or unit.name in self.all.objects or found

    def digests(self) -> dict[str, Digests]:
        found: dict[str, Digests] = {}
        for path, loaded in sorted(self.modules.items()):
            code = loaded.code
            digests = {TOP_LEVEL: code.digest}
            for binding in code.bindings.values():
                if binding.name in self.all.names or self.all.computes:
                    digests[binding.name] = binding.digest
            # The body of a function says more than that there is one.
            digests |= {label: code.units[label].digest for label in loaded.counted}
            if self.all.asks_for_docstrings:
                digests[_DOCSTRINGS] = code.docstrings
            found[self.sources.shown(path)] = dict(sorted(digests.items()))
        found[IMPORTS] = self._imports()
        return found

    def _imports(self) -> Digests:
        """Say which of the project's files the imported names lead to: another one may come to stand before it."""
        led = {name: self.sources.find(name) for name in sorted(self.all.imports)}
        return {
            name: hashlib.sha256(self.sources.shown(path).encode()).hexdigest()[:16]
            for name, path in led.items()
            if path
        }
