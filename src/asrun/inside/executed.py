"""Notices which of the project's own code a process executes: the files that are loaded, the functions that are called.

However they come to be executed: by name, through a registry, by a computed name, by unpickling. From Python 3.12 on,
`sys.monitoring` tells of each code object once, and then costs nothing. Before that, each function gets a statement in
front of its body when its file is loaded: `__asrun_called__._17 = True`. Files, line numbers and what a function does
stay as they are.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from asrun.inside.watch import is_loading, is_own

__all__ = ["Executed", "Loaded"]

CALLED = "__asrun_called__"
"""The name, among the built-in ones, of the object on which functions note that they are called."""


_PARALLEL = (
    "multiprocessing.popen_fork", "multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver",
    "multiprocessing.popen_spawn_win32", "joblib.externals.loky.backend.popen_loky_posix", "ray._raylet",
)  # fmt: skip
"""Modules that are loaded when the first process of a pool is started, or a cluster is used, and not before."""


@dataclass
class Loaded:
    """A file of the project's that was executed."""

    text: bytes
    """What it said when it was loaded; of several times, the last."""
    called: set[tuple[str, int]] = field(default_factory=set)
    """Qualified names of functions, each with the line at which its code begins."""
    watched: bool = True
    """Whether calls of its functions are noticed. Where they are not, all may have been called."""


class Executed:
    """Watches what is executed from now on.

    Arguments:
        folders: Where the project's own files are.
    """

    def __init__(self, folders: Sequence[str]):
        self.is_own = functools.cache(lambda file: file.endswith(".py") and is_own(file, folders))
        self.files: dict[str, Loaded] = {}
        self._elsewhere = False
        self._telling = [module for module in _PARALLEL if module not in sys.modules]
        self._modules = {path.stem for folder in map(Path, folders) if folder.is_dir() for path in folder.iterdir()}
        self._watch = _Monitored(self) if hasattr(sys, "monitoring") else _Marked(self)
        sys.addaudithook(self._hook)

    def told(self) -> dict[str, dict[str, Any]]:
        """Return what was executed, by file: its `text`, and what was `called`, or None where nobody watched."""
        self._watch.collect()
        return {
            file: {
                "text": loaded.text.decode("utf-8", "surrogateescape"),
                "called": sorted(loaded.called) if loaded.watched else None,
            }
            for file, loaded in sorted(self.files.items())
        }

    @property
    def elsewhere(self) -> bool:
        """Whether code of the project's may have been executed in other processes, where nobody watched."""
        return self._elsewhere or any(module in sys.modules for module in self._telling)

    def load(self, file: str, text: bytes | None = None) -> Loaded:
        """Note that a file is loaded."""
        if text is None:
            # By this file itself, so that it is known who opens it.
            with open(file, "rb") as opened:  # noqa: PTH123
                text = opened.read()
        loaded = self.files.setdefault(file, Loaded(text))
        if loaded.text != text:
            # Which function of which of its texts was called is not told apart.
            loaded.text, loaded.watched = text, False
        return loaded

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "exec":
            # Whoever executes a file's code in other ways than an import: `runpy`, `exec(compile(…, file, "exec"))`.
            code = arguments[0]
            if isinstance(code, CodeType) and code.co_name == "<module>" and not self._watch.knows(code):
                file = code.co_filename
                if self.is_own(file) and os.path.isfile(file):
                    self.load(file).watched &= self._watch.sees_all
        elif event == "open":
            # Who compiles functions from their source executes them without calling them, and those that they call.
            file = arguments[0]
            if (
                isinstance(file, str)
                and self.is_own(file)
                and os.path.isfile(file)
                and not is_loading(sys._getframe().f_back)
            ):
                self.load(os.path.abspath(file)).watched = False
        elif event in ("os.fork", "os.forkpty", "os.exec", "os.spawn", "os.posix_spawn"):
            # Another Python process may call functions of the project's, and nothing here would know.
            self._elsewhere = True
        elif event == "subprocess.Popen":
            command = arguments[1] if isinstance(arguments[1], (list, tuple)) else [arguments[1]]
            self._start([arguments[0] or "", *command], os.fsdecode(arguments[2] or ""))
        elif event == "os.system":
            self._start([arguments[0]], "")

    def _start(self, command: Sequence[Any], folder: str) -> None:
        """Note that a program is started: it may be a Python, or start one, that executes code of the project's."""
        given = [os.fsdecode(word) for word in command if isinstance(word, (str, bytes, os.PathLike))]
        words = [word for each in given for word in re.split(r"[\s'\"();&|]+", each) if word]
        scripts = [os.path.abspath(Path(folder, word)) for word in words if word.endswith(".py")]
        for script in filter(self.is_own, scripts):
            if os.path.isfile(script):
                self._elsewhere, self.load(script).watched = True, False
        if any("python" in word for word in words):
            told = [word for word in words if "python" not in word.rpartition("/")[2]]
            self._elsewhere |= any(name in word for name in self._modules for word in told)


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
        # A function's code, and not a module's or a class's: it has locals that are new.
        if code.co_flags & inspect.CO_NEWLOCALS and self._executed.is_own(code.co_filename):
            loaded = self._executed.files.get(code.co_filename)
            if loaded is None and os.path.isfile(code.co_filename):
                loaded = self._executed.load(code.co_filename)
            if loaded is not None:
                loaded.called.add((code.co_qualname, code.co_firstlineno))
        return self._seen

    def knows(self, code: CodeType) -> bool:
        """Whether that a module's code is executed is noted already."""
        return False

    def collect(self) -> None:
        """Note what is not noted yet: whoever compiles functions as they are called executes others within them."""
        counters = getattr(sys.modules.get("torch._dynamo.utils"), "counters", {})
        if counters.get("frames"):
            for loaded in self._executed.files.values():
                loaded.watched = False


