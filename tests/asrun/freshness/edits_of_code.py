"""Edits of code, each of a tiny project: does the result change, and is that noticed?

Nothing here says what the answer is: `test_what_ran_counts` runs each project before and after its edit, and finds out.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

__all__ = ["EDITS", "Edit"]


@dataclass(frozen=True)
class Edit:
    """A project, and what is changed in it."""

    kind: str
    snippet: str
    """What `snippets/s.py` says."""
    old: str
    new: str
    file: str = "snippets/s.py"
    """Where the text is replaced; a file that is not there is made, of `new`."""
    files: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind}: {self.old!r} -> {self.new!r} in {self.file}"

    @property
    def project(self) -> dict[str, str]:
        asks = "" if self.snippet.startswith('"""') else '"""What comes of it?"""\n\n'
        return {"snippets/s.py": f'{asks}{self.snippet}\n\nSCALES = {{"quick": {{}}}}\n', **self.files}

    @property
    def edited(self) -> dict[str, str]:
        project = self.project
        before = project.get(self.file, "")
        if self.old:
            assert before.count(self.old) >= 1, str(self)
            return project | {self.file: before.replace(self.old, self.new, 1)}
        return project | {self.file: self.new + before if before else self.new}


EDITS: list[Edit] = []


def edit(kind: str, snippet: str, *changes: tuple[str, str] | tuple[str, str, str], **files: str) -> None:
    """Add edits of one project; `lib__x` names the file `src/lib/x.py`, `lib__package` its `__init__.py`."""
    snippet = textwrap.dedent(snippet)
    named = {
        f"src/{name.replace('__', '/').replace('package', '__init__')}.py": textwrap.dedent(text)
        for name, text in files.items()
    }
    for old, new, *file in changes:
        EDITS.append(Edit(kind, snippet, old, new, file[0] if file else "snippets/s.py", named))


# Functions and names

edit(
    "a function of the snippet",
    '''\
        LIMIT = 3
        UNUSED = 4


        def step(x, by=2):
            """Add."""
            return x + by


        def never(x):
            return x


        def run():
            # a comment
            return {'a': step(LIMIT)}


        if __name__ == '__main__':
            print(run())
        ''',
    ("x + by", "x - by"),
    ("x + by", "x  +  by"),
    ("x + by", "by + x"),
    ("by=2", "by=3"),
    ("LIMIT = 3", "LIMIT = 5"),
    ("UNUSED = 4", "UNUSED = 5"),
    ("UNUSED = 4\n", ""),
    ("UNUSED = 4\n", "UNUSED = 4\nANOTHER = [1, 2]\n"),
    ('"""Add."""', '"""Add, and say so."""'),
    ("# a comment", "# another"),
    ("    return x\n", "    return x + 1\n"),
    ("def never(x):\n    return x\n\n\n", ""),
    ("def never(x):", "def nothing(x):"),
    ("def run", "def more(y):\n    return y\n\n\ndef run"),
    ("def run", "def step(x):\n    return 0\n\n\ndef run"),
    ("def run", "def str(x):\n    return 'mine'\n\n\ndef run"),
    ("print(run())", "print('it')"),
    ("{'a': step(LIMIT)}", "{'a': step(LIMIT), 'b': 1}"),
)

edit(
    "a function that is mentioned and not called",
    """\
        def small(x):
            return x


        def large(x):
            return 10 * x


        def run():
            x = 3
            return {'a': large(x) if x > 5 else small(x)}
        """,
    ("10 * x", "20 * x"),
    ("return x\n", "return x + 1\n"),
    ("x = 3", "x = 7"),
)

edit(
    "functions as objects",
    """\
        import inspect


        def f(x, y=2):
            return x


        def g(x):
            return x


        f.tag = 'one'


        def run():
            return {'code': len(f.__code__.co_code), 'arguments': f.__code__.co_argcount,
                    'signature': str(inspect.signature(f)), 'tag': f.tag, 'name': g.__name__}
        """,
    ("    return x\n\n\ndef g", "    return x + y * 3 + x\n\n\ndef g"),
    ("y=2", "y=3"),
    ("x, y=2", "x, y=2, z=3"),
    ("f.tag = 'one'", "f.tag = 'two'"),
    ("def g(x):\n    return x", "def g(x):\n    return x + 1"),
)

edit(
    "the source as a text",
    """\
        import inspect


        def f(x):
            # a remark
            return x


        def run():
            return {'source': inspect.getsource(f)}
        """,
    ("# a remark", "# a longer remark"),
    ("return x\n", "return  x\n"),
)

edit(
    "docstrings that are asked for",
    '''\
        """A question?"""


        def f(x):
            """Words."""
            return x


        def run():
            return {"words": len(f.__doc__)}
        ''',
    ('"""Words."""', '"""More words."""'),
)

edit(
    "methods",
    """\
        class Net:
            rate = 0.5

            def __init__(self, n):
                self.n = n

            def go(self):
                return self.n * self.rate

            def never(self):
                return 1

            @property
            def size(self):
                return self.n

            @property
            def unseen(self):
                return 8

            @staticmethod
            def made():
                return 2

            def __len__(self):
                return 5


        def run():
            net = Net(3)
            return {'a': net.go(), 'b': net.size, 'c': Net.made(), 'd': len(net)}
        """,
    ("self.n * self.rate", "self.n + self.rate"),
    ("rate = 0.5", "rate = 0.25"),
    ("return 1", "return 11"),
    ("return self.n\n", "return -self.n\n"),
    ("return 8", "return 9"),
    ("return 2", "return 22"),
    ("return 5", "return 6"),
    ("self.n = n", "self.n = n + 1"),
    ("class Net:", "class Base:\n    pass\n\n\nclass Net(Base):"),
)

