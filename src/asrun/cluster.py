"""Send runs to a Ray cluster: `asrun run … --on ray://HOST:PORT`.

    here                                      a worker of the cluster
    the project's own files, packed  ──────>  unpacked into a temporary folder
    one Ray task a run               ──────>  run_snippet, redraw: as on this machine, in a process of its own
    store  <── checks  <── a bundle  <──────  the record and its figures, or what went wrong

The cluster gives each task what it needs: a core, or as many as NEEDS say, and on cuda a GPU that no other task has. What
comes back is a bundle, and is checked like any stranger's: it must be a record of the code that was sent. What is lost
with its worker or its node is run again; what fails by itself is not.

Ray carries Python objects in both directions; here these are bytes. Connect only to clusters that you trust all the
same: whoever runs one can make Ray's own client execute what they like.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import socket
import tempfile
import threading
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from asrun import __version__, bundle, freshness
from asrun.errors import AsrunError, Problems
from asrun.key import folders
from asrun.model import Record, RunName, Snippet, Where
from asrun.parallel import ON_CLUSTER
from asrun.project import Project, read_project
from asrun.runner import commit, redraw, run_snippet
from asrun.snippet import find_snippet
from asrun.store import Store

__all__ = ["Cluster", "connect", "pack", "run_on", "unpack"]

PATIENCE = 30.0
"""Seconds in which a cluster that can be reached must have let us in."""

ATTEMPTS = 4
"""How often a run is begun whose worker is lost each time."""

LARGEST_PROJECT = 64 * 2**20
"""Bytes that a project's own files may have to be sent."""

