"""What a piece of code says of other code: names that it calls, uses as objects, imports, or computes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from asrun.freshness.syntax import FUNCTIONS, is_text

__all__ = ["Mentions", "last_name", "mentions", "walk"]


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


def mentions(*nodes: ast.AST, package: str, inside: bool = False) -> Mentions:
    """Collect what a piece of code mentions; of functions in it, what their headers do.

    Arguments:
        nodes: The code.
        package: The package that it stands in, where relative imports start.
        inside: Whether it is a function's, whose names are nobody else's.
    """
    found = Mentions()
    parts = [each for node in nodes if not is_text(node) for each in walk(node)]
    called: set[int] = set()
    bases: set[int] = set()
    passing = _only_called(nodes, inside)
    own = {each.arg for each in parts if isinstance(each, ast.arg)}
    own |= {each.id for each in parts if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    for each in parts:
        if isinstance(each, ast.Call):
            called.add(id(each.func))
            function = last_name(each.func)
            if not isinstance(each.func, ast.Call):
                _look_up(each, found, id(each) in passing)
            if function in ("getattr", "hasattr") and each.args and (id(each) in passing or _told(each) is not None):
                # Of a module, too, this leads to functions that are called, or to one that is named.
                bases.add(id(each.args[0]))
            if function in ("vars", "dir") and not each.args:
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
            _import(each, package, found)
        elif isinstance(each, (ast.Global, ast.Nonlocal)):
            found.names |= set(each.names)
        elif isinstance(each, (*FUNCTIONS, ast.ClassDef)):
            found.names.add(each.name)
        elif isinstance(each, ast.keyword) and each.arg:
            found.names.add(each.arg)
    return found


def _import(node: ast.Import | ast.ImportFrom, package: str, found: Mentions) -> None:
    if isinstance(node, ast.Import):
        module = ""
        found.imports |= {alias.name for alias in node.names}
    else:
        module = node.module or ""
        if node.level:
            parts = package.split(".")
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


def _look_up(call: ast.Call, found: Mentions, only_called: bool) -> None:
    name = last_name(call.func)
    if name in _LOOK_UPS:
        if (told := _told(call)) is not None:
            # What it is called is written there; what becomes of it is not.
            found.objects |= set(_WORD.findall(told))
        elif name in _OF_MODULES:
            found.computes = found.hands_on = True
        else:
            # A module does not come by chance: where one is handed around, that is seen by its name.
            found.hands_on |= not only_called


def _told(call: ast.Call) -> str | None:
    """Return the name that is looked up, where it is written there: of `getattr(m, "name")`."""
    match call.args[_LOOK_UPS[last_name(call.func)] :]:
        case [ast.Constant(value=str(name)), *_]:
            return name
    return None


_LOOK_UPS = {"getattr": 1, "hasattr": 1, "setattr": 1, "delattr": 1, "import_module": 0, "__import__": 0,
             "attrgetter": 0, "methodcaller": 0, "getattr_static": 1}  # fmt: skip
"""Functions that are told a name, and which of their arguments it is."""

_OF_MODULES = frozenset(["import_module", "__import__"])
"""Those of them that look for a module."""

_NAMESPACES = frozenset(["eval", "exec", "compile", "globals", "locals"])
"""Built-in functions that lead anywhere."""

_ATTRIBUTES = frozenset(["vars", "dir", "getmembers", "__dict__", "__getattribute__", "__code__"])
"""What leads to all attributes of an object."""

_INSIDES = frozenset(
    ["__globals__", "f_globals", "f_locals", "f_back", "currentframe", "_getframe", "get_objects", "get_referrers"]
)  # fmt: skip
"""Attributes and functions that lead anywhere."""

_DOCUMENTATION = frozenset(["__doc__", "getdoc", "doctest", "getcomments"])

_WORD = re.compile(r"[^\W\d]\w*")


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through code, a parent before its children, and past the bodies of functions within it."""
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, FUNCTIONS) and name == "body":
            continue
        for child in value if isinstance(value, list) else [value]:
            # What a docstring mentions leads nowhere.
            if isinstance(child, ast.AST) and not is_text(child):
                yield from walk(child)


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


def last_name(node: ast.AST) -> str:
    """Return the last name of what is called: `getattr` of `builtins.getattr(…)`, `lru_cache` of `lru_cache(8)`."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
