"""Python's syntax trees, and digests of them: the same on every version of Python, and for every formatting."""

from __future__ import annotations

import ast
import functools
import hashlib
from typing import Any

__all__ = ["FUNCTIONS", "Function", "dump", "evaluate", "is_generator", "is_text", "parse", "tree_digest"]

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.lru_cache(maxsize=256)
def parse(source: bytes | str) -> ast.Module:
    """Parse Python, once for all who ask: nobody changes the tree.

    It is known by what is in it, so that what was edited is another source. Trees take room: only so many are kept.
    """
    return ast.parse(source)


def tree_digest(node: ast.AST) -> str:
    """Return a digest of what a piece of code does, with all that is in it."""
    return hashlib.sha256(dump(node).encode()).hexdigest()[:16]


_IGNORED = {"ctx", "kind", "type_comment", "type_ignores"}


def dump(value: Any, *, bodies: bool = True, own: bool = True) -> str:
    """Write a syntax tree as text, without docstrings.

    Arguments:
        value: The tree, or a part of one.
        bodies: Write the bodies of the functions in it, too, and not only their headers.
        own: Write the body of the function that it is itself.
    """
    if isinstance(value, list):
        return f"[{','.join(dump(each, bodies=bodies, own=bodies) for each in value)}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    fields = []
    for name in value._fields:
        part = getattr(value, name, None)
        if name == "body" and isinstance(value, (*FUNCTIONS, ast.ClassDef, ast.Module)):
            part = [each for each in part or [] if not (isinstance(each, ast.stmt) and is_text(each))]
            if not bodies:
                # A docstring takes its place.
                part = [each for each in part if not isinstance(each, ast.Pass)]
            if isinstance(value, FUNCTIONS) and not own:
                # Who calls a generator's function gets a generator, though nothing of the body runs.
                part = ["yields"] if is_generator(value) else []
        if isinstance(value, ast.JoinedStr) and isinstance(part, list):
            # Python 3.12 puts an empty text behind a nested format.
            part = [each for each in part if not (isinstance(each, ast.Constant) and each.value == "")]
        # ast.dump changed between Python versions; empty fields are left out, so that new optional ones do not count.
        if name not in _IGNORED and part not in (None, []):
            fields.append(f"{name}={dump(part, bodies=bodies, own=bodies)}")
    if isinstance(value, ast.Constant) and value.value is None:
        fields.append("value=None")
    return f"{type(value).__name__}({','.join(fields)})"


def is_generator(function: Function) -> bool:
    """Whether a call of a function only makes an object, which runs the body when it is asked for something."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (*FUNCTIONS, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
    return isinstance(function, ast.AsyncFunctionDef)


def is_text(statement: ast.AST) -> bool:
    """Is it a text that does nothing: a docstring, also of an attribute?"""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def evaluate(node: ast.expr) -> Any:
    """Evaluate a literal in which `dict(key=value)` counts as one.

    Raises:
        ValueError: when it is none; or TypeError, or RecursionError.
    """
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError("dict(**other) is not a literal")
        return {str(keyword.arg): evaluate(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        if None in node.keys:
            raise ValueError("{**other} is not a literal")
        return {ast.literal_eval(k): evaluate(v) for k, v in zip(node.keys, node.values, strict=True) if k}
    return ast.literal_eval(node)
