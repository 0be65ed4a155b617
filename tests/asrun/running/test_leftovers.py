"""A run that has returned is recorded, whatever it leaves behind; and what it leaves behind is ended."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import pytest

from asrun.running import notebook_client, process
from asrun.running.follow import forgiving
from asrun.testing import ANSWER, COIN
from machine import alive, eventually

posix = pytest.mark.skipif(sys.platform == "win32", reason="process groups and signals are those of POSIX")

LEAVES = '''\
"""What is left behind?"""

import atexit, multiprocessing, os, signal, subprocess, sys, threading, time

SCALES = {"quick": {}}
NEEDS = {"minutes": 1}
PIDS = "%s"


def note(pid):
    with open(PIDS, "a") as file:
        file.write(f"{pid}\\n")


def run():
%s
    print("done", flush=True)
    return {"answer": 42}
'''

DAEMON = """\
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note(os.getpid())
            time.sleep(600)
        os._exit(0)
    os.wait()
    while not os.path.exists(PIDS): time.sleep(0.01)
"""

LEFT = {
    "a thread": ("threading.Thread(target=time.sleep, args=(600,)).start()", "it left 1 thread behind"),
    "a handler": ("atexit.register(time.sleep, 600)", "went on when Python ended"),
    "an end that hangs": (
        "globals()['kept'] = type('Hangs', (), {'__del__': lambda self: time.sleep(600)})()",
        "went on when Python ended",
    ),
    "a process": ("note(subprocess.Popen(['sleep', '600']).pid)", "it left 1 process behind (sleep)"),
    "a session": (
        "note(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)", "it left 1 process behind (sleep)",
    ),
    "a session with an environment of its own": (
        "note(subprocess.Popen(['sleep', '600'], start_new_session=True, env={}).pid)", "it left 1 process behind",
    ),
    "a stubborn process": (
        "code = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); "
        "time.sleep(600)'\n"
        "started = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE)\n"
        "started.stdout.readline()\nnote(started.pid)", "it left 1 process behind",
    ),
    "a daemon": (DAEMON, "it left 1 process behind"),
    "a fork that comes back": (
        "if os.fork() == 0:\n    note(os.getpid())\n    time.sleep(0.5)\n    return {'answer': 41}", "",
    ),
    "a death afterwards": (
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGKILL))", "it was killed by SIGKILL after it had",
    ),
    "a crash afterwards": (
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGSEGV))", "it was killed by SIGSEGV after it had",
    ),
    "a thread that ends": ("threading.Timer(0.3, print, ['late']).start()", ""),
    "a pool that ends": ("multiprocessing.get_context('spawn').Pool(1)", ""),
}  # fmt: skip


@posix
@pytest.mark.parametrize("what", LEFT)
def test_a_run_that_has_returned_is_recorded_whatever_it_leaves_behind(tiny_project, tmp_path, monkeypatch, what):
    body, told = LEFT[what]
    # What ends by itself has as long as a busy machine takes; what does not is not waited for.
    monkeypatch.setattr(process, "GRACE", 0.3 if told else 30.0)
    monkeypatch.setattr(process, "ENDING", 0.5 if "Python ended" in told else 30.0)
    pids = tmp_path / "pids"
    body = textwrap.indent(textwrap.dedent(body), "    ")
    project = tiny_project({"snippets/leaves.py": LEAVES % (pids, body)})
    began = time.monotonic()
    result = project.run("run", "leaves")
    assert result.code == 0, result.text
    assert time.monotonic() - began < 40, "the limit of a minute is not waited for"
    record = project.store.best("leaves")
    assert record.values == {"answer": 42} and record.output.split("\n")[0] == "done"
    if told:
        assert len(record.remarks) == 1 and told in record.remarks[0], record.remarks
        assert record.remarks[0] in result.out
    else:
        assert record.remarks == ()
    left = pids.read_text().split() if pids.exists() else []
    assert not any(alive(int(pid)) for pid in left)
    assert project.run("status").code == 0


@posix
def test_what_has_left_the_group_is_ended_also_when_asrun_is_killed(tiny_project, tmp_path):
    pids = tmp_path / "pids"
    body = "note(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)\ntime.sleep(600)"
    project = tiny_project({"snippets/leaves.py": LEAVES % (pids, textwrap.indent(body, "    "))})
    asrun = project.start("run", "leaves")
    assert eventually(lambda: pids.exists() and pids.read_text().endswith("\n"), 60)
    asrun.kill()
    asrun.communicate(timeout=60)
    assert eventually(lambda: not alive(int(pids.read_text())))


@posix
def test_a_run_that_has_failed_is_told_at_once_whatever_it_leaves_behind(tiny_project):
    body = "threading.Thread(target=time.sleep, args=(600,)).start()\nraise ValueError('no good')"
    project = tiny_project({"snippets/leaves.py": LEAVES % ("none", textwrap.indent(body, "    "))})
    began = time.monotonic()
    result = project.run("run", "leaves")
    assert result.code == 1 and "ValueError: no good" in result.err
    assert time.monotonic() - began < 40


@posix
def test_a_plot_that_leaves_a_thread_behind_is_drawn(tiny_project):
    leaves = "    import threading, time\n    threading.Thread(target=time.sleep, args=(600,)).start()\n"
    plotted = COIN.replace("    return figure", f"{leaves}    return figure")
    project = tiny_project({"snippets/coin.py": plotted})
    began = time.monotonic()
    assert project.run("run", "coin").code == 0
    assert time.monotonic() - began < 50 and project.record_json("coin")["figures"]


def test_a_report_is_there_whole_or_not_at_all(tmp_path):
    from asrun.inside.watch import write

    write(tmp_path / "report.json", {"a": 1})
    assert json.loads((tmp_path / "report.json").read_text()) == {"a": 1}
    with pytest.raises(TypeError):
        write(tmp_path / "report.json", {"a": object()})
    assert json.loads((tmp_path / "report.json").read_text()) == {"a": 1}


# Whoever listens


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError, SystemExit])
def test_a_listener_that_raises_is_not_called_again(error):
    heard = []

    def listener(text):
        heard.append(text)
        raise error

    hear = forgiving(listener)
    hear("one")
    hear("two")
    assert heard == ["one"]


def test_a_listener_that_raises_neither_ends_nor_blocks_a_run(tiny_project):
    from asrun.freshness.snippet import find_snippet
    from asrun.running.recording import make_record

    # More than a pipe holds: if nobody read it, the run would wait for ever.
    loud = ANSWER.replace("    return", "    for n in range(20_000): print(n, 'said')\n    return")
    project = tiny_project({"snippets/answer.py": loud + 'NEEDS = {"minutes": 1}\n'})
    heard = []

    def tell(name, text):
        heard.append(text)
        raise OSError("closed")

    snippet = find_snippet("answer", project.project)
    record = make_record(project.project, project.store, snippet, "quick", "cpu", tell)
    assert record.output.endswith("19999 said") and len(heard) == 1


def test_a_line_that_never_ends_is_read_to_its_end(tiny_project):
    long = ANSWER.replace("    return", "    for _ in range(50): print('x' * 100_000, end='')\n    return")
    project = tiny_project({"snippets/answer.py": long})
    assert project.run("run", "answer").code == 0
    made = project.store.best("answer")
    assert made.output.startswith("xxx") and made.output.endswith("xxx") and len(made.output) < 2500
    (told,) = made.remarks
    left = int("".join(re.findall(r"\d", told)))
    assert left + made.output.count("x") == 5_000_000


@posix
def test_who_stops_reading_stops_nothing(tiny_project):
    other = ANSWER.replace("twice=21", "twice=22")
    project = tiny_project({f"snippets/{name}.py": other for name in ("one", "two")})
    command = f"{sys.executable} -m asrun.cli run | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=project.folder, capture_output=True, text=True, timeout=120, check=False
    )
    ran, code = done.stdout.splitlines()
    assert ran.startswith("ran     one") and code == "0", done
    assert done.stderr == ""
    assert project.run("status").code == 0, "both are recorded"


@posix
@pytest.mark.parametrize("arguments", ["status", "status --json", "why answer", "--help"])
def test_a_closed_pipe_is_no_traceback(tiny_project, arguments):
    project = tiny_project({"snippets/answer.py": ANSWER})
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "asrun.cli", *arguments.split()],
        cwd=project.folder, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
    )  # fmt: skip
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == {"status": 3, "status --json": 3, "why answer": 0, "--help": 1}[arguments]


@posix
def test_a_terminal_that_is_closed_during_a_run_ends_nothing(tiny_project):
    """Also where its closing is not told by a signal, as under nohup."""
    slow = ANSWER.replace("    return", "    import time\n    for n in range(8):\n"
                          "        print(n, flush=True)\n        time.sleep(0.25)\n    return")  # fmt: skip
    project = tiny_project({"snippets/answer.py": slow})
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "asrun.cli", "run"], cwd=project.folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | {"TERM": "xterm"}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.read(ours, 100)
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert project.store.best("answer").output.endswith("7")


# What cannot be begun, or is gone


def test_what_the_system_refuses_is_not_called_a_lack_of_room(tiny_project, monkeypatch):
    def refuse(*arguments, **options):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(process.subprocess, "Popen", refuse)
    result = tiny_project({"snippets/answer.py": ANSWER}).run("run", "answer")
    assert "answer (quick, cpu) cannot be started: Resource temporarily unavailable" in result.err
    assert "TMPDIR" not in result.err


@posix
def test_a_run_that_deletes_all_temporary_files_is_told_so(tiny_project, tmp_path, monkeypatch):
    (folder := tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    deletes = f"import atexit, pathlib\n    where = pathlib.Path({str(folder)!r})\n"
    deletes += "    atexit.register(lambda: [each.unlink() for each in where.rglob('values.json')])\n"
    project = tiny_project({"snippets/answer.py": ANSWER.replace("    return", f"    {deletes}    return")})
    result = project.run("run", "answer")
    assert result.code == 1 and "cannot be read any more" in result.err
    assert "Traceback" not in result.err and "TMPDIR" not in result.err


@posix
def test_a_lock_that_belongs_to_somebody_else_is_no_reason_not_to_run(tmp_path, monkeypatch):
    from asrun.running import snippets

    monkeypatch.setattr(snippets.tempfile, "gettempdir", lambda: str(tmp_path))
    assert str(os.getuid()) in snippets._gpu_lock().name
    # What cannot be opened: to root, permissions are no hindrance.
    snippets._gpu_lock().symlink_to("/nowhere/at/all")
    with snippets._own_gpu("cuda", print):
        pass
    assert not os.path.exists("/nowhere")


# Several runs


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_run_that_fails_leaves_the_others_to_be_done(tiny_project, jobs):
    bad = ANSWER.replace("    return", "    raise ValueError('no good')\n    return")
    project = tiny_project(
        {"snippets/a.py": bad, "snippets/b.py": ANSWER, "snippets/c.py": bad, "snippets/d.py": ANSWER}
    )
    result = project.run("run", "-j", jobs)
    assert result.code == 1
    assert project.exists("snippets/records/b") and project.exists("snippets/records/d")
    assert "a (quick, cpu) raised: ValueError" in result.err and "c (quick, cpu) raised: ValueError" in result.err
    assert "2 problems" in result.err


# What was mended while it failed


MENDS = ANSWER.replace("    return", '    path = __file__\n    text = open(path).read().replace("1 / 0", "1 / 1")\n'
                       '    open(path, "w").write(text)\n    1 / 0\n    return')  # fmt: skip


def test_what_is_mended_while_it_fails_is_not_called_failed(tiny_project):
    project = tiny_project({"snippets/answer.py": MENDS})
    assert "ZeroDivisionError" in project.run("run", "answer").err
    assert "failed" not in project.run("status").out
    assert project.run("run", "answer").code == 0


def test_what_fails_and_is_as_it_was_is_called_failed(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER.replace("    return", "    1 / 0\n    return")})
    project.run("run", "answer")
    assert "failed" in project.run("status").out


# Notebooks


def cells(*sources):
    return {"cells": [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [],
                       "execution_count": None} for n, source in enumerate(sources)],
            "metadata": {}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip


@posix
def test_what_a_notebook_leaves_behind_is_ended_and_what_it_shows_is_kept(tmp_path):
    pids = tmp_path / "pids"
    document = cells(
        "import subprocess, threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
        f"started = subprocess.Popen(['sleep', '600'], start_new_session=True)\nopen({str(pids)!r}, 'w').write("
        "str(started.pid))",
        "print('10%\\r20%\\x1b[1m!\\x1b[0m')",
    )

    def listener(text):
        raise OSError("closed")

    notebook_client.run(document, "x.ipynb", folders=[], root=tmp_path, minutes=2, listener=listener)
    assert document["cells"][1]["outputs"][0]["text"] == "20%!\n"
    assert eventually(lambda: not alive(int(pids.read_text())))
    assert threading.active_count() < 50
