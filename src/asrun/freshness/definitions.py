"""Reads one module into its top-level definitions: what each binds, what it mentions, and a digest of what it does."""

from __future__ import annotations

import ast
import functools
import hashlib
from dataclasses import dataclass, field
from typing import Any

from asrun.errors import AsrunError
from asrun.model import Where

__all__ = ["Definition", "Import", "Module", "parse", "read_module", "tree_digest"]

MODULE_LEVEL = "(module level)"
"""The label of statements that bind no name, and so run whenever the module is imported."""


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
class Import:
    """What an imported name stands for: a module, or something in it."""

    module: str
    attribute: str | None

    def __str__(self) -> str:
        # Digests in records are taken of this text: it stays as it is, whatever the class is called.
        return f"_Import(module={self.module!r}, attribute={self.attribute!r})"


@dataclass
class Definition:
    """One top-level statement: what it binds, what it mentions, what it is."""

    names: set[str] = field(default_factory=set)
    mentions: set[tuple[str, ...]] = field(default_factory=set)
    imports: set[Import] = field(default_factory=set)
    digest: str = ""
    label: str = ""
    acts: bool = False
    """Whether it does something when the module is imported, besides binding names."""
    decorators: set[str] = field(default_factory=set)
    """Names that its decorators start with: one of the project's own may note it down somewhere."""
    calls_are_seen: bool = False
    """Whether it is a function whose first call a run notices: no decorator stands between."""


@dataclass
class Module:
    """What the top level of one module defines, imports and does."""

    definitions: list[Definition]
    imported: dict[str, list[Import]]
    """What each imported name may stand for: several things, where an import has a fallback."""
    stars: list[str]
    by_name: dict[str, list[Definition]]
    passed_on: dict[str, Definition]
    """For names that are imported here and used elsewhere: what they stand for."""
    always: set[str] = field(default_factory=set)
    """Modules that are imported whenever this one is: by statements that nothing is around."""


@functools.lru_cache(maxsize=256)
def parse(source: bytes | str) -> ast.Module:
    """Parse Python, once for all who ask: nobody changes the tree.

    It is known by what is in it, so that what was edited is another source. Trees of the course take 16 MB.
    """
    return ast.parse(source)


@functools.lru_cache(maxsize=1024)
def read_module(source: bytes, shown: str, dotted: str, is_package: bool) -> Module:
    """Read a module's source into its definitions.

    Arguments:
        source: What is in its file.
        shown: What the file is called in messages.
        dotted: The module's name, where relative imports start.
        is_package: Is it an `__init__.py`?

    Raises:
        AsrunError: when it is not valid Python.
    """
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        what = getattr(error, "msg", None) or str(error)
        raise AsrunError(f"not valid Python: {what}", where=Where(shown, getattr(error, "lineno", None))) from error
    package = dotted if is_package else dotted.rpartition(".")[0]
    definitions: list[Definition] = []
    imported: dict[str, list[Import]] = {}
    stars: list[str] = []
    always: set[str] = set()
    for statement in _without_docstring(tree.body):
        if _is_main_guard(statement):
            continue
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            if isinstance(statement, ast.Import):
                always |= {alias.name for alias in statement.names}
            for name, target in _imports(statement, package):
                always.add(target.module)
                if name == "*":
                    stars.append(target.module)
                    definitions.append(Definition(digest=tree_digest(statement), label=MODULE_LEVEL))
                else:
                    imported.setdefault(name, []).append(target)
            continue
        if _is_string(statement):
            continue
        definition = Definition(
            names=_bound(statement), mentions=_mentions(statement), digest=tree_digest(statement), acts=_acts(statement)
        )
        defines = False
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defines = True
            definition.decorators = {chain[0] for each in statement.decorator_list for chain in _mentions(each)}
            definition.calls_are_seen = not (isinstance(statement, ast.ClassDef) or statement.decorator_list)
        for node in ast.walk(statement):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for name, target in _imports(node, package):
                    if defines:
                        definition.imports.add(target)
                    elif name == "*":
                        stars.append(target.module)
                    else:
                        imported.setdefault(name, []).append(target)
                        definition.names.add(name)
                if defines and isinstance(node, ast.Import):
                    definition.imports |= {Import(alias.name, None) for alias in node.names}
            elif called := _imported_by_call(node):
                definition.imports.add(Import(called, None))
        definition.label = ", ".join(sorted(definition.names)) or MODULE_LEVEL
        definitions.append(definition)
    for definition in definitions:
        # What an imported name stands for is part of the definition that uses it.
        meant = {
            f"{name}={target}"
            for name in {chain[0] for chain in definition.mentions}
            for target in imported.get(name, ())
        }
        definition.digest = hashlib.sha256("\n".join([definition.digest, *sorted(meant)]).encode()).hexdigest()[:16]
    by_name: dict[str, list[Definition]] = {}
    for definition in definitions:
        for name in definition.names:
            by_name.setdefault(name, []).append(definition)
    passed_on = {
        name: Definition(label=name, digest=hashlib.sha256("\n".join(map(str, targets)).encode()).hexdigest()[:16])
        for name, targets in imported.items()
    }
    return Module(definitions, imported, stars, by_name, passed_on, always)


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


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> list[tuple[str, Import]]:
    """List (name bound, what it stands for) of one import statement."""
    if isinstance(node, ast.Import):
        # `import a.b` binds a; `import a.b as c` binds a.b.
        return [
            (alias.asname, Import(alias.name, None)) if alias.asname else (top, Import(top, None))
            for alias in node.names
            for top in [alias.name.partition(".")[0]]
        ]
    module = node.module or ""
    if node.level:
        base = package.split(".")[: len(package.split(".")) - (node.level - 1)]
        module = ".".join([*base, module] if module else base)
    return [(alias.asname or alias.name, Import(module, alias.name)) for alias in node.names]


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
