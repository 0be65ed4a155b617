"""Records and their parts, made by hand: no run, no drawing, and the same on every machine and day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asrun.model import Figure, Provenance, Record, RunName

__all__ = ["make_figure", "make_provenance", "make_record"]


def make_record(run: RunName, values: Mapping[str, Any], **fields: Any) -> Record:
    """Make a record of a run that never was.

    It belongs to no code, so it is not fresh; `TinyProject.put` stores one that is.

    Arguments:
        run: Snippet, scale and device class.
        values: What `run` is to have returned.
        **fields: Any other field of a Record. Left out, it is empty, or as small as can be.

    Returns:
        The record; it is stored nowhere.
    """
    parts: dict[str, Any] = {
        "question": "What is the answer?",
        "parameters": {},
        "output": "",
        "figures": {},
        "code": {},
        "files": {},
        "plot_code": {},
        "plot_files": {},
        "provenance": make_provenance(),
    }
    return Record(run=run, values=dict(values), **{**parts, **fields})


def make_provenance() -> Provenance:
    """Make the provenance of a run of a second and a half, on the second of January 2020, on no machine."""
    return Provenance(
        when="2020-01-02T03:04:05Z",
        seconds=1.5,
        peak_memory_mb=64.0,
        device="a processor, 2 cores",
        versions={"python": "3.11.7"},
        commit="",
        command="asrun run it",
    )


def make_figure(name: str = "figure", text: str = "drawn") -> Figure:
    """Make a figure that shows nothing.

    Arguments:
        name: What pages call it by.
        text: Its alt text, which is in the drawing, too: another text is another file.
    """
    return Figure(name, f'<svg role="img" xmlns="http://www.w3.org/2000/svg"><title>{text}</title></svg>', text)
