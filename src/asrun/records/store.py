"""The records of a project: readable files, written whole or not at all.

    snippets/records/drop_rate/full-cpu.json                  values, key and provenance of one run
    snippets/records/drop_rate/full-cpu.error.1f2e3d4c.svg    one figure of it, named by its digest
    snippets/records/drop_rate/full-cpu.maps.5a6b7c8d.npy.gz  one large array of it (see asrun.records.apart)

Figures and arrays are written first and the JSON file last, each to a temporary name, flushed, then renamed: the rename
of the JSON file is the moment at which a record exists. What no record names is swept away afterwards, and so is what a
process left behind that was killed while it wrote. Whoever writes holds a lock on the folder, which ends with its
process: of two at once, the second one waits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from asrun.errors import AsrunError
from asrun.model import Figure, Provenance, Record, RunName, Where
from asrun.project import Project
from asrun.records import apart, codec, locks
from asrun.records.drawing import check_drawing, id_prefix
from asrun.records.schema import KEY, SCHEMA
from asrun.records.schema import read as read_document

__all__ = ["DESCRIPTION", "Store", "read_file", "write_whole"]

PRINTED = "what it printed"
"""Stands among damaged names for the output: no value can be called so from a page."""

LARGEST_FILE = 2**26
"""Bytes of one file of a record that are read, or more where `record_mb` lets a run write more."""

DESCRIPTION = "what it says of itself"
"""Stands among damaged names for the question, the parameters, alt texts, the key and the provenance."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old one or the new one, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner can read; records are for everyone.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Wait until nobody else writes in a folder, and keep others waiting; say whether that can be had here."""
    # Where it cannot be had, two writers at once are left to chance.
    with locks.held(folder, wait=True) as alone:
        yield bool(alone)


