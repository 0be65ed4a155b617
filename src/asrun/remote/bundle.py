"""Carry records from one machine to another: a GPU machine runs, a laptop takes in what it ran.

    drop_rate/full-cuda.error.1f2e3d4c.svg    a gzipped tar of the files of records, as the store names them
    drop_rate/full-cuda.json

A bundle is a stranger's until it is checked, and it is checked whole before anything of it is taken in. It is read one
block at a time from headers of the plainest kind; nothing is unpacked but into memory, within limits, and what is
written are the store's own files, made anew from what was understood. That a record is true nobody can check but by
running it again: whose bundles you adopt is for you to decide.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from asrun.errors import AsrunError
from asrun.freshness.conditions import record_condition
from asrun.freshness.snippet import find_snippet
from asrun.model import Record, RunName, State, Where
from asrun.options import DEVICE_CLASSES
from asrun.project import Project
from asrun.publishing.outfile import check_free, write_out
from asrun.records import apart
from asrun.records.drawing import check_drawing, id_prefix
from asrun.records.store import Store

__all__ = ["Adoption", "Outcome", "adopt", "check_bundle", "pack"]

LARGEST_BUNDLE = 64 * 2**20
"""Bytes, unpacked. What is read of JSON takes some twenty times as much memory at worst."""

LARGEST_MEMBER = {".json": 16 * 2**20, ".svg": 4 * 2**20, ".gz": 32 * 2**20}
"""Bytes of one member, by its kind."""

LARGEST_ARRAYS = 2 * apart.LARGEST
"""Bytes of all arrays that stand apart, unpacked."""

MOST_MEMBERS = 4096

_BLOCK = tarfile.BLOCKSIZE
_LONGEST_REASON = 500
_MEMBER = re.compile(
    r"(?P<snippet>[^\W\d]\w*)/(?P<scale>[\w-]+)-(?P<device>" + "|".join(DEVICE_CLASSES) + ")"
    r"(?:(?P<record>\.json)|\.(?P<figure>\w[\w-]*)\.[0-9a-f]{8}\.svg|\.[a-z0-9_-]+\.[0-9a-f]{8}\.npy\.gz)"
)
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.DIRTYPE: "a folder",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


class Outcome(StrEnum):
    """What became of a record of a bundle."""

    ADOPTED = "adopted"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True)
class Adoption:
    """A record of a bundle, and what became of it: `refused: stale: seeds was 5, is 10`."""

    run: RunName
    outcome: Outcome
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}" if self.reason else str(self.outcome)


def pack(project: Project, store: Store, runs: Sequence[RunName], path: Path) -> None:
    """Write the records of some runs into one file; the same records always make the same bytes.

    Raises:
        AsrunError: when a run has no record or a damaged one, when it is all too large, or cannot be written.
    """
    check_bundle(project, path)
    where = Where(project.relative(path))
    members: dict[str, bytes] = {}
    for run in sorted(set(runs)):
        record = store.get(run)
        if record is None:
            raise AsrunError(f"{run} has no record to put into a bundle", remedy=_again(run))
        if record.damaged:
            raise AsrunError(f"{run} was changed by hand: {_names(record.damaged)}", remedy=f"{_again(run)} --rerun")
        members |= {f"{run.snippet}/{name}": data for name, data in store.files(record).items()}
    if not members:
        raise AsrunError("there is no record to put into a bundle", where=where, remedy="run a snippet: asrun run NAME")
    tar = io.BytesIO()
    try:
        with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, data in sorted(members.items()):
                if wrong := _wrong_member(name, len(data)):
                    raise AsrunError(wrong, where=Where(name), remedy="copy this record by hand")
                # A new header has no time, no owner and no mode of its own: nothing of this machine.
                header = tarfile.TarInfo(name)
                header.size = len(data)
                archive.addfile(header, io.BytesIO(data))
        if len(members) > MOST_MEMBERS or tar.tell() > LARGEST_BUNDLE:
            raise AsrunError(_too_large(), where=where, remedy="make several: asrun run NAME --bundle NAME.tar.gz")
        packed = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
            stream.write(tar.getvalue())
        write_out(path, packed.getvalue())
    except (OSError, ValueError) as error:
        raise AsrunError(f"this bundle cannot be written ({error})", where=where) from error


def check_bundle(project: Project, path: Path) -> None:
    """Refuse to write a bundle over a file that is none: before hours of runs, and not after them.

    Raises:
        AsrunError: when there is such a file.
    """
    remedy = "name another file, as in --bundle NAME.tar.gz, or move that one away"
    check_free(path, project.relative(path), "a bundle", _is_bundle, remedy)


def _is_bundle(path: Path) -> bool:
    try:
        return bool(_members(path))
    except AsrunError:
        return False


def adopt(
    project: Project,
    store: Store,
    path: Path,
    *,
    allow_stale: bool = False,
    replace: bool = False,
    dry_run: bool = False,
) -> list[Adoption]:
    """Take in the records of a bundle that are true of the code, the parameters and the data as they are here.

    Each record is written whole or not at all. A record of a snippet or a scale that there is not is always refused.

    Arguments:
        project: The project.
        store: Its records.
        path: The bundle.
        allow_stale: Whether to take records that are not fresh here, too.
        replace: Whether to take records also in place of those that are fresh.
        dry_run: Whether to write nothing, and only say what would be done.

    Returns:
        What was done, for each record.

    Raises:
        AsrunError: when anything in the bundle is not what asrun puts there, with its name and the reason; nothing of
            it is taken in then.
    """
    records = _records(store, _members(path), path)
    found = [(record, _judge(project, store, record, allow_stale, replace)) for record in records]
    for record, adoption in found:
        if adoption.outcome is Outcome.ADOPTED and not dry_run:
            store.put(record)
    return [adoption for _, adoption in found]


def _judge(project: Project, store: Store, record: Record, allow_stale: bool, replace: bool) -> Adoption:
    def outcome(what: Outcome, reason: str = "") -> Adoption:
        return Adoption(record.run, what, reason if len(reason) <= _LONGEST_REASON else reason[:_LONGEST_REASON] + "…")

    try:
        snippet = find_snippet(record.run.snippet, project)
        if record.run.scale not in snippet.scales:
            return outcome(Outcome.REFUSED, f"{snippet.name} has no scale {record.run.scale} here")
        condition = record_condition(project, snippet, record)
    except AsrunError as error:
        return outcome(Outcome.REFUSED, f"{error.where}: {error.what}" if error.where else error.what)
    except (OSError, ValueError) as error:
        # A name in its key leads to something here that cannot be opened.
        return outcome(Outcome.REFUSED, f"it cannot be compared with what is here ({error})")
    if condition.state is not State.FRESH and not allow_stale:
        return outcome(Outcome.REFUSED, str(condition))
    try:
        mine = store.get(record.run)
        here = record_condition(project, snippet, mine).state if mine else State.MISSING
    except AsrunError:
        here = State.FAILED
    if here is State.FRESH and not replace:
        return outcome(Outcome.KEPT, "the record here is fresh")
    return outcome(Outcome.ADOPTED, "" if condition.state is State.FRESH else str(condition))


def _records(store: Store, members: dict[str, bytes], path: Path) -> list[Record]:
    """Understand every member, or refuse them all."""
    for name, data in members.items():
        if name.endswith(".svg"):
            _check_figure(name, data, path)
    records, left, unpacked = [], set(members), 0
    for name in sorted(members):
        if (match := _MEMBER.fullmatch(name)) and match["record"]:
            record = _record(store, RunName(match["snippet"], match["scale"], match["device"]), name, members, path)
            left -= {f"{match['snippet']}/{file}" for file in store.files(record)}
            records.append(record)
            unpacked += sum(map(apart.size, json.loads(members[name])["arrays"].values()))
            if unpacked > LARGEST_ARRAYS:
                raise _refused(name, f"the arrays of this bundle have more than {LARGEST_ARRAYS} bytes", path)
    if left:
        raise _refused(min(left), "no record names this file", path)
    if not records:
        raise AsrunError("this bundle holds no record", where=Where(path.name), remedy=_REMEDY)
    return records


def _check_figure(name: str, data: bytes, path: Path) -> None:
    try:
        if b"\r" in data:
            # It would be read back as a line feed, and no longer have its digest.
            raise ValueError("the SVG is refused: it holds a carriage return")
        match = _MEMBER.fullmatch(name)
        assert match, "every name has been checked"
        check_drawing(data.decode("utf-8"), id_prefix(f"{match['snippet']}-{match['figure']}"))
    except (AsrunError, ValueError) as error:
        raise _refused(name, error.what if isinstance(error, AsrunError) else str(error), path) from error


def _record(store: Store, run: RunName, name: str, members: dict[str, bytes], path: Path) -> Record:
    try:
        text = members[name].decode("utf-8")
        record = store.decode(run, text, lambda file: members.get(f"{run.snippet}/{file}", b""))
        if record.damaged:
            raise ValueError(f"{_names(record.damaged)} changed by hand: not what the run wrote")
        files = store.files(record)
        for file in files:
            if f"{run.snippet}/{file}" not in members:
                raise ValueError(f"its file {file} is missing")
        # Seals tell what the JSON says; what is stored anew is what it was understood as, and must be the same.
        before, after = (json.loads(each)["seals"] for each in (text, files[store.path(run).name]))
        if unlike := {each for each in before if before[each] != after[each]}:
            raise ValueError(f"{_names(unlike)} not as a run writes it")
    except (AsrunError, ValueError) as error:
        raise _refused(name, error.what if isinstance(error, AsrunError) else str(error), path) from error
    return record


def _members(path: Path) -> dict[str, bytes]:
    where = Where(path.name)
    try:
        with gzip.open(path) as stream:
            return _unpacked(stream, path)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AsrunError(f"this bundle cannot be read ({told})", where=where, remedy=_REMEDY) from error


def _unpacked(stream: gzip.GzipFile, path: Path) -> dict[str, bytes]:
    """Read a tar of plain files: not by `tarfile.open`, which also follows extensions, and seeks where headers say."""
    left, where = LARGEST_BUNDLE, Where(path.name)

    def take(count: int) -> bytes:
        nonlocal left
        if count > left:
            raise AsrunError(_too_large(), where=where, remedy=_REMEDY)
        left -= count
        data = stream.read(count)
        if len(data) < count:
            raise EOFError("it ends in the middle")
        return data

    members: dict[str, bytes] = {}
    taken: set[str] = set()
    while (block := take(_BLOCK)).count(0) < _BLOCK:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace")
        name = header.name
        if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise _refused(name, f"it is {_KINDS.get(header.type, 'not a plain file')}", path)
        if wrong := _wrong_member(name, header.size):
            raise _refused(name, wrong, path)
        # On some machines names that differ in case alone are one file, and the second would overwrite the first.
        if name.casefold() in taken:
            raise _refused(name, "there are two of this name", path)
        taken.add(name.casefold())
        if len(taken) > MOST_MEMBERS:
            raise AsrunError(_too_large(), where=where, remedy=_REMEDY)
        members[name] = take(header.size)
        take(-header.size % _BLOCK)
    # The end is padded; that it can be read at all also shows that the checksum is right.
    while padding := stream.read(_BLOCK):
        if left < len(padding):
            raise AsrunError(_too_large(), where=where, remedy=_REMEDY)
        left -= len(padding)
        if padding.count(0) < len(padding):
            raise AsrunError("this bundle goes on after its end", where=where, remedy=_REMEDY)
    return members


def _wrong_member(name: str, size: int) -> str:
    """Say what is wrong with a member; nothing when it may be there."""
    if not _MEMBER.fullmatch(name):
        return "this is not the name of a record, a figure or an array"
    largest = LARGEST_MEMBER[name[name.rindex(".") :]]
    return "" if 0 <= size <= largest else f"it has {size} bytes, and {largest} is the most"


_REMEDY = "nothing was taken in; make the bundle anew: asrun run NAME --bundle NAME.tar.gz"


def _refused(name: str, reason: str, path: Path) -> AsrunError:
    shown = name if name.isprintable() else ascii(name)
    return AsrunError(reason, where=Where(f"{path.name}: {shown}"), remedy=_REMEDY)


def _too_large() -> str:
    return f"this bundle has more than {LARGEST_BUNDLE // 2**20} MiB unpacked, or more than {MOST_MEMBERS} members"


def _names(names: Iterable[str]) -> str:
    return ", ".join(each if each.isprintable() else ascii(each) for each in sorted(names))


def _again(run: RunName) -> str:
    return f"run it: asrun run {run.snippet} --scale {run.scale}"
