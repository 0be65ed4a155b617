"""The rooms of src/asrun and the arrows between them, as the imports have them, and a picture of that.

    python -m tests.rooms              # how many modules, lines and arrows; are there circles?
    python -m tests.rooms --draw       # draws the picture anew; needs Graphviz (apt install graphviz)

`tests/test_arrows.py` holds the code to the directions, and the picture to the code.
"""

from __future__ import annotations

import argparse
import ast
import graphlib
import json
import re
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as etree
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
PICTURE = ROOT / "docs" / "about" / "rooms.svg"

EDGES = {
    "asrun.mkdocs_plugin",
    "asrun.cli",
    "asrun.commands",
    "asrun.pytest_plugin",
    "asrun.pytest_items",
    "asrun.testing",
}

TOP = {
    *("asrun.model", "asrun.errors", "asrun.own", "asrun.settings", "asrun.options", "asrun.project"),
    "asrun.machine",
}
"""The words that all rooms share; they stand in no room."""

ELSEWHERE = {"asrun.parallel": "inside"}
"""Modules that stand in a room whose folder they are not in: snippets import them, and their names are promises."""


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


def reaches(each: Import, modules: set[str]) -> bool:
    """Whether an import names one of these modules, or something in one of them."""
    return within(each.name, modules)


def within(module: str, packages: set[str]) -> bool:
    """Whether a module is one of these, or in one of them."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def room_of(module: str) -> str:
    """The room that a module of asrun's, or a name in one, stands in; `top` and `edges` for what stands in none."""
    # What stands in asrun itself is its public face, and calls on all rooms like an edge.
    if module == "asrun" or within(module, EDGES):
        return "edges"
    for promised, room in ELSEWHERE.items():
        if within(module, {promised}):
            return room
    second = module.split(".")[1] if "." in module else ""
    return second if (SRC / "asrun" / second / "__init__.py").is_file() and second else "top"


# The rooms as they are


@dataclass(frozen=True)
class Room:
    """A room as it stands: how much is in it, and which rooms its modules import from."""

    name: str
    told: str
    """The first sentence of what its `__init__` says."""
    modules: int
    lines: int
    reaches: frozenset[str]


def survey() -> dict[str, Room]:
    """Read all rooms of src/asrun; the top, which every room may use, is one, and the edges, which nobody may use."""
    modules: dict[str, int] = defaultdict(int)
    lines: dict[str, int] = defaultdict(int)
    arrows: dict[str, set[str]] = defaultdict(set)
    told = {"top": "What all rooms share.", "edges": "Where others call asrun."}
    for path in sorted((SRC / "asrun").rglob("*.py")):
        text = path.read_text("utf-8")
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        room = room_of(name)
        if room == "assets":
            continue
        modules[room] += 1
        lines[room] += text.count("\n")
        if path.name == "__init__.py" and name == f"asrun.{room}":
            told[room] = (ast.get_docstring(ast.parse(text)) or "").partition(".")[0].replace("\n", " ") + "."
        for each in imports_of(text, name, is_package=path.name == "__init__.py"):
            if each.package == "asrun" and room_of(each.name) != room:
                arrows[room].add(room_of(each.name))
    return {name: Room(name, told[name], modules[name], lines[name], frozenset(arrows[name])) for name in modules}


def needed(rooms: Mapping[str, Room]) -> set[tuple[str, str]]:
    """The arrows that follow from no others: what a picture shows (the transitive reduction; the top is left out)."""
    direct = {name: room.reaches - {"top"} for name, room in rooms.items() if name != "top"}

    def below(name: str) -> set[str]:
        return set().union(direct[name], *map(below, direct[name]))

    return {
        (name, to) for name, reached in direct.items() for to in reached if to not in set().union(*map(below, reached))
    }


def circles(rooms: Mapping[str, Room]) -> str:
    """The first circle of arrows, if there is one."""
    try:
        graphlib.TopologicalSorter({name: room.reaches for name, room in rooms.items()}).prepare()
    except graphlib.CycleError as error:
        return " <- ".join(error.args[1])
    return "none"