edit(
    "functions within functions",
    """\
        def make(n):
            def inner(x):
                return x * n

            def other(x):
                return x

            return inner if n else other


        def run():
            return {'a': make(2)(4), 'b': [(lambda y: y + 1)(i) for i in range(3)]}
        """,
    ("x * n", "x ** n"),
    ("y + 1", "y + 2"),
    ("range(3)", "range(4)"),
    ("if n else", "if not n else"),
)

edit(
    "generators and coroutines",
    """\
        import asyncio


        def numbers():
            yield 1
            yield 2


        async def later(x):
            return x


        def run():
            return {'a': sum(numbers()), 'b': asyncio.run(later(4))}
        """,
    ("yield 2", "yield 3"),
    ("return x", "return x + 1"),
)

edit(
    "the same name twice",
    """\
        from functools import partial


        def step(x, k=1):
            return x * k


        step = partial(step, k=3)


        def run():
            return {'a': step(2)}
        """,
    ("k=3", "k=4"),
    ("x * k", "x + k"),
    ("step = partial(step, k=3)\n", ""),
)

edit(
    "a second definition",
    """\
        def step(x):
            return x


        def step(x):  # noqa: F811
            return x + 1


        def run():
            return {'a': step(2)}
        """,
    ("x + 1", "x + 2"),
    ("    return x\n\n\ndef step", "    return -x\n\n\ndef step"),
    ("def step(x):  # noqa: F811\n    return x + 1\n\n\n", ""),
)

# What happens when a module is loaded

edit(
    "assignments that act",
    """\
        import random

        KNOWN = {}
        rate = KNOWN.setdefault('f', 1)
        state = random.seed(1)
        _ = KNOWN.update(g=2)


        def run():
            return {'a': random.random(), 'b': KNOWN}
        """,
    ("seed(1)", "seed(2)"),
    ("setdefault('f', 1)", "setdefault('f', 9)"),
    ("update(g=2)", "update(g=3)"),
    ("state = random.seed(1)\n", "state = random.seed(1)\nextra = random.random()\n"),
    ("rate = KNOWN.setdefault('f', 1)\n", ""),
)

edit(
    "imports that act",
    """\
        import first
        import second
        import shared


        def run():
            return {'a': list(shared.ORDER)}
        """,
    ("import first\nimport second\n", "import second\nimport first\n"),
    ("import first\n", ""),
    ("import second\n", "import second\nimport third\n"),
    ("append('one')", "append('ONE')", "src/first.py"),
    ("ORDER = []", "ORDER = ['zero']", "src/shared.py"),
    first="import shared\n\nshared.ORDER.append('one')\n",
    second="import shared\n\nshared.ORDER.append('two')\n",
    third="import shared\n\nshared.ORDER.append('three')\n",
    shared="ORDER = []\n",
)

edit(
    "statements of the top level",
    """\
        import shared

        if shared.LARGE:
            N = 10
        else:
            N = 1
        for i in range(2):
            N += i
        try:
            M = N
        except NameError:
            M = 0
        with open(__file__) as f:
            pass
        x, y = 1, 2


        def run():
            return {'a': N, 'b': M, 'c': x - y}
        """,
    ("range(2)", "range(3)"),
    ("N = 10", "N = 11"),
    ("N = 1\n", "N = 2\n"),
    ("LARGE = False", "LARGE = True", "src/shared.py"),
    ("x, y = 1, 2", "y, x = 1, 2"),
    shared="LARGE = False\n",
)

edit(
    "from __future__",
    """\
        from dataclasses import dataclass, fields


        @dataclass
        class P:
            x: int = 1


        def run():
            return {'a': str(fields(P)[0].type)}
        """,
    ("from dataclasses", "from __future__ import annotations\n\nfrom dataclasses"),
    ("x: int = 1", "x: float = 1"),
)

edit(
    "defaults, decorators, class bodies",
    """\
        import functools

        CALLS = []
        BASE = 2


        def noted(f):
            CALLS.append(f.__name__)

            @functools.wraps(f)
            def inner(*a):
                return f(*a) + 1

            return inner


        @noted
        def f(x, by=BASE * 2):
            return x + by


        @noted
        def unused(x):
            return x


        class C:
            table = {k: k for k in range(BASE)}
            CALLS.append('C')


        def run():
            return {'a': f(1), 'b': CALLS, 'c': len(C.table)}
        """,
    ("BASE * 2", "BASE * 3"),
    ("BASE = 2", "BASE = 3"),
    ("f(*a) + 1", "f(*a) + 2"),
    ("CALLS.append(f.__name__)", "CALLS.append(f.__name__ * 2)"),
    ("@noted\ndef f", "def f"),
    ("def unused", "def unused2"),
    ("CALLS.append('C')", "CALLS.append('D')"),
    ("range(BASE)", "range(BASE + 1)"),
    ("x + by", "x - by"),
)

# Found in other ways than by name

edit(
    "registries",
    """\
        import kinds


        def run():
            return {'a': [k().value() for k in kinds.Kind.known], 'b': len(kinds.Kind.__subclasses__())}
        """,
    ("return 1", "return 3", "src/kinds.py"),
    ("return 2", "return 4", "src/kinds.py"),
    ("known.append(cls)", "known.insert(0, cls)", "src/kinds.py"),
    ("class Two", "class Three(Kind):\n    def value(self):\n        return 9\n\n\nclass Two", "src/kinds.py"),
    kinds="""\
        class Kind:
            known = []

            def __init_subclass__(cls):
                Kind.known.append(cls)


        class One(Kind):
            def value(self):
                return 1


        class Two(Kind):
            def value(self):
                return 2
        """,
)

