"""Read a snippet without running it: its question, its scales, its sections."""

from __future__ import annotations

import ast
import errno
import keyword
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError, did_you_mean
from asrun.freshness.key import sources
from asrun.freshness.needs import check_needs
from asrun.freshness.rounding import check_rounding
from asrun.freshness.sources import Sources
from asrun.freshness.syntax import evaluate, parse
from asrun.model import Snippet, Where
from asrun.project import Project

__all__ = [
    "Survey", "by_preference", "cheapest_scale", "choose_scale", "find_snippet", "is_snippet", "list_snippets", "survey"
]  # fmt: skip


@dataclass(frozen=True)
class Survey:
    """What there is in the folder of snippets: what can be read, and what is wrong with the rest."""

    found: dict[str, Snippet]
    broken: dict[str, AsrunError]
    """Why a file cannot be read as a snippet, by its name without `.py`."""

    def missing(self, name: str, project: Project) -> AsrunError:
        """Return why a name stands for no snippet that can be read: a new error each time, for each place to mark."""
        if (error := self.broken.get(name)) is not None:
            return AsrunError(error.what, where=error.where, remedy=error.remedy, cause=error.cause)
        path = project.snippets / f"{name}.py"
        if name.isidentifier() and not name.startswith("_") and path.is_file():
            return _no_run(path, project)
        return _no_snippet(name, project, [*self.found, *self.broken])


def survey(project: Project, read: Sources | None = None) -> Survey:
    """Read every snippet of the project; a file that cannot be read takes no other with it.

    Files whose name starts with `_` are not snippets, nor are modules without `run` and SCALES: others import them.

    Arguments:
        project: The project.
        read: Its modules, where somebody reads them already: they are surveyed once then.
    """
    read = read or sources(project)
    return read.once(survey, lambda: _survey(project, read))


def _survey(project: Project, read: Sources) -> Survey:
    found: dict[str, Snippet] = {}
    broken: dict[str, AsrunError] = {}
    spelled: dict[str, str] = {}
    for path in _files(project):
        try:
            snippet = _read(path, project, read)
        except AsrunError as error:
            broken[path.stem] = error
            continue
        if snippet is None:
            continue
        other = spelled.setdefault(path.stem.casefold(), path.name)
        if other == path.name:
            found[path.stem] = snippet
        else:
            broken[path.stem] = AsrunError(
                f"{path.name} and {other} differ only in capitals: on many machines they are one file",
                where=Where(project.relative(path)),
                remedy="rename one of them",
                cause=_cause(path.stem),
            )
    return Survey(found, broken)


def list_snippets(project: Project) -> list[Snippet]:
    """Read every snippet of the project that can be read, by name; `survey` tells of the others, too."""
    return list(survey(project).found.values())


def is_snippet(path: Path, project: Project) -> bool:
    """Tell whether a file in the folder of snippets is one, or is meant to be one and cannot be read."""
    try:
        return not path.name.startswith("_") and _read(path, project, sources(project)) is not None
    except AsrunError:
        return True


def find_snippet(name: str, project: Project, where: Where | None = None) -> Snippet:
    """Read the snippet called `name`.

    Raises:
        AsrunError: when there is none; it names the nearest one there is.
    """
    path = project.snippets / f"{name}.py"
    if path.is_file() and path.parent == project.snippets and path.name == f"{name}.py" and not name.startswith("_"):
        return read_snippet(path, project)
    raise _no_snippet(name, project, [path.stem for path in _files(project) if is_snippet(path, project)], where)


def _files(project: Project) -> list[Path]:
    return sorted(path for path in project.snippets.glob("[!_]*.py") if not path.is_dir())


def _cause(name: str) -> tuple[str, str]:
    return ("snippet", name)


