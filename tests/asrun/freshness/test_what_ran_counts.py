"""Is an edit that changes a result always noticed, and one that does not, never? For many edits, by running them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.asrun.freshness.edits_of_code import EDITS, Edit

from asrun import judge_records
from asrun.model import RunName, State
from asrun.testing import TinyProject

KINDS = {kind: [each for each in EDITS if each.kind == kind] for kind in dict.fromkeys(each.kind for each in EDITS)}

IN_VAIN = {
    "a function of the snippet": ["x + by"],
    "functions as objects": ["def g(x):\n    return x"],
    "methods": ["class Net:"],
    "statements of the top level": ["N = 10"],
    "members of an enum": ["TWO = 2"],
    "operator.attrgetter": ["return 0"],
    "properties with setters": ["self._size = 0"],
    "generators that are never started": ["n, m=2"],
}
"""What may make a record stale and changes nothing, by kind: the texts that the edits replace."""

SAMPLE = {
    "a function of the snippet": "UNUSED = 4",
    "imports that act": "import first\nimport second\n",
    "registries": "return 2",
    "unpickled instances": "side = 2",
    "computed names": "return 3",
    "a package": "return 2",
    "a module that comes to stand before another": "",
    "global statements": 'MODE = "b"',
    "a function put in the place of another module's": "x + 100",
    "generators that are never started": "            yield x",
    "formatting": "return 1\n",
    "docstrings that mention what there is": "Go on to LIMIT.",
}
"""A kind, and what its edit replaces."""

TRUTH = """
import importlib, json, sys
sys.path[:0] = sys.argv[1:]
try:
    told = json.dumps(importlib.import_module("s").run(), sort_keys=True)
except Exception as error:
    told = f"{type(error).__name__}: {error}"
print(f"\\n{told}")
"""


def truth(project: TinyProject) -> str:
    """Return what the snippet comes to with plain Python, where nobody watches: JSON, or an error."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", TRUTH, str(project.folder / "snippets"), str(project.folder / "src")],
        # What was compiled before is nowhere to be found: two edits in one second leave files of one age.
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": str(project.folder / ".nothing")},
        cwd=project.folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].replace(str(project.folder), "")


@contextmanager
def edited(project: TinyProject, edit: Edit) -> Iterator[None]:
    """Have an edit made for a while."""
    before = edit.project
    after = {path: text for path, text in edit.edited.items() if before.get(path) != text}
    folders = {parent for path in after for parent in Path(path).parents if not project.exists(str(parent))}
    for path, text in after.items():
        project.write(path, text)
    try:
        yield
    finally:
        for path in after:
            if path in before:
                project.write(path, before[path])
            else:
                (project.folder / path).unlink()
        for folder in sorted(folders, reverse=True):
            (project.folder / folder).rmdir()


def judged(folder: Path, edits: Sequence[Edit]) -> tuple[list[str], list[str], list[str]]:
    """Run the project of some edits once, and judge its record after each.

    Returns:
        Edits that change the result and are not noticed, those noticed that do not change it, and those that do.
    """
    project = TinyProject(edits[0].project, folder)
    done = project.run("run", "s")
    assert done.code == 0, done.text
    run = RunName("s", "quick", "cpu")
    before = truth(project)
    record = project.store.get(run)
    assert record
    assert json.dumps(record.values, sort_keys=True) == before, "being watched changes nothing"
    assert judge_records(project.project)[run].state is State.FRESH
    missed, in_vain, noticed = list[str](), list[str](), list[str]()
    for edit in edits:
        with edited(project, edit):
            condition = judge_records(project.project)[run]
            now = truth(project)
        stale, told = condition.state is not State.FRESH, f"{edit}: {condition}; {before} before, {now} now"
        if now != before:
            (noticed if stale else missed).append(told)
        elif stale and edit.old not in IN_VAIN.get(edit.kind, ()):
            in_vain.append(told)
    assert judge_records(project.project)[run].state is State.FRESH, "all is as it was"
    return missed, in_vain, noticed


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_what_changes_a_result_is_noticed_and_what_does_not_is_not(tmp_path, kind):
    missed, in_vain, noticed = judged(tmp_path, KINDS[kind])
    assert not missed, "\n".join(["fresh, and the result is another:", *missed])
    assert not in_vain, "\n".join(["stale, and the result is the same:", *in_vain])
    assert noticed or kind in ("docstrings that mention what there is", "formatting"), "no edit of it changes anything"


@pytest.mark.parametrize("kind", SAMPLE)
def test_one_edit_of_a_kind_is_judged_rightly(tmp_path, kind):
    sample = next(each for each in KINDS[kind] if each.old == SAMPLE[kind])
    missed, in_vain, _ = judged(tmp_path, [sample])
    assert not missed and not in_vain, [*missed, *in_vain]


def test_few_edits_are_noticed_in_vain():
    assert all(any(each.old == old for each in KINDS[kind]) for kind, olds in IN_VAIN.items() for old in olds)
    assert sum(map(len, IN_VAIN.values())) <= 0.03 * len(EDITS)