edit(
    "unpickled instances",
    """\
        import pickle

        import shapes


        def run():
            data = b'\\x80\\x02cshapes\\nSquare\\n)\\x81.'
            return {'a': pickle.loads(data).area()}
        """,
    ("return 4", "return 5", "src/shapes.py"),
    ("side = 2", "side = 3", "src/shapes.py"),
    shapes="""\
        class Square:
            side = 2

            def area(self):
                return 4 + self.side
        """,
)

edit(
    "computed names",
    """\
        import parts

        KINDS = ('a', 'b')


        def run():
            return {k: getattr(parts, 'make_' + k)() for k in KINDS}
        """,
    ("return 1", "return 11", "src/parts.py"),
    ("return 2", "return 22", "src/parts.py"),
    ("return 3", "return 33", "src/parts.py"),
    ("('a', 'b')", "('a', 'c')"),
    parts="""\
        def make_a():
            return 1


        def make_b():
            return 2


        def make_c():
            return 3
        """,
)

edit(
    "computed constants",
    """\
        import settings


        def run():
            which = 'RATE'
            return {'a': getattr(settings, which), 'b': eval('DEPTH * 2', vars(settings)),
                    'c': settings.__dict__['SIZE'], 'd': sorted(n for n in dir(settings) if n.isupper())}
        """,
    ("RATE = 1", "RATE = 2", "src/settings.py"),
    ("DEPTH = 3", "DEPTH = 4", "src/settings.py"),
    ("SIZE = 5", "SIZE = 6", "src/settings.py"),
    ("SIZE = 5", "SIZE = 5\nMORE = 7", "src/settings.py"),
    settings="RATE = 1\nDEPTH = 3\nSIZE = 5\n",
)

edit(
    "a module that is handed around",
    """\
        import settings

        import shown


        def run():
            return {'a': shown.shown(settings)}
        """,
    ("RATE = 1", "RATE = 2", "src/settings.py"),
    ("RATE = 1", "RATE = 1\nMORE = 2", "src/settings.py"),
    settings="RATE = 1\n",
    shown="""\
        def shown(module):
            return sorted(f'{k}={v}' for k, v in module.__dict__.items() if k.isupper())
        """,
)

edit(
    "globals()",
    """\
        ONE = 1
        TWO = 2


        def run():
            return {'a': sum(v for k, v in list(globals().items()) if k.isupper() and isinstance(v, int))}
        """,
    ("ONE = 1", "ONE = 10"),
    ("TWO = 2", "TWO = 2\nTHREE = 3"),
)

edit(
    "eval of a text",
    """\
        RATE = 3


        def double(x):
            return 2 * x


        def run():
            return {'a': eval('double(RATE)')}
        """,
    ("RATE = 3", "RATE = 4"),
    ("2 * x", "3 * x"),
)

edit(
    "code executed with other globals",
    """\
        import types


        def f():
            return K * 2


        def run():
            return {'a': types.FunctionType(f.__code__, {'K': 4})()}
        """,
    ("K * 2", "K * 3"),
    ("'K': 4", "'K': 5"),
)

# Where modules come from

edit(
    "a package",
    """\
        from lib import a
        from lib.b import two


        def run():
            return {'a': a.one() + two()}
        """,
    ("return 1", "return 3", "src/lib/a.py"),
    ("return 2", "return 5", "src/lib/b.py"),
    ("SCALE = 1", "SCALE = 2", "src/lib/__init__.py"),
    ("SCALE = 1\n", "SCALE = 1\nOTHER = 3\n", "src/lib/__init__.py"),
    ("", "def one():\n    return 100\n", "src/lib/a/__init__.py"),
    lib__package="SCALE = 1\n",
    lib__a="""\
        from lib import SCALE


        def one():
            return 1 * SCALE
        """,
    lib__b="""\
        from .a import one


        def two():
            return 2 * one()
        """,
)

edit(
    "a module that comes to stand before another",
    """\
        import colorsys

        import helper


        def run():
            return {'a': helper.one(), 'b': colorsys.rgb_to_hls(0.1, 0.2, 0.3)[0]}
        """,
    ("", "def one():\n    return 2\n", "snippets/helper.py"),
    ("", "def rgb_to_hls(*a):\n    return [7]\n", "src/colorsys.py"),
    ("", "def one():\n    return 3\n", "src/unrelated.py"),
    helper="def one():\n    return 1\n",
)

edit(
    "names passed on",
    """\
        from facade import work as labour


        def run():
            return {'a': labour(2)}
        """,
    ("from inner import fast as work", "from inner import slow as work", "src/facade.py"),
    ("x + 1", "x + 3", "src/inner.py"),
    ("x - 1", "x - 3", "src/inner.py"),
    facade="from inner import fast as work\n",
    inner="""\
        def fast(x):
            return x + 1


        def slow(x):
            return x - 1
        """,
)

edit(
    "stars",
    """\
        from consts import *


        def run():
            return {'a': A + len('xx')}
        """,
    ("A = 1", "A = 2", "src/consts.py"),
    ("B = 2", "B = 3", "src/consts.py"),
    ("B = 2", "B = 2\n\n\ndef len(x):\n    return 50", "src/consts.py"),
    consts="A = 1\nB = 2\n",
)

edit(
    "lazy imports",
    """\
        def run():
            from lazy import thing

            return {'a': thing()}
        """,
    ("return 1", "return 2", "src/lazy.py"),
    ("K = 1", "K = 2", "src/lazy.py"),
    ("import other", "import other\nimport other2", "src/lazy.py"),
    ("", "raise SystemError\n", "src/unused.py"),
    lazy="""\
        import other

        K = 1


        def thing():
            return 1 + other.X
        """,
    other="X = 1\n",
    other2="import other\n\nother.X = 9\n",
)

