"""The page of the Python API, written from the docstrings of all that is public.

    python -m tests.api_page           # is docs/about/api.md what the docstrings say?
    python -m tests.api_page --write   # writes it anew

It is Markdown in the repository and not made by a plugin while the site is built: so every host renders it, links to it
are checked like all others, and a change of what is promised is seen in the diff. `tests/asrun/test_public_face.py`
holds the page to the docstrings, and runs their examples.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import griffe

import asrun
import asrun.testing

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "about" / "api.md"

BEGINNING = """\
---
title: Python API
description: What a notebook, a script, a test or a Markdown host may build on.
---
<!-- Written by `python -m tests.api_page --write` from the docstrings in src/asrun. -->

# Python API

What this page names may be built upon: in a notebook, a script, a CI, a bot, a host of Markdown, tests. **All else in
asrun is private.** Other modules, names and attributes may change or go with any version, also where they have no
underscore. What changes here is told in the changelog.

`import asrun` is quick: it imports nothing until a name is asked for. Type checkers know all of it.
"""

SECTIONS = {
    "A project and its records": (
        "Records are read with distrust: what was changed by hand is named in `damaged`, and what cannot be read is an "
        "error.",
        ("find_project", "Project", "Store", "RunName", "Record", "Figure", "Provenance"),
    ),
    "Is it still true?": ("", ("judge_records", "Condition", "State")),
    "Values and claims": (
        "As pages have them: the [language](writing.md#values) is the same, and so are the tests behind `<`.",
        ("Context", "Evaluation", "Measure", "Comparison", "Interval", "format_measure"),
    ),
    "Errors": (
        "All that an author can cause is an `AsrunError`; anything else is a mistake of asrun's.",
        ("AsrunError", "Problems", "Exit", "Where"),
    ),
    "Markdown": ("", ("AsrunExtension",)),
    "Inside of a run": ("", ("pmap",)),
}

TESTING = (
    "TinyProject",
    "Result",
    "ANSWER",
    "COIN",
    "MKDOCS",
    "raised",
    "make_record",
    "make_provenance",
    "make_figure",
)

RETURNED = {
    "Comparison", "Evaluation", "Figure", "Interval", "Measure", "Project", "Provenance", "Record", "Result",
}  # fmt: skip
"""Classes that asrun alone makes instances of: how that is done is private."""

OWN_ARGUMENTS = {"read"}
"""Arguments that asrun alone gives: private, too."""

MEMBERS = {
    "AsrunError": ("sentence",),
    "AsrunExtension": (),
    "Context": ("evaluate", "best", "judged"),
    "Measure": ("values", "axes", "labels", "uncertainty", "text", "is_sample", "is_number", "number", "select"),
    "Problems": ("errors", "told"),
    "Project": ("root", "docs", "slides", "snippets", "references", "sources", "site", "scales", "devices",
                "records", "decks", "relative"),
    "Record": ("run", "question", "parameters", "values", "output", "figures", "provenance",
               "remarks", "damaged"),
    "Store": ("list", "get", "best", "path"),
}  # fmt: skip
"""What of a class is public, where that is not all that has no underscore."""


@dataclass(frozen=True)
class Public:
    """A public name, and what griffe knows of it."""

    name: str
    module: str
    """Where it is imported from."""
    found: griffe.Object

    @property
    def anchor(self) -> str:
        return self.name.lower().replace("_", "-")

    def members(self) -> Iterator[griffe.Object]:
        """List what of it is public, methods last."""
        if not isinstance(self.found, griffe.Class):
            return
        known = {name: each for name, each in self.found.members.items() if not name.startswith("_")}
        names = MEMBERS.get(self.name, tuple(known))
        yield from (known[name] for name in names if name in known and not isinstance(known[name], griffe.Function))
        yield from (known[name] for name in names if name in known and isinstance(known[name], griffe.Function))


@cache
def package() -> griffe.Object:
    return griffe.load("asrun", search_paths=[str(ROOT / "src")], allow_inspection=False, docstring_parser="google")


def resolve(module: str, name: str) -> griffe.Object:
    """Find where a name lives."""
    home = getattr(sys.modules[module], name)
    place = getattr(home, "__module__", None) if not isinstance(home, str) else "asrun.testing.sources"
    return package()[f"{place}.{name}".removeprefix("asrun.")]


def public() -> list[Public]:
    """All that is public, in the order of the page."""
    names = [("asrun", name) for _, listed in SECTIONS.values() for name in listed]
    names += [("asrun.testing", name) for name in TESTING]
    return [Public(name, module, resolve(module, name)) for module, name in names]


# Markdown


def page() -> str:
    """Write the page."""
    known = {each.name: each for each in public()}
    parts = [BEGINNING, *_sections(asrun.__doc__ or "", "asrun", only_examples=True)]
    for title, (told, names) in SECTIONS.items():
        parts += [f"## {title}", told, *(part for name in names for part in _entry(known[name]))]
    parts += ["## Tests: `asrun.testing` { #asrun-testing }", *_sections(asrun.testing.__doc__ or "", "asrun.testing")]
    parts += [part for name in TESTING for part in _entry(known[name])]
    text = "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
    return _linked(text, known)


def _entry(each: Public) -> Iterator[str]:
    yield f"### {each.name} {{ #{each.anchor} }}"
    yield f"```python\n{_signature(each.found, each.name, each.module)}\n```"
    yield from _docstring(each.found)
    fields = [member for member in each.members() if not isinstance(member, griffe.Function)]
    if fields:
        yield "**Members**" if _is_enum(each.found) else "**Attributes**"
        yield "\n".join(
            _item(f"`{field.name}`", _value(field), field.docstring.value if field.docstring else "")
            for field in fields
        )
    for member in each.members():
        if isinstance(member, griffe.Function):
            yield f"#### {each.name}.{member.name} {{ #{each.anchor}-{member.name.replace('_', '-')} }}"
            yield f"```python\n{_signature(member, member.name)}\n```"
            yield from _docstring(member)


def _is_enum(found: griffe.Object) -> bool:
    return isinstance(found, griffe.Class) and any(str(base) in ("IntEnum", "StrEnum") for base in found.bases)


def _value(field: griffe.Object) -> str:
    return f"`{field.value}`" if _is_enum(field.parent) else f"`{_type(field.annotation)}`"


def _type(annotation: object) -> str:
    """Write a type; the name that ours have for one is private."""
    return re.sub(r"\bDigests\b", "dict[str, str]", str(annotation))


def _signature(found: griffe.Object, name: str, module: str = "") -> str:
    """Write how it is imported and called."""
    before = f"from {module} import {name}\n\n" if module else ""
    if isinstance(found, griffe.Attribute) or _is_enum(found) or name in RETURNED:
        return before.strip()
    function = found.all_members["__init__"] if isinstance(found, griffe.Class) else found
    arguments, starred = [], False
    for parameter in function.parameters:
        if parameter.name in {"self", *OWN_ARGUMENTS}:
            continue
        kind = parameter.kind
        if kind is griffe.ParameterKind.keyword_only and not starred:
            arguments.append("*")
            starred = True
        star = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(kind, "")
        starred = starred or star == "*"
        text = f"{star}{parameter.name}" + (
            f": {_type(parameter.annotation)}" if parameter.annotation is not None else ""
        )
        if parameter.default is not None and not star:
            text += f" = {parameter.default}"
        arguments.append(text)
    returns = (
        f" -> {_type(function.returns)}" if isinstance(found, griffe.Function) and function.returns is not None else ""
    )
    line = f"{name}({', '.join(arguments)}){returns}"
    if len(line) > 76:
        line = f"{name}(\n    " + ",\n    ".join(arguments) + f",\n){returns}"
    return before + line


def _docstring(found: griffe.Object) -> Iterator[str]:
    if found.docstring:
        yield from _sections(found.docstring.value, found.path, parent=found)


def _sections(
    text: str, name: str, *, parent: griffe.Object | None = None, only_examples: bool = False
) -> Iterator[str]:
    """Turn a docstring into Markdown."""
    docstring = griffe.Docstring(text, parent=parent or griffe.Module(name))
    for section in docstring.parse("google", warnings=False):
        match section.kind.value:
            case "text" if not only_examples:
                yield _fenced(section.value)
            case "parameters":
                yield "**Arguments**"
                yield "\n".join(
                    _item(f"`{each.name}`", "", each.description)
                    for each in section.value
                    if each.name not in OWN_ARGUMENTS
                )
            case "returns" | "raises" as kind:
                yield f"**{kind.capitalize()}**"
                yield "\n".join(
                    _item("" if kind == "returns" else f"`{each.annotation}`", "", each.description)
                    for each in section.value
                )
            case "admonition":
                yield f"**{section.title}**"
                yield "\n".join(_options(section.value.description))
            case "examples":
                for kind, value in section.value:
                    yield value if kind.value == "text" else f"```pycon\n{value}\n```"


def _item(what: str, kind: str, told: str) -> str:
    """Write one line of a list: a name, its type, what it is."""
    head = " ".join(filter(None, (what, f"({kind})" if kind else "")))
    told = " ".join(told.split())
    return f"- {head}: {told}" if head and told else f"- {head or told}"


def _options(text: str) -> Iterator[str]:
    for each in re.split(r"\n(?! )", text.strip()):
        names, _, told = each.partition(":")
        yield _item(", ".join(f"`{name}`" for name in names.split(", ")), "", told)


def _fenced(text: str) -> str:
    """Put indented code into fences, where it is coloured and can be copied."""
    out = []
    for part in re.split(r"((?:(?:^|(?<=\n))(?:    .*|[ \t]*)(?:\n|$))+)", text):
        if part.strip() and part.startswith(("    ", "\n    ")):
            out.append(f"\n```python\n{textwrap.dedent(part).strip()}\n```\n\n")
        else:
            out.append(part)
    return "".join(out).strip()


def _linked(text: str, known: dict[str, Public]) -> str:
    """Link each mention of a public name to its place, outside of code and headings."""
    parts = re.split(r"(^```.*?^```$|^#[^\n]*$)", text, flags=re.DOTALL | re.MULTILINE)
    for at in range(0, len(parts), 2):
        parts[at] = re.sub(
            r"(?<!\[)`(\w+)`",
            lambda found: f"[`{found[1]}`](#{known[found[1]].anchor})" if found[1] in known else found[0],
            parts[at],
        )
    return "".join(parts)


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), "utf-8", newline="")
    elif PAGE.read_text("utf-8") != page():
        sys.exit(f"{PAGE.relative_to(ROOT)} is not what the docstrings say: python -m tests.api_page --write")