_LARGEST_REPLY = 2 * bundle.LARGEST_BUNDLE
_NEWS_EVERY = 0.5


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to.

    Arguments:
        address: As it was typed.
        nodes: What each node has: `{"CPU": 8.0, "GPU": 1.0, …}`.
    """

    address: str
    nodes: tuple[dict[str, float], ...]

    def choose_device(self, snippet: Snippet, wanted: str | None) -> str:
        """Return the device class to run on there: as asked for, or a GPU if the snippet can use one and there is one.

        Raises:
            AsrunError: when the snippet and the cluster do not fit.
        """
        needs, gpus = snippet.needs.get("gpu"), any(node.get("GPU", 0) >= 1 for node in self.nodes)
        device = wanted or ("cuda" if needs and gpus else "cpu")
        if device == "cuda" and not gpus:
            raise AsrunError(
                f"{snippet.name} cannot run on cuda: no node of the cluster at {self.address} has a GPU",
                remedy="leave --device out, or add a node: ray start --address=… --num-gpus=1",
            )
        if device == "cpu" and needs == "required":
            raise AsrunError(
                f"{snippet.name} needs a GPU, and this is a run on the CPU",
                remedy="send it to a cluster with an NVIDIA GPU; its NEEDS say gpu: required",
            )
        return device

    def check_room(self, run: RunName, needs: dict[str, float]) -> None:
        """Refuse what no node could ever run: Ray would let it wait for ever.

        Raises:
            AsrunError: naming what is needed.
        """
        if not any(all(node.get(name, 0) >= amount for name, amount in needs.items()) for node in self.nodes):
            wanted = ", ".join(f"{amount:g} {name}" for name, amount in needs.items() if amount)
            raise AsrunError(
                f"no node of the cluster at {self.address} can run {run}, which needs {wanted}",
                remedy="add a larger node, or let the snippet's NEEDS ask for less",
            )


def resources(snippet: Snippet, run: RunName) -> dict[str, float]:
    """Return what a run takes of a node, in Ray's words: a GPU of its own on cuda; a core, or what NEEDS say.

    Raises:
        AsrunError: when NEEDS ask for cores that nobody can count.
    """

    def need(name: str, default: float) -> Any:
        value = snippet.needs.get(name, default)
        return value.get(run.scale, default) if isinstance(value, dict) else value

    cores = need("cpus", 1)
    if not isinstance(cores, int) or isinstance(cores, bool) or cores < 1:
        raise AsrunError(
            f"{snippet.name} needs {cores!r} cpus", remedy='write NEEDS = {"cpus": 4}, or {"cpus": {"full": 4}}'
        )
    memory = {"memory": float(1e9 * need("memory", 0))} if "memory" in snippet.needs else {}
    return {"CPU": float(cores), "GPU": 1.0 if run.device == "cuda" else 0.0} | memory


def _ray() -> Any:
    # Ray announces how it will one day treat this; nothing here depends on it, as asrun hides GPUs itself.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.util.client
    except ImportError as error:
        raise AsrunError(
            f"--on needs Ray, which cannot be imported here: {error}", remedy='pip install "asrun[cluster]"'
        ) from error
    return ray


@contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to a running cluster.

    Arguments:
        address: `ray://HOST:10001` from anywhere; `HOST:6379` or `auto` on a machine that is a node of it.

    Raises:
        AsrunError: when there is none, or its Ray or Python is another one.
    """
    ray = _ray()
    if ray.is_initialized():
        raise AsrunError("this process is connected to a Ray cluster already", remedy="use one cluster at a time")
    _knock(address)
    came: list[BaseException | None] = []

    def enter() -> None:
        try:
            with warnings.catch_warnings():
                # What Ray warns of while it connects is told by its exception, too.
                warnings.simplefilter("ignore")
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
            came.append(None)
        except BaseException as error:
            came.append(error)

    # In a thread: a port at which something else listens lets Ray wait for minutes.
    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not came or came[0]:
        error = came[0] if came else None
        told = f"{error or type(error).__name__}".strip().split("\n")[0] if error else "it did not answer"
        raise _no_cluster(address, told) from error
    try:
        yield Cluster(address, tuple(node["Resources"] for node in ray.nodes() if node["Alive"]))
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Find out at once whether anybody listens."""
    if address == "auto":
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit() or "://" in host:
        raise AsrunError(
            f"{address} is not the address of a Ray cluster", remedy="write ray://HOST:10001, HOST:6379 or auto"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, str(error)) from error


def _no_cluster(address: str, told: str) -> AsrunError:
    return AsrunError(
        f"there is no Ray cluster to be reached at {address} ({told})",
        remedy="start one: ray start --head; its client port is 10001: --on ray://HOST:10001; "
        "Ray and Python must have the same version here and there",
    )


# What is sent


def pack(project: Project) -> bytes:
    """Pack the project's own files: not its records, its site, its data folders, nor anything hidden.

    Raises:
        AsrunError: when they are too large, or a source folder is not in the project.
    """
    for folder in project.sources:
        if not folder.resolve().is_relative_to(project.root):
            raise AsrunError(
                f"the source folder {folder} is not in the project, and cannot be sent to a cluster",
                where=Where("mkdocs.yml"),
                remedy="move it into the project, or install it as a package here and on the cluster",
            )
    data = {Path(os.path.abspath(os.environ[name])) for name in project.data_variables if os.environ.get(name)}
    apart = {project.records, project.site, project.cache, *data} - {project.root}
    files, sizes = [], Counter[str]()
    for name, inner, names in os.walk(project.root):
        folder = Path(name)
        inner[:] = sorted(
            each
            for each in inner
            if not each.startswith((".", "__pycache__", "node_modules"))
            and folder / each not in apart
            and not (folder / each / "pyvenv.cfg").exists()
        )
        for path in sorted(folder / each for each in names if not each.startswith(".")):
            if path.is_file() and path not in apart:
                files.append(path)
                sizes[path.relative_to(project.root).parts[0]] += path.stat().st_size
    if (total := sum(sizes.values())) > LARGEST_PROJECT:
        largest = ", ".join(f"{name} ({size / 2**20:.0f} MiB)" for name, size in sizes.most_common(3))
        raise AsrunError(
            f"the project's own files are too large to be sent to a cluster: {total / 2**20:.0f} MiB, and "
            f"{LARGEST_PROJECT // 2**20} MiB is the most; the largest are {largest}",
            remedy="move data into a folder that one of the data_variables in mkdocs.yml names, here and on the cluster",
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            # Without times: the same files always make the same bytes.
            archive.writestr(zipfile.ZipInfo(path.relative_to(project.root).as_posix()), path.read_bytes())
    return packed.getvalue()


def unpack(packed: bytes, root: Path) -> Project:
    """Unpack a project into an empty folder, and read it."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(root)
    return read_project(root)


# On a worker


