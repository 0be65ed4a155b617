"""Put what was made aside into its place: at once where that can be, and never at the cost of what asrun did not make.

    site/                           what readers see
    .site.asrun-x1y2z3/site/        the next one in the making; where nothing can be made beside it: site/.asrun-new-…
    site/.asrun-publishing/         the next one, complete, while it is moved in file by file

Two folders change places in one step where the system can do that and nothing foreign is in the old one. Otherwise (a
mount point, a checkout of `gh-pages`, a file that somebody put there) files are moved in one at a time, pages last.
From the moment when that begins, the next publication can be finished by whoever comes next, and is.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.publishing import imprint
from asrun.publishing.imprint import MARK, Contents
from asrun.records import locks

__all__ = ["Notice", "Target", "aside", "is_about_writing", "mend", "publish", "unwritable"]

STAGE = ".asrun-publishing"
_INSIDE = ".asrun-new-"
_NEW, _OWNED = "site", "owned.json"

_AS_IT_WAS = "what was published last is as it was"

Notice = Callable[[str], None]
"""Is told what an author should know of a folder that was published."""


@dataclass(frozen=True)
class Target:
    """A folder to publish to."""

    folder: Path
    """A symbolic link is followed."""
    shown: str
    """What messages call it."""
    made_before: Callable[[Path], bool]
    """Whether a folder without a mark was made by a version of asrun that left none."""
    what: str = "the site"
    of: Path | None = None
    """What is published: the settings of a site, or a deck."""

    @property
    def real(self) -> Path:
        return Path(os.path.realpath(self.folder))


@contextlib.contextmanager
def aside(target: Target) -> Iterator[Path]:
    """Make an empty folder for what `publish` is to put into a target's place, and clear it away afterwards.

    Raises:
        AsrunError: when nothing can be written there.
    """
    with _told(target):
        mend(target)
        made = _make_aside(target.real)
        (made / _NEW).mkdir()
    with _held(made):
        try:
            yield made / _NEW
        finally:
            with suppress(OSError):
                _discard(made, target.real)


def mend(target: Target) -> None:
    """Finish what was being published when it was interrupted, and clear away what was being made.

    Raises:
        AsrunError: when it cannot be finished.
    """
    folder = target.real
    beside = folder.parent.glob(f"{glob.escape(_prefix(folder))}*")
    for left in [*beside, *folder.glob(f"{_INSIDE}*"), folder / STAGE]:
        with _held(left) as free:
            if not free:
                # Its maker is at work.
                continue
            with _told(target):
                if left.name == STAGE:
                    _move_in(target)
                else:
                    _discard(left, folder)


def publish(new: Path, target: Target, notice: Notice = lambda text: None) -> None:
    """Put a finished folder, which `aside` made, in the place of another.

    Arguments:
        new: The finished folder.
        target: Where it is to be.
        notice: Is told of what stays though a reader might take it for a part of what is published.

    Raises:
        AsrunError: when something that asrun did not make is in the way, or it cannot be written; what was published
            before is as it was then.
    """
    folder = target.real
    with _told(target):
        files = imprint.write_mark(new, of=target.of, to=folder)
        if not folder.exists():
            os.chmod(new, 0o755)
            os.rename(new, folder)
            return
        contents = imprint.examine(folder, files, made_before=target.made_before(folder))
        if _changed_places(new, folder, contents):
            return
        if conflicts := imprint.conflicts(folder, files, contents.owned):
            raise AsrunError(
                f"what is to be written there is kept out by what asrun did not make: {_names(conflicts)}",
                where=Where(target.shown),
                remedy="move it away, or rename the page whose place it has; what was published before is as it was",
            )
        # Whoever finishes this must know what may be replaced: no longer to be seen once it has begun.
        (new.parent / _OWNED).write_text(json.dumps(dict(contents.owned)), "utf-8")
        _bring_in(new.parent, folder)
    with _held(folder / STAGE), _told(target, "it was replaced in part, and the next time that is finished"):
        _move_in(target)
    if contents.doubtful:
        notice(
            f"{_names(contents.doubtful)} in {target.shown} may be of an earlier publication, and stays: "
            "delete it if nobody needs it"
        )


def _prefix(folder: Path) -> str:
    """Return what the names of folders start with that are made beside one."""
    return f".{folder.name}.asrun-"


def _make_aside(folder: Path) -> Path:
    """Make a folder beside one, or inside it where beside is another file system or closed."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=_prefix(folder), dir=folder.parent))
    if folder.stat().st_dev == folder.parent.stat().st_dev:
        with suppress(OSError):
            return Path(tempfile.mkdtemp(prefix=_prefix(folder), dir=folder.parent))
    return Path(tempfile.mkdtemp(prefix=_INSIDE, dir=folder))


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder, so that nobody takes it for one that was left behind; say whether nobody else holds it."""
    with locks.held(folder) as taken:
        yield taken is not False


# In one step


def _changed_places(new: Path, folder: Path, contents: Contents) -> bool:
    """Let the new folder take the old one's place in one step; say whether that could be done."""
    there = folder.stat()
    # It belongs to whom it belonged, and may be read by whom it was read.
    os.chmod(new, stat.S_IMODE(there.st_mode))
    if sys.platform != "win32":
        with suppress(OSError):
            os.chown(new, there.st_uid, there.st_gid)
    if contents.marked:
        return not contents.foreign and _exchange(new, folder)
    if not contents.owned and not contents.foreign:
        with suppress(OSError):
            # An empty folder is replaced; one that is a mount point, or no longer empty, is not.
            os.rename(new, folder)
            return True
    return False


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places atomically, where the system and the file system can; say whether it was done."""
    names, exchange = (os.fsencode(one), os.fsencode(other)), 2  # RENAME_EXCHANGE, RENAME_SWAP
    try:
        # Windows has no such call, and no library of this name.
        system: Any = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return bool(system.renamex_np(*names, ctypes.c_uint(exchange)) == 0)
        here = -100  # AT_FDCWD
        return bool(system.renameat2(here, names[0], here, names[1], ctypes.c_uint(exchange)) == 0)
    except (OSError, AttributeError, TypeError):
        return False


def _discard(made: Path, folder: Path) -> None:
    """Clear away a folder that was made aside, with what is in it: nothing, a new site, or the old one.

    What somebody put into the old one at the moment of the change goes back to its place, or stays here.
    """
    inside = made / _NEW
    listed = imprint.read_mark(inside)
    if listed is None:
        # Half made, or not at all: nobody but asrun was ever here.
        shutil.rmtree(made, ignore_errors=True)
        return
    now = imprint.read_mark(folder) or {}
    for name in [each for each in imprint.entries(inside, hidden=True) if each != MARK]:
        path = inside / name
        if _is_emptied(name, listed) or (name in listed and (name in now or imprint.digest(path) == listed[name])):
            _remove(path, inside)
        elif not os.path.lexists(folder / name) and not imprint.obstacles(folder, name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.rename(path, folder / name)
            _prune(path.parent, inside)
    (made / _OWNED).unlink(missing_ok=True)
    if list(imprint.entries(inside, hidden=True)) == [MARK]:
        # Last, since it says what may go.
        _remove(inside / MARK, inside)
        inside.rmdir()
        made.rmdir()


# File by file


def _bring_in(made: Path, folder: Path) -> None:
    """Bring what was made aside into the folder itself, on its file system, under the name that says: complete."""
    try:
        os.rename(made, folder / STAGE)
    except OSError:
        copy = Path(tempfile.mkdtemp(prefix=_INSIDE, dir=folder))
        with _held(copy):
            try:
                shutil.copytree(made, copy, dirs_exist_ok=True)
                os.rename(copy, folder / STAGE)
            except BaseException:
                shutil.rmtree(copy, ignore_errors=True)
                raise


def _move_in(target: Target) -> None:
    """Move what is staged into its place, and clear away what asrun published before and does not any more.

    It may have been begun before: what is staged no longer is in its place.
    """
    folder = target.real
    stage = folder / STAGE
    new, files = stage / _NEW, imprint.read_mark(stage / _NEW)
    if files is not None:
        owned = _read_owned(stage)
        left = {name: files[name] for name in imprint.entries(new, hidden=True) if name in files}
        if conflicts := imprint.conflicts(folder, left, owned):
            raise AsrunError(
                f"what was to be written there is kept out by what came meanwhile: {_names(conflicts)}",
                where=Where(target.shown),
                remedy="move it away, then try again",
            )
        # Pages come after what they show, and the first page last.
        for name in sorted(left, key=lambda name: (name.endswith(".html"), -name.count("/"), name)):
            _put(new / name, folder / name, folder)
        for name in list(imprint.entries(folder)):
            # Looked up among what is there, not there what a file says.
            unchanged = owned.get(name) and imprint.digest(folder / name) == owned[name]
            if name not in files and (unchanged or _is_emptied(name, owned)):
                _remove(folder / name, folder)
        _put(new / MARK, folder / MARK, folder)
    shutil.rmtree(stage, ignore_errors=True)


def _read_owned(stage: Path) -> dict[str, str]:
    try:
        owned = json.loads((stage / _OWNED).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return owned if isinstance(owned, dict) else {}


def _put(source: Path, target: Path, folder: Path) -> None:
    """Move one file, or an empty folder, into its place, where nothing is but what asrun made."""
    for parent in reversed(target.relative_to(folder).parents):
        # What was a page is a folder now.
        if os.path.lexists(folder / parent) and not imprint.is_folder(folder / parent):
            (folder / parent).unlink()
    if imprint.is_folder(target) and not source.is_dir():
        # And the other way round.
        for name in list(imprint.entries(target, hidden=True)):
            _remove(target / name, folder)
        with suppress(FileNotFoundError):
            target.rmdir()
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # A folder in the site is a mount point by itself.
        handle, temporary = tempfile.mkstemp(prefix=_INSIDE, dir=target.parent)
        os.close(handle)
        shutil.copy2(source, temporary)
        os.replace(temporary, target)


def _remove(path: Path, folder: Path) -> None:
    """Delete one file, or an empty folder, and the folders above it that are empty then."""
    with suppress(FileNotFoundError):
        path.rmdir() if imprint.is_folder(path) else path.unlink()
    _prune(path.parent, folder)


def _is_emptied(name: str, listed: Mapping[str, str]) -> bool:
    """Whether something is a folder that files were in which are gone."""
    return name.endswith("/") and any(each.startswith(name) for each in listed)


def _prune(inner: Path, folder: Path) -> None:
    with suppress(OSError):
        while inner != folder:
            inner.rmdir()
            inner = inner.parent


# What is told


def _names(names: list[str]) -> str:
    shown = [name if name.isprintable() else ascii(name) for name in names[:3]]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def unwritable(error: OSError, target: Target, so: str = "") -> AsrunError:
    """Return what is told where something cannot be written to a target."""
    return AsrunError(
        f"{target.what} cannot be written ({error})",
        where=Where(target.shown),
        remedy=f"make room or give leave to write there, then try again; {so or _AS_IT_WAS}",
    )


def is_about_writing(error: OSError, folder: Path) -> bool:
    """Whether an error is about writing into a folder, and not about something that was to be read for it."""
    names = [Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if isinstance(name, (str, bytes))]
    if not names:
        return error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS)
    return any(name.is_relative_to(folder) for name in names)


@contextlib.contextmanager
def _told(target: Target, so: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(error, target, so) from error
