"""Runs on this machine, each in a process of its own: one after the other, or several at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial

from asrun.errors import AsrunError
from asrun.executors.protocol import Done, Executor, Job, Notice
from asrun.model import Record, Snippet
from asrun.project import Project
from asrun.records.store import Store
from asrun.running import recording, snippets
from asrun.running.follow import Telling
from asrun.running.interruption import ending_all
from asrun.values.formats import format_seconds

__all__ = ["ThisMachine", "each"]


@dataclass(frozen=True)
class ThisMachine(Executor):
    """This machine as a place where runs are done.

    Arguments:
        at_once: How many runs may go on at the same time.
    """

    at_once: int = 1

    def choose_device(self, snippet: Snippet, wanted: str | None, took: Mapping[str, float]) -> str:
        """Return the device class to run on: as asked for, or a GPU if the snippet can use one and there is one."""
        return snippets.choose_device(snippet, wanted, took)

    def run(
        self, project: Project, store: Store, jobs: Sequence[Job], tell: Telling, notice: Notice
    ) -> Generator[Done, None, None]:
        """Do all jobs; see `asrun.executors.protocol.Executor`."""
        at_once = min(self.at_once, len(jobs))
        return each(partial(_record, project, store, tell, at_once), jobs, at_once)


def _record(project: Project, store: Store, tell: Telling, at_once: int, job: Job) -> Record:
    name, run = str(job.run), job.run
    tell(name, f"starts; the last run took {format_seconds(job.took)}" if job.took is not None else "starts")
    try:
        return recording.make_record(project, store, job.snippet, run.scale, run.device, tell, at_once=at_once)
    finally:
        tell(name, "")


def each(do: Callable[[Job], Record], jobs: Sequence[Job], at_once: int) -> Generator[Done, None, None]:
    """Do one thing for each job, several at once, and tell of each when it is done.

    Raises:
        Exception: what went wrong for which nobody but asrun is to blame, after everything else is done.
    """
    unexpected: list[Exception] = []

    def done(job: Job) -> Done | None:
        try:
            return Done(job, do(job))
        except AsrunError as error:
            return Done(job, error)
        except Exception as error:
            unexpected.append(error)
            return None

    if at_once < 2:
        # Not in a thread: an interruption reaches the main one alone.
        for job in jobs:
            if came := done(job):
                yield came
    else:
        with ThreadPoolExecutor(at_once) as pool:
            waiting = [pool.submit(done, job) for job in jobs]
            try:
                for future in as_completed(waiting):
                    if came := future.result():
                        yield came
            except BaseException:
                with ending_all():
                    pool.shutdown(cancel_futures=True)
                raise
    if unexpected:
        raise unexpected[0]
