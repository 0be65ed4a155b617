"""What an option of the plugin in mkdocs.yml can be: its default, what fits, and what becomes of it.

Which options there are, the fields of `asrun.project.Project` say that are made with `option`, and nothing else does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.model import Where

__all__ = [
    "DEVICES", "DEVICE_CLASSES", "FOLDER", "FOLDERS", "LINES", "NAMES", "NUMBER", "PATTERNS", "SOME_NAMES", "TEXTS",
    "Kind", "Option", "declared", "folder_named", "option",
]  # fmt: skip

DEVICE_CLASSES = ("cuda", "mps", "cpu")
"""What a record may have been made on: NVIDIA's GPUs, Apple's, none."""


@dataclass(frozen=True)
class Kind:
    """What an option can be."""

    wanted: str
    """What a message says that it must be."""
    fits: Callable[[Any], bool]
    read: Callable[[Any, Path], Any]
    """Makes of what is written, and of the project's folder, what the project has."""
    check: Callable[[Any, Where], None] = lambda value, where: None
    """Refuses what fits and is wrong all the same."""


@dataclass(frozen=True)
class Option:
    """An option, as a field of a class declares it."""

    default: Any
    """As it would be written in mkdocs.yml."""
    kind: Kind

    def value(self, name: str, given: Mapping[Any, Any], root: Path, where: Where) -> Any:
        """Return what a project has for what it was given.

        Raises:
            AsrunError: when it is nothing that the option can be.
        """
        written = given.get(name, self.default)
        if not self.kind.fits(written):
            raise AsrunError(
                f"the option {name} of the asrun plugin must be {self.kind.wanted}, and is {written!r:.200}",
                where=where,
                remedy=f"its default is {self.default!r}",
            )
        self.kind.check(written, where)
        return self.kind.read(written, root)


def option(default: Any, kind: Kind) -> Mapping[str, Option]:
    """Declare a field of a dataclass to be an option, as its metadata; its docstring tells authors what it does."""
    return {"option": Option(default, kind)}


def declared(of: type) -> dict[str, Option]:
    """Return the options that a class declares, by name."""
    return {each.name: each.metadata["option"] for each in fields(of) if "option" in each.metadata}


def folder_named(name: str, root: Path) -> Path:
    """Return a folder of the project, the same for every spelling: pages are told from other files by theirs."""
    return Path(os.path.abspath(root / name))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _are_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(part, str) for pair in value.items() for part in pair)


def _check_patterns(value: Any, where: Where) -> None:
    for pattern, error in _broken(value):
        raise AsrunError(
            f"number_settings of the asrun plugin has {pattern!r}, which is no regular expression: {error}",
            where=where,
            remedy="quote it with single quotes, and escape what stands for itself: 'drop \\d\\.\\d'",
        ) from error


def _broken(patterns: Mapping[str, str]) -> Iterator[tuple[str, re.error]]:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            yield pattern, error


def _check_devices(value: Any, where: Where) -> None:
    if unknown := set(value) - set(DEVICE_CLASSES):
        raise AsrunError(
            f"there is no device class {', '.join(sorted(unknown))}",
            where=where,
            remedy=f"devices are: {', '.join(DEVICE_CLASSES)}",
        )


FOLDER = Kind("the name of a folder", _is_name, folder_named)
FOLDERS = Kind("a list of names", _is_list, lambda names, root: tuple(folder_named(name, root) for name in names))
NAMES = Kind("a list of names", _is_list, lambda names, root: tuple(names))
SOME_NAMES = Kind("a list of at least one name", lambda value: _is_list(value) and bool(value), NAMES.read)
DEVICES = replace(SOME_NAMES, check=_check_devices)
NUMBER = Kind("a number above 0", _is_number, lambda number, root: float(number))
LINES = replace(NUMBER, read=lambda number, root: max(2, int(number)))
TEXTS = Kind("texts by name", _are_texts, lambda texts, root: texts)
PATTERNS = replace(TEXTS, check=_check_patterns)
