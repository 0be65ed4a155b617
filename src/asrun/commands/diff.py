"""`asrun diff`: what changed in the records since a commit, to be pasted into a pull request."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import click

from asrun.commands.console import out
from asrun.errors import Exit
from asrun.project import find_project
from asrun.records import codec
from asrun.records.record_changes import Difference, FigureChange, Pairs, RecordChange, since
from asrun.records.value_changes import Entry, Kind, ValueChange
from asrun.values.formats import THIN, describe, format_measure, format_number, format_seconds, plural
from asrun.values.measure import SEED, Measure

__all__ = ["diff"]

WIDTH = 40
"""Longer texts and lists are cut, around the place where they start to differ."""


@click.command()
@click.argument("rev", default="HEAD")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when something differs, as git diff does.")
def diff(rev: str, as_json: bool, exit_code: bool) -> None:
    """Show what changed in values and figures since a commit, as Markdown for a pull request.

    Compares the records in the working tree with those at REV: HEAD by default, or whatever else git calls a commit.
    A number with seeds is compared by its mean, and the difference is measured in spreads, the pooled standard
    deviation over seeds: "−0.12 (0.8 spreads)". Other numbers show the relative change. A record that was only made
    again, with the same values and figures, does not differ.

    \b
      asrun diff                what the last run changed, before it is committed
      asrun diff main           what a branch changes
      asrun diff --exit-code    for scripts: 1 when something differs
    """  # noqa: D301 (click wants the character itself)
    found = since(find_project(), rev)
    text = json.dumps(_json(found), indent=2, ensure_ascii=False) if as_json else markdown(found)
    # Half of a surrogate pair can be recorded, but not printed.
    out.write(text.encode("utf-8", "backslashreplace").decode())
    sys.exit(Exit.FAILED if exit_code and found else Exit.OK)


def markdown(found: Difference) -> str:
    """Write a difference as Markdown: a heading and a table for every record that differs."""
    counts = [f"{sum(each.kind is kind for each in found.records)} {kind}" for kind in Kind]
    told = [count for count in counts if not count.startswith("0 ")] or ["nothing changed"]
    same = f"{plural(found.unchanged, 'record')} unchanged"
    parts = [f"Records since {_code(found.revision)} ({found.commit[:12]}): {', '.join([*told, same])}."]
    if found.unreadable:
        parts.append("\n".join(f"- {_code(path)}: {_line(why)}" for path, why in found.unreadable.items()))
    for record in found.records:
        parts += _record(record)
    return "\n\n".join(parts)


def _record(change: RecordChange) -> list[str]:
    heading = f"### {_line(str(change.run))}" + ("" if change.kind is Kind.CHANGED else f": {change.kind}")
    if change.record:
        took = format_seconds(change.record.provenance.seconds)
        values = plural(sum(name != "axes" for name in change.record.values), "value")
        return [heading, f"{values}, {plural(len(change.record.figures), 'figure')}, took {took}."]
    parts = [heading]
    if change.damaged:
        parts.append(f"Changed by hand, not what the run wrote: {', '.join(map(_code, change.damaged))}.")
    if change.values:
        parts.append(_table([row for value in change.values for row in _rows(value)]))
    if change.figures:
        parts.append("\n".join(line for figure in change.figures for line in _figure(figure)))
    if told := _told("parameter ", change.parameters) + _told("", change.circumstances):
        parts.append("; ".join(told) + ".")
    return parts


def _told(kind: str, pairs: Pairs) -> list[str]:
    """Write what else was not the same: `took 24 s → 26 s`."""
    told = []
    for name, pair in pairs.items():
        if name == "seconds":
            took = [format_seconds(seconds) for seconds in pair]
            told += [f"took {took[0]} → {took[1]}"] if took[0] != took[1] else []
        else:
            words = kind and any(isinstance(side, (str, list, dict)) for side in pair)
            cut = ["none" if side is None else side for side in _cut(*pair)]
            shown = [_code(_quoted(side)) if words and side != "none" else _line(describe(side)) for side in cut]
            told.append(f"{kind}{_line(name)} {shown[0]} → {shown[1]}")
    return told


def _figure(change: FigureChange) -> list[str]:
    name, (before, after) = f"figure {_code(change.name)}", change.files
    if change.kind is not Kind.CHANGED:
        return [f"- {name} {change.kind}: {_code(before or after)}"]
    lines = [f"- {name} changed: {_code(before)} → {_code(after)}"] if before != after else []
    if change.alts[0] != change.alts[1]:
        was, now = (_code(_quoted(side)) for side in _cut(*change.alts, width=2 * WIDTH))
        lines.append(f"- alt text of {name}: {was} → {now}")
    return lines


# Tables


def _table(rows: list[tuple[str, ...]]) -> str:
    """Write a table of which every column is as wide as its widest cell."""
    head = ("value", "before", "after", "difference", "remarks")
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "| " + " | ".join("-" * width for width in widths) + " |", *lines[1:]])


def _rows(change: ValueChange) -> list[tuple[str, ...]]:
    counted = f"{change.changed} of {change.total} changed" if change.total > 1 and change.changed else ""
    rows = []
    for at, entry in enumerate(change.entries):
        before, after = _sides(entry)
        absent = {Kind.ADDED: (True, False), Kind.REMOVED: (False, True)}.get(change.kind, (False, False))
        cells = ["—" if gone else cell for cell, gone in zip((before, after), absent, strict=True)]
        remarks = [entry.remark, *([] if at else [counted, change.remark])]
        told = str(change.kind) if any(absent) else _difference(entry)
        row = (_code(entry.name), *cells, told, "; ".join(filter(None, remarks)))
        # In a table a bar ends a cell, even within code.
        rows.append(tuple(cell.replace("|", "\\|") for cell in row))
    return rows


def _sides(entry: Entry) -> tuple[str, str]:
    """Write a value before and after: numbers with digits enough to tell them apart, anything else as it is in JSON."""
    samples = [Measure(sample, (SEED,)) for sample in entry.samples or ()]
    if samples and all(len(sample.values) > 1 and sample.is_finite for sample in samples):
        before, after = map(format_measure, samples)
        return before, after
    pair = (entry.before, entry.after)
    if not all(map(_is_number, pair)):
        before, after = (_number(side, ".6g") if _is_number(side) else _code(_quoted(side)) for side in _cut(*pair))
        return before, after
    if all(isinstance(side, int) for side in pair):
        return _whole(entry.before), _whole(entry.after)
    for digits in range(3, 18):
        before, after = (_number(side, f".{digits}g") for side in pair)
        rounded = [float(f"{side:.{digits}g}") for side in pair] if entry.difference else [0.0, 0.0]
        if not entry.difference or abs(rounded[1] - rounded[0] - entry.difference) <= 0.1 * abs(entry.difference):
            break
    return before, after


def _difference(entry: Entry) -> str:
    if entry.difference is None:
        return ""
    if not entry.difference:
        return "0"
    sign = "−" if entry.difference < 0 else "+"
    if entry.spreads is not None:
        size = "no spread" if math.isinf(entry.spreads) else _spreads(entry.spreads)
    elif entry.relative is None or math.isinf(entry.relative):
        size = ""
    else:
        size = f"{sign}{_amount(100 * abs(entry.relative))}%"
    return f"{sign}{_amount(abs(entry.difference))}" + (f" ({size})" if size else "")


def _spreads(spreads: float) -> str:
    return (
        "under 0.1 spreads"
        if spreads < 0.05
        else f"{spreads:.1f} spreads"
        if spreads < 10
        else f"{spreads:.0f} spreads"
    )


def _amount(size: float | int) -> str:
    """Write a difference: two digits do, but whole numbers are whole."""
    if isinstance(size, int):
        return _whole(size)
    return _number(size, ".0f" if 100 <= size < 1e9 else ".2g")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(number: float | int, spec: str) -> str:
    return format_number(number, spec) if isinstance(number, float) else _whole(number)


def _whole(number: int) -> str:
    return describe(number).replace("-", "−") if abs(number) >= 10_000 else str(number).replace("-", "−")


# Texts


def _quoted(value: Any) -> str:
    return value if isinstance(value, _Cut) else json.dumps(value, ensure_ascii=False)


class _Cut(str):
    """A text that was shortened, quotes and all."""


def _cut(before: Any, after: Any, width: int = WIDTH) -> tuple[Any, Any]:
    """Shorten texts and lists so that the place where they start to differ is still to be seen."""
    texts = [json.dumps(side, ensure_ascii=False) for side in (before, after)]
    same = next((at for at, pair in enumerate(zip(*texts, strict=False)) if pair[0] != pair[1]), min(map(len, texts)))
    start = max(0, same - width // 3)

    def cut(side: Any, text: str) -> Any:
        if len(text) <= width or not isinstance(side, (str, list, dict)):
            return side
        end = start + width
        return _Cut(("…" if start else "") + text[start:end] + ("…" if len(text) > end else ""))

    return cut(before, texts[0]), cut(after, texts[1])


def _line(text: str) -> str:
    """Return text on one line, without anything that a terminal would act on."""
    return "".join(
        sign if sign.isprintable() or sign == THIN else sign.encode("unicode_escape").decode() for sign in text
    )


def _code(text: str) -> str:
    """Write text as it is: nothing in it is Markdown."""
    line = _line(text)
    fence = "``" if "`" in line else "`"
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


# JSON


def _json(found: Difference) -> dict[str, Any]:
    return {
        "since": {"revision": found.revision, "commit": found.commit},
        "differs": bool(found),
        "unchanged": found.unchanged,
        "unreadable": found.unreadable,
        "records": [
            {
                "snippet": each.run.snippet,
                "scale": each.run.scale,
                "device": each.run.device,
                "change": each.kind,
                "values": [_json_value(value) for value in each.values],
                "figures": [
                    {"name": figure.name, "change": figure.kind, "files": _sided(figure.files, ""),
                     "alts": _sided(figure.alts, "")}
                    for figure in each.figures
                ],
                "parameters": {name: _sided(pair) for name, pair in each.parameters.items()},
                "circumstances": {name: _sided(pair) for name, pair in each.circumstances.items()},
                "changed_by_hand": each.damaged,
            }
            for each in found.records
        ],
    }  # fmt: skip


def _sided(pair: tuple[Any, Any], nothing: Any = None) -> dict[str, Any]:
    return {side: value for side, value in zip(("before", "after"), pair, strict=True) if value != nothing}


def _json_value(change: ValueChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "change": change.kind,
        "changed": change.changed,
        "of": change.total,
        "remark": change.remark,
        "largest": [
            {
                "name": entry.name,
                "before": codec.plain(entry.before),
                "after": codec.plain(entry.after),
                "difference": entry.difference,
                "spread": entry.spread,
                "spreads": _finite(entry.spreads),
                "relative": _finite(entry.relative),
                "remark": entry.remark,
            }
            for entry in change.entries
        ],
    }


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else number
