"""What to type in place of a value that no record can hold: one line for each kind of thing that `run` may return.

Libraries are known by what their objects can do and what they are called: none is imported.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["conversion", "kind"]

_Test = Callable[[Any], bool]

GENERAL = "a result is made of numbers, strings, lists, dicts and NumPy arrays of numbers"


def kind(value: Any) -> str:
    """Say what a value is: `an array of complex128`, `a Timestamp`."""
    if value is None:
        return "None"
    if isinstance(value, np.ma.MaskedArray):
        return "a masked array"
    if type(value) in (np.ndarray, np.memmap):
        return f"an array of {_dtype(value.dtype)}"
    name = type(value).__name__
    dtype = getattr(value, "dtype", None)
    of = f" of {_dtype(dtype)}" if dtype is not None and not isinstance(value, (type, np.generic)) else ""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}{of}"


def _dtype(dtype: Any) -> str:
    # A structured dtype lists all of its fields, a categorical one all of its categories.
    told = "fields of different kinds" if getattr(dtype, "names", None) else " ".join(str(dtype).split())
    return told if len(told) <= 60 else f"{told[:59]}…"


def conversion(value: Any, place: str) -> str:
    """Return what to type in place of a value that cannot be recorded.

    Arguments:
        value: What it is.
        place: Where it is: `error.by_class` is called by_class in what is to be typed, and `error.by_class[3]` each.
    """
    name = "each" if place.endswith("]") else place.rpartition(".")[2]
    name = name if name.isidentifier() else "value"
    for right, write in _CONVERSIONS:
        if right(value):
            return write(name, value)
    return GENERAL


def _of(*kinds: type) -> _Test:
    return lambda value: isinstance(value, kinds)


def _array(kinds: str) -> Any:
    """Is it an array, or a number of NumPy's, of one of these kinds?"""
    return lambda value: isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in kinds


def _module(root: str) -> _Test:
    return lambda value: type(value).__module__.partition(".")[0] == root


def _can(*names: str) -> _Test:
    return lambda value: not isinstance(value, type) and all(hasattr(type(value), name) for name in names)


def _words(value: Any) -> bool:
    return _array("O")(value) and all(isinstance(each, str) for each in np.ravel(value))


def _tensor(name: str, value: Any) -> str:
    # NumPy has no bfloat16, and float32 holds every number of it.
    wide = ".float()" if "bfloat16" in str(value.dtype) or "float8" in str(value.dtype) else ""
    if "complex" in str(value.dtype):
        return f"record its parts: {name}.real.detach().cpu().numpy() and {name}.imag.detach().cpu().numpy()"
    return f"record its numbers: {name}.detach().cpu(){wide}.numpy()"


def _pandas_array(name: str, value: Any) -> str:
    what = str(getattr(value, "dtype", ""))
    if what.startswith(("datetime", "timedelta", "period")):
        return f"record it as text: {name}.astype(str).tolist()"
    numbers = what.lower().lstrip("u").startswith(("int", "float", "bool"))
    return f"record {f'its numbers: {name}.to_numpy()' if numbers else f'it as a list: {name}.tolist()'}"


