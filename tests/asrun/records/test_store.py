"""Records are written whole, read back as they were, and found out when somebody edits them by hand."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.errors import AsrunError
from asrun.model import RunName
from asrun.records import store as stores
from asrun.records.store import Store, write_whole
from asrun.testing import ANSWER, TinyProject, make_figure, make_record, raised

RUN = RunName("answer", "quick", "cpu")
VALUES = {
    "error": np.array([[0.125, 0.5], [0.25, 1.0]]),
    "n": 60000,
    "word": "seven",
    "nested": {"rate": 0.1, "flags": np.array([True, False])},
    "nothing": None,
    "exact": 1234567890123456789,
}


@pytest.fixture
def project(tiny_project):
    return tiny_project({"snippets/answer.py": ANSWER})


def damage(project: TinyProject, old: str, new: str) -> frozenset[str]:
    """Edit the record's JSON by hand; return what is found to be damaged."""
    project.edit("snippets/records/answer/quick-cpu.json", old, new)
    return project.store.get(RUN).damaged


def test_a_record_comes_back_as_it_was_put(project):
    put = make_record(
        RUN,
        VALUES,
        question="Wie groß?",
        parameters={"seeds": 3, "widths": [1, 2], "name": "a"},
        output="one\n\n  two\u2028three\x0cfour",
        figures={"figure": make_figure(), "other": make_figure("other", "drawn ✓")},
        code={"snippets/answer.py": {"run": "ab"}},
        files={"docs/a.json": "cd"},
        plot_code={"asrun": {"figure style": "ef"}},
        plot_files={"$DATA/b": "01"},
    )
    path = project.store.put(put)
    assert project.project.relative(path) == "snippets/records/answer/quick-cpu.json"
    got = project.store.get(RUN)
    for name in ("run", "question", "parameters", "output", "figures", "code", "files", "plot_code", "plot_files"):
        assert getattr(got, name) == getattr(put, name), name
    assert got.provenance == put.provenance
    assert got.damaged == frozenset()
    assert np.array_equal(got.values["error"], VALUES["error"])
    assert got.values["nested"]["flags"].dtype == bool
    assert {key: got.values[key] for key in ("n", "word", "nothing", "exact")} == {
        key: VALUES[key] for key in ("n", "word", "nothing", "exact")
    }


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])))
def test_what_was_printed_comes_back_as_it_was(output):
    with tempfile.TemporaryDirectory() as folder:
        store = TinyProject({}, Path(folder)).store
        store.put(make_record(RUN, {}, output=output))
        assert store.get(RUN).output == output


def test_the_same_record_twice_is_the_same_file(project):
    project.store.put(make_record(RUN, VALUES, figures={"figure": make_figure()}))
    before = project.record_files()
    project.store.put(make_record(RUN, VALUES, figures={"figure": make_figure()}))
    assert project.record_files() == before


def test_there_is_no_record_before_it_is_put(project):
    assert project.store.get(RUN) is None
    assert project.store.list() == []
    assert project.store.best("answer") is None


def test_every_record_is_listed_and_a_notebook_is_none(project):
    for run in (RUN, RunName("answer", "full-size", "cuda"), RunName("other", "quick", "cpu")):
        project.store.put(make_record(run, {}))
    project.write("snippets/records/labs/turn-the-knob.ipynb", "{}")
    project.write("snippets/records/labs/notes.json", "{}")
    assert [str(run) for run in project.store.list()] == [
        "answer (full-size, cuda)",
        "answer (quick, cpu)",
        "other (quick, cpu)",
    ]


def test_the_preferred_scale_and_device_come_first(project):
    store = project.store
    store.put(make_record(RunName("answer", "quick", "cuda"), {}))
    store.put(make_record(RunName("answer", "full", "cpu"), {}))
    assert str(store.best("answer").run) == "answer (full, cpu)"
    store.put(make_record(RunName("answer", "full", "cuda"), {}))
    assert str(store.best("answer").run) == "answer (full, cuda)"
    assert str(store.best("answer", "quick").run) == "answer (quick, cuda)"