def _no_snippet(name: str, project: Project, known: list[str], where: Where | None = None) -> AsrunError:
    remedy = did_you_mean(name, known, otherwise=f"snippets are: {', '.join(known) or 'none yet'}")
    if name.isidentifier() and any((project.records / name).glob("*.json")):
        remedy += (
            f"; records of {name} are left: give the snippet its name back, or rename their folder "
            f"{project.relative(project.records / name)} too, or delete them: asrun trim"
        )
    return AsrunError(f"there is no snippet called {name}", where=where, remedy=remedy, cause=_cause(name))


def read_snippet(path: Path, project: Project) -> Snippet:
    """Read one snippet file.

    Raises:
        AsrunError: when it does not keep the contract: a docstring that asks, literal SCALES, a function `run`.
    """
    snippet = _read(path, project, sources(project))
    if snippet is None:
        raise _no_run(path, project)
    return snippet


def _no_run(path: Path, project: Project) -> AsrunError:
    return AsrunError(
        f"{path.name} has no function run: it is no snippet",
        where=Where(project.relative(path), 1),
        remedy="write `def run(*, seeds): ...` and SCALES, or leave it as it is, for snippets to import",
        cause=_cause(path.stem),
    )


def _read(path: Path, project: Project, read: Sources) -> Snippet | None:
    """Read one file; None for a module that has neither `run` nor SCALES, and is only there to be imported."""
    try:
        return _read_contract(path, project.relative(path), read)
    except AsrunError as error:
        error.cause = _cause(path.stem)
        raise


def _read_contract(path: Path, shown: str, read: Sources) -> Snippet | None:
    try:
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, "it is no file, or a link that leads nowhere")
        content = read.content(path)
        source = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        tree = parse(content)
    except OSError as error:
        raise AsrunError(
            f"this snippet cannot be read ({error.strerror or error})",
            where=Where(shown),
            remedy="give leave to read it, or take it out of the folder",
        ) from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        what, line = getattr(error, "msg", None) or str(error), getattr(error, "lineno", None)
        raise AsrunError(
            f"not valid Python: {what}",
            where=Where(shown, line),
            remedy="save it as UTF-8" if isinstance(error, UnicodeDecodeError) else None,
        ) from error
    bound = _bound(tree)
    if not bound & {"run", "SCALES"}:
        return None
    if not path.stem.isidentifier() or keyword.iskeyword(path.stem) or path.stem == "published":
        raise AsrunError(
            f"a snippet cannot be called {path.stem}: pages could not cite it",
            where=Where(shown),
            remedy="use letters, digits and _, as for a variable (published is taken); or start its name with _",
        )
    question = (ast.get_docstring(tree) or "").strip().split("\n")[0]
    if not question:
        raise AsrunError(
            "a snippet starts with the question that it answers",
            where=Where(shown, 1),
            remedy='make its first line a docstring: """Does this help?"""',
        )
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "run" not in functions:
        raise AsrunError(
            "a snippet needs a function `run` that returns a dict of what it measured",
            where=Where(shown, 1),
            remedy="write `def run(*, seeds): ...`, with one keyword for each parameter in SCALES",
        )
    scales = _literal(tree, "SCALES", shown)
    if not isinstance(scales, dict) or not scales or not all(isinstance(value, dict) for value in scales.values()):
        raise AsrunError(
            "SCALES must name at least one scale and its parameters",
            where=Where(shown, 1),
            remedy='write SCALES = {"quick": dict(seeds=5)}; a file that snippets only import starts its name with _',
        )
    for scale, parameters in scales.items():
        if not isinstance(scale, str) or not re.fullmatch(r"[\w-]+", scale):
            raise AsrunError(
                f"a scale cannot be called {scale!r}",
                where=Where(shown, 1),
                remedy="its name is part of a file's name: use letters, digits, _ and -",
            )
        scales[scale] = {name: _parameter(value, f"{scale}: {name}", shown) for name, value in parameters.items()}
    _check_signature(functions["run"], scales, shown)
    needs = _literal(tree, "NEEDS", shown)
    check_needs(needs, Where(shown, 1))
    rounding = _literal(tree, "ROUNDING", shown)
    check_rounding(rounding, Where(shown, 1))
    return Snippet(
        name=path.stem,
        path=path,
        question=question,
        scales=scales,
        needs=needs or {},
        source=source,
        plots="plot" in functions,
        rounding=rounding or {},
    )


