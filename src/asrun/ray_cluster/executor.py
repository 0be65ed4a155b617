"""Sends runs to a Ray cluster, as `asrun run … --on ray://HOST:PORT` asks: one task a run.

The cluster gives each task what it needs: a core, or as many as NEEDS say, and on cuda a GPU that no other task has.
What is lost with its worker or its node is run again, as long as a node is left that can; what fails by itself is not.
What travels, and how it is checked, is in `asrun.remote.sending`.

Ray carries Python objects in both directions; here these are bytes. Connect only to clusters that you trust all the
same: whoever runs one can make Ray's own client execute what they like.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from asrun.errors import AsrunError
from asrun.executors.protocol import Done, Executor, Job, Notice
from asrun.freshness import needs
from asrun.model import RunName, Snippet, Where
from asrun.project import Project
from asrun.ray_cluster import task
from asrun.ray_cluster.connection import connected, load_ray
from asrun.records.store import Store
from asrun.remote.sending import SAME, Sent, printable, sent
from asrun.running.follow import Telling

__all__ = ["Cluster", "opened", "resources"]

ATTEMPTS = 4
"""How often a run is begun whose worker is lost each time."""

LOOK_EVERY = 5.0
"""Seconds between two looks at which nodes there are."""


@contextmanager
def opened(address: str) -> Iterator[Cluster]:
    """Connect to a running cluster.

    Arguments:
        address: `ray://HOST:10001` from anywhere; `HOST:6379` or `auto` on a machine that is a node of it.

    Raises:
        AsrunError: when there is none, or its Ray or Python is another one.
    """
    with connected(address) as ray:
        yield Cluster(address, _nodes(ray))


def _nodes(ray: Any) -> tuple[dict[str, float], ...]:
    return tuple(node["Resources"] for node in ray.nodes() if node["Alive"])


@dataclass(frozen=True)
class Cluster(Executor):
    """A Ray cluster that this process is connected to: a place where runs are done.

    Arguments:
        address: As it was typed.
        nodes: What each node has: `{"CPU": 8.0, "GPU": 1.0, …}`.
    """

    address: str
    nodes: tuple[dict[str, float], ...]

    def choose_device(self, snippet: Snippet, wanted: str | None, took: Mapping[str, float]) -> str:
        """Return the device class to run on there: as asked for, or a GPU if the snippet can use one and there is one.

        Raises:
            AsrunError: when the snippet and the cluster do not fit.
        """
        return needs.choose_device(
            snippet,
            wanted,
            has_gpu=lambda: self.has_room({"GPU": 1}),
            lacking=f"no node of the cluster at {self.address} has a GPU",
            remedy="leave --device out, or add a node: ray start --address=… --num-gpus=1",
            took=took,
        )

    def has_room(self, wanted: dict[str, float]) -> bool:
        """Is there a node that has all this, even if others use it at the moment?"""
        return any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in self.nodes)

    def check_room(self, run: RunName, wanted: dict[str, float], *, lost: str = "") -> None:
        """Refuse what no node could ever run: Ray would let it wait for ever.

        Arguments:
            run: What is to be run.
            wanted: What it takes of a node, see `resources`.
            lost: What became of the node that had it.

        Raises:
            AsrunError: naming what is needed.
        """
        if not self.has_room(wanted):
            named = ", ".join(f"{amount:g} {name}" for name, amount in wanted.items() if amount)
            raise AsrunError(
                f"no node of the cluster at {self.address} can run {run}, which needs {named}"
                + (f"; {lost}" if lost else ""),
                remedy="add a larger node, or let the snippet's NEEDS ask for less",
            )

    def now(self) -> Cluster:
        """Return the cluster with the nodes that it has now: some are lost, others join."""
        return replace(self, nodes=_nodes(load_ray()))

    def run(
        self, project: Project, store: Store, jobs: Sequence[Job], tell: Telling, notice: Notice
    ) -> Generator[Done, None, None]:
        """Do all jobs; see `asrun.executors.protocol.Executor`. What no node could ever run is refused at once."""
        tries = [_Try(job, resources(job.snippet, job.run)) for job in jobs]
        for each in tries:
            self.check_room(each.run, each.needs)
        with (
            sent(project) as parcel,
            closing(_replies(self, parcel, tries, tell, notice)) as replies,
            self._told_when_lost(),
        ):
            for each, reply in replies:
                tell(str(each.run), "")
                try:
                    outcome = reply if isinstance(reply, AsrunError) else parcel.receive(each.run, reply, store)
                except AsrunError as error:
                    outcome = error
                yield Done(each.job, outcome)

    @contextmanager
    def _told_when_lost(self) -> Iterator[None]:
        """Tell that the connection is lost: with its head a cluster loses all that it knew."""
        try:
            yield
        except ConnectionError as error:
            raise AsrunError(
                f"the connection to the cluster at {self.address} was lost ({error})",
                remedy="what came in before is stored; start the cluster's head if it is down, and run the rest again",
            ) from error


def resources(snippet: Snippet, run: RunName) -> dict[str, float]:
    """Return what a run takes of a node, in Ray's words: a GPU of its own on cuda; a core, or what NEEDS say."""
    memory = needs.need(snippet, "memory", run.scale)
    return {"CPU": needs.need(snippet, "cpus", run.scale) or 1.0, "GPU": 1.0 if run.device == "cuda" else 0.0} | (
        {"memory": 1e9 * memory} if memory else {}
    )


