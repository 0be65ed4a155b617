"""Draw as the runner lets snippets draw: in the house style."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib

from asrun.records.house_style import STYLE

__all__ = ["house_style"]


@contextmanager
def house_style() -> Iterator[None]:
    """Let Matplotlib draw in the house style for a while."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "matplotlibrc")
        file.write_text(STYLE, "utf-8")
        with matplotlib.rc_context(fname=file):
            yield
