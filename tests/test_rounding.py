"""Another processor rounds in other places; what the course says stays the same.

Which kernels NumPy's and PyTorch's matrix products use, and how many threads share them out, can be chosen, and changes
their last digits as another processor would.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asrun.checks.reading import Read, read_all
from asrun.checks.repetition import check_repeats
from asrun.checks.reproduction import compare
from asrun.freshness.snippet import find_snippet
from asrun.model import Record
from asrun.pages.context import Context
from asrun.project import read_project
from asrun.records import codec
from asrun.running import snippets

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("rounding")]

ROOT = Path(__file__).parents[1]

SETTINGS = {
    "one thread": {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    "an older processor": {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_CORETYPE": "Prescott",
        "ATEN_CPU_CAPABILITY": "default",
    },
}


@pytest.fixture(scope="module")
def context() -> Context:
    return Context(read_project(ROOT), allow_stale=True)


@pytest.fixture(scope="module")
def pages(context) -> list[Read]:
    return read_all(context)


@pytest.fixture(scope="module")
def run(context):
    """Run a snippet in one of the SETTINGS, once."""
    made: dict[tuple[str, str], Record] = {}

    def run(name: str, scale: str, setting: str) -> Record:
        if (name, setting) not in made:
            with pytest.MonkeyPatch.context() as patch:
                for variable, value in SETTINGS[setting].items():
                    patch.setenv(variable, value)
                snippet = find_snippet(name, context.project)
                made[name, setting] = snippets.run_snippet(context.project, snippet, scale, "cpu", lambda text: None)
        return made[name, setting]

    return run


@pytest.mark.parametrize(
    ("name", "scale", "setting"),
    [
        ("ridge", "quick", "one thread"),
        ("ridge", "quick", "an older processor"),
        # The one whose numbers are rounding errors, and are cited.
        ("three_libraries", "full", "an older processor"),
    ],
)
def test_what_pages_say_holds_of_numbers_that_were_rounded_otherwise(context, pages, run, name, scale, setting):
    made = run(name, scale, setting)
    known = context.store.get(made.run)
    verdict = compare(context, find_snippet(name, context.project), known, made, pages)
    assert verdict.reproduces, "\n".join(map(str, verdict.wrong))


def test_numbers_really_are_rounded_otherwise(run):
    one, other = (json.dumps(codec.encode(run("ridge", "quick", setting).values)) for setting in SETTINGS)
    if one == other:
        pytest.skip("this machine's matrix products are the same whatever is asked for")
    distances = [run("ridge", "quick", setting).values["distance"] for setting in SETTINGS]
    # And no more than rounded: a few hundred updates of solutions of length 1.
    assert np.max(np.abs(distances[0] - distances[1])) < 1e-9


def test_what_the_laboratory_trains_repeats_bit_for_bit(context, monkeypatch):
    # Several threads repeat too, but a busy machine makes them wait for each other.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    snippet = replace(find_snippet("mc_limits", context.project), plots=False)
    check_repeats(context.project, snippet, "quick", "cpu", lambda text: None)
