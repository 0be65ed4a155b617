"""Notices which of the project's own code a process executes: the files that are loaded, the functions that are called.

However they come to be executed: by name, through a registry, by a computed name, by unpickling. From Python 3.12 on,
`sys.monitoring` tells of each code object once, and then costs nothing. Before that, each function gets a statement in
front of its body when its file is loaded: `__asrun_called__[17] = True`. Files, line numbers and what a function does
stay as they are.
"""

from __future__ import annotations

import ast
import builtins
import functools
import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

__all__ = ["Executed", "Loaded"]

CALLED = "__asrun_called__"
"""The name, among the built-in ones, of the list in which functions note that they are called."""


@dataclass
class Loaded:
    """A file of the project's that was executed."""

    digest: str
    """SHA-256 of what it said when it was loaded; of several times, the last."""
    called: set[tuple[str, int]] = field(default_factory=set)
    """Qualified names of functions, each with the line at which its code begins."""
    watched: bool = True
    """Whether calls of its functions are noticed. Where they are not, all may have been called."""


class Executed:
    """Watches what is executed from now on.

    Arguments:
        is_own: Whether a file is one of the project's own.
        keep: A folder in which a copy of each loaded file is kept, named by its digest: files may change while a run
            goes on.
    """

    def __init__(self, is_own: Callable[[str], bool], keep: Path):
        self._is_own = functools.cache(is_own)
        self._keep = keep
        self.files: dict[str, Loaded] = {}
        self._watch = _Monitored(self) if hasattr(sys, "monitoring") else _Marked(self)
        sys.addaudithook(self._hook)

    def told(self) -> dict[str, dict[str, Any]]:
        """Return what was executed, by file: its `digest`, and what was `called`, or None where nobody watched."""
        self._watch.collect()
        return {
            file: {"digest": loaded.digest, "called": sorted(loaded.called) if loaded.watched else None}
            for file, loaded in sorted(self.files.items())
        }

    def load(self, file: str, source: bytes | None = None) -> Loaded:
        """Note that a file is loaded."""
        if source is None:
            source = Path(file).read_bytes()
        digest = hashlib.sha256(source).hexdigest()
        copy = self._keep / f"{digest}.py"
        if not copy.exists():
            self._keep.mkdir(exist_ok=True)
            copy.write_bytes(source)
        loaded = self.files.setdefault(file, Loaded(digest))
        if loaded.digest != digest:
            # Which function of which of its texts was called is not told apart.
            loaded.digest, loaded.watched = digest, False
        return loaded

    def is_own(self, code: CodeType) -> bool:
        return self._is_own(code.co_filename)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        # Whoever executes a file's code by other ways than an import: `runpy`, `exec(compile(…, file, "exec"))`.
        if event == "exec" and isinstance(arguments[0], CodeType) and arguments[0].co_name == "<module>":
            code = arguments[0]
            if code.co_filename not in self.files and self.is_own(code) and os.path.isfile(code.co_filename):
                self.load(code.co_filename).watched = self._watch.sees_all


class _Monitored:
    """Notices calls through `sys.monitoring` (PEP 669)."""

    sees_all = True

    def __init__(self, executed: Executed):
        self._executed = executed
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        self._tool = next(tool for tool in (4, 3, 1, 2, 0, 5) if monitoring.get_tool(tool) is None)
        monitoring.use_tool_id(self._tool, "asrun")
        monitoring.register_callback(self._tool, monitoring.events.PY_START, self._start)
        monitoring.set_events(self._tool, monitoring.events.PY_START)
        self._seen = monitoring.DISABLE

    def _start(self, code: CodeType, offset: int) -> Any:
        if code.co_flags & 0x2 and self._executed.is_own(code):  # CO_NEWLOCALS: a function's, not a module's or a class's
            loaded = self._executed.files.get(code.co_filename)
            if loaded is None and os.path.isfile(code.co_filename):
                loaded = self._executed.load(code.co_filename)
            if loaded is not None:
                loaded.called.add((code.co_qualname, code.co_firstlineno))
        return self._seen

    def collect(self) -> None:
        """All is noted already."""


class _Marked:
    """Notices calls through a statement in front of each function's body, put there when a file is loaded."""

    sees_all = False

    def __init__(self, executed: Executed):
        self._executed = executed
        self._marks: list[bool] = []
        self._functions: list[tuple[str, str, int]] = []
        setattr(builtins, CALLED, self._marks)
        # A compiler of numerical code would stumble over the statement.
        self._marks_calls = importlib.util.find_spec("numba") is None
        original = SourceFileLoader.get_code

        def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
            path = loader.get_filename(fullname)
            if not executed._is_own(path) or type(loader).source_to_code is not SourceFileLoader.source_to_code:
                return original(loader, fullname)
            return self._read(path, loader.get_data(path))

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign]

    def _read(self, path: str, source: bytes) -> CodeType:
        loaded = self._executed.load(path, source)
        loaded.watched &= self._marks_calls
        tree = ast.parse(source, path)
        if self._marks_calls:
            used = _used_as_objects(tree)
            for name, function in _functions(tree, ""):
                begins = min([function.lineno, *(each.lineno for each in function.decorator_list)])
                if not all(map(_is_harmless, function.decorator_list)) or function.name in used:
                    # Whoever gets it may translate it, or look into it: it counts as it is.
                    loaded.called.add((name, begins))
                else:
                    self._mark(function)
                    self._functions.append((path, name, begins))
        return compile(tree, path, "exec", dont_inherit=True)

    def _mark(self, function: _Function) -> None:
        mark = ast.parse(f"{CALLED}[{len(self._marks)}] = True").body[0]
        for node in ast.walk(mark):
            ast.copy_location(node, function.body[0])
        # After the docstring, which has to stay the first statement.
        function.body.insert(1 if ast.get_docstring(function, clean=False) is not None else 0, mark)
        self._marks.append(False)

    def collect(self) -> None:
        """Note which marks were made."""
        for mark, (path, name, line) in zip(self._marks, self._functions, strict=True):
            if mark:
                self._executed.files[path].called.add((name, line))


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, _Function]]:
    """Find all functions in a piece of code, with the qualified names that they will have."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            yield f"{prefix}{child.name}", child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.Lambda):
            yield from _functions(child, f"{prefix}<lambda>.<locals>.")
        else:
            yield from _functions(child, prefix)


def _is_harmless(decorator: ast.expr) -> bool:
    """Whether a decorator does nothing with a function but see that it is called."""
    name = decorator.id if isinstance(decorator, ast.Name) else ""
    name = decorator.attr if isinstance(decorator, ast.Attribute) else name
    return name in ("property", "staticmethod", "classmethod", "setter", "getter", "deleter")


def _used_as_objects(tree: ast.Module) -> set[str]:
    """Return the names that are mentioned in another way than to be called."""
    called = {id(each.func) for each in ast.walk(tree) if isinstance(each, ast.Call)}
    named = (each for each in ast.walk(tree) if isinstance(each, (ast.Name, ast.Attribute)) and id(each) not in called)
    return {each.id if isinstance(each, ast.Name) else each.attr for each in named if isinstance(each.ctx, ast.Load)}
