"""What makes a record stale, and what does not: the digests of all that a run can reach."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asrun
from asrun.freshness import key
from asrun.freshness.definitions import tree_digest
from asrun.freshness.key import file_digest
from asrun.freshness.reach import Entry, compare, merge, reach
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
    return "not reached"


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
        "from .steps import step\n\nRATE = 0.1\n\n\nclass Base:\n    size = 1\n\n\nclass Net(Base):\n    pass\n\n\n"
        "def wrap(f):\n    return f\n\n\n@wrap\ndef train(n, scale=1.0):\n"
        "    return step(n) * RATE * scale * Net().size\n\n\ndef spare():\n    return 3\n"
    ),
    "src/lab/steps.py": "import math\n\n\ndef step(n):\n    return math.sqrt(n)\n",
}
FILES = {"snippets/ask.py": SNIPPET, **LAB}


def reached(made: TinyProject) -> dict[str, dict[str, str]]:
    """Return the digests of all that the snippet's `run` can reach."""
    return key.code(Entry(made.folder / "snippets/ask.py", "run"), key.sources(made.project))


def reasons(before: TinyProject, path: str, old: str, new: str) -> list[str]:
    """Edit a file, and say what that changed."""
    then = reached(before)
    before.edit(path, old, new)
    return compare(then, reached(before))


# What does not count


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("snippets/ask.py", "FACTOR = 2", "# twice\nFACTOR = 2  # or so"),
        ("snippets/ask.py", "FACTOR = 2", 'FACTOR = 2\n"""How much."""'),
        ("snippets/ask.py", "def helper(x):", 'def helper(x):\n    """Help."""'),
        ("snippets/ask.py", '"""What is the answer?"""', '"""And the question?"""'),
        ("snippets/ask.py", "FACTOR * x", "(\n        FACTOR\n        *\n        x\n    )"),
        ("snippets/ask.py", '"not reached"', '"changed"'),
        ("snippets/ask.py", "return None", "return 1"),
        ("snippets/ask.py", "dict(n=3)", "dict(n=4)"),
        ("src/lab/net.py", "    size = 1", '    size = 1\n    """How large."""'),
        ("src/lab/net.py", "return 3", "return 4"),
        ("src/lab/basic.py", "return x\n", "return -x\n"),
        ("src/lab/basic.py", "def half(x):", "def half(x):  # noqa"),
        ("src/lab/steps.py", "import math\n", "import math\nimport json\n"),
    ],
)
def test_what_a_run_cannot_notice_leaves_its_record_fresh(tiny_project, path, old, new):
    assert reasons(tiny_project(FILES), path, old, new) == []


def test_a_main_guard_does_not_count(tiny_project):
    project = tiny_project(FILES)
    before = reached(project)
    project.write("snippets/ask.py", SNIPPET + '\n\nif __name__ == "__main__":\n    print(run(n=3))\n')
    assert reached(project) == before


def test_what_only_looks_like_a_main_guard_counts(tiny_project):
    project = tiny_project(FILES)
    for guard in ('if __name__ != "__main__":', 'if __name__ == "ask":'):
        before = reached(project)
        project.write("snippets/ask.py", SNIPPET + f"\n\n{guard}\n    np.random.seed(1)\n")
        assert compare(before, reached(project))
        project.write("snippets/ask.py", SNIPPET)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_do_not_count(tiny_project, end):
    project = tiny_project(FILES)
    before = reached(project)
    for path in FILES:
        (project.folder / path).write_bytes(FILES[path].replace("\n", end).encode())
    assert reached(project) == before


def test_a_byte_order_mark_does_not_count(tiny_project):
    project = tiny_project(FILES)
    before = reached(project)
    (project.folder / "snippets/ask.py").write_bytes(b"\xef\xbb\xbf" + SNIPPET.encode())
    assert reached(project) == before


def test_the_folder_of_the_project_does_not_count(tmp_path):
    assert reached(TinyProject(FILES, tmp_path / "here")) == reached(TinyProject(FILES, tmp_path / "far/away"))


BLOCKS = ["A = 1\n", "def f(x):\n    return g(x) + A\n", "def g(x):\n    return x\n", "def unused():\n    return A\n"]


@given(st.permutations(BLOCKS), st.permutations(BLOCKS))
def test_the_order_of_definitions_does_not_count(one, other):
    first, second = (digests_of({"m.py": "".join(blocks)}, "f") for blocks in (one, other))
    assert first == second
    assert set(first["m.py"]) == {"A", "f", "g"}


