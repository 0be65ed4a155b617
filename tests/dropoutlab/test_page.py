"""The example on the laboratory's page works as it is printed, and does what the page says of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dropoutlab.evaluation import evaluate

PAGE = Path(__file__).parents[2] / "docs" / "about" / "laboratory.md"


@pytest.mark.thorough
def test_the_example_works_as_it_is_printed():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    # A bar on standard error is all that a reader sees more.
    names: dict = {}
    exec(code, names)
    history, cohort = names["history"], names["cohort"]
    assert history.error["test"].shape[1] == cohort.runs == 12
    assert all(50 <= best <= 600 for best in history.best)
    at = dict(zip(history.updates.tolist(), history.error["test"], strict=True))
    now = evaluate(cohort, names["test"]).error
    for run, best in enumerate(history.best):
        assert at[best][run] == pytest.approx(now[run].item())
    assert now[:3].mean() < 6, "it learns to read digits"
