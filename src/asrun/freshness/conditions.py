"""Is a record still true of the code, the parameters and the data as they are now? And if not, why?"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from typing import Any

from asrun.errors import AsrunError
from asrun.freshness import failures
from asrun.freshness.key import (
    ABSENT,
    ELSEWHERE,
    changed_variables,
    code,
    data_digest,
    locate,
    plot_code,
    sources,
)
from asrun.freshness.reach import Entry, PassedBy, compare, merge, reach
from asrun.freshness.snippet import Survey, cheapest_scale, survey
from asrun.freshness.sources import Sources
from asrun.model import Condition, Digests, Key, Record, RunName, Snippet, State
from asrun.project import Project
from asrun.records.store import Store

__all__ = [
    "attempted",
    "differences",
    "drawing_condition",
    "judge_records",
    "judged",
    "other_versions",
    "record_condition",
    "run_condition",
    "without_snippet",
]


def judge_records(
    project: Project,
    store: Store | None = None,
    *,
    drawn: bool = False,
    strict_versions: bool = False,
    read: Sources | None = None,
) -> dict[RunName, Condition]:
    """Return the condition of every record there is, and of every cheapest scale that has none.

    A missing record is one that a build would make: a snippet's last preferred scale, when it has no record at all.
    What cannot be read, a record, its snippet or a module that it uses, is broken, and keeps nothing else back.

    Arguments:
        project: The project.
        store: Its records, where somebody has read them already.
        drawn: Whether a record whose values are fresh, but whose figures are not, is called stale.
        strict_versions: Whether a record made with other versions of Python or packages than there are here is.
        read: The project's modules, where they were read a moment ago.

    Returns:
        Conditions by run, sorted.

    Examples:
        >>> for run, condition in judge_records(find_project()).items():
        ...     print(f"{run}: {condition}")
        answer (quick, cpu): missing: never run
        coin (quick, cpu): fresh
    """
    store = store or Store(project)
    # What snippets share is read once for all of them.
    read = read or sources(project)
    surveyed = survey(project, read)
    recorded = store.list()
    found = {}
    for run in recorded:
        snippet = surveyed.found.get(run.snippet)
        if snippet is None or run.scale not in snippet.scales:
            found[run] = without_snippet(run, surveyed)
            continue
        try:
            found[run] = run_condition(project, snippet, run, store, read=read)
            record = store.get(run)
            if drawn and record and found[run].state is State.FRESH:
                drawing = drawing_condition(project, snippet, record, read=read)
                if drawing.state is not State.FRESH:
                    found[run] = Condition(State.STALE, f"figures: {drawing.reason}")
            if strict_versions and record and found[run].state is State.FRESH and (other := other_versions(record)):
                found[run] = Condition(State.STALE, "; ".join(other))
        except AsrunError as error:
            found[run] = _broken(error)
    scales = {(run.snippet, run.scale) for run in recorded}
    for snippet in surveyed.found.values():
        scale = cheapest_scale(snippet, project)
        if (snippet.name, scale) not in scales:
            run = RunName(snippet.name, scale, project.devices[-1])
            try:
                found[run] = run_condition(project, snippet, run, store, read=read)
            except AsrunError as error:
                found[run] = _broken(error)
    return dict(sorted(found.items()))


def without_snippet(run: RunName, surveyed: Survey) -> Condition:
    """Return the condition of a record whose snippet or scale is gone, or cannot be read."""
    if (error := surveyed.broken.get(run.snippet)) is not None:
        return _broken(error)
    what = f"scale {run.scale} in {run.snippet}" if run.snippet in surveyed.found else f"snippet {run.snippet}"
    return Condition(State.UNUSED, f"there is no {what} any more")


def _broken(error: AsrunError) -> Condition:
    return Condition(State.BROKEN, error.sentence)


def run_condition(
    project: Project, snippet: Snippet, run: RunName, store: Store, *, read: Sources | None = None
) -> Condition:
    """Return the condition of one run's record."""
    record = store.get(run)
    condition = Condition(State.MISSING, "never run")
    if record:
        condition = record_condition(project, snippet, record, read=read)
    return failures.considered(project, run, condition, lambda: attempted(project, snippet, run))


def record_condition(project: Project, snippet: Snippet, record: Record, *, read: Sources | None = None) -> Condition:
    """Compare a record with the code, parameters and data as they are now.

    Arguments:
        project: The project.
        snippet: The record's.
        record: What is compared.
        read: The project's modules, where they were read for other records a moment ago.
    """
    return _once(read, "values", record, lambda: _record_condition(project, snippet, record, read))


def _once(read: Sources | None, what: str, record: Record, judge: Callable[[], Condition]) -> Condition:
    """Judge a record once for as long as the modules that were read are looked at."""
    if read is None:
        return judge()
    # The record is kept beside its condition, so that no other one can have its identity.
    return read.once((what, id(record)), lambda: (record, judge()))[1]


