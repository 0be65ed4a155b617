"""Notes which environment variables the project's own code asks for."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["Variables"]

_KEPT = 16
"""Walks through the environment that are remembered at once."""


class Variables:
    """Notes variables that are asked for by name, through `os.environ` and `os.environb`, from now on.

    A copy of the whole environment asks for nothing: what another process is given, or what a dict holds, is not what
    decides a result. It is known by that: every name that somebody walks by is looked up. Of a walk on which only some
    are, or which is broken off, those that are count.

    Arguments:
        is_own: Whether code of the project's own is executed in a frame.
    """

    def __init__(self, is_own: Callable[[FrameType], bool]):
        self._is_own = is_own
        self._asked: set[str] = set()
        self._walks: deque[_Walk] = deque()
        self._data: Any = os.environ._data  # type: ignore[attr-defined]
        kind = type(os.environ)
        getitem, iterate = kind.__getitem__, kind.__iter__

        def watched(environment: Any, name: Any) -> Any:
            self._note(environment, name)
            return getitem(environment, name)

        def walked(environment: Any) -> Iterator[Any]:
            # The walk begins with the first step, and is made of the very objects that are handed out.
            walk = _Walk() if environment._data is self._data else None
            if walk:
                self._begin(walk)
            for name in iterate(environment):
                if walk:
                    walk.passed[id(name)] = name
                yield name
            if walk:
                walk.complete = True

        kind.__getitem__ = watched  # type: ignore[method-assign]
        kind.__iter__ = walked  # type: ignore[method-assign]

    def names(self) -> list[str]:
        """List what was asked for by name."""
        while self._walks:
            self._end(self._walks.popleft())
        return sorted(self._asked)

    def _note(self, environment: Any, name: Any) -> None:
        if not isinstance(name, (str, bytes)) or environment._data is not self._data:
            return
        asking = sys._getframe(2)
        if asking.f_code.co_name in _WALKING and _is_mapping(asking):
            # Who walks by names with their values, or takes whichever is next, asks for none of them.
            return
        # The last walk first: names of one letter, and names as bytes, are the same objects on every one.
        walk = next((walk for walk in reversed(self._walks) if walk.passed.get(id(name)) is name), None)
        known = os.fsdecode(name)
        if (walk is None and known in self._asked) or not self._is_asked_by_project(asking):
            return
        if walk:
            walk.asked.add(id(name))
        else:
            self._asked.add(known)

    def _begin(self, walk: _Walk) -> None:
        self._walks.append(walk)
        if len(self._walks) > _KEPT:
            self._end(self._walks.popleft())

    def _end(self, walk: _Walk) -> None:
        if not walk.complete or len(walk.asked) < len(walk.passed):
            self._asked |= {os.fsdecode(walk.passed[each]) for each in walk.asked}

    def _is_asked_by_project(self, frame: FrameType) -> bool:
        """Whether the nearest frame that is not a part of `os.environ` itself is one of the project's own code."""
        while frame.f_back and (_is_mapping(frame) or _fills_in(frame)):
            frame = frame.f_back
        return self._is_own(frame)


class _Walk:
    """Names that were handed out one after the other, and those of them that were looked up."""

    def __init__(self) -> None:
        # By identity: a program that thinks of a name itself has another object than the one that it was handed.
        self.passed: dict[int, str | bytes] = {}
        self.asked: set[int] = set()
        self.complete = False


_MAPPINGS = {"os.py", "<frozen os>", "_collections_abc.py", "<frozen _collections_abc>"}
"""Files, or frozen modules, in which `os.environ` is written."""

_WALKING = ("__iter__", "popitem")
"""Functions there that look up what nobody named: of the views `items()` and `values()`, and what `clear()` uses."""


def _is_mapping(frame: FrameType) -> bool:
    return Path(frame.f_code.co_filename).name in _MAPPINGS


def _fills_in(frame: FrameType) -> bool:
    """Whether a frame puts variables into a text that somebody gave: `expandvars`, a `Template`, `format`."""
    name = Path(frame.f_code.co_filename).name
    return name == "string.py" or (name in _PATHS and frame.f_code.co_name in ("expandvars", "repl"))


_PATHS = {"posixpath.py", "<frozen posixpath>", "ntpath.py", "<frozen ntpath>"}