class _News:
    """Keeps what runs printed last until somebody asks: a Ray actor."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[str, str]] = {}

    def tell(self, run: str, host: str, text: str) -> None:
        self._latest[run] = (host, text)

    def take(self) -> dict[str, tuple[str, str]]:
        latest, self._latest = self._latest, {}
        return latest


class _Reporter:
    """Passes on what a run prints, but not more often than anybody reads."""

    def __init__(self, news: Any, run: str, host: str):
        self._news, self._run, self._host = news, run, host
        self._text, self._told = "", ""
        self._done = threading.Event()
        threading.Thread(target=self._report, daemon=True).start()

    def __call__(self, text: str) -> None:
        self._text = text[:400]

    def close(self) -> None:
        self._done.set()

    def _report(self) -> None:
        while not self._done.wait(_NEWS_EVERY):
            if (text := self._text) != self._told:
                self._told = text
                # Whether anybody hears it is not what a run depends on.
                with suppress(Exception):
                    self._news.tell.remote(self._run, self._host, text)


def _work(request: bytes, packed: bytes, news: Any) -> bytes:
    """Run a snippet of a project that was sent here; return a bundle of its record, or what went wrong, as JSON."""
    import ray

    job, host = json.loads(request), socket.gethostname()
    if job["asrun"] != __version__:
        return json.dumps(
            {"host": host, "error": {"what": f"{host} has asrun {__version__}, not {job['asrun']}"}}
        ).encode()
    ray.get(news.tell.remote(job["run"], host, f"starts on {host}"))
    reporter = _Reporter(news, job["run"], host)
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="asrun-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve() / "project"
        reply: dict[str, Any] = {"host": host}
        try:
            project = unpack(packed, root)
            # Ray says who has which GPU, not the lock by which runs on one machine take turns.
            tempfile.tempdir = folder
            os.environ[ON_CLUSTER] = json.dumps(
                {
                    "address": ray.get_runtime_context().gcs_address,
                    "root": str(root),
                    "folders": [project.relative(each) for each in folders(project)],
                    "data": project.data_variables,
                }
            )
            _record(project, job, reporter, reply)
        except AsrunError as error:
            reply["error"] = _told(error, project, job, host)
        finally:
            reporter.close()
            tempfile.tempdir = before
            os.environ.pop(ON_CLUSTER, None)
    # Where the project is here means nothing to anybody else.
    return json.dumps(reply).replace(json.dumps(str(root))[1:-1], json.dumps(job["root"])[1:-1]).encode()


def _record(project: Project, job: dict[str, Any], listener: Callable[[str], None], reply: dict[str, Any]) -> None:
    """Make a record; what can be kept of it is in the reply even if it cannot be drawn."""
    snippet, store = find_snippet(job["snippet"], project), Store(project)
    record = run_snippet(project, snippet, job["scale"], job["device"], listener)
    path = project.root.parent / "record.tar.gz"
    try:
        store.put(record)
        if snippet.plots:
            store.put(redraw(project, snippet, record, listener))
    finally:
        bundle.pack(project, store, [record.run], path)
        reply["bundle"] = base64.b64encode(path.read_bytes()).decode()


def _told(error: AsrunError, project: Project, job: dict[str, Any], host: str) -> dict[str, Any]:
    """Describe an error, with its log, and with what of the data is not on this worker."""
    log = project.cache / "logs" / f"{job['snippet']}-{job['scale']}-{job['device']}.txt"
    lacking = [name for name in job["data"] if not Path(os.environ.get(name) or "/nowhere").is_dir()]
    if lacking or "FileNotFoundError" in error.what:
        states = [f"{name} is {os.environ.get(name) or 'not set'}" for name in lacking or project.data_variables]
        state = f" There, {', '.join(states)}; set it where Ray is started." if states else ""
        remedy = f"it ran on {host}: is its data there?{state}" + (f"\n    {error.remedy}" if error.remedy else "")
    else:
        remedy = error.remedy or ""
    return {
        "what": error.what,
        "where": asdict(error.where) if error.where else None,
        "remedy": remedy or None,
        "log": log.read_text("utf-8") if log.is_file() else None,
    }


# Here


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
) -> Iterator[Record]:
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
        for job, outcome in _replies(sent, made, tell, notice):
            tell(str(job.run), "")
            try:
                record = _understood(sent, job, outcome)
                freshness.forget_failure(project, job.run)
                store.put(record)
                if error := _error_of(sent, job, outcome):
                    raise error
                yield record
            except AsrunError as error:
                errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Problems(errors)


def _replies(
    sent: _Sent, jobs: Sequence[_Job], tell: Callable[[str, str], None], notice: Callable[[str], None]
) -> Iterator[tuple[_Job, dict[str, Any] | AsrunError]]:
    """Start a task for each job, pass on what they print, begin again what is lost; yield what each came to."""
    ray = _ray()
    news = ray.remote(_News).options(num_cpus=0, max_restarts=-1).remote()
    packed, task = ray.put(sent.packed), ray.remote(_work)
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
        asked = news.take.remote()
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1, timeout=_NEWS_EVERY)
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
    finally:
        for each in waiting:
            # Not by force: a worker that is asked ends the snippet and tidies up.
            with suppress(Exception):
                ray.cancel(each)
        if waiting:
            with suppress(Exception):
                ray.wait(list(waiting), num_returns=len(waiting), timeout=10)


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
        what = str(getattr(error, "cause", None) or error).strip().split("\n")[-1]
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
        freshness.note_failure(sent.here, job.snippet, job.run, error)
        raise error
    path, store = sent.folder / f"{job.run.snippet}-{job.run.scale}-{job.run.device}.tar.gz", Store(sent.project)
    try:
        path.write_bytes(base64.b64decode(outcome["bundle"], validate=True))
    except ValueError as error:
        raise AsrunError(f"{job.run} came back as something that is no record ({error})", remedy=_SAME) from error
    adopted = bundle.adopt(sent.project, store, path, replace=True)
    if [each.run for each in adopted] != [job.run] or adopted[0].outcome is not bundle.Outcome.ADOPTED:
        raise AsrunError(
            f"{job.run} came back from {job.host or 'the cluster'} and is not a record of the code that was sent: "
            + "; ".join(f"{each.run} {each}" for each in adopted),
            remedy="let packages, data and environment variables be the same there; variables are set where Ray is started",
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
