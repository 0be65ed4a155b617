"""Run the fenced Python of a page that says it runs.

    ```{.python .run}
    import math
    ```

The examples of one page are one program, in the order of the page.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.text.fences import LEAD, end_of_fence

__all__ = ["examples", "run_examples"]

_MARKED = re.compile(rf"(?P<lead>{LEAD})(?:`{{3,}}|~{{3,}})[ \t]*\{{[^}}]*\.python\b[^}}]*\.run\b[^}}]*\}}")
SECONDS = 120


def examples(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Return the examples of a page: the number of each one's first line, and its code."""
    found, at = [], 0
    while at < len(lines):
        last = end_of_fence(lines, at)
        if last > at and (marked := _MARKED.match(lines[at])):
            indent = len(marked["lead"])
            code = [line[indent:] if not line[:indent].strip("> \t") else line for line in lines[at + 1 : last]]
            found.append((at + 2, "\n".join(code)))
        at = last + 1
    return found


def run_examples(path: Path, shown: str) -> None:
    """Run the examples of a page, in a process of their own and an empty folder.

    Raises:
        AsrunError: when one raises, with the line of the page; or when they take too long.
    """
    found = examples(path.read_text("utf-8").split("\n"))
    program = _as_one(found)
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        file = Path(folder) / "examples.py"
        file.write_text(program, "utf-8")
        try:
            done = subprocess.run(
                [sys.executable, str(file)], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise AsrunError(
                f"its examples did not end within {SECONDS} s",
                where=Where(shown, found[0][0]),
                remedy="make them smaller, or take .run off the long one",
            ) from error
    if done.returncode:
        told = re.findall(rf'File "{re.escape(str(file))}", line (\d+)', done.stderr)
        last = done.stderr.strip().rpartition("\n")[2]
        raise AsrunError(
            f"this example does not run: {last}",
            where=Where(shown, int(told[-1]) if told else found[0][0]),
            remedy="mend it, or take .run off its fence",
        )


def _as_one(found: Sequence[tuple[int, str]]) -> str:
    """Lay examples out as one program in which every line has the number that it has on the page."""
    program: list[str] = []
    for line, code in found:
        program += [""] * (line - 1 - len(program)) + code.split("\n")
    return "\n".join(program) + "\n"
