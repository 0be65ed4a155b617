"""What a cohort takes is predicted before it is made, and what will not fit is refused with the arithmetic."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dropoutlab.cohort import Cohort
from dropoutlab.memory import Need, available, cohort_need
from dropoutlab.optimizers import SGD, Adam

MEASURED = """
import sys, threading, psutil, torch
from dropoutlab.cohort import Cohort, hidden_drop
from dropoutlab.evaluation import Probe
from dropoutlab.memory import cohort_need
from dropoutlab.optimizers import SGD, Adam
from dropoutlab.training import EarlyStopping, train

torch.set_num_threads(1)
widths, runs, batch = [784, 512, 512, 10], 20, 100
optimizer = {"adam": Adam(learning_rate=0.001), "sgd": SGD(learning_rate=0.1)}[sys.argv[1]]
stopping = EarlyStopping("all") if "stopping" in sys.argv else None
x, y = torch.rand(2000, 784), torch.randint(0, 10, (2000,))


def once(widths, runs, x):
    cohort = Cohort(widths, [hidden_drop(0.5, widths)] * runs, range(runs))
    train(cohort, x, y, updates=3, batch=batch, optimizer=optimizer, measure={"all": Probe(x, y)}, measure_at=[3],
          stopping=stopping, progress=iter)


once([4, 3, 10], 1, x[:, :4])  # whatever libraries take the first time is not the cohort's
process, peak, over = psutil.Process(), [0], threading.Event()
base = process.memory_info().rss


def watch():
    while not over.wait(0.003):
        peak[0] = max(peak[0], process.memory_info().rss)


thread = threading.Thread(target=watch)
thread.start()
once(widths, runs, x)
over.set()
thread.join()
need = cohort_need(widths, runs, batch=batch, optimizer=optimizer, stopping=stopping is not None)
print((peak[0] - base) / need.bytes)
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="resident memory means something else elsewhere")
@pytest.mark.parametrize("arguments", [["adam"], ["sgd", "stopping"]], ids=" ".join)
def test_a_training_takes_about_what_was_predicted(arguments):
    told = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments], check=True, capture_output=True, text=True, timeout=120
    )
    assert 0.7 < float(told.stdout) < 1.25


@given(st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(1, 5), st.integers(1, 50))
def test_the_parameters_counted_are_those_of_the_networks(widths, runs, batch):
    cohort = Cohort(widths, [[0.0] * (len(widths) - 1)] * runs, range(runs))
    need = cohort_need(widths, runs, batch=batch, optimizer=Adam(learning_rate=0.1))
    assert need.runs * need.parameters == sum(view.numel() for view in (*cohort.weights, *cohort.biases))


def test_what_is_kept_more_than_once_is_counted_so():
    widths = [10, 20, 3]
    plain = cohort_need(widths, 1, batch=1, optimizer=SGD(learning_rate=0.1))
    assert plain.copies == 3, "weights, gradients, velocities"
    assert cohort_need(widths, 1, batch=1, optimizer=Adam(learning_rate=0.1)).copies == 4
    assert cohort_need(widths, 1, batch=1, optimizer=Adam(learning_rate=0.1), stopping=True).copies == 5
    wide = cohort_need(widths, 1, batch=1, optimizer=SGD(learning_rate=0.1), dtype=torch.float64)
    assert wide.bytes == 2 * plain.bytes


def test_the_arithmetic_can_be_checked_by_hand():
    need = Need(runs=3, parameters=1000, copies=4, passing=500, item=4)
    assert str(need) == "3 runs × (1,000 parameters × 4 copies + 500 activations) × 4 bytes = 0.054 MB"
    assert need.bytes == 3 * (1000 * 4 + 500) * 4


def test_some_memory_is_free_and_a_limit_is_heeded(monkeypatch):
    assert available() > 1e6
    monkeypatch.setattr("dropoutlab.memory._left_by_limit", lambda: 12_345)
    assert available() == 12_345
