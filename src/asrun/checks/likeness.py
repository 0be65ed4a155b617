"""Do two runs say the same to somebody who reads a page? Numbers as they are read, words as they are.

A number that a page shows agrees with the one that another run has in its place when one of these rules says so. They
are fixed here, before any run is looked at:

- **Digits.** Both are written as the page writes the recorded one, and the last digit shown differs by one at most:
  |round(new / u) - round(old / u)| <= 1, where u is the place of that digit (0.01 for `.2f`; of a number with three
  digits the third of the smaller of both; of `mean ± sd` the place that the spread decides). Of more than twelve digits
  nobody reads the rest. A whole number must be the same.
- **Sample.** Of a sample with the recorded mean m, standard deviation s and n seeds, the new mean m' lies within the
  95 % interval of the recorded one: |m' - m| <= t s / sqrt(n), t being the 0.975 quantile of Student's t with n - 1
  degrees of freedom. The seeds are the same, and nothing is drawn anew, so this is wide; and the recorded spread alone
  decides how wide, so that no run buys agreement with noise. Where the page shows the spread too, that of the run, s'
  of n' seeds, is one of the same: F(0.025) <= s'^2 / s^2 <= F(0.975), with n' - 1 and n - 1 degrees of freedom.
- **Rounding.** Of a value below 1e-4 that its snippet's ROUNDING names, the sizes are within the factor stated there:
  max(|new|, |old|) <= factor x min(|new|, |old|). A size below 2^-52, and below all that the record has but 0, counts
  as the smaller of these: nothing is smaller than rounding.
- **Tolerance.** The answer to a question is within the tolerance that the question itself states.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from asrun.errors import AsrunError
from asrun.freshness.rounding import EPSILON, LARGEST
from asrun.pages.citation import Shown
from asrun.values.comparison import quantile
from asrun.values.formats import FORMATS, decimals_of, format_measure, spread_of, without_words
from asrun.values.measure import Measure, plain

__all__ = ["Rounded", "differs"]


_READ = 1e-12
"""The twelfth digit of a number, as a part of it."""


@dataclass(frozen=True)
class Rounded:
    """That a value is the size of a rounding error."""

    factor: float
    floor: float = EPSILON
    """What counts as the smallest size."""


def differs(before: Shown, after: Shown, rounded: Rounded | None = None) -> str:
    """Say how what a page shows differs for a reader when a run has another value in its place; nothing when it agrees.

    Arguments:
        before: What is shown of the record.
        after: What would be shown of the other run.
        rounded: That the value is the size of a rounding error, where it is.
    """
    if isinstance(before.what, str) or isinstance(after.what, str):
        return _differ_in_text(str(before.what), str(after.what), rounded)
    one, other = _written(before.what, before.spec), _written(after.what, before.spec)
    if one == other:
        return ""
    told = f"reads {other} in place of {one}"
    if not (_is_number(before.what) and _is_number(after.what)):
        return told
    if not (before.what.is_finite and after.what.is_finite):
        return told
    if before.within is not None:
        near = abs(after.what.number() - before.what.number()) <= before.within
        return "" if near else f"{told}, and {before.within:g} is all that the question allows"
    for part in _parts(before.what, after.what, before.spec):
        if _in_last_digit(part):
            continue
        if rounded and abs(part.was) < LARGEST:
            if not _in_factor(part.was, part.now, rounded):
                return f"{told}, which is not within the factor {rounded.factor:g} that ROUNDING states"
        elif not (before.what.is_sample and after.what.is_sample and min(map(_seeds, (before.what, after.what))) > 1):
            return told if _is_whole(before.what) else f"{told}, more than one in the last digit"
        elif why := _outside(before.what, after.what, part.kind):
            return f"{told}, {why}"
    return ""


def _seeds(measure: Measure) -> int:
    return int(measure.values.size)


def _written(measure: Measure, spec: str) -> str:
    """Write a value as the page does; what has no words there is shown as it is."""
    try:
        return format_measure(measure, spec)
    except AsrunError:
        return str(plain(measure.values))


def _is_number(measure: Measure) -> bool:
    return (measure.is_number or measure.is_sample) and measure.values.dtype.kind in "iuf"


def _is_whole(measure: Measure) -> bool:
    return measure.is_number and measure.values.dtype.kind in "iu"


@dataclass(frozen=True)
class _Part:
    """One of the numbers that are shown of a value: of `1.34 ± 0.05` there are two."""

    kind: str
    """`mean`, `spread`, or `end` of a range."""
    was: float
    now: float
    place: float
    """Of the last digit that is shown; 0 where every digit counts."""


def _parts(before: Measure, after: Measure, spec: str) -> Iterator[_Part]:
    """Return the numbers that are shown of a value, before and after."""
    spec, _ = without_words(spec)
    style, _, rest = spec.partition(" ") if spec.partition(" ")[0] in FORMATS else ("", "", spec)
    sides = [np.asarray(side.values, dtype=float).ravel() for side in (before, after)]
    whole, rest = _is_whole(before) and _is_whole(after), rest.strip()
    decimals = decimals_of(spread_of(sides[0])) if not rest and len(sides[0]) > 1 else None
    rest = rest or ("d" if _is_whole(before) else ".3g")
    kinds = {"mean": ["mean"], "spread": ["spread"], "range": ["low", "high"]}.get(style, ["mean", "spread"])
    reduce: dict[str, Callable[[np.ndarray], Any]] = {
        "mean": np.mean, "spread": spread_of, "low": np.min, "high": np.max,
    }  # fmt: skip
    for kind in kinds:
        if kind == "spread" and min(map(len, sides)) < 2:
            # A single number has none, and is shown without.
            continue
        was, now = (float(reduce[kind](side)) for side in sides)
        # Of 1e-8 and 9e-11 the places are not the same: a reader reads powers of ten, too.
        place = 10.0**-decimals if decimals is not None else min(_place(was, rest), _place(now, rest))
        yield _Part(kind if kind in ("mean", "spread") else "end", was, now, 0.0 if whole else place)


def _place(number: float, spec: str) -> float:
    """Return the place of the last digit that is shown: 0.01 of 0.50, also where it is written as 0.5."""
    if not math.isfinite(number):
        return 0.0
    try:
        # Zeros at the end are digits all the same.
        text = format(int(number) if spec == "d" else number, _with_zeros(spec))
        digits = re.search(r"\d[\d,_]*\.?\d*(?:[eE][+-]?\d+)?", text)
        exponent = Decimal(digits[0].replace(",", "").replace("_", "")).as_tuple().exponent if digits else 0
    except (ValueError, OverflowError, InvalidOperation):
        return 0.0
    place = 10.0 ** int(exponent) / (100 if "%" in text else 1)
    return max(place, _READ * abs(number))


_SPEC = re.compile(r"(?P<start>(?:.?[<>=^])?[-+ ]?z?)#?(?P<rest>.*)", re.DOTALL)


def _with_zeros(spec: str) -> str:
    found = _SPEC.fullmatch(spec)
    return f"{found['start']}#{found['rest']}" if found else spec


def _in_last_digit(part: _Part) -> bool:
    was, now, place = part.was, part.now, part.place
    if not place or not (math.isfinite(was) and math.isfinite(now)):
        return was == now or (math.isnan(was) and math.isnan(now))
    # Digits are counted as they are written, and not as they lie in memory.
    return abs(math.floor(now / place + 0.5 + 1e-9) - math.floor(was / place + 0.5 + 1e-9)) <= 1


def _in_factor(was: float, now: float, rounded: Rounded) -> bool:
    if not (math.isfinite(was) and math.isfinite(now)):
        return False
    low, high = sorted(max(abs(each), rounded.floor) for each in (was, now))
    return high <= rounded.factor * low


def _outside(before: Measure, after: Measure, kind: str) -> str:
    """Say how a part of a sample lies outside of its interval; nothing when it does not."""
    (mean, spread, n), (new_mean, new_spread, new_n) = (
        (float(np.mean(side.values)), spread_of(side.values), len(side.values)) for side in (before, after)
    )
    if kind != "spread":
        half = quantile(0.975, n - 1) * spread / math.sqrt(n)
        # Written so that what is no number is outside.
        if not abs(new_mean - mean) <= half:
            return f"whose mean was to lie within {half:.2g} of it"
    if kind != "mean":
        low, high = (spread * math.sqrt(_ratio_quantile(at, new_n - 1, n - 1)) for at in (0.025, 0.975))
        if not low <= new_spread <= high:
            return f"whose spread was to lie between {low:.2g} and {high:.2g}"
    return ""


def _ratio_quantile(at: float, above: float, below: float) -> float:
    """Return the quantile of F, the ratio of two variances."""
    from scipy import special

    return float(special.fdtri(above, below, at))


# Texts

_IN_TEXT = re.compile(r"(?<![\w.])[-+\u2212]?\d[\d\u202f]*(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)")


def _differ_in_text(before: str, after: str, rounded: Rounded | None) -> str:
    """Say where two texts differ: in words, or in a number by more than its last digit."""
    lines = before.split("\n"), after.split("\n")
    if len(lines[0]) != len(lines[1]):
        return f"has {len(lines[1])} lines in place of {len(lines[0])}"
    for number, (one, other) in enumerate(zip(*lines, strict=True), 1):
        words = [" ".join(_IN_TEXT.sub(" 0 ", line).split()) for line in (one, other)]
        pairs = zip(*(_IN_TEXT.findall(line) for line in (one, other)), strict=False)
        if words[0] != words[1] or not all(_alike_in_text(was, now, rounded) for was, now in pairs):
            return f"reads {other.strip()[:60]!r} in place of {one.strip()[:60]!r} in line {number}"
    return ""


def _alike_in_text(one: str, other: str, rounded: Rounded | None) -> bool:
    was, now = (Decimal(each.replace("\u2212", "-").replace("\u202f", "").replace(",", "")) for each in (one, other))
    exponent = min(int(each.as_tuple().exponent) for each in (was, now))
    place = max(Decimal(1).scaleb(exponent), Decimal(_READ) * abs(was))
    if abs(now - was) <= place:
        return True
    # Only a power of ten tells a reader that a size is meant.
    return rounded is not None and "e" in one.lower() and _in_factor(float(was), float(now), rounded)
