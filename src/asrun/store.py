"""The records of a project: readable files, written whole or not at all.

    snippets/records/drop_rate/full-cpu.json                  values, key and provenance of one run
    snippets/records/drop_rate/full-cpu.error.1f2e3d4c.svg    one figure of it, named by its digest

Figures are written first and the JSON file last, each to a temporary name, flushed, then renamed: the rename of the
JSON file is the moment at which a record exists. A figure that no record names is swept away afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asrun import codec
from asrun.errors import AsrunError
from asrun.model import Figure, Provenance, Record, RunName, Where
from asrun.project import Project

__all__ = ["Store", "write_whole"]

SCHEMA = 1

PRINTED = "what it printed"
"""Stands among damaged names for the output: no value can be called so from a page."""


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


class Store:
    """The records of one project.

    Arguments:
        project: Whose records.
    """

    def __init__(self, project: Project):
        self.project, self.folder = project, project.records
        self._read: dict[RunName, tuple[int, Record]] = {}

    def list(self) -> list[RunName]:
        """Name every record there is."""
        names = []
        for path in sorted(self.folder.glob("*/*.json")):
            scale, _, device = path.stem.rpartition("-")
            if scale:
                names.append(RunName(path.parent.name, scale, device))
        return names

    def path(self, run: RunName) -> Path:
        return self.folder / run.snippet / f"{run.scale}-{run.device}.json"

    def get(self, run: RunName) -> Record | None:
        """Read a record; None when there is none.

        Raises:
            AsrunError: when the file cannot be understood.
        """
        path = self.path(run)
        try:
            modified = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        cached = self._read.get(run)
        if cached and cached[0] == modified:
            return cached[1]
        try:
            record = self._decode(run, json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise AsrunError(
                f"this record cannot be read ({type(error).__name__}: {error})",
                where=Where(self.project.relative(path)),
                remedy=f"restore it from version control, or make it anew: asrun run {run.snippet} --scale {run.scale}",
            ) from error
        self._read[run] = (modified, record)
        return record

    def best(self, snippet: str, scale: str | None = None) -> Record | None:
        """Read the record that a page shows: the project's preferred scale first, then its preferred device."""
        for wanted in [scale] if scale else self.project.scales:
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
        path = self.path(record.run)
        values, arrays = codec.encode(record.values)
        figures = {}
        for name, figure in record.figures.items():
            digest = hashlib.sha256(figure.svg.encode()).hexdigest()
            file = f"{path.stem}.{name}.{digest[:8]}.svg"
            write_whole(path.with_name(file), figure.svg.encode())
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
            "key": {
                "code": record.code,
                "files": record.files,
                "environment": record.environment,
                "passed_by": record.passed_by,
                "not_imported": record.not_imported,
                "plot_code": record.plot_code,
                "plot_files": record.plot_files,
            },
            "provenance": asdict(record.provenance),
        }
        write_whole(path, codec.dumps(document).encode())
        self._read.pop(record.run, None)
        self._sweep(path, {entry["file"] for entry in figures.values()})
        return path

    def _sweep(self, path: Path, used: Iterable[str]) -> None:
        for figure in path.parent.glob(f"{path.stem}.*.svg"):
            if figure.name not in set(used):
                figure.unlink(missing_ok=True)

    def _decode(self, run: RunName, document: dict[str, Any]) -> Record:
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']}, this version reads {SCHEMA}")
        values, arrays, seals = document["values"], document["arrays"], document["seals"]
        damaged = {
            name
            for name in {*values, *seals}
            if name not in values or seals.get(name) != codec.seal(values[name], _dtypes(arrays, name))
        }
        output = "\n".join(document["output"])
        if document.get("output_seal", codec.seal(output, {})) != codec.seal(output, {}):
            damaged.add(PRINTED)
        figures = {}
        for name, entry in document["figures"].items():
            path = self.path(run).with_name(Path(entry["file"]).name)
            svg = path.read_text("utf-8") if path.is_file() else ""
            if hashlib.sha256(svg.encode()).hexdigest() != entry["sha256"]:
                damaged.add(f"figure {name}")
            figures[name] = Figure(name, svg, entry["alt"])
        key = document["key"]
        return Record(
            run=run,
            question=document["question"],
            parameters=document["parameters"],
            values=codec.decode(values, arrays),
            output=output,
            figures=figures,
            code=key["code"],
            files=key["files"],
            environment=key.get("environment", {}),
            passed_by=key.get("passed_by", {}),
            not_imported=key.get("not_imported", []),
            plot_code=key["plot_code"],
            plot_files=key["plot_files"],
            provenance=Provenance(**document["provenance"]),
            damaged=frozenset(damaged),
        )


def _dtypes(arrays: dict[str, str], name: str) -> dict[str, str]:
    return {path: dtype for path, dtype in arrays.items() if path == name or path.startswith(f"{name}.")}
