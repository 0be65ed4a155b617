"""Turn what `run` returned into JSON and back, exactly, and in a form that a person can read in a diff."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from asrun.errors import AsrunError
from asrun.records.conversions import conversion, kind

__all__ = ["DEEPEST", "DTYPE", "decode", "dumps", "encode", "is_name", "plain", "seal"]

DTYPE = re.compile(r"bool|u?int(?:8|16|32|64)|float(?:16|32|64)|[<>](?:[iu][248]|f[248])")
"""How a record writes the kinds of numbers that an array of it may have."""
_EMPTY_SHAPE = re.compile(r"\d{1,8}(?:x\d{1,8}){1,31}", re.ASCII)
DEEPEST = 100
"""How deep lists and objects of a record may be nested; whatever handles one calls itself once or more a level."""
_AROUND = 8
"""Levels of a record around its values, and to spare."""
_LONGEST_NUMBER = 10_000
"""Bits of a whole number: Python reads no more than 4,300 digits."""
_NONE: Mapping[str, Any] = MappingProxyType({})
_LONGEST_NAME = 200
"""Characters of the name of a value."""
_SHOWN = 80
"""Characters of a name or a place that a message shows."""
_LARGEST_EMPTY = 10_000_000
"""How many elements the axes of an array without elements may span: what is averaged over the others has as many."""


KeepApart = Callable[[str, np.ndarray], str | None]
"""Is given each array with its path; returns what to say of one that it keeps elsewhere, and None for all others."""


def encode(result: Any, keep_apart: KeepApart | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """Turn a result into plain JSON values.

    Arguments:
        result: What `run` returned.
        keep_apart: Decides which arrays are kept elsewhere.

    Returns:
        The values, and the dtype of everything that was an array (or a number that JSON has no word for), by path.

    Raises:
        AsrunError: for anything that is not made of dicts, lists, strings, numbers, booleans, None and NumPy arrays:
            with its place, what it is, and what to type in its place.
    """
    if not isinstance(result, dict):
        raise AsrunError(
            f"run returned {kind(result)}, which cannot be recorded",
            remedy='return a dict that gives each thing measured a name: return {"error": error}',
        )
    encoder = _Encoder(keep_apart)
    try:
        values = encoder.encode(result, "", DEEPEST - _AROUND)
    except _Unrecorded as found:
        path, value = found.args
        raise _refused(_place(result, path), value) from None
    return values, encoder.arrays


class _Unrecorded(Exception):
    """Something in a result cannot be recorded: its path and itself."""


class _Encoder:
    """Encodes one result, and remembers what was an array."""

    def __init__(self, keep_apart: KeepApart | None = None) -> None:
        self.arrays: dict[str, str] = {}
        self.keep_apart = keep_apart

    def encode(self, value: Any, path: str, deeper: int) -> Any:
        if isinstance(value, dict):
            if not deeper:
                raise _Unrecorded(path, _TOO_DEEP)
            within, encoded = f"{path}." if path else "", {}
            for key, item in value.items():
                name = _key(path, key)
                encoded[name] = self.encode(item, within + name, deeper - 1)
            return encoded
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            if not deeper:
                raise _Unrecorded(path, _TOO_DEEP)
            return [self.encode(item, f"{path}.{index}", deeper - 1) for index, item in enumerate(value)]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            # Of an enumeration of words, the word itself.
            return str.__str__(value)
        if isinstance(value, (int, np.integer)) and not isinstance(value, (np.bool_, np.timedelta64)):
            if (number := int(value)).bit_length() > _LONGEST_NUMBER:
                raise _Unrecorded(path, value)
            return number
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        # Other kinds of arrays mean more than their numbers: a mask, a unit, another product.
        if type(value) in (np.ndarray, np.memmap) or isinstance(value, (np.generic, float)):
            array = np.asarray(value)
            if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
                if self.keep_apart and array.ndim and (told := self.keep_apart(path, array)):
                    self.arrays[path] = told
                    return None
                # The shape of an array without elements is not in its brackets.
                shape = f" {'x'.join(map(str, array.shape))}" if array.ndim > 1 and not array.size else ""
                self.arrays[path] = str(array.dtype) + shape
                return _list(array)
        raise _Unrecorded(path, value)


_TOO_DEEP = object()


def is_name(text: str) -> bool:
    """Can a value be called so: in a line that says what it seems to say?"""
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def _key(path: str, key: Any) -> str:
    if not isinstance(key, str) or not is_name(key) or "." in key:
        raise _Unrecorded(path, _Key(key))
    return str.__str__(key)


@dataclass(frozen=True)
class _Key:
    """A key that cannot be recorded."""

    key: Any


def _place(result: Any, path: str) -> str:
    """Write a path as Python does: `error.by_class[3]`."""
    written = ""
    for step in path.split(".") if path else ():
        if isinstance(result, dict):
            result = result[step]
            written += f".{step}" if written else step
        else:
            result = result[int(step)]
            written += f"[{step}]"
    return written if written.isprintable() else ascii(written)[1:-1]


def _refused(place: str, value: Any) -> AsrunError:
    if value is _TOO_DEEP:
        start = place if len(place) <= _SHOWN else f"{place[:_SHOWN]}…"
        return AsrunError(
            f"the result has something that cannot be recorded: {start} is nested deeper than "
            f"{DEEPEST - _AROUND} levels",
            remedy="make it flatter: give each of its parts a name of its own, or return an array",
        )
    if isinstance(value, _Key):
        told = repr(value.key) if len(repr(value.key)) <= _SHOWN else f"{repr(value.key)[:_SHOWN]}…"
        remedy = "keys are strings of one line, without dots"
        if not isinstance(value.key, str):
            name = place or "result"
            remedy += f": {{str(key): value for key, value in {name}.items()}}" if name.isidentifier() else ""
            remedy += "; or make a list or an array of what you counted by number"
        elif "." in value.key:
            remedy += f': key.replace(".", "_") makes {value.key.replace(".", "_")!r:.{_SHOWN}}'
        return AsrunError(f"{place or 'the result'} has a key that cannot be recorded: {told}", remedy=remedy)
    what = kind(value)
    if isinstance(value, int):
        what = f"a whole number of more than {_LONGEST_NUMBER} bits"
    return AsrunError(
        f"the result has something that cannot be recorded: {place} is {what}", remedy=conversion(value, place)
    )


def _list(array: np.ndarray) -> Any:
    if array.dtype.kind != "f":
        return array.tolist()
    if array.ndim:
        return [_list(row) for row in array]
    number = array[()]
    # The shortest decimal that gives the same bits back in this precision: 0.1, not 0.10000000149011612.
    return float(str(number)) if np.isfinite(number) else str(number)


def decode(values: dict[str, Any], arrays: dict[str, str], apart: Mapping[str, Any] = _NONE) -> dict[str, Any]:
    """Turn JSON values back into what `run` returned (tuples as lists).

    Arguments:
        values: The JSON values.
        arrays: The dtype of what was an array, by path.
        apart: Arrays that are kept elsewhere, by path.

    Raises:
        ValueError: when something is not the array that it is said to be. Arrays of objects are none that a record has.
    """

    def restore(value: Any, path: str) -> Any:
        if path in apart and value is None:
            return apart[path]
        if path in arrays:
            try:
                return _array(value, arrays[path])
            except (ValueError, TypeError, ArithmeticError) as error:
                raise ValueError(f"{path} is not {arrays[path]!r}: {error}") from error
        if isinstance(value, dict):
            return {key: restore(item, f"{path}.{key}" if path else key) for key, item in value.items()}
        if isinstance(value, list):
            return [restore(item, f"{path}.{index}") for index, item in enumerate(value)]
        return value

    return {key: restore(item, key) for key, item in values.items()}


def _array(value: Any, told: str) -> Any:
    dtype, _, shape = told.partition(" ")
    if not DTYPE.fullmatch(dtype):
        raise ValueError("no array of a record has this dtype")
    # Numbers that do not fit are an error, and not a warning and an infinity.
    with np.errstate(all="raise", under="ignore"):
        restored = np.array(value, dtype=dtype)
    if shape:
        lengths = [int(length) for length in shape.split("x")] if _EMPTY_SHAPE.fullmatch(shape) else []
        if 0 not in lengths or math.prod(filter(None, lengths)) > _LARGEST_EMPTY:
            raise ValueError("this is not the shape of an array without elements")
        restored = restored.reshape(lengths)
    return restored if restored.ndim else restored[()]


def plain(value: Any) -> Any:
    """Return a decoded value with its arrays as nested lists."""
    return _Encoder().encode(value, "value", DEEPEST)


def seal(value: Any, dtypes: dict[str, str]) -> str:
    """Return a digest of one encoded value, to tell whether it was changed by hand."""
    text = json.dumps([value, dtypes], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def dumps(document: dict[str, Any]) -> str:
    """Write JSON with one entry a line, but lists of plain values on a single line."""
    # Half of a surrogate pair has no UTF-8; as an escape it is read back as what it was.
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", _write(document, "")) + "\n"


def _write(value: Any, indent: str) -> str:
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        rows = [f"{deeper}{json.dumps(key, ensure_ascii=False)}: {_write(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        return "[\n" + ",\n".join(deeper + _write(item, deeper) for item in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
