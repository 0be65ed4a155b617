"""Who may import whom. The architecture is a promise; this reads every import and holds the code to it."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"

EDGES = {
    "asrun.mkdocs_plugin",
    "asrun.cli",
    "asrun.commands",
    "asrun.pytest_plugin",
    "asrun.pytest_items",
    "asrun.testing",
}

TOP = {"asrun", "asrun.model", "asrun.errors", "asrun.own", "asrun.settings", "asrun.project"}
"""The words that all rooms share; they stand in no room."""

MAY_IMPORT = {
    "text": set(),
    "values": set(),
    "records": {"values"},
    "freshness": {"records"},
    "inside": {"values", "records"},
    "running": {"values", "records", "freshness", "inside"},
    "publishing": {"records"},
    "remote": {"records", "freshness", "inside", "running", "publishing"},
    "pages": {"text", "values", "records", "freshness"},
    "decks": {"text", "pages", "publishing"},
    "checks": {"text", "values", "records", "freshness", "running", "pages", "decks"},
    "site": {"records", "freshness", "running", "publishing", "pages", "checks"},
}
"""Into which rooms each one may reach, beside itself and the top. The edges may reach into all."""
SNIPPETS_MAY = {"dropoutlab", "keras", "numpy", "torch", "matplotlib", "sklearn", "scipy"} | sys.stdlib_module_names


@dataclass(frozen=True)
class Import:
    """One imported module, as an absolute name."""

    by: str
    name: str
    line: int
    lazy: bool
    """Inside a function: it costs nothing until somebody calls it."""

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.by}:{self.line} imports {self.name}" + (" (in a function)" if self.lazy else "")


def imports_of(source: str, module: str, *, is_package: bool = False) -> list[Import]:
    """All imports in a module's source. `from a import b` counts as a.b, which may be a module."""
    found = []

    def visit(node: ast.AST, lazy: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend(Import(module, alias.name, child.lineno, lazy) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    parts = module.split(".")
                    parents = parts[: len(parts) - child.level + is_package]
                    base = ".".join([*parents, *([child.module] if child.module else [])])
                found.extend(Import(module, f"{base}.{alias.name}", child.lineno, lazy) for alias in child.names)
            elif isinstance(child, ast.Call) and (name := _imported_by_call(child)):
                found.append(Import(module, name, child.lineno, lazy))
            visit(child, lazy or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    visit(ast.parse(source), False)
    return found


def _imported_by_call(call: ast.Call) -> str | None:
    """The module that `__import__("x")` or `importlib.import_module("x")` names, if that is what a call is."""
    match call:
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return name
    return None


def imports_in(folder: Path, package: str | None) -> list[Import]:
    """All imports of the Python files under a folder; files outside a package go by their path."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder).with_suffix("")
        parts = [part for part in inside.parts if part != "__init__"]
        name = ".".join([package, *parts]) if package else path.relative_to(ROOT).as_posix()
        found += imports_of(path.read_text("utf-8"), name, is_package=path.name == "__init__.py")
    return found


@pytest.fixture(scope="module")
def asrun():
    return imports_in(SRC / "asrun", "asrun")


@pytest.fixture(scope="module")
def dropoutlab():
    return imports_in(SRC / "dropoutlab", "dropoutlab")


def none(imports):
    wrong = [str(each) for each in imports]
    assert not wrong, "\n".join(wrong)


def reaches(each: Import, modules: set[str]) -> bool:
    """Whether an import names one of these modules, or something in one of them."""
    return any(each.name == module or each.name.startswith(f"{module}.") for module in modules)


# The reader of imports itself


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch", [("torch", False)]),
        ("import a.b as c, d", [("a.b", False), ("d", False)]),
        ("from asrun import cli", [("asrun.cli", False)]),
        ("from asrun.cli import main", [("asrun.cli.main", False)]),
        ("from . import cli", [("asrun.cli", False)]),
        ("from .cli import main", [("asrun.cli.main", False)]),
        ("def f():\n    import torch", [("torch", True)]),
        ("class A:\n    def f(self):\n        import torch", [("torch", True)]),
        ("class A:\n    import torch", [("torch", False)]),
        ("try:\n    import torch\nexcept ImportError:\n    pass", [("torch", False)]),
        ("if TYPE_CHECKING:\n    import torch", [("torch", False)]),
        ("import importlib\nimportlib.import_module('torch')", [("importlib", False), ("torch", False)]),
        ("x = 'import torch'  # import torch", []),
    ],
)
def test_every_way_to_import_is_seen(source, expected):
    assert [(each.name, each.lazy) for each in imports_of(source, "asrun.model")] == expected


def test_relative_imports_of_a_package_start_at_the_package():
    assert [each.name for each in imports_of("from . import cli", "asrun", is_package=True)] == ["asrun.cli"]
    assert [each.name for each in imports_of("from ..cli import main", "asrun.sub.mod")] == ["asrun.cli.main"]


def test_there_is_something_to_read(asrun, dropoutlab):
    assert {"asrun.errors"} <= {each.by for each in asrun}
    assert {"dropoutlab.cohort", "dropoutlab.training"} <= {each.by for each in dropoutlab}
    assert imports_in(ROOT / "snippets", None)


# Between the rooms


def test_asrun_knows_nothing_of_dropout_or_torch(asrun):
    none(each for each in asrun if each.package in {"dropoutlab", "torch"})


def test_dropoutlab_knows_nothing_of_sites_or_plots(dropoutlab):
    none(each for each in dropoutlab if each.package in {"asrun", "mkdocs", "matplotlib"})


def test_snippets_import_the_laboratory_and_a_few_libraries():
    none(
        each
        for each in imports_in(ROOT / "snippets", None)
        if each.package not in SNIPPETS_MAY and not reaches(each, {"asrun.parallel"})
    )


# Within asrun


def room_of(module):
    """The room that a module, or a name in one, stands in; none for the top and the edges."""
    if reaches_any(module, EDGES):
        return "edge"
    # Snippets import it, and its name is a promise to them.
    if reaches_any(module, {"asrun.parallel"}):
        return "inside"
    second = module.split(".")[1] if "." in module else ""
    return second if second in MAY_IMPORT else "top"


def reaches_any(module, modules):
    return any(module == each or module.startswith(f"{each}.") for each in modules)


def test_rooms_reach_only_into_those_below_them(asrun):
    own = [each for each in asrun if each.package == "asrun" and room_of(each.by) != "edge"]
    none(
        each
        for each in own
        if room_of(each.name) not in {room_of(each.by), "top", *MAY_IMPORT.get(room_of(each.by), ())}
    )


def test_the_arrows_between_rooms_make_no_circle():
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()


def test_each_module_stands_in_a_room_that_says_what_belongs_there():
    modules = {"asrun." + path.stem for path in (SRC / "asrun").glob("*.py")} - {"asrun.__init__"}
    assert modules <= TOP | EDGES | {"asrun.parallel"}
    for room in MAY_IMPORT:
        told = ast.get_docstring(ast.parse((SRC / "asrun" / room / "__init__.py").read_text("utf-8")))
        assert told and told.count(".") >= 2, room


HALVES = [
    ({"asrun.cli", "asrun.commands"}, set()),
    ({"asrun.pytest_plugin", "asrun.pytest_items"}, {"asrun.testing"}),
    # Whoever tests what is built on asrun calls the command.
    ({"asrun.testing"}, {"asrun.cli"}),
]
"""Edges that are one with each other, and what else they may import: an edge."""


def test_nobody_imports_the_edges(asrun):
    none(
        each
        for each in asrun
        if reaches(each, EDGES)
        and not any(within(each.by, those) and reaches(each, those | to) for those, to in HALVES)
    )


def within(module, packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_the_middle_imports_nothing_but_itself(asrun):
    none(each for each in asrun if each.by == "asrun.model" and each.package == "asrun")
    none(
        each
        for each in asrun
        if each.by == "asrun.errors" and each.package == "asrun" and not reaches(each, {"asrun.model"})
    )


def test_mkdocs_is_imported_by_its_plugin_and_where_its_own_reader_is_needed(asrun):
    none(
        each
        for each in asrun
        if each.package == "mkdocs"
        and each.by != "asrun.mkdocs_plugin"
        and not (each.by in ("asrun.site.build", "asrun.text.front_matter", "asrun.site.rendering") and each.lazy)
    )


@pytest.mark.parametrize(
    ("packages", "edge"),
    [
        ({"click"}, {"asrun.cli", "asrun.commands", "asrun.testing"}),
        ({"pytest", "_pytest"}, {"asrun.pytest_plugin", "asrun.pytest_items"}),
    ],
    ids=["click", "pytest"],
)
def test_a_host_is_imported_by_its_edge_alone(asrun, packages, edge):
    none(each for each in asrun if each.package in packages and not within(each.by, edge))


def only_passes_through(each: Import, package: str, modules: set[str]) -> bool:
    """Whether a module imports its neighbour: the package of both is loaded, or being loaded, by then."""
    return within(each.by, {package}) and any(
        within(other, {package}) and reaches(each, {other}) for other in modules - {package}
    )


def test_asrun_has_no_circular_imports(asrun):
    modules = {each.by for each in asrun}
    arrows = {
        module: {
            other
            for each in asrun
            if each.by == module and not each.lazy
            for other in modules - {"asrun", module}
            if reaches(each, {other}) and not only_passes_through(each, other, modules)
        }
        for module in modules
    }
    try:
        graphlib.TopologicalSorter(arrows).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


# What a page learns of its project

DOOR = {"asrun.pages.context", "asrun.pages.citable", "asrun.pages.listed", "asrun.pages.literature"}
"""What answers the questions of pages; `asrun.pages.markdown` quotes mkdocs.yml when it cannot be used."""
BEHIND = {"asrun.records.store", "asrun.freshness", "asrun.text.front_matter", "asrun.text.deck_source"}
READERS = {"open", "read_text", "read_bytes", "iterdir", "glob", "rglob", "is_file", "is_dir", "exists"}


def test_a_page_learns_of_its_project_from_its_context_alone(asrun):
    page = [each for each in asrun if each.by.startswith("asrun.pages.") and each.by not in DOOR]
    none(each for each in page if reaches(each, BEHIND))
    none(each for each in page if each.name.endswith(".Literature"))
    wrong = []
    for path in sorted((SRC / "asrun/pages").rglob("*.py")):
        module = ".".join(path.relative_to(SRC).with_suffix("").parts)
        if module in DOOR | {"asrun.pages.markdown"}:
            continue
        behind = {"store", "literature", "sources", "surveyed"} | ({"project"} if "blocks" in path.parts else set())
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in READERS:
                    wrong.append(f"{module}:{node.lineno} calls {name}")
                case ast.Attribute(value=ast.Name(id="context") | ast.Attribute(attr="context"), attr=name) if (
                    name in behind
                ):
                    wrong.append(f"{module}:{node.lineno} takes {name} of its context")
    assert not wrong, "\n".join(wrong)


# What an import costs


@pytest.mark.parametrize("module", ["dropoutlab", "dropoutlab.datasets", "asrun", "asrun.errors"])
def test_importing_does_not_load_what_is_not_needed(module):
    code = f"import sys, {module}; print(*{{'torch', 'matplotlib', 'mkdocs', 'sklearn'}} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SRC)!r}); {code}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
