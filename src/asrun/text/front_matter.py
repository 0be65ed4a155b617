"""Reads the text of a page or a deck, and parts it from the metadata before it.

What a page's metadata is, MkDocs decides: YAML between `---` lines, or lines like `Title: One` at the very top. Where
it stays silent (YAML that cannot be read is shown as text; a first line `Heads: {{ coin.heads }}` is metadata and shown
nowhere) its author is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from asrun.errors import AsrunError
from asrun.model import Where

__all__ = ["Parted", "part_deck", "part_page", "read_text", "without_mkdocs"]

_YAML = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_MKDOCS_YAML = re.compile(r"-{3}[ \t]*\n(.*?\n)(?:\.{3}|-{3})[ \t]*\n", re.DOTALL)
_SETTING = re.compile(r" {0,3}([A-Za-z0-9_-]+):\s*(.*)")
_MORE = re.compile(r"( {4}|\t)\s*(.*)")
_OURS = re.compile(r"\{\{|\[@[\w]|(?<![\w:/])/{3,}[ \t]*[a-zA-Z][\w-]*[ \t]*(?:\||$)")
_KEY = re.compile(r"[\w-]+:(?:\s|$)")
_QUOTE = "quote values that contain a colon or begin with a sign"


@dataclass(frozen=True)
class Parted:
    """A text without its metadata."""

    text: str
    first_line: int = 1
    """Number of its first line in the file."""
    meta: dict[str, Any] = field(default_factory=dict)
    problems: list[AsrunError] = field(default_factory=list)
    """What is wrong with the metadata."""


def read_text(path: Path, shown: str) -> str:
    """Read a page or a deck as MkDocs does: a byte order mark is none of its text, and lines end with a line feed.

    Arguments:
        path: The file.
        shown: What messages call it.

    Raises:
        AsrunError: when it is no text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AsrunError(
            f"it cannot be read: {error.strerror}", where=Where(shown), remedy="mend the link, or remove it"
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AsrunError(
            f"this is not UTF-8: {error.reason}",
            where=Where(shown, data.count(b"\n", 0, error.start) + 1),
            remedy="save the file as UTF-8",
        ) from error
    if "\0" in text:
        raise AsrunError(
            "a NUL byte stands in the text",
            where=Where(shown, text.count("\n", 0, text.index("\0")) + 1),
            remedy="take it out, or save the file as UTF-8",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def part_page(text: str, path: str) -> Parted:
    """Part a page from its metadata, and find what is wrong with that.

    Arguments:
        text: The whole file, as `read_text` returns it.
        path: What messages call it.
    """
    body, meta = _get_data(text)
    # Where nothing is left, all of it was metadata.
    first_line = text.count("\n") - body.count("\n") + (1 if body else 2)
    return Parted(body, first_line, meta, list(_problems(text, path, first_line)))


def part_deck(text: str, path: str) -> Parted:
    """Part a deck from its front matter: a mapping between the first two `---` lines. Anything else there is a slide.

    Raises:
        AsrunError: when it is not YAML.
    """
    found = _YAML.match(text)
    if not found:
        return Parted(text)
    meta, problems = _read_yaml(found[1], path, "a deck without front matter must not begin with `---`")
    if problems and not isinstance(meta, dict):
        raise problems[0]
    if isinstance(meta, dict):
        problems += _cited_in(found[1].split("\n"), path, 2)
    elif found[1].strip():
        return Parted(text)
    return Parted(
        text[found.end() :], text.count("\n", 0, found.end()) + 1, meta if isinstance(meta, dict) else {}, problems
    )


def _get_data(text: str) -> tuple[str, dict[str, Any]]:
    """Part a page as MkDocs does."""
    try:
        from mkdocs.utils.meta import get_data
    except ImportError:
        return without_mkdocs(text)
    return get_data(text)


def without_mkdocs(text: str) -> tuple[str, dict[str, Any]]:
    """Part a page as MkDocs does, where there is none: a page says the same on every machine."""
    if found := _MKDOCS_YAML.match(text):
        meta = _read_yaml(found[1], "", "")[0]
        return (text[found.end() :].lstrip("\n"), meta) if isinstance(meta, dict) else (text, {})
    lines, key = text.split("\n"), ""
    data: dict[str, Any] = {}
    at = 0
    while at < len(lines) and lines[at].strip():
        if found := _SETTING.match(lines[at]):
            key = found[1].lower()
        elif not (key and (found := _MORE.match(lines[at]))):
            break
        data[key] = f"{data[key]} {found[2].strip()}" if key in data else found[2].strip()
        at += 1
    else:
        # The empty line that ends the settings is theirs.
        at += 1
    return "\n".join(lines[at:]).lstrip("\n"), data


def _problems(text: str, path: str, first_line: int) -> Iterator[AsrunError]:
    """Find what is wrong with the metadata of a page, which takes the lines before `first_line`."""
    lines = text.split("\n")
    if lines[0].rstrip() == "---":
        found = _YAML.match(text)
        if not found:
            if len(lines) > 1 and _KEY.match(lines[1]):
                yield AsrunError(
                    "this front matter does not end", where=Where(path, 1), remedy="write --- on a line under it"
                )
        elif found[1].strip():
            meta, problems = _read_yaml(found[1], path, "a page that begins with a rule has *** there")
            yield from problems
            if not isinstance(meta, dict) and not problems:
                yield AsrunError(
                    "this front matter holds no settings, and is shown as text",
                    where=Where(path, 1),
                    remedy="write `title: One`; a page that begins with a rule has *** there",
                )
            elif isinstance(meta, dict):
                yield from _cited_in(found[1].split("\n"), path, 2)
        return
    for problem in _cited_in(lines[: first_line - 1], path, 1):
        problem.what = "MkDocs reads the first lines of this page as metadata, and shows them nowhere: " + problem.what
        problem.remedy = "begin the page with a heading or an empty line"
        yield problem


def _read_yaml(text: str, path: str, otherwise: str) -> tuple[Any, list[AsrunError]]:
    """Read front matter whose first line is the second of its file; return it, and what is wrong with it."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        meta = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).split("\n")[0]
        return None, [_not_yaml(what, path, mark.line + 2 if mark else 1, otherwise)]
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        return None, [_not_yaml(str(error), path, 1, otherwise)]
    return meta, list(_twice(node, path))


def _not_yaml(what: str, path: str, line: int, otherwise: str) -> AsrunError:
    return AsrunError(
        f"this front matter is not YAML: {what}", where=Where(path, line), remedy=f"{_QUOTE}; {otherwise}"
    )


def _twice(node: yaml.Node | None, path: str) -> Iterator[AsrunError]:
    """Find the keys that a mapping has twice: YAML's readers keep the last one in silence."""
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in seen:
            yield AsrunError(
                f"{key.value} stands twice in this front matter",
                where=Where(path, key.start_mark.line + 2),
                remedy="keep one of them",
            )
        seen.add(key.value)


def _cited_in(lines: list[str], path: str, first_line: int) -> Iterator[AsrunError]:
    """Find what looks like a citation of ours in metadata, where none is read."""
    for at, line in enumerate(lines):
        if found := _OURS.search(line.partition(" #")[0]):
            yield AsrunError(
                f"nothing is replaced in front matter: {found[0].strip()} …",
                where=Where(path, first_line + at, found.start() + 1),
                remedy="write it into the text, and words here",
            )
