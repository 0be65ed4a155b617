"""Sends a project to be run elsewhere, and understands what comes back.

    here                                   there
    the project's own files, packed  ───>  unpacked into a temporary folder
    a request for one run            ───>  run_snippet, redraw: as on this machine, in a process of its own
    store  <── checks  <── a bundle  <───  the record and its figures, or what went wrong

What is sent and what comes back is bytes. What comes back is a bundle, and is checked like any stranger's: it must be a
record of the code that was sent. What happens there is in `asrun.remote.worker`.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from asrun import __version__
from asrun.errors import AsrunError
from asrun.freshness import conditions, failures
from asrun.freshness.snippet import find_snippet
from asrun.model import Record, RunName, Where
from asrun.project import Project
from asrun.records.store import Store
from asrun.remote import bundle
from asrun.remote.parcel import pack, unpack
from asrun.running.snippets import commit

__all__ = ["SAME", "Sent", "printable", "sent"]

SAME = "install there what is installed here: asrun, the project's packages, the same versions"
"""What to do where a run cannot be done, or be understood, as it is here."""

_LARGEST_REPLY = 2 * bundle.LARGEST_BUNDLE


@dataclass(frozen=True)
class Sent:
    """A project as it was sent: what comes back is compared with that, whatever is edited meanwhile.

    Arguments:
        project: A copy of it, as it was sent.
        here: The project itself.
        packed: What travels.
        commit: Of which checkout it is.
        folder: Where there is room for what comes back.
    """

    project: Project
    here: Project
    packed: bytes
    commit: str
    folder: Path

    def request(self, run: RunName) -> bytes:
        """Return what is asked for when a run is to be done."""
        data = [name for name in self.here.data_variables if os.environ.get(name)]
        request = asdict(run) | {"run": str(run), "asrun": __version__, "root": str(self.here.root), "data": data}
        return json.dumps(request).encode()

    def receive(self, run: RunName, raw: object, store: Store) -> Record:
        """Understand what came back, which nobody has looked at yet, and store the record.

        Values are stored even if they could not be drawn.

        Arguments:
            run: What was asked for.
            raw: What came back.
            store: The project's records, here.

        Raises:
            AsrunError: what went wrong there; or that this is no record of the code that was sent.
        """
        reply = _read(run, raw)
        error = _error_of(self.here, run, reply)
        if not isinstance(reply.get("bundle"), str):
            error = error or AsrunError(f"{run} came back without a record", remedy=SAME)
            tried = conditions.attempted(self.project, find_snippet(run.snippet, self.project), run)
            failures.note(self.here, run, error, tried)
            raise error
        record = self._record(run, reply)
        failures.forget(self.here, run)
        store.put(record)
        if error:
            raise error
        return record

    def _record(self, run: RunName, reply: dict[str, Any]) -> Record:
        """Return the record that came back, if it is one of the code that was sent."""
        path, store = self.folder / f"{run.snippet}-{run.scale}-{run.device}.tar.gz", Store(self.project)
        try:
            path.write_bytes(base64.b64decode(reply["bundle"], validate=True))
        except ValueError as error:
            raise _no_record(run, error) from error
        adopted = bundle.adopt(self.project, store, path, replace=True)
        if [each.run for each in adopted] != [run] or adopted[0].outcome is not bundle.Outcome.ADOPTED:
            raise AsrunError(
                f"{run} came back from {printable(reply.get('host')) or 'elsewhere'}, and is no record of the "
                "code that was sent: " + "; ".join(f"{each.run} {each}" for each in adopted),
                remedy="let packages, data and variables be the same there; variables are set where its workers are "
                "started",
            )
        record = store.get(run)
        assert record, "it was just stored"
        # What to type to do it again, and of which checkout, nobody there can know.
        command = f"asrun run {run.snippet} --scale {run.scale}"
        return replace(record, provenance=replace(record.provenance, commit=self.commit, command=command))


@contextmanager
def sent(project: Project) -> Iterator[Sent]:
    """Pack a project to be sent, and keep a copy of it for as long as anything of it is to come back.

    Raises:
        AsrunError: when it cannot be sent.
    """
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        packed, at = pack(project), Path(folder).resolve()
        yield Sent(unpack(packed, at / "project"), project, packed, commit(project.root), at)


def _read(run: RunName, raw: object) -> dict[str, Any]:
    try:
        if not isinstance(raw, bytes) or len(raw) > _LARGEST_REPLY:
            raise ValueError("more, or other, than a record is")
        reply = json.loads(raw)
        if not isinstance(reply, dict):
            raise ValueError("not an object")
        return reply
    except (ValueError, RecursionError) as error:
        raise _no_record(run, error) from error


def _no_record(run: RunName, error: Exception) -> AsrunError:
    return AsrunError(f"{run} came back as something that is no record ({error})", remedy=SAME)


def _error_of(here: Project, run: RunName, reply: dict[str, Any]) -> AsrunError | None:
    """Return the error that came back, and keep its log."""
    error = reply.get("error")
    if not isinstance(error, dict):
        return None
    where = error["where"] if isinstance(error.get("where"), dict) else {}
    path, line = where.get("path"), where.get("line")
    if isinstance(error.get("log"), str):
        log = here.cache / "logs" / f"{run.snippet}-{run.scale}-{run.device}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(error["log"], "utf-8", "backslashreplace")
    return AsrunError(
        printable(error.get("what")) or f"{run} failed, and did not say how",
        where=Where(printable(path), line if isinstance(line, int) else None) if isinstance(path, str) else None,
        remedy=printable(error.get("remedy")) or None,
    )


def printable(text: object) -> str:
    """Return a text that came from elsewhere, without what a terminal would take for commands."""
    return (
        "".join(each if each.isprintable() or each == "\n" else " " for each in text) if isinstance(text, str) else ""
    )
