"""What decides a record, code and data files, under names that mean the same on every machine."""

from __future__ import annotations

import os
from pathlib import Path

from asrun.fingerprint import file_digest, reach
from asrun.model import Digests, Snippet
from asrun.project import Project

__all__ = ["ELSEWHERE", "code", "file_digests", "folders", "locate", "plot_code", "unreached"]

ELSEWHERE = "…/"
"""Starts the name of a data file outside of every folder that has a name on all machines: it is taken on trust."""


def folders(project: Project) -> list[Path]:
    """Return where the project's own modules are found, as on `sys.path`."""
    return [project.snippets, *project.sources]


def code(project: Project, path: Path, function: str) -> dict[str, Digests]:
    """Return the digests of what one function of a snippet can reach."""
    return reach(path, [function], folders=folders(project), root=project.root)


def plot_code(project: Project, snippet: Snippet) -> dict[str, Digests]:
    """Return the digests of what decides how a record is drawn, the house style included."""
    from asrun.figure import style_digest

    return code(project, snippet.path, "plot") | {"asrun": {"figure style": style_digest()}} if snippet.plots else {}


def unreached(project: Project, reached: dict[str, Digests], modules: list[str]) -> dict[str, Digests]:
    """Return digests of whole modules that were imported though no name leads there: by importlib, or for effect."""
    loaded = [Path(file) for file in modules]
    # A package is entered with each of its modules; by itself it counts when nothing else of it was imported.
    within = {folder for path in loaded if path.name != "__init__.py" for folder in path.parents}
    also = [
        path
        for path in loaded
        if project.relative(path) not in reached and not (path.name == "__init__.py" and path.parent in within)
    ]
    found = reach(project.root, [], folders=folders(project), root=project.root, also=also) if also else {}
    return {file: digests | reached.get(file, {}) for file, digests in found.items()}


def locate(name: str, project: Project) -> Path:
    """Return where a data file that a record names is on this machine."""
    if name.startswith("$"):
        variable, _, rest = name[1:].partition("/")
        return Path(os.environ.get(variable, "/nowhere")) / rest
    if name.startswith(ELSEWHERE):
        return Path("/nowhere") / name
    return Path(name).expanduser() if name.startswith("~") else project.root / name


def file_digests(project: Project, opened: list[str]) -> Digests:
    """Name files so that the name means the same on every machine, and take their digests."""
    digests = {}
    for path in map(Path, opened):
        if path.is_relative_to(project.root):
            if path.is_relative_to(project.cache) or path.is_relative_to(project.records):
                continue
            name = project.relative(path)
            name = name if "/" in name else f"./{name}"
        else:
            roots = {f"${variable}": os.environ.get(variable) for variable in project.data_variables}
            roots["~"] = os.path.expanduser("~")
            name = next(
                (
                    f"{short}/{path.relative_to(os.path.abspath(folder)).as_posix()}"
                    for short, folder in roots.items()
                    if folder and path.is_relative_to(os.path.abspath(folder))
                ),
                ELSEWHERE + path.name,
            )
        digests[name] = file_digest(path)
    return dict(sorted(digests.items()))
