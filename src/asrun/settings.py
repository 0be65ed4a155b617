"""Reads mkdocs.yml as MkDocs does, and runs nothing that it names.

`INHERIT`, `!ENV`, `!relative`, anchors and merges mean here what they mean to MkDocs. What `!!python/name:` and its
kind name, MkDocs imports and calls; here each is a `Code`, which says what was written, and is never looked up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mergedeep
import yaml
import yaml_env_tag

from asrun.errors import AsrunError
from asrun.model import Where

__all__ = ["Code", "Relative", "find_settings", "read_settings", "without_code"]

FILES = ("mkdocs.yml", "mkdocs.yaml")
"""What the file may be called: MkDocs takes the first that there is."""

MOST = 100_000
"""So many parts may a file have when every alias is written out."""

PYTHON = "tag:yaml.org,2002:python/"


@dataclass(frozen=True)
class Code:
    """Something that MkDocs would make by importing or calling what is named."""

    tag: str
    """As it is written: `!!python/name:os.getcwd`."""
    where: Where

    def __str__(self) -> str:
        return self.tag


@dataclass(frozen=True)
class Relative:
    """`!relative`: a folder seen from the page that is converted, or from `$docs_dir` or `$config_dir`."""

    text: str

    def path(self, *, root: Path, docs: Path, page: Path) -> str:
        """Return the folder that is meant on a page."""
        start, _, rest = self.text.partition("/")
        return str({"$config_dir": root, "$docs_dir": docs}.get(start, page.parent) / rest)


def find_settings(folder: Path) -> Path | None:
    """Return a folder's mkdocs.yml, or mkdocs.yaml; None when it has neither."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def read_settings(file: Path, *, read: list[Path] | None = None, codes: list[Code] | None = None) -> dict[str, Any]:
    """Return what a file says, merged with what the files say that it inherits from.

    Arguments:
        file: The project's mkdocs.yml.
        read: Is told every file that was read.
        codes: For a project that is not trusted: is told everything that MkDocs would run, also what other settings
            override; `!ENV` is among that, and what is inherited must be in the project.

    Raises:
        AsrunError: when it cannot be read; with the line.
    """
    return _read(file, file.parent, (), [] if read is None else read, codes)


def _read(
    file: Path, root: Path, heirs: tuple[Path, ...], read: list[Path], codes: list[Code] | None
) -> dict[str, Any]:
    read.append(file)
    shown = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()
    loader = type("_OfThisFile", (_Loader,), {"shown": shown, "codes": codes})
    try:
        settings = yaml.load(file.read_text("utf-8-sig"), loader)
    except OSError as error:
        raise AsrunError(f"this cannot be read ({error.strerror or error})", where=Where(shown)) from error
    except UnicodeDecodeError as error:
        raise AsrunError(f"not valid UTF-8: {error}", where=Where(shown), remedy="save it as UTF-8") from error
    except (RecursionError, yaml.YAMLError, TypeError, ValueError, AttributeError) as error:
        mark = getattr(error, "problem_mark", None)
        what = "it is nested too deeply" if isinstance(error, RecursionError) else getattr(error, "problem", error)
        raise AsrunError(f"not valid YAML: {what}", where=Where(shown, mark.line + 1 if mark else None)) from error
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise AsrunError(
            f"{file.name} must hold settings by name", where=Where(shown), remedy="write site_name: My site"
        )
    if "INHERIT" not in settings:
        return settings
    named = settings.pop("INHERIT")
    # As MkDocs does it: `link/../base.yml` is beside the link, wherever that leads.
    parent = Path(os.path.normpath(file.parent / named)) if isinstance(named, str) and "\0" not in named else None
    if parent is None or not parent.is_file():
        raise AsrunError(
            f"INHERIT names {named!s:.200}, and there is no such file",
            where=Where(shown),
            remedy=f"name a file as seen from {file.name}",
        )
    if codes is not None and not parent.resolve().is_relative_to(root.resolve()):
        raise AsrunError(f"INHERIT names {named!s:.200}, which is outside of the project", where=Where(shown))
    if parent.resolve() in (*heirs, file.resolve()):
        raise AsrunError(f"{named} inherits from {shown}, which inherits from it", where=Where(shown))
    merged: dict[str, Any] = mergedeep.merge(_read(parent, root, (*heirs, file.resolve()), read, codes), settings)
    return merged


class _Loader(yaml.SafeLoader):
    """Reads one file; see above."""

    shown = ""
    codes: list[Code] | None = None

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            _measure(node, {}, set())
        return node

    def code(self, suffix: str, node: yaml.Node) -> Code:
        return self._code(f"!!python/{suffix}", node)

    def variable(self, node: yaml.Node) -> Any:
        return yaml_env_tag.construct_env_tag(self, node) if self.codes is None else self._code("!ENV", node)

    def _code(self, tag: str, node: yaml.Node) -> Code:
        code = Code(tag, Where(self.shown, node.start_mark.line + 1))
        if self.codes is not None:
            self.codes.append(code)
        return code

    def relative(self, node: yaml.ScalarNode) -> Relative:
        text = str(self.construct_scalar(node) or "")
        if not re.fullmatch(r"(\$(config|docs)_dir(/.*)?)?", text):
            raise yaml.MarkedYAMLError(
                problem=f"!relative is followed by $config_dir, $docs_dir or nothing, not by {text!r:.100}",
                problem_mark=node.start_mark,
            )
        return Relative(text)


_Loader.add_multi_constructor(PYTHON, _Loader.code)
for _name in ("none", "bool", "str", "int", "float", "list", "dict", "tuple"):
    # These are data, and no code.
    _Loader.add_constructor(PYTHON + _name, yaml.FullLoader.yaml_constructors[PYTHON + _name])
_Loader.add_constructor("!ENV", _Loader.variable)
_Loader.add_constructor("!relative", _Loader.relative)


def _measure(node: yaml.Node, known: dict[int, int], within: set[int]) -> int:
    """Return how many parts a node has with all aliases written out: a few lines of them can come to millions."""
    if id(node) in within:
        raise yaml.MarkedYAMLError(problem="an alias stands in what it stands for", problem_mark=node.start_mark)
    if id(node) not in known:
        within.add(id(node))
        known[id(node)] = 1 + sum(_measure(part, known, within) for part in _parts(node))
        within.remove(id(node))
    if known[id(node)] > MOST:
        raise yaml.MarkedYAMLError(
            problem=f"with its aliases written out this has more than {MOST:,} parts", problem_mark=node.start_mark
        )
    return known[id(node)]


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair


def without_code(value: Any) -> Any:
    """Return settings without what only code could make: a default takes its place."""
    if isinstance(value, dict):
        return {name: without_code(each) for name, each in value.items() if not isinstance(each, Code)}
    if isinstance(value, (list, tuple)):
        return [without_code(each) for each in value if not isinstance(each, Code)]
    return value
