"""Snippets run in processes of their own: failures are told, what they start is ended, what was good is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from asrun.testing import ANSWER, COIN, MKDOCS
from machine import alive, eventually

posix = pytest.mark.skipif(sys.platform == "win32", reason="process groups and signals are those of POSIX")

BAD = '''\
"""What goes wrong?"""
import os, signal, subprocess, sys, time
SCALES = {"quick": dict()}
%s
def run():
%s
'''


def snippet(body: str, more: str = "") -> str:
    return BAD % (more, "\n".join(f"    {line}" for line in body.split("\n")))


# How a run fails


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "print('one')\nprint('two', file=sys.stderr)\nraise ValueError('no good')",
            [
                "snippets/bad.py:8: bad (quick, cpu) raised: ValueError: no good",
                "| one",
                "| two",
                ".asrun/logs/bad-quick-cpu.txt",
            ],
        ),
        ("return 1 / 0", ["snippets/bad.py:6: ", "ZeroDivisionError: division by zero", "It printed nothing"]),
        ("return helper()", ["snippets/bad.py:4: ", "KeyError: 'x'"]),
        ("return object()", ["an object, which cannot be recorded", "return a dict"]),
        ("return {'a': {'b': [1, {2}]}}", ["a.b[1] is a set"]),
        ("sys.exit('enough')", ["snippets/bad.py:6: ", "SystemExit: enough"]),
        ("sys.exit(0)", ["snippets/bad.py:6: ", "SystemExit: 0"]),
        ("os._exit(0)", ["snippets/bad.py: ", "ended with exit code 0 before it could report"]),
        ("os._exit(7)", ["snippets/bad.py: ", "ended with exit code 7 before it could report"]),
        (
            "print('last words')\nos.kill(os.getpid(), signal.SIGKILL)",
            ["was killed by SIGKILL", "| last words", "memory"],
        ),
        ("os.kill(os.getpid(), signal.SIGSEGV)", ["was killed by SIGSEGV", "python snippets/bad.py"]),
        ("raise KeyboardInterrupt", ["before it could report"]),
        ("import no_such_module", ["snippets/bad.py:6: ", "No module named 'no_such_module'"]),
        ("def deep(): deep()\ndeep()", ["RecursionError"]),
        (
            "sys.stdout.buffer.write(b'\\xff\\xfe caf\\xe9\\n')\nraise ValueError('bytes')",
            ["ValueError: bytes", "caf\ufffd"],
        ),
        ("raise ValueError('half \\ud800 a pair')", ["ValueError: half"]),
        ("raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})", ["bad (quick, cpu)"]),
    ],
)
def test_a_run_that_fails_says_how_and_where(tiny_project, body, told):
    project = tiny_project({"snippets/bad.py": snippet(body, "def helper(): return {}['x']")})
    result = project.run("run", "bad")
    assert result.code == 1
    assert not project.exists("snippets/records/bad")
    for part in told:
        assert part in result.err, result.err
    assert "Traceback" not in result.err


def test_the_whole_traceback_is_kept_in_a_log(tiny_project):
    project = tiny_project({"snippets/bad.py": snippet("print('said')\nraise ValueError('no good')")})
    project.run("run", "bad")
    log = project.read(".asrun/logs/bad-quick-cpu.txt")
    assert "Traceback" in log and "no good" in log and "said" in log


def test_an_error_in_an_installed_package_is_shown_where_the_snippet_called_it(tiny_project):
    # As with a virtual environment in the project's folder.
    project = tiny_project(
        {
            "snippets/bad.py": snippet("sys.path.append('.venv/lib')\nimport installed\ninstalled.fail()"),
            ".venv/lib/installed.py": "def fail():\n    raise ValueError('deep inside')\n",
        }
    )
    assert "snippets/bad.py:8: " in project.run("run", "bad").err


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def run(:\n", "snippets/bad.py:1: not valid Python"),
        ('"""Why?"""\nSCALES = {"quick": {}}\nimport no_such_module\ndef run(): return {}\n', "snippets/bad.py:3: "),
        ('"""Why?"""\nSCALES = {"quick": {}}\n1 / 0\ndef run(): return {}\n', "snippets/bad.py:3: "),
        (
            '"""Why?"""\nSCALES = {"quick": dict(n=1)}\ndef run(): return {}\n',
            "bad.py:3: run cannot be called at scale quick: it does not take n",
        ),
        (
            '"""Why?"""\nSCALES = {"quick": {}}\ndef run(*, n): return {}\n',
            "bad.py:3: run cannot be called at scale quick: it needs n too",
        ),
    ],
)
def test_a_snippet_that_cannot_be_loaded_says_why(tiny_project, source, told):
    result = tiny_project({"snippets/bad.py": source}).run("run", "bad")
    assert result.code == 1
    assert told in result.err
    assert "Traceback" not in result.err


@posix
def test_a_run_that_never_ends_is_named_with_its_place_and_ended_with_all_it_started(tiny_project, tmp_path):
    pids = tmp_path / "pids"
    body = (
        "child = subprocess.Popen(['sleep', '600'])\n"
        "stubborn = subprocess.Popen([sys.executable, '-c', "
        "'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} {{stubborn.pid}}')\n"
        "print('waiting', flush=True)\n"
        "while True: time.sleep(0.1)"
    )
    project = tiny_project({"snippets/bad.py": snippet(body, 'NEEDS = {"minutes": {"quick": 0.05}}')})
    result = project.run("run", "bad")
    assert result.code == 1
    assert "did not end within 0.05 minutes, and was stopped; it was at snippets/bad.py:10, in run" in result.err
    assert "| waiting" in result.err
    assert 'NEEDS = {"minutes": {"quick": 0.1}}' in result.err
    assert eventually(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))


def test_a_run_that_prints_a_lot_is_recorded_to_the_last_line(tiny_project):
    mkdocs = MKDOCS.replace("  - asrun\n", "  - asrun:\n      output_lines: 100_000\n")
    body = "for n in range(100_000): print(n)\nreturn {'n': n}"
    project = tiny_project({"mkdocs.yml": mkdocs, "snippets/much.py": snippet(body)})
    assert project.run("run", "much").code == 0
    told = project.store.best("much").output.split("\n")
    assert told[0] == "0" and told[-1] == "99999" and len(told) == project.project.output_lines


def test_what_is_printed_as_progress_and_in_bytes_is_recorded_as_text(tiny_project):
    body = (
        "print('caf\\u00e9 \\u2713')\n"
        "sys.stdout.buffer.write(b'\\xff\\r\\nend')\n"
        "sys.stderr.write('not recorded')\nreturn {}"
    )
    project = tiny_project({"snippets/odd.py": snippet(body)})
    assert project.run("run", "odd").code == 0
    assert project.store.best("odd").output.split("\n") == ["\ufffd", "endcafé ✓"] or (
        project.store.best("odd").output.split("\n") == ["café ✓", "\ufffd", "end"]
    )


@posix
def test_a_process_left_behind_neither_holds_the_run_up_nor_outlives_it(tiny_project, tmp_path):
    pid = tmp_path / "pid"
    body = (
        "left = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pid)!r}, 'w').write(str(left.pid))\n"
        "print('done')\nreturn {'a': 1}"
    )
    project = tiny_project({"snippets/leaves.py": snippet(body)})
    started = time.monotonic()
    assert project.run("run", "leaves").code == 0
    assert time.monotonic() - started < 60
    assert project.store.best("leaves").output == "done"
    assert eventually(lambda: not alive(int(pid.read_text())))


def test_a_run_that_asks_for_input_finds_none(tiny_project):
    project = tiny_project({"snippets/asks.py": snippet("return {'said': input()}", 'NEEDS = {"minutes": 0.1}')})
    result = project.run("run", "asks")
    assert result.code == 1
    assert "EOFError" in result.err


# What was good is kept


FAILURES = {
    "raises": "    raise ValueError",
    "exits": "    import sys; sys.exit()",
    "is killed": "    import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "returns what cannot be recorded": "    return {'answer': object()}",
    "is not Python": "    return {",
    "imports what is not there": "    import no_such_module",
}


@pytest.mark.parametrize("failure", FAILURES)
def test_the_last_record_is_untouched_by_a_run_that_fails(tiny_project, failure):
    project = tiny_project({"snippets/coin.py": COIN})
    project.put("coin", {"bias": 1})
    before = project.record_files()
    assert before
    project.write("snippets/coin.py", COIN.replace('    print("tossed")', FAILURES[failure]))
    assert project.run("run", "coin", "--rerun").code == 1
    assert project.record_files() == before


def test_a_mistake_in_plot_costs_no_run(tiny_project, tmp_path):
    runs = tmp_path / "runs"
    counted = COIN.replace('    print("tossed")', f"    open({str(runs)!r}, 'a').write('ran ')")
    project = tiny_project({"snippets/coin.py": counted})
    project.edit("snippets/coin.py", "axes.plot(", "axes.plod(")
    result = project.run("run", "coin")
    assert result.code == 1
    assert "snippets/coin.py:19: coin (quick, cpu) raised: AttributeError" in result.err
    assert project.record_json("coin")["values"]["tosses"] == 12345
    assert project.record_json("coin")["figures"] == {}
    project.edit("snippets/coin.py", "axes.plod(", "axes.plot(")
    again = project.run("run", "coin")
    assert again.code == 0 and "drawn" in again.out
    assert list(project.record_json("coin")["figures"]) == ["figure"]
    assert runs.read_text() == "ran "


@pytest.mark.parametrize(
    ("plot", "told"),
    [
        ("return None", "plot"),
        ("return {}", "plot drew nothing"),
        ("return 5", "plot"),
        ("figure, _ = plt.subplots()\n    return figure", "set_label"),
        (
            "figure, _ = plt.subplots()\n    figure.set_label('All.')\n    return {'../x': figure}",
            "cannot be called '../x'",
        ),
    ],
)
def test_a_plot_that_returns_no_figure_with_a_name_and_a_label_says_so(tiny_project, plot, told):
    source = ANSWER + f"\n\ndef plot(result):\n    import matplotlib.pyplot as plt\n    {plot}\n"
    project = tiny_project({"snippets/answer.py": source})
    project.put("answer", {"answer": 42})
    result = project.run("run", "answer", "--redraw")
    assert result.code == 1
    assert "snippets/answer.py" in result.err and told in result.err, result.err
    assert "Traceback" not in result.err


def test_figures_are_drawn_in_order_and_named(tiny_project):
    source = (
        ANSWER
        + "\n\ndef plot(result):\n    import matplotlib.pyplot as plt\n    made = {}\n"
        + "    for name in ('first', 'second'):\n        made[name], _ = plt.subplots()\n"
        + "        made[name].set_label(f'{name} of {result}')\n    return made\n"
    )
    project = tiny_project({"snippets/answer.py": source})
    assert project.run("run", "answer").code == 0
    figures = project.record_json("answer")["figures"]
    assert [(name, entry["alt"]) for name, entry in figures.items()] == [
        ("first", "first of {'answer': 42}"),
        ("second", "second of {'answer': 42}"),
    ]
    assert project.store.best("answer").damaged == frozenset()


# What a run may import


def test_a_run_imports_from_the_snippets_and_the_sources_and_from_nowhere_else_in_the_project(tiny_project):
    source = ANSWER.replace("    return", "    import helper\n    return")
    project = tiny_project({"snippets/answer.py": source, "helper.py": "x = 1\n"})
    # A module that would be imported, and whose changes nobody would notice.
    assert "No module named 'helper'" in project.run("run", "answer").err
    (project.folder / "src").mkdir()
    os.rename(project.folder / "helper.py", project.folder / "src" / "helper.py")
    assert project.run("run", "answer").code == 0


def test_of_a_module_imported_for_its_effect_alone_what_has_one_counts(tiny_project):
    files = {
        "snippets/answer.py": ANSWER.replace("SCALES", "import _effect\n\nSCALES"),
        "snippets/_effect.py": "import lab.seeds\n",
        "src/lab/__init__.py": "",
        "src/lab/seeds.py": "SEED = 1\n\n\ndef seed():\n    return SEED\n",
    }
    project = tiny_project(files)
    assert project.run("run", "answer").code == 0
    assert project.record_json("answer")["key"]["code"]["src/lab/seeds.py"].keys() == {"(module level)"}
    assert project.run("status").code == 0
    # What nobody called and nothing mentions has no effect.
    project.edit("src/lab/seeds.py", "return SEED", "return -SEED")
    assert project.run("status").code == 0
    project.edit("src/lab/seeds.py", "SEED = 1", "SEED = 1\nprint(SEED)")
    told = project.run("why", "answer").out
    assert "src/lab/seeds.py: (module level) changed" in told
    assert "is no longer used" not in told


def test_what_a_computed_import_leads_to_does_not_hide_what_names_lead_to(tiny_project):
    files = {
        "snippets/answer.py": ANSWER.replace("SCALES", "import importlib\n\nfrom lab import f\n\nSCALES").replace(
            "2 * twice", "f() * importlib.import_module('pl' + 'ugin').g(twice)"
        ),
        "src/lab.py": "def f():\n    return 2\n\n\ndef h():\n    return 1\n",
        "src/plugin.py": "from lab import h\n\n\ndef g(x):\n    return h() * x\n",
    }
    project = tiny_project(files)
    assert project.run("run", "answer").code == 0
    assert project.run("status").code == 0
    for path, old, told in [
        ("src/lab.py", "return 2", "src/lab.py: f changed"),
        ("src/lab.py", "return 1", "src/lab.py: h changed"),
        ("src/plugin.py", "h() * x", "src/plugin.py: g changed"),
    ]:
        project.edit(path, old, "return 3" if old.startswith("return") else "3 * x")
        assert told in project.run("why", "answer").out
        project.write(path, files[path])


# When asrun itself is ended


@posix
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM], ids=lambda sign: sign.name)
def test_whatever_ends_asrun_ends_the_run_and_keeps_the_records(tiny_project, tmp_path, sign, monkeypatch):
    pids = tmp_path / "pids"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    body = (
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pids)!r} + '.part', 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        f"os.rename({str(pids)!r} + '.part', {str(pids)!r})\n"
        "time.sleep(600)"
    )
    project = tiny_project({"snippets/slow.py": snippet("return {'n': 1}")})
    project.put("slow", {"n": 1})
    before = project.record_files()
    project.write("snippets/slow.py", snippet(body))
    process = project.start("run", "slow")
    try:
        assert eventually(pids.is_file, 60)
        process.send_signal(sign)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == (130 if sign == signal.SIGINT else -sign)
    if sign == signal.SIGINT:
        assert "interrupted" in err and "Traceback" not in err
    assert eventually(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    assert project.record_files() == before


@posix
def test_a_run_has_no_terminal_to_be_interrupted_from(tiny_project):
    project = tiny_project({"snippets/group.py": snippet("return {'own': os.getsid(0) == os.getpid()}")})
    assert project.run("run", "group").code == 0
    assert project.record_json("group")["values"]["own"] is True


# Devices


def test_what_needs_a_gpu_is_not_run_without_one(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER + 'NEEDS = {"gpu": "required"}\n'})
    result = project.run("run", "answer", "--device", "cpu")
    assert result.code == 1
    assert "answer needs a GPU" in result.err


def test_a_device_that_is_not_there_is_told(tiny_project, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    result = tiny_project({"snippets/answer.py": ANSWER}).run("run", "answer", "--device", "cuda")
    assert result.code == 1
    assert "this machine has no NVIDIA GPU" in result.err


def test_the_file_runs_with_plain_python_too(tiny_project):
    source = ANSWER + '\n\nif __name__ == "__main__":\n    print(run(**SCALES["quick"]))\n'
    project = tiny_project({"snippets/answer.py": source})
    done = subprocess.run(
        [sys.executable, "snippets/answer.py"], cwd=project.folder, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "{'answer': 42}\n"
    assert project.run("run", "answer").code == 0