class Store:
    """The records of one project.

    Arguments:
        project: Whose records.

    Examples:
        >>> store = Store(find_project())
        >>> store.list()
        [RunName(snippet='coin', scale='quick', device='cpu')]
        >>> store.get(store.list()[0]).values["tosses"]
        12345
    """

    def __init__(self, project: Project):
        self.project, self.folder = project, project.records
        self._read: dict[RunName, tuple[_Version, Record]] = {}

    def list(self) -> list[RunName]:
        """Name every record there is."""
        names = []
        for path in sorted(self.folder.glob("*/*.json")):
            scale, _, device = path.stem.rpartition("-")
            if scale:
                names.append(RunName(path.parent.name, scale, device))
        return names

    def path(self, run: RunName) -> Path:
        """Return where the file of a record is, or would be.

        Arguments:
            run: Which record.
        """
        return self.folder / run.snippet / f"{run.scale}-{run.device}.json"

    def get(self, run: RunName) -> Record | None:
        """Read a record, fresh or not; None when there is none.

        Arguments:
            run: Which one.

        Raises:
            AsrunError: when the file cannot be understood.
        """
        path = self.path(run)
        version = _version(path)
        if version is None:
            return None
        cached = self._read.get(run)
        if cached and cached[0] == version:
            return cached[1]
        try:
            text = self._content(path).decode("utf-8")
            record = self.decode(run, text, lambda file: self._beside(path, file))
            while record.damaged and (now := self._content(path).decode("utf-8")) != text:
                # Its figures were swept away while it was read: it has been replaced, and is read again.
                text, record = now, self.decode(run, now, lambda file: self._beside(path, file))
        except (OSError, ValueError) as error:
            raise AsrunError(
                f"this record cannot be read ({type(error).__name__}: {error})",
                where=Where(self.project.relative(path)),
                remedy=f"restore it from version control, or delete it, then: asrun run {run.snippet} "
                f"--scale {run.scale}",
                cause=("record", run),
            ) from error
        self._read[run] = (version, record)
        return record

    def best(self, snippet: str, scale: str | None = None, *, among: Iterable[str] = ()) -> Record | None:
        """Read the record that a page shows: of some scales the first that has one, on the preferred device.

        Arguments:
            snippet: Its name.
            scale: The only one that is wanted.
            among: The snippet's scales, the preferred ones first; by default those that the project prefers.

        Raises:
            AsrunError: when the file cannot be understood.
        """
        for wanted in [scale] if scale else among or self.project.scales:
            for device in self.project.devices:
                if record := self.get(RunName(snippet, wanted, device)):
                    return record
        return None

    def put(self, record: Record) -> Path:
        """Write a record whole, then sweep away the figures that it replaces.

        Raises:
            AsrunError: when it cannot be written; the old one is as it was then.
        """
        try:
            return self._put(record)
        except OSError as error:
            raise AsrunError(
                f"this record cannot be written ({error.strerror or error})",
                where=Where(self.project.relative(self.path(record.run))),
                remedy="make room or give leave to write there, then run it again",
            ) from error

    def _put(self, record: Record) -> Path:
        path, files = self.path(record.run), self.files(record)
        self._check_size(record, files)
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone_in(path.parent) as alone:
            for name, data in files.items():
                write_whole(path.with_name(name), data)
            self._read.pop(record.run, None)
            self._sweep(path, files, unfinished=alone)
        return path

    def files(self, record: Record) -> dict[str, bytes]:
        """Return the files that hold a record, by name, in the order in which they must be written."""
        path, files = self.path(record.run), {}

        def keep_apart(at: str, array: np.ndarray) -> str | None:
            large = array.nbytes > self.project.array_mb * 1e6 if record.apart is None else at in record.apart
            if not large:
                return None
            told, data = apart.pack(array)
            files[apart.file_name(path.stem, at, told)] = data
            return told

        values, arrays = codec.encode(record.values, keep_apart)
        figures = {}
        for name, figure in record.figures.items():
            digest = hashlib.sha256(figure.svg.encode()).hexdigest()
            file = f"{path.stem}.{name}.{digest[:8]}.svg"
            files[file] = figure.svg.encode()
            figures[name] = {"file": file, "sha256": digest, "alt": figure.alt}
        document = {
            "schema": SCHEMA,
            "question": record.question,
            "parameters": record.parameters,
            "values": values,
            "arrays": arrays,
            "seals": {name: codec.seal(values[name], _dtypes(arrays, name)) for name in values},
            "output": record.output.split("\n") if record.output else [],
            "output_seal": codec.seal(record.output, {}),
            "figures": figures,
            "key": record.parts() | {"plot_code": record.plot_code, "plot_files": record.plot_files},
            "provenance": asdict(record.provenance),
        }
        if record.remarks:
            document["remarks"] = list(record.remarks)
        document["seal"] = _description_seal(document)
        return files | {path.name: codec.dumps(document).encode()}

    def _check_size(self, record: Record, files: dict[str, bytes]) -> None:
        most, total = self.project.record_mb * 1e6, sum(map(len, files.values()))
        unpacked = sum(map(apart.size, json.loads(files[self.path(record.run).name])["arrays"].values()))
        if total <= most and unpacked <= apart.LARGEST:
            return
        sizes = {name: _size(value) for name, value in record.values.items()} | {PRINTED: len(record.output)}
        sizes |= {f"figure {name}": len(figure.svg) for name, figure in record.figures.items()}
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        raise AsrunError(
            f"the record of {record.run} would have {_megabytes(max(total, unpacked))}, and "
            f"{_megabytes(most if total > most else apart.LARGEST)} is the most; its largest parts are "
            + ", ".join(f"{name} ({_megabytes(sizes[name])})" for name in largest),
            where=Where(self.project.relative(self.path(record.run))),
            remedy="return a summary of what is large"
            + (", or raise record_mb of the asrun plugin in mkdocs.yml" if unpacked <= apart.LARGEST else ""),
        )

    def _sweep(self, path: Path, used: Iterable[str], *, unfinished: bool) -> None:
        beside = [*path.parent.glob(f"{path.stem}.*.svg"), *path.parent.glob(f"{path.stem}.*{apart.SUFFIX}")]
        left = [file for file in beside if file.name not in set(used)]
        if unfinished:
            # While nobody else can be writing, these are of processes that are gone.
            left += path.parent.glob(f".{path.stem}.*.part")
        for each in left:
            each.unlink(missing_ok=True)

    def decode(self, run: RunName, text: str, beside: Callable[[str], bytes]) -> Record:
        """Read a record from the text of its JSON file.

        Arguments:
            run: Which one it is.
            text: What is in the file.
            beside: Returns what is in a file of this name, of a figure or an array; nothing when there is none.

        Raises:
            ValueError: when it cannot be understood.
        """
        document = read_document(text)
        values, arrays, seals = document["values"], document["arrays"], document["seals"]
        damaged = {
            name
            for name in {*values, *seals}
            if name not in values or seals.get(name) != codec.seal(values[name], _dtypes(arrays, name))
        }
        output = "\n".join(document["output"])
        if document.get("output_seal", codec.seal(output, {})) != codec.seal(output, {}):
            damaged.add(PRINTED)
        if document.get("seal", sealed := _description_seal(document)) != sealed:
            damaged.add(DESCRIPTION)
        large = self._arrays(run, arrays, beside)
        damaged |= {at.partition(".")[0] for at, array in large.items() if array is None}
        figures = {}
        for name, entry in document["figures"].items():
            svg = beside(entry["file"]).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
            if hashlib.sha256(svg.encode()).hexdigest() != entry["sha256"] or not _is_drawing(
                svg, f"{run.snippet}-{name}"
            ):
                damaged.add(f"figure {name}")
            figures[name] = Figure(name, svg, entry["alt"])
        key = document["key"]
        return Record(
            run=run,
            question=document["question"],
            parameters=document["parameters"],
            values=codec.decode(values, arrays, large),
            output=output,
            figures=figures,
            **{part: key[part] for part in KEY if part in key},
            plot_code=key["plot_code"],
            plot_files=key["plot_files"],
            provenance=Provenance(**document["provenance"]),
            remarks=tuple(document.get("remarks", ())),
            apart=frozenset(large),
            damaged=frozenset(damaged),
        )

    def _arrays(self, run: RunName, arrays: dict[str, str], beside: Callable[[str], bytes]) -> dict[str, Any]:
        """Read the arrays that stand apart; None in place of one that is not the one that was written."""
        sizes = {at: size for at, told in arrays.items() if (size := apart.size(told))}
        if sum(sizes.values()) > apart.LARGEST:
            raise ValueError(f"its arrays have {sum(sizes.values())} bytes, and {apart.LARGEST} is the most")
        stem = self.path(run).stem
        return {at: apart.unpack(beside(apart.file_name(stem, at, arrays[at])), arrays[at]) for at in sizes}

    def _content(self, path: Path) -> bytes:
        return read_file(path, max(LARGEST_FILE, int(self.project.record_mb * 1e6)))

    def _beside(self, path: Path, file: str) -> bytes:
        try:
            return self._content(path.with_name(Path(file).name))
        except (FileNotFoundError, ValueError):
            return b""


