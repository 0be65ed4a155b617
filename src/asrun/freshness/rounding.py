"""What a snippet's ROUNDING says: which of its values are sizes of rounding errors, and how far they vary.

    ROUNDING = {"pass_difference": 100}     # 5e-16 here may be 5e-14 or 5e-18 on another processor

Such a value measures how two ways to compute the same thing differ. Its digits mean nothing: another processor rounds
in other places. How large it is does mean something, within a factor that its author knows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from asrun.errors import AsrunError, did_you_mean
from asrun.model import Where

__all__ = ["EPSILON", "LARGEST", "check_names", "check_rounding", "factor_of"]

EPSILON = 2.0**-52
"""The distance from 1 to the next number in double precision: what a size of 0 is taken for."""

LARGEST = 1e-4
"""What is larger is no rounding error, and is read as any other number: that of single precision ends far below."""

_EXAMPLE = 'write ROUNDING = {"difference": 100}: the names of values, and a factor above 1 for each'


def check_rounding(rounding: Any, where: Where) -> None:
    """Refuse a ROUNDING that says nothing that could be held to.

    Arguments:
        rounding: What the snippet says; None when it says nothing.
        where: The snippet.

    Raises:
        AsrunError: naming what is not understood, and what can be written.
    """
    if rounding is None:
        return
    if not isinstance(rounding, dict) or not all(isinstance(name, str) for name in rounding):
        raise AsrunError(f"ROUNDING is not understood: {rounding!r}", where=where, remedy=_EXAMPLE)
    for name, factor in rounding.items():
        if not isinstance(factor, (int, float)) or isinstance(factor, bool) or not 1 < factor < math.inf:
            raise AsrunError(f"ROUNDING has no factor above 1 for {name}, but {factor!r}", where=where, remedy=_EXAMPLE)


def check_names(rounding: Mapping[str, float], values: Mapping[str, Any], where: Where) -> None:
    """Refuse names in ROUNDING that no value has.

    Raises:
        AsrunError: naming the nearest value there is.
    """
    known = [".".join(path) for path in _names(values)]
    for name in rounding:
        if name not in known:
            raise AsrunError(
                f"ROUNDING names {name}, and run returns no such value",
                where=where,
                remedy=did_you_mean(name, known, otherwise=f"its values are: {', '.join(known)}"),
            )


def _names(values: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    """Return the names of values and of their groups, each as the way to it."""
    for name, value in values.items():
        if name == "axes":
            continue
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *rest) for rest in _names(value))


def factor_of(rounding: Mapping[str, float], names: Iterable[tuple[str, ...]]) -> float | None:
    """Return the largest factor that is declared for some values or for the groups that they are in; None for none."""
    found = [
        factor
        for path in names
        for declared, factor in rounding.items()
        if path[: declared.count(".") + 1] == tuple(declared.split("."))
    ]
    return max(found, default=None)
