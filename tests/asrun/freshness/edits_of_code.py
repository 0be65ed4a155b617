"""Edits of code, each of a tiny project: does the result change, and is that noticed?

Nothing here says what the answer is: `test_what_ran_counts` runs each project before and after its edit, and finds out.
"""

from __future__ import annotations

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
        return {"snippets/s.py": self.snippet, **self.files}

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
    named = {f"src/{name.replace('__', '/').replace('package', '__init__')}.py": text for name, text in files.items()}
    for old, new, *file in changes:
        EDITS.append(Edit(kind, snippet, old, new, file[0] if file else "snippets/s.py", named))


# Functions and names

edit(
    "a function of the snippet",
    'LIMIT = 3\nUNUSED = 4\n\n\ndef step(x, by=2):\n    """Add."""\n    return x + by\n\n\ndef never(x):\n    return x\n\n\n'
    "def run():\n    # a comment\n    return {'a': step(LIMIT)}\n\n\nif __name__ == '__main__':\n    print(run())\n",
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
    "def small(x):\n    return x\n\n\ndef large(x):\n    return 10 * x\n\n\n"
    "def run():\n    x = 3\n    return {'a': large(x) if x > 5 else small(x)}\n",
    ("10 * x", "20 * x"),
    ("return x\n", "return x + 1\n"),
    ("x = 3", "x = 7"),
)

edit(
    "functions as objects",
    "import inspect\n\n\ndef f(x, y=2):\n    return x\n\n\ndef g(x):\n    return x\n\n\nf.tag = 'one'\n\n\n"
    "def run():\n    return {'code': len(f.__code__.co_code), 'arguments': f.__code__.co_argcount,"
    " 'signature': str(inspect.signature(f)), 'tag': f.tag, 'name': g.__name__}\n",
    ("    return x\n\n\ndef g", "    return x + y * 3 + x\n\n\ndef g"),
    ("y=2", "y=3"),
    ("x, y=2", "x, y=2, z=3"),
    ("f.tag = 'one'", "f.tag = 'two'"),
    ("def g(x):\n    return x", "def g(x):\n    return x + 1"),
)

edit(
    "the source as a text",
    "import inspect\n\n\ndef f(x):\n    # a remark\n    return x\n\n\ndef run():\n    return {'source': inspect.getsource(f)}\n",
    ("# a remark", "# a longer remark"),
    ("return x\n", "return  x\n"),
)

edit(
    "docstrings that are asked for",
    '"""A question?"""\n\n\ndef f(x):\n    """Words."""\n    return x\n\n\ndef run():\n    return {"words": len(f.__doc__)}\n',
    ('"""Words."""', '"""More words."""'),
)

edit(
    "methods",
    "class Net:\n    rate = 0.5\n\n    def __init__(self, n):\n        self.n = n\n\n    def go(self):\n        return self.n * self.rate\n\n"
    "    def never(self):\n        return 1\n\n    @property\n    def size(self):\n        return self.n\n\n    @property\n    def unseen(self):\n        return 8\n\n"
    "    @staticmethod\n    def made():\n        return 2\n\n    def __len__(self):\n        return 5\n\n\n"
    "def run():\n    net = Net(3)\n    return {'a': net.go(), 'b': net.size, 'c': Net.made(), 'd': len(net)}\n",
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
    "def make(n):\n    def inner(x):\n        return x * n\n\n    def other(x):\n        return x\n\n    return inner if n else other\n\n\n"
    "def run():\n    return {'a': make(2)(4), 'b': [(lambda y: y + 1)(i) for i in range(3)]}\n",
    ("x * n", "x ** n"),
    ("y + 1", "y + 2"),
    ("range(3)", "range(4)"),
    ("if n else", "if not n else"),
)

edit(
    "generators and coroutines",
    "import asyncio\n\n\ndef numbers():\n    yield 1\n    yield 2\n\n\nasync def later(x):\n    return x\n\n\ndef run():\n"
    "    return {'a': sum(numbers()), 'b': asyncio.run(later(4))}\n",
    ("yield 2", "yield 3"),
    ("return x", "return x + 1"),
)