def read_file(path: Path, most: int = LARGEST_FILE) -> bytes:
    """Read a file of a record: what is none, or is larger than any that a run writes, might never end.

    Raises:
        ValueError: when it is such a one.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path.name} is not a file")
    if found.st_size > most:
        raise ValueError(f"{path.name} has {found.st_size} bytes, and {most} is the most")
    return path.read_bytes()


_Version = tuple[int, int, int]


def _version(path: Path) -> _Version | None:
    """Return what tells one writing of a file from the next; None when there is no file."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _size(value: Any) -> int:
    """Return about how many bytes a value takes."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return len(str(value))


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB"


def _is_drawing(svg: str, name: str) -> bool:
    """Whether it is safe to show: a digest tells only that a drawing and a record were written by the same hand."""
    try:
        check_drawing(svg, id_prefix(name))
    except AsrunError:
        return False
    return True


def _description_seal(document: dict[str, Any]) -> str:
    """Return a digest of all that has no seal of its own."""
    described = [document[part] for part in ("question", "parameters", "figures", "key", "provenance")]
    # Records without remarks have none to seal: those of earlier versions are as they were.
    return codec.seal([*described, *([document["remarks"]] if "remarks" in document else [])], {})


def _dtypes(arrays: dict[str, str], name: str) -> dict[str, str]:
    return {path: dtype for path, dtype in arrays.items() if path == name or path.startswith(f"{name}.")}
