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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from asrun.errors import AsrunError
from asrun.freshness.syntax import FUNCTIONS, Function, dump, evaluate, is_generator, is_text, parse
from asrun.model import Where

__all__ = ["TOP_LEVEL", "Binding", "ModuleCode", "Unit", "read_code"]

TOP_LEVEL = "(module level)"


@dataclass
class Mentions:
    """What a piece of code says of other code."""

    names: set[str] = field(default_factory=set)
    """Every name, attribute and word in a text: what is in none of them cannot be meant without a computation."""
    objects: set[str] = field(default_factory=set)
    """Names and attributes that are mentioned in another way than to be called."""
    bare: set[str] = field(default_factory=set)
    """Those of them that stand alone, neither called nor asked for an attribute: `net`, `lib.net`."""
    imports: set[str] = field(default_factory=set)
    """Modules that it imports, and names that it imports from them, which may be modules: `a.b`."""
    computes: bool = False
    """Whether it looks up what a computed name stands for, in a module."""
    hands_on: bool = False
    """Whether it looks up attributes of objects by computed names, and does more with what it finds than call it."""
    asks_for_docstrings: bool = False

    def add(self, other: Mentions) -> None:
        self.names |= other.names
        self.objects |= other.objects
        self.bare |= other.bare
        self.imports |= other.imports
        self.computes |= other.computes
        self.hands_on |= other.hands_on
        self.asks_for_docstrings |= other.asks_for_docstrings


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
class Binding:
    """A statement of the top level that only binds a name: a literal constant, or a function without decorators."""

    name: str
    digest: str
    function: bool


@dataclass
class ModuleCode:
    """A module as it can be executed."""

    digest: str
    """Of the top level, in its order, without the bindings."""
    mentions: Mentions
    """Of the top level, without the bindings."""
    bindings: dict[str, Binding]
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
        body = [each for each in tree.body if not is_main_guard(each)]
        bound = Counter(name for statement in body for name in _bound(statement))
        # What a function binds for all, it may bind before or after the statement that does.
        bound.update(name for each in ast.walk(tree) if isinstance(each, ast.Global) for name in each.names)
        self.docs += _docstring(tree)
        parts: list[str] = []
        top, imported = Mentions(), dict[str, str]()
        bindings: dict[str, Binding] = {}
        for statement in body:
            # Whoever has another `dict` calls something when they write `dict(n=3)`.
            binding = _binding(statement, bool(bound["dict"]))
            # A star may bind any name.
            if binding and bound[binding.name] == 1 and not bound["*"]:
                bindings[binding.name] = binding
            elif not is_text(statement):
                parts.append(dump(statement, bodies=False, own=False))
                top.add(self.mentions(statement))
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
        mentions = self.mentions(*ast.iter_child_nodes(node), inside=True)
        decorators = [_last(each) for each in node.decorator_list]
        line = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        self.units[label] = Unit(
            label, node.name, line, _digest(dump(node, bodies=False)), mentions, not set(decorators) <= _KNOWN, around
        )
        for statement in node.body:
            self.functions(statement, label, f"{qualified}.<locals>.")

    def mentions(self, *nodes: ast.AST, inside: bool = False) -> Mentions:
        """Collect what a piece of code mentions; of functions in it, what their headers do."""
        found = Mentions()
        parts = [each for node in nodes if not is_text(node) for each in _walk(node)]
        called: set[int] = set()
        bases: set[int] = set()
        passing = _only_called(nodes, inside)
        own = {each.arg for each in parts if isinstance(each, ast.arg)}
        own |= {each.id for each in parts if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        for each in parts:
            if isinstance(each, ast.Call):
                called.add(id(each.func))
                if not isinstance(each.func, ast.Call):
                    self._look_up(each, found, id(each) in passing)
                if _last(each.func) in ("getattr", "hasattr") and (id(each) in passing or _is_told(each)) and each.args:
                    # Of a module, too, this leads to functions that are called, or to one that is named.
                    bases.add(id(each.args[0]))
                if _last(each.func) in ("vars", "dir") and not each.args:
                    found.computes = True
            elif isinstance(each, ast.Attribute) and each.attr not in _ATTRIBUTES:
                # What all attributes are taken of is handed around as if it stood alone.
                bases.add(id(each.value))
            name = each.id if isinstance(each, ast.Name) else each.attr if isinstance(each, ast.Attribute) else ""
            if name:
                found.names.add(name)
                if id(each) not in called and isinstance(each.ctx, ast.Load):  # type: ignore[attr-defined]
                    found.objects.add(name)
                    if id(each) not in bases and (dotted := _dotted(each)):
                        found.bare.add(dotted)
                if _leads_anywhere(each) and name not in own:
                    found.computes = found.hands_on = True
                if name in _ATTRIBUTES:
                    found.hands_on = True
                if name in _DOCUMENTATION:
                    found.asks_for_docstrings = True
            elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                found.names |= set(_WORD.findall(each.value))
            elif isinstance(each, (ast.Import, ast.ImportFrom)):
                self._import(each, found)
            elif isinstance(each, (ast.Global, ast.Nonlocal)):
                found.names |= set(each.names)
            elif isinstance(each, (*FUNCTIONS, ast.ClassDef)):
                found.names.add(each.name)
            elif isinstance(each, ast.keyword) and each.arg:
                found.names.add(each.arg)
        return found

    def _import(self, node: ast.Import | ast.ImportFrom, found: Mentions) -> None:
        if isinstance(node, ast.Import):
            module = ""
            found.imports |= {alias.name for alias in node.names}
        else:
            module = node.module or ""
            if node.level:
                parts = self.package.split(".")
                base = parts[: len(parts) - (node.level - 1)]
                module = ".".join([*base, module] if module else base)
            found.imports |= {module, *(f"{module}.{alias.name}" for alias in node.names if alias.name != "*")}
        for alias in node.names:
            found.names |= {*alias.name.split("."), *([alias.asname] if alias.asname else [])}
            if alias.asname and isinstance(node, ast.ImportFrom):
                # What is called by another name here is not seen to be called by its own.
                found.objects.add(alias.name)
        found.names |= set(module.split("."))
        if found.imports & {"__main__", "sys.modules", *(f"builtins.{name}" for name in _NAMESPACES)}:
            found.computes = found.hands_on = True

    @staticmethod
    def _look_up(call: ast.Call, found: Mentions, only_called: bool) -> None:
        name = _last(call.func)
        if name in _LOOK_UPS:
            given = call.args[_LOOK_UPS[name] :]
            if all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in given[:1]) and given:
                # What it is called is written there; what becomes of it is not.
                found.objects |= set(_WORD.findall(given[0].value))  # type: ignore[attr-defined]
            elif name in _OF_OBJECTS:
                # A module does not come by chance: where one is handed around, that is seen by its name.
                found.hands_on |= not only_called
            else:
                found.computes = found.hands_on = True