edit(
    "the same name twice",
    "from functools import partial\n\n\ndef step(x, k=1):\n    return x * k\n\n\nstep = partial(step, k=3)\n\n\ndef run():\n    return {'a': step(2)}\n",
    ("k=3", "k=4"),
    ("x * k", "x + k"),
    ("step = partial(step, k=3)\n", ""),
)

edit(
    "a second definition",
    "def step(x):\n    return x\n\n\ndef step(x):  # noqa: F811\n    return x + 1\n\n\ndef run():\n    return {'a': step(2)}\n",
    ("x + 1", "x + 2"),
    ("    return x\n\n\ndef step", "    return -x\n\n\ndef step"),
    ("def step(x):  # noqa: F811\n    return x + 1\n\n\n", ""),
)

# What happens when a module is loaded

edit(
    "assignments that act",
    "import random\n\nKNOWN = {}\nrate = KNOWN.setdefault('f', 1)\nstate = random.seed(1)\n_ = KNOWN.update(g=2)\n\n\n"
    "def run():\n    return {'a': random.random(), 'b': KNOWN}\n",
    ("seed(1)", "seed(2)"),
    ("setdefault('f', 1)", "setdefault('f', 9)"),
    ("update(g=2)", "update(g=3)"),
    ("state = random.seed(1)\n", "state = random.seed(1)\nextra = random.random()\n"),
    ("rate = KNOWN.setdefault('f', 1)\n", ""),
)

edit(
    "imports that act",
    "import first\nimport second\nimport shared\n\n\ndef run():\n    return {'a': list(shared.ORDER)}\n",
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
    "import shared\n\nif shared.LARGE:\n    N = 10\nelse:\n    N = 1\nfor i in range(2):\n    N += i\ntry:\n    M = N\nexcept NameError:\n    M = 0\n"
    "with open(__file__) as f:\n    pass\nx, y = 1, 2\n\n\ndef run():\n    return {'a': N, 'b': M, 'c': x - y}\n",
    ("range(2)", "range(3)"),
    ("N = 10", "N = 11"),
    ("N = 1\n", "N = 2\n"),
    ("LARGE = False", "LARGE = True", "src/shared.py"),
    ("x, y = 1, 2", "y, x = 1, 2"),
    shared="LARGE = False\n",
)

edit(
    "from __future__",
    "from dataclasses import dataclass, fields\n\n\n@dataclass\nclass P:\n    x: int = 1\n\n\ndef run():\n    return {'a': str(fields(P)[0].type)}\n",
    ("from dataclasses", "from __future__ import annotations\n\nfrom dataclasses"),
    ("x: int = 1", "x: float = 1"),
)

edit(
    "defaults, decorators, class bodies",
    "import functools\n\nCALLS = []\nBASE = 2\n\n\ndef noted(f):\n    CALLS.append(f.__name__)\n\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a) + 1\n\n    return inner\n\n\n"
    "@noted\ndef f(x, by=BASE * 2):\n    return x + by\n\n\n@noted\ndef unused(x):\n    return x\n\n\nclass C:\n    table = {k: k for k in range(BASE)}\n    CALLS.append('C')\n\n\n"
    "def run():\n    return {'a': f(1), 'b': CALLS, 'c': len(C.table)}\n",
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
    "import kinds\n\n\ndef run():\n    return {'a': [k().value() for k in kinds.Kind.known], 'b': len(kinds.Kind.__subclasses__())}\n",
    ("return 1", "return 3", "src/kinds.py"),
    ("return 2", "return 4", "src/kinds.py"),
    ("known.append(cls)", "known.insert(0, cls)", "src/kinds.py"),
    ("class Two", "class Three(Kind):\n    def value(self):\n        return 9\n\n\nclass Two", "src/kinds.py"),
    kinds="class Kind:\n    known = []\n\n    def __init_subclass__(cls):\n        Kind.known.append(cls)\n\n\n"
    "class One(Kind):\n    def value(self):\n        return 1\n\n\nclass Two(Kind):\n    def value(self):\n        return 2\n",
)