edit(
    "an import that is not reached",
    """\
        def run():
            x = 1
            if x > 2:
                import heavy

                return {'a': heavy.f()}
            return {'a': x}
        """,
    ("return 5", "return 6", "src/heavy.py"),
    ("x > 2", "x > 0"),
    heavy="def f():\n    return 5\n",
)

edit(
    "modules found otherwise",
    """\
        import importlib
        import importlib.util
        import runpy
        import sys
        from pathlib import Path

        HERE = Path(__file__).parent


        def run():
            name = 'plug' + 'in'
            a = importlib.import_module(name).f()
            spec = importlib.util.spec_from_file_location('apart', HERE / 'apart' / 'apart.py')
            m = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(m)
            b = runpy.run_path(str(HERE / 'apart' / 'script.py'))['X']
            space = {}
            exec((HERE / 'apart' / 'text.py').read_text(), space)
            sys.path.insert(0, str(HERE / 'apart'))
            import onpath

            return {'a': a, 'b': b, 'c': m.g(), 'd': space['Y'], 'e': onpath.h()}
        """,
    ("return 1", "return 2", "src/plugin.py"),
)
for _name, _old, _new in (
    ("apart", "return 3", "return 4"),
    ("script", "X = 5", "X = 6"),
    ("text", "Y = 7", "Y = 8"),
    ("onpath", "return 9", "return 10"),
):
    EDITS.append(
        Edit(
            "modules found otherwise",
            EDITS[-1].snippet,
            _old,
            _new,
            f"snippets/apart/{_name}.py",
            {
                "src/plugin.py": "def f():\n    return 1\n",
                "snippets/apart/apart.py": "def g():\n    return 3\n",
                "snippets/apart/script.py": "X = 5\n",
                "snippets/apart/text.py": "Y = 7\n",
                "snippets/apart/onpath.py": "def h():\n    return 9\n",
            },
        )
    )
EDITS[-5] = Edit(EDITS[-5].kind, EDITS[-5].snippet, "return 1", "return 2", "src/plugin.py", EDITS[-1].files)

# What leads to nothing

edit(
    "what only the drawing uses",
    """\
        from helper import nicely, work
        from matplotlib.figure import Figure

        COLOURS = ('red', 'blue')


        def run():
            return {'a': work(2)}


        def plot(result):
            figure = Figure()
            figure.add_subplot()
            figure.set_label(f"Nothing but {nicely(result, COLOURS)}.")
            return figure
        """,
    ("return result", "return result, 1", "src/helper.py"),
    ("'blue'", "'green'"),
    ("nicely(result, COLOURS)", "nicely(result, COLOURS[:1])"),
    ("x + 1", "x + 2", "src/helper.py"),
    helper="""\
        def work(x):
            return x + 1


        def nicely(result, colours):
            return result
        """,
)

edit(
    "formatting",
    """\
        from helper import (
            one,
            two,
        )


        def run():
            return {'a': one() + two()}
        """,
    ("from helper import (\n    one,\n    two,\n)", "from helper import one, two"),
    ("one() + two()", "(one() + two())"),
    ("return 1", "return (1)", "src/helper.py"),
    ("return 1\n", "return 1  # one\n", "src/helper.py"),
    helper="""\
        def one():
            return 1


        def two():
            return 2
        """,
)

# What classes, decorators and modules do when they are made

edit(
    "a metaclass that keeps a list",
    """\
        import kinds


        def run():
            return {"a": [each().value() for each in kinds.Meta.made], "b": [each.__name__ for each in kinds.Meta.made]}
        """,
    ("return 1", "return 3", "src/kinds.py"),
    ("class One", "class First", "src/kinds.py"),
    ("Meta.made.append(cls)", "Meta.made.insert(0, cls)", "src/kinds.py"),
    ("return 0", "return 9", "src/kinds.py"),
    ("class One", "# the first\nclass One", "src/kinds.py"),
    kinds="""\
        class Meta(type):
            made = []

            def __init__(cls, name, bases, space):
                super().__init__(name, bases, space)
                Meta.made.append(cls)


        class One(metaclass=Meta):
            def value(self):
                return 1


        class Two(metaclass=Meta):
            def value(self):
                return 2

            def never(self):
                return 0
        """,
)

edit(
    "defaults of a dataclass",
    """\
        from dataclasses import asdict, dataclass, field


        def empty():
            return [1]


        @dataclass
        class Settings:
            rate: float = 0.5
            sizes: list = field(default_factory=empty)
            hidden: int = field(default=3, repr=False)

            def __post_init__(self):
                self.rate *= 2

            def never(self):
                return 4


        def run():
            return {"a": asdict(Settings()), "b": repr(Settings(rate=1.0))}
        """,
    ("rate: float = 0.5", "rate: float = 0.25"),
    ("return [1]", "return [2]"),
    ("repr=False", "repr=True"),
    ("self.rate *= 2", "self.rate *= 3"),
    ("return 4", "return 5"),
    ("@dataclass\n", "# Kept together.\n@dataclass\n"),
)

edit(
    "functools.singledispatch",
    """\
        import functools


        @functools.singledispatch
        def shown(x):
            return "?"


        @shown.register
        def _(x: int):
            return "int"


        @shown.register(str)
        def _(x):
            return "str"


        def run():
            return {"a": shown(1), "b": shown("x"), "c": shown(True)}
        """,
    ('return "int"', 'return "number"'),
    ("shown.register(str)", "shown.register(bytes)"),
    ("x: int", "x: float"),
    ('return "int"', 'return "int"  # a number'),
)

