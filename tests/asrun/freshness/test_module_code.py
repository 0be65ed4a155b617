"""A module is read into its top level and its functions: what is in which, and which of it may be left out."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.errors import AsrunError
from asrun.freshness.module_code import ModuleCode, read_code


def read(source: str, dotted: str = "m", *, package: bool = False) -> ModuleCode:
    return read_code(textwrap.dedent(source).encode(), "m.py", dotted, package)


def digests(source: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return all digests of a module: of its top level, its bindings and its functions."""
    code = read(source)
    return code.digest, code.bindings, {each.label: each.digest for each in code.units.values()}


NESTED = """
import functools

class Net:
    class Part:
        def go(self):
            return [lambda x: x for y in self if y]

    @property
    def size(self):
        return 1

    @size.setter
    def size(self, value):
        def inner():
            yield value
        self.kept = inner

@functools.cache
def outer():
    class Local:
        def f(self):
            return 1
    return Local

def outer():
    return 2

if functools:
    async def later(): ...
"""


def test_functions_are_called_what_python_calls_them():
    code = read(NESTED)
    assert {label: unit.around for label, unit in code.units.items()} == {
        "Net.Part.go": "(module level)",
        "Net.size": "(module level)",
        "Net.size (2)": "(module level)",
        "Net.size.<locals>.inner": "Net.size (2)",
        "outer": "(module level)",
        "outer.<locals>.Local.f": "outer",
        "outer (2)": "(module level)",
        "later": "(module level)",
    }


def test_every_function_is_found_by_its_code_object():
    code, wanted = read(NESTED), set[str]()
    waiting = [compile(textwrap.dedent(NESTED), "m.py", "exec")]
    while waiting:
        each = waiting.pop()
        waiting += [const for const in each.co_consts if hasattr(const, "co_code")]
        label = code.label_at(each.co_qualname, each.co_firstlineno)
        if label:
            wanted.add(label)
    assert wanted == set(code.units)
    assert code.label_at("Net.Part.go", 1) is None and code.label_at("nothing", 7) is None


@pytest.mark.parametrize(
    "statement",
    ["X = 3", "X: int = -3", "X = [1, (2, {'a': None})]", "X = dict(a=1)", "def X(a, b=3, *, c=()): return 1",
     "async def X(): return 1", "X = {'quick': dict(n=3)}"],
)  # fmt: skip
def test_what_only_binds_a_name_is_apart_from_the_top_level(statement):
    code = read(f"import os\n{statement}\nos.getpid()\n")
    assert set(code.bindings) == {"X"}
    assert code.digest == read("import os\nos.getpid()\n").digest


@pytest.mark.parametrize(
    "source",
    [
        "X = f()", "X = [f()]", "X = Y", "X: f() = 3 if f() else 4", "X = Z = 3", "X.y = 3", "X[0] = 3", "X, Y = 1, 2",
        "X = 3\nX = 4", "X = 3\nX += 1", "X = 3\ndel X", "X = 3\nfor X in y: pass", "X = 3\nimport X",
        "__all__ = ['X']",
        "X = 3\nfrom y import *", "X = 3\nfrom y import z as X", "X = 3\nimport X.y", "X = 3\ndef X(): pass",
        "X = 3\nclass X: pass", "X = 3\n(X := 4)", "X = 3\nwith f() as X: pass", "def f():\n    global X\nX = 3",
        "X = 3\ntry: f()\nexcept E as X: pass", "X = 3\nmatch f():\n    case X: pass", "def dict(): ...\nX = dict(a=1)",
        "X = 3\nmatch f():\n    case [1, *X]: pass", "X = 3\nmatch f():\n    case {'a': 1, **X}: pass", "X = dict(f())",
        "X = 3\nif f():\n    X = 4", "@f\ndef X(): pass", "def X(a=f()): pass", "def X(a: f()): pass",
        "def __getattr__(X): pass", "X = 3\nmatch f():\n    case [] as X: pass", "X = 3\n[X := y for y in z]",
    ],
)  # fmt: skip
def test_what_acts_or_is_bound_more_than_once_is_of_the_top_level_in_its_order(source):
    assert not {"X", "__all__", "__getattr__"} & set(read(source).bindings)


@pytest.mark.parametrize("statement", ["X = f()", "f()", "from y import z", "if f(): g()", "class X: y = f()"])
def test_the_order_of_what_acts_counts(statement):
    assert read(f"{statement}\nh()").digest != read(f"h()\n{statement}").digest


@pytest.mark.parametrize(
    ("guard", "counts"),
    [
        ("if __name__ == '__main__':", False),
        ("if '__main__' == __name__:", False),
        ("if __name__ != '__main__':", True),
        ("if __name__ == 'm':", True),
        ("if name == '__main__':", True),
        ("if __name__ == '__main__' or f():", True),
    ],
)
def test_only_a_main_guard_is_left_out(guard, counts):
    assert (read(f"x = f()\n{guard}\n    g()\n").digest != read("x = f()\n").digest) == counts


