"""What decides a result: the definitions that a run can reach, and the files that it opened.

The grain is the definition: a function, a class, a module-level assignment. Starting at the snippet's `run`, every name
that a definition mentions is followed, through imports, into the project's own modules. A definition that cannot be
reached may change freely; so may comments, docstrings and formatting, since digests are taken of syntax trees. What is
reached through third-party packages is not followed: their versions are in the provenance.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.model import Digests, Where

__all__ = ["compare", "file_digest", "reach", "tree_digest"]

MODULE_LEVEL = "(module level)"
"""The label of statements that bind no name, and so run whenever the module is imported."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    stat = path.stat()
    return _file_digest(path, stat.st_size, stat.st_mtime_ns)


@functools.cache
def _file_digest(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_digest(node: ast.AST) -> str:
    """Return a digest of what a piece of code does: the same on every Python version and for every formatting."""
    return hashlib.sha256(_dump(node).encode()).hexdigest()[:16]


_IGNORED = {"ctx", "kind", "type_comment", "type_ignores"}


def _dump(value: Any) -> str:
    # ast.dump changed between Python versions; empty fields are left out here, so that new optional ones do not count.
    if isinstance(value, ast.AST):
        fields = []
        for name in value._fields:
            part = getattr(value, name, None)
            if name == "body" and isinstance(value, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)):
                part = [each for each in part or [] if not (isinstance(each, ast.stmt) and _is_string(each))]
            if name not in _IGNORED and part not in (None, []):
                fields.append(f"{name}={_dump(part)}")
        if isinstance(value, ast.Constant) and value.value is None:
            fields.append("value=None")
        return f"{type(value).__name__}({','.join(fields)})"
    if isinstance(value, list):
        return f"[{','.join(map(_dump, value))}]"
    return repr(value)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    return body[1:] if body and _is_string(body[0]) else body


def _is_string(statement: ast.stmt) -> bool:
    """Is it a string that does nothing: a docstring, also of an attribute?"""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


@dataclass(frozen=True)
class _Import:
    """What an imported name stands for: a module, or something in it."""

    module: str
    attribute: str | None


@dataclass
class _Unit:
    """One top-level statement: what it binds, what it mentions, what it is."""

    names: set[str] = field(default_factory=set)
    mentions: set[tuple[str, ...]] = field(default_factory=set)
    imports: set[_Import] = field(default_factory=set)
    digest: str = ""
    label: str = ""


@dataclass
class _Module:
    units: list[_Unit]
    imported: dict[str, _Import]
    stars: list[str]
    by_name: dict[str, list[_Unit]]


def reach(
    entry: Path, names: Iterable[str], *, folders: Sequence[Path], root: Path, also: Iterable[Path] = ()
) -> dict[str, Digests]:
    """Find every definition that `names` in the file `entry` can reach in the project's own code.

    Arguments:
        entry: The file to start from.
        names: Its top-level names to start from.
        folders: Where the project's own modules are found, as on `sys.path`.
        root: The project's folder; files are named relative to it.
        also: Files of the project that the run was seen to import; those that no name leads to count whole.

    Returns:
        Digests of definitions by name, by file.
    """
    walk = _Walk(tuple(folders), root)
    for name in names:
        walk.follow(entry, (name,))
    for path in also:
        if path not in walk.seen_modules:
            walk.whole(path)
    return walk.result()


