"""What of the project's code decides a run, once it is known what was called; and how changes of it are told."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asrun
from asrun.freshness import key
from asrun.freshness.executed import IMPORTS, Entry, compare, executed, importable
from asrun.freshness.key import file_digest
from asrun.freshness.sources import Sources
from asrun.model import RunName
from asrun.testing import TinyProject

SNIPPET = '''\
"""What is the answer?"""

import numpy as np
from lab import half
from lab.net import train

SCALES = {"quick": dict(n=3)}
FACTOR = 2


def unused():
    return "not called"


def helper(x):
    return FACTOR * x


def run(*, n):
    return {"answer": helper(n) + train(n) + half(n) + np.sqrt(n)}


def plot(result):
    return None
'''

LAB = {
    "src/lab/__init__.py": "from .basic import half\n",
    "src/lab/basic.py": "def half(x):\n    return x / 2\n\n\ndef other(x):\n    return x\n",
    "src/lab/net.py": (
        "from .steps import step\n\nRATE = 0.1\n\n\nclass Base:\n    size = 1\n\n"
        "    def never(self):\n        return 5\n\n\n"
        "class Net(Base):\n    pass\n\n\n"
        "def wrap(f):\n    return f\n\n\n@wrap\ndef train(n, scale=1.0):\n"
        "    return step(n) * RATE * scale * Net().size\n\n\ndef spare():\n    return 3\n"
    ),
    "src/lab/steps.py": "import math\n\n\ndef step(n):\n    return math.sqrt(n)\n",
}
FILES = {"snippets/ask.py": SNIPPET, **LAB}
RAN = {
    "snippets/ask.py": ["helper", "run"],
    "src/lab/__init__.py": [],
    "src/lab/basic.py": ["half"],
    "src/lab/net.py": ["train", "wrap"],
    "src/lab/steps.py": ["step"],
}


def counted(made: TinyProject, ran=RAN) -> dict[str, dict[str, str]]:
    """Return the digests of what a run of the snippet executed."""
    return key.code_now(ran, Entry(made.folder / "snippets/ask.py", "run"), key.sources(made.project))


def reasons(project: TinyProject, path: str, old: str, new: str) -> list[str]:
    """Edit a file, and say what that changed."""
    then = counted(project)
    project.edit(path, old, new)
    return compare(then, counted(project))


def test_that_is_what_a_run_calls(tiny_project):
    project = tiny_project({**FILES, "snippets/ask.py": SNIPPET.partition("\n\ndef plot")[0] + "\n"})
    assert project.run("run", "ask").code == 0
    record = project.store.get(RunName("ask", "quick", "cpu"))
    assert record.ran == RAN and record.code == counted(project)


# What does not count


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("snippets/ask.py", "FACTOR = 2", "# twice\nFACTOR = 2  # or so"),
        ("snippets/ask.py", "FACTOR = 2", 'FACTOR = 2\n"""How much."""'),
        ("snippets/ask.py", "def helper(x):", 'def helper(x):\n    """Help."""'),
        ("snippets/ask.py", '"""What is the answer?"""', '"""And the question?"""'),
        ("snippets/ask.py", "FACTOR * x", "(\n        FACTOR\n        *\n        x\n    )"),
        ("snippets/ask.py", '"not called"', '"changed"'),
        ("snippets/ask.py", "return None", "return 1"),
        ("snippets/ask.py", "dict(n=3)", "dict(n=4)"),
        ("snippets/ask.py", "dict(n=3)", "dict(n=3), 'full': dict(n=4)"),
        ("snippets/ask.py", "FACTOR = 2", "FACTOR = 2\nNEEDS = {'minutes': 3}"),
        ("src/lab/net.py", "    size = 1", '    size = 1\n    """How large."""'),
        ("src/lab/net.py", "    pass", '    """A net."""'),
        ("src/lab/net.py", "return 3", "return 4"),
        ("src/lab/net.py", "return 5", "return 6"),
        ("src/lab/net.py", "def spare():\n    return 3\n", ""),
        ("src/lab/basic.py", "return x\n", "return -x\n"),
        ("src/lab/basic.py", "def half(x):", "def half(x):  # noqa"),
        ("src/lab/basic.py", "def half(x):", "LIMIT = 3\n\n\ndef half(x):"),
    ],
)
def test_what_a_run_did_not_execute_leaves_its_record_fresh(tiny_project, path, old, new):
    assert reasons(tiny_project(FILES), path, old, new) == []


def test_a_main_guard_does_not_count(tiny_project):
    project = tiny_project(FILES)
    before = counted(project)
    project.write("snippets/ask.py", SNIPPET + '\n\nif __name__ == "__main__":\n    print(run(n=3))\n')
    assert counted(project) == before


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_do_not_count(tiny_project, end):
    project = tiny_project(FILES)
    before = counted(project)
    for path in FILES:
        (project.folder / path).write_bytes(FILES[path].replace("\n", end).encode())
    assert counted(project) == before


def test_a_byte_order_mark_does_not_count(tiny_project):
    project = tiny_project(FILES)
    before = counted(project)
    (project.folder / "snippets/ask.py").write_bytes(b"\xef\xbb\xbf" + SNIPPET.encode())
    assert counted(project) == before


def test_the_folder_of_the_project_does_not_count(tmp_path):
    assert counted(TinyProject(FILES, tmp_path / "here")) == counted(TinyProject(FILES, tmp_path / "far/away"))


def digests_of(
    files: Mapping[str, str], ran: Mapping[str, list[str] | None] | None = None
) -> dict[str, dict[str, str]]:
    """Return what counts of a run that begins in `m.py`; all that it may come to execute, if that is not told."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, "utf-8")
        sources, file = Sources([root], root), root / "m.py"
        if ran is None:
            return executed(sources, importable(sources, [file]), Entry(file, "run"))
        called = {root / path: None if each is None else frozenset(each) for path, each in ran.items()}
        return executed(sources, called, Entry(file, "run"))


