"""The values that the rest of the program passes around: frozen, and good enough as text for an error or a test id."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["Condition", "Digests", "Key", "Provenance", "Record", "RunName", "Snippet", "State", "Where"]


@dataclass(frozen=True)
class Where:
    """A place in a file of the project: `docs/lessons/02.md:41`, or `docs/lessons/02.md:41:17` with a column."""

    path: str
    """Relative to the project, with forward slashes."""
    line: int | None = None
    """From 1."""
    column: int | None = None
    """From 1."""

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)


class State(StrEnum):
    """What a record is worth now."""

    FRESH = "fresh"
    """It is what its snippet would return now."""
    MISSING = "missing"
    """There is none."""
    STALE = "stale"
    """Code, parameters or data are not what it was made with."""
    FAILED = "failed"
    """It was changed by hand, or the last run of that code came to nothing."""
    UNUSED = "unused"
    """Its snippet, or its scale, is gone."""
    BROKEN = "broken"
    """The record, or its snippet, cannot be read."""


@dataclass(frozen=True)
class Condition:
    """A state and its reason: `stale: src/lab/training.py: step changed`."""

    state: State
    """What it is worth."""
    reason: str = ""
    """Nothing where it is fresh; several are joined by semicolons."""

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}" if self.reason else str(self.state)


@dataclass(frozen=True)
class Snippet:
    """A Python file that answers one question, as far as it can be read without running it."""

    name: str
    path: Path
    question: str
    scales: dict[str, dict[str, Any]]
    needs: dict[str, Any]
    source: str = field(repr=False)
    plots: bool = True
    """Whether it has a `plot`."""
    rounding: dict[str, float] = field(default_factory=dict)
    """Values that are sizes of rounding errors, and the factor within which another machine's may lie."""


@dataclass(frozen=True, order=True)
class RunName:
    """Which run a record belongs to: a snippet, a scale, a device class.

    Examples:
        >>> print(RunName("coin", "quick", "cpu"))
        coin (quick, cpu)
    """

    snippet: str
    """The file's name, without `.py`."""
    scale: str
    """A name in its `SCALES`."""
    device: str
    """`cpu`, `cuda` or `mps`."""

    def __str__(self) -> str:
        return f"{self.snippet} ({self.scale}, {self.device})"


Digests = dict[str, str]
"""Digests by name: of definitions in a file, of files, of figures."""


@dataclass(frozen=True)
class Provenance:
    """How a record came to be. Told to readers; never part of what decides freshness."""

    when: str
    """UTC, ISO 8601, to the second."""
    seconds: float
    """Wall time of `run`."""
    peak_memory_mb: float
    """The most that `run` took, in megabytes."""
    device: str
    """The processor's or the accelerator's name."""
    versions: dict[str, str]
    """Of Python, and of the packages that the run imported."""
    commit: str
    """The project's, where there is one."""
    command: str
    """What to type to do it again."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """What decided what a run came to: of a snippet, or of a notebook."""

    code: dict[str, Digests]
    """Digest of every definition that decides the values, by file."""
    files: Digests
    """Digest of every data file that the run opened."""
    environment: Digests = field(default_factory=dict)
    """Digest of every environment variable that the project's own code read."""
    passed_by: dict[str, list[str]] = field(default_factory=dict)
    """Functions that the code mentions and the run never called, by file; `*` for all that a file defines."""
    not_imported: list[str] = field(default_factory=list)
    """Files that the code mentions and the run never imported."""
    reached_otherwise: dict[str, list[str]] = field(default_factory=dict)
    """Functions that the run called though no name leads there, by file."""

    def parts(self) -> dict[str, Any]:
        """Return its parts by name, as files have them."""
        return {part.name: getattr(self, part.name) for part in fields(Key)}


@dataclass(frozen=True, kw_only=True)
class Record(Key):
    """What a snippet produced at one scale on one device class, and what decided it."""

    run: RunName
    """Which run it is of."""
    question: str
    """What the snippet asks."""
    parameters: dict[str, Any]
    """What `run` was called with: those of the scale."""
    values: dict[str, Any]
    """What `run` returned: arrays as NumPy arrays."""
    output: str
    """What it printed."""
    figures: dict[str, Figure]
    """Its drawings, by name."""
    plot_code: dict[str, Digests]
    """Digest of every definition that decides the figures, by file."""
    plot_files: Digests
    """Digest of every data file that `plot` opened."""
    provenance: Provenance
    """How it came to be."""
    remarks: tuple[str, ...] = ()
    """What whoever reads the record should know of the run: warnings, what was cut short, what was left behind."""
    apart: frozenset[str] | None = None
    """Paths of the arrays that stand in files of their own; None for a new record, where the largest will."""
    damaged: frozenset[str] = frozenset()
    """Names of values that are not what the run wrote: edited by hand, or torn."""


@dataclass(frozen=True)
class Figure:
    """One drawing of a record, as SVG, with its alt text."""

    name: str
    """What pages call it by."""
    svg: str = field(repr=False)
    """The drawing: safe to put into a page, and of colours that follow the page's."""
    alt: str
    """What it shows, in words."""
    points_as_image: int = 0
    """How many points were drawn as an image, being too many for a page. Known when it is drawn; told as a remark."""
