"""Who may import whom. The architecture is a promise; this reads every import and holds the code to it."""

from __future__ import annotations

import ast
import graphlib
import importlib
import re
import subprocess
import sys

import pytest
from tests.rooms import (
    EDGES,
    ELSEWHERE,
    ROOT,
    SRC,
    TOP,
    Import,
    drawn,
    imports_in,
    imports_of,
    needed,
    reaches,
    room_of,
    survey,
    within,
)

MAY_IMPORT = {
    "text": set(),
    "values": set(),
    "records": {"values"},
    "freshness": {"records"},
    "inside": {"values", "records"},
    "running": {"values", "records", "freshness", "inside"},
    "publishing": {"records"},
    "remote": {"records", "freshness", "running", "publishing"},
    "executors": {"values", "records", "running"},
    "ray_cluster": {"records", "freshness", "inside", "running", "remote", "executors"},
    "pages": {"text", "values", "records", "freshness"},
    "decks": {"text", "pages", "publishing"},
    "checks": {"text", "values", "records", "freshness", "running", "pages", "decks"},
    "site": {"records", "freshness", "running", "publishing", "pages", "checks"},
}
"""Into which rooms each one may reach, beside itself and the top. The edges may reach into all."""
SNIPPETS_MAY = {"dropoutlab", "keras", "numpy", "torch", "matplotlib", "sklearn", "scipy"} | sys.stdlib_module_names


@pytest.fixture(scope="module")
def asrun():
    return imports_in(SRC / "asrun", "asrun")


@pytest.fixture(scope="module")
def dropoutlab():
    return imports_in(SRC / "dropoutlab", "dropoutlab")


def none(imports):
    wrong = [str(each) for each in imports]
    assert not wrong, "\n".join(wrong)


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


def test_rooms_reach_only_into_those_below_them(asrun):
    own = [each for each in asrun if each.package == "asrun" and room_of(each.by) != "edges"]
    none(
        each
        for each in own
        if room_of(each.name) not in {room_of(each.by), "top", *MAY_IMPORT.get(room_of(each.by), ())}
    )


def test_the_arrows_between_rooms_make_no_circle():
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()


def test_an_arrow_that_may_be_there_is_there():
    rooms = survey()
    assert {name: rooms[name].reaches - {"top"} for name in MAY_IMPORT} == MAY_IMPORT


def test_the_architecture_page_lists_the_rooms_and_their_arrows():
    page = (ROOT / "docs" / "about" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)/` \| .* \| (.*) \|$", page, re.MULTILINE)
    assert {room: {name for name in reached.split(", ") if name != "–"} for room, reached in rows} == MAY_IMPORT


def test_the_picture_has_the_arrows_that_the_code_has():
    assert drawn() == needed(survey()), "draw it anew: python -m tests.rooms --draw"


def test_each_module_stands_in_a_room_that_says_what_belongs_there():
    modules = {"asrun." + path.stem for path in (SRC / "asrun").glob("*.py")} - {"asrun.__init__"}
    assert modules <= TOP | EDGES | set(ELSEWHERE)
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


def test_nobody_in_the_house_goes_out_to_come_in_by_the_front_door(asrun):
    public = {f"asrun.{name}" for name in importlib.import_module("asrun").__all__}
    none(each for each in asrun if reaches(each, public))


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


def test_ray_is_known_in_its_own_room_which_is_loaded_when_it_is_asked_for(asrun):
    room = {"asrun.ray_cluster"}
    none(each for each in asrun if each.package == "ray" and not (within(each.by, room) and each.lazy))
    # Its name stands in the registry of executors, and in what a run is told of who computes its items.
    none(each for each in asrun if reaches(each, room) and not within(each.by, room))


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