BLOCKS = ["A = 1\n", "def f(x):\n    return g(x) + A\n", "def g(x):\n    return x\n", "def unused():\n    return A\n"]


@given(st.permutations(BLOCKS), st.permutations(BLOCKS))
def test_the_order_of_definitions_does_not_count(one, other):
    first, second = (digests_of({"m.py": "".join(blocks)}, {"m.py": ["f", "g"]}) for blocks in (one, other))
    assert first == second
    assert set(first["m.py"]) == {"(module level)", "A", "f", "g"}


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")), st.sampled_from("abcdef"))
def test_a_body_counts_exactly_when_it_was_called_and_a_name_when_it_is_mentioned(called, mentioned, edited):
    def source(change):
        return f"def run(): return {', '.join(f'{name}()' for name in sorted(mentioned)) or None}\n" + "".join(
            f"def {name}(): return {int(change and name == edited)}\n" for name in "abcdef"
        )

    ran = {"m.py": ["run", *called]}
    before, after = digests_of({"m.py": source(False)}, ran), digests_of({"m.py": source(True)}, ran)
    assert set(before["m.py"]) == {"(module level)", "run", *called, *mentioned}
    assert compare(before, after) == ([f"m.py: {edited} changed"] if edited in called else [])


PMAP = "import os\n\n\ndef pmap(function, items):\n    return [function(item) for item in items]\n"


@pytest.mark.parametrize(
    ("imported", "called"),
    [
        ("from asrun.parallel import pmap", "pmap"),
        ("import asrun.parallel as many", "many.pmap"),
        ("from asrun import parallel", "parallel.pmap"),
        ("from lab import pmap", "pmap"),
    ],
)
def test_asrun_itself_does_not_count_even_where_its_code_is_the_projects(imported, called):
    snippet = f"{imported}\n\n\ndef run():\n    return {{'x': {called}(abs, [1])}}\n"
    lab = {"m.py": snippet, "lab.py": "from asrun.parallel import pmap\n"}
    # As for whoever has asrun installed and no code of it.
    without = digests_of(lab)
    own = {"asrun/__init__.py": "", "asrun/parallel.py": PMAP}
    assert digests_of(lab | own) == without
    assert "m.py" in without and not any("asrun" in file for file in without)


def test_a_record_does_not_depend_on_the_asrun_that_ran_it(tiny_project):
    snippet = (
        '"""Why?"""\nfrom asrun.parallel import pmap\nSCALES = {"quick": {}}\n\n\ndef half(x):\n    return x / 2\n\n\n'
        'def run():\n    return {"halves": pmap(half, [1, 2])}\n'
    )
    project = tiny_project({"snippets/ask.py": snippet})
    (project.folder / "src").mkdir(exist_ok=True)
    (project.folder / "src/asrun").symlink_to(Path(asrun.__file__).parent)
    result = project.run("run", "ask")
    assert result.code == 0, result.text
    record = project.store.get(RunName("ask", "quick", "cpu"))
    assert record.values == {"halves": [0.5, 1.0]}
    assert set(record.code) == set(record.ran) == {"snippets/ask.py"}
    assert {"(module level)", "half", "run"} == set(record.code["snippets/ask.py"])
    assert (record.files, record.environment) == ({}, {})
    (project.folder / "src/asrun").unlink()
    assert project.run("status").code == 0