class _Walk:
    """Follows names from definition to definition, and collects what it passes."""

    def __init__(self, folders: tuple[Path, ...], root: Path):
        self.folders, self.root = folders, root
        self.units: dict[Path, dict[int, _Unit]] = {}
        self.seen: set[tuple[Path, tuple[str, ...]]] = set()
        self.seen_modules: set[Path] = set()

    def result(self) -> dict[str, Digests]:
        collected: dict[str, Digests] = {}
        for path, units in self.units.items():
            labels: dict[str, list[str]] = {}
            for unit in units.values():
                labels.setdefault(unit.label, []).append(unit.digest)
            if labels:
                shown = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name
                collected[shown] = {
                    label: digests[0]
                    if len(digests) == 1
                    else hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
                    for label, digests in sorted(labels.items())
                }
        return dict(sorted(collected.items()))

    def module(self, path: Path) -> _Module:
        """Enter a module: whatever it does on import counts from now on."""
        read = _read_module(path, path.stat().st_mtime_ns, self._dotted(path))
        if path not in self.seen_modules:
            self.seen_modules.add(path)
            for unit in read.units:
                if not unit.names:
                    self.take(path, unit)
            package = path.parent / "__init__.py"
            if path.name != "__init__.py" and package.is_file():
                self.module(package)
        return read

    def whole(self, path: Path) -> None:
        for unit in self.module(path).units:
            self.take(path, unit)

    def take(self, path: Path, unit: _Unit) -> None:
        taken = self.units.setdefault(path, {})
        if id(unit) in taken:
            return
        taken[id(unit)] = unit
        for mention in unit.mentions:
            self.follow(path, mention)
        for target in unit.imports:
            self.follow_import(target, ())

    def follow(self, path: Path, chain: tuple[str, ...]) -> None:
        """Follow a dotted name from inside a module."""
        if (path, chain) in self.seen:
            return
        self.seen.add((path, chain))
        module, name = self.module(path), chain[0]
        for unit in module.by_name.get(name, ()):
            self.take(path, unit)
        if name in module.imported:
            self.follow_import(module.imported[name], chain[1:])
        elif name not in module.by_name:
            for star in module.stars:
                if (target := self.find(star)) and name in self.module(target).by_name:
                    self.follow(target, chain)

    def follow_import(self, target: _Import, rest: tuple[str, ...]) -> None:
        chain = (target.attribute, *rest) if target.attribute else rest
        path = self.find(target.module)
        name = target.module
        while path:
            module = self.module(path)
            if not chain:
                # The module itself is handed around: anything in it may be used.
                self.whole(path)
                return
            if chain[0] in module.by_name or chain[0] in module.imported or module.stars:
                self.follow(path, chain)
                return
            name, chain = f"{name}.{chain[0]}", chain[1:]
            path = self.find(name)

    def find(self, dotted: str) -> Path | None:
        parts = dotted.split(".")
        for folder in self.folders:
            for path in (folder.joinpath(*parts, "__init__.py"), folder.joinpath(*parts).with_suffix(".py")):
                if path.is_file():
                    return path
        return None

    def _dotted(self, path: Path) -> str:
        for folder in self.folders:
            if path.is_relative_to(folder):
                parts = path.relative_to(folder).with_suffix("").parts
                return ".".join(parts[:-1] if path.name == "__init__.py" else parts)
        return path.stem


@functools.cache
def _read_module(path: Path, modified: int, dotted: str) -> _Module:
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise AsrunError(f"not valid Python: {error.msg}", where=Where(path.name, error.lineno)) from error
    package = dotted if path.name == "__init__.py" else dotted.rpartition(".")[0]
    units: list[_Unit] = []
    imported: dict[str, _Import] = {}
    stars: list[str] = []
    for statement in _without_docstring(tree.body):
        if _is_main_guard(statement):
            continue
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for name, target in _imports(statement, package):
                if name == "*":
                    stars.append(target.module)
                else:
                    imported[name] = target
            continue
        if _is_string(statement):
            continue
        unit = _Unit(names=_bound(statement), mentions=_mentions(statement), digest=tree_digest(statement))
        for node in ast.walk(statement):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for name, target in _imports(node, package):
                    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                        unit.imports.add(target)
                    elif name == "*":
                        stars.append(target.module)
                    else:
                        imported[name] = target
                        unit.names.add(name)
        unit.label = ", ".join(sorted(unit.names)) or MODULE_LEVEL
        units.append(unit)
    for unit in units:
        # What an imported name stands for is part of the definition that uses it.
        meant = {f"{name}={imported[name]}" for name in {chain[0] for chain in unit.mentions} if name in imported}
        unit.digest = hashlib.sha256("\n".join([unit.digest, *sorted(meant)]).encode()).hexdigest()[:16]
    by_name: dict[str, list[_Unit]] = {}
    for unit in units:
        for name in unit.names:
            by_name.setdefault(name, []).append(unit)
    return _Module(units, imported, stars, by_name)


def _is_main_guard(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.If)
        and isinstance(statement.test, ast.Compare)
        and isinstance(statement.test.left, ast.Name)
        and statement.test.left.id == "__name__"
    )


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> list[tuple[str, _Import]]:
    """List (name bound, what it stands for) of one import statement."""
    if isinstance(node, ast.Import):
        # `import a.b` binds a; `import a.b as c` binds a.b.
        return [
            (alias.asname, _Import(alias.name, None)) if alias.asname else (top, _Import(top, None))
            for alias in node.names
            for top in [alias.name.partition(".")[0]]
        ]
    module = node.module or ""
    if node.level:
        base = package.split(".")[: len(package.split(".")) - (node.level - 1)]
        module = ".".join([*base, module] if module else base)
    return [(alias.asname or alias.name, _Import(module, alias.name)) for alias in node.names]


def _mentions(node: ast.AST) -> set[tuple[str, ...]]:
    """Collect the dotted names that a piece of code mentions, each as long as it is written."""
    found: set[tuple[str, ...]] = set()
    pending = [node]
    while pending:
        node = pending.pop()
        chain = _chain(node)
        if chain:
            found.add(chain)
        else:
            pending.extend(ast.iter_child_nodes(node))
    return found


def _chain(node: ast.AST) -> tuple[str, ...]:
    """Return `a.b.c` as ("a", "b", "c"); nothing for an attribute of anything but a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _bound(statement: ast.stmt) -> set[str]:
    """Return the module-level names that a statement binds."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    names: set[str] = set()
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        pending.extend(ast.iter_child_nodes(node))
    return names


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
