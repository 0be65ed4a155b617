"""Turn what `run` returned into JSON and back, exactly, and in a form that a person can read in a diff."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any

import numpy as np

from asrun.errors import AsrunError

__all__ = ["decode", "dumps", "encode", "plain", "seal"]

_DTYPE = re.compile(r"bool|u?int(?:8|16|32|64)|float(?:16|32|64)|[<>](?:[iu][248]|f[248])")
_EMPTY_SHAPE = re.compile(r"\d{1,8}(?:x\d{1,8}){1,31}", re.ASCII)
_LARGEST_EMPTY = 10_000_000
"""How many elements the axes of an array without elements may span: what is averaged over the others has as many."""


def encode(result: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Turn a result into plain JSON values.

    Returns:
        The values, and the dtype of everything that was an array (or a number that JSON has no word for), by path.

    Raises:
        AsrunError: for anything that is not made of dicts, lists, strings, numbers, booleans, None and NumPy arrays.
    """
    if not isinstance(result, dict):
        raise AsrunError(
            f"run returned {_kind(result)}, which cannot be recorded",
            remedy='return a dict that gives each thing measured a name: return {"error": error}',
        )
    arrays: dict[str, str] = {}
    return {key: _encode(value, _step("", key), arrays) for key, value in result.items()}, arrays


def _step(path: str, key: Any) -> str:
    if not isinstance(key, str) or not key or "." in key:
        raise AsrunError(
            f"the result{f'[{path}]' if path else ''} has a key that cannot be recorded: {key!r}",
            remedy="keys are strings without dots; make a list or an array of what you counted by number",
        )
    return f"{path}.{key}" if path else key


def _encode(value: Any, path: str, arrays: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _encode(item, _step(path, key), arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item, f"{path}.{index}", arrays) for index, item in enumerate(value)]
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, np.bool_):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, np.ma.MaskedArray):
        # Its hidden numbers would come to light: they are whatever they happen to be.
        raise AsrunError(
            f"the result has something that cannot be recorded: {path} is a masked array",
            remedy="fill it: array.filled(numpy.nan)",
        )
    if isinstance(value, (np.ndarray, np.generic, float)):
        array = np.asarray(value)
        if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
            # The shape of an array without elements is not in its brackets.
            shape = f" {'x'.join(map(str, array.shape))}" if array.ndim > 1 and not array.size else ""
            arrays[path] = str(array.dtype) + shape
            return _list(array)
    raise AsrunError(
        f"the result has something that cannot be recorded: {path} is {_kind(value)}",
        remedy="a result is made of numbers, strings, lists, dicts and NumPy arrays of numbers"
        + ("; call .detach().cpu().numpy() on a tensor" if type(value).__module__.startswith("torch") else ""),
    )


def _kind(value: Any) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _list(array: np.ndarray) -> Any:
    if array.dtype.kind != "f":
        return array.tolist()
    if array.ndim:
        return [_list(row) for row in array]
    number = array[()]
    # The shortest decimal that gives the same bits back in this precision: 0.1, not 0.10000000149011612.
    return float(str(number)) if np.isfinite(number) else str(number)


def decode(values: dict[str, Any], arrays: dict[str, str]) -> dict[str, Any]:
    """Turn JSON values back into what `run` returned (tuples as lists).

    Raises:
        ValueError: when something is not the array that it is said to be. Arrays of objects are none that a record has.
    """

    def restore(value: Any, path: str) -> Any:
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

    return restore(values, "")


def _array(value: Any, told: str) -> Any:
    dtype, _, shape = told.partition(" ")
    if not _DTYPE.fullmatch(dtype):
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
    return _encode(value, "value", {})


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
