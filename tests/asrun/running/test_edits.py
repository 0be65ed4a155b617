"""Edits of known effect: half of them must leave a record fresh, half of them must make it stale, and say why."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asrun.freshness import conditions
from asrun.freshness.snippet import list_snippets
from asrun.model import RunName, State
from asrun.testing import TinyProject

ASK = '''\
"""Does everything count that should, and nothing else?"""

import json
import os
from pathlib import Path

import numpy as np
import _tools as tools
from lab import spare, step
from lab.net import Net, unused_layer
from lab.names import *

SCALES = {"quick": dict(n=3, mode="plain")}
DATA = Path(__file__).parents[1] / "data"


def run(*, n, mode):
    net = Net(n)
    total = step.advance(net.size()) + tools.one() + PUBLIC
    if mode == "other":
        from lab import branch

        total += branch.add() + unused_layer() + never(net) + spare.something()
    settings = json.loads((DATA / "settings.json").read_text())
    names = sorted(each.name for each in (DATA / "points").iterdir())
    try:
        override = (DATA / "override.txt").read_text()
    except FileNotFoundError:
        override = ""
    late = inside()
    return {
        "total": total * settings["factor"] * float(os.environ.get("ASK_FACTOR", "1")) + late,
        "names": names,
        "override": override,
        "cache": bool(os.getenv("ASK_CACHE")),
    }


def inside():
    from lab.late import belated

    return belated()


def never(net):
    """Called in another mode only."""
    return net.size() - 1


def plot(result):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    figure.set_label("A line.")
    return figure


if __name__ == "__main__":
    print(run(**SCALES["quick"]))
'''

FILES = {
    "mkdocs.yml": "site_name: T\nplugins:\n  - asrun:\n      harmless_variables: [ASK_CACHE]\n",
    "docs/index.md": "# Prose\n",
    "data/settings.json": '{"factor": 2}',
    "data/other.json": '{"factor": 3}',
    "data/points/one.txt": "1",
    "data/points/two.txt": "2",
    "snippets/ask.py": ASK,
    "src/_tools.py": "def one():\n    return 1\n",
    "src/lab/__init__.py": '"""The laboratory."""\n\nVERSION = 1\n',
    "src/lab/step.py": '''\
        """Steps."""

        from lab import deep
        from lab.settings import RATE, unused_setting


        def advance(x, *, times=2):
            """Go on.

            Some steps.
            """
            for _ in range(times):
                x = deep.deeper(x) * RATE
            return x


        def retreat(x):
            return only_retreat(x)


        def only_retreat(x):
            return -x
        ''',
    "src/lab/deep.py": "def deeper(x):\n    return deepest(x) + 1\n\n\ndef deepest(x):\n    return x\n",
    "src/lab/settings.py": "RATE = 0.5\n\n\ndef unused_setting():\n    return 3\n",
    "src/lab/base.py": "class Base:\n    unit = 1\n\n    def size(self):\n        return self.n * self.unit\n",
    "src/lab/net.py": """\
        from lab.base import Base


        class Net(Base):
            def __init__(self, n):
                self.n = n


        def unused_layer():
            return 5
        """,
    "src/lab/names.py": "PUBLIC = 1\n\n\ndef private():\n    return 2\n",
    "src/lab/branch.py": "def add():\n    return 7\n",
    "src/lab/spare.py": "def something():\n    return 8\n",
    "src/lab/late.py": "def belated():\n    return 10\n",
}


def edit(path: str, old: str, new: str) -> Callable[[TinyProject], None]:
    return lambda site: site.edit(path, old, new)


def write(path: str, text: str) -> Callable[[TinyProject], None]:
    return lambda site: site.write(path, text) and None


def append(path: str, text: str) -> Callable[[TinyProject], None]:
    return lambda site: site.write(path, site.read(path) + text) and None


def remove(path: str) -> Callable[[TinyProject], None]:
    return lambda site: (site.folder / path).unlink()


def rename(path: str, new: str) -> Callable[[TinyProject], None]:
    return lambda site: (site.folder / path).rename(site.folder / new) and None


def windows(site: TinyProject) -> None:
    for path in sorted([*site.folder.glob("s*/**/*.py")]):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def touch(site: TinyProject) -> None:
    for path in site.folder.rglob("*"):
        os.utime(path, (1, 1))


def variable(name: str, value: str) -> Callable[[TinyProject], None]:
    return lambda site: os.environ.update({name: value})


FRESH = {
    "a function that the run never called": edit("src/lab/net.py", "return 5", "return 6"),
    "a function of the snippet's that the run never called": edit("snippets/ask.py", "net.size() - 1", "net.size()"),
    "a function that only an uncalled one calls": edit("src/lab/step.py", "return -x", "return 0"),
    "an uncalled function that nobody imports is gone": edit(
        "src/lab/step.py", "def only_retreat(x):\n    return -x\n", ""
    ),
    "an uncalled function that is imported by name": edit("src/lab/settings.py", "return 3", "return 4"),
    "a module imported on a branch that was not taken": edit("src/lab/branch.py", "return 7", "return 8"),
    "a module that was imported and of which nothing was called": edit("src/lab/spare.py", "return 8", "return 9"),
    "a new function in the laboratory": append("src/lab/net.py", "\n\ndef new_layer():\n    return 1\n"),
    "a new constant nobody mentions": append("src/lab/settings.py", "\n\nOTHER = 3\n"),
    "a new module": write("src/lab/fresh.py", "VALUE = 1\n"),
    "an uncalled function under a star": edit("src/lab/names.py", "return 2", "return 3"),
    "a comment": edit("src/lab/deep.py", "    return x\n", "    # As it is.\n    return x\n"),
    "a docstring": edit("src/lab/step.py", "Some steps.", "Two steps, usually."),
    "formatting": edit("src/lab/deep.py", "return deepest(x) + 1", "return (\n        deepest( x )\n        + 1)"),
    "line ends of another system": windows,
    "file times": touch,
    "prose": append("docs/index.md", "\nMore of it.\n"),
    "a data file that nobody opened": write("data/other.json", "{}"),
    "a variable that nobody asked for": variable("ASK_NOTHING", "1"),
    "a variable that decides nothing": variable("ASK_CACHE", "/somewhere"),
    "how it is drawn": edit("snippets/ask.py", "axes.plot([0, 1], [0, 1])", "axes.plot([0, 1], [1, 0])"),
    "what only a reader runs": edit("snippets/ask.py", "    print(run(", "    print('total', run("),
}

STALE = {
    "a function that was called": (edit("src/lab/step.py", "* RATE", "/ RATE"), "src/lab/step.py: advance changed"),
    "a helper of a helper": (edit("src/lab/deep.py", "return x\n", "return -x\n"), "src/lab/deep.py: deepest changed"),
    "a default argument": (edit("src/lab/step.py", "times=2", "times=3"), "src/lab/step.py: advance changed"),
    "a constant": (edit("src/lab/settings.py", "RATE = 0.5", "RATE = 0.25"), "src/lab/settings.py: RATE changed"),
    "a class": (edit("src/lab/net.py", "self.n = n", "self.n = 2 * n"), "src/lab/net.py: Net.__init__ changed"),
    "a base class": (edit("src/lab/base.py", "unit = 1", "unit = 2"), "src/lab/base.py: (module level) changed"),
    "a name under a star": (edit("src/lab/names.py", "PUBLIC = 1", "PUBLIC = 2"), "src/lab/names.py: PUBLIC changed"),
    "the run itself": (edit("snippets/ask.py", "tools.one() +", "tools.one() -"), "snippets/ask.py: run changed"),
    "a function of the snippet's": (edit("snippets/ask.py", "return belated()", "return -belated()"), "inside changed"),
    "a parameter": (edit("snippets/ask.py", "dict(n=3,", "dict(n=4,"), "n was 3, is 4"),
    "a module imported in a function": (edit("src/lab/late.py", "10", "11"), "src/lab/late.py: belated changed"),
    "a new class, which acts on its base": (
        append("src/lab/net.py", "\n\nclass Wide(Net):\n    unit = 2\n"), "src/lab/net.py: (module level) changed",
    ),
    "a function is gone that was imported, though not called": (
        edit("src/lab/settings.py", "def unused_setting():\n    return 3\n", ""), "settings.py: unused_setting is gone",
    ),
    "an import, which acts": (
        edit("src/lab/deep.py", "def deeper", "import math\n\n\ndef deeper"), "src/lab/deep.py: (module level) changed",
    ),
    "a statement that acts on import": (
        append("src/lab/__init__.py", "\nimport random\n\nrandom.seed(1)\n"), "src/lab/__init__.py",
    ),
    "such a statement where nothing was called": (
        append("src/lab/spare.py", "\nimport random\n\nrandom.seed(1)\n"), "src/lab/spare.py",
    ),
    "data": (write("data/settings.json", '{"factor": 4}'), "data/settings.json changed"),
    "data that is gone": (remove("data/settings.json"), "data/settings.json is gone"),
    "a file more in a folder that was listed": (write("data/points/three.txt", "3"), "data/points/ lists other names"),
    "a file less": (remove("data/points/two.txt"), "data/points/ lists other names"),
    "a file of another name": (rename("data/points/two.txt", "data/points/ten.txt"), "lists other names"),
    "a file that was looked for in vain": (write("data/override.txt", "x"), "data/override.txt has appeared"),
    "a variable that was asked for": (variable("ASK_FACTOR", "3"), "the environment variable ASK_FACTOR changed"),
    "a new module that shadows an old one": (
        write("snippets/_tools.py", "def one():\n    return 2\n"), "_tools is imported from another file",
    ),
    "a package that takes a module's place": (
        write("src/_tools/__init__.py", "def one():\n    return 3\n"), "_tools is imported from another file",
    ),
    "a decorator on what was called": (
        edit("src/lab/deep.py", "def deepest", "import functools\n\n\n@functools.cache\ndef deepest"), "deepest",
    ),
}  # fmt: skip

RUN = RunName("ask", "quick", "cpu")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> TinyProject:
    folder = tmp_path_factory.mktemp("recorded") / "project"
    site = TinyProject(FILES, folder)
    result = site.run("run", "ask")
    assert result.code == 0, result.text
    return site


@pytest.fixture
def site(recorded, tmp_path, monkeypatch) -> TinyProject:
    """A copy of the project with its record: so that every edit is the first one, in another folder."""
    monkeypatch.setattr(os, "environ", os.environ)  # whatever an edit sets is taken back
    before = dict(os.environ)
    copy = shutil.copytree(recorded.folder, tmp_path / "elsewhere" / "copy")
    yield TinyProject({"mkdocs.yml": FILES["mkdocs.yml"]}, copy)
    os.environ.clear()
    os.environ.update(before)


def condition(site: TinyProject):
    project = site.project
    (snippet,) = [each for each in list_snippets(project) if each.name == "ask"]
    return conditions.run_condition(project, snippet, RUN, site.store)


def test_a_copy_of_the_project_in_another_folder_is_fresh(site):
    assert condition(site).state is State.FRESH, condition(site)


@pytest.mark.parametrize("change", FRESH.values(), ids=FRESH)
def test_what_cannot_change_the_result_leaves_the_record_fresh(site, change):
    change(site)
    assert condition(site).state is State.FRESH, condition(site)


@pytest.mark.parametrize(("change", "reason"), STALE.values(), ids=STALE)
def test_what_can_change_the_result_makes_the_record_stale(site, change, reason):
    change(site)
    now = condition(site)
    assert now.state is State.STALE, now
    assert reason in now.reason


def test_the_record_names_what_was_read_and_what_ran(recorded):
    key = recorded.record_json("ask")["key"]
    assert set(key["files"]) == {"data/settings.json", "data/points/", "data/override.txt"}
    assert set(key["environment"]) == {"ASK_FACTOR"}
    assert key["ran"] == {
        "snippets/ask.py": ["inside", "run"],
        "src/_tools.py": ["one"],
        "src/lab/__init__.py": [],
        "src/lab/base.py": ["Base.size"],
        "src/lab/deep.py": ["deeper", "deepest"],
        "src/lab/late.py": ["belated"],
        "src/lab/names.py": [],
        "src/lab/net.py": ["Net.__init__"],
        "src/lab/settings.py": [],
        "src/lab/spare.py": [],
        "src/lab/step.py": ["advance"],
    }
    assert "retreat" not in json.dumps(key), "nobody mentions it"


def test_a_secret_in_the_environment_is_not_told(site):
    os.environ["ASK_FACTOR"] = "31337"
    assert site.run("run", "ask").code == 0
    assert "31337" not in json.dumps(site.record_json("ask")["key"])
    assert condition(site).state is State.FRESH
    del os.environ["ASK_FACTOR"]
    assert "ASK_FACTOR changed" in condition(site).reason


# Where observing could go wrong

POOL = '''\
"""What is called elsewhere?"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from work import double