def digests_of(files: Mapping[str, str], name: str) -> dict[str, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, "utf-8")
        return reach(root / "m.py", [name], folders=[root], root=root)


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "1", "2.5", "'s'", "f'{x!r:>3}'", "None", "b'a'", "...", "a.b", "[]", "{}"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "*", "<", "and", "is not"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map("f({}, k=1)".format),
        inner.map("[y for y in {} if y]".format),
        inner.map("(lambda z, /, *, w=1: {})".format),
        st.tuples(inner, inner).map(lambda t: f"{{{t[0]}: {t[1]}}}"),
        inner.map("({} if x else not x)".format),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, EXPRESSIONS)
def test_two_pieces_of_code_have_one_digest_exactly_when_they_are_the_same_code(one, other):
    first, second = ast.parse(one), ast.parse(other)
    assert (tree_digest(first) == tree_digest(second)) == (ast.dump(first) == ast.dump(second))
    assert tree_digest(ast.parse(f"(\n  {one}  # said\n)")) == tree_digest(first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = True", "x = 1"),
        ("x = 'a'", "x = b'a'"),
        ("x = None", "x = 0"),
        ("x = ()", "x = []"),
        ("def f(a, /): pass", "def f(a): pass"),
        ("def f(*, a): pass", "def f(a): pass"),
        ("async def f(): pass", "def f(): pass"),
        ("x += 1", "x -= 1"),
        ("return_ = f(*a)", "return_ = f(a)"),
        ("x = -0.0", "x = 0.0"),
        ("f'{x}'", "f'{x!r}'"),
        ("def f():\n    'doc'\n    return 1", "def f():\n    'doc'\n    return 2"),
        ("for x in y: pass\nelse: z", "for x in y: pass\nz"),
    ],
)
def test_small_differences_are_differences(one, other):
    assert tree_digest(ast.parse(one)) != tree_digest(ast.parse(other))


PMAP = """\
import os


def pmap(function, items):
    return [function(item) for item in items]
"""


@pytest.mark.parametrize(
    ("imported", "called"),
    [
        ("from asrun.parallel import pmap", "pmap"),
        ("import asrun.parallel", "asrun.parallel.pmap"),
        ("import asrun.parallel as many", "many.pmap"),
        ("from asrun import parallel", "parallel.pmap"),
        ("from lab import pmap", "pmap"),
        ("import lab", "lab.pmap"),
    ],
)
def test_asrun_itself_does_not_count_even_where_its_code_is_the_projects(tiny_project, imported, called):
    snippet = (
        f'"""Why?"""\n{imported}\nSCALES = {{"quick": {{}}}}\n\n\ndef run():\n    return {{"x": {called}(abs, [1])}}\n'
    )
    lab = {"src/lab.py": "from asrun.parallel import pmap\n"}
    # As for whoever has asrun installed and no code of it.
    without = reached(tiny_project({"snippets/ask.py": snippet, **lab}))
    project = tiny_project(
        {"snippets/ask.py": snippet, **lab, "src/asrun/__init__.py": "", "src/asrun/parallel.py": PMAP}
    )
    assert reached(project) == without
    assert "snippets/ask.py" in without and not any("asrun" in file for file in without)
    project.edit("src/asrun/parallel.py", "function(item)", "function(-item)")
    assert reached(project) == without


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
    assert set(record.code) == {"snippets/ask.py"} and set(record.code["snippets/ask.py"]) == {"half", "run"}
    assert (record.files, record.environment, record.not_imported) == ({}, {}, [])
    assert (record.passed_by, record.reached_otherwise) == ({}, {})
    (project.folder / "src/asrun").unlink()
    assert project.run("status").code == 0


# What counts, and how it is told


