"""Records that somebody wrote by hand, with every seal right: a sentence or a page, and never a traceback or a wait."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from typing import Any

import numpy as np
import pytest

from asrun.model import RunName
from asrun.records import codec
from asrun.records.store import DESCRIPTION, Store, _description_seal
from asrun.testing import ANSWER, MKDOCS, TinyProject, make_figure

RUN = RunName("answer", "quick", "cpu")
PATH = "snippets/records/answer/quick-cpu.json"
PAGE = """\
# Answer

{{ answer.x }} {{ answer.error(drop=0.5) | .2f }} {{ mean(answer.error(drop=0.5)) }}
{{ answer.n + 1 }} {{ answer.word }}

/// claim | It is small.
    answer.n < 9 and answer.error(drop=0.5) < 9
///

/// table | All
    of: answer.error
///

/// table | Some
    rows: {drop: answer.drop}
    columns: {error: "answer.error(drop=drop) | .1f"}
///

/// figure | answer
One.
///

/// output | answer
///
"""
VALUES = {
    "x": 1, "n": 3, "word": "one", "drop": [0.0, 0.5], "error": [[1.0, 2.0], [3.0, 4.0]],
    "axes": {"error": ["drop", "seed"]},
}  # fmt: skip
LONG = int("9" * 400)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


VALUES_BY_NAME: dict[str, dict[str, Any]] = {
    "400 digits": {"x": LONG, "n": LONG},
    "400 digits, below zero": {"x": -LONG, "n": -LONG},
    "400 digits in a list": {"x": [LONG, 1], "error": [[LONG, 1], [2, 3]]},
    "400 digits as a label": {"drop": [LONG, 0.5]},
    "20 digits": {"n": 10**20, "error": [[10**20, 1], [2, 10**20]]},
    "a large float": {"x": 1e308, "n": 1e308, "error": [[1e308, -1e308], [1e308, 1e308]]},
    "a small float": {"x": 5e-324, "error": [[5e-324, -5e-324], [0.0, 5e-324]]},
    "90 deep": {"x": nested(90), "error": nested(90)},
    "400 deep": {"x": nested(400)},
    "30,000 deep": {"x": nested(30_000)},
    "a long text": {"word": "a" * 1_000_000, "x": "b" * 1_000_000},
    "a long name": {"a" * 100_000: 1},
    "many names": {f"name{at}": at for at in range(20_000)},
    "odd names": {"two\nlines\x1b[31m": 1, "\u202eturned": 2, "<b>": 3, "": 4, "a.b": 5, "\ud800": 6, "axes\0": 7},
    "odd texts": {"word": "two\nlines\x1b[31m\u202e<script>alert(1)</script>\ud800\0", "x": "\ud800"},
    "ragged": {"error": [[1], [1, 2]], "drop": [[0.5], 0.5]},
    "mixed": {"error": [["a", 1], [None, {}]], "x": [1, "a"], "n": None, "word": {"a": 1}},
    "booleans": {"n": True, "x": False, "error": [[True, False], [True, True]]},
    "empty": {"error": [], "drop": [], "x": {}, "word": ""},
    "words": {"error": "word", "n": "three", "drop": "0.5"},
    "a hundred axes": {"error": nested(40)},
    "axes: a number": {"axes": 3},
    "axes: nothing": {"axes": None},
    "axes: a text": {"axes": "drop"},
    "axes: a list": {"axes": ["drop"]},
    "axes: empty": {"axes": {}},
    "axes: true": {"axes": True},
    "axes: of a number": {"axes": {"error": 3}},
    "axes: of nothing": {"axes": {"error": None}},
    "axes: of lists": {"axes": {"error": [["drop"], ["seed"]]}},
    "axes: of numbers": {"axes": {"error": [1, 2]}},
    "axes: of objects": {"axes": {"error": [{}, {}]}},
    "axes: of an object": {"axes": {"error": {"drop": 0}}},
    "axes: too few": {"axes": {"error": ["drop"]}},
    "axes: too many": {"axes": {"error": ["drop"] * 5000}},
    "axes: the same": {"axes": {"error": ["drop", "drop"]}},
    "axes: missing values": {"axes": {"nobody": ["drop"], "error": ["nobody", "seed"]}},
    "axes: a text of": {"axes": {"error": "drop"}},
    "axes: odd names": {"axes": {"error": ["two\nlines\x1b[31m", "\u202e\ud800"]}},
    "axes: long names": {"axes": {"error": ["a" * 100_000, "b"]}},
    "axes: nested": {"axes": {"error": {"error": {"error": ["drop"]}}}},
    "axes: of axes": {"axes": {"axes": {"axes": ["axes"]}}},
    "axes: mixed": {"axes": {"error": ["drop", None]}},
    "axes: of true": {"axes": {"error": [True, False]}},
}
TEXTS_BY_NAME: dict[str, tuple[str, str]] = {
    "a name twice": ('"x": 1,', '"x": 1, "x": [2],'),
    "everything twice": ('"values": {', '"values": {}, "values": {'),
    "1e999": ('"x": 1,', '"x": 1e999,'),
    "a huge exponent": ('"x": 1,', '"x": 1e99999999999999999999,'),
    "a tiny exponent": ('"x": 1,', '"x": 1e-99999999999999999999,'),
    "NaN": ('"x": 1,', '"x": NaN,'),
    "-Infinity": ('"x": 1,', '"x": -Infinity,'),
    "5,000 digits": ('"x": 1,', f'"x": {"9" * 5000},'),
    "a million digits": ('"x": 1,', f'"x": {"9" * 1_000_000},'),
    "digits after the point": ('"x": 1,', f'"x": 0.{"9" * 100_000},'),
    "half a pair": ('"x": 1,', '"x": "\\ud800", "\\udfff": 1,'),
    "a million brackets": ('"x": 1,', f'"x": {"[" * 1_000_000}'),
    "a million braces": ('"x": 1,', '"x": ' + '{"":' * 1_000_000),
    "nothing": ('"schema"', '\0"schema"'),
    "a mark": ("{", "\ufeff{"),
}


def write(site: TinyProject, change: dict[str, Any]) -> None:
    """Change values of a record, and seal it anew as somebody would who knows how."""
    document = site.record_json("answer")
    document["values"] |= change
    document["arrays"] = {}
    try:
        document["seals"] = {name: codec.seal(value, {}) for name, value in document["values"].items()}
        document["seal"] = _description_seal(document)
        text = json.dumps(document)
    except (RecursionError, ValueError):
        shape = json.dumps(document | {"values": {}})
        text = shape.replace('"values": {}', '"values": {"x": ' + "[" * 30_000 + "]" * 30_000 + "}")
    site.write(PATH, text)


def try_everything(site: TinyProject, told: str) -> None:
    """Call all that reads records; whatever comes, it is sentences."""
    for command in (["status"], ["check"], ["why", "answer"], ["diff"], ["build", "--no-run"], ["trim", "--dry-run"]):
        done = site.run(*command)
        assert "Traceback" not in done.text and done.code in (0, 1, 2, 3), (told, command, done.text)
        assert "\x1b" not in done.text and "\u202e" not in done.text, (told, command)
        # A difference tells each of many names.
        assert len(done.text) < 40_000 or told == "many names", (told, command, len(done.text))
    files = {f"answer/{name}": data for name, data in site.record_files().items() if not name.endswith(".tar.gz")}
    path = site.folder / "out.tar.gz"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    path.write_bytes(gzip.compress(stream.getvalue(), 1))
    done = site.run("adopt", str(path), "--dry-run")
    assert "Traceback" not in done.text and done.code in (0, 1, 3), (told, done.text)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    site = TinyProject({"snippets/answer.py": ANSWER, "docs/index.md": PAGE}, tmp_path_factory.mktemp("hostile"))
    site.put("answer", VALUES, figures=[make_figure()], output="said")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"],
    ):
        subprocess.run(["git", "-C", str(site.folder), *command], check=True)
    good = site.read(PATH)
    return site, good


@pytest.mark.parametrize("name", VALUES_BY_NAME)
def test_values_of_any_kind_are_read_or_told(recorded, name):
    site, good = recorded
    site.write(PATH, good)
    write(site, VALUES_BY_NAME[name])
    record = None
    try:
        record = Store(site.project).get(RUN)
    except Exception as error:
        assert "this record cannot be read" in str(error)
    assert record is None or DESCRIPTION not in record.damaged
    try_everything(site, name)


@pytest.mark.parametrize("name", TEXTS_BY_NAME)
def test_json_of_any_kind_is_read_or_told(recorded, name):
    site, good = recorded
    old, new = TEXTS_BY_NAME[name]
    assert good.count(old) >= 1
    site.write(PATH, good.replace(old, new, 1))
    try_everything(site, name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names here")
@pytest.mark.parametrize(
    ("file", "what"),
    [("quick-cpu.json", "zeros"), ("quick-cpu.json", "sparse"), ("the drawing", "pipe"), ("the array", "folder")],
)
def test_what_stands_in_place_of_a_file_and_never_ends_is_told(tiny_project, file, what):
    # In a process of its own: a read that never ends could not be ended here.
    large = {"mkdocs.yml": MKDOCS.replace("  - asrun\n", "  - asrun:\n      array_mb: 0.00001\n")}
    project = tiny_project(large | {"snippets/answer.py": ANSWER, "docs/index.md": "# Answer\n\n{{ answer.x }}\n"})
    project.put("answer", VALUES | {"drop": np.arange(9.0)}, figures=[make_figure()])
    folder = project.folder / "snippets/records/answer"
    suffix = {"the drawing": "*.svg", "the array": "*.npy.gz"}.get(file, file)
    (path,) = folder.glob(suffix)
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "zeros":
        path.symlink_to("/dev/zero")
    elif what == "folder":
        path.mkdir()
    else:
        with path.open("wb") as stream:
            stream.truncate(2**36)
    for command in (["status"], ["trim", "--dry-run"]):
        done = subprocess.run(
            [sys.executable, "-m", "asrun.cli", *command],
            cwd=project.folder, capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        if command == ["status"]:
            assert done.returncode == 3 and ("broken" in done.stdout or "changed by hand" in done.stdout), done.stdout


def test_a_link_among_records_publishes_nothing_from_elsewhere(tiny_project, tmp_path):
    project = tiny_project({"snippets/answer.py": ANSWER, "docs/index.md": "# Answer\n\n{{ answer.answer }}\n"})
    assert project.run("run", "answer").code == 0
    private = tmp_path / "private.json"
    private.write_text('{"key": 1}', "utf-8")
    within = project.folder / "snippets/records"
    (within / "answer/private.json").symlink_to(private)
    (within / "answer/quick-cpu.x.0a0a0a0a.npy.gz").symlink_to(private)
    (within / "answer/copy.json").symlink_to("quick-cpu.json")
    assert project.run("build").code == 0
    published = {path.name for path in (project.folder / "site/snippets/records").rglob("*")}
    assert published == {"answer", "quick-cpu.json", "copy.json"}
