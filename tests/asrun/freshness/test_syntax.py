"""Digests of syntax trees: the same for the same code, however it is written down and whichever Python reads it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asrun
from asrun.freshness.executed import Entry, executed
from asrun.freshness.sources import Sources
from asrun.freshness.syntax import dump, evaluate, is_generator, tree_digest
from machine import python_of

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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("def f(x): return 1", "def f(x): return 2", True),
        ("def f(x=1): return 1", "def f(x=2): return 1", False),
        ("def f(x): yield 1", "def f(x): yield 2", True),
        ("def f(x): yield 1", "def f(x): return 1", False),
        ("def f(x): return [(yield)]", "def f(x): return 1", False),
        ("def f(x): yield from x", "def f(x): return x", False),
        ("def f(x): return lambda: (yield)", "def f(x): return x", True),
        ("class C:\n    def f(self): return 1", "class C:\n    def f(self): return 2", True),
        ("class C:\n    def f(self): return 1", "class C:\n    def f(self): yield 1", False),
        ("class C:\n    pass", "class C:\n    'Said.'", True),
        ("class C:\n    x = 1", "class C:\n    x = 2", False),
    ],
)
def test_without_bodies_functions_count_by_what_a_call_of_them_takes_and_makes(one, other, same):
    first, second = (dump(ast.parse(each).body[0], bodies=False, own=False) for each in (one, other))
    assert (first == second) == same


@pytest.mark.parametrize(
    ("source", "generator"),
    [
        ("def f(): yield", True),
        ("def f():\n    if x:\n        y = [(yield from x)]", True),
        ("async def f(): pass", True),
        ("def f(): return 1", False),
        ("def f():\n    def g(): yield\n    return g", False),
        ("def f():\n    return lambda: (yield)", False),
    ],
)
def test_a_generator_is_told_by_its_own_body(source, generator):
    (function,) = ast.parse(source).body
    assert is_generator(function) is generator


def test_literals_may_be_written_with_dict():
    written = ast.parse("{'a': dict(n=3, of=dict(x=(1, 2))), 'b': [-1.5, None]}", mode="eval").body
    assert evaluate(written) == {"a": {"n": 3, "of": {"x": (1, 2)}}, "b": [-1.5, None]}


@pytest.mark.parametrize(
    "text", ["dict(**x)", "{**x}", "dict([(1, 2)])", "x", "f()", "{'a': dict(n=x)}", "[dict(n=1)]"]
)
def test_what_is_computed_is_no_literal(text):
    with pytest.raises(ValueError, match=r"literal|malformed"):
        evaluate(ast.parse(text, mode="eval").body)


# The same everywhere

SAMPLE = '''
import math
from typing import NamedTuple

A: int = 1
SCALES = {"quick": dict(n=3)}
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
    def inner(y): return SCALES
    return TEXT, NUMBERS, P, math.pi, n[1:2, ...], 1 < n <= 3, f"{n:}", inner.__doc__
'''


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_digests_are_the_same_on_every_python(tmp_path, version):
    python = python_of(version)
    (tmp_path / "m.py").write_text(SAMPLE, "utf-8")
    program = (
        "import json, sys; from pathlib import Path\n"
        "from asrun.freshness.executed import Entry, executed; from asrun.freshness.sources import Sources\n"
        "root = Path(sys.argv[1]); file = root / 'm.py'\n"
        "print(json.dumps(executed(Sources([root], root), {file: None}, Entry(file, 'run'))))"
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
    file = tmp_path / "m.py"
    here = executed(Sources([tmp_path], tmp_path), {file: None}, Entry(file, "run"))
    assert json.loads(done.stdout) == here
    assert set(here["m.py"]) == {
        "(docstrings)", "(module level)", "A", "P.method", "SCALES", "run", "run.<locals>.inner",
    }  # fmt: skip