@pytest.mark.parametrize(
    ("path", "old", "new", "told"),
    [
        ("snippets/ask.py", "helper(n) +", "helper(n) -", "snippets/ask.py: run changed"),
        ("snippets/ask.py", "FACTOR * x", "FACTOR + x", "snippets/ask.py: helper changed"),
        ("snippets/ask.py", "FACTOR = 2", "FACTOR = 3", "snippets/ask.py: FACTOR changed"),
        ("snippets/ask.py", "import numpy as np", "import math as np", "snippets/ask.py: run changed"),
        ("snippets/ask.py", "from lab import half", "from math import exp as half", "snippets/ask.py: run changed"),
        ("snippets/ask.py", "import half", "import basic as half", "snippets/ask.py: run changed"),
        ("src/lab/net.py", "scale=1.0", "scale=2.0", "src/lab/net.py: train changed"),
        ("src/lab/net.py", "RATE = 0.1", "RATE = 0.2", "src/lab/net.py: RATE changed"),
        ("src/lab/net.py", "@wrap\n", "", "src/lab/net.py: train changed"),
        ("src/lab/net.py", "    return f\n", "    return lambda *a: 0\n", "src/lab/net.py: wrap changed"),
        ("src/lab/net.py", "size = 1", "size = 2", "src/lab/net.py: Base changed"),
        ("src/lab/net.py", "class Net(Base)", "class Net", "src/lab/net.py: Net changed"),
        ("src/lab/net.py", "from .steps", "from .basic", "src/lab/net.py: train changed"),
        ("src/lab/steps.py", "math.sqrt(n)", "math.exp(n)", "src/lab/steps.py: step changed"),
        ("src/lab/steps.py", "import math", "import numpy as math", "src/lab/steps.py: step changed"),
        ("src/lab/basic.py", "x / 2", "x / 3", "src/lab/basic.py: half changed"),
        (
            "src/lab/__init__.py",
            "from .basic import half",
            "from .steps import step as half",
            "src/lab/basic.py is no longer used",
        ),
        (
            "src/lab/__init__.py",
            "from .basic import half",
            "from math import sqrt as half",
            "src/lab/__init__.py is used now",
        ),
        (
            "src/lab/__init__.py",
            "half\n",
            "half\nimport numpy\nnumpy.random.seed(0)\n",
            "src/lab/__init__.py is used now",
        ),
        (
            "src/lab/net.py",
            "RATE = 0.1",
            "RATE = 0.1\nTABLE = {}\nTABLE['x'] = 1",
            "src/lab/net.py: (module level) is new",
        ),
    ],
)
def test_what_a_run_reaches_makes_its_record_stale_and_is_named(tiny_project, path, old, new, told):
    assert told in reasons(tiny_project(FILES), path, old, new)


def told_about(files: Mapping[str, str], edited: str, old: str, new: str, *, run: str = "run") -> list[str]:
    """Return what is told when a file next to `m.py` changes."""
    assert files[edited].count(old) == 1
    changed = {**files, edited: files[edited].replace(old, new)}
    return compare(digests_of(files, run), digests_of(changed, run))


F1, F2 = "def f():\n    return 1\n", "def f():\n    return 2\n"


