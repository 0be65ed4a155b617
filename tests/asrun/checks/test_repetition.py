"""Two runs, now, on this machine, are equal bit for bit; or it is said what no seed decides."""

from __future__ import annotations

import textwrap

from asrun.checks.repetition import check_repeats
from asrun.freshness.snippet import find_snippet
from asrun.testing import TinyProject, raised

SNIPPET = '''\
"""What is decided?"""

import os, random, time
import numpy as np

SCALES = {"quick": {}}


def run():
%s
'''

PLOT = """

def plot(result):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot(%s)
    figure.set_label("a line")
    return figure
"""

WORDS = ["random", "numbers", "a", "seed", "decides", "their", "order", "words", "and", "letters"]


def repeat(folder, body, plot=""):
    site = TinyProject({"snippets/it.py": SNIPPET % textwrap.indent(body, "    ") + plot}, folder)
    check_repeats(site.project, find_snippet("it", site.project), "quick", "cpu", lambda text: None)


SOUND = f"""\
rng = np.random.default_rng(1)
words = sorted({{*{WORDS}}})
return {{"noise": rng.random(100), "nothing": float("nan"), "words": words, "many": {{word: 1 for word in words}}}}
"""
RANDOM = """\
print("took", time.perf_counter())
last_bit = 1.0 + 2.0**-52 * int.from_bytes(os.urandom(4))
return {"fine": 1, "noise": np.random.default_rng().random(3), "at": time.time(), "in": {"deep": random.random()},
        "last": last_bit}
"""
ORDER = f"""\
words = {{*{WORDS}}}
return {{"first": list(words), "sum": sum(len(word) / 10**at for at, word in enumerate(words))}}
"""


def test_what_seeds_decide_repeats_without_a_record(tmp_path):
    repeat(tmp_path, SOUND, PLOT % "result['noise']")


def test_what_no_seed_decides_is_named_with_what_to_do(tmp_path):
    told = raised(repeat, tmp_path, RANDOM)
    assert told.startswith(
        "snippets/it.py: it (quick, cpu) does not repeat: two runs, just now, differ in noise, at, in, last, what it "
        "printed ("
    )
    assert "give each source of random numbers a seed (numpy.random.default_rng(seed)" in told and "times" in told


def test_the_order_of_a_set_is_told_from_random_numbers(tmp_path):
    told = raised(repeat, tmp_path, ORDER)
    assert "differ in first, sum (" in told
    assert "the order of a set decides it: go through sorted(…) of the set" in told


def test_a_figure_that_is_drawn_at_random_does_not_repeat(tmp_path):
    plot = PLOT % "__import__('numpy').random.default_rng().random(9)"
    told = raised(repeat, tmp_path, "return {'x': 1}", plot)
    assert "drawn twice from the same values, just now, its figures differ: figure" in told


def test_the_command_tells_what_repeats_and_what_reproduces(tmp_path):
    page = "# It\n\nIt is {{ it.x | .2f }}.\n\n/// claim | It is more than two.\nit.x > 2\n///\n"
    site = TinyProject({"snippets/it.py": SNIPPET % "    return {'x': 2.5, 'y': 1.0}", "docs/index.md": page}, tmp_path)
    assert site.run("reproduce", "it").code == 1
    assert "it (quick, cpu) has no record to reproduce" in site.run("reproduce").out
    site.put("it", {"x": 2.5, "y": 1.0 + 1e-9})
    before = site.record_files()
    done = site.run("reproduce", "it")
    assert done.code == 0, done.text
    assert "reproduces  it (quick, cpu)  1 claim, 1 value hold" in done.out
    assert "1 value that nobody cites differ" in done.out and "y: y, 1 → 1 (relative 1e-09)" in done.out
    assert "repeats     it (quick, cpu)" in site.run("reproduce", "--repeat").out
    assert site.record_files() == before
    site.put("it", {"x": 1.5, "y": 1.0})
    site.edit("docs/index.md", "it.x > 2", "it.x < 2")
    done = site.run("reproduce")
    assert done.code == 1
    assert "differs     it (quick, cpu)" in done.out
    assert "docs/index.md:5: with the numbers of this run, this claim does not hold" in done.out
