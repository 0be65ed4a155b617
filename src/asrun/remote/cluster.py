"""Send runs to a Ray cluster: `asrun run … --on ray://HOST:PORT`.

    here                                      a worker of the cluster
    the project's own files, packed  ──────>  unpacked into a temporary folder
    one Ray task a run               ──────>  run_snippet, redraw: as on this machine, in a process of its own
    store  <── checks  <── a bundle  <──────  the record and its figures, or what went wrong

The cluster gives each task what it needs: a core, or as many as NEEDS say, and on cuda a GPU that no other task has.
What comes back is a bundle, and is checked like any stranger's: it must be a record of the code that was sent. What is
lost with its worker or its node is run again, as long as a node is left that can; what fails by itself is not.

Ray carries Python objects in both directions; here these are bytes. Connect only to clusters that you trust all the
same: whoever runs one can make Ray's own client execute what they like.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from asrun import __version__
from asrun.errors import AsrunError, Problems
from asrun.freshness import conditions, failures
from asrun.freshness.snippet import find_snippet
from asrun.model import Record, RunName, Snippet, Where
from asrun.project import Project
from asrun.records.store import Store
from asrun.remote import bundle
from asrun.remote.connection import Cluster, connect, load_ray, resources
from asrun.remote.worker import NEWS_EVERY, News, pack, unpack, work
from asrun.running.snippets import commit

__all__ = ["Cluster", "connect", "resources", "run_on"]

ATTEMPTS = 4
"""How often a run is begun whose worker is lost each time."""

LOOK_EVERY = 5.0
"""Seconds between two looks at which nodes there are."""

_LARGEST_REPLY = 2 * bundle.LARGEST_BUNDLE


@dataclass
class _Job:
    run: RunName
    snippet: Snippet
    needs: dict[str, float]
    host: str = ""
    lost: list[str] = field(default_factory=list)
    """What became of the workers that had it."""


@dataclass(frozen=True)
class _Sent:
    """A project as it was sent: what comes back is compared with that, whatever is edited meanwhile."""

    project: Project
    here: Project
    packed: bytes
    commit: str
    folder: Path


def run_on(
    cluster: Cluster,
    project: Project,
    store: Store,
    jobs: Sequence[tuple[Snippet, str, str]],
    tell: Callable[[str, str], None],
    notice: Callable[[str], None] = lambda line: None,
) -> Generator[Record, None, None]:
    """Run snippets on a cluster, and store their records as they come in.

    Values are stored even if they cannot be drawn. A run that fails leaves the others to end. Whoever stops to iterate
    cancels what is not finished.

    Arguments:
        cluster: Where.
        project: Here.
        store: Its records.
        jobs: Snippets, each with a scale and a device class.
        tell: Is told the name of a run and what it printed last; an empty text when it is over.
        notice: Is told in a line when a run is begun again because its worker was lost.

    Yields:
        Each record that was made, drawn and stored.

    Raises:
        AsrunError: what went wrong, after everything else has ended.
    """
    made = [_Job(RunName(snippet.name, scale, device), snippet, {}) for snippet, scale, device in jobs]
    for job in made:
        job.needs = resources(job.snippet, job.run)
        cluster.check_room(job.run, job.needs)
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        packed, at = pack(project), Path(folder).resolve()
        sent = _Sent(unpack(packed, at / "project"), project, packed, commit(project.root), at)
        errors: list[AsrunError] = []
        with closing(_replies(cluster, sent, made, tell, notice)) as replies, _told_when_lost(cluster):
            for job, outcome in replies:
                tell(str(job.run), "")
                try:
                    record = _understood(sent, job, outcome)
                    failures.forget(project, job.run)
                    store.put(record)
                    if error := _error_of(sent, job, outcome):
                        raise error
                except AsrunError as error:
                    errors.append(error)
                    continue
                yield record
    if errors:
        raise errors[0] if len(errors) == 1 else Problems(errors)


@contextmanager
def _told_when_lost(cluster: Cluster) -> Iterator[None]:
    """Tell that the connection is lost: with its head a cluster loses all that it knew."""
    try:
        yield
    except ConnectionError as error:
        raise AsrunError(
            f"the connection to the cluster at {cluster.address} was lost ({error})",
            remedy="what came in before is stored; start the cluster's head if it is down, and run the rest again",
        ) from error


def _replies(
    cluster: Cluster,
    sent: _Sent,
    jobs: Sequence[_Job],
    tell: Callable[[str, str], None],
    notice: Callable[[str], None],
) -> Generator[tuple[_Job, dict[str, Any] | AsrunError], None, None]:
    """Start a task for each job, pass on what they print, begin again what is lost; yield what each came to."""
    ray = load_ray()
    news = ray.remote(News).options(num_cpus=0, max_restarts=-1).remote()
    packed, task = ray.put(sent.packed), ray.remote(work)
    waiting: dict[Any, _Job] = {}

    def begin(job: _Job) -> None:
        needs = {"num_cpus": job.needs["CPU"], "num_gpus": job.needs["GPU"], "memory": job.needs.get("memory")}
        # Ray would also begin it again, but would not tell.
        options = task.options(**needs, max_retries=0, name=f"asrun: {job.run}")
        waiting[options.remote(_request(sent, job), packed, news)] = job
        tell(str(job.run), "waits for a place on the cluster")

    try:
        for job in jobs:
            begin(job)
        asked, looked = news.take.remote(), time.monotonic()
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1, timeout=NEWS_EVERY)
            if ray.wait([asked], timeout=0)[0]:
                _pass_on(ray, asked, waiting.values(), tell)
                asked = news.take.remote()
            for each in done:
                job = waiting.pop(each)
                outcome = _result(ray, each, job)
                if outcome is None and len(job.lost) < ATTEMPTS:
                    notice(f"{job.run} is begun again: {job.lost[-1]}")
                    begin(job)
                else:
                    yield job, outcome or _lost(job)
            if time.monotonic() - looked > LOOK_EVERY:
                looked, now = time.monotonic(), cluster.now()
                for each, job in list(waiting.items()):
                    if error := _no_room(now, job):
                        del waiting[each]
                        ray.cancel(each)
                        yield job, error
    finally:
        for each in waiting:
            # Not by force: a worker that is asked ends the snippet and tidies up.
            with suppress(Exception):
                ray.cancel(each)
        if waiting:
            with suppress(Exception):
                ray.wait(list(waiting), num_returns=len(waiting), timeout=10)


def _no_room(cluster: Cluster, job: _Job) -> AsrunError | None:
    """Return an error when every node is lost that could run a job: Ray would wait for another one for ever."""
    try:
        cluster.check_room(job.run, job.needs, lost=job.lost[-1] if job.lost else "")
    except AsrunError as error:
        return error
    return None


def _request(sent: _Sent, job: _Job) -> bytes:
    data = [name for name in sent.here.data_variables if os.environ.get(name)]
    request = asdict(job.run) | {"run": str(job.run), "asrun": __version__, "root": str(sent.here.root), "data": data}
    return json.dumps(request).encode()


def _pass_on(ray: Any, asked: Any, jobs: Any, tell: Callable[[str, str], None]) -> None:
    try:
        latest = ray.get(asked)
    except ray.exceptions.RayError:
        # It lived on a node that was lost; Ray starts it anew.
        return
    for job in jobs:
        if told := latest.get(str(job.run)):
            job.host = _printable(told[0])
            tell(str(job.run), _printable(told[1]))


def _result(ray: Any, done: Any, job: _Job) -> dict[str, Any] | AsrunError | None:
    """Return what a task came to; None when it was lost with its worker or its node."""
    told = "its worker cannot do what is asked of it"
    try:
        raw = ray.get(done)
        if not isinstance(raw, bytes) or len(raw) > _LARGEST_REPLY:
            raise ValueError("more, or other, than a record is")
        reply = json.loads(raw)
        if not isinstance(reply, dict):
            raise ValueError("not an object")
        return reply
    except (ValueError, RecursionError) as error:
        return AsrunError(f"{job.run} came back as something that is no record ({error})", remedy=_SAME)
    except (ray.exceptions.RayTaskError, ray.exceptions.TaskCancelledError) as error:
        cause = getattr(error, "cause", None) or error
        what = f"{type(cause).__name__}: {cause}".strip().split("\n")[0]
        return AsrunError(f"{job.run}: {told} ({_printable(what)})", remedy=_SAME)
    except (ray.exceptions.RayError, ConnectionError) as error:
        if isinstance(error, ConnectionError):
            return AsrunError(f"{job.run}: the connection to the cluster was lost ({error})", remedy="run it again")
        job.lost.append(f"{job.host or 'its worker'} was lost ({type(error).__name__})")
        return None


_SAME = "install on every node what is installed here: asrun, the project's packages, the same versions"


def _lost(job: _Job) -> AsrunError:
    return AsrunError(
        f"{job.run} was begun {len(job.lost)} times, and each time {job.lost[-1]}",
        where=Where(f"snippets/{job.run.snippet}.py"),
        remedy='it may need more memory than a worker has: say how much, NEEDS = {"memory": 8} (in GB)',
    )


def _understood(sent: _Sent, job: _Job, outcome: dict[str, Any] | AsrunError) -> Record:
    """Return the record that came back, which nobody has looked at yet, if it is one of the code that was sent."""
    if isinstance(outcome, AsrunError):
        raise outcome
    if not isinstance(outcome.get("bundle"), str):
        error = _error_of(sent, job, outcome) or AsrunError(f"{job.run} came back without a record", remedy=_SAME)
        tried = conditions.attempted(sent.project, find_snippet(job.run.snippet, sent.project), job.run)
        failures.note(sent.here, job.run, error, tried)
        raise error
    path, store = sent.folder / f"{job.run.snippet}-{job.run.scale}-{job.run.device}.tar.gz", Store(sent.project)
    try:
        path.write_bytes(base64.b64decode(outcome["bundle"], validate=True))
    except ValueError as error:
        raise AsrunError(f"{job.run} came back as something that is no record ({error})", remedy=_SAME) from error
    adopted = bundle.adopt(sent.project, store, path, replace=True)
    if [each.run for each in adopted] != [job.run] or adopted[0].outcome is not bundle.Outcome.ADOPTED:
        raise AsrunError(
            f"{job.run} came back from {_printable(outcome.get('host')) or 'the cluster'}, and is no record of the "
            "code that was sent: " + "; ".join(f"{each.run} {each}" for each in adopted),
            remedy="let packages, data and variables be the same there; variables are set where Ray is started",
        )
    record = store.get(job.run)
    assert record, "it was just stored"
    # What to type to do it again, and of which checkout, nobody there can know.
    command = f"asrun run {job.run.snippet} --scale {job.run.scale}"
    return replace(record, provenance=replace(record.provenance, commit=sent.commit, command=command))


def _error_of(sent: _Sent, job: _Job, reply: Any) -> AsrunError | None:
    """Return the error that a worker told of, and keep its log."""
    error = reply.get("error")
    if not isinstance(error, dict):
        return None
    where = error["where"] if isinstance(error.get("where"), dict) else {}
    path, line = where.get("path"), where.get("line")
    if isinstance(error.get("log"), str):
        log = sent.here.cache / "logs" / f"{job.run.snippet}-{job.run.scale}-{job.run.device}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(error["log"], "utf-8", "backslashreplace")
    return AsrunError(
        _printable(error.get("what")) or f"{job.run} failed, and did not say how",
        where=Where(_printable(path), line if isinstance(line, int) else None) if isinstance(path, str) else None,
        remedy=_printable(error.get("remedy")) or None,
    )


def _printable(text: Any) -> str:
    """Return a text without what a terminal would take for commands."""
    return (
        "".join(each if each.isprintable() or each == "\n" else " " for each in text) if isinstance(text, str) else ""
    )
