"""Versions of the packages that a run used are found without reading what all others consist of."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys

import pytest

from asrun.inside.installed import distributions, versions_of
from asrun.testing import COIN


def test_every_module_that_is_installed_comes_from_the_package_that_python_says():
    there = {name: packages[0] for name, packages in importlib.metadata.packages_distributions().items()}
    names = [name for name in there if name.isidentifier()]
    assert len(names) > 30
    found = distributions(names)
    assert {name: found[name].name for name in names} == {name: there[name] for name in names}


@pytest.mark.parametrize(("module", "package"), [("sklearn", "scikit-learn"), ("PIL", "pillow"), ("yaml", "pyyaml")])
def test_a_package_may_have_another_name_than_its_module(module, package):
    if not importlib.util.find_spec(module):
        pytest.skip(f"{package} is not installed")
    assert versions_of([module]) == {package: importlib.metadata.version(package)}


def test_a_package_that_only_has_the_name_is_not_taken_for_it(tmp_path, monkeypatch):
    """As with `sklearn` on PyPI, which holds nothing."""
    for name, files in {"thing": "thing-1.dist-info/METADATA,,", "real-thing": "thing/__init__.py,,"}.items():
        folder = tmp_path / f"{name.replace('-', '_')}-{len(name)}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {len(name)}\n")
        (folder / "RECORD").write_text(files + "\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert versions_of(["thing"]) == {"real-thing": "10"}


def test_what_is_not_installed_has_no_version():
    assert versions_of(["no_such_module", "json", ""]) == {}


def test_a_record_names_what_the_project_used_and_nothing_else(tiny_project):
    project = tiny_project({"snippets/coin.py": COIN.replace("import numpy", "import yaml, helper\nimport numpy"),
                    "src/helper.py": "import json\n"})  # fmt: skip
    assert project.run("run", "coin").code == 0
    versions = project.record_json("coin")["provenance"]["versions"]
    assert set(versions) == {"python", "numpy", "pyyaml"}