edit(
    "unpickled instances",
    "import pickle\n\nimport shapes\n\n\ndef run():\n    data = b'\\x80\\x02cshapes\\nSquare\\n)\\x81.'\n"
    "    return {'a': pickle.loads(data).area()}\n",
    ("return 4", "return 5", "src/shapes.py"),
    ("side = 2", "side = 3", "src/shapes.py"),
    shapes="class Square:\n    side = 2\n\n    def area(self):\n        return 4 + self.side\n",
)

edit(
    "computed names",
    "import parts\n\nKINDS = ('a', 'b')\n\n\ndef run():\n    return {k: getattr(parts, 'make_' + k)() for k in KINDS}\n",
    ("return 1", "return 11", "src/parts.py"),
    ("return 2", "return 22", "src/parts.py"),
    ("return 3", "return 33", "src/parts.py"),
    ("('a', 'b')", "('a', 'c')"),
    parts="def make_a():\n    return 1\n\n\ndef make_b():\n    return 2\n\n\ndef make_c():\n    return 3\n",
)

edit(
    "computed constants",
    "import settings\n\n\ndef run():\n    which = 'RATE'\n    return {'a': getattr(settings, which), 'b': eval('DEPTH * 2', vars(settings)), 'c': settings.__dict__['SIZE'],"
    " 'd': sorted(n for n in dir(settings) if n.isupper())}\n",
    ("RATE = 1", "RATE = 2", "src/settings.py"),
    ("DEPTH = 3", "DEPTH = 4", "src/settings.py"),
    ("SIZE = 5", "SIZE = 6", "src/settings.py"),
    ("SIZE = 5", "SIZE = 5\nMORE = 7", "src/settings.py"),
    settings="RATE = 1\nDEPTH = 3\nSIZE = 5\n",
)

edit(
    "a module that is handed around",
    "import settings\n\nimport shown\n\n\ndef run():\n    return {'a': shown.shown(settings)}\n",
    ("RATE = 1", "RATE = 2", "src/settings.py"),
    ("RATE = 1", "RATE = 1\nMORE = 2", "src/settings.py"),
    settings="RATE = 1\n",
    shown="def shown(module):\n    return sorted(f'{k}={v}' for k, v in module.__dict__.items() if k.isupper())\n",
)

edit(
    "globals()",
    "ONE = 1\nTWO = 2\n\n\ndef run():\n    return {'a': sum(v for k, v in list(globals().items()) if k.isupper())}\n",
    ("ONE = 1", "ONE = 10"),
    ("TWO = 2", "TWO = 2\nTHREE = 3"),
)

edit(
    "eval of a text",
    "RATE = 3\n\n\ndef double(x):\n    return 2 * x\n\n\ndef run():\n    return {'a': eval('double(RATE)')}\n",
    ("RATE = 3", "RATE = 4"),
    ("2 * x", "3 * x"),
)

edit(
    "code executed with other globals",
    "import types\n\n\ndef f():\n    return K * 2\n\n\ndef run():\n    return {'a': types.FunctionType(f.__code__, {'K': 4})()}\n",
    ("K * 2", "K * 3"),
    ("'K': 4", "'K': 5"),
)

# Where modules come from

edit(
    "a package",
    "from lib import a\nfrom lib.b import two\n\n\ndef run():\n    return {'a': a.one() + two()}\n",
    ("return 1", "return 3", "src/lib/a.py"),
    ("return 2", "return 5", "src/lib/b.py"),
    ("SCALE = 1", "SCALE = 2", "src/lib/__init__.py"),
    ("SCALE = 1\n", "SCALE = 1\nOTHER = 3\n", "src/lib/__init__.py"),
    ("", "def one():\n    return 100\n", "src/lib/a/__init__.py"),
    lib__package="SCALE = 1\n",
    lib__a="from lib import SCALE\n\n\ndef one():\n    return 1 * SCALE\n",
    lib__b="from .a import one\n\n\ndef two():\n    return 2 * one()\n",
)

