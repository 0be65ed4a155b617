"""Write numbers for readers: as many digits as the spread allows, thousands apart, a real minus sign."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from asrun.errors import AsrunError
from asrun.values.measure import Measure, plain

__all__ = ["FORMATS", "decimals_of", "format_measure", "format_number", "format_seconds", "spread_of", "without_words"]

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


_SPEC = re.compile(
    r"(?:[^{}\x00-\x1f]?[<>=^])?[-+ ]?z?#?0?(?P<width>\d{0,2})[,_]?(?:\.(?P<precision>\d{1,2}))?[bdeEfFgGnoxX%]?",
    re.ASCII,
)
"""Python's format specifications of numbers."""

_MOST = 40
"""The largest width and precision of a format: nobody reads more digits, and a machine would write billions."""

_OTHERWISE = re.compile(
    r"""(?P<format>|.*\s)or\s+(?P<quote>["'])(?P<words>(?!\s*[-+\u2212]?\.?\d)[^"']*[^\W\d_][^"']*)(?P=quote)""",
    re.DOTALL,
)
"""Words have a letter, and do not begin as a number does: that would look as if it were measured."""


def format_measure(measure: Measure, spec: str = "") -> str:
    """Write a value: `1.34 ± 0.05` with seeds, `12 000` without.

    Arguments:
        measure: A single number, one number a seed, or a word.
        spec: A Python format specification, as in `.2f` or `.1%`, or `mean`, `spread`, `range` or `words`, or both:
            `mean .2f`. By default a spread decides the digits (two of its own when it starts with 1, one otherwise),
            integers are whole, and other numbers have three digits. Last may stand what is shown where a number is not
            finite: `.2f or "did not converge"`.

    Raises:
        AsrunError: when the value is a table, the specification does not fit it, or a number is not finite and no words
            are given for that.

    Examples:
        >>> heads = Context(find_project()).evaluate("coin.heads(bias=0.2)").result
        >>> format_measure(heads), format_measure(heads, "mean .1%")
        ('0.200 ± 0.008', '20.0%')
    """
    spec, words = without_words(spec.strip())
    style, _, rest = spec.partition(" ")
    style, rest = (style, rest.strip()) if style in FORMATS else ("", spec)
    _check(rest, measure)
    if words and (measure.is_number or measure.is_sample) and not measure.is_finite:
        return words
    try:
        return _styled(measure, style, rest) if style else _written(measure, rest)
    except (ValueError, OverflowError, MemoryError) as error:
        raise _no_format(spec, measure, str(error)) from error


def without_words(spec: str) -> tuple[str, str]:
    """Take off a format what is shown in place of a number that is not finite."""
    found = _OTHERWISE.fullmatch(spec)
    return (found["format"].strip(), found["words"].strip()) if found else (spec, "")


def _check(spec: str, measure: Measure) -> None:
    """Refuse what is no format of a number, before anything is written by it."""
    found = _SPEC.fullmatch(spec)
    if not found:
        raise _no_format(spec, measure, "it is not one of Python's for numbers")
    if any(int(each or 0) > _MOST for each in (found["width"], found["precision"])):
        raise _no_format(spec, measure, f"it asks for more than {_MOST} digits")


def _no_format(spec: str, measure: Measure, why: str) -> AsrunError:
    return AsrunError(
        f"{spec!r} is not a format for {measure.text or 'this'} ({why})",
        remedy="use Python's: .2f for two decimals, .1% for a percentage, nothing for what fits; or "
        + ", ".join(FORMATS)
        + '; behind it perhaps words for what is not finite: or "did not converge"',
    )


def _written(measure: Measure, spec: str) -> str:
    """Write a value in Python's format, or in what fits it."""
    word = plain(measure.values) if np.ndim(measure.values) == 0 else None
    if isinstance(word, (str, bool)) or measure.values is None:
        return str(word)
    mean = measure.number()
    if measure.is_sample and len(measure.values) > 1:
        spread = spread_of(measure.values, measure.text)
        return f"{_fitting(mean, spread, spec)} ± {_fitting(spread, spread, spec)}"
    whole = measure.values.dtype.kind in "iuO"
    number = int(plain(measure.values.reshape(()))) if whole else mean
    return _number(number, spec or ("d" if whole else ".3g"))


def _styled(measure: Measure, style: str, spec: str) -> str:
    """Write a value in one of the FORMATS."""
    mean = measure.number()
    if style == "words":
        if spec or mean != int(mean) or not 0 <= mean < len(_WORDS):
            raise AsrunError(
                f"{measure.text} is {format_number(mean)}, and has no word here",
                remedy=f"words goes from zero to {_WORDS[-1]}; leave the format out",
            )
        return _WORDS[int(mean)]
    if not measure.is_sample or len(measure.values) < 2:
        raise AsrunError(f"{measure.text} has no seeds to take the {style} of", remedy="leave the format out")
    spread = spread_of(measure.values, measure.text)
    if style == "range":
        low, high = (_fitting(plain(each), spread, spec) for each in (measure.values.min(), measure.values.max()))
        return f"{low} to {high}"
    return _fitting(mean if style == "mean" else spread, spread, spec)


def format_number(number: float, spec: str = ".3g") -> str:
    """Write a bare number, with three digits where nothing else is asked for; a number that is not finite as well."""
    return _number(number, spec)


def spread_of(values: np.ndarray, text: str = "this") -> float:
    """Return the spread that is shown behind a mean: the standard deviation, and 0 for what is rounding alone.

    Arguments:
        values: One number a seed.
        text: What a message calls them.
    """
    values = values.astype(float)
    with np.errstate(all="ignore"):
        spread = float(np.std(values, ddof=1))
    largest = float(np.max(np.abs(values)))
    if not math.isfinite(spread):
        # The squares were too large.
        spread = largest * float(np.std(values / largest, ddof=1))
    if not math.isfinite(spread):
        raise AsrunError(f"the spread of {text} is too large a number", remedy="divide it by something")
    return 0.0 if spread < 1e-14 * largest else spread


def decimals_of(spread: float) -> int | None:
    """Return how many decimals a spread allows, fewer than none for tens and hundreds; None where it decides nothing.

    It has one digit of its own, and two when it starts with 1: then one more or less of the only one is much.
    """
    exponent = math.floor(math.log10(spread)) if spread else 0
    if not spread or abs(exponent) > 12:
        return None
    return (1 if spread / 10**exponent < 2 else 0) - exponent


def _fitting(number: float, spread: float, spec: str = "") -> str:
    """Write a number with as many digits as a spread allows, or by what an author asks for."""
    decimals = None if spec else decimals_of(spread)
    if decimals is None:
        return _number(number, spec or ".3g")
    return _number(number if decimals >= 0 else round(float(number), decimals), f".{max(0, decimals)}f")


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


def plural(count: int, noun: str, many: str = "") -> str:
    """Write a count with its noun: `1 run`, `3 runs`; `many` is for nouns that take no plain s."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def describe(value: Any) -> str:
    """Write a parameter as a reader would: `width 512`."""
    return f"{value:,}".replace(",", THIN) if isinstance(value, int) and not isinstance(value, bool) else str(value)