class _Marked:
    """Notices calls through a statement in front of each function's body, put there when a file is loaded."""

    sees_all = False

    def __init__(self, executed: Executed):
        self._executed = executed
        self._marks = _Marks()
        self._functions: list[tuple[str, str, int]] = []
        self._codes: dict[int, CodeType] = {}
        setattr(builtins, CALLED, self._marks)
        # A compiler of numerical code would stumble over the statement.
        self._marks_calls = importlib.util.find_spec("numba") is None
        original = SourceFileLoader.get_code

        def get_code(loader: Any, fullname: str) -> CodeType | None:
            path = loader.get_filename(fullname)
            # A loader of somebody else's may make other code of a file.
            if executed.is_own(path) and type(loader) is SourceFileLoader:
                return self._read(path, loader.get_data(path))
            return original(loader, fullname)

        SourceFileLoader.get_code = get_code  # type: ignore[assignment,method-assign]

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
        code: CodeType = compile(tree, path, "exec", dont_inherit=True)
        self._codes[id(code)] = code
        return code

    def _mark(self, function: _Function) -> None:
        # An attribute, and not an item of a list: who compiles functions, as PyTorch does, keeps track of it by itself.
        marks = ast.Attribute(ast.Name(CALLED, ast.Load()), f"_{len(self._functions)}", ast.Store())
        mark = ast.Assign([marks], ast.Constant(True))
        # After the docstring, which has to stay the first statement.
        at = 1 if ast.get_docstring(function, clean=False) is not None else 0
        for node in ast.walk(mark):
            ast.copy_location(node, function.body[at] if at < len(function.body) else function.body[0])
        function.body.insert(at, mark)

    def knows(self, code: CodeType) -> bool:
        """Whether that a module's code is executed is noted already."""
        return id(code) in self._codes

    def collect(self) -> None:
        """Note which marks were made."""
        for mark in vars(self._marks):
            path, name, line = self._functions[int(mark.removeprefix("_"))]
            self._executed.files[path].called.add((name, line))


class _Marks:
    """Has an attribute for every function that was called."""

    def __call__(self) -> None:
        """Do nothing: of the built-in names, PyTorch's compiler accepts those that can be called."""


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, _Function]]:
    """Find all functions in a piece of code, with the qualified names that they will have."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            yield f"{prefix}{child.name}", child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif not isinstance(child, ast.expr):
            yield from _functions(child, prefix)


def _is_harmless(decorator: ast.expr) -> bool:
    """Whether a decorator does nothing with a function but see that it is called."""
    name = decorator.id if isinstance(decorator, ast.Name) else ""
    name = decorator.attr if isinstance(decorator, ast.Attribute) else name
    return name in ("property", "staticmethod", "classmethod", "setter", "getter", "deleter")


def _used_as_objects(tree: ast.Module) -> set[str]:
    """Return the names that are mentioned in another way than to be called."""
    called: set[int] = set()
    used: set[str] = set()
    # Whoever is called comes after the call.
    for each in ast.walk(tree):
        if isinstance(each, ast.Call):
            called.add(id(each.func))
        elif isinstance(each, ast.Name):
            if isinstance(each.ctx, ast.Load) and id(each) not in called:
                used.add(each.id)
        elif isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Load) and id(each) not in called:
            used.add(each.attr)
    return used