edit(
    "__getattr__ of a module",
    """\
        import lazy


        def run():
            return {"a": lazy.anything, "b": lazy.RATE}
        """,
    ("name + '!'", "name + '?'", "src/lazy.py"),
    ("RATE = 1", "RATE = 2", "src/lazy.py"),
    ("RATE = 1", "RATE = 1\nanything = 5", "src/lazy.py"),
    ("RATE = 1", "# fast\nRATE = 1", "src/lazy.py"),
    lazy="RATE = 1\n\n\ndef __getattr__(name):\n    return name + '!'\n",
)

edit(
    "members of an enum",
    """\
        import enum


        class Kind(enum.Enum):
            ONE = 1
            TWO = 2

            def double(self):
                return 2 * self.value

            def never(self):
                return 0


        def run():
            return {"a": [each.name for each in Kind], "b": Kind.TWO.double(), "c": Kind(1).name}
        """,
    ("TWO = 2", "TWO = 3"),
    ("TWO = 2", "TWO = 2\n    THREE = 3"),
    ("TWO = 2", "TWO = 2\n    ZWEI = 2"),
    ("2 * self.value", "3 * self.value"),
    ("return 0", "return 1"),
)

edit(
    "decorators of classes",
    """\
        KNOWN = {}


        def known(name):
            def note(cls):
                KNOWN[name] = cls
                return cls

            return note


        @known("a")
        class A:
            def go(self):
                return 1


        @known("b")
        class B(A):
            pass


        def run():
            return {key: cls().go() for key, cls in KNOWN.items()}
        """,
    ('known("b")', 'known("c")'),
    ("KNOWN[name] = cls", "KNOWN[name * 2] = cls"),
    ("return 1", "return 2"),
    ("class B(A):\n    pass", "class B(A):\n    def go(self):\n        return 7"),
    ('@known("b")\n', ""),
    ("class B(A):\n    pass", 'class B(A):\n    """Like A."""'),
)

edit(
    "context managers",
    """\
        import contextlib

        NOTED = []


        @contextlib.contextmanager
        def noted(what):
            NOTED.append(what)
            yield len(NOTED)
            NOTED.append("end")


        class Quiet:
            def __enter__(self):
                return 3

            def __exit__(self, *told):
                return True


        def run():
            with noted("a") as n, Quiet() as m:
                raise ValueError
            return {"a": n, "b": m, "c": list(NOTED)}
        """,
    ('append("end")', 'append("ended")'),
    ("return 3", "return 4"),
    ("yield len(NOTED)", "yield 2 * len(NOTED)"),
    ('noted("a")', 'noted("b")'),
    ("        return True", "        # Nothing is told.\n        return True"),
)

edit(
    "operator.attrgetter",
    """\
        import operator

        import parts


        def run():
            return {"a": operator.attrgetter("Outer.rate")(parts), "b": operator.methodcaller("work", 2)(parts.Outer())}
        """,
    ("rate = 1", "rate = 2", "src/parts.py"),
    ("x + 1", "x + 2", "src/parts.py"),
    ("return 0", "return 1", "src/parts.py"),
    ('"Outer.rate"', '"Outer.other"'),
    parts="""\
        class Outer:
            rate = 1
            other = 5

            def work(self, x):
                return x + 1

            def never(self):
                return 0
        """,
)

edit(
    "stars with __all__",
    """\
        len = max
        from names import *


        def run():
            return {"a": one, "b": len([1, 5])}
        """,
    ('["one"]', '["one", "len"]', "src/names.py"),
    ("one = 1", "one = 2", "src/names.py"),
    ("one = 1", "one = (1)", "src/names.py"),
    names='__all__ = ["one"]\n\none = 1\n\n\ndef len(x):\n    return 40\n',
)

edit(
    "a star before and behind",
    "RATE = 1\nfrom names import *\n\n\ndef run():\n    return {'a': RATE}\n",
    ("RATE = 1\nfrom names import *\n", "from names import *\nRATE = 1\n"),
    ("RATE = 2", "RATE = 3", "src/names.py"),
    names="RATE = 2\n",
)

edit(
    "definitions on a condition",
    """\
        import switch

        if switch.FAST:

            def work(x):
                return x
        else:

            def work(x):
                return 2 * x

        try:
            import nothing_of_that_name
        except ImportError:

            def other(x):
                return x + 1


        def run():
            return {"a": work(3), "b": other(1)}
        """,
    ("2 * x", "3 * x"),
    ("FAST = False", "FAST = True", "src/switch.py"),
    ("x + 1", "x + 2"),
    ("", "def other(x):\n    return 0\n", "src/nothing_of_that_name.py"),
    ("return x\n", "return x  # as it is\n"),
    switch="FAST = False\n",
)

edit(
    "global statements",
    """\
        MODE = "a"


        def prepare():
            global MODE, LATER
            MODE = "b"
            LATER = 3


        prepare()


        def run():
            return {"mode": MODE, "later": LATER}
        """,
    ('MODE = "b"', 'MODE = "c"'),
    ("LATER = 3", "LATER = 4"),
    ("\nprepare()\n", '\nprepare()\nMODE = "d"\n'),
    (
        'MODE = "a"\n\n\ndef prepare():\n    global MODE, LATER\n    MODE = "b"\n    LATER = 3\n\n\nprepare()\n',
        'def prepare():\n    global MODE, LATER\n    MODE = "b"\n    LATER = 3\n\n\nprepare()\nMODE = "a"\n',
    ),
    ("def prepare():\n", 'def prepare():\n    """Get ready."""\n'),
)

edit(
    "closures made in a loop",
    """\
        def make():
            made = []
            for k in range(3):
                def add(x, k=k):
                    return x + k

                def late(x):
                    return x * k

                made += [add, late]
            return made


        def run():
            return {"a": [f(10) for f in make()]}
        """,
    ("x + k", "x - k"),
    ("k=k", "k=2 * k"),
    ("range(3)", "range(4)"),
    ("x * k", "x * k + 1"),
    ("    return made", "    # all of them\n    return made"),
)

