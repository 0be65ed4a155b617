"""What decides a record, code and data files, under names that mean the same on every machine."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from asrun.freshness.executed import Entry, executed, importable
from asrun.freshness.sources import Sources
from asrun.model import Digests, Key, Ran, Record, Snippet
from asrun.project import Project
from asrun.records.secrecy import is_secret

__all__ = [
    "ABSENT", "ELSEWHERE", "changed_variables", "code_now", "code_of_run", "data_digest", "data_digests", "file_digest",
    "folders", "given_to_all", "key_of_run", "locate", "plot_code_now", "possible_code", "sources", "variable_digest",
    "variable_digests", "with_style",
]  # fmt: skip

ELSEWHERE = "…/"
"""Starts the name of a data file outside of every folder that has a name on all machines: it is taken on trust."""


def folders(project: Project) -> list[Path]:
    """Return where the project's own modules are found, as on `sys.path`."""
    return [project.snippets, *project.sources]


def sources(project: Project) -> Sources:
    """Return the project's own modules as they are now, for several snippets that share them."""
    return Sources(folders(project), project.root)


def possible_code(entry: Entry, read: Sources) -> tuple[dict[str, Digests], Ran]:
    """Return the digests of all that a run may come to execute, and the files: what counts where nobody watched."""
    files = importable(read, [entry.path])
    return executed(read, files, entry), {read.shown(path): None for path in files}


def code_now(ran: Ran, entry: Entry, read: Sources) -> dict[str, Digests]:
    """Return the digests of what was executed once, as it is now.

    Arguments:
        ran: The functions that were called, by file.
        entry: Where it began.
        read: The project's own modules as they are now.
    """
    files = {read.root / file: None if labels is None else frozenset(labels) for file, labels in ran.items()}
    return executed(read, files, entry)


def code_of_run(entry: Entry, read: Sources, report: dict[str, Any]) -> tuple[dict[str, Digests], Ran]:
    """Return what a run executed: the digests of it, and the functions that it called, by file.

    Arguments:
        entry: Where it began.
        read: The project's own modules, as the run finds them.
        report: What the run's process told of it: each file as it was when it was loaded.
    """
    texts = {Path(file): told["text"].encode("utf-8", "surrogateescape") for file, told in report["executed"].items()}
    read = read.as_loaded(texts)
    ran: dict[Path, Set[str] | None] = {}
    for path in texts:
        called = report["executed"][str(path)]["called"]
        labels = {read.code(path).label_at(name, line) for name, line in called or ()}
        ran[path] = None if called is None else frozenset(filter(None, labels))
    if report["elsewhere"]:
        # Other processes may have executed what nobody here saw.
        ran |= importable(read, [entry.path, *ran])
    if entry.instead is not None:
        ran.pop(entry.path, None)
    told = {read.shown(path): None if labels is None else sorted(labels) for path, labels in sorted(ran.items())}
    return executed(read, ran, entry), told


def with_style(code: dict[str, Digests], read: Sources) -> dict[str, Digests]:
    """Add the house style to what draws a record."""
    from asrun.freshness.style import style_digest

    return code | {"asrun": {"figure style": read.once(style_digest, style_digest)}}


def plot_code_now(snippet: Snippet, record: Record, read: Sources) -> dict[str, Digests]:
    """Return the digests of what drew a record, as it is now, the house style included."""
    return with_style(code_now(record.plot_ran, Entry(snippet.path, "plot"), read), read)


def key_of_run(project: Project, entry: Entry, read: Sources, report: dict[str, Any], device: str) -> Key:
    """Return what decided what a run came to: what it executed, and what it was seen to read.

    Arguments:
        project: Whose run.
        entry: Where its code begins.
        read: The project's own modules, as the run finds them.
        report: What the run's process told of it.
        device: The device class of the run.
    """
    code, ran = code_of_run(entry, read, report)
    return Key(
        code=code,
        ran=ran,
        files=data_digests(project, report),
        environment=variable_digests(project, report["variables"], device),
    )


def locate(name: str, project: Project) -> Path:
    """Return where a data file that a record names is on this machine."""
    if name.startswith("$"):
        variable, _, rest = name[1:].partition("/")
        return Path(os.environ.get(variable, "/nowhere")) / rest
    if name.startswith(ELSEWHERE):
        return Path("/nowhere") / name
    return Path(name).expanduser() if name.startswith("~") else project.root / name


ABSENT = "absent"
"""The digest of a file that was looked for and was not there."""

CHANGED = "changed"
"""The digest of a file that became another one while the run went on: nobody knows which of the two it read."""

_LEFT_BEHIND = frozenset(
    ["__pycache__", ".asrun", ".git", ".venv", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache",
     ".DS_Store"]
)  # fmt: skip
"""Names that tools leave in folders: nobody means them who lists a folder."""


