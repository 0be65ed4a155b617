"""The pytest plugin, run in tiny real projects."""

from __future__ import annotations

import json
import re
import subprocess
import sys

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


def project(site):
    made = site({"snippets/coin.py": COIN, "docs/index.md": PAGE})
    assert made.run("run", "coin").code == 0
    return made


def check(made, *options):
    """Run pytest in a project; return its exit code and what it printed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir=.", *options]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_value_and_claim_is_a_test_that_reads_like_a_sentence(site):
    code, told = check(project(site), "-v")
    assert code == 0
    assert "docs/index.md::It falls on heads more than a third of the time. PASSED" in told
    assert "docs/index.md::line 3: value coin.heads PASSED" in told


def test_one_digit_changed_in_a_record_is_red_at_the_sentence_that_uses_it_and_green_when_restored(site):
    made = project(site)
    before = made.read("snippets/records/coin/quick-cpu.json")
    made.edit("snippets/records/coin/quick-cpu.json", "0.52", "0.53")
    code, told = check(made)
    assert code == 1
    assert "docs/index.md:3:9: coin.heads is not what the run wrote" in told
    assert "restore the record" in told
    made.write("snippets/records/coin/quick-cpu.json", before)
    assert check(made)[0] == 0


def test_a_value_that_no_sentence_uses_may_be_damaged_without_blaming_one(site):
    made = project(site)
    made.edit("snippets/records/coin/quick-cpu.json", '"flips": 100', '"flips": 101')
    assert check(made)[0] == 0


def test_a_claim_that_does_not_hold_shows_both_sides(site):
    made = project(site)
    made.edit("docs/index.md", "coin.heads > 1 / 3", "coin.heads > 2 / 3")
    code, told = check(made)
    assert code == 1
    assert "docs/index.md:5: this claim does not hold" in told
    assert re.search(r"coin.heads = 0.52\d? ± 0.01\d?", told)
    assert "2 / 3 = 0.667" in told


def test_a_stale_record_is_red_with_the_reason(site):
    made = project(site)
    made.edit("snippets/coin.py", "0.5 + seed", "0.4 + seed")
    code, told = check(made)
    assert code == 1
    assert "stale: snippets/coin.py: run changed" in told
    assert "asrun run coin" in told


def test_a_project_without_asrun_is_left_alone(site):
    made = site(
        {"mkdocs.yml": "site_name: plain", "docs/index.md": "{{ jinja.variable }}", "test_it.py": "def test(): pass"}
    )
    code, told = check(made)
    assert code == 0, told
    assert "1 passed" in told


def test_a_record_says_nothing_of_the_folder_it_was_made_in(site):
    made = project(site)
    assert str(made.folder) not in json.dumps(made.record("coin"))
