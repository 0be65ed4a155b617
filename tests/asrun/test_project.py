"""Where a project's things are, and what is told when mkdocs.yml does not say it right."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from asrun.errors import AsrunError
from asrun.mkdocs_plugin import AsrunPlugin
from asrun.model import Where
from asrun.options import NUMBER, declared, option
from asrun.project import OPTIONS, Project, find_project
from asrun.testing import MKDOCS, raised


def options(text: str) -> str:
    return f"site_name: Tiny\nplugins:\n  - search\n  - asrun:\n      {text}\n"


def test_a_project_has_everything_in_its_usual_place(tiny_project):
    project = tiny_project({}).project
    root = project.root
    assert (project.docs, project.slides, project.snippets) == (root / "docs", root / "slides", root / "snippets")
    assert (project.records, project.site, project.cache) == (root / "snippets/records", root / "site", root / ".asrun")
    assert (project.references, project.sources) == (root / "docs/references", (root / "src",))
    assert (project.scales, project.devices, project.minutes) == (("full", "quick"), ("cuda", "mps", "cpu"), 20.0)


@pytest.mark.parametrize(
    "mkdocs",
    [
        options("snippets: experiments"),
        "site_name: Tiny\nplugins:\n  search: {}\n  asrun: {snippets: experiments}\n",
        "site_name: Tiny\nplugins: [{asrun: {snippets: experiments}}]\n",
    ],
    ids=["list", "mapping", "one line"],
)
def test_options_are_read_however_plugins_are_written(tiny_project, mkdocs):
    project = tiny_project({"mkdocs.yml": mkdocs}).project
    assert project.snippets == project.root / "experiments"
    assert project.records == project.root / "experiments" / "records"


@pytest.mark.parametrize(
    "mkdocs",
    [
        "",
        "site_name: Tiny\n",
        "plugins:\n",
        "plugins: [search]\n",
        "plugins: [asrun]\n",
        "plugins:\n  - asrun:\n",
        "plugins:\n  asrun:\n",
        "docs_dir: !ENV [NO_SUCH_VARIABLE, docs]\nextra: !!python/name:os.path.join\n",
        MKDOCS + "markdown_extensions:\n  - x:\n      y: !!python/object/apply:os.system [exit 1]\n",
    ],
)
def test_what_is_not_said_has_its_default(tiny_project, mkdocs):
    project = tiny_project({"mkdocs.yml": mkdocs}).project
    assert project.docs == project.root / "docs"
    assert project.snippets == project.root / "snippets"


def test_the_folders_of_mkdocs_are_followed(tiny_project):
    project = tiny_project({"mkdocs.yml": "docs_dir: pages\nsite_dir: ../public\n"}).project
    assert project.docs == project.root / "pages"
    assert project.site == project.root.parent / "public"


def test_a_project_is_found_from_any_folder_inside(tiny_project):
    made = tiny_project({"docs/deep/down/page.md": ""})
    assert find_project(made.folder / "docs/deep/down").root == made.folder
    assert find_project(made.folder).root == made.folder


def test_no_project_is_told(tmp_path):
    message = raised(find_project, tmp_path)
    assert f"no mkdocs.yml in {tmp_path.resolve()}" in message and "write a mkdocs.yml" in message


@pytest.mark.parametrize(
    ("mkdocs", "told"),
    [
        ("a: [1\nb: 2\n", "mkdocs.yml:2: not valid YAML"),
        ("a: b: c\n", "mkdocs.yml:1: not valid YAML"),
        ("a: \x01\n", "mkdocs.yml: not valid YAML"),
        ("- a\n", "mkdocs.yml: mkdocs.yml must hold settings by name"),
        ("just text\n", "must hold settings by name"),
        (options("snipets: x"), "the asrun plugin has no option snipets"),
        (options("b: 1\n      a: 2"), "no option a, b"),
        (options("sources: src"), "the option sources of the asrun plugin must be a list of names, and is 'src'"),
        (options("sources:"), "must be a list of names, and is None"),
        (options("sources: [1]"), "must be a list of names"),
        (options("snippets: [a]"), "must be the name of a folder, and is ['a']"),
        (options("minutes: many"), "must be a number above 0, and is 'many'"),
        (options("minutes: 0"), "must be a number above 0"),
        (options("minutes: true"), "must be a number above 0"),
        (options("scales: []"), "must be a list of at least one name"),
        (options("devices: []"), "must be a list of at least one name"),
        (options("devices: [gpu]"), "there is no device class gpu"),
    ],
)
def test_a_mistake_in_mkdocs_yml_is_told(tiny_project, mkdocs, told):
    made = tiny_project({"mkdocs.yml": mkdocs})
    message = raised(lambda: made.project)
    assert told in message
    assert message.startswith("mkdocs.yml")


def test_an_unknown_option_is_told_with_those_there_are(tiny_project):
    made = tiny_project({"mkdocs.yml": options("snipets: x")})
    assert all(name in raised(lambda: made.project) for name in OPTIONS)


def test_a_file_that_is_not_utf8_is_told(tiny_project):
    made = tiny_project({})
    (made.folder / "mkdocs.yml").write_bytes(b"site_name: caf\xe9\n")
    assert "mkdocs.yml: not valid UTF-8" in raised(lambda: made.project)


def test_a_byte_order_mark_is_no_mistake(tiny_project):
    made = tiny_project({})
    (made.folder / "mkdocs.yml").write_bytes(b"\xef\xbb\xbfdocs_dir: pages\n")
    assert made.project.docs.name == "pages"


def test_paths_are_told_relative_to_the_project(tiny_project):
    project = tiny_project({}).project
    assert project.relative(project.root / "docs" / "a.md") == "docs/a.md"
    assert project.relative("/elsewhere/a.md") == "/elsewhere/a.md"


def test_mkdocs_takes_every_option_there_is():
    assert dict(AsrunPlugin.config_scheme).keys() == OPTIONS.keys()


def documented() -> dict[str, str]:
    """What the fields of a project say of themselves, in one line each."""
    (project,) = (
        node
        for node in ast.parse(Path(inspect.getfile(Project)).read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "Project"
    )
    return {
        field.target.id: " ".join(said.value.value.split())
        for field, said in itertools.pairwise(project.body)
        if isinstance(field, ast.AnnAssign) and isinstance(said, ast.Expr)
    }


def test_the_page_on_writing_lists_every_option_with_its_default_and_what_it_says_of_itself():
    said = documented()
    rows = [f"| `{name}` | `{json.dumps(option.default)}` | {said[name]} |" for name, option in OPTIONS.items()]
    page = (Path(__file__).parents[2] / "docs" / "about" / "writing.md").read_text("utf-8")
    _, _, section = page.partition("\n## Options\n")
    assert re.findall(r"^\| `.*$", section.partition("\n## ")[0], re.MULTILINE) == rows, "\n".join(rows)


def test_an_option_that_is_declared_is_one_everywhere(tmp_path):
    """A new option is a field of Project, and nothing else."""

    @dataclass(frozen=True, kw_only=True)
    class Other:
        seconds: float = field(metadata=option(3, NUMBER))
        name: str = "not an option"

    (name, declaration), *others = declared(Other).items()
    where = Where("mkdocs.yml")
    assert name == "seconds" and not others
    assert declaration.value(name, {}, tmp_path, where) == 3.0
    assert declaration.value(name, {"seconds": 5}, tmp_path, where) == 5.0
    told = "the option seconds of the asrun plugin must be a number above 0, and is 'x'"
    with pytest.raises(AsrunError, match=told):
        declaration.value(name, {"seconds": "x"}, tmp_path, where)