# By hand


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("[0.25, 1.0]", "[0.25, 1.1]", "error"),
        ("[0.25, 1.0]", "[0.25, 1]", "error"),
        ('"n": 60000', '"n": 60001', "n"),
        ("1234567890123456789", "1234567890123456788", "exact"),
        ('"seven"', '"eight"', "word"),
        ('"rate": 0.1', '"rate": 0.10000000000000002', "nested"),
        ("[true, false]", "[true, true]", "nested"),
        ('"nothing": null,', '"nothing": 0,', "nothing"),
        ('"nested.flags": "bool"', '"nested.flags": "int64"', "nested"),
        ('"error": "float64"', '"error": "float32"', "error"),
        ('    "word": "seven",\n', "", "word"),
        ('    "word": "seven",\n', '    "word": "seven",\n    "new": 1,\n', "new"),
    ],
)
def test_one_digit_changed_by_hand_is_found_and_only_that_value_is_damaged(project, old, new, name):
    project.store.put(make_record(RUN, VALUES))
    assert damage(project, old, new) == {name}


@given(data=st.data())
def test_no_edit_of_a_digit_goes_unnoticed(data):
    with tempfile.TemporaryDirectory() as folder:
        project = TinyProject({}, Path(folder))
        project.store.put(make_record(RUN, VALUES))
        path = "snippets/records/answer/quick-cpu.json"
        text = project.read(path)
        start, end = text.index('"values"'), text.index('"arrays"')
        places = [place.start() for place in re.finditer(r"\d", text) if start < place.start() < end]
        place = data.draw(st.sampled_from(places))
        digit = data.draw(st.sampled_from("0123456789".replace(text[place], "")))
        edited = text[:place] + digit + text[place + 1 :]
        project.write(path, edited)
        try:
            same = json.loads(text)["values"] == json.loads(edited)["values"]
        except ValueError:
            assert "cannot be read" in raised(project.store.get, RUN)
        else:
            # 0.10 is 0.1, and no lie.
            assert len(project.store.get(RUN).damaged) == (0 if same else 1)


def test_formatting_by_hand_is_no_damage(project):
    path = project.store.put(make_record(RUN, VALUES))
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")), indent=7), "utf-8")
    assert project.store.get(RUN).damaged == frozenset()


def test_output_edited_by_hand_is_found_and_records_from_before_it_was_sealed_are_good(project):
    path = project.store.put(make_record(RUN, VALUES, output="97 %\nheads"))
    text = path.read_text("utf-8")
    assert damage(project, '"97 %"', '"99 %"') == {"what it printed"}
    document = json.loads(text)
    del document["output_seal"]
    path.write_text(json.dumps(document), "utf-8")
    assert project.store.get(RUN).damaged == frozenset()


def test_a_figure_edited_or_deleted_by_hand_is_found(project):
    path = project.store.put(make_record(RUN, VALUES, figures={"figure": make_figure(), "other": make_figure("other")}))
    (drawing,) = path.parent.glob("*.figure.*.svg")
    drawing.write_text(drawing.read_text("utf-8").replace("drawn", "forged"), "utf-8")
    assert project.store.get(RUN).damaged == {"figure figure"}
    drawing.unlink()
    assert project.store.get(RUN).damaged == {"figure figure"}


def test_a_record_cannot_name_a_figure_outside_of_its_folder(project):
    project.write("secret.svg", "<svg/>")
    path = project.store.put(make_record(RUN, {}, figures={"figure": make_figure()}))
    document = json.loads(path.read_text("utf-8"))
    document["figures"]["figure"]["file"] = "../../../secret.svg"
    path.write_text(json.dumps(document), "utf-8")
    assert project.store.get(RUN).figures["figure"].svg == ""


@pytest.mark.parametrize(
    "break_it",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: "null",
        lambda text: text.replace('"schema": 1', '"schema": 2'),
        lambda text: text.replace('"seals"', '"seal"'),
        lambda text: text.replace('"when"', '"then"'),
        lambda text: text.replace('"float64"', '"float63"'),
        lambda text: text.replace("[0.25, 1.0]", "[0.25]"),
        lambda text: text.replace("[0.25, 1.0]", '["a", {}]'),
        lambda text: text.replace('"figures": {}', '"figures": {"figure": {}}'),
        lambda text: "<<<<<<< HEAD\n" + text,
        lambda text: "[" * 100_000,
    ],
)
def test_a_record_that_cannot_be_understood_is_told_with_its_remedy(project, break_it):
    path = project.store.put(make_record(RUN, VALUES))
    text = path.read_text("utf-8")
    assert break_it(text) != text
    path.write_text(break_it(text), "utf-8")
    message = raised(project.store.get, RUN)
    assert message.startswith("snippets/records/answer/quick-cpu.json: this record cannot be read")
    assert "asrun run answer --scale quick" in message


