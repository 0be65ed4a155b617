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

import datetime
import json
import logging
import math
import os
import re
import stat
import urllib.parse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from bibtexparser.entrypoint import parse_string

from asrun.errors import AsrunError, quoted, visible
from asrun.model import Where
from asrun.project import Project

__all__ = ["Entry", "Literature", "Published"]


WRITTEN, DATA = 2**21, 2**24
"""The largest files, in bytes: what somebody wrote, and what a program may have."""

NUMBERS = 1_000_000
"""The most numbers that one published table may have."""


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
        if not os.path.lexists(path):
            return {}
        try:
            # What it logs of broken entries is told below, and in words that can be shown.
            logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
            library = parse_string(self._read(path, WRITTEN))
        except UnicodeDecodeError as error:
            where = Where(self.project.relative(path))
            raise AsrunError(f"not valid UTF-8: {error}", where=where, remedy="save it as UTF-8") from error
        for broken in library.failed_blocks:
            raise AsrunError(
                f"this BibTeX entry cannot be read: {broken.error}",
                where=Where(self.project.relative(path), (broken.start_line or 0) + 1),
                remedy="look for a missing brace or comma",
            )
        found = {}
        for entry in library.entries:
            try:
                found[entry.key] = _entry(entry.key, {f.key.lower(): str(f.value) for f in entry.fields})
            except AsrunError as error:
                error.where = Where(self.project.relative(path), (entry.start_line or 0) + 1)
                raise
        return found

    @cached_property
    def published(self) -> dict[str, Published]:
        path = self.project.references / "published.yml"
        if not os.path.lexists(path):
            return {}
        where = Where(self.project.relative(path))
        found = {}
        try:
            items = yaml.load(self._read(path, WRITTEN), _Loader) or {}
        except RecursionError as error:
            raise AsrunError(
                "this is nested too deep", where=where, remedy="write one number below the other"
            ) from error
        except (yaml.YAMLError, ValueError) as error:
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
                if not isinstance(key, str):
                    raise AsrunError(f"{quoted(key)} is no name for a number", remedy="use letters, digits and _")
                found[key] = self._number(path.parent, key, item)
            except AsrunError as error:
                error.what = f"the published number {quoted(key).strip(chr(39))} cannot be read: {error.what}"
                error.where = where
                raise
            except (
                LookupError,
                AttributeError,
                TypeError,
                ValueError,
                OSError,
                OverflowError,
                RecursionError,
            ) as error:
                raise AsrunError(
                    f"the published number {key} cannot be read: {error!r}",
                    where=where,
                    remedy="it needs cite, where, how, what, and value or table; see asrun.pages.literature",
                ) from error
            if found[key].cite not in self.entries:
                raise AsrunError(
                    f"{key} cites {found[key].cite}, which is not in references.bib",
                    where=where,
                    remedy=f"references.bib has: {', '.join(self.entries)}",
                )
        return found

    def _read(self, path: Path, most: int) -> str:
        """Read a file of the project.

        Raises:
            AsrunError: when it lies outside of the project, is not a file, or is too large for one that is read whole.
        """
        shown = self.project.relative(path)
        where = Where(shown)
        try:
            real = path.resolve(strict=True)
            # Where mkdocs.yml puts the references outside on purpose, they are read there.
            folders = (self.project.root.resolve(), Path(os.path.abspath(self.project.references)))
            if not any(real.is_relative_to(folder) for folder in folders):
                raise AsrunError(f"{shown} lies outside of the project", where=where, remedy="copy it into the project")
            kind = real.stat()
            if not stat.S_ISREG(kind.st_mode):
                raise AsrunError(f"{shown} is not a file", where=where, remedy="write a file there, or take it away")
            if kind.st_size > most:
                raise AsrunError(
                    f"{shown} has {kind.st_size} bytes, and no more than {most} are read",
                    where=where,
                    remedy="keep what pages cite, and leave out the rest",
                )
            return real.read_text("utf-8")
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or error
            raise AsrunError(
                f"{shown} cannot be read: {why}", where=where, remedy="put it there, or mend the link"
            ) from error

    def _number(self, folder: Path, key: str, item: dict[str, Any]) -> Published:
        if "table" in item:
            values, axes, labels, uncertainty = self._table(folder, item["table"])
        elif "values" in item:
            labels = {str(axis): _flat(names) for axis, names in item["axes"].items()}
            axes, lengths = tuple(labels), tuple(map(len, labels.values()))
            if math.prod(lengths) > NUMBERS:
                raise ValueError(f"more than {NUMBERS} numbers")
            values = _grid(item["values"], lengths)
        else:
            number = item["value"]
            if isinstance(number, bool) or (isinstance(number, int) and abs(number) > 1e300):
                raise ValueError(f"a value is a number, not {quoted(number)}")
            values, axes, labels = np.asarray(number if isinstance(number, int) else float(number)), (), {}
        if "table" not in item:
            stated = item.get("uncertainty")
            uncertainty = None if stated is None else _grid(stated, values.shape).astype(float)
        if uncertainty is not None and not np.all((uncertainty >= 0) & (uncertainty < np.inf) | np.isnan(uncertainty)):
            raise ValueError("an uncertainty is a finite number, from 0")
        if item.get("p", "") not in ("", "keep", "drop"):
            raise ValueError(f"p means keep or drop, not {quoted(item['p'])}")
        return Published(
            key,
            values,
            axes,
            labels,
            **{name: _word(item[name]) for name in ("cite", "where", "how", "what")},
            unit=_word(item.get("unit") or ""),
            page=_word(item.get("page", "")),
            p=item.get("p", ""),
            uncertainty=uncertainty,
        )

    def _table(
        self, folder: Path, table: dict[str, Any]
    ) -> tuple[np.ndarray, tuple[str, ...], dict[str, np.ndarray], np.ndarray | None]:
        """Read numbers from a JSON file of the project, parsed once for all that are in it."""
        name = table["file"]
        if name not in self._files:
            self._files[name] = json.loads(self._read(folder / name, DATA))
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
    if len(points) * len(places) > NUMBERS:
        raise ValueError(f"more than {NUMBERS} numbers")

    def numbers(column: Any) -> np.ndarray:
        return np.array([[of[at][column] if at in of else np.nan for at in places] for of in points], dtype=float)

    labels = {outer[0]: np.array([curve[outer[1]] for curve in curves]), inner[0]: np.array(places)}
    stated = numbers(table["uncertainty"]) if "uncertainty" in table else None
    return numbers(table["value"]), tuple(labels), labels, stated


