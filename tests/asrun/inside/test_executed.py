"""What a process executes is told, however it comes to be executed; and nothing is changed by watching."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import asrun
from machine import python_of

ASRUN = str(Path(asrun.__file__).parents[1])

PROCESS = """
import json, sys
watched, folder = sys.argv[1] == "watched", sys.argv[2]
folders = [folder + "/snippets", folder + "/src"]
sys.path[:0] = folders
if watched:
    from asrun.inside.executed import Executed
    executed = Executed([folder, *folders])
import s
came_to = s.run()
told = {"out": came_to}
if watched:
    told |= {"files": executed.told(), "elsewhere": executed.elsewhere}
print(json.dumps(told), flush=True)
"""


@dataclass
class Seen:
    """What a process told."""

    out: Any
    """What `run` returned."""
    called: dict[str, set[str] | None]
    """Functions by file; None where all may have been called."""
    elsewhere: bool


class Place:
    """A project's modules, and a process that executes `run` of `snippets/s.py`."""

    def __init__(self, folder: Path, snippet: str, files: dict[str, str]):
        self.folder, self.python = folder, sys.executable
        for name, text in {"snippets/s.py": snippet, **files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), "utf-8")

    def process(self, kind: str) -> dict[str, Any]:
        done = subprocess.run(
            [self.python, "-c", PROCESS, kind, str(self.folder)],
            capture_output=True, text=True, check=False, cwd=self.folder, env=os.environ | {"PYTHONPATH": ASRUN},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def watched(self) -> Seen:
        told = self.process("watched")
        called = {
            Path(file).relative_to(self.folder).as_posix(): each["called"] and {name for name, _ in each["called"]}
            for file, each in told["files"].items()
        }
        return Seen(told["out"], {file: each if each is None else set(each) for file, each in called.items()},
                    told["elsewhere"])  # fmt: skip

    def unwatched(self) -> Any:
        return self.process("unwatched")["out"]


@pytest.fixture
def place(tmp_path):
    return lambda snippet, **files: Place(tmp_path.resolve(), snippet, {
        f"src/{name.replace('__', '/').replace('package', '__init__')}.py": text
        for name, text in files.items()
    })  # fmt: skip


# What is told

LIB = """\
def one():
    return 1


def two():
    return one() + one()


def never():
    return 3
"""


@dataclass
class Way:
    """A way by which code comes to be executed."""

    snippet: str
    called: str
    """Functions of `src/lib.py` that are."""
    uncalled: str = "never"
    """Functions of it that are not, and of which that is known."""
    lib: str = LIB


WAYS = {
    "by name": Way("import lib\n\ndef run():\n    return lib.two()\n", "one two"),
    "from an import": Way("from lib import two as both\n\ndef run():\n    return both()\n", "one two"),
    "in a function": Way("def run():\n    from lib import two\n    return two()\n", "one two"),
    "by a computed name": Way("import lib\n\ndef run():\n    return getattr(lib, 't' + 'wo')()\n", "one two"),
    "by the name of a module": Way(
        "import importlib\n\ndef run():\n    return importlib.import_module('li' + 'b').two()\n", "one two"
    ),
    "from sys.modules": Way(
        "import sys\nimport lib\n\ndef run():\n    return sys.modules['lib'].one()\n", "one", "two"
    ),
    "as an argument": Way("import lib\n\ndef run():\n    return list(map(abs, [lib.one()]))\n", "one", "two never"),
    "by eval": Way("import lib\n\ndef run():\n    return eval('lib.one()')\n", "one", "two never"),
    "from a registry": Way(
        "import lib\n\ndef run():\n    return lib.KNOWN['on' + 'e']()\n",
        "one register",
        "unused",
        "KNOWN = {}\n\ndef register(f):\n    KNOWN[f.__name__] = f\n    return f\n\n@register\ndef one():\n"
        "    return 1\n\n"
        "def unused():\n    return 2\n",
    ),
    "by a metaclass's registry": Way(
        "import lib\n\ndef run():\n    return [k().value() for k in lib.Kind.known]\n",
        "Kind.__init_subclass__ One.value Two.value",
        "One.never",
        "class Kind:\n    known = []\n\n    def __init_subclass__(cls):\n        Kind.known.append(cls)\n\n"
        "class One(Kind):\n    def value(self):\n        return 1\n\n    def never(self):\n        return 0\n\n"
        "class Two(Kind):\n    def value(self):\n        return 2\n",
    ),
    "unpickled": Way(
        "import pickle\n\ndef run():\n    return pickle.loads(b'\\x80\\x02clib\\nSquare\\n)\\x81.').area()\n",
        "Square.area",
        "Square.never",
        "class Square:\n    def area(self):\n        return 4\n\n    def never(self):\n        return 0\n",
    ),
    "unpickled by reduction": Way(
        "import pickle\n\ndef run():\n    return pickle.loads(b'clib\\nmade\\n(tR.')\n",
        "made",
        lib="def made():\n    return 4\n\n\ndef never():\n    return 0\n",
    ),
    "decorated": Way(
        "import lib\n\ndef run():\n    with lib.held() as x:\n        return lib.cached(x)\n",
        "cached held",
        lib="import contextlib\nimport functools\n\n@functools.lru_cache(8)\ndef cached(x):\n    return x\n\n"
        "@contextlib.contextmanager\ndef held():\n    yield 1\n\ndef never():\n    return 0\n",
    ),
    "wrapped": Way(
        "import lib\n\ndef run():\n    return lib.f()\n",
        "twice twice.<locals>.inner f",
        lib="import functools\n\ndef twice(g):\n    @functools.wraps(g)\n    def inner():\n        return 2 * g()\n"
        "    return inner\n\n@twice\ndef f():\n    return 1\n\ndef never():\n    return 0\n",
    ),
    "within functions": Way(
        "import lib\n\ndef run():\n    return lib.outer()\n",
        "outer outer.<locals>.inner outer.<locals>.inner.<locals>.inmost outer.<locals>.C.method",
        "outer.<locals>.never outer.<locals>.C.never",
        "def outer():\n    def inner():\n        def inmost():\n            return 1\n        return inmost()\n"
        "    def never():\n        return 0\n    class C:\n        def method(self):\n            return 2\n"
        "        def never(self):\n            return 3\n    return inner() + C().method()\n",
    ),
    "methods": Way(
        "import lib\n\ndef run():\n    n = lib.Net(1)\n    n.size = 3\n"
        "    return [n.go(), len(n), n.size, n.made(), n.of(), n(1)]\n",
        "Net.__init__ Net.go Net.__len__ Net.size Net.made Net.of Net.__call__ Base.go",
        "Net.never Base.never",
        "class Base:\n    def go(self):\n        return 1\n    def never(self):\n        return 0\n\n"
        "class Net(Base):\n    def __init__(self, n):\n        self.n = n\n    def go(self):\n"
        "        return super().go()\n"
        "    def __len__(self):\n        return 5\n    @property\n    def size(self):\n        return self.n\n"
        "    @size.setter\n    def size(self, n):\n        self.n = n\n    @staticmethod\n    def made():\n"
        "        return 2\n"
        "    @classmethod\n    def of(cls):\n        return 3\n    def __call__(self, x):\n        return x\n"
        "    @property\n    def never(self):\n        return 9\n",
    ),
    "generators": Way(
        "import lib\n\ndef run():\n    return [next(lib.count()), sum(lib.more())]\n",
        "count more",
        lib="def count():\n    yield 1\n\ndef more():\n    yield from count()\n\ndef never():\n    yield 0\n",
    ),
    "coroutines": Way(
        "import asyncio\nimport lib\n\ndef run():\n    return asyncio.run(lib.main())\n",
        "main soon each",
        lib="async def soon():\n    return 1\n\nasync def each():\n    yield 2\n\n"
        "async def main():\n    return await soon() + sum([x async for x in each()])\n\nasync def never():\n"
        "    return 0\n",
    ),
    "in threads": Way(
        "from concurrent.futures import ThreadPoolExecutor\nimport lib\n\n"
        "def run():\n    with ThreadPoolExecutor(1) as pool:\n        return pool.submit(lib.two).result()\n",
        "one two",
    ),
    "at import": Way("import lib\n\ndef run():\n    return lib.N\n", "one two", lib=LIB + "\n\nN = two()\n"),
    "at the end": Way(
        "import lib\n\ndef run():\n    x = lib.Held()\n    del x\n    return lib.GONE\n",
        "Held.__del__",
        lib="GONE = []\n\nclass Held:\n    def __del__(self):\n        GONE.append(1)\n\ndef never():\n    pass\n",
    ),
    "by operators": Way(
        "import lib\n\ndef run():\n    return sorted([lib.V(2), lib.V(1)])[0].n + (lib.V(1) + lib.V(2)).n\n",
        "V.__init__ V.__lt__ V.__add__",
        "V.__gt__",
        "class V:\n    def __init__(self, n):\n        self.n = n\n    def __lt__(self, other):\n"
        "        return self.n < other.n\n"
        "    def __gt__(self, other):\n        return self.n > other.n\n    def __add__(self, other):\n"
        "        return V(self.n + other.n)\n",
    ),
    "by a module's __getattr__": Way(
        "import lib\n\ndef run():\n    return lib.anything\n",
        "__getattr__",
        lib="def __getattr__(name):\n    if name == 'anything':\n        return 7\n    raise AttributeError(name)\n\n"
        "def never():\n    pass\n",
    ),
    "given code": Way(
        "import types\nimport lib\n\ndef run():\n    return types.FunctionType(lib.one.__code__, {})()\n",
        "one",
        "two never",
    ),
    "through a lazy module": Way(
        "import importlib.util\nimport sys\n\ndef run():\n    spec = importlib.util.find_spec('lib')\n"
        "    loader = importlib.util.LazyLoader(spec.loader)\n    spec.loader = loader\n"
        "    module = importlib.util.module_from_spec(spec)\n    loader.exec_module(module)\n"
        "    return module.two()\n",
        "one two",
    ),
    "by its path": Way(
        "import importlib.util\nfrom pathlib import Path\n\ndef run():\n"
        "    spec = importlib.util.spec_from_file_location('x', Path(__file__).parents[1] / 'src' / 'lib.py')\n"
        "    module = importlib.util.module_from_spec(spec)\n    spec.loader.exec_module(module)\n"
        "    return module.two()\n",
        "one two",
    ),
    "by runpy, as a module": Way(
        "import runpy\n\ndef run():\n    return runpy.run_module('lib')['two']()\n", "one two"
    ),
    "by runpy, as a path": Way(
        "import runpy\nfrom pathlib import Path\n\ndef run():\n"
        "    return runpy.run_path(str(Path(__file__).parents[1] / 'src' / 'lib.py'))['two']()\n",
        "one two",
        "",
    ),
    "by exec": Way(
        "from pathlib import Path\n\ndef run():\n    file = Path(__file__).parents[1] / 'src' / 'lib.py'\n"
        "    space = {}\n    exec(compile(file.read_text(), str(file), 'exec'), space)\n    return space['two']()\n",
        "one two",
        "",
    ),
    "by runpy, after an import": Way(
        "import runpy\nimport lib\n\ndef run():\n    return lib.one() + runpy.run_path(lib.__file__)['two']()\n",
        "one two",
        "",
    ),
    "by exec, after an import": Way(
        "from pathlib import Path\nimport lib\n\ndef run():\n    space = {}\n"
        "    exec(compile(Path(lib.__file__).read_text(), lib.__file__, 'exec'), space)\n    return space['two']()\n",
        "one two",
        "",
    ),
    "by a loader of somebody else's": Way(
        "import importlib.machinery\nimport importlib.util\nfrom pathlib import Path\n\n"
        "class Loader(importlib.machinery.SourceFileLoader):\n    pass\n\n"
        "def run():\n    file = str(Path(__file__).parents[1] / 'src' / 'lib.py')\n"
        "    spec = importlib.util.spec_from_file_location('x', file, loader=Loader('x', file))\n"
        "    module = importlib.util.module_from_spec(spec)\n    spec.loader.exec_module(module)\n"
        "    return module.two()\n",
        "one two",
        "",
    ),
    "before and after it is loaded again": Way(
        "import importlib\nimport lib\n\ndef run():\n    x = lib.one()\n    importlib.reload(lib)\n"
        "    return x + lib.other()\n",
        "one other",
        lib="def one():\n    return 1\n\n\ndef other():\n    return 2\n\n\ndef never():\n    return 3\n",
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_is_executed_is_told_however_it_comes_to_be(place, way):
    check(place(way.snippet, lib=way.lib), way)


@pytest.mark.thorough
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_python_tells_so(place, way, version):
    made = place(way.snippet, lib=way.lib)
    made.python = python_of(version)
    check(made, way)


def check(made: Place, way: Way) -> None:
    """See that what a process executes is told."""
    seen = made.watched()
    assert seen.out == made.unwatched()
    assert not seen.elsewhere
    assert seen.called["snippets/s.py"] == {"run"}
    called = seen.called["src/lib.py"]
    if called is not None:
        assert set(way.called.split()) <= called and not set(way.uncalled.split()) & called
    else:
        # What is nobody's to watch may all have been called.
        assert not way.uncalled


def test_packages_and_what_a_star_imports_are_told(place):
    made = place(
        "from lib import *\nfrom lib.deep import inner\n\ndef run():\n    return offered() + inner.f()\n",
        lib__package="from lib.a import offered\n", lib__a="def offered():\n    return 1\n\ndef never():\n"
        "    return 0\n",
        lib__b="def f():\n    return 9\n", lib__deep__package="", lib__deep__inner="def f():\n    return 2\n",
    )  # fmt: skip
    assert made.watched().called == {
        "snippets/s.py": {"run"}, "src/lib/__init__.py": set(), "src/lib/a.py": {"offered"},
        "src/lib/deep/__init__.py": set(), "src/lib/deep/inner.py": {"f"},
    }  # fmt: skip


def test_a_module_that_nobody_imports_is_not_told(place):
    made = place("def run():\n    if not run:\n        import lib\n    return 1\n", lib=LIB)
    assert made.watched().called == {"snippets/s.py": {"run"}}


def test_a_module_that_changes_before_it_is_loaded_again_counts_whole(place):
    made = place(
        "import importlib\nfrom pathlib import Path\nimport lib\n\ndef run():\n    x = lib.one()\n"
        "    file = Path(lib.__file__)\n"
        "    file.write_text('# longer\\n' + file.read_text())\n    importlib.reload(lib)\n"
        "    return x + lib.two()\n",
        lib=LIB,
    )
    assert made.watched().called["src/lib.py"] is None


def test_functions_of_one_name_are_told_apart_by_their_lines(place):
    made = place(
        "import lib\n\ndef run():\n    return lib.f()\n",
        lib="import sys\n\nif sys:\n    def f():\n        return 1\nelse:\n    def f():\n        return 2\n",
    )
    (lib,) = (each for file, each in made.process("watched")["files"].items() if file.endswith("lib.py"))
    assert lib["called"] == [["f", 4]]


# Other processes

OUTSIDE = {
    "a fork": "import os\n\ndef run():\n    child = os.fork()\n    if not child:\n        os._exit(0)\n"
    "    return os.waitpid(child, 0)[1]\n",
    "a forked pool": "import multiprocessing\nimport lib\n\ndef run():\n"
    "    with multiprocessing.get_context('fork').Pool(1) as pool:\n"
    "        return pool.apply(lib.two)\n",
    "a spawned pool": "import multiprocessing\nimport lib\n\ndef run():\n"
    "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
    "        return pool.apply(lib.two)\n",
    "a pool of futures": "from concurrent.futures import ProcessPoolExecutor\nimport lib\n\ndef run():\n"
    "    with ProcessPoolExecutor(1) as pool:\n        return pool.submit(lib.two).result()\n",
    "a Python that is told a module": "import subprocess\nimport sys\n\ndef run():\n"
    "    return subprocess.run([sys.executable, '-c', 'import lib; print(lib.two())'], cwd='src',"
    " capture_output=True, text=True).stdout\n",
    "a Python that runs a module": "import subprocess\nimport sys\n\ndef run():\n"
    "    return subprocess.run([sys.executable, '-m', 'lib'], cwd='src', capture_output=True, text=True).stdout\n",
    "a Python that runs a file": "import subprocess\nimport sys\n\ndef run():\n"
    "    return subprocess.run([sys.executable, 'src/lib.py'], capture_output=True, text=True).stdout\n",
    "a Python in a shell": "import subprocess\nimport sys\n\ndef run():\n"
    "    command = f'cd src && {sys.executable} -m lib'\n"
    "    return subprocess.run(command, shell=True, capture_output=True, text=True).stdout\n",
    "a Python of os.system": "import os\nimport sys\n\ndef run():\n"
    "    return os.system(f'cd src && {sys.executable} -m lib')\n",
    "a Python that is started by another program": "import subprocess\nimport sys\n\ndef run():\n"
    "    return subprocess.run(['env', sys.executable, 'src/lib.py'], capture_output=True, text=True).stdout\n",
    "a Python of asyncio": "import asyncio\nimport sys\n\nasync def start():\n"
    "    started = await asyncio.create_subprocess_exec(sys.executable, 'src/lib.py')\n"
    "    return await started.wait()\n\n"
    "def run():\n    return asyncio.run(start())\n",
}  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="has no fork, and other shells")
@pytest.mark.parametrize("snippet", OUTSIDE.values(), ids=OUTSIDE)
def test_what_other_processes_execute_is_known_to_be_unknown(place, snippet):
    made = place(snippet, lib=LIB + "\n\nif __name__ == '__main__':\n    print(two())\n")
    assert made.watched().elsewhere


def test_a_file_that_another_python_runs_is_told(place):
    made = place(OUTSIDE["a Python that runs a file"], lib=LIB)
    assert made.watched().called == {"snippets/s.py": {"run"}, "src/lib.py": None}


INSIDE = {
    "another program": "import subprocess\n\ndef run():\n"
    "    return subprocess.run(['git', '--version'], capture_output=True).returncode\n",
    "another program in a shell": "import subprocess\n\ndef run():\n"
    "    return subprocess.run('echo one', shell=True, text=True,"
    " capture_output=True).stdout\n",
    "a Python that knows nothing of the project": "import subprocess\nimport sys\n\ndef run():\n"
    "    return subprocess.run([sys.executable, '-c', 'print(1)'], text=True, capture_output=True).stdout\n",
    "a Python of the project's own environment": "import os\nimport subprocess\nimport sys\n\ndef run():\n"
    "    os.makedirs('.venv/bin')\n    os.symlink(sys.executable, '.venv/bin/python')\n"
    "    return subprocess.run(['.venv/bin/python', '-c', 'print(1)'], text=True, capture_output=True).stdout\n",
    "threads": "from concurrent.futures import ThreadPoolExecutor\n\ndef run():\n"
    "    with ThreadPoolExecutor(1) as pool:\n"
    "        return pool.submit(abs, -1).result()\n",
    "a module that could start some": "import multiprocessing\nimport multiprocessing.pool\n"
    "import concurrent.futures\n\n"
    "def run():\n    return multiprocessing.cpu_count() > 0\n",
}  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="other programs")
@pytest.mark.parametrize("snippet", INSIDE.values(), ids=INSIDE)
def test_other_programs_execute_nothing_of_the_project(place, snippet):
    made = place(snippet, lib=LIB)
    assert not made.watched().elsewhere


# Nothing is changed by it

HELPER = '''\
"""Helps."""

import dataclasses
import functools
import traceback


def plain(x, *, by: int = 2) -> int:
    """Add.

    Some words.
    """
    return x + by


def one_line(): return 1


def only_words():
    """Nothing more."""


def fails(x):
    y = x

    return 1 / y


def where():
    try:
        fails(0)
    except ZeroDivisionError as error:
        return [(each.lineno, each.name, each.line) for each in traceback.extract_tb(error.__traceback__)]


def depth(n=0):
    try:
        return depth(n + 1)
    except RecursionError:
        return n


def outer(n):
    held = n

    def inner():
        nonlocal held
        held += 1
        return held

    return inner


def local():
    x = 1
    return sorted(locals()), x


@functools.cache
def cached(x):
    return x


@dataclasses.dataclass(order=True)
class Point:
    """A point."""

    x: int
    y: int = 0

    def norm(self):
        return abs(self.x) + abs(self.y)

    @property
    def both(self):
        return self.x, self.y


def numbers():
    yield 1


async def soon():
    return 1
'''

SAME = {
    "code with other globals": "import types\nreturn [types.FunctionType(lib.plain.__code__, {}, 'f', None)(1, by=3),"
    " types.FunctionType(lib.outer.__code__, {'__name__': 'x'})(3)()]",
    "lines of tracebacks": "return lib.where()",
    "a traceback as it is printed": "import traceback\ntry:\n    lib.fails(0)\nexcept ZeroDivisionError:\n"
    "    return traceback.format_exc()",
    "the source": "import inspect\n"
    "return [inspect.getsource(each) for each in (lib, lib.plain, lib.Point.norm, lib.outer, lib.one_line)]",
    "docstrings": "return [lib.__doc__, lib.plain.__doc__, lib.only_words.__doc__, lib.Point.__doc__, "
    "lib.only_words()]",
    "first lines": "return [each.__code__.co_firstlineno for each in (lib.plain, lib.one_line, lib.only_words, "
    "lib.cached.__wrapped__,"
    " lib.Point.norm)]",
    "variables of code": "return [[*each.__code__.co_varnames, *each.__code__.co_freevars, *each.__code__.co_cellvars,"
    " each.__code__.co_flags, each.__code__.co_stacksize > 0] for each in (lib.plain, lib.outer, lib.outer(1), "
    "lib.numbers, lib.soon)]",
    "signatures": "import inspect\n"
    "return [str(inspect.signature(each)) for each in (lib.plain, lib.Point, lib.depth)]",
    "kinds of functions": "import inspect\n"
    "return [inspect.isgeneratorfunction(lib.numbers), inspect.iscoroutinefunction(lib.soon)]",
    "the depth of recursion": "return lib.depth()",
    "names of modules": "import s\nreturn [sorted(dir(lib)), sorted(vars(lib)), sorted(dir(s)), sorted(globals())]",
    "what is in a module's names": "return sorted(f'{k}: {type(v).__name__}' for k, "
    "v in vars(lib).items() if k != '__builtins__')",
    "the loader": "return [type(lib.__loader__).__name__, type(lib.__spec__.loader).__name__, "
    "lib.__spec__.origin, lib.__spec__.cached,"
    " lib.__file__, lib.__name__, lib.__package__]",
    "local variables": "return lib.local()",
    "frames": "import sys\nframe = sys._getframe()\n"
    "return [frame.f_lineno, frame.f_code.co_name, frame.f_back.f_code.co_name]",
    "dataclasses": "import dataclasses\np = lib.Point(1, 2)\n"
    "return [repr(p), p == lib.Point(1, 2), p.both, dataclasses.asdict(p),"
    " [f.name for f in dataclasses.fields(p)], dataclasses.replace(p, y=0).norm(), sorted(vars(lib.Point))]",
    "pickled functions": "import pickle\n"
    "return [pickle.loads(pickle.dumps(lib.plain))(1), repr(pickle.dumps(lib.plain)),"
    " repr(pickle.dumps(lib.Point(1)))]",
    "copies": "import copy\n"
    "return [copy.deepcopy(lib.plain)(1), copy.copy(lib.Point(1)).norm(), copy.deepcopy(lib.outer(1))()]",
    "partial functions": "import functools\nreturn functools.partial(lib.plain, by=4)(1)",
    "nonlocal variables": "f = lib.outer(3)\nreturn [f(), f(), f.__closure__[0].cell_contents]",
    "marshalled code": "import marshal, types\n"
    "return types.FunctionType(marshal.loads(marshal.dumps(lib.plain.__code__)), {})(1, by=1)",
    "code as a key": "return len({lib.plain.__code__: 1, lib.fails.__code__: 2, lib.plain.__code__: 3})",
    "type hints": "import typing\nreturn sorted(map(str, typing.get_type_hints(lib.plain).items()))",
    "traced lines": "import sys\nlines = []\ndef trace(frame, event, _):\n"
    "    if frame.f_code.co_filename == lib.__file__:\n        lines.append(frame.f_lineno)\n    return trace\n"
    "sys.settrace(trace)\nlib.plain(1), lib.outer(1)(), list(lib.numbers())\nsys.settrace(None)\n"
    "return sorted(set(lines))",
}  # fmt: skip


@pytest.mark.parametrize("body", SAME.values(), ids=SAME)
def test_watching_changes_nothing(place, body):
    made = place(f"import lib\n\ndef run():\n{textwrap.indent(body, '    ')}\n", lib=HELPER)
    alone = made.unwatched()
    assert made.watched().out == alone


MESSAGES = {
    "a syntax that is none": "def f(:\n    pass\n",
    "a statement in the wrong place": "def f():\n    x = 1\n    global x\n",
    "indentation": "def f():\nreturn 1\n",
    "bytes that are no text": "x = '\udcff'\n",
    "a return outside": "return 1\n",
}


@pytest.mark.parametrize("text", MESSAGES.values(), ids=MESSAGES)
def test_what_is_wrong_with_a_module_is_told_as_ever(place, text):
    made = place(
        "import traceback\n\ndef run():\n    try:\n        import lib\n    except Exception as error:\n"
        "        return [type(error).__name__, str(error), getattr(error, 'lineno', 0)]\n",
    )
    (made.folder / "src").mkdir(exist_ok=True)
    (made.folder / "src/lib.py").write_text(text, "utf-8", errors="surrogateescape")
    assert made.watched().out == made.unwatched()


def test_encodings_that_a_file_declares_are_kept(place):
    made = place("import lib\n\ndef run():\n    return lib.f()\n")
    (made.folder / "src").mkdir(exist_ok=True)
    (made.folder / "src/lib.py").write_bytes(b"# coding: latin-1\ndef f():\n    return '\xe4'\n")
    assert made.watched().out == made.unwatched() == "ä"


def test_what_stands_in_a_long_expression_is_no_matter(place):
    made = place(
        "import lib\n\ndef run():\n    return lib.f()\n", lib=f"def f():\n    return {'+'.join(['1'] * 900)}\n"
    )
    assert made.watched().out == made.unwatched() == 900


COMPILED = {
    "of a module": "import torch\nimport lib\n\ndef run():\n"
    "    f = torch.compile(lib.f, backend='eager', fullgraph=True)\n    return f(torch.ones(2)).tolist()\n",
    "of a method": "import torch\nimport lib\n\ndef run():\n"
    "    f = torch.compile(lib.Net(), backend='eager', fullgraph=True)\n    return f(torch.ones(2)).tolist()\n",
    "of a function within one": "import torch\nimport lib\n\ndef run():\n"
    "    f = torch.compile(lib.outer(), backend='eager', fullgraph=True)\n    return f(torch.ones(2)).tolist()\n",
    "by its source": "import torch\nimport lib\n\ndef run():\n"
    "    return torch.jit.script(lib.f)(torch.ones(2)).tolist()\n",
    "traced": "import torch\nimport lib\n\ndef run():\n"
    "    return torch.jit.trace(lib.f, torch.ones(2))(torch.ones(2)).tolist()\n",
    "traced as symbols": "import torch.fx\nimport lib\n\ndef run():\n"
    "    return torch.fx.symbolic_trace(lib.f)(torch.ones(2)).tolist()\n",
    "mapped": "import torch\nimport lib\n\ndef run():\n"
    "    return torch.func.vmap(lib.f)(torch.ones(2, 2)).tolist()\n",
}  # fmt: skip

NET = """\
import torch


def g(x):
    return 2 * x


def f(x):
    return g(x) + 1


def outer():
    def inner(x):
        return f(x) + 1

    return inner


class Net(torch.nn.Module):
    def forward(self, x):
        return self.helped(x)

    def helped(self, x):
        return g(x)
"""


@pytest.mark.parametrize(("kind", "snippet"), COMPILED.items(), ids=COMPILED)
def test_a_compiler_is_not_disturbed_and_hides_nothing(place, kind, snippet):
    pytest.importorskip("torch")
    seen = place(snippet, lib=NET).watched()
    value = {"of a method": 2, "of a function within one": 4}.get(kind, 3)
    assert seen.out == ([[value] * 2] * 2 if kind == "mapped" else [value] * 2)
    called = seen.called["src/lib.py"]
    assert called is None or {"g", "Net.helped" if kind == "of a method" else "f"} <= called


@pytest.mark.skipif(sys.platform == "win32", reason="slow there")
def test_functions_that_travel_by_value_work_where_nobody_watches(place):
    pytest.importorskip("joblib")
    made = place(
        "import joblib\nimport lib\n\ndef run():\n"
        "    return joblib.Parallel(2)(joblib.delayed(lib.outer(n))() for n in (1, 2))\n",
        lib=HELPER,
    )
    seen = made.watched()
    assert seen.out == made.unwatched() == [2, 3]
    assert seen.elsewhere
