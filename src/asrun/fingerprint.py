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

__all__ = ["compare", "file_digest", "merge", "reach", "tree_digest"]

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
            if isinstance(value, ast.JoinedStr) and isinstance(part, list):
                # Python 3.12 puts an empty text behind a nested format.
                part = [each for each in part if not (isinstance(each, ast.Constant) and each.value == "")]
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
    acts: bool = False
    """Whether it does something when the module is imported, besides binding names."""
    decorators: set[str] = field(default_factory=set)
    """Names that its decorators start with: one of the project's own may note it down somewhere."""


@dataclass
class _Module:
    units: list[_Unit]
    imported: dict[str, list[_Import]]
    """What each imported name may stand for: several things, where an import has a fallback."""
    stars: list[str]
    by_name: dict[str, list[_Unit]]
    passed_on: dict[str, _Unit]
    """For names that are imported here and used elsewhere: what they stand for."""


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
        self.read: dict[Path, _Module] = {}

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
        if path not in self.read:
            shown = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name
            self.read[path] = _read_module(path.read_bytes(), shown, self._dotted(path), path.name == "__init__.py")
        read = self.read[path]
        if path not in self.seen_modules:
            self.seen_modules.add(path)
            for unit in read.units:
                if not unit.names or unit.acts or any(self._is_own(read, name) for name in unit.decorators):
                    self.take(path, unit)
            package = path.parent / "__init__.py"
            if path == package:
                package = path.parent.parent / "__init__.py"
            if package.is_file() and any(package.is_relative_to(folder) for folder in self.folders):
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
        if ("globals",) in unit.mentions:
            self.whole(path)

    def follow(self, path: Path, chain: tuple[str, ...]) -> None:
        """Follow a dotted name from inside a module."""
        if (path, chain) in self.seen:
            return
        self.seen.add((path, chain))
        module, name = self.module(path), chain[0]
        for unit in module.by_name.get(name, ()):
            self.take(path, unit)
        for target in module.imported.get(name, ()):
            self.follow_import(target, chain[1:])
        if name not in module.by_name and name not in module.imported:
            for star in module.stars:
                self.follow_import(_Import(star, name), chain[1:])

    def follow_import(self, target: _Import, rest: tuple[str, ...]) -> None:
        chain = (target.attribute, *rest) if target.attribute else rest
        name = target.module
        while (path := self.find(name)) or (chain and self._is_folder(name)):
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
                    if chain[0] in module.by_name or (meant and _Import(name, chain[0]) not in meant):
                        return
                elif "__getattr__" in module.by_name:
                    self.follow(path, ("__getattr__",))
            name, chain = f"{name}.{chain[0]}", chain[1:]

    def _is_own(self, module: _Module, name: str) -> bool:
        """Does a name in a module stand for something of the project's own?"""
        return name in module.by_name or any(map(self._leads_inside, module.imported.get(name, ())))

    def _leads_inside(self, target: _Import) -> bool:
        top = target.module.partition(".")[0]
        return self.find(top) is not None or self._is_folder(top)

    def _is_folder(self, dotted: str) -> bool:
        """Is it a package without an `__init__.py`?"""
        return any(folder.joinpath(*dotted.split(".")).is_dir() for folder in self.folders)

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


@functools.lru_cache(maxsize=1024)
def _read_module(source: bytes, shown: str, dotted: str, is_package: bool) -> _Module:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        what = getattr(error, "msg", None) or str(error)
        raise AsrunError(f"not valid Python: {what}", where=Where(shown, getattr(error, "lineno", None))) from error
    package = dotted if is_package else dotted.rpartition(".")[0]
    units: list[_Unit] = []
    imported: dict[str, list[_Import]] = {}
    stars: list[str] = []
    for statement in _without_docstring(tree.body):
        if _is_main_guard(statement):
            continue
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for name, target in _imports(statement, package):
                if name == "*":
                    stars.append(target.module)
                    units.append(_Unit(digest=tree_digest(statement), label=MODULE_LEVEL))
                else:
                    imported.setdefault(name, []).append(target)
            continue
        if _is_string(statement):
            continue
        unit = _Unit(
            names=_bound(statement), mentions=_mentions(statement), digest=tree_digest(statement), acts=_acts(statement)
        )
        defines = False
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defines = True
            unit.decorators = {chain[0] for each in statement.decorator_list for chain in _mentions(each)}
        for node in ast.walk(statement):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for name, target in _imports(node, package):
                    if defines:
                        unit.imports.add(target)
                    elif name == "*":
                        stars.append(target.module)
                    else:
                        imported.setdefault(name, []).append(target)
                        unit.names.add(name)
                if defines and isinstance(node, ast.Import):
                    unit.imports |= {_Import(alias.name, None) for alias in node.names}
            elif called := _imported_by_call(node):
                unit.imports.add(_Import(called, None))
        unit.label = ", ".join(sorted(unit.names)) or MODULE_LEVEL
        units.append(unit)
    for unit in units:
        # What an imported name stands for is part of the definition that uses it.
        meant = {
            f"{name}={target}" for name in {chain[0] for chain in unit.mentions} for target in imported.get(name, ())
        }
        unit.digest = hashlib.sha256("\n".join([unit.digest, *sorted(meant)]).encode()).hexdigest()[:16]
    by_name: dict[str, list[_Unit]] = {}
    for unit in units:
        for name in unit.names:
            by_name.setdefault(name, []).append(unit)
    passed_on = {
        name: _Unit(label=name, digest=hashlib.sha256("\n".join(map(str, targets)).encode()).hexdigest()[:16])
        for name, targets in imported.items()
    }
    return _Module(units, imported, stars, by_name, passed_on)


def _is_main_guard(statement: ast.stmt) -> bool:
    """Is it `if __name__ == "__main__":`, which does nothing when the module is imported?"""
    if not isinstance(statement, ast.If) or statement.orelse or not isinstance(statement.test, ast.Compare):
        return False
    test = statement.test
    if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = (test.left, test.comparators[0])
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides) and any(
        isinstance(side, ast.Constant) and side.value == "__main__" for side in sides
    )


def _acts(statement: ast.stmt) -> bool:
    """Does a statement that may bind names do more than that when it is executed?"""
    match statement:
        case ast.If(body=body, orelse=rest):
            return any(map(_acts, [*body, *rest]))
        case ast.Try() | ast.TryStar():
            handled = [each for handler in statement.handlers for each in handler.body]
            return any(map(_acts, [*statement.body, *handled, *statement.orelse, *statement.finalbody]))
        case ast.Assign(targets=targets):
            return any(map(_acts_on, targets))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return _acts_on(target)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom() | ast.Pass():
            return False
        case ast.Expr():
            return not _is_string(statement)
    return type(statement).__name__ != "TypeAlias"


def _acts_on(target: ast.expr) -> bool:
    """Is it the target of an assignment that changes something: `table["x"]`, `module.name`, `_` in `_ = seed(0)`?"""
    if isinstance(target, ast.Name):
        return target.id == "_"
    if isinstance(target, (ast.Tuple, ast.List)):
        return any(map(_acts_on, target.elts))
    return _acts_on(target.value) if isinstance(target, ast.Starred) else True


def _imported_by_call(node: ast.AST) -> str | None:
    """Return the module that `importlib.import_module("name")` or `__import__("name")` names."""
    match node:
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return name
    return None


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
