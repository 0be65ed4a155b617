"""The mark that asrun leaves in a folder that it made: what it put there, so that everything else is known as foreign.

    {"made by": "asrun", "of": "../mkdocs.yml", "files": {"index.html": "9f86d081884c7d65", …}}

It is a file like any other of a site, and not a hidden one, since tools that carry sites from one place to another
leave hidden files out. A mark may come from anywhere, a branch that others push to among them: names in it are only
ever looked up, and never followed.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "MARK",
    "Contents",
    "conflicts",
    "digest",
    "entries",
    "examine",
    "is_folder",
    "made_of",
    "obstacles",
    "read_mark",
    "write_mark",
]

MARK = "assets/asrun/published.json"

_MAKER = "asrun"


def entries(folder: Path, *, hidden: bool = False) -> Iterator[str]:
    """Name what is in a folder, at any depth, with forward slashes; folders count where they are empty: `notes/`.

    Arguments:
        folder: The folder. Symbolic links in it are entries, and are not followed.
        hidden: Whether to look into what begins with a dot at the top; otherwise it is one entry, whatever is in it.
    """
    for found in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not found.is_dir(follow_symlinks=False) or (found.name.startswith(".") and not hidden):
            yield found.name
            continue
        inside = [f"{found.name}/{name}" for name in entries(Path(found.path), hidden=True)]
        yield from inside or [f"{found.name}/"]


def digest(path: Path) -> str:
    """Return the digest of a file, in which line ends do not count, of a link, or of an empty folder."""
    if path.is_symlink():
        data = b"link to " + os.fsencode(path.readlink())
    elif path.is_dir():
        data = b"folder"
    elif not path.is_file():
        data = b"a pipe, a socket or a device"
    else:
        data = path.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha256(data).hexdigest()[:16]


def read_mark(folder: Path) -> dict[str, str] | None:
    """Return what asrun put into a folder, each with its digest; nothing when it left no mark there."""
    files = _read(folder).get("files")
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        return None
    return files


def made_of(folder: Path) -> Path | None:
    """Return what a folder was made of, settings or a deck, as far as it is still there."""
    told = _read(folder).get("of")
    if not isinstance(told, str) or "\0" in told:
        return None
    path = Path(os.path.normpath(Path(os.path.realpath(folder), told)))
    return path if os.path.isfile(path) else None


def _read(folder: Path) -> dict[str, Any]:
    try:
        read = json.loads((folder / MARK).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) and read.get("made by") == _MAKER else {}


def write_mark(folder: Path, *, hidden: bool = True, of: Path | None = None, to: Path | None = None) -> dict[str, str]:
    """Leave the mark in a folder that asrun made.

    Arguments:
        folder: The folder.
        hidden: Whether what is hidden in it is asrun's, too.
        of: What it was made of.
        to: Where it will be, if not there.

    Returns:
        What the mark lists.
    """
    files = {name: digest(folder / name) for name in entries(folder, hidden=hidden) if name != MARK}
    if not hidden:
        files = {name: text for name, text in files.items() if not name.startswith(".")}
    mark = folder / MARK
    mark.parent.mkdir(parents=True, exist_ok=True)
    told = {"of": Path(os.path.relpath(os.path.realpath(of), os.path.realpath(to or folder))).as_posix()} if of else {}
    mark.write_text(json.dumps({"made by": _MAKER, **told, "files": files}, indent=0) + "\n", "utf-8")
    return files


@dataclass(frozen=True)
class Contents:
    """What is in a folder when something new is to take its place."""

    owned: Mapping[str, str]
    """What asrun put there, and may replace. With its digest: what goes, as long as it is as it was published."""
    foreign: list[str] = field(default_factory=list)
    """What it did not put there, or what somebody changed since and the new publication does not have: it stays."""
    doubtful: list[str] = field(default_factory=list)
    """What of that may be a remnant of an earlier publication all the same."""
    marked: bool = False
    """Whether asrun left its mark; otherwise nobody can tell what belongs to an earlier publication."""


def examine(folder: Path, new: Mapping[str, str], *, made_before: bool) -> Contents:
    """Tell what asrun made from what it did not.

    Arguments:
        folder: The folder.
        new: What is to be published there.
        made_before: Whether a folder without a mark was made by a version of asrun that left none: what the new
            publication has, too, is taken for a part of the earlier one, and all else for foreign.
    """
    old = read_mark(folder)
    listed = {name: "" for name in new if not name.startswith(".")} if old is None and made_before else old or {}
    owned: dict[str, str] = {}
    foreign = []
    alike, known = {_alike(name): name for name in new}, set(map(_alike, listed))
    for name in entries(folder):
        path, recorded, otherwise = folder / name, listed.get(name), alike.get(_alike(name), name)
        if name == MARK:
            continue
        if otherwise != name and _alike(name) in known and _is_one(path, folder / otherwise):
            # It is called otherwise now, and no other file where names alike are one.
            owned[otherwise] = ""
            continue
        if name.endswith("/") and any(each.startswith(name) for each in listed):
            owned[name] = digest(path)
        elif recorded is None or name.startswith("."):
            foreign.append(name)
        elif name in new and not path.is_symlink():
            owned[name] = ""
        elif digest(path) == recorded:
            owned[name] = recorded
        else:
            foreign.append(name)
    # Published files that are hidden are never cleared away; one that is as it was published may be replaced.
    for name in new:
        if (
            name.startswith(".")
            and name in listed
            and _is_file(folder / name)
            and digest(folder / name) == listed[name]
        ):
            owned[name] = listed[name]
    remnants = foreign if old is None and made_before else [name for name in foreign if name in listed]
    doubtful = [name for name in remnants if not name.startswith(".")]
    return Contents(owned, foreign, doubtful, marked=old is not None)


def conflicts(folder: Path, files: Mapping[str, str], owned: Mapping[str, str]) -> list[str]:
    """Name what asrun did not put into a folder, and stands where it is to put something else."""
    found: set[str] = set()
    for name, text in {**files, MARK: ""}.items():
        between = [each for each in obstacles(folder, name) if each not in owned]
        path = folder / name
        if between:
            found.update(between)
        elif not os.path.lexists(path) or (name == MARK and read_mark(folder) is not None):
            continue
        elif is_folder(path):
            if not name.endswith("/"):
                inside = [f"{name}/{each}" for each in entries(path, hidden=True)]
                found.update(each for each in inside if each not in owned)
        elif name not in owned and digest(path) != text:
            found.add(name)
    return sorted(found)


def obstacles(folder: Path, name: str) -> list[str]:
    """Name what stands where a folder must be for a file to be in it: a file, or a link to who knows where."""
    parents = [parent.as_posix() for parent in Path(name).parents if parent != Path()]
    return [each for each in parents if os.path.lexists(folder / each) and not is_folder(folder / each)]


def is_folder(path: Path) -> bool:
    """Whether a path is a folder, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def _alike(name: str) -> str:
    """Return what names have in common that are one name on some file systems."""
    return unicodedata.normalize("NFC", name).casefold()


def _is_one(path: Path, other: Path) -> bool:
    return os.path.lexists(other) and os.path.samestat(path.lstat(), other.lstat())


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