def test_a_main_guard_with_an_else_counts():
    source = "if __name__ == '__main__':\n    g()\nelse:\n    h()\n"
    assert read(source).digest != read("").digest


PIECES = [
    "LIMIT = 3", "import os", "def f(x, y=LIMIT):\n    return [x, {'k': y}]", "class C:\n    z = f(1)", "print(f(2))",
    "for i in range(3):\n    os.getpid()", "def g():\n    def h():\n        return 1\n    return h",
    "try:\n    f(1)\nexcept ValueError as error:\n    raise",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.randoms())
def test_formatting_comments_and_docstrings_change_no_digest(pieces, luck):
    source = "\n".join(pieces)
    other = ['"""Said of the module."""'] if luck.random() < 0.5 else []
    for line in source.split("\n"):
        other += ["# said", ""] if luck.random() < 0.3 and not line.startswith(("except", "    ")) else []
        other.append(f"{line}  # here" if luck.random() < 0.5 else line)
        if line.startswith(("class", "def")) and luck.random() < 0.5:
            other.append('    """Said of it."""')
    assert digests("\n".join(other)) == digests(source)
    assert digests(ast.unparse(ast.parse(source))) == digests(source)


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.data())
def test_a_change_of_any_number_changes_the_digest_of_what_executes_it_and_no_other(pieces, data):
    source = "\n".join(pieces)
    numbers = [
        each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Constant) and each.value in (1, 2, 3)
    ]
    if not numbers:
        return
    number = data.draw(st.sampled_from(numbers))
    lines = source.split("\n")
    line = lines[number.lineno - 1]
    lines[number.lineno - 1] = f"{line[: number.col_offset]}9{line[number.end_col_offset :]}"
    before, after = digests(source), digests("\n".join(lines))
    changed = [before[0] != after[0]]
    for old, new in zip(before[1:], after[1:], strict=True):
        assert set(old) == set(new)
        changed += [old[label] != new[label] for label in old]
    # The header of a function is executed with the top level, and is its own.
    assert 1 <= sum(changed) <= 2


def test_what_a_docstring_mentions_leads_nowhere():
    code = read('"""X"""\nclass C:\n    """Y"""\n\ndef f():\n    """Z"""\n    return "W V"\n')
    assert not {"X", "Y"} & code.mentions.names
    assert code.units["f"].mentions.names == {"W", "V"}


@pytest.mark.parametrize(
    ("source", "dotted", "package", "imports"),
    [
        ("import a.b", "m", False, {"a.b"}),
        ("from a.b import c", "m", False, {"a.b", "a.b.c"}),
        ("from a import *", "m", False, {"a"}),
        ("from . import c", "p.m", False, {"p", "p.c"}),
        ("from . import c", "p", True, {"p", "p.c"}),
        ("from .c import d", "p.q.m", False, {"p.q.c", "p.q.c.d"}),
        ("from ..c import d", "p.q.m", False, {"p.c", "p.c.d"}),
    ],
)
def test_imports_are_told_by_their_whole_names(source, dotted, package, imports):
    assert read(source, dotted, package=package).mentions.imports == imports


@pytest.mark.parametrize(
    ("expression", "computes", "hands_on"),
    [
        ("f(x)", False, False),
        ("getattr(m, 'step')(x)", False, False),
        ("getattr(m, n)(x)", False, False),
        ("getattr(m, n)", False, True),
        ("import_module(n)", True, True),
        ("globals()", True, True),
        ("eval(t)", True, True),
        ("vars(x)", False, True),
        ("vars()", True, True),
        ("x.__dict__", False, True),
        ("sys.modules", True, True),
        ("f.__globals__", True, True),
        ("attrgetter('a')", False, False),
        ("attrgetter(a)", False, True),
    ],
)
def test_what_looks_names_up_by_computation_is_noticed(expression, computes, hands_on):
    mentions = read(f"y = {expression}\n").mentions
    assert (mentions.computes, mentions.hands_on) == (computes, hands_on)


@pytest.mark.parametrize("source", ["def f(x:\n", "x = (\n", "\0", "return 1 +"])
def test_what_is_not_python_is_told_with_its_file(source):
    with pytest.raises(AsrunError, match=r"^m\.py(:\d+)?: not valid Python"):
        read(source)


@pytest.mark.parametrize(
    ("body", "hands_on"),
    [
        ("g = getattr(m, n)\n    return g(1)", False),
        ("return getattr(m, n)(1)", False),
        ("g = getattr(m, n)\n    return g", True),
        ("g = getattr(m, n)\n    return lambda: h(g)", True),
        ("g = getattr(m, n)\n    def inner():\n        return h(g)\n    return inner()", True),
        ("global g\n    g = getattr(m, n)\n    return g(1)", True),
        ("return h(getattr(m, n))", True),
    ],
)
def test_what_is_looked_up_only_to_be_called_is_not_handed_on(body, hands_on):
    unit = read(f"def f(m, n):\n    {body}\n").units["f"]
    assert unit.mentions.hands_on == hands_on
