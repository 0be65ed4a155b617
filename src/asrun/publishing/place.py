"""Where a site or a deck may be written: not where asrun reads anything, and not over what it did not make."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.project import Project
from asrun.publishing import imprint

__all__ = [
    "ReadFrom", "check_contents", "check_kind", "check_maker", "check_place", "check_site", "read_by",
    "site_made_before",
]  # fmt: skip


@dataclass(frozen=True)
class ReadFrom:
    """A folder or a file that asrun reads."""

    path: Path
    what: str
    """What is read there: `the pages`."""
    may_hold: bool = False
    """Whether what is written may lie in it."""


def check_site(project: Project, more: Iterable[ReadFrom] = (), *, beside: bool = False) -> None:
    """Refuse a `site_dir` in which a site would be in the way of something, before anything is run or rendered.

    Arguments:
        project: Whose site.
        more: What is read beside the project's own folders.
        beside: Whether the folder may hold files that asrun did not make, which stay.

    Raises:
        AsrunError: with what is there.
    """
    where = _site_dir(project)
    remedy = "name a folder of its own in mkdocs.yml: `site_dir: site`"
    check_kind(project.site, project.relative(project.site), where, remedy)
    check_place(project.site, project.relative(project.site), [*read_by(project), *more], where, remedy)
    check_maker(project.site, project.relative(project.site), project.settings, where, remedy)
    if not beside:
        made = "; if nobody needs them, delete them, and else: asrun build --beside, which keeps them"
        check_contents(project.site, project.relative(project.site), where, remedy + made, site_made_before)


def site_made_before(folder: Path) -> bool:
    """Whether a site without a mark was made by a version of asrun that left none, or by MkDocs with its plugin."""
    return (folder / "assets" / "asrun" / "site.js").is_file()


def read_by(project: Project) -> list[ReadFrom]:
    """List what is read of a project."""
    found = [
        ReadFrom(project.root, "the project itself", may_hold=True),
        ReadFrom(project.docs, "the pages"),
        ReadFrom(project.snippets, "the snippets"),
        ReadFrom(project.records, "the records"),
        ReadFrom(project.slides, "the decks"),
        ReadFrom(project.references, "the references"),
        ReadFrom(project.cache, "what it keeps for itself"),
        ReadFrom(project.root / ".git", "the project's history"),
        *(ReadFrom(folder, "the project's own modules") for folder in project.sources),
    ]
    for name in project.data_variables:
        if folder := os.environ.get(name):
            found.append(ReadFrom(Path(os.path.abspath(folder)), f"the data of ${name}"))
    # A folder that the whole project lies in (`sources: [.]`) cannot but hold its site.
    return [ReadFrom(each.path, each.what, each.may_hold or _lies_in(project.root, each.path)) for each in found]


def check_place(folder: Path, shown: str, read: Iterable[ReadFrom], where: Where | None, remedy: str) -> None:
    """Refuse a folder that is, holds or lies in something that is read, or that belongs to the whole machine.

    Arguments:
        folder: Where something is to be written.
        shown: What messages call it.
        read: What is read.
        where: The place of the setting that names the folder.
        remedy: What to type instead.

    Raises:
        AsrunError: when something would be in the way.
    """
    for each in read:
        if _lies_in(each.path, folder):
            how = "is" if _lies_in(folder, each.path) else "holds the place"
        elif not each.may_hold and _lies_in(folder, each.path):
            how = "lies"
        else:
            continue
        raise AsrunError(f"{shown} {how} where asrun reads {each.what}", where=where, remedy=remedy)
    for shared in _everybodys():
        if _same(folder, shared):
            raise AsrunError(f"{shown} is not a folder for one thing alone", where=where, remedy=remedy)
    if ".git" in (*folder.parts, *_real(folder).parts):
        raise AsrunError(f"{shown} lies in a folder of git's own", where=where, remedy=remedy)


def check_kind(folder: Path, shown: str, where: Where | None, remedy: str) -> None:
    """Refuse what cannot be a folder: a file, or a link to nowhere.

    Raises:
        AsrunError: with what it is.
    """
    for path in (folder, *folder.parents):
        named = shown if path == folder else f"{path}, in which {shown} is to be,"
        if path.is_symlink() and not path.exists():
            raise AsrunError(
                f"{named} is a link to {path.readlink()}, and nothing is there",
                where=where,
                remedy=f"make that folder, or delete the link: {path}",
            )
        if path.exists() and not path.is_dir():
            raise AsrunError(f"{named} is a file, and no folder", where=where, remedy=remedy)


def check_contents(
    folder: Path, shown: str, where: Where | None, remedy: str, made_before: Callable[[Path], bool]
) -> None:
    """Refuse a folder with files that asrun did not make, unless it made the others there.

    What is hidden is never in the way, and stays.

    Arguments:
        folder: Where something is to be written.
        shown: What messages call it.
        where: The place of the setting that names the folder.
        remedy: What to type instead.
        made_before: Whether a folder without a mark was made by a version of asrun that left none.

    Raises:
        AsrunError: with what is there.
    """
    if not folder.is_dir() or imprint.read_mark(folder) is not None or made_before(folder):
        return
    foreign = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if foreign:
        some = ", ".join(name if name.isprintable() else ascii(name) for name in foreign[:3])
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise AsrunError(f"{shown} has files that asrun did not make: {some}{more}", where=where, remedy=remedy)


def check_maker(folder: Path, shown: str, source: Path, where: Where | None, remedy: str) -> None:
    """Refuse the site of another project, and a site and a deck in each other's place; of two decks the later is meant.

    Arguments:
        folder: Where something is to be written.
        shown: What messages call it.
        source: What it is made of: settings or a deck.
        where: The place of the setting that names the folder.
        remedy: What to type instead.

    Raises:
        AsrunError: when it is of something else, which is still there.
    """
    other = imprint.made_of(folder)
    decks = {path for path in (other, source) if path and path.suffix not in (".yml", ".yaml")}
    if other and not _same(other, source) and len(decks) < 2:
        raise AsrunError(
            f"{shown} holds what was made of {os.path.relpath(other)}",
            where=where,
            remedy=f"{remedy}; or delete {shown} if nobody needs that any more",
        )


def _everybodys() -> Iterator[Path]:
    """List folders that may be empty but for what is hidden, and are never for one thing."""
    with suppress(RuntimeError):  # Nobody says where home is.
        yield from (Path.home(), *Path.home().parents)
    # Not tempfile's: it writes there to see whether it can.
    named = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    yield from map(Path, ("/tmp", "/var/tmp", *named))


def _site_dir(project: Project) -> Where:
    """Return where `site_dir` is set."""
    try:
        text = project.settings.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        text = ""
    found = re.search(r"^[\"']?site_dir\b", text, re.MULTILINE)
    return Where(project.relative(project.settings), text.count("\n", 0, found.start()) + 1 if found else None)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one place, by whatever name: a link, another mount, capital letters."""
    try:
        return one == other or one.samefile(other)
    except OSError:
        return False


def _lies_in(inner: Path, outer: Path) -> bool:
    """Whether a path is another or lies in it, as it is written or as links lead."""
    ways = {_real(inner), *_real(inner).parents}
    if ".." not in inner.parts:
        ways |= {inner, *inner.parents}
    return any(_same(each, other) for each in ways for other in {outer, _real(outer)})
