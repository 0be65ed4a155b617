"""Killed, cut short, full, twice at once, forbidden to run: records and sites are whole, and each mistake is named.

`ASRUN_KILLS=200 pytest tests/asrun/running/test_survival.py -k killed` kills as many commands as that, half of them
runs and half of them builds, and half as many adoptions; a few of each are killed otherwise.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asrun.errors import AsrunError
from asrun.model import RunName
from asrun.publishing.imprint import MARK
from asrun.records.store import Store
from asrun.remote import bundle
from asrun.testing import ANSWER, COIN, TinyProject, make_figure, raised

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are those of POSIX")
linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked for in /proc")

KILLS = int(os.environ.get("ASRUN_KILLS", "8"))
# A theme that renders fast: what is killed here is asrun.
SETTINGS = "site_name: Tiny\ntheme: mkdocs\nplugins: [asrun]\n"
MARKER = "ASRUN_SURVIVAL_MARKER"
PAGE = "# A coin\n\nTossed {{ coin.tosses }} times, in {{ coin.seeds }} series.\n\n/// figure | coin\nHeads.\n///\n"
KILLABLE = COIN.replace('"tosses": 12345,', '"tosses": 12345, "seeds": seeds,')


def coin(folder: Path, pages: int = 3) -> TinyProject:
    """A project whose record and pages all say how many seeds there are."""
    files = {f"docs/page-{n}.md": PAGE for n in range(pages)}
    return TinyProject({"mkdocs.yml": SETTINGS, "snippets/coin.py": KILLABLE, "docs/index.md": PAGE, **files}, folder)


def set_seeds(project: TinyProject, before: int, now: int) -> None:
    project.edit("snippets/coin.py", f"dict(seeds={before})", f"dict(seeds={now})")


def left_over(project: TinyProject) -> list[str]:
    """Name what is in the project and is neither a source nor a result."""
    return sorted(
        project.project.relative(path)
        for path in project.folder.rglob("*")
        if path.name.endswith(".part") or path.name.startswith(".site")
    )


def marked(marker: str) -> set[int]:
    """Find processes by a variable of their environment, which whatever they start inherits."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # What has ended and was not collected has no environment any more.
            if f"{MARKER}={marker}".encode() in (folder / "environ").read_bytes():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def wait_until_gone(marker: str, seconds: float = 15.0) -> set[int]:
    until = time.monotonic() + seconds
    while (found := marked(marker)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def seconds_of(project: TinyProject, *arguments: str) -> float:
    start = time.monotonic()
    result = project.run_subprocess(*arguments)
    assert result.code == 0, result.text
    return time.monotonic() - start


def kill_after(project: TinyProject, seconds: float, *arguments: str) -> bool:
    """Kill a command, and nothing that it started, after some seconds; say whether it was still there."""
    process = project.start(*arguments)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    return process.returncode == -signal.SIGKILL


def moments(count: int, seconds: float, seed: int) -> Iterator[float]:
    """Spread moments evenly over the duration of a command, each at random in its own share of it."""
    chance = random.Random(seed)
    order = list(range(count))
    chance.shuffle(order)
    for at in order:
        yield seconds * (at + chance.random()) / count


def assert_record_is_whole(project: TinyProject, old: int, new: int) -> None:
    for path in (project.folder / "snippets" / "records").rglob("*.json"):
        json.loads(path.read_text("utf-8"))
    got = project.store.get(RunName("coin", "quick", "cpu"))
    assert got and got.damaged == frozenset()
    assert got.values["seeds"] in (old, new)
    assert got.values["heads"].shape == (3, got.values["seeds"])
    # Figures are drawn after the values are kept: there is all of them or none.
    assert list(got.figures) in (["figure"], []) and (got.figures or got.values["seeds"] == new)


@pytest.mark.thorough
@posix
@linux
def test_a_run_that_is_killed_leaves_the_old_record_or_the_new_one(tmp_path, monkeypatch):
    project, marker = coin(tmp_path / "project"), f"run-{os.getpid()}"
    monkeypatch.setenv(MARKER, marker)
    duration, seeds, killed = seconds_of(project, "run", "coin"), 5, 0
    for moment in moments(max(1, KILLS // 2), duration, seed=1):
        set_seeds(project, seeds, seeds + 1)
        killed += kill_after(project, moment, "run", "coin")
        assert not wait_until_gone(marker)
        assert_record_is_whole(project, seeds, seeds + 1)
        seeds += 1
        # In this process: nothing that the next command does depends on how it was started.
        again = project.run("run", "coin")
        assert again.code == 0, again.text
        assert project.record_json("coin")["values"]["seeds"] == seeds and project.record_json("coin")["figures"]
        assert project.run("status").code == 0
        assert left_over(project) == []
    assert killed >= max(1, KILLS // 2) // 2, "half of the commands were killed before they ended"


@pytest.mark.thorough
@posix
@linux
def test_a_build_that_is_killed_leaves_the_old_site_or_the_new_one(tmp_path, monkeypatch):
    project, marker = coin(tmp_path / "project"), f"build-{os.getpid()}"
    monkeypatch.setenv(MARKER, marker)
    duration, killed, old = seconds_of(project, "build"), 0, 5
    sites = {5: pages(project)}
    set_seeds(project, 5, 6)
    assert project.run("build").code == 0
    sites[6], old = pages(project), 6
    assert sites[5].keys() == sites[6].keys() and sites[5] != sites[6]
    for moment in moments(max(1, KILLS // 2), duration, seed=2):
        new = 11 - old
        set_seeds(project, old, new)
        killed += kill_after(project, moment, "build")
        assert not wait_until_gone(marker)
        assert_record_is_whole(project, old, new)
        assert pages(project) in (sites[old], sites[new])
        again = project.run("build")
        assert again.code == 0, again.text
        assert pages(project) == sites[new]
        assert project.record_json("coin")["values"]["seeds"] == new
        assert left_over(project) == []
        old = new
    assert killed >= max(1, KILLS // 2) // 2, "half of the commands were killed before they ended"


@posix
@linux
def test_an_adoption_that_is_killed_leaves_the_old_record_or_the_new_one(tmp_path, monkeypatch):
    project, marker = coin(tmp_path / "project", pages=0), f"adopt-{os.getpid()}"
    monkeypatch.setenv(MARKER, marker)
    run, old, bundles = RunName("coin", "quick", "cpu"), 5, {}
    for seeds in (6, 5):
        set_seeds(project, 11 - seeds, seeds)
        heads = [[0.5] * seeds] * 3
        values = {"seeds": seeds, "heads": np.array(heads), "tosses": 12345}
        project.put("coin", values, figures=[make_figure("figure", f"{seeds} seeds")])
        bundles[seeds] = tmp_path / f"{seeds}.tar.gz"
        bundle.pack(project.project, project.store, [run], bundles[seeds])
    set_seeds(project, 5, 6)
    duration, killed = seconds_of(project, "adopt", str(bundles[6])), 0
    old = 6
    for moment in moments(max(1, KILLS // 2), duration, seed=3):
        new = 11 - old
        set_seeds(project, old, new)
        killed += kill_after(project, moment, "adopt", str(bundles[new]))
        assert not wait_until_gone(marker)
        assert_record_is_whole(project, old, new)
        again = project.run("adopt", str(bundles[new]))
        assert again.code == 0, again.text
        assert project.store.get(run).values["seeds"] == new
        assert len(project.record_files()) == 2 and left_over(project) == []
        old = new
    assert killed >= max(1, KILLS // 2) // 2, "half of the commands were killed before they ended"


_CHANGING = re.compile(
    rb'("(when|seconds|peak_memory_mb|seal)": [^\n]*)|(<dt>Run</dt>\s*<dd>[^\n]*)|(Build Date UTC[^\n]*)'
    rb"|\d(?:[\d.,]|\xe2\x80\xaf)* (s|MB)\b"
)


def pages(project: TinyProject) -> dict[str, bytes]:
    """Return the files of the site without what differs from run to run: when a record was made, what it took."""
    folder = project.folder / "site"
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    # The mark has the digests of pages.
    return {
        name: _CHANGING.sub(b"", data)
        for name, data in found.items()
        if not name.startswith("sitemap.xml") and name != MARK
    }


# Nowhere to write


def limited(project: TinyProject, largest: int, *arguments: str) -> tuple[int, str]:
    """Call the command where no file may be larger than so many bytes, as if the disk were full then."""
    import resource

    done = subprocess.run(
        [sys.executable, "-m", "asrun.cli", *arguments],
        cwd=project.folder,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
    )
    return done.returncode, done.stderr


@posix
@pytest.mark.parametrize(
    ("largest", "told"),
    [
        (0, "cannot be run: No usable temporary directory"),
        # There is room for what a run and asrun tell each other, and for no record.
        (10_000, "this record cannot be written (File too large)"),
    ],
)
def test_a_run_on_a_full_disk_says_so_and_leaves_the_old_record(tmp_path, largest, told):
    project = TinyProject(
        {"snippets/answer.py": ANSWER.replace("    return", "    print('it is said\\n' * 900)\n    return")}, tmp_path
    )
    project.put("answer", {"answer": 42}, output="said " * 200)
    before = project.record_files()
    code, err = limited(project, largest, "run", "answer", "--rerun")
    assert code == 1 and told in err, err
    assert "Traceback" not in err.replace("| Traceback", "")
    assert project.record_files() == before and left_over(project) == []
    assert project.run("status").code == 0
    assert project.run("run", "answer", "--rerun").code == 0


@pytest.mark.thorough
@posix
def test_a_build_on_a_full_disk_says_so_and_leaves_the_last_good_site(tmp_path):
    project = coin(tmp_path / "project", pages=1)
    project.put("coin", {"tosses": 12345, "seeds": 5}, figures=[make_figure()])
    assert project.run("build", "--no-run").code == 0
    before = pages(project)
    for largest in (0, 1000, 10_000):
        code, err = limited(project, largest, "build", "--no-run")
        assert code == 1 and "asrun: site: the site cannot be written (" in err and "make room" in err, err
        assert "Traceback" not in err
        assert pages(project) == before and left_over(project) == []


@pytest.mark.parametrize("how", ["a file", "read-only"])
def test_a_records_folder_that_cannot_be_written_is_named(tmp_path, how):
    project = TinyProject({"snippets/answer.py": ANSWER}, tmp_path)
    records = project.folder / "snippets" / "records"
    if how == "a file":
        records.mkdir()
        (records / "answer").write_text("in the way")
        reason = "File exists"
    else:
        if not hasattr(os, "geteuid") or os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        project.put("answer", {"answer": 41})
        (records / "answer").chmod(0o555)
        reason = "Permission denied"
    try:
        result = project.run("run", "answer", "--rerun")
    finally:
        if how == "read-only":
            (records / "answer").chmod(0o755)
    assert result.code == 1
    assert f"snippets/records/answer/quick-cpu.json: this record cannot be written ({reason})" in result.err
    assert "give leave to write there" in result.err and "Traceback" not in result.err
    if how == "read-only":
        assert project.record_json("answer")["values"]["answer"] == 41


# Cut short, and changed on the way

VALUES = {"answer": 42, "curve": [0.25, 0.5], "word": "seven"}
RUN = RunName("answer", "quick", "cpu")


@pytest.fixture
def recorded(tmp_path):
    project = TinyProject({"snippets/answer.py": ANSWER}, tmp_path)
    project.put("answer", VALUES, output="said", figures=[make_figure()])
    return project


@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("kind", ["json", "svg"])
def test_a_record_that_was_cut_short_is_named(recorded, kind, tenths):
    (path,) = (recorded.folder / "snippets" / "records" / "answer").glob(f"*.{kind}")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * tenths // 10])
    result = recorded.run("status")
    if kind == "json":
        assert result.code == 3
        assert "broken" in result.out
        assert "snippets/records/answer/quick-cpu.json: this record cannot be read" in result.out
        assert "asrun run answer --scale quick" in raised(Store(recorded.project).get, RUN)
    else:
        assert result.code == 3 and "figure figure changed by hand" in result.out
    assert "Traceback" not in result.text


@pytest.mark.thorough
def test_a_flipped_bit_anywhere_is_named(recorded):
    """Or it is in white space, and the record is what it was."""
    path = recorded.folder / "snippets" / "records" / "answer" / "quick-cpu.json"
    data, before = path.read_bytes(), recorded.store.get(RUN)
    chance, named = random.Random(0), 0
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            now = Store(recorded.project).get(RUN)
        except AsrunError as error:
            assert "this record cannot be read" in str(error) and "\n    " in str(error)
            named += 1
            continue
        if now.damaged:
            named += 1
            continue
        assert now == before, data[max(0, place - 30) : place + 30]
    path.write_bytes(data)
    assert named > len(data) / 2


# Two at once


@pytest.mark.thorough
def test_two_writers_at_once_leave_one_whole_record(tmp_path):
    slow = COIN.replace('    print("tossed")', "    import os\n    pid = os.getpid()").replace("12345", "pid")
    project = TinyProject({"snippets/coin.py": slow}, tmp_path)
    for _ in range(2):
        both = [project.start("run", "coin", "--rerun") for _ in range(2)]
        for process in both:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
        got = project.store.get(RunName("coin", "quick", "cpu"))
        assert got.damaged == frozenset() and list(got.figures) == ["figure"]
        assert len(project.record_files()) == 2 and left_over(project) == []
    assert project.run("status").code == 0


WRITER = """\
import sys
from pathlib import Path

from asrun.model import RunName
from asrun.testing import TinyProject, make_figure, make_record

store = TinyProject({}, Path(sys.argv[1])).store
for n in range(60):
    mark = f"{sys.argv[2]} {n}"
    figures = {"figure": make_figure("figure", mark)}
    store.put(make_record(RunName("answer", "quick", "cpu"), {"mark": mark}, figures=figures))
"""


@posix
def test_many_writers_and_readers_see_only_whole_records(tmp_path):
    """Writers of records with figures of their own, as fast as they can, and a reader between them."""
    project = TinyProject({"snippets/answer.py": ANSWER}, tmp_path)
    arguments = [sys.executable, "-c", WRITER, str(project.folder)]
    writers = [subprocess.Popen([*arguments, str(number)]) for number in range(3)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if got := Store(project.project).get(RUN):
            assert got.damaged == frozenset()
            assert got.values["mark"] in got.figures["figure"].svg
            seen.add(got.values["mark"])
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert seen and len(project.record_files()) == 2 and left_over(project) == []


# Nothing is executed

BOMB = "import pathlib\npathlib.Path({marker!r}).write_text('executed')\n"


@pytest.fixture
def mined(tmp_path):
    """A project all of whose code leaves a mark when it is imported or executed; and where the mark would be."""
    marker = tmp_path / "marker"
    bomb = BOMB.format(marker=str(marker))
    inside = "".join(f"    {line}\n" for line in bomb.splitlines())
    source = (
        f'"""What is executed?"""\n{bomb}\nfrom lab import tools\n\nSCALES = {{"quick": dict(n=1)}}\n\n\n'
        f"def run(*, n):\n{inside}    return {{'n': tools.f(n)}}\n\n\ndef plot(result):\n{inside}    return None\n\n\n"
        f"if __name__ == '__main__':\n{inside}"
    )
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": bomb, "outputs": [], "execution_count": None}
    title = {"cell_type": "markdown", "id": "t", "metadata": {}, "source": "# A lab"}
    lab = {"cells": [title, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    page = (
        "# Mined\n\nIt is {{ mined.n }}.\n\n/// figure | mined\nSo.\n///\n\n"
        "/// claim | It is one.\nmined.n == 1\n///\n\n"
        f"```python\n{bomb}```\n\n/// snippet | mined\n///\n"
    )
    project = TinyProject(
        {
            "mkdocs.yml": SETTINGS.replace("[asrun]", "[asrun, {mkdocs-jupyter: {execute: false}}]"),
            "snippets/mined.py": source,
            "snippets/_shared.py": bomb,
            "src/lab/__init__.py": bomb,
            "src/lab/tools.py": bomb + "\n\ndef f(n):\n    return n\n",
            "conftest.py": bomb,
            "setup.py": bomb,
            "docs/index.md": page,
            "docs/code.py": bomb,
            "slides/talk.md": "# Mined\n\nIt is {{ mined.n }}.\n",
            "docs/lab.ipynb": json.dumps(lab),
        },
        tmp_path / "project",
    )
    return project, marker


WATCHED = """\
import os, sys
project, out = sys.argv[1:3]
events = open(out, "w")
own = tuple(os.path.join(project, folder) for folder in ("snippets", "src", "docs"))
def hook(event, arguments):
    if event == "import":
        # The module's name, and the file where it is known.
        if arguments[0].partition(".")[0] in ("lab", "mined", "_shared", "conftest", "setup", "code_of_page"):
            events.write(f"import {arguments[0]}\\n")
    elif event == "exec":
        if getattr(arguments[0], "co_filename", "").startswith(own):
            events.write(f"exec {arguments[0].co_filename}\\n")
    elif event == "compile":
        if str(arguments[1]).startswith(own):
            events.write(f"compile {arguments[1]}\\n")
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "os.forkpty", "pty.spawn"):
        events.write(f"{event} {arguments[:2]}\\n")
    events.flush()
sys.argv = ["asrun", *sys.argv[3:]]
import asrun.cli
sys.addaudithook(hook)
asrun.cli.main(prog_name="asrun")
"""


COMMANDS = [
    ["build", "--no-run"],
    ["build", "--no-run", "--allow-stale"],
    ["check"],
    ["check", "--allow-stale"],
    ["status"],
    ["why", "mined"],
]


@pytest.mark.thorough
@pytest.mark.parametrize("state", ["missing", "stale", "fresh"])
def test_without_runs_nothing_is_ever_executed(mined, tmp_path, state):
    project, marker = mined
    if state != "missing":
        project.put("mined", {"n": 1}, figures=[make_figure()])
    if state == "stale":
        project.edit("src/lab/tools.py", "    return n", "    return n + 0")
    if state == "fresh":
        (project.folder / "docs" / "lab.ipynb").unlink()
    for arguments in COMMANDS:
        script, events = tmp_path / "watched.py", tmp_path / "events"
        script.write_text(WATCHED)
        done = subprocess.run(
            [sys.executable, "-P", str(script), str(project.folder), str(events), *arguments],
            cwd=project.folder,
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        told = done.stdout + done.stderr
        assert "Traceback" not in told, told
        assert not marker.exists(), arguments
        # nbconvert asks for the version of pandoc when it is imported.
        allowed = ("['git'", "['pandoc', '--version']")
        seen = [line for line in events.read_text().splitlines() if not any(each in line for each in allowed)]
        assert seen == [], arguments
        if state == "fresh":
            assert done.returncode == 0, told
        elif arguments == ["build", "--no-run"]:
            assert done.returncode in (1, 3), told


def test_the_mines_are_live(mined):
    project, marker = mined
    project.run("run", "mined")
    assert marker.exists()


# What ends a run


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import os\n    os.abort()", ["was killed by SIGABRT before it could report", "see it happen"]),
        (
            "import resource\n    resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))\n    bytearray(2**30)",
            ["raised: MemoryError"],
        ),
        (
            # Its report and its error are cut short.
            "import resource\n    resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))",
            ["ended with exit code 1 before it could report", "| OSError: [Errno 27] File too large"],
        ),
        ("open(DATA).read()", ["snippets/answer.py:9: ", "UnicodeDecodeError: 'utf-8' codec"]),
        ("open(DATA + 'x').read()", ["snippets/answer.py:9: ", "FileNotFoundError", "numbers.csvx"]),
        ("open(DATA + '/..').read()", ["snippets/answer.py:9: ", "NotADirectoryError"]),
    ],
    ids=["aborted", "out of memory", "disk full", "not text", "not there", "a folder"],
)
@posix
def test_what_ends_a_run_is_told_in_a_sentence(tmp_path, body, told):
    source = ANSWER.replace("def run", "DATA = __file__.replace('answer.py', 'numbers.csv')\n\ndef run")
    project = TinyProject({"snippets/answer.py": source.replace("    return", f"    {body}\n    return")}, tmp_path)
    (project.folder / "snippets" / "numbers.csv").write_bytes(b"\xff\xfe\x00")
    result = project.run("run", "answer")
    assert result.code == 1
    for part in told:
        assert part in result.err, result.err
    assert "Traceback" not in result.err and not project.exists("snippets/records/answer")
