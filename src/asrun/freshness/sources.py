"""Reads the project's own modules: where each one is, what is in its file, and what that defines."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from asrun.freshness.module_code import ModuleCode, read_code

__all__ = ["Sources"]

_ASRUN = __name__.partition(".")[0]


def _is_asrun(dotted: str) -> bool:
    """Is it a module of asrun's own?"""
    # By its name: a run has the asrun that runs it, and on a cluster that is not the copy that came with the project.
    return dotted.partition(".")[0] == _ASRUN


T = TypeVar("T")


class Sources:
    """The project's own modules at one moment: each is looked for, and read, once.

    Who reads a snippet, judges records by it and shows its code shares one of these: they then speak of the same text.

    Arguments:
        folders: Where they are found, as on `sys.path`.
        root: The project's folder; files are named relative to it.
        texts: What is in some files, where that is known better than from the files: they may have changed since.
    """

    def __init__(self, folders: Sequence[Path], root: Path, texts: Mapping[Path, bytes] = MappingProxyType({})):
        self.folders, self.root, self._texts = tuple(folders), root, texts
        self._concluded: dict[Hashable, Any] = {}
        # Caches of this object, and not of the class: what they hold is true of one moment.
        self.content = functools.cache(self._content)
        self.find = functools.cache(self._find)
        self.code = functools.cache(self._code)
        self.shown = functools.cache(self._shown)

    def as_loaded(self, texts: Mapping[Path, bytes]) -> Sources:
        """Return these modules with what was in some of their files when they were loaded."""
        return Sources(self.folders, self.root, texts)

    def once(self, what: Hashable, conclude: Callable[[], T]) -> T:
        """Return what somebody concludes from these modules, and remember it for whoever asks again.

        Arguments:
            what: Names the conclusion.
            conclude: Draws it.
        """
        if what not in self._concluded:
            self._concluded[what] = conclude()
        return cast(T, self._concluded[what])

    def _content(self, path: Path) -> bytes:
        return self._texts[path] if path in self._texts else path.read_bytes()

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name

    def _code(self, path: Path) -> ModuleCode:
        return read_code(self.content(path), self.shown(path), self.dotted(path), path.name == "__init__.py")

    def ways_to(self, dotted: str) -> list[Path]:
        """Return the files that an import of a module executes: those of the packages around it, and its own."""
        parts = dotted.split(".")
        found = (self.find(".".join(parts[:length])) for length in range(1, len(parts) + 1))
        return [path for path in found if path]

    def _find(self, dotted: str) -> Path | None:
        if _is_asrun(dotted):
            return None
        parts = dotted.split(".")
        for folder in self.folders:
            for path in (folder.joinpath(*parts, "__init__.py"), folder.joinpath(*parts).with_suffix(".py")):
                if path.is_file():
                    return path
        return None

    def dotted(self, path: Path) -> str:
        """Return the name under which a file is imported."""
        for folder in self.folders:
            if path.is_relative_to(folder):
                parts = path.relative_to(folder).with_suffix("").parts
                return ".".join(parts[:-1] if path.name == "__init__.py" else parts)
        return path.stem
