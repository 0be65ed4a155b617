"""What the file of a record may hold, whoever wrote it: fields of the right kind.

A record may come from another machine, or from anyone who can propose a change to the project. Whatever is read here is
taken for text and numbers: nothing is executed, and nothing is left for later code to stumble over.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from asrun.model import Key, Provenance
from asrun.records.codec import DEEPEST, is_name

__all__ = ["KEY", "SCHEMA", "read", "read_key"]

SCHEMA = 1

_LONGEST_LINE = 10_000

_Kind = Callable[[Any, str], None]
"""Raises ValueError when a value, called by this name, is not of the kind."""


def read(text: str) -> dict[str, Any]:
    """Read the JSON of a record.

    Raises:
        ValueError: naming the first field that is missing, or not what it must be.
    """
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from error
    _check_nesting(document)
    if not isinstance(document, dict):
        raise ValueError(f"it must be an object, and is {_told(document)}")
    if (schema := document.get("schema")) != SCHEMA or isinstance(schema, bool):
        raise ValueError(f"schema {schema!r}, this version reads {SCHEMA}")
    _check_fields(document, "", _RECORD, optional=("output_seal", "seal", "remarks"))
    _check_names(document["values"])
    read_key(document["key"])
    _check_fields(document["key"], "key.", _DRAWN, optional=_NEWER)
    _check_fields(document["provenance"], "provenance.", _PROVENANCE)
    if unknown := set(document["provenance"]) - set(_PROVENANCE):
        raise ValueError(f"provenance has the unknown field {min(unknown)!r}")
    for name, entry in document["figures"].items():
        if not re.fullmatch(r"\w[\w-]*", name):
            raise ValueError(f"in figures, none can be called {name!r}")
        _check_fields(entry, f"figures.{name}.", _FIGURE)
    return document


def read_key(told: Any) -> Key:
    """Read what decided a run, as a record has it, or a notebook.

    Raises:
        ValueError: naming the first part that is missing, or not what it must be.
    """
    _check_fields(told, "key.", KEY, optional=_NEWER)
    return Key(**{part: told[part] for part in KEY if part in told})


def _check_nesting(document: Any) -> None:
    """Refuse what is nested too deep, and numbers that JSON has no word for, but Python's reader lets pass."""
    level = [document]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, (dict, list)):
                inner += value.values() if isinstance(value, dict) else value
            elif isinstance(value, float) and not math.isfinite(value):
                raise ValueError("it holds a number that is not finite (NaN, Infinity, or too large)")
        if not inner:
            return
        level = inner
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _check_names(values: dict[str, Any]) -> None:
    """Refuse names of values that would not be read as what they are, wherever they are told."""
    waiting: list[Any] = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if odd := [name for name in value if not is_name(name)]:
                raise ValueError(f"in values, none can be called {ascii(odd[0])[:60]}")
            waiting += value.values()
        elif isinstance(value, list):
            # Numbers are most of a record: lists of nothing else are passed over quickly.
            waiting += [each for each in value if isinstance(each, (dict, list))]


def _check_fields(value: Any, prefix: str, kinds: dict[str, _Kind], optional: tuple[str, ...] = ()) -> None:
    _object(value, prefix.rstrip("."))
    for name, kind in kinds.items():
        if name in value:
            kind(value[name], prefix + name)
        elif name not in optional:
            raise ValueError(f"{prefix}{name} is missing")


def _told(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return "null" if value is None else repr(value[:40] if isinstance(value, str) else value)


def _kind(wanted: str, right: Callable[[Any], bool]) -> _Kind:
    def check(value: Any, name: str) -> None:
        if not right(value):
            raise ValueError(f"{name} must be {wanted}, and is {_told(value)}")

    return check


def _is_line(value: Any) -> bool:
    # Control characters would reach terminals; half of a surrogate pair cannot be written as UTF-8.
    return (
        isinstance(value, str)
        and len(value) <= _LONGEST_LINE
        # Nearly all are plain, and there are many.
        and (
            (value.isascii() and value.isprintable())
            or not any(unicodedata.category(character) in ("Cc", "Cs") for character in value)
        )
    )


def _is_place(value: Any) -> bool:
    """Is it the name of a file, as keys have them: under the project, a variable's folder or the home folder?"""
    if not _is_line(value) or not value:
        return False
    parts = value.split("/")
    return bool(parts[0]) and ".." not in parts and (parts[0] == "~" or not parts[0].startswith("~"))


_object = _kind("an object", lambda value: isinstance(value, dict))
_list = _kind("a list", lambda value: isinstance(value, list))
_text = _kind("a text", lambda value: isinstance(value, str))
_line = _kind("a line of plain text", _is_line)
_place = _kind("the name of a file of the project, in one line and without ..", _is_place)
_digest = _kind(
    "64 hexadecimal digits", lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value))
)
_number = _kind(
    "a number of at least 0",
    lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e18,
)


def _each(item: _Kind, key: _Kind = _text) -> _Kind:
    """Return the kind of an object whose values are all of one kind."""

    def check(value: Any, name: str) -> None:
        _object(value, name)
        for inner, each in value.items():
            key(inner, f"a name in {name}")
            item(each, f"{name}.{inner if inner.isprintable() else ascii(inner)}")

    return check


def _all(item: _Kind) -> _Kind:
    """Return the kind of a list whose items are all of one kind."""

    def check(value: Any, name: str) -> None:
        _list(value, name)
        for at, each in enumerate(value):
            item(each, f"{name}.{at}")

    return check


def _or_none(item: _Kind) -> _Kind:
    """Return the kind of what may also be nothing."""

    def check(value: Any, name: str) -> None:
        if value is not None:
            item(value, name)

    return check


_RECORD: dict[str, _Kind] = {
    "question": _line,
    "parameters": _each(lambda value, name: None, _line),
    "values": _object,
    "arrays": _each(_text),
    "seals": _each(_text),
    "output": _all(_text),
    "output_seal": _text,
    "remarks": _all(_line),
    "seal": _text,
    "figures": _object,
    "key": _object,
    "provenance": _object,
}
KEY: dict[str, _Kind] = {
    "code": _each(_each(_line, _line), _place),
    "files": _each(_line, _place),
    "environment": _each(_line, _line),
    "ran": _each(_or_none(_all(_line)), _place),
}
"""What decided a run, of a snippet or of a notebook, part by part."""

_DRAWN: dict[str, _Kind] = {
    "plot_code": _each(_each(_line, _line), _place),
    "plot_ran": _each(_or_none(_all(_line)), _place),
    "plot_files": _each(_line, _place),
}
_NEWER = ("environment", "ran", "plot_ran")
"""Parts of a key that earlier records do not have."""

_FIGURE: dict[str, _Kind] = {"file": _line, "sha256": _digest, "alt": _line}
_PROVENANCE: dict[str, _Kind] = {
    # By the annotation, so that a field that is added to the model is checked, too.
    field.name: {"str": _line, "float": _number, "dict[str, str]": _each(_line, _line)}[str(field.type)]
    for field in fields(Provenance)
}