# What counts, and how it is told


@pytest.mark.parametrize(
    ("path", "old", "new", "told"),
    [
        ("snippets/ask.py", "helper(n) +", "helper(n) -", "snippets/ask.py: run changed"),
        ("snippets/ask.py", "FACTOR * x", "FACTOR + x", "snippets/ask.py: helper changed"),
        ("snippets/ask.py", "FACTOR = 2", "FACTOR = 3", "snippets/ask.py: FACTOR changed"),
        ("snippets/ask.py", "FACTOR = 2", "FACTOR = 2 + f()", "snippets/ask.py: FACTOR is gone"),
        ("snippets/ask.py", "import numpy as np", "import math as np", "snippets/ask.py: (module level) changed"),
        ("snippets/ask.py", "import half", "import basic as half", "snippets/ask.py: (module level) changed"),
        ("snippets/ask.py", "def helper", "def assist", "snippets/ask.py: helper is gone"),
        ("snippets/ask.py", "FACTOR * x", "FACTOR * x * len(unused())", "snippets/ask.py: unused is new"),
        ("src/lab/net.py", "scale=1.0", "scale=2.0", "src/lab/net.py: train changed"),
        ("src/lab/net.py", "RATE = 0.1", "RATE = 0.2", "src/lab/net.py: RATE changed"),
        ("src/lab/net.py", "@wrap\n", "", "src/lab/net.py: train changed"),
        ("src/lab/net.py", "    return f\n", "    return lambda *a: 0\n", "src/lab/net.py: wrap changed"),
        ("src/lab/net.py", "size = 1", "size = 2", "src/lab/net.py: (module level) changed"),
        ("src/lab/net.py", "class Net(Base)", "class Net", "src/lab/net.py: (module level) changed"),
        ("src/lab/net.py", "def never(self)", "def never(self, x)", "src/lab/net.py: (module level) changed"),
        ("src/lab/steps.py", "math.sqrt(n)", "math.exp(n)", "src/lab/steps.py: step changed"),
        ("src/lab/steps.py", "import math\n", "import math\nimport json\n", "src/lab/steps.py: (module level) changed"),
        ("src/lab/basic.py", "x / 2", "x / 3", "src/lab/basic.py: half changed"),
        ("src/lab/__init__.py", "half\n", "half\nprint()\n", "src/lab/__init__.py: (module level) changed"),
    ],
)
def test_what_a_run_executed_makes_its_record_stale_and_is_named(tiny_project, path, old, new, told):
    assert told in reasons(tiny_project(FILES), path, old, new)


def test_a_file_that_is_gone_is_told(tiny_project):
    project = tiny_project(FILES)
    before = counted(project)
    (project.folder / "src/lab/steps.py").unlink()
    assert compare(before, counted(project)) == [
        "lab.steps is imported from another file",
        "src/lab/steps.py is gone",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "numpy.random.seed(0)",
        "CONFIG['x'] = 0",
        "CONFIG['x']: int = 0",
        "CONFIG.x = 0",
        "other.LIMIT = 0",
        "_ = numpy.random.seed(0)",
        "for key in CONFIG:\n    CONFIG[key] = 0",
        "with open('x') as file:\n    numpy.seed = 0",
        "try:\n    numpy.random.seed(0)\nfinally:\n    done = True",
        "if CONFIG:\n    CONFIG['x'] = 0\nelse:\n    seeded = True",
        "del CONFIG['y'], CONFIG[0]",
        "assert CONFIG.pop(0)",
        "CONFIG[1], CONFIG['x'] = 0, 1",
        "CONFIG[0] += 1",
    ],
)
def test_what_a_module_does_when_it_is_imported_counts(statement):
    def files(text):
        return {
            "m.py": "from a import f\ndef run(): return f()",
            "a.py": f"import numpy, other\nCONFIG = {{}}\n{text}\ndef f():\n    return 1\n",
        }

    ran = {"m.py": ["run"], "a.py": []}
    told = compare(digests_of(files(statement), ran), digests_of(files(statement.replace("0", "7")), ran))
    assert told == ["a.py: (module level) changed"]


