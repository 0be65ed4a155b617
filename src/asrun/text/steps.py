"""Walks through code in steps: ``` ```python [1|3-4|5] ``` becomes one block a step, one laid over the other.

reveal.js does this with a highlighter in the browser. Here the code is highlighted on the server already, so the steps
are passed through Markdown as an attribute of the fence and drawn afterwards, with the numbers of the lines, which are
all that `[]` asks for. Each step is a whole block because a fragment of reveal.js can only show and hide.
"""

from __future__ import annotations

import re

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.text.fences import LEAD, end_of_fence
from asrun.text.markup import Node, attribute, put_in_place, select, set_attributes, written

__all__ = ["draw_steps", "mark_steps"]

_INFO = re.compile(
    rf"(?P<lead>{LEAD})(?P<fence>`{{3,}}|~{{3,}})[ \t]*(?P<language>[\w+#.-]*)[ \t]*\[(?P<steps>[^\]]*)\](?P<rest>.*)$"
)
_LINES = r"(?:\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)?"
_STEPS = re.compile(rf"(?:(?P<first>\d+):)?(?P<steps>{_LINES}(?:\|{_LINES})*)")


def mark_steps(source: str, path: str, line: int) -> str:
    """Rewrite ``` ```python [1|3-4] ``` as ``` ```{.python data-steps="1|3-4"} ```: superfences and attr_list carry it.

    Arguments:
        source: Markdown of a slide.
        path: The file it is from.
        line: Its first line there.
    """
    lines, at = source.split("\n"), 0
    while at < len(lines):
        last = end_of_fence(lines, at)
        if last > at and (info := _INFO.match(lines[at])):
            asked = _STEPS.fullmatch(re.sub(r"\s", "", info["steps"]))
            if not asked:
                raise AsrunError(
                    f"`[{info['steps']}]` does not name lines of code.",
                    where=Where(path, line + at),
                    remedy="Write lines and ranges with commas between, and `|` between steps: [1|3-4|6,8].",
                )
            language = f".{info['language']} " if info["language"] else ""
            attributes = f'{language}data-steps="{asked[0]}"{info["rest"].rstrip()}'
            lines[at] = f"{info['lead']}{info['fence']}{{{attributes}}}"
        at = last + 1
    return "\n".join(lines)


def draw_steps(slide: Node) -> None:
    """Lay copies of a marked block over it: each dims what it is not about, all but the first are fragments."""
    for block in select(slide, "[data-steps]"):
        asked = _STEPS.fullmatch(attribute(block, "data-steps"))
        code = next(iter(select(block, "pre code")), None)
        if asked and code:
            lines = written(code).removesuffix("\n").split("\n")
            put_in_place(code, _layers(lines, asked["steps"].split("|"), int(asked["first"] or 1)))
            set_attributes(block, {"class": "steps"})


def _layers(lines: list[str], steps: list[str], first: int) -> str:
    """The code, a copy a step. Its lines are counted from `first`, though the steps always call the first line 1."""
    layers = []
    counted = f' style="counter-reset: line {first - 1}"' if first != 1 else ""
    for number, step in enumerate(steps):
        lit = _lines(step)
        drawn = "".join(
            f'<span class="line{" dim" if lit and n not in lit else ""}">{text}\n</span>'
            for n, text in enumerate(lines, 1)
        )
        # The copies are for the eyes: the code is read aloud once.
        over = ' class="fragment" aria-hidden="true"' if number else ""
        layers.append(f"<code{over}{counted}>{drawn}</code>")
    return "".join(layers)


def _lines(step: str) -> set[int]:
    """`1,3-5` as numbers. A step that names none is about all of them."""
    lit: set[int] = set()
    for part in filter(None, step.split(",")):
        first, _, last = part.partition("-")
        lit |= set(range(int(first), int(last or first) + 1))
    return lit
