"""The pytest plugin, run in tiny real projects."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from asrun.testing import make_provenance

PAGE = """\
# A coin

It fell {{ coin.heads | .2f }} of the time.

/// claim | It falls on heads more than a third of the time.
coin.heads > 1 / 3
///
"""

COIN = '''
"""How often does a coin show heads?"""
SCALES = {"quick": {"seeds": 5}}

def run(*, seeds):
    return {"heads": [0.5 + seed / 100 for seed in range(seeds)], "flips": 100, "axes": {"heads": ["seed"]}}
'''


def project(tiny_project):
    made = tiny_project({"snippets/coin.py": COIN, "docs/index.md": PAGE})
    assert made.run("run", "coin").code == 0
    return made


def check(made, *options):
    """Run pytest in a project; return its exit code and what it printed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir=.", *options]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_value_and_claim_is_a_test_that_reads_like_a_sentence(tiny_project):
    code, told = check(project(tiny_project), "-v")
    assert code == 0
    assert "docs/index.md::It falls on heads more than a third of the time. PASSED" in told
    assert "docs/index.md::line 3: value coin.heads PASSED" in told


def test_one_digit_changed_in_a_record_is_red_at_the_sentence_that_uses_it_and_green_when_restored(tiny_project):
    made = project(tiny_project)
    before = made.read("snippets/records/coin/quick-cpu.json")
    made.edit("snippets/records/coin/quick-cpu.json", "0.52", "0.53")
    code, told = check(made)
    assert code == 1
    assert "docs/index.md:3:9: coin.heads is not what the run wrote" in told
    assert "restore the record" in told
    made.write("snippets/records/coin/quick-cpu.json", before)
    assert check(made)[0] == 0


@pytest.mark.thorough
def test_a_value_that_no_sentence_uses_may_be_damaged_without_blaming_one(tiny_project):
    made = project(tiny_project)
    made.edit("snippets/records/coin/quick-cpu.json", '"flips": 100', '"flips": 101')
    assert check(made, "docs")[0] == 0
    code, told = check(made, "snippets")
    assert code == 1
    assert "flips in snippets/records/coin/quick-cpu.json was changed by hand" in told


@pytest.mark.thorough
def test_a_claim_that_does_not_hold_shows_both_sides(tiny_project):
    made = project(tiny_project)
    made.edit("docs/index.md", "coin.heads > 1 / 3", "coin.heads > 2 / 3")
    code, told = check(made)
    assert code == 1
    assert "docs/index.md:5: this claim does not hold" in told
    assert re.search(r"coin.heads = 0.52\d? ± 0.01\d?", told)
    assert "2 / 3 = 0.667" in told


def test_a_stale_record_is_red_with_the_reason(tiny_project):
    made = project(tiny_project)
    made.edit("snippets/coin.py", "0.5 + seed", "0.4 + seed")
    code, told = check(made)
    assert code == 1
    assert "stale: snippets/coin.py: run changed" in told
    assert "asrun run coin" in told


@pytest.mark.thorough
def test_a_project_without_asrun_is_left_alone(tiny_project):
    made = tiny_project(
        {"mkdocs.yml": "site_name: plain", "docs/index.md": "{{ jinja.variable }}", "test_it.py": "def test(): pass"}
    )
    code, told = check(made)
    assert code == 0, told
    assert "1 passed" in told


@pytest.mark.thorough
def test_a_record_says_nothing_of_the_folder_it_was_made_in(tiny_project):
    made = project(tiny_project)
    assert str(made.folder) not in json.dumps(made.record_json("coin"))


@pytest.mark.thorough
def test_a_link_that_leads_nowhere_is_red_at_its_line(tiny_project):
    made = project(tiny_project)
    made.write("docs/next.md", "# Next\n\n## The end\n\n[a](index.md) [b](idnex.md)\n\n[c](#the-end) [d](#the-edn)\n")
    made.write("slides/talk.md", "# Talk\n\n[next](../../next/) [gone](../../gone/)\n")
    code, told = check(made, "-v")
    assert code == 1
    assert "docs/next.md:5: idnex.md leads nowhere" in told and "did you mean index.md?" in told
    assert "docs/next.md:7: next.md has no #the-edn (did you mean #the-end?)" in told
    assert "slides/talk.md:3: ../../gone/ leads nowhere" in told
    assert told.count(" PASSED") == 7


@pytest.mark.thorough
def test_examples_that_say_they_run_are_run_as_one_program(tiny_project):
    made = project(tiny_project)
    made.write(
        "docs/code.md",
        "# Code\n\n```{.python .run}\nx = 20\n```\n\n- so:\n\n    ```{.python .run}\n    y = 2 * x\n"
        "    assert y == 41, y\n    ```\n\n```python\nraise SystemExit(1)\n```\n",
    )
    code, told = check(made)
    assert code == 1
    assert "docs/code.md:11: this example does not run: AssertionError: 40" in told
    made.edit("docs/code.md", "== 41", "== 40")
    assert check(made)[0] == 0