edit(
    "a module that comes to stand before another",
    "import colorsys\n\nimport helper\n\n\ndef run():\n    return {'a': helper.one(), 'b': colorsys.rgb_to_hls(0.1, 0.2, 0.3)[0]}\n",
    ("", "def one():\n    return 2\n", "snippets/helper.py"),
    ("", "def rgb_to_hls(*a):\n    return [7]\n", "src/colorsys.py"),
    ("", "def one():\n    return 3\n", "src/unrelated.py"),
    helper="def one():\n    return 1\n",
)

edit(
    "names passed on",
    "from facade import work as labour\n\n\ndef run():\n    return {'a': labour(2)}\n",
    ("from inner import fast as work", "from inner import slow as work", "src/facade.py"),
    ("x + 1", "x + 3", "src/inner.py"),
    ("x - 1", "x - 3", "src/inner.py"),
    facade="from inner import fast as work\n",
    inner="def fast(x):\n    return x + 1\n\n\ndef slow(x):\n    return x - 1\n",
)

edit(
    "stars",
    "from consts import *\n\n\ndef run():\n    return {'a': A + len('xx')}\n",
    ("A = 1", "A = 2", "src/consts.py"),
    ("B = 2", "B = 3", "src/consts.py"),
    ("B = 2", "B = 2\n\n\ndef len(x):\n    return 50", "src/consts.py"),
    consts="A = 1\nB = 2\n",
)

edit(
    "lazy imports",
    "def run():\n    from lazy import thing\n\n    return {'a': thing()}\n",
    ("return 1", "return 2", "src/lazy.py"),
    ("K = 1", "K = 2", "src/lazy.py"),
    ("import other", "import other\nimport other2", "src/lazy.py"),
    ("", "raise SystemError\n", "src/unused.py"),
    lazy="import other\n\nK = 1\n\n\ndef thing():\n    return 1 + other.X\n",
    other="X = 1\n",
    other2="import other\n\nother.X = 9\n",
)

edit(
    "an import that is not reached",
    "def run():\n    x = 1\n    if x > 2:\n        import heavy\n\n        return {'a': heavy.f()}\n    return {'a': x}\n",
    ("return 1", "return 2", "src/heavy.py"),
    ("x > 2", "x > 0"),
    heavy="def f():\n    return 1\n",
)

edit(
    "modules found otherwise",
    "import importlib\nimport importlib.util\nimport runpy\nimport sys\nfrom pathlib import Path\n\nHERE = Path(__file__).parent\n\n\n"
    "def run():\n    name = 'plug' + 'in'\n    a = importlib.import_module(name).f()\n"
    "    spec = importlib.util.spec_from_file_location('apart', HERE / 'apart' / 'apart.py')\n    m = importlib.util.module_from_spec(spec)\n    spec.loader.exec_module(m)\n"
    "    b = runpy.run_path(str(HERE / 'apart' / 'script.py'))['X']\n    space = {}\n    exec((HERE / 'apart' / 'text.py').read_text(), space)\n"
    "    sys.path.insert(0, str(HERE / 'apart'))\n    import onpath\n\n    return {'a': a, 'b': b, 'c': m.g(), 'd': space['Y'], 'e': onpath.h()}\n",
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
    "from helper import nicely, work\n\nCOLOURS = ('red', 'blue')\n\n\ndef run():\n    return {'a': work(2)}\n\n\ndef plot(result):\n    return nicely(result, COLOURS)\n",
    ("return result", "return result, 1", "src/helper.py"),
    ("'blue'", "'green'"),
    ("nicely(result, COLOURS)", "nicely(result, COLOURS[:1])"),
    ("x + 1", "x + 2", "src/helper.py"),
    helper="def work(x):\n    return x + 1\n\n\ndef nicely(result, colours):\n    return result\n",
)

edit(
    "formatting",
    "from helper import (\n    one,\n    two,\n)\n\n\ndef run():\n    return {'a': one() + two()}\n",
    ("from helper import (\n    one,\n    two,\n)", "from helper import one, two"),
    ("one() + two()", "(one() + two())"),
    ("return 1", "return (1)", "src/helper.py"),
    ("return 1\n", "return 1  # one\n", "src/helper.py"),
    helper="def one():\n    return 1\n\n\ndef two():\n    return 2\n",
)
