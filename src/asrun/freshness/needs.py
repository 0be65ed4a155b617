"""What a snippet's NEEDS say: whether they are understood, how much of what, and which device class that comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from asrun.errors import AsrunError, did_you_mean
from asrun.model import Snippet, Where

__all__ = ["check_needs", "choose_device", "need"]

_AMOUNTS = ("minutes", "memory", "cpus")
"""What is said as a number, or as a number for each scale."""


def check_needs(needs: Any, where: Where) -> None:
    """Refuse NEEDS that nobody could keep to.

    Arguments:
        needs: What the snippet says; None when it says nothing.
        where: The snippet.

    Raises:
        AsrunError: naming what is not understood, and what can be written.
    """
    names = needs if isinstance(needs, dict) else {}
    unknown = next((name for name in names if name not in ("gpu", *_AMOUNTS)), None)
    right = (
        (needs is None or isinstance(needs, dict))
        and unknown is None
        and names.get("gpu") in (None, "preferred", "required")
        and all(_is_amount(name, names[name]) for name in _AMOUNTS if name in names)
    )
    if not right:
        near = did_you_mean(str(unknown), ["gpu", *_AMOUNTS], otherwise="") if unknown is not None else ""
        raise AsrunError(
            f"NEEDS is not understood: {needs!r}",
            where=where,
            remedy=(f"{near} " if near else "")
            + 'write NEEDS = {"gpu": "preferred" or "required", "minutes": 5, "memory": 8, "cpus": 4}, or leave parts '
            'out; memory is in GB, cpus is a whole number; {"quick": 2} instead of a number is one for each scale',
        )


def _is_amount(name: str, value: Any) -> bool:
    kinds = int if name == "cpus" else (int, float)
    return all(
        isinstance(each, kinds) and not isinstance(each, bool) and 0 < each < math.inf
        for each in (value.values() if isinstance(value, dict) else [value])
    )


def need(snippet: Snippet, name: str, scale: str) -> float | None:
    """Return how much of something a run needs; None when NEEDS do not say."""
    value = snippet.needs.get(name)
    value = value.get(scale) if isinstance(value, dict) else value
    return None if value is None else float(value)


def choose_device(
    snippet: Snippet,
    wanted: str | None,
    *,
    has_gpu: Callable[[], bool],
    lacking: str,
    remedy: str,
    has_apple_gpu: bool = False,
    took: Mapping[str, float] | None = None,
) -> str:
    """Return the device class to run on: what was asked for, or a GPU if the snippet can use one and there is one.

    Arguments:
        snippet: What is to be run.
        wanted: What was asked for.
        has_gpu: Tells whether there is a GPU where it is to be run; asked only if that matters.
        lacking: Says that there is none.
        remedy: What to do then.
        has_apple_gpu: Whether there is one of Apple's, which is taken only when it is asked for.
        took: Seconds that the last run took, by device class: of two, the faster is chosen.

    Raises:
        AsrunError: when there is no GPU and one was asked for, or none was asked for and one is required.
    """
    needs = snippet.needs.get("gpu")
    if wanted == "mps" and not has_apple_gpu:
        raise AsrunError(f"{snippet.name} cannot run on mps: there is no GPU of Apple's", remedy="leave --device out")
    there_is = wanted in (None, "cuda") and bool(wanted or needs) and has_gpu()
    device = wanted or ("cuda" if there_is else "cpu")
    if not wanted and device == "cuda" and needs == "preferred" and took and set(took) == {"cpu", "cuda"}:
        device = min(took, key=lambda each: took[each])
    if device == "cuda" and not there_is:
        raise AsrunError(f"{snippet.name} cannot run on cuda: {lacking}", remedy=remedy)
    if device == "cpu" and needs == "required":
        raise AsrunError(
            f"{snippet.name} needs a GPU, and this is a run on the CPU",
            remedy="run it where there is an NVIDIA GPU, on a machine or a cluster; its NEEDS say gpu: required",
        )
    return device
