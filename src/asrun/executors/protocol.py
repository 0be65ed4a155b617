"""What a place must be able to do so that `asrun run` has runs done there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from asrun.errors import AsrunError
from asrun.model import Record, RunName, Snippet
from asrun.project import Project
from asrun.records.store import Store
from asrun.running.follow import Telling

__all__ = ["Done", "Executor", "Job", "Notice", "Opener"]

Notice = Callable[[str], None]
"""Is told in a line what whoever waits should know: that a run is begun again, say."""


@dataclass(frozen=True)
class Job:
    """A run that is to be done."""

    snippet: Snippet
    run: RunName
    took: float | None = None
    """Seconds that it took the last time; None where nobody knows."""


@dataclass(frozen=True)
class Done:
    """What became of a job: a record, which is stored, or what went wrong."""

    job: Job
    outcome: Record | AsrunError


class Executor(Protocol):
    """A place where runs are done."""

    def choose_device(self, snippet: Snippet, wanted: str | None, took: Mapping[str, float]) -> str:
        """Return the device class that a snippet is to run on there, as `asrun.freshness.needs.choose_device` decides.

        Arguments:
            snippet: What is to be run.
            wanted: What was asked for.
            took: Seconds that the last run took, by device class.

        Raises:
            AsrunError: when the snippet and the place do not fit.
        """

    def run(
        self, project: Project, store: Store, jobs: Sequence[Job], tell: Telling, notice: Notice
    ) -> Generator[Done, None, None]:
        """Do all jobs, and tell of each when it is done, in whichever order that is.

        One that fails leaves the others to be done. Whoever closes the generator, or is interrupted in it, cancels what
        is not done, and leaves nothing running.

        Arguments:
            project: The project, here.
            store: Its records, here. What is done is stored before it is told of, and its values even when they
                cannot be drawn.
            jobs: What to do; no run twice.
            tell: Hears how each is getting on.
            notice: Hears what else there is to say.

        Raises:
            AsrunError: when nothing more can be done there.
        """


Opener = Callable[[str], AbstractContextManager[Executor]]
"""Takes an address, `SCHEME://…`, and makes the place ready for as long as the context lasts; raises an AsrunError."""
