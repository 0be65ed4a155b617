"""What others published: the bibliography, and numbers with their source.

`docs/references/references.bib` holds the bibliography. `docs/references/published.yml` holds numbers:

    fig9a_test:
      cite: srivastava2014
      where: "Figure 9a, section 7.3"
      how: "read from the vector graphics of the figure"
      what: "test error in percent, hidden units of three layers kept with probability keep"
      unit: "%"
      table: {file: jmlr2014.json, at: fig9a_n_fixed.test, axes: {keep: p}, value: err}

A single number has `value: 1.06` in place of `table`, and several that are typed rather than read from a file have
`axes: {method: [L2, dropout]}` and `values: [1.62, 1.25]`. What the source states after its ± is `uncertainty`: a
number beside `value`, a list beside `values`, the name of a column in `table`. Several curves are one table with two
axes, `axes: {net: curve, updates: 0}, rows: points`: of each curve the column that names it, and then the column of its
points, which are in the list called `rows`; where a curve has no point, there is nan. Optional: `unit`; `page`; `p`,
what that letter means there, `keep` or `drop`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import bibtexparser
import numpy as np
import yaml

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.project import Project

__all__ = ["Entry", "Literature", "Published"]


@dataclass(frozen=True)
class Entry:
    """One item of the bibliography."""

    key: str
    authors: tuple[str, ...]
    """Family names first: "Srivastava, Nitish"."""
    title: str
    year: str
    container: str
    """Journal, volume and pages, or proceedings, or publisher."""
    url: str

    @property
    def short(self) -> str:
        """Return the name used in running text: `Srivastava et al. 2014`."""
        families = [author.partition(",")[0] for author in self.authors] or [self.title or self.key]
        names = " and ".join(families) if len(families) < 3 else f"{families[0]} et al."
        return f"{names} {self.year}".strip()


@dataclass(frozen=True)
class Published:
    """One published number or table of numbers, and where it stands."""

    key: str
    values: np.ndarray
    axes: tuple[str, ...]
    labels: dict[str, np.ndarray]
    cite: str
    where: str
    how: str
    what: str
    unit: str
    page: str = ""
    p: str = ""
    """What the letter p means in that source: `keep` or `drop`."""
    uncertainty: np.ndarray | None = None
    """What the source states after its ±; nan where it states nothing."""

    @property
    def place(self) -> str:
        return f"{self.where}, p. {self.page}" if self.page else self.where


class Literature:
    """The bibliography and the published numbers of a project.

    Raises:
        AsrunError: when a file cannot be read, or an entry lacks something.
    """

    def __init__(self, project: Project):
        self.project = project
        self._files: dict[str, Any] = {}

    @cached_property
    def entries(self) -> dict[str, Entry]:
        path = self.project.references / "references.bib"
        if not path.is_file():
            return {}
        try:
            library = bibtexparser.parse_string(path.read_text("utf-8"))
        except UnicodeDecodeError as error:
            where = Where(self.project.relative(path))
            raise AsrunError(f"not valid UTF-8: {error}", where=where, remedy="save it as UTF-8") from error
        for broken in library.failed_blocks:
            raise AsrunError(
                f"this BibTeX entry cannot be read: {broken.error}",
                where=Where(self.project.relative(path), (broken.start_line or 0) + 1),
                remedy="look for a missing brace or comma",
            )
        return {
            entry.key: _entry(entry.key, {f.key.lower(): str(f.value) for f in entry.fields})
            for entry in library.entries
        }

    @cached_property
    def published(self) -> dict[str, Published]:
        path = self.project.references / "published.yml"
        if not path.is_file():
            return {}
        where = Where(self.project.relative(path))
        found = {}
        try:
            items = yaml.safe_load(path.read_text("utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            raise AsrunError(
                f"not valid YAML: {getattr(error, 'problem', None) or error}",
                where=Where(where.path, mark.line + 1 if mark else None),
                remedy="look for a missing quote or a wrong indent",
            ) from error
        if not isinstance(items, dict):
            raise AsrunError(
                "published.yml must hold published numbers by name",
                where=where,
                remedy="write name: {cite: …, where: …, how: …, what: …, value: …}",
            )
        for key, item in items.items():
            try:
                found[key] = self._number(path.parent, key, item)
            except (KeyError, IndexError, AttributeError, TypeError, ValueError, OSError) as error:
                raise AsrunError(
                    f"the published number {key} cannot be read: {error!r}",
                    where=where,
                    remedy="it needs cite, where, how, what, and value or table; see asrun.literature",
                ) from error
            if found[key].cite not in self.entries:
                raise AsrunError(
                    f"{key} cites {found[key].cite}, which is not in references.bib",
                    where=where,
                    remedy=f"references.bib has: {', '.join(self.entries)}",
                )
        return found

    def _number(self, folder: Path, key: str, item: dict[str, Any]) -> Published:
        if "table" in item:
            values, axes, labels, uncertainty = self._table(folder, item["table"])
        elif "values" in item:
            labels = {str(axis): np.asarray(names) for axis, names in item["axes"].items()}
            axes, values = tuple(labels), np.asarray(item["values"])
            if values.dtype.kind not in "if":
                raise ValueError(f"values are numbers, not {item['values']}")
            uncertainty = _stated(item.get("uncertainty"))
            if values.shape != tuple(len(names) for names in labels.values()):
                raise ValueError(
                    f"{values.shape} values for {', '.join(f'{len(n)} of {a}' for a, n in labels.items())}"
                )
        else:
            number = item["value"]
            values, axes, labels = np.asarray(number if isinstance(number, int) else float(number)), (), {}
            uncertainty = _stated(item.get("uncertainty"))
        if uncertainty is not None and uncertainty.shape != values.shape:
            raise ValueError(f"{uncertainty.size} uncertainties for {values.size} values")
        if item.get("p", "") not in ("", "keep", "drop"):
            raise ValueError(f"p means keep or drop, not {item['p']}")
        return Published(
            key,
            values,
            axes,
            labels,
            **{name: str(item[name]) for name in ("cite", "where", "how", "what")},
            unit=item.get("unit", ""),
            page=str(item.get("page", "")),
            p=item.get("p", ""),
            uncertainty=uncertainty,
        )

    def _table(
        self, folder: Path, table: dict[str, Any]
    ) -> tuple[np.ndarray, tuple[str, ...], dict[str, np.ndarray], np.ndarray | None]:
        """Read numbers from a JSON file beside published.yml, parsed once for all that are in it."""
        name = table["file"]
        if name not in self._files:
            self._files[name] = json.loads((folder / name).read_text("utf-8"))
        rows = self._files[name]
        for step in table["at"].split("."):
            rows = rows[step]
        *several, (axis, column) = table["axes"].items()
        if several:
            ((name, of_curve),) = several
            return _curves(rows, table, (name, of_curve), (axis, column))
        values = np.array([row[table["value"]] for row in rows], dtype=float)
        stated = _stated([row[table["uncertainty"]] for row in rows]) if "uncertainty" in table else None
        return values, (axis,), {axis: np.array([row[column] for row in rows], dtype=float)}, stated


def _curves(
    curves: list[dict[str, Any]], table: dict[str, Any], outer: tuple[str, Any], inner: tuple[str, Any]
) -> tuple[np.ndarray, tuple[str, ...], dict[str, np.ndarray], np.ndarray | None]:
    """Lay curves side by side: a row each, and a column for every place at which one of them has a point."""
    points = [{row[inner[1]]: row for row in curve[table["rows"]]} for curve in curves]
    places = sorted(set().union(*points))

    def numbers(column: Any) -> np.ndarray:
        return np.array([[of[at][column] if at in of else np.nan for at in places] for of in points], dtype=float)

    labels = {outer[0]: np.array([curve[outer[1]] for curve in curves]), inner[0]: np.array(places)}
    stated = numbers(table["uncertainty"]) if "uncertainty" in table else None
    return numbers(table["value"]), tuple(labels), labels, stated


def _stated(numbers: Any) -> np.ndarray | None:
    """Return uncertainties as numbers, nan for those that are not stated."""
    return None if numbers is None else np.asarray(numbers, dtype=float)


def _plain(text: str) -> str:
    """Take BibTeX's braces, dashes and line ends out of a field."""
    return " ".join(text.replace("{", "").replace("}", "").replace("--", "–").split())


def _author(name: str) -> str:
    """Put the family name first; a name in braces is that of a body, and stays as it is."""
    name = name.strip()
    if "," not in name and " " in name and not name.startswith("{"):
        first, _, family = name.rpartition(" ")
        name = f"{family}, {first}"
    return _plain(name)


def _entry(key: str, raw: dict[str, str]) -> Entry:
    fields = {name: _plain(value) for name, value in raw.items()}
    where = fields.get("journal") or fields.get("booktitle") or fields.get("publisher") or fields.get("note", "")
    if volume := fields.get("volume"):
        where += f" {volume}" + (f"({fields['number']})" if "number" in fields else "")
    if pages := fields.get("pages"):
        where += f", {pages}"
    url = fields.get("url") or (f"https://doi.org/{fields['doi']}" if "doi" in fields else "")
    return Entry(
        key=key,
        authors=tuple(_author(name) for name in re.split(r"\s+and\s+", raw.get("author", "")) if name.strip()),
        title=fields.get("title", ""),
        year=fields.get("year", ""),
        container=where,
        url=url,
    )