def test_a_record_that_is_not_text_is_told(project):
    project.store.put(make_record(RUN, VALUES)).write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in raised(project.store.get, RUN)


def test_reading_notices_that_the_file_changed(project):
    store = project.store
    path = store.put(make_record(RUN, {"n": 1}))
    assert store.get(RUN).values["n"] == 1
    store.put(make_record(RUN, {"n": 2}))
    assert store.get(RUN).values["n"] == 2
    modified = path.stat().st_mtime_ns
    Store(store.project).put(make_record(RUN, {"n": 3}))
    os.utime(path, ns=(modified + 1, modified + 1))
    assert store.get(RUN).values["n"] == 3


# Whole or not at all


def test_figures_that_are_replaced_are_swept_away_and_others_are_not(project):
    store = project.store
    other = store.put(
        make_record(RunName("answer", "full", "cpu"), {}, figures={"figure": make_figure("figure", "other scale")})
    )
    store.put(make_record(RUN, {}, figures={"figure": make_figure(), "old": make_figure("old")}))
    store.put(make_record(RUN, {}, figures={"figure": make_figure("figure", "drawn anew")}))
    names = sorted(path.name for path in other.parent.glob("*.svg"))
    assert [name.rsplit(".", 2)[0] for name in names] == ["full-cpu.figure", "quick-cpu.figure"]
    assert "drawn anew" in store.get(RUN).figures["figure"].svg


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_record_whole(project, monkeypatch, failing, moment):
    store = project.store
    store.put(make_record(RUN, {"n": 1}, figures={"figure": make_figure("figure", "old")}))
    before = store.get(RUN)
    calls, real = [], getattr(os, moment)

    def full(*arguments):
        calls.append(arguments)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(stores.os, moment, full)
    new = {"figure": make_figure("figure", "new"), "more": make_figure("more", "new")}
    with pytest.raises(AsrunError, match=r"cannot be written \(No space left"):
        store.put(make_record(RUN, {"n": 2}, figures=new))
    monkeypatch.undo()
    again = Store(store.project).get(RUN)
    assert (again.values, again.figures, again.damaged) == (before.values, before.figures, frozenset())
    assert not list(store.folder.rglob("*.part")) + list(store.folder.rglob(".*"))
    store.put(make_record(RUN, {"n": 2}, figures=new))
    assert len(list(store.folder.rglob("*.svg"))) == 2


def test_a_file_is_the_old_one_or_the_new_one(tmp_path):
    path = tmp_path / "deep" / "file.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [each.name for each in path.parent.iterdir()] == ["file.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_result_that_has_no_utf8_is_stored_all_the_same(project):
    project.store.put(make_record(RUN, {"word": "half \ud800 a pair"}))
    assert project.store.get(RUN).values == {"word": "half \ud800 a pair"}
    assert project.store.get(RUN).damaged == frozenset()


def test_what_cannot_be_recorded_leaves_the_old_record_whole(project):
    project.store.put(make_record(RUN, {"n": 1}))
    with pytest.raises(AsrunError, match="cannot be recorded"):
        project.store.put(make_record(RUN, {"n": object()}, figures={"figure": make_figure()}))
    assert list(project.record_files()) == ["quick-cpu.json"]


def test_remarks_come_back_are_sealed_and_leave_no_trace_where_there_are_none(project):
    path = project.store.put(make_record(RUN, {"heads": 0.5}))
    assert "remarks" not in json.loads(path.read_text())
    path = project.store.put(make_record(RUN, {"heads": 0.5}, remarks=("it drew no random numbers", "a second one")))
    assert project.store.get(RUN).remarks == ("it drew no random numbers", "a second one")
    path.write_text(path.read_text().replace("drew no", "drew"))
    assert project.store.get(RUN).damaged == {stores.DESCRIPTION}
    path.write_text(path.read_text().replace("drew", "drew\\u001b[2J no"))
    assert "remarks.0 must be a line of plain text" in raised(project.store.get, RUN)
