"""Write numbers for readers: as many digits as the spread allows, thousands apart, a real minus sign."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from asrun.errors import AsrunError
from asrun.measure import Measure, plain

__all__ = ["FORMATS", "format_measure", "format_number", "format_seconds"]

THIN = "\u202f"
"""A narrow space that does not break: the SI's separator of thousands."""


FORMATS = {
    "mean": "the mean over seeds, without its spread",
    "spread": "the standard deviation over seeds, alone",
    "range": "from the smallest seed to the largest",
    "words": "a whole number up to twelve as a word",
}
"""Words that a format may begin with; a Python format specification may follow."""

_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def format_measure(measure: Measure, spec: str = "") -> str:
    """Write a value: `1.34 ± 0.05` with seeds, `12 000` without.

    Arguments:
        measure: A single number, one number a seed, or a word.
        spec: A Python format specification, as in `.2f` or `.1%`, or one of FORMATS, or both: `mean .2f`. By default a
            spread decides the digits (two of its own when it starts with 1, one otherwise), integers are whole, and
            other numbers have three digits.

    Raises:
        AsrunError: when the value is a table, or the specification does not fit it.
    """
    style, _, rest = spec.strip().partition(" ")
    if style in FORMATS:
        return _styled(measure, style, rest.strip())
    word = plain(measure.values) if np.ndim(measure.values) == 0 else None
    if isinstance(word, (str, bool)) or measure.values is None:
        return str(word)
    mean = measure.number()
    try:
        if measure.is_sample and len(measure.values) > 1:
            spread = _spread(measure.values)
            return f"{_number(mean, spec or _spec(spread))} ± {_number(spread, spec or _spec(spread))}"
        whole = measure.values.dtype.kind in "iu"
        number = int(plain(measure.values.reshape(()))) if whole else mean
        return _number(number, spec or ("d" if whole else ".3g"))
    except (ValueError, OverflowError, MemoryError) as error:
        raise AsrunError(
            f"{spec!r} is not a format for {measure.text or mean} ({error})",
            remedy="use Python's: .2f for two decimals, .1% for a percentage, nothing for what fits; or "
            + ", ".join(FORMATS),
        ) from error


def _styled(measure: Measure, style: str, spec: str) -> str:
    """Write a value in one of the FORMATS."""
    if style == "words":
        number = measure.number()
        if spec or number != int(number) or not 0 <= number < len(_WORDS):
            raise AsrunError(
                f"{measure.text} is {format_number(number)}, and has no word here",
                remedy=f"words goes from zero to {_WORDS[-1]}; leave the format out",
            )
        return _WORDS[int(number)]
    if not measure.is_sample or len(measure.values) < 2:
        measure.number()
        raise AsrunError(f"{measure.text} has no seeds to take the {style} of", remedy="leave the format out")
    mean, spread = float(np.mean(measure.values)), _spread(measure.values)
    spec = spec or _spec(spread)
    if style == "range":
        low, high = (
            Measure(np.asarray(each), text=measure.text) for each in (measure.values.min(), measure.values.max())
        )
        return f"{format_measure(low, spec)} to {format_measure(high, spec)}"
    return format_measure(Measure(np.asarray(mean if style == "mean" else spread), text=measure.text), spec)


def format_number(number: float) -> str:
    """Write a bare number with three digits."""
    return _number(number, ".3g")


def _spread(values: np.ndarray) -> float:
    """Return the standard deviation; what rounding alone makes of equal numbers is none."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(np.std(values, ddof=1))
    return 0.0 if spread < 1e-14 * float(np.max(np.abs(values))) else spread


def _spec(spread: float) -> str:
    if spread == 0 or not math.isfinite(spread):
        return ".3g"
    exponent = math.floor(math.log10(spread))
    if abs(exponent) > 12:
        return ".3g"
    digits = 1 if spread / 10**exponent < 2 else 0
    return f".{max(0, digits - exponent)}f"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _number(number: float | int, spec: str) -> str:
    text = format(number, spec)
    if power := re.fullmatch(r"(.*\d)[eE]([+-]\d+)", text):
        mantissa, exponent = power.groups()
        return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}".replace("-", "\u2212")
    sign, digits = ("\u2212", text[1:]) if text.startswith("-") else ("", text)
    if not re.search("[1-9a-z]", digits):
        sign = ""
    whole, point, rest = digits.partition(".")
    percent = "%" if whole.endswith("%") else ""
    whole = whole.removesuffix("%")
    if whole.isdigit() and len(whole) > 4 and not whole.startswith("0"):
        whole = f"{int(whole):,}".replace(",", THIN)
    return sign + whole + percent + point + rest


def format_seconds(seconds: float) -> str:
    """Write a duration as people say it: `8.1 s`, `44 min`, `1 h 12 min`."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: `1 run`, `3 runs`."""
    many = {"quiz": "quizzes"}.get(noun, f"{noun}s")
    return f"{count} {noun if count == 1 else many}"


def describe(value: Any) -> str:
    """Write a parameter as a reader would: `width 512`."""
    return f"{value:,}".replace(",", THIN) if isinstance(value, int) and not isinstance(value, bool) else str(value)