edit(
    "a function put in the place of another module's",
    """\
        import patches
        import work


        def run():
            return {"a": work.step(2), "b": work.twice(2)}
        """,
    ("x + 100", "x + 200", "src/patches.py"),
    ("work.step = quicker", "work.twice = quicker", "src/patches.py"),
    ("x + 1\n", "x + 3\n", "src/work.py"),
    ("step(step(x))", "step(x)", "src/work.py"),
    ("import patches\n", ""),
    work="def step(x):\n    return x + 1\n\n\ndef twice(x):\n    return step(step(x))\n",
    patches="import work\n\n\ndef quicker(x):\n    return x + 100\n\n\nwork.step = quicker\n",
)

edit(
    "a module that is loaded twice",
    """\
        import importlib

        import state


        def run():
            state.bump()
            first = state.COUNT
            importlib.reload(state)
            state.bump()
            return {"a": [first, state.COUNT]}
        """,
    ("COUNT = 0", "COUNT = 5", "src/state.py"),
    ("COUNT += 1", "COUNT += 2", "src/state.py"),
    ("COUNT = 0", "COUNT = 0  # none yet", "src/state.py"),
    state="COUNT = 0\n\n\ndef bump():\n    global COUNT\n    COUNT += 1\n",
)

edit(
    "typing.get_type_hints",
    """\
        import typing


        class Net:
            size: int = 1
            name: "str" = "x"


        def work(x: int, *, y: "float" = 1.0) -> int:
            return x


        def run():
            return {"a": {k: str(v) for k, v in typing.get_type_hints(work).items()},
                    "b": list(typing.get_type_hints(Net)), "c": work(1)}
        """,
    ("x: int", "x: str"),
    ('"float"', '"bytes"'),
    ("size: int", "length: int"),
    ("-> int", "-> bool"),
    ("class Net:", "class Net:\n    # Of a net."),
)

edit(
    "functions pickled by reference",
    """\
        import pickle

        import shapes


        def run():
            by_name = pickle.loads(pickle.dumps(shapes.area))
            return {"a": by_name(3), "b": pickle.loads(b"cshapes\\nround\\n.")(2)}
        """,
    ("x * x", "x + x", "src/shapes.py"),
    ("3 * x", "4 * x", "src/shapes.py"),
    ("return 0", "return 1", "src/shapes.py"),
    shapes="""\
        def area(x):
            return x * x


        def round(x):
            return 3 * x


        def never(x):
            return 0
        """,
)

edit(
    "properties with setters",
    """\
        class Net:
            @property
            def size(self):
                return self._size

            @size.setter
            def size(self, value):
                self._size = value + 1

            @size.deleter
            def size(self):
                self._size = 0


        def run():
            net = Net()
            net.size = 3
            return {"a": net.size}
        """,
    ("return self._size", "return -self._size"),
    ("value + 1", "value + 2"),
    ("self._size = 0", "self._size = 1"),
    ("value + 1", "(value + 1)"),
)

edit(
    "abstract classes",
    """\
        import abc


        class Base(abc.ABC):
            @abc.abstractmethod
            def step(self):
                return 1

            def go(self):
                return self.step() + 1


        class Net(Base):
            def step(self):
                return super().step() + 10


        def run():
            try:
                Base()
                made = True
            except TypeError:
                made = False
            return {"a": Net().go(), "b": made}
        """,
    ("return 1\n", "return 2\n"),
    ("@abc.abstractmethod\n    ", ""),
    ("super().step() + 10", "10"),
    ("self.step() + 1", "self.step() + 1  # and one"),
)

edit(
    "__init_subclass__ with arguments",
    """\
        class Base:
            def __init_subclass__(cls, rate=1, **others):
                super().__init_subclass__(**others)
                cls.rate = rate


        class Fast(Base, rate=5):
            pass


        class Slow(Base):
            pass


        def run():
            return {"a": Fast.rate, "b": Slow.rate}
        """,
    ("rate=5", "rate=6"),
    ("rate=1", "rate=2"),
    ("cls.rate = rate", "cls.rate = -rate"),
    ("class Slow(Base):\n    pass", 'class Slow(Base):\n    """Takes its time."""'),
)

edit(
    "generators that are never started",
    """\
        def numbers(n, m=2):
            yield n
            yield n + m


        async def later(x):
            return x


        class Net:
            def __iter__(self):
                yield 1

            def parts(self):
                def inner(x):
                    yield x

                return inner(2)


        def run():
            made = [numbers(3), Net().parts(), iter(Net()), later(1)]
            for each in [made[0], made[1], made[3]]:
                each.close()
            return {"a": [type(each).__name__ for each in made]}
        """,
    ("    yield n\n    yield n + m", "    return n, n + m"),
    ("n, m=2", "n, m"),
    ("n, m=2", "n, m=3"),
    ("yield n + m", "yield n + 1"),
    ("async def later", "def later"),
    ("later(x)", "later()"),
    ("        yield 1", "        return iter([1])"),
    ("            yield x", "            return x"),
    ("        yield 1", "        yield 2"),
    ("type(each)", "type(each).__class__"),
)

edit(
    "lambdas at the top level",
    """\
        double = lambda x: 2 * x
        table = {"up": lambda x: x + 1, "down": lambda x: x - 1}


        def run():
            return {"a": double(3), "b": table["up"](1)}
        """,
    ("2 * x", "3 * x"),
    ("x + 1", "x + 2"),
    ("lambda x: 2 * x", "(lambda x: 2 * x)"),
    ("lambda x: 2 * x", "lambda x: 2 * x  # twice"),
)