@pytest.mark.parametrize(
    ("files", "edited"),
    [
        ({"m.py": "from a import f as g\ndef run(): return g()"}, "a.py"),
        ({"m.py": "import a.b.c\ndef run(): return a.b.c.f()", "a/__init__.py": "", "a/b/__init__.py": ""}, "a/b/c.py"),
        ({"m.py": "import a.b.c\ndef run(): return a.b.c.f()"}, "a/b/c.py"),
        ({"m.py": "from a.b import c\ndef run(): return c.f()"}, "a/b/c.py"),
        ({"m.py": "import a.b as x\ndef run(): return x.f()", "a/__init__.py": ""}, "a/b.py"),
        ({"m.py": "import a\ndef run(): return a.b.f()", "a/__init__.py": "from . import b"}, "a/b.py"),
        ({"m.py": "import a\ndef run(): return a.b.f()", "a/__init__.py": "from a import b"}, "a/b.py"),
        ({"m.py": "import a\ndef run(): return a.b.f()", "a/__init__.py": "import a.b"}, "a/b.py"),
        ({"m.py": "from a import f\ndef run(): return f()", "a/__init__.py": "from .b import f"}, "a/b.py"),
        ({"m.py": "from a import f\ndef run(): return f()", "a/__init__.py": "from .b import *"}, "a/b.py"),
        ({"m.py": "from a import *\ndef run(): return f()", "a/__init__.py": "from .b import f"}, "a/b.py"),
        ({"m.py": "from a import *\ndef run(): return f()", "a/__init__.py": "from .b import *"}, "a/b.py"),
        (
            {"m.py": "import a\ndef run(): return a.b.f()", "a/__init__.py": "from math import *\nfrom . import b"},
            "a/b.py",
        ),
        (
            {
                "m.py": "import a\ndef run(): return a.b.f()",
                "a/__init__.py": "from .c import *",
                "a/c.py": "from . import b",
            },
            "a/b.py",
        ),
        (
            {
                "m.py": "from a.b.c import g\ndef run(): return g()",
                "a/__init__.py": "",
                "a/b/__init__.py": "",
                "a/b/c.py": "from ...a.d import f as g",
                "a/b/e.py": "",
            },
            "a/d.py",
        ),
        (
            {
                "m.py": "from a.b import g\ndef run(): return g()",
                "a/__init__.py": "",
                "a/b.py": "from . import d\ng = d.f",
            },
            "a/d.py",
        ),
        ({"m.py": "def run():\n    from a import f\n    return f()"}, "a.py"),
        ({"m.py": "def run():\n    import a.b\n    return a.b.f()", "a/__init__.py": ""}, "a/b.py"),
        ({"m.py": "def run():\n    import a.b as x\n    return x.f()"}, "a/b.py"),
        ({"m.py": "class K:\n    from a import f\ndef run(): return K.f()"}, "a.py"),
        (
            {"m.py": "try:\n    from fast import f\nexcept ImportError:\n    from a import f\ndef run(): return f()"},
            "a.py",
        ),
        (
            {
                "m.py": "try:\n    from a import f\nexcept ImportError:\n    from b import f\ndef run(): return f()",
                "b.py": F1,
            },
            "a.py",
        ),
        (
            {"m.py": "import sys\nif sys.platform:\n    from a import f\nelse:\n    f = None\ndef run(): return f()"},
            "a.py",
        ),
        ({"m.py": "import a\ndef run(): return call(a)\ndef call(m): return m.f()"}, "a.py"),
        ({"m.py": "import a\nMODULES = [a]\ndef run(): return MODULES[0].f()"}, "a.py"),
        ({"m.py": "import a\ndef run(): return getattr(a, 'f')()"}, "a.py"),
        ({"m.py": "import importlib\ndef run(): return importlib.import_module('a').f()"}, "a.py"),
        ({"m.py": "import a\ndef run(): return a.anything()", "a.py": F1 + "def __getattr__(name): return f"}, "a.py"),
        (
            {
                "m.py": "from a import T\ndef run(): return T['f']()",
                "a.py": "T = {}\ndef note(g):\n    T[g.__name__] = g\n    return g\n@note\n" + F1,
            },
            "a.py",
        ),
        (
            {
                "m.py": "from a import T\ndef run(): return T['f']()",
                "a.py": F1 + "T = {}\nfor name in ['f']:\n    T[name] = f\n",
            },
            "a.py",
        ),
        (
            {"m.py": "from a import T\ndef run(): return T.f()", "a.py": F1 + "class T: pass\nT.f, spare = f, 1\n"},
            "a.py",
        ),
        ({"m.py": "import a\ndef run(): return a.g()", "a.py": F1 + "def g(): return globals()['f']()"}, "a.py"),
    ],
)
def test_every_way_to_a_function_is_followed(files, edited):
    files = {edited: F1, **files}
    told = told_about(files, edited, "return 1", "return 2")
    assert f"{edited}: f changed" in told


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
    files = {
        "m.py": "from a import f\ndef run(): return f()",
        "a.py": f"import numpy, other\nCONFIG = {{}}\n{statement}\n{F1}",
    }
    told = told_about(files, "a.py", "0", "7")
    assert told and all(reason.startswith("a.py: ") for reason in told)


def test_what_every_package_on_the_way_does_counts():
    files = {
        "m.py": "from a.b.c import f\ndef run(): return f()",
        "a/__init__.py": "import numpy\nnumpy.random.seed(0)",
        "a/b/__init__.py": "",
        "a/b/c.py": F1,
    }
    assert told_about(files, "a/__init__.py", "0", "1") == ["a/__init__.py: (module level) changed"]


def test_a_new_module_that_shadows_an_old_one_is_noticed():
    files = {"m.py": "from a import f\ndef run(): return f()", "a.py": F1}
    told = compare(digests_of(files, "run"), digests_of({**files, "a/__init__.py": F1}, "run"))
    assert told == ["a.py is no longer used", "a/__init__.py is used now"]


def test_a_module_of_the_project_that_shadows_an_installed_one_is_noticed():
    files = {"m.py": "import numpy\ndef run(): return numpy.sqrt(2)"}
    told = compare(digests_of(files, "run"), digests_of({**files, "numpy.py": "def sqrt(x): return x"}, "run"))
    assert told == ["numpy.py is used now"]