F1 = "def f():\n    return 1\n"


@pytest.mark.parametrize("new", ["a/__init__.py", "a/b/__init__.py"])
def test_a_new_module_that_stands_before_an_old_one_is_noticed(new):
    files = {"m.py": "from a.b import f\ndef run(): return f()", "a/b.py": F1}
    ran = {"m.py": ["run"], "a/b.py": ["f"]}
    told = compare(digests_of(files, ran), digests_of({**files, new: F1}, ran))
    assert told and all(reason.endswith("is imported from another file") for reason in told)


def test_a_module_of_the_project_that_stands_before_an_installed_one_is_noticed():
    files = {"m.py": "import numpy\ndef run(): return numpy.sqrt(2)"}
    ran = {"m.py": ["run"]}
    told = compare(digests_of(files, ran), digests_of({**files, "numpy.py": "def sqrt(x): return x"}, ran))
    assert told == ["numpy is imported from another file"]


@pytest.mark.parametrize(
    ("use", "counts"),
    [
        ("f()", False),
        ("f() if x else g()", False),
        ("call(f)", True),
        ("[f]", True),
        ("f.__code__", True),
        ("a.f()", False),
        ("call(a.f)", True),
        ("getattr(a, 'f')", True),
        ("getattr(a, 'f')()", True),
        ("getattr(a, 'g')", False),
        ("call(getattr(a, 'f' + x))", True),
        ("eval('f()')", True),
        ("call(a)", True),
        ("a.__dict__", True),
    ],
)
def test_a_function_that_was_not_called_counts_when_somebody_may_look_into_it(use, counts):
    def files(number):
        return {
            "m.py": f"import a\nfrom a import f, g\ndef run(x=1): return {use}\ndef call(x): return x",
            "a.py": f"def f(): return {number}\ndef g(): return 0\n",
        }

    ran = {"m.py": ["run"], "a.py": []}
    told = compare(digests_of(files(1), ran), digests_of(files(2), ran))
    assert told == (["a.py: f changed"] if counts else [])


def test_where_nobody_watched_all_that_can_be_imported_counts():
    files = {
        "m.py": "def run():\n    import a.b\n    return 1",
        "a/__init__.py": "X = 1\n",
        "a/b.py": "from . import c\nfrom .d import e\n",
        "a/c.py": F1,
        "a/d.py": "def e(): return 2\ndef never(): return 3\n",
        "other.py": F1,
    }
    found = digests_of(files)
    assert set(found) == {*files, IMPORTS} - {"other.py"}
    assert set(found["a/d.py"]) >= {"e", "never"}


def test_modules_that_import_each_other_are_followed_to_the_end():
    files = {
        "m.py": "import a\ndef run(): return a.f()",
        "a.py": "import b\ndef f(): return b.g()\ndef h(): return 1",
        "b.py": "import a\ndef g(): return a.h()",
    }
    told = compare(digests_of(files), digests_of({**files, "a.py": files["a.py"].replace("1", "2")}))
    assert told == ["a.py: h changed"]


def test_docstrings_count_when_somebody_asks_for_them():
    def files(text, use):
        return {"m.py": f"def f():\n    '''{text}'''\n\ndef run(): return {use}\n"}

    ran = {"m.py": ["run"]}
    assert compare(digests_of(files("a", "f()"), ran), digests_of(files("b", "f()"), ran)) == []
    told = compare(digests_of(files("a", "f.__doc__"), ran), digests_of(files("b", "f.__doc__"), ran))
    assert told == ["m.py: (docstrings) changed"]


def test_python_that_cannot_be_read_is_told_with_file_and_line(tiny_project):
    project = tiny_project({**FILES, "src/lab/steps.py": "import math\n\ndef step(n:\n"})
    with pytest.raises(asrun.errors.AsrunError, match=r"^src/lab/steps.py:3: not valid Python"):
        counted(project)


def test_a_file_has_the_digest_of_its_bytes_even_after_a_quick_edit(tmp_path):
    path = tmp_path / "data.csv"
    seen = set()
    for number in range(20):
        path.write_bytes(str(number).encode() * (number + 1))
        seen.add(file_digest(path))
    assert len(seen) == 20