edit(
    "default arguments that are kept",
    """\
        def note(x, kept=[0]):
            kept.append(x)
            return len(kept)


        def other(x, kept={}):
            return kept


        def run():
            return {"a": [note(1), note(2)], "b": sum(note.__defaults__[0])}
        """,
    ("kept=[0]", "kept=[0, 7]"),
    ("kept.append(x)", "kept.insert(0, x * 2)"),
    ("kept={}", "kept={1: 2}"),
    ("return len(kept)", "return  len(kept)"),
)

edit(
    "a walrus at the top level",
    "print(N := 3)\nif (M := N * 2) > 5:\n    M += 1\n\n\ndef run():\n    return {'a': N, 'b': M}\n",
    ("N := 3", "N := 4"),
    ("M := N * 2", "M := N"),
    ("N := 3", "(N := 3)"),
)

edit(
    "match statements",
    """\
        LEVEL = 3

        match {"level": 4}:
            case {"level": LEVEL}:
                pass


        def told(what):
            match what:
                case [1, *rest]:
                    return len(rest)
                case {"k": k, **others} if k > 1:
                    return k + len(others)
                case int() | float():
                    return "number"
                case _:
                    return "else"


        def run():
            return {"a": [told([1, 2]), told({"k": 3, "l": 1}), told(2.0), told("x")], "b": LEVEL}
        """,
    ("[1, *rest]", "[2, *rest]"),
    ("if k > 1", "if k > 5"),
    ("int() | float()", "int()"),
    ('return "else"', 'return "other"'),
    ('{"level": 4}', '{"level": 5}'),
    (
        'LEVEL = 3\n\nmatch {"level": 4}:\n    case {"level": LEVEL}:\n        pass\n',
        'match {"level": 4}:\n    case {"level": LEVEL}:\n        pass\n\nLEVEL = 3\n',
    ),
    ("        case _:", "        # whatever it is\n        case _:"),
)

edit(
    "an exception that takes a name",
    """\
        ERROR = 3
        try:
            raise ValueError(5)
        except ValueError as error:
            kept = error.args[0]


        def run():
            return {"a": kept, "b": "ERROR" in globals()}
        """,
    ("ValueError(5)", "ValueError(6)"),
    ("as error:\n    kept = error", "as ERROR:\n    kept = ERROR"),
)

edit(
    "texts with values in them",
    """\
        WIDTH = 6


        def shown(x):
            return f"{f'{x!r:>{WIDTH}}'}|{x:.2f}|{'nested ' + f'{x}'}"


        def run():
            return {"a": shown(1.5)}
        """,
    ("WIDTH = 6", "WIDTH = 7"),
    ("x!r:>", "x!r:<"),
    (":.2f", ":.3f"),
    ("'nested '", "'within '"),
    ("'nested '", "('nested ')"),
)

edit(
    "scales that are not run",
    """\
        UNUSED = dict(a=1, b=[2])
        SETTINGS = dict(rate=0.5, sizes=(1, 2))


        def run():
            return {"a": SETTINGS["rate"], "b": len(SETTINGS["sizes"])}
        """,
    ("UNUSED = dict(a=1, b=[2])", "UNUSED = dict(a=1, b=[3])"),
    ("rate=0.5", "rate=0.25"),
    ("UNUSED = ", "NEEDS = {'minutes': 3}\nUNUSED = "),
    ("UNUSED = ", "def dict(**given):\n    return given | {'rate': 9}\n\n\nUNUSED = "),
    ("SCALES = {", "SCALES = {'full': {}, "),
)

edit(
    "objects that act as functions and containers",
    """\
        class Net:
            def __call__(self, x):
                return x + 1

            def __getitem__(self, key):
                return key * 2

            def __iter__(self):
                return iter([1, 2])

            def __getattr__(self, name):
                return len(name)

            def __eq__(self, other):
                return True

            def __hash__(self):
                return 5

            def __bool__(self):
                return False


        def run():
            net = Net()
            return {"a": net(1), "b": net[3], "c": list(net), "d": net.anything, "e": net == 3, "f": hash(net)}
        """,
    ("x + 1", "x + 2"),
    ("key * 2", "key * 3"),
    ("[1, 2]", "[1, 3]"),
    ("len(name)", "len(name) + 1"),
    ("return True", "return False"),
    ("return 5", "return 6"),
    ("return False", "return True"),
)

edit(
    "descriptors and slots",
    """\
        class Noted:
            def __set_name__(self, owner, name):
                self.name = "_" + name

            def __get__(self, instance, owner):
                return getattr(instance, self.name, 7)

            def __set__(self, instance, value):
                setattr(instance, self.name, value * 2)


        class Net:
            rate = Noted()
            size = Noted()


        def run():
            net = Net()
            net.rate = 3
            return {"a": net.rate, "b": net.size, "c": sorted(vars(net))}
        """,
    ("value * 2", "value * 3"),
    ("self.name, 7)", "self.name, 8)"),
    ('"_" + name', '"__" + name'),
    ("size = Noted()", "size = 4"),
    ("rate = Noted()", "rate = Noted()  # per step"),
)

edit(
    "sorting keys, maps and caches",
    """\
        import functools


        def key(x):
            return -x


        def double(x):
            return 2 * x


        @functools.lru_cache
        def slow(x):
            return x + 1


        def fallback(x):
            return 0


        def run():
            return {"a": sorted([1, 3, 2], key=key), "b": list(map(double, [1])), "c": slow(1) + slow(1),
                    "d": functools.reduce(lambda x, y: x + y, [1, 2], 0)}
        """,
    ("return -x", "return x"),
    ("2 * x", "3 * x"),
    ("x + 1", "x + 2"),
    ("return 0", "return 1"),
    ("x + y", "x - y"),
    ("@functools.lru_cache\n", "# kept\n@functools.lru_cache\n"),
)