SCALES = {"quick": dict(how="fork")}


def run(*, how):
    with ProcessPoolExecutor(1, mp_context=get_context(how)) as pool:
        return {"four": pool.submit(double, 2).result()}
'''


@pytest.mark.skipif(sys.platform == "win32", reason="has no fork")
@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_what_another_process_calls_counts_although_nobody_saw_it(tmp_path, how):
    pool = POOL.replace('"fork"', f'"{how}"')
    site = TinyProject({"snippets/ask.py": pool, "src/work.py": "def double(x):\n    return 2 * x\n"}, tmp_path)
    result = site.run("run", "ask")
    assert result.code == 0, result.text
    site.edit("src/work.py", "2 * x", "x + x")
    assert condition(site).state is State.STALE


def test_what_another_python_is_told_to_call_counts(tmp_path):
    site = TinyProject({
        "snippets/ask.py": '''\
            """What does it print?"""

            import subprocess
            import sys
            from pathlib import Path

            from work import double

            SCALES = {"quick": dict(n=2)}


            def run(*, n):
                if n > 100:
                    return {"out": double(n)}
                code = f"from work import double; print(double({n}))"
                source = Path(__file__).parents[1] / "src"
                done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
                return {"out": done.stdout}
            ''',
        "src/work.py": "def double(x):\n    return 2 * x\n",
    }, tmp_path)  # fmt: skip
    assert site.run("run", "ask").code == 0
    assert site.record_json("ask")["values"]["out"] == "4\n"
    site.edit("src/work.py", "2 * x", "x + x")
    assert condition(site).state is State.STALE


def test_decorated_generator_nested_and_async_functions_count_when_they_run(tmp_path):
    site = TinyProject({
        "snippets/ask.py": '''\
            """Which functions ran?"""

            import asyncio

            import work

            SCALES = {"quick": dict()}


            def run():
                kept = work.generate()
                total = work.cached(1) + sum(kept) + work.outer() + asyncio.run(work.soon())
                return {"sum": total, "doc": work.told.__doc__}
            ''',
        "src/work.py": '''\
            import functools


            @functools.cache
            def cached(x):
                return x


            def generate():
                """Some numbers."""
                yield from (1, 2)


            def outer():
                def inner():
                    return 3

                return inner()


            async def soon():
                return 4


            def told():
                """Its docstring is all that is used."""
            ''',
    }, tmp_path)  # fmt: skip
    result = site.run("run", "ask")
    assert result.code == 0, result.text
    record = site.record_json("ask")
    assert record["values"] == {"sum": 11, "doc": "Its docstring is all that is used."}
    assert set(record["key"]["code"]["src/work.py"]) == {
        "(module level)", "(docstrings)", "cached", "generate", "outer", "outer.<locals>.inner", "soon", "told",
    }  # fmt: skip
    for old, new in (
        ("return x", "return x + 1"),
        ("(1, 2)", "(1, 3)"),
        ("return 3", "return 5"),
        ("return 4", "return 6"),
    ):
        text = site.read("src/work.py")
        site.edit("src/work.py", old, new)
        assert condition(site).state is State.STALE, old
        site.write("src/work.py", text)
    assert condition(site).state is State.FRESH


def test_a_function_that_is_found_by_a_computed_name_counts(tmp_path):
    site = TinyProject({
        "snippets/ask.py": '''\
            """Which one?"""

            import sys

            from work import one

            SCALES = {"quick": dict(which="tw")}


            def run(*, which):
                return {"x": one() + getattr(sys.modules["work"], which + "o")()}
            ''',
        "src/work.py": "def one():\n    return 1\n\n\ndef two():\n    return three()\n\n\ndef three():\n    return 3\n",
    }, tmp_path)  # fmt: skip
    assert site.run("run", "ask").code == 0
    key = site.record_json("ask")["key"]
    assert key["ran"]["src/work.py"] == ["one", "three", "two"]
    assert condition(site).state is State.FRESH
    site.edit("src/work.py", "return 3", "return 4")
    assert condition(site).reason == "src/work.py: three changed"


def test_lines_of_errors_are_those_of_the_file(tmp_path):
    site = TinyProject({
        "snippets/ask.py": '''\
            """Where does it fail?"""

            SCALES = {"quick": dict()}


            def run():
                """Fail."""
                return {"x": fails()}


            def fails():
                number = 1
                return number / 0
            ''',
    }, tmp_path)  # fmt: skip
    result = site.run("run", "ask")
    assert result.code == 1 and "snippets/ask.py:13: ask (quick, cpu) raised: ZeroDivisionError" in result.err


def test_the_source_of_a_watched_function_is_what_the_author_wrote(tmp_path):
    function = "def run():\n    return {'text': inspect.getsource(run)}\n"
    source = '"""What is it?"""\n\nimport inspect\n\nSCALES = {"quick": dict()}\n\n\n' + function
    site = TinyProject({"snippets/ask.py": source}, tmp_path)
    assert site.run("run", "ask").code == 0
    assert site.record_json("ask")["values"]["text"] == function


def test_an_edit_during_the_run_leaves_the_record_stale(tmp_path):
    site = TinyProject({
        "snippets/ask.py": '''\
            """What if I am edited?"""

            from pathlib import Path

            from work import one, two

            SCALES = {"quick": dict(n=0)}


            def run(*, n):
                work = Path(__file__).parents[1] / "src" / "work.py"
                work.write_text(work.read_text().replace("return 1", "return 10").replace("return 2", "return 20"))
                return {"x": one() + (two() if n else 0)}
            ''',
        "src/work.py": "def one():\n    return 1\n\n\ndef two():\n    return 2\n",
    }, tmp_path)  # fmt: skip
    assert site.run("run", "ask").code == 0
    assert site.record_json("ask")["values"]["x"] == 1
    # It is data, too: the run read it. Whoever reads code may execute it, and nobody would know.
    assert condition(site).reason == "src/work.py: one changed; src/work.py: two changed; src/work.py changed"


def test_the_projects_own_folder_and_folders_that_are_deleted_are_not_data(tmp_path):
    site = TinyProject({
        "snippets/ask.py": '''\
            """What is here?"""

            import os
            import tempfile

            SCALES = {"quick": dict()}


            def run():
                with tempfile.TemporaryDirectory() as folder:
                    os.mkdir(os.path.join(folder, "inside"))
                return {"some": len(os.listdir()) > 0}
            ''',
    }, tmp_path)  # fmt: skip
    assert site.run("run", "ask").code == 0
    assert site.record_json("ask")["key"]["files"] == {}
    site.write("more.txt", "x")
    assert condition(site).state is State.FRESH


def test_what_a_run_wrote_itself_is_not_its_data(tmp_path):
    site = TinyProject({
        "snippets/ask.py": '''\
            """What did I write?"""

            from pathlib import Path

            SCALES = {"quick": dict()}


            def run():
                file = Path(__file__).parents[1] / "made" / "note.txt"
                file.parent.mkdir(exist_ok=True)
                file.write_text("x")
                return {"x": file.read_text()}
            ''',
    }, tmp_path)  # fmt: skip
    assert site.run("run", "ask").code == 0
    assert site.record_json("ask")["key"]["files"] == {}
    assert Path(tmp_path, "made", "note.txt").exists()


def test_a_module_that_is_imported_under_a_computed_name_counts(tmp_path):
    site = TinyProject({
        "snippets/ask.py": '''\
            """Which one?"""

            import importlib

            SCALES = {"quick": dict()}


            def run():
                return {"x": importlib.import_module("plug" + "in").value()}
            ''',
        "src/plugin.py": "def value():\n    return 9\n",
    }, tmp_path)  # fmt: skip
    assert site.run("run", "ask").code == 0
    assert condition(site).state is State.FRESH
    site.edit("src/plugin.py", "9", "10")
    assert condition(site).reason == "src/plugin.py: value changed"
    site.edit("src/plugin.py", "10", "9")
    site.write("snippets/plugin.py", "def value():\n    return 11\n")
    assert condition(site).state is State.STALE, "another module of that name comes to stand before it"