class _Loader(yaml.SafeLoader):
    """Reads YAML in which few keys do not become many by being merged again and again."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > 1000:
            raise yaml.constructor.ConstructorError(None, None, "more than 1000 keys are merged here", node.start_mark)


def _word(value: Any) -> str:
    """Return a word or a number as text."""
    if not isinstance(value, (str, int, float, datetime.date)):
        raise ValueError(f"{quoted(value)} is no text")
    return str(value)


def _flat(names: Any) -> np.ndarray:
    """Return labels, which are words or numbers."""
    if not isinstance(names, list) or not all(isinstance(each, (str, int, float)) for each in names):
        raise ValueError(f"an axis has a list of labels, not {quoted(names)}")
    return np.asarray(names)


def _grid(given: Any, lengths: tuple[int, ...]) -> np.ndarray:
    """Return numbers that lie in each other as deep as there are axes, and are as many."""
    if lengths:
        if not isinstance(given, list) or len(given) != lengths[0]:
            raise ValueError(f"{lengths[0]} values are needed, and there is {quoted(given)}")
        return np.asarray([_grid(each, lengths[1:]) for each in given])
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise ValueError(f"values are numbers, not {quoted(given)}")
    return np.asarray(given if isinstance(given, float) or abs(given) < 2**63 else float(given))


def _stated(numbers: Any) -> np.ndarray | None:
    """Return uncertainties as numbers, nan for those that are not stated."""
    return None if numbers is None else np.asarray(numbers, dtype=float)


def _plain(text: str) -> str:
    """Take BibTeX's braces, dashes and line ends out of a field."""
    return " ".join(text.replace("{", "").replace("}", "").replace("--", "–").split())


_ADDRESS = re.compile(r"(?:https?://[^\s/<>\"\\]|mailto:[^\s<>\"\\])[^\s<>\"\\]*", re.IGNORECASE)
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(?P<doi>10\.\d{4,9}/\S+)", re.IGNORECASE)


def _unwrapped(text: str) -> str:
    """Take off an address what LaTeX needs around it."""
    text = re.sub(r"\\(?:url|href)\b\s*", "", text).replace("{", "").replace("}", "")
    return re.sub(r"\\([_%#&~$])", r"\1", text).strip()


def _address(text: str) -> str:
    """Return an address that a page may link to; no other one leads a reader anywhere but into a trap."""
    url = _unwrapped(text)
    if url and (visible(url) != url or not _ADDRESS.fullmatch(url)):
        raise AsrunError(f"{quoted(url)} is no address on the web", remedy="write url = {https://…}, or take it out")
    return url


def _doi(text: str) -> str:
    doi = _unwrapped(text)
    if not doi:
        return ""
    found = _DOI.fullmatch(doi)
    if visible(doi) != doi or not found:
        raise AsrunError(f"{quoted(doi)} is no DOI", remedy="write it as in doi = {10.1000/182}, or take it out")
    return "https://doi.org/" + urllib.parse.quote(found["doi"], safe="/:;().,_-~@!$&'*+=%")


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
    # Split at single spaces: a pattern that takes any number of them takes for ever where there are many.
    authors = " ".join(raw.get("author", "").split()).split(" and ")
    return Entry(
        key=key,
        authors=tuple(_author(name) for name in authors if name.strip()),
        title=fields.get("title", ""),
        year=fields.get("year", ""),
        container=where,
        url=_address(raw.get("url", "")) or _doi(raw.get("doi", "")),
    )