def _record_condition(project: Project, snippet: Snippet, record: Record, read: Sources | None) -> Condition:
    if record.damaged:
        names = ", ".join(sorted(record.damaged))
        return Condition(State.FAILED, f"{names} changed by hand: not what the run wrote")
    reasons = []
    if "run" not in record.code.get(project.relative(snippet.path), {}):
        # Nothing that is noted beside could make up for that.
        reasons.append("its key does not say what ran")
    parameters = snippet.scales.get(record.run.scale, {})
    for name in {**record.parameters, **parameters}:
        before, now = record.parameters.get(name), parameters.get(name)
        if before != now:
            reasons.append(f"{name} was {before!r}, is {now!r}")
    entry = Entry(snippet.path, "run")
    return judged(reasons + differences(project, record, entry, read or sources(project), record.run.device))


def judged(reasons: list[str]) -> Condition:
    """Return the condition of what is not as it was for these reasons, if there are any."""
    return Condition(State.STALE, "; ".join(reasons)) if reasons else Condition(State.FRESH)


def differences(project: Project, key: Key, entry: Entry, read: Sources, device: str) -> list[str]:
    """Compare what decided a run with the code, the data and the environment as they are now; say what differs.

    Arguments:
        project: Whose run.
        key: What decided it.
        entry: Where its code begins.
        read: The project's own modules as they are now.
        device: The device class of the run.
    """
    return [
        *compare(key.code, _code_now(key, entry, read)),
        *_changed_files(project, key.files),
        *changed_variables(project, key.environment, device),
    ]


def other_versions(record: Record) -> list[str]:
    """Say which versions differ between where a record was made and here: `torch was 2.11.0, is 2.13.0`."""
    told = []
    for package, then in record.provenance.versions.items():
        if package == "python":
            now = platform.python_version()
        else:
            try:
                now = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                # CUDA is no package; and what is not installed has no version here that could differ.
                continue
        if now != then:
            told.append(f"{package} was {then}, is {now}")
    return told


def drawing_condition(project: Project, snippet: Snippet, record: Record, *, read: Sources | None = None) -> Condition:
    """Compare a record's figures with the code that draws them."""
    return _once(read, "drawing", record, lambda: _drawing_condition(project, snippet, record, read))


def _drawing_condition(project: Project, snippet: Snippet, record: Record, read: Sources | None) -> Condition:
    if not snippet.plots:
        return Condition(State.FRESH)
    if not record.figures:
        return Condition(State.MISSING, "not drawn yet")
    reasons = compare(record.plot_code, plot_code(project, snippet, read=read))
    return judged(reasons + _changed_files(project, record.plot_files))


def _code_now(key: Key, entry: Entry, read: Sources) -> dict[str, Digests]:
    """Return what a run reaches now, and the modules that it imported then without being led there by name."""
    before, root = key.code, read.root
    now = code(entry, read, without=PassedBy(dict(key.passed_by), key.not_imported, dict(key.reached_otherwise)))
    absent = (root / file for file in before if file not in now and file.endswith(".py"))
    unreached = [path for path in absent if path.is_file() and path.resolve().is_relative_to(root)]
    if not unreached:
        return now
    whole = reach(root, [], folders=read.folders, root=root, also=unreached, sources=read)
    if all(before.get(file, {}).get(name) == digests[name] for file, digests in now.items() for name in digests):
        # What names lead to is as it was: these modules were seen to be imported without that, and count whole.
        return merge(now, whole)
    # A module whose every definition is as it was counts as before, whether or not a name still leads to it.
    return merge(now, {file: digests for file, digests in whole.items() if before.get(file) == digests})


def _changed_files(project: Project, files: Digests) -> list[str]:
    """Say which data is not as it was: files, the names in folders (`data/`), files that were not there before."""
    reasons = []
    for name, digest in files.items():
        path = locate(name, project)
        if path == project.root:
            # Records of the first days took a folder that was being deleted for this one.
            continue
        if path.exists():
            if data_digest(path) != digest:
                what = "has appeared" if digest == ABSENT else "changed"
                reasons.append(f"{name} {'lists other names' if name.endswith('/') else what}")
        elif digest != ABSENT and not name.startswith(("$", "~", ELSEWHERE)) and "/" in name:
            # A data file outside the project may not be on this machine; one of the project's own must be.
            reasons.append(f"{name} is gone")
    return reasons


def attempted(project: Project, snippet: Snippet, run: RunName) -> dict[str, Any]:
    """Return what an author changes to mend a run that failed."""
    return {
        "code": code(Entry(snippet.path, "run"), sources(project)),
        "parameters": snippet.scales.get(run.scale),
        "needs": snippet.needs,
    }