@dataclass
class _Try:
    """A job, and what became of the workers that had it."""

    job: Job
    needs: dict[str, float]
    host: str = ""
    lost: list[str] = field(default_factory=list)

    @property
    def run(self) -> RunName:
        return self.job.run


def _replies(
    cluster: Cluster, parcel: Sent, tries: Sequence[_Try], tell: Telling, notice: Notice
) -> Generator[tuple[_Try, object], None, None]:
    """Start a task for each job, pass on what they print, begin again what is lost; yield what each came to."""
    ray = load_ray()
    news = ray.remote(task.News).options(num_cpus=0, max_restarts=-1).remote()
    packed, remote = ray.put(parcel.packed), ray.remote(task.run)
    waiting: dict[Any, _Try] = {}

    def begin(each: _Try) -> None:
        needs = {"num_cpus": each.needs["CPU"], "num_gpus": each.needs["GPU"], "memory": each.needs.get("memory")}
        # Ray would also begin it again, but would not tell.
        options = remote.options(**needs, max_retries=0, name=f"asrun: {each.run}")
        waiting[options.remote(parcel.request(each.run), packed, news)] = each
        tell(str(each.run), "waits for a place on the cluster")

    try:
        for each in tries:
            begin(each)
        asked, looked = news.take.remote(), time.monotonic()
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1, timeout=task.NEWS_EVERY)
            if ray.wait([asked], timeout=0)[0]:
                _pass_on(ray, asked, waiting.values(), tell)
                asked = news.take.remote()
            for reference in done:
                each = waiting.pop(reference)
                reply = _result(ray, reference, each)
                if reply is None and len(each.lost) < ATTEMPTS:
                    notice(f"{each.run} is begun again: {each.lost[-1]}")
                    begin(each)
                else:
                    yield each, _lost(each) if reply is None else reply
            if time.monotonic() - looked > LOOK_EVERY:
                looked, now = time.monotonic(), cluster.now()
                for reference, each in list(waiting.items()):
                    if error := _no_room(now, each):
                        del waiting[reference]
                        ray.cancel(reference)
                        yield each, error
    finally:
        for reference in waiting:
            # Not by force: a worker that is asked ends the snippet and tidies up.
            with suppress(Exception):
                ray.cancel(reference)
        if waiting:
            with suppress(Exception):
                ray.wait(list(waiting), num_returns=len(waiting), timeout=10)


def _no_room(cluster: Cluster, each: _Try) -> AsrunError | None:
    """Return an error when every node is lost that could run a job: Ray would wait for another one for ever."""
    try:
        cluster.check_room(each.run, each.needs, lost=each.lost[-1] if each.lost else "")
    except AsrunError as error:
        return error
    return None


def _pass_on(ray: Any, asked: Any, waiting: Iterable[_Try], tell: Telling) -> None:
    try:
        latest = ray.get(asked)
    except ray.exceptions.RayError:
        # It lived on a node that was lost; Ray starts it anew.
        return
    for each in waiting:
        if told := latest.get(str(each.run)):
            each.host = printable(told[0])
            tell(str(each.run), printable(told[1]))


def _result(ray: Any, reference: Any, each: _Try) -> object:
    """Return what a task came to, or an error; None when it was lost with its worker or its node."""
    try:
        return ray.get(reference)
    except (ray.exceptions.RayTaskError, ray.exceptions.TaskCancelledError) as error:
        cause = getattr(error, "cause", None) or error
        what = printable(f"{type(cause).__name__}: {cause}".strip().split("\n")[0])
        return AsrunError(f"{each.run}: its worker cannot do what is asked of it ({what})", remedy=SAME)
    except ConnectionError as error:
        return AsrunError(f"{each.run}: the connection to the cluster was lost ({error})", remedy="run it again")
    except ray.exceptions.RayError as error:
        each.lost.append(f"{each.host or 'its worker'} was lost ({type(error).__name__})")
        return None


def _lost(each: _Try) -> AsrunError:
    return AsrunError(
        f"{each.run} was begun {len(each.lost)} times, and each time {each.lost[-1]}",
        where=Where(f"snippets/{each.run.snippet}.py"),
        remedy='it may need more memory than a worker has: say how much, NEEDS = {"memory": 8} (in GB)',
    )