@pytest.mark.thorough
def test_a_snippet_that_no_longer_runs_is_red(tiny_project):
    made = project(tiny_project)
    made.edit("snippets/coin.py", "0.5 + seed", "1 / 0 + seed")
    code, told = check(made, "snippets", "-v")
    assert code == 1
    assert "snippets/coin.py::reproduces its record at scale quick FAILED" in told
    assert "ZeroDivisionError" in told


@pytest.mark.thorough
def test_a_snippet_that_returns_something_else_than_its_record_is_red(tiny_project):
    made = project(tiny_project)
    made.edit("snippets/coin.py", '"flips": 100', '"tosses": 100')
    code, told = check(made, "snippets")
    assert code == 1
    assert "returns other values than its record: flips, tosses" in told


@pytest.mark.thorough
def test_update_makes_what_is_not_up_to_date(tiny_project):
    made = project(tiny_project)
    made.edit("snippets/coin.py", "0.5 + seed", "0.4 + seed")
    assert check(made, "docs")[0] == 1
    assert check(made, "snippets", "--asrun=update")[0] == 0
    assert check(made)[0] == 0
    assert "0.4," in made.read("snippets/records/coin/quick-cpu.json")


@pytest.mark.thorough
def test_a_long_run_is_left_out_unless_it_is_asked_for(tiny_project):
    made = project(tiny_project)
    values = {"heads": [0.5, 0.51, 0.52, 0.53, 0.54], "flips": 100, "axes": {"heads": ["seed"]}}
    made.put("coin", values, provenance=replace(make_provenance(), seconds=99.0))
    assert "1 deselected" in check(made, "snippets")[1]
    assert "1 passed" in check(made, "snippets", "--asrun-slow")[1]
    assert "1 passed" in check(made, "snippets", "-m", "asrun_slow")[1]


@pytest.mark.thorough
def test_a_run_that_says_something_else_on_a_page_is_red_at_the_line_of_the_page(tiny_project):
    made = project(tiny_project)
    # The record stays as it is, and fresh: what the run reads decides no freshness.
    made.edit("snippets/coin.py", "0.5 + seed / 100", "0.5 + seed / 100 - 0.2")
    made.put("coin", {"heads": [0.5, 0.51, 0.52, 0.53, 0.54], "flips": 100, "axes": {"heads": ["seed"]}})
    code, told = check(made, "snippets", "-v")
    assert code == 1
    assert "snippets/coin.py::reproduces its record at scale quick FAILED" in told
    assert "docs/index.md:5: with the numbers of this run, this claim does not hold" in told
    assert "docs/index.md:3:9: value coin.heads reads 0.32 ± 0.02 in place of 0.52 ± 0.02" in told


@pytest.mark.thorough
def test_what_nobody_cites_is_told_and_no_failure(tiny_project):
    made = project(tiny_project)
    made.edit("snippets/coin.py", '"flips": 100', '"flips": 100, "luck": 0.25')
    values = {"heads": [0.5, 0.51, 0.52, 0.53, 0.54], "flips": 100, "luck": 0.5, "axes": {"heads": ["seed"]}}
    made.put("coin", values)
    code, told = check(made, "snippets", "-rP")
    assert code == 0, told
    assert "reproduces its record at scale quick: 1 value that nobody cites differ" in told
    assert "luck: luck, 0.5 → 0.25" in told


@pytest.mark.thorough
def test_runs_are_repeated_where_that_is_asked_for(tiny_project):
    made = tiny_project({"snippets/coin.py": COIN.replace("0.5 + seed / 100", "__import__('random').random()")})
    # Without a record there is nothing to reproduce, and how long a run takes is not known.
    told = check(made, "snippets", "--asrun-slow", "--collect-only", "-q")[1]
    assert "snippets/coin.py::runs at scale quick" in told and "repeats" not in told
    code, told = check(made, "snippets/coin.py::repeats at scale quick", "-v", "-m", "asrun_repeat and asrun_slow")
    assert code == 1
    assert "snippets/coin.py::repeats at scale quick FAILED" in told
    assert "snippets/coin.py: coin (quick, cpu) does not repeat: two runs, just now, differ in heads" in told


@pytest.mark.thorough
def test_tests_that_go_on_at_the_same_time_share_the_cores(tiny_project, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    counted = '"""How many threads?"""\nimport os\n\nSCALES = {"quick": {}}\n\n\ndef run():\n'
    counted += '    return {"told": "OMP_NUM_THREADS" in os.environ}\n'
    made = tiny_project({"snippets/threads.py": counted, "docs/index.md": "# Threads\n"})
    assert made.run("run", "threads").code == 0
    # What decides here is what is recorded, which no snippet should do.
    assert "told, False → True" in check(made, "snippets", "-n", "2")[1]
    assert check(made, "snippets")[0] == 0
