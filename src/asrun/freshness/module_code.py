"""Reads one module into what can be executed of it: its top level, and each function's body by itself.

A unit is what Python executes in one go. It has a digest of its own statements, in which functions inside of it stand
with their headers only, and it tells what could lead from it to other units: the names that it mentions, those that it
uses as objects rather than calls, and whether it looks anything up by a name that it computes.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from asrun.errors import AsrunError
from asrun.freshness.mentions import Mentions, last_name, mentions, walk
from asrun.freshness.syntax import FUNCTIONS, Function, dump, evaluate, is_generator, is_text, parse
from asrun.model import Where

__all__ = ["TOP_LEVEL", "ModuleCode", "Unit", "read_code"]

TOP_LEVEL = "(module level)"


@dataclass
class Unit:
    """A function's body, with its header: what runs when it is called."""

    label: str
    """Its qualified name, with a number from the second on: `Net.step`, `Net.step (2)`."""
    name: str
    line: int
    """Where its code object begins: at the first decorator, where there is one."""
    digest: str
    mentions: Mentions
    handed_over: bool
    """Whether a decorator gets it, which may do anything with it."""
    around: str
    """Label of the unit whose execution defines it."""


@dataclass
class ModuleCode:
    """A module as it can be executed."""

    digest: str
    """Of the top level, in its order, without the bindings."""
    mentions: Mentions
    """Of the top level, without the bindings."""
    bindings: dict[str, str]
    """Digests of the statements of the top level that only bind a name: to a literal, or to a function without
    decorators."""
    units: dict[str, Unit]
    docstrings: str
    """A digest of them."""
    imported_names: dict[str, str]
    """Last part of the module that a name may stand for, by name: `{"net": "networks"}`."""

    def label_at(self, name: str, line: int) -> str | None:
        """Return the label of the unit with a code object of that qualified name at that line."""
        for unit in self.units.values():
            if unit.line == line and re.sub(r" \(\d+\)$", "", unit.label) == name:
                return unit.label
        return None


@functools.lru_cache(maxsize=512)
def read_code(source: bytes, shown: str, dotted: str, is_package: bool) -> ModuleCode:
    """Read a module's source, once for all who ask: nobody changes what they get.

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
    return _Reader(dotted if is_package else dotted.rpartition(".")[0]).read(tree)


class _Reader:
    def __init__(self, package: str):
        self.package = package
        self.units: dict[str, Unit] = {}
        self.docs: list[str] = []

    def read(self, tree: ast.Module) -> ModuleCode:
        body = [each for each in tree.body if not _is_main_guard(each)]
        bound = Counter(name for statement in body for name in _bound(statement))
        # What a function binds for all, it may bind before or after the statement that does.
        bound.update(name for each in ast.walk(tree) if isinstance(each, ast.Global) for name in each.names)
        self.docs += _docstring(tree)
        parts: list[str] = []
        top, imported = Mentions(), dict[str, str]()
        bindings: dict[str, str] = {}
        for statement in body:
            # Whoever has another `dict` calls something when they write `dict(n=3)`.
            binding = _binding(statement, bool(bound["dict"]))
            # A star may bind any name.
            if binding and bound[binding[0]] == 1 and not bound["*"]:
                name, digest = binding
                bindings[name] = digest
            elif not is_text(statement):
                parts.append(dump(statement, bodies=False, own=False))
                top.add(mentions(statement, package=self.package))
            for each in _statements(statement):
                if isinstance(each, (ast.Import, ast.ImportFrom)):
                    imported |= {alias.asname or alias.name: alias.name.rpartition(".")[2] for alias in each.names}
            self.functions(statement, TOP_LEVEL, "")
        return ModuleCode(_digest("\n".join(parts)), top, bindings, self.units, _digest("\n".join(self.docs)), imported)

    def functions(self, node: ast.AST, around: str, prefix: str) -> None:
        """Find the functions and classes in a piece of code, as deep as they go."""
        if isinstance(node, FUNCTIONS):
            self.function(node, around, prefix)
            return
        if isinstance(node, ast.ClassDef):
            self.docs += _docstring(node)
            prefix = f"{prefix}{node.name}."
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):
                self.functions(child, around, prefix)

    def function(self, node: Function, around: str, prefix: str) -> None:
        self.docs += _docstring(node)
        qualified = label = f"{prefix}{node.name}"
        number = 1
        while label in self.units:
            number += 1
            label = f"{qualified} ({number})"
        decorators = {last_name(each) for each in node.decorator_list}
        line = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        self.units[label] = Unit(
            label=label,
            name=node.name,
            line=line,
            digest=_digest(dump(node, bodies=False)),
            mentions=mentions(*ast.iter_child_nodes(node), package=self.package, inside=True),
            handed_over=not decorators <= _KNOWN,
            around=around,
        )
        for statement in node.body:
            self.functions(statement, label, f"{qualified}.<locals>.")


_KNOWN = frozenset(
    ["property", "staticmethod", "classmethod", "setter", "getter", "deleter", "abstractmethod", "override", "overload"]
)
"""Decorators that do nothing with a function but see that it is called."""


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through code without looking into expressions, in which there are no statements."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield from _statements(child)


def _binding(statement: ast.stmt, own_dict: bool) -> tuple[str, str] | None:
    """Return the name that a statement binds, and does nothing else, with a digest of what it binds it to."""
    match statement:
        case ast.FunctionDef(name=name, decorator_list=[]) | ast.AsyncFunctionDef(name=name, decorator_list=[]):
            defaults = [*statement.args.defaults, *filter(None, statement.args.kw_defaults)]
            plain = all(map(_is_literal, defaults)) and not (name.startswith("__") and name.endswith("__"))
            annotations = [
                each.annotation for each in ast.walk(statement.args) if isinstance(each, ast.arg) and each.annotation
            ]
            plain &= not any(isinstance(part, ast.Call) for each in annotations for part in ast.walk(each))
            # Of a generator's function, a call is not noticed where nothing is asked of what it makes.
            header = dump(statement, bodies=False, own=False) if is_generator(statement) else "a function"
            return (name, _digest(header)) if plain else None
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            if _is_literal(value, own_dict) and not name.startswith("__"):
                return name, _digest(dump(value))
    return None


def _is_literal(node: ast.expr, own_dict: bool = True) -> bool:
    try:
        (ast.literal_eval if own_dict else evaluate)(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Return the names that a statement of the top level binds, one by one, however often."""
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        yield statement.name
        return
    for each in walk(statement):
        if isinstance(each, ast.Name) and isinstance(each.ctx, (ast.Store, ast.Del)):
            yield each.id
        elif isinstance(each, (*FUNCTIONS, ast.ClassDef)):
            yield each.name
        elif isinstance(each, ast.alias):
            yield (each.asname or each.name).partition(".")[0]
        elif isinstance(each, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and each.name:
            yield each.name
        elif isinstance(each, ast.MatchMapping) and each.rest:
            yield each.rest


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


def _docstring(node: Any) -> list[str]:
    found = ast.get_docstring(node, clean=False)
    return [] if found is None else [found]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
