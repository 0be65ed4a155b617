"""Whether a run drew random numbers that nobody seeded, so that another run comes to other numbers.

It is told only where it is certain, and nothing that a program could notice is put in the way of what it draws:
generators are looked at afterwards. What is not noticed: `random.Random()`, what is drawn on a GPU, what other
processes draw.
"""

from __future__ import annotations

import ast
import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

__all__ = ["Luck"]

_ENTROPY = "numpy.random.bit_generator"
"""The module that asks the system for a seed when a generator is made without one."""

_SMALL = 2**40
"""A seed below this was chosen by somebody; of those that the system gives, one in millions is."""

_NO_DRAWS = {"Random", "SystemRandom", "seed", "getstate", "setstate"}


class Luck:
    """Notices from now on what is drawn without a seed.

    Arguments:
        is_own: Whether code of the project's own is executed in a frame.
    """

    def __init__(self, is_own: Callable[[FrameType], bool]):
        self._is_own, self._before = is_own, random.getstate()
        self._made = False
        if module := sys.modules.get(_ENTROPY):
            self._watch(module)
        else:
            sys.meta_path.insert(0, _Finder(self._watch))

    def told(self, files: Iterable[str]) -> list[str]:
        """Say in a sentence what was drawn without a seed, if anything was.

        Arguments:
            files: The project's own modules.
        """
        code, drawn = _Code(files), []
        if random.getstate() != self._before and code.draws and "random" not in code.seeds:
            drawn.append("random")
        numpy = sys.modules.get("numpy.random")
        if numpy and _legacy_was_drawn_from(numpy) and "numpy" not in code.seeds:
            drawn.append("numpy.random")
        if self._made:
            drawn.append("a generator of numpy.random")
        torch = sys.modules.get("torch")
        if torch and _torch_was_drawn_from(torch) and "torch" not in code.seeds:
            drawn.append("torch")
        if not drawn:
            return []
        return [f"it drew random numbers without a seed ({', '.join(drawn)}): another run draws others"]

    def _watch(self, module: ModuleType) -> None:
        original = getattr(module, "randbits", None)
        if original is None:
            return

        def randbits(bits: int) -> int:
            # Libraries make generators when they are imported, and never use most of them. A RandomState asks for a
            # seed even when it is given one.
            frame = sys._getframe(1)
            self._made = self._made or (self._is_own(frame) and "RandomState" not in frame.f_code.co_names)
            return int(original(bits))

        module.randbits = randbits  # type: ignore[attr-defined]


class _Finder(PathFinder):
    """Has a look at one module when it is imported, which most runs never do."""

    def __init__(self, look: Callable[[ModuleType], None]):
        self._look = look

    def find_spec(  # type: ignore[override]
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == _ENTROPY else None
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self._look(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _legacy_was_drawn_from(numpy: Any) -> bool:
    """Whether NumPy's one generator for all, which has its first seed from the system, is no more as it was made."""
    try:
        generator = numpy.mtrand._rand._bit_generator
        seed = generator.seed_seq
        if seed is None:
            # It was seeded.
            return False
        return not _same(generator.state, numpy.MT19937(seed).state)
    except Exception:
        return False


def _same(one: Any, other: Any) -> bool:
    return bool(
        one["bit_generator"] == other["bit_generator"]
        and one["state"]["pos"] == other["state"]["pos"]
        and (one["state"]["key"] == other["state"]["key"]).all()
    )


def _torch_was_drawn_from(torch: Any) -> bool:
    """Whether torch's generator on the CPU has a seed that the system gave it, and is no more as it was made."""
    try:
        generator = torch.default_generator
        seed = generator.initial_seed()
        return seed >= _SMALL and not torch.equal(
            torch.Generator().manual_seed(seed).get_state(), generator.get_state()
        )
    except Exception:
        return False


class _Code:
    """What the project's own modules say of random numbers: whether they draw from `random`, and what they seed.

    Read only when somebody asks.

    Arguments:
        files: The modules.
    """

    def __init__(self, files: Iterable[str]):
        self._files = list(files)

    @cached_property
    def draws(self) -> bool:
        for tree in self._trees(rb"\brandom\b"):
            modules, names = _imported(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                    if node.attr not in _NO_DRAWS:
                        return True
                elif isinstance(node, ast.Name) and node.id in names:
                    return True
        return False

    @cached_property
    def seeds(self) -> set[str]:
        found: set[str] = set()
        for tree in self._trees(rb"(?i)seed|set_?state|set_rng_state"):
            modules, _ = _imported(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    found |= _seeded(list(_chain(node.func)), modules)
        return found

    def _trees(self, text: bytes) -> Iterator[ast.Module]:
        for file in self._files:
            with suppress(OSError, SyntaxError, ValueError):
                source = Path(file).read_bytes()
                if re.search(text, source):
                    yield ast.parse(source)


def _imported(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return what the module `random` is called in a file, and what draws from it by a name of its own."""
    modules, names = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name == "random"}
        elif isinstance(node, ast.ImportFrom) and node.module == "random" and not node.level:
            names |= {alias.asname or alias.name for alias in node.names if alias.name not in _NO_DRAWS}
    return modules, names


def _chain(node: ast.expr) -> Iterator[str]:
    """Take a dotted name to pieces."""
    if isinstance(node, ast.Attribute):
        yield from _chain(node.value)
        yield node.attr
    elif isinstance(node, ast.Name):
        yield node.id


def _seeded(name: list[str], modules: set[str]) -> set[str]:
    """Return the generators that a call seeds, by its name; those that it may seed, too."""
    last = name[-1].lower() if name else ""
    if not ("seed" in last or last in ("setstate", "set_state", "set_rng_state")):
        return set()
    if len(name) == 2 and name[0] in modules:
        return {"random"}
    if last.startswith("manual_seed"):
        return {"torch"}
    if len(name) > 2 and name[-2] == "random":
        return {"numpy"}
    return {"random", "numpy", "torch"}
