"""What a user may build on: fetched when it is asked for, told on one page, with examples that run."""

from __future__ import annotations

import ast
import doctest
import inspect
import io
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import griffe
import pytest
from tests import api_page
from tests.api_page import OWN_ARGUMENTS, PAGE, RETURNED, Public, public

import asrun
import asrun.testing
from asrun.testing import ANSWER, COIN, make_figure

ROOT = Path(asrun.__file__).parents[2]

NEVER_FAIL = {
    "AsrunError", "Context.condition", "Problems", "Problems.told", "Project.relative", "Store", "Store.list",
    "Store.path", "TinyProject", "TinyProject.exists", "TinyProject.read", "TinyProject.record_files",
    "TinyProject.record_json", "TinyProject.run", "TinyProject.start", "TinyProject.write", "judge_records",
    "make_figure", "make_provenance", "make_record",
}  # fmt: skip
"""What raises nothing that an author could mend."""


def functions() -> list[tuple[str, griffe.Function]]:
    """Every public function, method and constructor that a user calls."""
    found: list[tuple[str, griffe.Function]] = []
    for each in public():
        if isinstance(each.found, griffe.Function):
            found.append((each.name, each.found))
        found += [
            (f"{each.name}.{member.name}", member) for member in each.members() if isinstance(member, griffe.Function)
        ]
    return found


def sections(found: griffe.Object) -> dict[str, object]:
    assert found.docstring is not None, found.path
    return {section.kind.value: section.value for section in found.docstring.parse("google")}


def child(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Fetched lazily


def test_importing_it_imports_nothing_else():
    told = child("import sys; before = set(sys.modules); import asrun; print(*sorted(set(sys.modules) - before))")
    assert told.split() == ["asrun"]


def test_each_name_is_fetched_when_it_is_asked_for_and_loads_no_host():
    told = child(
        "import sys, asrun; found = [getattr(asrun, name) for name in asrun.__all__]; "
        "print(*sorted({'click', 'mkdocs', 'pytest', 'ray', 'rich', 'torch'} & set(sys.modules)))"
    )
    assert told.split() == []


def test_type_checkers_see_the_same_names_as_python():
    """Three lists, for three readers: `__all__`, imports that only checkers read, and where a name is fetched."""
    tree = ast.parse(Path(asrun.__file__).read_text("utf-8"))
    (branch,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        (alias.name, node.module) for node in branch.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert sorted(name for name, _ in imported) == sorted(asrun.__all__)
    assert imported == {(name, f"asrun.{home}") for name, home in asrun._HOMES.items()}
    assert sorted(asrun.__all__, key=lambda name: (name[0].islower(), name)) == asrun.__all__


def test_it_lists_what_it_has_and_knows_nothing_else():
    assert set(dir(asrun)) == {*asrun.__all__, "__version__"}
    assert not hasattr(asrun, "Sotre")
    # What one fetches twice is one thing.
    assert asrun.Store is asrun.Store is __import__("asrun.records.store", fromlist=["Store"]).Store


@pytest.mark.parametrize("package", ["asrun", "dropoutlab"])
def test_both_packages_say_that_they_are_typed(package):
    assert (ROOT / "src" / package / "py.typed").is_file()


# Told


def test_the_page_is_what_the_docstrings_say():
    assert PAGE.read_text("utf-8") == api_page.page(), "python -m tests.api_page --write"


def test_every_public_name_is_on_the_page():
    names = {each.name for each in public()}
    assert names == {*asrun.__all__, *asrun.testing.__all__}
    headings = {line.split()[1] for line in PAGE.read_text("utf-8").split("\n") if line.startswith("### ")}
    assert headings == names


@pytest.mark.parametrize("each", public(), ids=lambda each: each.name)
def test_it_says_what_it_is_in_a_sentence_and_so_do_its_parts(each: Public):
    for found in (each.found, *each.members()):
        assert found.docstring is not None, found.path
        first = found.docstring.value.split("\n\n")[0]
        assert first[0].isupper() or first[0] == "`" or first[0].isdigit(), found.path
        assert first[-1] in ".?:", found.path


@pytest.mark.parametrize(("name", "found"), functions(), ids=[name for name, _ in functions()])
def test_it_says_what_it_takes_and_how_it_fails(name, found):
    told = sections(found)
    taken = {
        {"variadic positional": "*", "variadic keyword": "**"}.get(each.kind.value, "") + each.name
        for each in found.parameters
        if each.name not in {"self", *OWN_ARGUMENTS}
    }
    assert {each.name for each in told.get("parameters", [])} - OWN_ARGUMENTS == taken
    assert ("raises" in told) != (name in NEVER_FAIL)


@pytest.mark.parametrize("each", public(), ids=lambda each: each.name)
def test_what_is_made_by_hand_says_of_what(each: Public):
    """Classes: fields say what they are, and constructors what they take."""
    if not isinstance(each.found, griffe.Class) or each.name in RETURNED or each.name == "AsrunExtension":
        return
    told = {argument.name for argument in sections(each.found).get("parameters", [])}
    fields = {member.name for member in each.members()}
    thing = getattr(asrun, each.name, None) or getattr(asrun.testing, each.name)
    if not hasattr(thing, "__members__"):
        assert set(inspect.signature(thing).parameters) <= told | fields


def test_members_that_are_named_exist():
    for name, members in api_page.MEMBERS.items():
        (each,) = [each for each in public() if each.name == name]
        assert {member.name for member in each.members()} == set(members), name


def examples() -> list[tuple[str, str]]:
    found = [("asrun", asrun.__doc__ or "")]
    found += [(each.name, each.found.docstring.value) for each in public() if each.found.docstring]
    found += [(name, function.docstring.value) for name, function in functions() if function.docstring]
    return [(name, text) for name, text in {**dict(found)}.items() if ">>>" in text]


@pytest.mark.parametrize(("name", "text"), examples(), ids=[name for name, _ in examples()])
def test_its_examples_run(name, text, tiny_project, monkeypatch):
    """In the folder of a project that has tossed a coin, and not found an answer."""
    project = tiny_project({"snippets/coin.py": COIN, "snippets/answer.py": ANSWER, "docs/index.md": "# Coin\n"})
    space: dict[str, object] = {"__name__": name}
    exec(COIN, coin := {"__name__": "coin"})
    with redirect_stdout(io.StringIO()):
        project.put("coin", coin["run"](seeds=5), output="tossed", figures=[make_figure()])
    monkeypatch.chdir(project.folder)
    exec("import markdown, math\nfrom asrun import *", space)
    told = io.StringIO()
    test = doctest.DocTestParser().get_doctest(text, space, name, None, 0)
    assert doctest.DocTestRunner().run(test, out=told.write).failed == 0, told.getvalue()