_LOOK_UPS = {"getattr": 1, "hasattr": 1, "setattr": 1, "delattr": 1, "import_module": 0, "__import__": 0,
             "attrgetter": 0, "methodcaller": 0, "getattr_static": 1}  # fmt: skip
"""Functions that are told a name, and which of their arguments it is."""

_OF_OBJECTS = frozenset(["getattr", "hasattr", "setattr", "delattr", "attrgetter", "methodcaller", "getattr_static"])

_NAMESPACES = frozenset(["eval", "exec", "compile", "globals", "locals"])
"""Built-in functions that lead anywhere."""

_ATTRIBUTES = frozenset(["vars", "dir", "getmembers", "__dict__", "__getattribute__", "__code__"])
"""What leads to all attributes of an object."""

_INSIDES = frozenset(
    ["__globals__", "f_globals", "f_locals", "f_back", "currentframe", "_getframe", "get_objects", "get_referrers"]
)  # fmt: skip
"""Attributes and functions that lead anywhere."""

_DOCUMENTATION = frozenset(["__doc__", "getdoc", "doctest", "getcomments"])

_KNOWN = frozenset(
    ["property", "staticmethod", "classmethod", "setter", "getter", "deleter", "abstractmethod", "override", "overload"]
)
"""Decorators that do nothing with a function but see that it is called."""

_WORD = re.compile(r"[^\W\d]\w*")


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through code without looking into expressions, in which there are no statements."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield from _statements(child)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through code, a parent before its children, and past the bodies of functions within it."""
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, FUNCTIONS) and name == "body":
            continue
        for child in value if isinstance(value, list) else [value]:
            # What a docstring mentions leads nowhere.
            if isinstance(child, ast.AST) and not is_text(child):
                yield from _walk(child)


def _only_called(nodes: Sequence[ast.AST], inside: bool) -> set[int]:
    """Return the calls whose result is called and nothing else: `getattr(m, n)(x)`, `f = getattr(m, n)`, `f(x)`.

    Arguments:
        nodes: A piece of code.
        inside: Whether it is a function's, whose names are nobody else's.
    """
    found: set[int] = set()
    kept: dict[str, list[int]] = {}
    functions: set[int] = set()
    # With the functions within it: they may hand on what is kept in a name.
    parts = [each for node in nodes for each in ast.walk(node)]
    for each in parts:
        if isinstance(each, ast.Call):
            functions.add(id(each.func))
            if isinstance(each.func, ast.Call):
                found.add(id(each.func))
        elif inside and isinstance(each, ast.Assign) and isinstance(each.value, ast.Call):
            for target in each.targets:
                if isinstance(target, ast.Name):
                    kept.setdefault(target.id, []).append(id(each.value))
    for each in parts:
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and id(each) not in functions:
            kept.pop(each.id, None)
        elif isinstance(each, (ast.Global, ast.Nonlocal)):
            for name in each.names:
                kept.pop(name, None)
    return found.union(*kept.values())


def _is_told(look_up: ast.Call) -> bool:
    """Whether `getattr(m, "name")` says which name."""
    named = look_up.args[1:2]
    return bool(named) and isinstance(named[0], ast.Constant)


def _dotted(node: ast.AST) -> str:
    """Return a name with the attributes that are taken of it, `lib.net`; of anything else, nothing."""
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return node.id if isinstance(node, ast.Name) else ""


def _leads_anywhere(node: ast.AST) -> bool:
    """Whether any object at all can be come by through what is mentioned here: `globals`, `sys.modules`."""
    if isinstance(node, ast.Name):
        return node.id in _NAMESPACES or node.id in _INSIDES
    if not isinstance(node, ast.Attribute):
        return False
    base = node.value.id if isinstance(node.value, ast.Name) else ""
    return (
        node.attr in _INSIDES
        or (base, node.attr) == ("sys", "modules")
        or (base in ("builtins", "__builtins__") and node.attr in _NAMESPACES)
    )


def _last(node: ast.AST) -> str:
    """Return the last name of what is called: `getattr` of `builtins.getattr(…)`, `lru_cache` of `lru_cache(8)`."""
    if isinstance(node, ast.Call):
        return _last(node.func)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _binding(statement: ast.stmt, own_dict: bool) -> Binding | None:
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
            return Binding(name, _digest(header), True) if plain else None
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            if _is_literal(value, own_dict) and not name.startswith("__"):
                return Binding(name, _digest(dump(value)), False)
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
    for each in _walk(statement):
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


def is_main_guard(statement: ast.stmt) -> bool:
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