_CONVERSIONS: list[tuple[_Test, Callable[[str, Any], str]]] = [
    # Its hidden numbers would come to light: they are whatever they happen to be.
    (
        _of(np.ma.MaskedArray),
        lambda name, value: (
            f"fill it: {name}.filled(numpy.nan)"
            if value.dtype.kind == "f"
            else f"fill it: {name}.astype(float).filled(numpy.nan)"
        ),
    ),
    (_array("c"), lambda name, value: f"record its parts: {name}.real and {name}.imag"),
    (_array("M"), lambda name, value: f"record it as text: {name}.astype(str)" + (".tolist()" if value.ndim else "")),
    (_array("m"), lambda name, value: f'record it in a unit: {name} / numpy.timedelta64(1, "s")'),
    (_array("U"), lambda name, value: f"record it as a list: {name}.tolist()"),
    (_of(bytes, bytearray, memoryview), lambda name, value: f"record it as text: {name}.{_bytes(value)}"),
    (_array("S"), lambda name, value: f"record it as a list of text: {name}.astype(str).tolist()"),
    (_array("V"), lambda name, value: _fields(name, value)),
    (_words, lambda name, value: f"record it as a list: {name}.tolist()"),
    (_array("O"), lambda name, value: f"give it one kind of number: {name}.astype(float), or record a list"),
    (_array("f"), lambda name, value: _shorter(name, value)),
    (_of(np.ndarray), lambda name, value: f"record its numbers, in the unit that you want: numpy.asarray({name})"),
    (_of(complex), lambda name, value: f"record its parts: {name}.real and {name}.imag"),
    (_of(int), lambda name, value: f"record its size, or its digits as text: math.log10({name}), hex({name})"),
    (_of(enum.Enum), lambda name, value: f"record its value or its name: {name}.value, {name}.name"),
    # A Timestamp is a datetime, and a Timedelta a timedelta; NaT is neither one nor the other.
    (lambda value: type(value).__name__ in ("NaTType", "NAType"), lambda name, value: "record None in its place"),
    (_of(datetime.date, datetime.time), lambda name, value: f"record it as text: {name}.isoformat()"),
    (_of(datetime.timedelta), lambda name, value: f"record its seconds: {name}.total_seconds()"),
    (
        _of(decimal.Decimal),
        lambda name, value: f"record a number, or all its digits as text: float({name}), str({name})",
    ),
    (
        _of(fractions.Fraction),
        lambda name, value: f"record a number, or its parts: float({name}), {name}.numerator and {name}.denominator",
    ),
    (_of(pathlib.PurePath), lambda name, value: f"record it as text: {name}.as_posix()"),
    (_of(tuple), lambda name, value: f"record its fields by name: {name}._asdict()"),
    (
        lambda value: dataclasses.is_dataclass(value) and not isinstance(value, type),
        lambda name, value: f"record its fields by name: dataclasses.asdict({name})",
    ),
    (_of(collections.abc.MappingView), lambda name, value: f"record what it gives: list({name})"),
    (_of(collections.abc.Set), lambda name, value: f"record its elements in an order: sorted({name})"),
    (_of(collections.abc.Mapping), lambda name, value: f"record it as a dict: dict({name})"),
    (
        lambda value: _module("torch")(value) and _can("detach", "cpu")(value),
        _tensor,
    ),
    (
        lambda value: type(value).__name__ == "DataFrame",
        lambda name, value: (
            f"record its columns: {{str(column): {name}[column].to_numpy() for column in {name}.columns}}"
        ),
    ),
    (lambda value: _module("pandas")(value) and _can("to_numpy", "tolist")(value), _pandas_array),
    (_can("to_numpy"), lambda name, value: f"record its numbers: {name}.to_numpy()"),
    (_can("toarray"), lambda name, value: f"record its numbers: {name}.toarray()"),
    (_can("numpy"), lambda name, value: f"record its numbers: {name}.numpy()"),
    (_can("__array__"), lambda name, value: f"record its numbers: numpy.asarray({name})"),
    (
        _of(collections.abc.Iterator, range, collections.abc.Sequence),
        lambda name, value: f"record what it gives: list({name})",
    ),
    (_can("savefig"), lambda name, value: "draw it in plot, and let run return its numbers"),
    (callable, lambda name, value: f"call it: {name}()"),
    (_can("__float__"), lambda name, value: f"record a number: float({name})"),
]
"""Of the first kind that a value is of, what to type; in the order of what is known best."""


def _bytes(value: Any) -> str:
    try:
        bytes(value).decode()
    except UnicodeDecodeError:
        return "hex()"
    return "decode()" if isinstance(value, (bytes, bytearray)) else "tobytes().decode()"


def _fields(name: str, value: Any) -> str:
    if value.dtype.names is None:
        return f"record it as text: {name}.tobytes().hex()"
    return f"record its fields by name: {{field: {name}[field] for field in {name}.dtype.names}}"


def _shorter(name: str, value: Any) -> str:
    if type(value) not in (np.ndarray, np.memmap) and isinstance(value, np.ndarray):
        return f"record its numbers, in the unit that you want: numpy.asarray({name})"
    return f"record it in 64 bits, with fewer digits: {name}.astype(float)"
