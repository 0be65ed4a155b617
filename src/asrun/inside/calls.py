"""Notices which functions of the project's own modules a run calls, at the cost of one assignment a call.

While a snippet runs, its modules and its own file are read through a loader that puts a statement in front of each
top-level function's body: `marks[17] = True`. Files, line numbers and what a function does stay as they are. A function
with a decorator is not touched, because the decorator may translate it (a compiler of numerical code, say).
"""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from asrun.inside.watch import is_own

__all__ = ["Calls"]

_MARKS = "__asrun_marks__"

_PARALLEL = (
    "multiprocessing.popen_fork", "multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver",
    "multiprocessing.popen_spawn_win32", "joblib.externals.loky.backend.popen_loky_posix", "ray._raylet",
)  # fmt: skip
"""Modules that are loaded when the first process of a pool is started, or a cluster is used, and not before."""


class Calls:
    """Watches the modules in some folders, from now on.

    Arguments:
        folders: Where the project's own modules are, as on `sys.path`.
    """

    def __init__(self, folders: Sequence[str]):
        self.folders = list(folders)
        self._marks: dict[str, list[tuple[list[str], list[bool]]]] = {}
        self._elsewhere = False
        self._modules = {path.stem for folder in map(Path, folders) if folder.is_dir() for path in folder.iterdir()}
        sys.meta_path.insert(0, _Finder(self))
        sys.addaudithook(self._hook)

    def loader(self, name: str, path: str) -> SourceFileLoader:
        """Return what loads a file and watches it."""
        return _Loader(name, path, self)

    def told(self) -> dict[str, dict[str, list[str]]] | None:
        """Return watched and called functions by file; None when they may have been called where nobody watched."""
        if self._elsewhere or any(module in sys.modules for module in _PARALLEL):
            return None
        return {
            "watched": {file: _watched(loads) for file, loads in self._marks.items()},
            "called": {file: _called(loads) for file, loads in self._marks.items()},
        }

    def instrument(self, file: str, tree: ast.Module) -> list[bool]:
        """Put a mark into each top-level function, and return the marks."""
        labels: list[str] = []
        for statement in tree.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and not statement.decorator_list:
                mark = ast.parse(f"{_MARKS}[{len(labels)}] = True").body[0]
                for node in ast.walk(mark):
                    ast.copy_location(node, statement.body[0])
                # After the docstring, which has to stay the first statement.
                statement.body.insert(1 if ast.get_docstring(statement, clean=False) is not None else 0, mark)
                labels.append(statement.name)
        marks = [False] * len(labels)
        # A module may be loaded again: what was called before counts.
        self._marks.setdefault(file, []).append((labels, marks))
        return marks

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        # Another Python process may call functions of the project's, and nothing here would know.
        if event in ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn"):
            self._elsewhere = True
        elif event == "subprocess.Popen":
            command = arguments[1] if isinstance(arguments[1], (list, tuple)) else [arguments[1]]
            words = [os.fsdecode(word) if isinstance(word, (str, bytes, os.PathLike)) else "" for word in command]
            if "python" in str(arguments[0]) + words[0]:
                self._elsewhere |= any(name in word for name in self._modules for word in words)


def _watched(loads: list[tuple[list[str], list[bool]]]) -> list[str]:
    """List the functions that were watched each time that their module was loaded."""
    first, *others = (labels for labels, _ in loads)
    return [label for label in first if all(label in labels for labels in others)]


def _called(loads: list[tuple[list[str], list[bool]]]) -> list[str]:
    """List the functions that were called, whichever time their module was loaded."""
    called = [label for labels, marks in loads for label, mark in zip(labels, marks, strict=True) if mark]
    return list(dict.fromkeys(called))


class _Finder(importlib.machinery.PathFinder):
    """Finds the project's own modules before anybody else does."""

    def __init__(self, calls: Calls):
        self._calls = calls

    def find_spec(  # type: ignore[override]
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and type(spec.loader) is SourceFileLoader and spec.origin and is_own(spec.origin, self._calls.folders):
            spec.loader = self._calls.loader(fullname, spec.origin)
            return spec
        return None


class _Loader(SourceFileLoader):
    """Reads a module with marks in its functions; what Python has compiled of it before is of no use."""

    def __init__(self, fullname: str, path: str, calls: Calls):
        super().__init__(fullname, path)
        self._calls, self._list = calls, [False]

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.path), self.path)
        self._list = self._calls.instrument(self.path, tree)
        return compile(tree, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        vars(module)[_MARKS] = self._list
        exec(code, vars(module))