edit(
    "threads",
    """\
        from concurrent.futures import ThreadPoolExecutor


        def work(x):
            return inner(x) + 1


        def inner(x):
            return 2 * x


        def run():
            with ThreadPoolExecutor(2) as pool:
                return {"a": list(pool.map(work, [1, 2]))}
        """,
    ("x) + 1", "x) + 2"),
    ("2 * x", "3 * x"),
    ("def run", 'def unused():\n    """Not used."""\n\n\ndef run'),
)

edit(
    "other processes",
    """\
        import multiprocessing

        import work


        def run():
            with multiprocessing.get_context("fork").Pool(1) as pool:
                return {"a": pool.map(work.step, [1, 2])}
        """,
    ("inner(x) + 1", "inner(x) + 2", "src/work.py"),
    ("2 * x", "3 * x", "src/work.py"),
    ("2 * x", "(2 * x)  # twice", "src/work.py"),
    work="def step(x):\n    return inner(x) + 1\n\n\ndef inner(x):\n    return 2 * x\n",
)

for _old, _new in (("print(3", "print(4"), ("print(3)", "print(3)  # three")):
    EDITS.append(
        Edit(
            "a script of the project's in a process of its own",
            textwrap.dedent(
                """\
                import subprocess
                import sys
                from pathlib import Path

                SCRIPT = Path(__file__).parent / "tools" / "count.py"


                def run():
                    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
                    return {"a": int(done.stdout)}
                """
            ),
            _old,
            _new,
            "snippets/tools/count.py",
            {"snippets/tools/count.py": "print(3)\n"},
        )
    )

edit(
    "docstrings that mention what there is",
    '''\
        LIMIT = 3
        OTHER = 4


        def helper(x):
            return x


        def run():
            """Go on to LIMIT."""
            return {"a": LIMIT}


        class Net:
            rate = 1
        ''',
    ("Go on to LIMIT.", "Go on to LIMIT, not to OTHER, and ask no helper."),
    ("rate = 1", 'rate = 1\n    """Like OTHER."""'),
    ("OTHER = 4", 'OTHER = 4\n"""Not LIMIT."""'),
    ("def helper(x):", 'def helper(x):\n    """Like run and OTHER."""'),
    ("return x\n", "return x + OTHER\n"),
    ("OTHER = 4", "OTHER = 5"),
)

edit(
    "what nobody uses in a module",
    """\
        from lib import tools


        def run():
            return {"a": tools.half(4)}
        """,
    ("x / 2", "x / 4", "src/lib/tools.py"),
    ("return 10", "return 11", "src/lib/tools.py"),
    ("def spare():", "def spare(more=3):", "src/lib/tools.py"),
    ("def spare():\n    return 10\n\n\n", "", "src/lib/tools.py"),
    ("KNOWN = {", "# Known by heart.\nKNOWN = {", "src/lib/tools.py"),
    ("'a': 1", "'a': 2", "src/lib/tools.py"),
    ("def spare():", "def more(x: int = 3) -> int:\n    return x\n\n\ndef spare():", "src/lib/tools.py"),
    ("return 20", "return 21", "src/lib/tools.py"),
    ("def half(x):", "async def later(x):\n    return half(x)\n\n\ndef half(x):", "src/lib/tools.py"),
    ("x / 2\n", "x / 2\n\n\nif __name__ == '__main__':\n    half(2)\n", "src/lib/tools.py"),
    lib__package='"""A library."""\n',
    lib__tools="""\
        \'\'\'Tools.\'\'\'

        KNOWN = {'a': 1}


        def spare():
            return 10


        def half(x):
            return x / 2


        class Net:
            def go(self):
                return 20
        """,
)

edit(
    "what is found by a computed name and kept",
    """\
        import inspect

        import parts

        chosen = getattr(parts, "make_" + "a")


        def keep():
            found = getattr(parts, "make_" + "b")

            def told():
                return str(inspect.signature(found))

            return told()


        def run():
            return {"a": str(inspect.signature(chosen)), "b": keep()}
        """,
    ("def make_a(x)", "def make_a(x, y)", "src/parts.py"),
    ("def make_b(x)", "def make_b(x, y)", "src/parts.py"),
    parts="def make_a(x):\n    return 1\n\n\ndef make_b(x):\n    return 2\n",
)

edit(
    "all attributes of a module",
    """\
        import settings


        def run():
            return {"a": settings.__dict__["RA" + "TE"]}
        """,
    ("RATE = 1", "RATE = 2", "src/settings.py"),
    ("RATE = 1", "RATE = (1)", "src/settings.py"),
    settings="RATE = 1\n",
)

edit(
    "a module of a package that is handed around",
    """\
        import lib.settings
        import shown


        def run():
            return {"a": shown.shown(lib.settings)}
        """,
    ("RATE = 1", "RATE = 2", "src/lib/settings.py"),
    ("RATE = 1", "RATE = 1\nMORE = 2", "src/lib/settings.py"),
    lib__settings="RATE = 1\n",
    shown="def shown(module):\n    return sorted(f'{k}={v}' for k, v in vars(module).items() if k.isupper())\n",
)

edit(
    "a package that comes to have a file",
    """\
        import random

        from lib.tools import half


        def run():
            random.seed(1)
            return {"a": half(4)}
        """,
    ("", "import fractions\n\nfractions.half = 3\nraise ValueError\n", "src/lib/__init__.py"),
    ("", "X = 1\n", "src/other/__init__.py"),
    lib__tools="def half(x):\n    return x / 2\n",
)