# The picture

_SVG = "http://www.w3.org/2000/svg"

_STYLE = """
text { font: bold 11px system-ui, sans-serif; fill: #1f2430 }
.told { font-weight: normal; fill: #565f6d }
polygon, path { stroke: #5b6472; fill: none }
.node path { fill: #f3f5f8 }
.edge polygon { fill: #5b6472 }
@media (prefers-color-scheme: dark) {
  text { fill: #eceff4 }
  .told { fill: #a9b1c0 }
  polygon, path { stroke: #a9b1c0 }
  .node path { fill: #282c36 }
  .edge polygon { fill: #a9b1c0 }
}
"""


def draw(rooms: Mapping[str, Room]) -> str:
    """Return the picture as SVG: a box for each room, an arrow for each that follows from no others."""
    names = [name for name in rooms if name != "top"]
    dot = ["digraph {", "bgcolor=transparent; ranksep=0.35; nodesep=0.3"]
    dot += [
        'node [shape=box style=rounded margin="0.14,0.07" fontname="DejaVu Sans" fontsize=11]; edge [arrowsize=0.6]'
    ]
    for name in sorted(names):
        words = _evenly(re.split(r"[:,.]", rooms[name].told)[0])
        label = json.dumps("\n".join([name, *words]), ensure_ascii=False)
        dot.append(f"{name} [label={label}]")
    dot += [f"{one} -> {other}" for one, other in sorted(needed(rooms))]
    try:
        done = subprocess.run(
            ["dot", "-Tsvg"], input="\n".join([*dot, "}"]), capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        sys.exit("the picture is drawn by Graphviz: install it (apt install graphviz, brew install graphviz)")
    return _dressed(done.stdout)


def _evenly(text: str, width: int = 30) -> list[str]:
    """Break a text into as few lines as fit, and those as even as can be."""
    lines = textwrap.wrap(text, width)
    while len(narrower := textwrap.wrap(text, width - 1)) == len(lines):
        lines, width = narrower, width - 1
    return lines


def _dressed(svg: str) -> str:
    """Give Graphviz's drawing the colours of either ground, and words for those who do not see it."""
    etree.register_namespace("", _SVG)
    root = etree.fromstring(svg)
    for group in root.iter(f"{{{_SVG}}}g"):
        for text in group.findall(f"{{{_SVG}}}text")[1:]:
            text.set("class", "told")
    for each in root.iter():
        for name in ("fill", "stroke", "font-family", "font-size", "id"):
            each.attrib.pop(name, None)
    for name in ("width", "height"):
        root.attrib.pop(name)
    style = etree.Element(f"{{{_SVG}}}style")
    style.text = _STYLE
    root.insert(0, style)
    return etree.tostring(root, encoding="unicode") + "\n"


def drawn() -> set[tuple[str, str]]:
    """The arrows that the picture in the documentation has."""
    titles = (each.text or "" for each in etree.parse(PICTURE).iter(f"{{{_SVG}}}title"))
    return {(one, other) for one, arrow, other in (title.partition("->") for title in titles) if arrow}


def main() -> None:
    """Tell of the rooms, or draw them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draw", action="store_true", help="draw docs/about/rooms.svg anew")
    rooms = survey()
    if parser.parse_args().draw:
        PICTURE.write_text(draw(rooms), "utf-8")
        return
    print(f"{'room':<12}{'modules':>8}{'lines':>8}  reaches into")
    for room in sorted(rooms.values(), key=lambda each: len(each.reaches)):
        reached = ", ".join(sorted(room.reaches - {"top"})) or "-"
        print(f"{room.name:<12}{room.modules:>8}{room.lines:>8}  {reached}")
    arrows = sum(len(room.reaches - {"top"}) for room in rooms.values())
    print(
        f"{len(rooms)} rooms, {arrows} arrows ({len(needed(rooms))} follow from no others); circles: {circles(rooms)}"
    )


if __name__ == "__main__":
    main()