def data_digest(project: Project, path: Path) -> str:
    """Return a digest of a data file, of the names in a folder, or `ABSENT`."""
    if path.is_dir():
        made = (project.records, project.site, project.cache)
        there = (each for each in path.iterdir() if each.name not in _LEFT_BEHIND and each not in made)
        names = sorted(each.name + "/" * each.is_dir() for each in there)
        return hashlib.sha256("\n".join(names).encode()).hexdigest()
    return file_digest(path) if path.is_file() else ABSENT


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    stat = path.stat()
    return _file_digest(path, stat.st_size, stat.st_mtime_ns)


@functools.cache
def _file_digest(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_digests(project: Project, report: Mapping[str, Any]) -> Digests:
    """Take digests of the data that a run read, under names that mean the same on every machine.

    Arguments:
        project: Whose data.
        report: Paths of files that were `opened`, of those that `changed` since, each with its digest then
            where that is known, of folders that were `listed`, and of files that were `absent`.
    """
    digests = {}
    for kind in ("opened", "listed", "absent"):
        for path in map(Path, report.get(kind, ())):
            name = _portable(project, path)
            if kind == "listed" and path.is_relative_to(project.root):
                parts = path.relative_to(project.root).parts
                if path.is_relative_to(project.site) or _LEFT_BEHIND.intersection(parts):
                    continue
            # A file that is not there is no file of another machine's, whose folders have other names.
            if name and not (kind == "absent" and name.startswith(ELSEWHERE)):
                changed = report.get("changed", {}).get(str(path)) if kind == "opened" else None
                now = data_digest(project, path)
                digests[name + "/" * (kind == "listed")] = now if changed is None else changed or CHANGED
    return dict(sorted(digests.items()))


def _portable(project: Project, path: Path) -> str | None:
    """Return the name of a data file that means the same on every machine; None for what asrun itself keeps.

    The names in the project's own folder are such, too: what is built there, and by whom, decides no result.
    """
    roots = {f"${variable}": os.environ.get(variable) for variable in project.data_variables}
    named = {short: Path(os.path.abspath(folder)) for short, folder in roots.items() if folder}
    if path.is_relative_to(project.root) and not any(path.is_relative_to(folder) for folder in named.values()):
        if path == project.root or path.is_relative_to(project.cache) or path.is_relative_to(project.records):
            return None
        name = project.relative(path)
        return name if "/" in name else f"./{name}"
    named["~"] = Path(os.path.expanduser("~"))
    for short, folder in named.items():
        if path.is_relative_to(folder):
            return f"{short}/{path.relative_to(folder).as_posix()}"
    return ELSEWHERE + path.name


SET, NOT_SET = "set", "not set"
"""What stands in the place of a variable's digest: that it had a value, which is nobody's business, or had none."""


def given_to_all(device: str, style: Path | None = None) -> dict[str, str]:
    """Return the environment variables that every run has, whatever whoever starts it has: they decide nothing.

    All runs draw and hash in the same way, and have NVIDIA GPUs only on cuda.

    Arguments:
        device: The device class of the run.
        style: Where the house style of figures lies for it; without, this tells names alone.
    """
    given = {
        "MATPLOTLIBRC": str(style or ""),
        "MPLBACKEND": "agg",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    return given if device == "cuda" else given | {"CUDA_VISIBLE_DEVICES": ""}


def variable_digest(name: str, value: str | None) -> str:
    """Return a digest of an environment variable's value; of one that may be a secret, only whether it is set.

    A record is for everyone, and whoever has the digest of a short secret finds the secret by trying.
    """
    if value is None:
        return NOT_SET
    if is_secret(name, value):
        return SET
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def variable_digests(project: Project, names: Iterable[str], device: str) -> Digests:
    """Take digests of the environment variables that decide a result, as they are where the run was started.

    Those that name data folders do not, nor those that every run has.

    Arguments:
        project: Whose code asked for them.
        names: What it asked for.
        device: The device class of the run.
    """
    free = {*project.data_variables, *project.harmless_variables, *given_to_all(device)}
    return {name: variable_digest(name, os.environ.get(name)) for name in sorted({*names} - free)}


def changed_variables(project: Project, digests: Digests, device: str) -> list[str]:
    """Say which environment variables are not as they were when a run asked for them."""
    free = {*project.harmless_variables, *given_to_all(device)}
    return [
        f"the environment variable {name} changed"
        for name, digest in digests.items()
        if name not in free and not _is_as_before(name, digest)
    ]


def _is_as_before(name: str, digest: str) -> bool:
    value = os.environ.get(name)
    if value is None or digest in (SET, NOT_SET):
        return digest == (NOT_SET if value is None else SET)
    # Earlier records have digests of what looks like a secret, too.
    return digest == hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:16]