def test_a_star_import_from_elsewhere_counts():
    files = {"m.py": "from numpy import *\ndef run(): return sqrt(2)"}
    assert told_about(files, "m.py", "numpy", "math") == ["m.py: (module level) changed"]


def test_modules_that_import_each_other_are_followed_to_the_end():
    files = {
        "m.py": "from a import f\ndef run(): return f()",
        "a.py": "import b\ndef f(): return b.g()\ndef h(): return 1",
        "b.py": "import a\ndef g(): return a.h()",
    }
    assert told_about(files, "a.py", "return 1", "return 2") == ["a.py: h changed"]


@given(
    st.dictionaries(
        st.sampled_from("abcdefg"), st.lists(st.sampled_from("abcdefg"), max_size=3), min_size=1, max_size=7
    ),
    st.sampled_from("abcdefg"),
)
def test_a_definition_counts_exactly_when_calls_lead_to_it(calls, edited):
    def source(change):
        return "def run(): return a()\n" + "".join(
            f"def {name}(): return {int(change and name == edited)}, {', '.join(f'{c}()' for c in called)}\n"
            for name, called in calls.items()
        )

    reached, pending = set(), ["a"]
    while pending:
        name = pending.pop()
        if name in calls and name not in reached:
            reached.add(name)
            pending += calls[name]
    told = compare(digests_of({"m.py": source(False)}, "run"), digests_of({"m.py": source(True)}, "run"))
    assert told == ([f"m.py: {edited} changed"] if edited in reached else [])


def test_python_that_cannot_be_read_is_told_with_file_and_line(tiny_project):
    project = tiny_project({**FILES, "src/lab/steps.py": "import math\n\ndef step(n:\n"})
    with pytest.raises(asrun.errors.AsrunError, match=r"^src/lab/steps.py:3: not valid Python"):
        reached(project)


def test_two_results_put_together_lose_nothing():
    one, other = {"a": {"f": "1"}}, {"a": {"f": "2", "g": "3"}, "b": {"h": "4"}}
    assert merge(one, other) == {"a": {"f": "1", "g": "3"}, "b": {"h": "4"}}


def test_a_file_has_the_digest_of_its_bytes_even_after_a_quick_edit(tmp_path):
    path = tmp_path / "data.csv"
    seen = set()
    for number in range(20):
        path.write_bytes(str(number).encode() * (number + 1))
        seen.add(file_digest(path))
    assert len(seen) == 20


# The same everywhere

SAMPLE = '''
import math
from typing import NamedTuple

A: int = 1
TEXT = f"{A!r:>{A}} {A=} {'nested'}" "joined" rf"\\d{A}"
NUMBERS = [1, 1.5, 1e300, 2j, -0.0, True, None, ..., b"bytes", "\\N{BULLET}", 10**3]

class P(NamedTuple):
    """Said."""
    x: int = 0
    """Said too."""
    def method(self, /, a, *b, c=1, **d) -> "P":
        match a:
            case {"k": [1, *rest]} if rest: return (yield a)
            case P(x=1) | None: pass
            case _: pass
        return lambda *, q: {**d, q: [*b]}

@property
async def run(*, n=A):
    async with n as m, m: pass
    try: x = [i async for i in n if i if not i]
    except* (ValueError, TypeError) as error: raise RuntimeError from error
    global G
    while (G := n): break
    else: del G
    return TEXT, NUMBERS, P, math.pi, n[1:2, ...], 1 < n <= 3, f"{n:}"
'''


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_digests_are_the_same_on_every_python(tmp_path, version):
    python = _python(version)
    (tmp_path / "m.py").write_text(SAMPLE, "utf-8")
    program = (
        "import json, sys; from pathlib import Path; from asrun.freshness.reach import reach\n"
        "root = Path(sys.argv[1])\n"
        "print(json.dumps(reach(root / 'm.py', ['run'], folders=[root], root=root)))"
    )
    source = str(Path(asrun.__file__).parents[1])
    done = subprocess.run(
        [python, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": version[-1]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == reach(tmp_path / "m.py", ["run"], folders=[tmp_path], root=tmp_path)


def _python(version: str) -> str:
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    candidates = [Path.home() / ".pyenv" / "versions"]
    installed = [str(path) for folder in candidates for path in sorted(folder.glob(f"{version}.*/bin/python"))]
    found = installed[-1] if installed else shutil.which(f"python{version}")
    works = found and subprocess.run([found, "-c", "0"], capture_output=True, timeout=60).returncode == 0
    if not works:
        pytest.skip(f"there is no Python {version} here")
    return found