def _check_signature(run: ast.FunctionDef, scales: dict[str, dict[str, Any]], shown: str) -> None:
    """Refuse scales that `run` cannot be called with: a run would only say so after its imports."""
    given = run.args
    if run.decorator_list:
        # What a decorator makes of it may take other parameters.
        return
    named = [each.arg for each in (*given.args, *given.kwonlyargs)]
    optional = {each.arg for each in given.args[len(given.args) - len(given.defaults) :]}
    optional |= {each.arg for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default}
    for scale, parameters in scales.items():
        unknown = [name for name in parameters if name not in named] if given.kwarg is None else []
        missing = [name for name in named if name not in parameters and name not in optional]
        if unknown or missing or given.posonlyargs:
            wrong = [f"does not take {', '.join(unknown)}"] * bool(unknown)
            wrong += [f"needs {', '.join(missing)} too"] * bool(missing)
            wrong += ["takes parameters by their place only"] * bool(given.posonlyargs)
            raise AsrunError(
                f"run cannot be called at scale {scale}: it {' and '.join(wrong)}",
                where=Where(shown, run.lineno),
                remedy="give run one keyword for each parameter in SCALES: "
                f"def run(*, {', '.join(parameters) or '…'}): …",
            )


def _bound(tree: ast.Module) -> set[str]:
    """Return the names that the top level of a module gives something to."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def by_preference(snippet: Snippet, project: Project) -> list[str]:
    """Return a snippet's scales, that which pages show rather first.

    Those in the project's option `scales` come in its order. Any others follow, the last in SCALES first: an author
    writes what takes seconds before what takes hours.
    """
    listed = [scale for scale in project.scales if scale in snippet.scales]
    return listed + [scale for scale in reversed(snippet.scales) if scale not in listed]


def cheapest_scale(snippet: Snippet, project: Project) -> str:
    """Return the scale that a build runs when there is no record.

    It is the last in the project's order of preference; of a snippet that has none of those, the first in SCALES.
    """
    listed = [scale for scale in project.scales if scale in snippet.scales]
    return listed[-1] if listed else next(iter(snippet.scales))


def choose_scale(snippet: Snippet, wanted: str | None, project: Project) -> str:
    """Return the scale that was asked for, or the cheapest.

    Raises:
        AsrunError: when the snippet has no such scale.
    """
    scale = wanted or cheapest_scale(snippet, project)
    if scale not in snippet.scales:
        raise AsrunError(f"{snippet.name} has no scale {scale}", remedy=f"its SCALES are: {', '.join(snippet.scales)}")
    return scale


def _literal(tree: ast.Module, name: str, shown: str) -> Any:
    for node in reversed(tree.body):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if not any(isinstance(target, ast.Name) and target.id == name for target in targets):
                continue
            try:
                return evaluate(node.value)
            except (ValueError, TypeError, RecursionError) as error:
                raise AsrunError(
                    f"{name} must be made of literals: asrun reads it without running the file",
                    where=Where(shown, node.lineno),
                    remedy=f'write numbers, strings, lists, dicts or dict(key=value), as in {name} = {{"quick": ...}}',
                ) from error
    return None


def _parameter(value: Any, what: str, shown: str) -> Any:
    """Return a parameter as the run gets it and the record keeps it: made of what JSON has, tuples as lists."""
    if isinstance(value, (list, tuple)):
        return [_parameter(each, what, shown) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _parameter(each, what, shown) for key, each in value.items()}
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise AsrunError(
        f"SCALES has a parameter that cannot be recorded: {what} is {value!r}",
        where=Where(shown, 1),
        remedy="parameters are numbers, strings, True, False, None, and lists and dicts of them; keys are strings",
    )
