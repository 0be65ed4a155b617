"""Bundles carry records between machines exactly; whatever else is put into one is refused, and nothing is taken in."""

from __future__ import annotations

import ast
import copy
import errno
import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrun.errors import AsrunError
from asrun.freshness.conditions import record_condition
from asrun.freshness.snippet import find_snippet
from asrun.model import Figure, Record, RunName
from asrun.pages.context import Context
from asrun.records import codec, schema, store
from asrun.remote import bundle
from asrun.remote.bundle import Outcome, adopt, pack
from asrun.testing import ANSWER, COIN, TinyProject, make_figure, raised

RUN = RunName("answer", "quick", "cpu")
VALUES = {
    "error": np.array([[0.125, np.nan], [0.25, 1.0]], dtype="float32"),
    "empty": np.zeros((0, 3)),
    "flags": np.array([True, False]),
    "nested": {"rate": 0.1, "word": "seven", "nothing": None},
    "exact": 1234567890123456789,
    "unbounded": float("inf"),
}
FILES = {"snippets/answer.py": ANSWER, "snippets/other.py": ANSWER, "docs/data.json": "{}"}
JSON, SVG = "answer/quick-cpu.json", "answer/quick-cpu.figure.{}.svg"


@pytest.fixture
def gpu(tmp_path):
    made = TinyProject(FILES, tmp_path / "gpu")
    made.put(
        "answer",
        VALUES,
        figures=[make_figure(), make_figure("other", "drawn too")],
        output="one\ntwo",
        files=data(made),
    )
    return made


@pytest.fixture
def laptop(tmp_path):
    return TinyProject(FILES, tmp_path / "laptop")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.tar.gz"


def data(project: TinyProject) -> dict[str, str]:
    return {"docs/data.json": hashlib.sha256(project.read("docs/data.json").encode()).hexdigest()}


def carry(source: TinyProject, target: TinyProject, path: Path, *runs: RunName, **options: Any) -> list[str]:
    """Pack at one place, adopt at the other; return what was told."""
    pack(source.project, source.store, runs or (RUN,), path)
    return [f"{each.run} {each}" for each in adopt(target.project, target.store, path, **options)]


def members_of(project: TinyProject) -> dict[str, bytes]:
    return {f"answer/{name}": content for name, content in project.record_files().items()}


def tarred(members: dict[str, bytes] | list[tuple[tarfile.TarInfo, bytes]], **options: Any) -> bytes:
    """Make a gzipped tar by hand."""
    if isinstance(members, dict):
        members = [(header(name, size=len(content)), content) for name, content in members.items()]
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", **options) as archive:
        for each, content in members:
            archive.addfile(each, io.BytesIO(content))
    return file.getvalue()


def header(name: str, **fields: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def refused(target: TinyProject, path: Path, content: bytes) -> str:
    """Adopt a bundle that must be refused as a whole; return what an author is told."""
    path.write_bytes(content)
    before = target.record_files()
    message = raised(adopt, target.project, target.store, path, allow_stale=True, replace=True)
    assert target.record_files() == before
    assert not [each for each in path.parent.rglob("*") if each.name.endswith(".part")]
    assert message.startswith("out.tar.gz") and message.count("\n") == 1 and message.isascii(), message
    return message


def redrawn(project: TinyProject, svg: str, name: str = "figure", alt: str = "drawn") -> dict[str, bytes]:
    """Return the members of a bundle whose record has this drawing, with every digest right."""
    record = project.store.get(RUN)
    figures = {name: Figure(name, svg, alt)}
    content = project.store.files(Record(**{**vars(record), "figures": figures}))
    return {f"answer/{file}": each for file, each in content.items()}


def edited(project: TinyProject, edit: Callable[[dict[str, Any]], Any]) -> dict[str, bytes]:
    """Return the members of a bundle whose record was edited and sealed anew."""
    members = members_of(project)
    content = json.loads(members[JSON])
    edit(content)
    reseal(content)
    return members | {JSON: json.dumps(content).encode()}


def reseal(content: Any) -> None:
    """Write the seals that somebody who knows how would write; a document without values has none."""
    try:
        values, arrays = content["values"], content["arrays"]
        of = {each: {at: told for at, told in arrays.items() if at.partition(".")[0] == each} for each in values}
        content["seals"] = {each: codec.seal(values[each], of[each]) for each in values}
        content["output_seal"] = codec.seal("\n".join(content["output"]), {})
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        pass


# From one machine to another


def test_what_was_run_at_one_place_is_the_same_at_the_other(tmp_path, path):
    gpu, laptop = (TinyProject({"snippets/coin.py": COIN}, tmp_path / name) for name in ("gpu", "laptop"))
    assert gpu.run("run", "coin").code == 0
    assert carry(gpu, laptop, path, RunName("coin", "quick", "cpu")) == ["coin (quick, cpu) adopted"]
    assert laptop.record_files() == gpu.record_files()
    assert len(laptop.record_files()) == 2
    assert "fresh" in laptop.run("run", "coin").out


def test_records_are_adopted_to_the_last_byte(gpu, laptop, path):
    gpu.put("other", {"n": 1})
    told = carry(gpu, laptop, path, RunName("other", "quick", "cpu"), RUN, RUN)
    assert told == ["answer (quick, cpu) adopted", "other (quick, cpu) adopted"]
    for name in ("answer", "other"):
        assert laptop.read(f"snippets/records/{name}/quick-cpu.json") == gpu.read(
            f"snippets/records/{name}/quick-cpu.json"
        )
    assert laptop.record_files() == gpu.record_files()
    assert np.array_equal(laptop.store.get(RUN).values["error"], VALUES["error"], equal_nan=True)


def test_the_same_records_make_the_same_bytes(gpu, laptop, path, monkeypatch):
    gpu.put("other", {"n": 1})
    other = RunName("other", "quick", "cpu")
    carry(gpu, laptop, path, RUN, other)
    once = path.read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)
    again = path.with_name("again.tar.gz")
    pack(laptop.project, laptop.store, [other, RUN], again)
    assert again.read_bytes() == once
    with tarfile.open(path) as archive:
        found = archive.getmembers()
    assert [each.name for each in found] == sorted(each.name for each in found)
    assert {(each.mtime, each.uid, each.gid, each.uname, each.gname, each.mode) for each in found} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_a_bundle_that_tar_itself_made_is_as_good(gpu, laptop, path):
    path.write_bytes(tarred(members_of(gpu), format=tarfile.GNU_FORMAT))
    assert [each.outcome for each in adopt(laptop.project, laptop.store, path)] == [Outcome.ADOPTED]
    assert laptop.record_files() == gpu.record_files()


def test_figures_that_a_record_replaces_are_swept_away(gpu, laptop, path):
    laptop.put("answer", {"n": 1}, figures=[make_figure("figure", "drawn long ago")])
    assert carry(gpu, laptop, path, replace=True) == ["answer (quick, cpu) adopted"]
    assert laptop.record_files() == gpu.record_files()


def test_what_cannot_be_packed_is_told(gpu, path, monkeypatch):
    def told(*runs):
        message = raised(pack, gpu.project, gpu.store, runs, path)
        assert not path.exists()
        return message

    assert "other (quick, cpu) has no record" in told(RunName("other", "quick", "cpu"))
    assert "there is no record to put into a bundle" in told()
    with monkeypatch.context() as patch:
        patch.setattr(bundle, "LARGEST_BUNDLE", 1000)
        assert "more than 0 MiB unpacked" in told(RUN)
    with monkeypatch.context() as patch:
        patch.setitem(bundle.LARGEST_MEMBER, ".json", 100)
        assert "answer/quick-cpu.json: it has" in told(RUN)
    path.parent.joinpath("file").write_text("")
    with pytest.raises(AsrunError, match="cannot be written"):
        pack(gpu.project, gpu.store, [RUN], path.parent / "file" / "out.tar.gz")
    gpu.edit("snippets/records/answer/quick-cpu.json", "1234567890123456789", "1234567890123456788")
    assert "changed by hand: exact" in told(RUN)


# Fresh, or not


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("snippets/answer.py", "twice=21", "twice=22", "twice was 21, is 22"),
        ("snippets/answer.py", "2 * twice", "3 * twice", "snippets/answer.py: run changed"),
        ("docs/data.json", "{}", "[]", "docs/data.json changed"),
    ],
)
def test_a_record_of_other_code_or_data_is_refused_with_its_reason(gpu, laptop, path, file, old, new, reason):
    laptop.edit(file, old, new)
    assert carry(gpu, laptop, path) == [f"answer (quick, cpu) refused: stale: {reason}"]
    assert laptop.record_files() == {}
    assert carry(gpu, laptop, path, allow_stale=True) == [f"answer (quick, cpu) adopted: stale: {reason}"]
    assert laptop.record_files() == gpu.record_files()


def test_a_record_of_nothing_that_is_here_is_refused_whatever_is_allowed(gpu, laptop, path):
    laptop.edit("snippets/answer.py", '"quick"', '"slow"')
    assert carry(gpu, laptop, path, allow_stale=True) == ["answer (quick, cpu) refused: answer has no scale quick here"]
    (laptop.folder / "snippets/answer.py").unlink()
    assert carry(gpu, laptop, path, allow_stale=True) == [
        "answer (quick, cpu) refused: there is no snippet called answer"
    ]
    assert laptop.record_files() == {}


def test_what_is_fresh_here_is_kept_unless_it_is_to_be_replaced(gpu, laptop, path):
    laptop.put("answer", {"n": 1})
    before = laptop.record_files()
    assert carry(gpu, laptop, path) == ["answer (quick, cpu) kept: the record here is fresh"]
    assert laptop.record_files() == before
    assert carry(gpu, laptop, path, replace=True) == ["answer (quick, cpu) adopted"]
    assert laptop.record_files() == gpu.record_files()


@pytest.mark.parametrize("how", ["stale", "damaged", "torn"])
def test_what_is_not_fresh_here_is_replaced(gpu, laptop, path, how):
    laptop.put("answer", {"n": 1})
    record = "snippets/records/answer/quick-cpu.json"
    if how == "torn":
        laptop.write(record, "{")
    else:
        laptop.edit(record, *{"stale": ('"twice": 21', '"twice": 1'), "damaged": ('"n": 1', '"n": 2')}[how])
    assert carry(gpu, laptop, path) == ["answer (quick, cpu) adopted"]
    assert laptop.record_files() == gpu.record_files()


def test_each_record_is_judged_by_itself(gpu, laptop, path):
    gpu.put("other", {"n": 1})
    laptop.edit("snippets/answer.py", "2 * twice", "3 * twice")
    told = carry(gpu, laptop, path, RUN, RunName("other", "quick", "cpu"))
    assert told == [
        "answer (quick, cpu) refused: stale: snippets/answer.py: run changed",
        "other (quick, cpu) adopted",
    ]


@pytest.mark.parametrize("options", [{}, {"allow_stale": True, "replace": True}])
def test_a_dry_run_tells_the_same_and_changes_nothing(gpu, laptop, path, options):
    laptop.put("answer", {"n": 1})
    before = laptop.record_files()
    told = carry(gpu, laptop, path, dry_run=True, **options)
    assert laptop.record_files() == before
    assert told == carry(gpu, laptop, path, **options)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_full_disk_leaves_the_old_record_whole(gpu, laptop, path, monkeypatch, failing):
    pack(gpu.project, gpu.store, [RUN], path)
    laptop.put("answer", {"n": 1}, figures=[make_figure("figure", "old")])
    calls, real = [], os.replace

    def full(*arguments):
        calls.append(arguments)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(store.os, "replace", full)
    assert "No space left" in raised(adopt, laptop.project, laptop.store, path, replace=True)
    found = laptop.store.get(RUN)
    assert (found.values, found.damaged) == ({"n": 1}, frozenset())
    assert "old" in found.figures["figure"].svg


# The command


def test_the_commands_tell_what_was_done_and_exit_by_it(gpu, laptop, path):
    packed = gpu.run("run", "answer", "--bundle", str(path))
    assert packed.code == 0 and f"packed  1 record -> {path}" in packed.out, packed.text
    result = laptop.run("adopt", str(path), "--dry-run")
    assert (result.code, laptop.record_files()) == (0, {})
    assert result.out == "adopted  answer (quick, cpu)\nnothing was written: this was a dry run\n"
    assert laptop.run("adopt", str(path)).out == "adopted  answer (quick, cpu)\n"
    assert laptop.run("adopt", str(path)).out == "kept  answer (quick, cpu): the record here is fresh\n"
    laptop.edit("snippets/answer.py", "twice=21", "twice=[22]")
    result = laptop.run("adopt", str(path))
    assert (result.code, result.out) == (3, "refused  answer (quick, cpu): stale: twice was 21, is [22]\n")
    assert laptop.run("adopt", str(path), "--allow-stale").code == 0
    path.write_bytes(b"no bundle")
    result = laptop.run("adopt", str(path))
    assert result.code == 1 and result.err.startswith("asrun: out.tar.gz: this bundle cannot be read")
    assert "No such file" in laptop.run("adopt", "nowhere.tar.gz").err


# Hostile archives


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "/answer/quick-cpu.json",
        "../answer/quick-cpu.json",
        "answer/../quick-cpu.json",
        "answer/../../../mkdocs.yml",
        "./answer/quick-cpu.json",
        "answer/more/quick-cpu.json",
        "answer\\quick-cpu.json",
        "C:/quick-cpu.json",
        "quick-cpu.json",
        "answer/quick.json",
        "answer/quick-tpu.json",
        "answer/-cpu.json",
        "answer/quick-cpu.json ",
        "answer/quick-cpu.JSON",
        "answer/quick-cpu.py",
        "answer/quick-cpu.figure.svg",
        "answer/quick-cpu.figure.1234567.svg",
        "answer/quick-cpu.figure.1234567G.svg",
        "answer/quick-cpu.fig.ure.12345678.svg",
        "answer/quick-cpu.figure.12345678.svg.exe",
        "answer/.quick-cpu.json.part",
        ".git/quick-cpu.json",
        "answer/quick\n-cpu.json",
        "answer/quick\x1b[31m-cpu.json",
        "answer/qu ick-cpu.json",
        "answer/con:-cpu.json",
        "answer\u202e/quick-cpu.json",
        "answer/quick-cpu.json\udcff",
        "",
    ],
)
def test_only_names_of_records_and_figures_are_members(gpu, laptop, path, name):
    content = tarred(members_of(gpu) | {name: b"{}"}, format=tarfile.USTAR_FORMAT, errors="surrogateescape")
    assert "this is not the name of a record, a figure or an array" in refused(laptop, path, content)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.DIRTYPE, "a folder"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.CONTTYPE, "not a plain file"),
        (tarfile.GNUTYPE_SPARSE, "not a plain file"),
        (tarfile.XGLTYPE, "not a plain file"),
        (b"Z", "not a plain file"),
    ],
)
def test_only_plain_files_are_members(gpu, laptop, path, kind, told):
    link = header("other/quick-cpu.json", type=kind, linkname="../../../mkdocs.yml")
    members = [(header(name, size=len(content)), content) for name, content in members_of(gpu).items()]
    message = refused(laptop, path, tarred([*members, (link, b"")], format=tarfile.GNU_FORMAT))
    assert message.startswith(f"out.tar.gz: other/quick-cpu.json: it is {told}\n")


def test_extensions_of_the_format_are_not_followed(gpu, laptop, path):
    long = header("answer/" + "a" * 300 + "-cpu.json", size=0)
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert "not a plain file" in refused(laptop, path, tarred([(long, b"")], format=form))
    extended = header(JSON, size=2, pax_headers={"path": "../../mkdocs.yml"})
    content = tarred([(extended, b"{}")], format=tarfile.PAX_FORMAT)
    assert "not a plain file" in refused(laptop, path, content)


@pytest.mark.parametrize("second", [JSON, "Answer/quick-cpu.json", "answer/QUICK-cpu.json"])
def test_two_members_of_a_name_are_refused(gpu, laptop, path, second):
    members = [(header(name, size=len(content)), content) for name, content in members_of(gpu).items()]
    again = (header(second, size=2), b"{}")
    assert "there are two of this name" in refused(laptop, path, tarred([*members, again]))


@pytest.mark.parametrize("size", [-512, -1, 2**62, bundle.LARGEST_MEMBER[".json"] + 1])
def test_a_size_that_cannot_be_is_refused_before_anything_is_read(laptop, path, size):
    block = header(JSON, size=size).tobuf(tarfile.GNU_FORMAT)
    assert f"it has {size} bytes" in refused(laptop, path, gzip.compress(block + bytes(4096)))


def test_what_unpacks_to_too_much_stops_at_the_limit(gpu, laptop, path, monkeypatch):
    read, real = [], gzip.GzipFile.read

    def counted(stream, size):
        read.append(size)
        return real(stream, size)

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    monkeypatch.setattr(bundle, "LARGEST_BUNDLE", 2**20)
    members = [(header(f"a{n}/quick-cpu.json", size=2**19), bytes(2**19)) for n in range(8)]
    assert "more than 1 MiB unpacked" in refused(laptop, path, tarred(members))
    assert sum(read) < 2**20
    # Zeros after the end, where nobody looks: a thousand times as many as there are bytes in the file.
    read.clear()
    good = gzip.decompress(tarred(members_of(gpu)))
    assert "more than 1 MiB unpacked" in refused(laptop, path, gzip.compress(good + bytes(2**24)))
    assert sum(read) <= 2**20 + 512


def test_too_many_members_are_refused(laptop, path, monkeypatch):
    monkeypatch.setattr(bundle, "MOST_MEMBERS", 10)
    members = {f"a{n}/quick-cpu.json": b"{}" for n in range(11)}
    assert "more than 10 members" in refused(laptop, path, tarred(members))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda good: b"", "cannot be read"),
        (lambda good: b"PK\x03\x04", "cannot be read"),
        (lambda good: good[: len(good) // 2], "cannot be read"),
        (lambda good: good[:-4] + b"abcd", "cannot be read"),
        (lambda good: good[:200] + bytes(20) + good[220:], "cannot be read"),
        (lambda good: gzip.compress(b"no tar at all" * 100), "cannot be read"),
        (lambda good: gzip.compress(gzip.decompress(good)[:700]), "it ends in the middle"),
        (lambda good: gzip.compress(gzip.decompress(good) + b"more"), "goes on after its end"),
        (lambda good: good + good, "goes on after its end"),
        (lambda good: gzip.compress(bytes(1024)), "holds no record"),
        (lambda good: gzip.decompress(good), "cannot be read"),
    ],
)
def test_a_damaged_bundle_is_told(gpu, laptop, path, damage, told):
    assert told in refused(laptop, path, damage(tarred(members_of(gpu))))


@settings(max_examples=100)
@given(data=st.data())
def test_no_flipped_byte_gets_past_or_ends_in_a_traceback(data):
    with tempfile.TemporaryDirectory() as folder:
        site, path = TinyProject(FILES, Path(folder) / "site"), Path(folder) / "out.tar.gz"
        site.put("answer", VALUES, figures=[make_figure()])
        good = gzip.decompress(tarred(members_of(site)))
        # Zeros that nobody reads are most of a tar: its headers and what they announce are to be hit.
        at = data.draw(st.integers(0, len(good.rstrip(b"\0")) - 1))
        bad = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
        path.write_bytes(gzip.compress(bad))
        before = site.record_files()
        try:
            adopt(site.project, site.store, path, replace=True)
        except AsrunError:
            assert site.record_files() == before
        else:
            assert site.store.get(RUN).damaged == frozenset()


# Hostile records


def test_one_bad_member_spoils_the_bundle(gpu, laptop, path):
    gpu.put("other", {"n": 1})
    pack(gpu.project, gpu.store, [RUN, RunName("other", "quick", "cpu")], path)
    with tarfile.open(path) as archive:
        members = {each.name: archive.extractfile(each).read() for each in archive}
    assert len(members) == 4
    for name, content in members.items():
        spoilt = members | {name: content[: len(content) // 2]}
        assert name.partition(".")[0] in refused(laptop, path, tarred(spoilt))
        if name.endswith(".svg"):
            without = {each: data for each, data in members.items() if each != name}
            assert "changed by hand" in refused(laptop, path, tarred(without))
    assert "no record names this file" in refused(
        laptop, path, tarred({name: content for name, content in members.items() if name != JSON})
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe", "can't decode"),
        (b"[]", "it must be an object, and is a list"),
        (b"null", "it must be an object, and is null"),
        (b"[" * 100_000, "nested deeper than 100 levels"),
        (b"[" * 101 + b"]" * 101, "nested deeper than 100 levels"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "nested deeper than 100 levels"),
        (b'{"schema": NaN}', "not finite"),
        (b'{"schema": [-Infinity]}', "not finite"),
        (b'{"schema": 1e999}', "not finite"),
        (b'{"schema": 1' + b"0" * 5000 + b"}", "integer string conversion"),
        (b'{"schema": true}', "schema True, this version reads 1"),
        (b'{"schema": 2}', "schema 2, this version reads 1"),
        (b'{"schema": 1}', "question is missing"),
    ],
)
def test_what_is_no_record_is_refused(gpu, laptop, path, content, told):
    message = refused(laptop, path, tarred(members_of(gpu) | {JSON: content}))
    assert message.startswith(f"out.tar.gz: {JSON}: ") and told in message


REQUIRED = [
    *("question", "parameters", "values", "arrays", "seals", "output", "figures", "key", "provenance"),
    *(f"key.{name}" for name in ("code", "files", "plot_code", "plot_files")),
    *(
        f"provenance.{name}"
        for name in ("when", "seconds", "peak_memory_mb", "device", "versions", "commit", "command")
    ),
    *(f"figures.figure.{name}" for name in ("file", "sha256", "alt")),
]
OPTIONAL = ["output_seal", "key.environment", "key.ran", "key.plot_ran"]


def holder(content: dict[str, Any], field: str) -> tuple[Any, str]:
    *inside, name = field.split(".")
    for each in inside:
        content = content[each]
    return content, name


@pytest.mark.parametrize("wrong", [None, True, -1, "\x1b[31m", ["a", 1], [[]], {"a\n": {"b": 1}}])
@pytest.mark.parametrize("field", REQUIRED + OPTIONAL)
def test_a_field_of_the_wrong_kind_is_refused_by_name(gpu, laptop, path, field, wrong):
    members = members_of(gpu)
    content = json.loads(members[JSON])
    inside, name = holder(content, field)
    inside[name] = copy.deepcopy(wrong)
    message = refused(laptop, path, tarred(members | {JSON: json.dumps(content).encode()}))
    # Values may be anything, and a seal any text: that they do not belong together is what is wrong then.
    sealed = {"values": "error, exact", "output_seal": "what it printed"}
    assert field in message or (field in sealed and sealed[field] in message)


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_field_is_refused_by_name(gpu, laptop, path, field):
    members = members_of(gpu)
    content = json.loads(members[JSON])
    inside, name = holder(content, field)
    del inside[name]
    message = refused(laptop, path, tarred(members | {JSON: json.dumps(content).encode()}))
    assert f"{field} is missing" in message


def test_a_field_that_nobody_knows_is_refused_in_the_provenance(gpu, laptop, path):
    content = tarred(edited(gpu, lambda content: content["provenance"].update(more=1)))
    assert "provenance has the unknown field 'more'" in refused(laptop, path, content)


@pytest.mark.parametrize(
    "place", ["/etc/passwd", "../secret", "docs/../../secret", "~root/x", "~nobody-of-this-name", "a\0b", "", "a\nb"]
)
@pytest.mark.parametrize("field", ["code", "files", "plot_code", "plot_files", "ran", "plot_ran"])
def test_a_key_names_no_file_elsewhere(gpu, laptop, path, field, place):
    def edit(content):
        content["key"][field] = {place: "ab" if "files" in field else {} if "code" in field else None}

    assert f"in key.{field} must be the name of a file" in refused(laptop, path, tarred(edited(gpu, edit)))


@pytest.mark.parametrize(
    ("ran", "told"),
    [
        ({"snippets/answer.py": ["plot"]}, "snippets/answer.py: run is gone"),
        ({"snippets/answer.py": None, "snippets/other.py": []}, "snippets/other.py is used now"),
        ({"snippets/other.py": None}, "snippets/answer.py is gone; snippets/other.py is used now"),
        ({}, "its key is of an earlier version of asrun, which followed names"),
    ],
)
def test_what_is_said_to_have_run_must_come_to_the_digests(gpu, laptop, path, ran, told):
    content = edited(gpu, lambda content: content["key"].update(ran=ran))
    assert "what it says of itself changed by hand" in refused(laptop, path, tarred(content))
    # Nor does it help to have no seal, as earlier records had none.
    path.write_bytes(tarred(edited(gpu, lambda content: (content["key"].update(ran=ran), content.pop("seal")))))
    (outcome,) = adopt(laptop.project, laptop.store, path)
    assert told in str(outcome) and laptop.record_files() == {}


@pytest.mark.parametrize(
    ("dtype", "value", "told"),
    [
        ("object", [1], "no array of a record has this dtype"),
        ("O", [{"a": 1}], "no array of a record has this dtype"),
        ("|O8", [None], "no array of a record has this dtype"),
        ("U8", ["a"], "no array of a record has this dtype"),
        ("S8", ["a"], "no array of a record has this dtype"),
        ("V8", [1], "no array of a record has this dtype"),
        ("M8[s]", [1], "no array of a record has this dtype"),
        ("complex128", [1], "no array of a record has this dtype"),
        ("i4,(", [1], "no array of a record has this dtype"),
        ("i4,i4", [1], "no array of a record has this dtype"),
        ("", [1], "no array of a record has this dtype"),
        ("int8", [300], "out of bounds"),
        ("int64", [10**30], "too large"),
        ("float16", [1e10], "overflow"),
        ("float64", [[1], [1, 2]], "inhomogeneous"),
        ("float64", {"a": 1}, "error is not 'float64'"),
        ("float64 2x3", [], "not the shape"),
        ("float64 0x-1", [], "not the shape"),
        ("float64 0x999999999", [], "not the shape"),
        ("float64 99999999x0", [], "not the shape"),
        ("float64 0x99999x99999", [], "not the shape"),
        ("float64 0xx", [], "not the shape"),
        # Understood, but not as it is written: it would change on its way.
        ("int64", [1.5], "error not as a run writes it"),
        ("float32", [0.10000000001], "error not as a run writes it"),
        ("float64", [None], "error not as a run writes it"),
        ("float64", ["1e5"], "error not as a run writes it"),
        ("bool", [2], "error not as a run writes it"),
    ],
)
def test_arrays_are_numbers_and_nothing_else(gpu, laptop, path, dtype, value, told):
    def edit(content):
        content["values"]["error"], content["arrays"]["error"] = value, dtype

    assert told in refused(laptop, path, tarred(edited(gpu, edit)))


def test_values_that_no_page_could_name_are_refused(gpu, laptop, path):
    assert "cannot be recorded: 'a.b'" in refused(
        laptop, path, tarred(edited(gpu, lambda c: c["values"].update({"a.b": 1})))
    )


def test_a_value_changed_by_hand_is_refused_whatever_is_allowed(gpu, laptop, path):
    members = members_of(gpu)
    members[JSON] = members[JSON].replace(b"1234567890123456789", b"1234567890123456788")
    assert "exact changed by hand: not what the run wrote" in refused(laptop, path, tarred(members))


def test_nothing_here_unpickles_or_executes():
    for module in (bundle, codec, schema, store):
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names |= {alias.name for alias in node.names} | {getattr(node, "module", None)}
        assert not names & {"pickle", "shelve", "marshal", "eval", "exec", "load", "extract", "extractall"}


# Hostile drawings

DRAWN = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'
HOSTILE = [
    ("<script>alert(1)</script>", "<script>"),
    ('<g onclick="alert(1)"/>', "event handler onclick"),
    ("<foreignObject/>", "<foreignObject>"),
    ('<image href="https://example.org/a.png"/>', "refers to https://"),
    ('<use xlink:href="other.svg#a"/>', "refers to other.svg"),
    ('<image xlink:href="//example.org/a.png"/>', "refers to //example.org"),
    ('<a href="javascript:alert(1)"/>', "<a>"),
    ("<style>@import 'https://example.org/a.css';</style>", "<style>"),
    ("<style>g { fill: url(https://example.org/a) }</style>", "<style>"),
    ('<path style="fill: url(https://example.org/a)"/>', "url(https://"),
    ("<!--><script>alert(1)</script>-->", "a comment or CDATA"),
    ("<title><![CDATA[<script>]]></title>", "a comment or CDATA"),
    ('<?xml-stylesheet href="https://example.org/a.css"?>', "a processing instruction"),
    ("<g>" * 5000 + "</g>" * 5000, "nested too deep"),
    ("<g>", "cannot be read"),
]
AROUND = [
    ('<!DOCTYPE svg [<!ENTITY a "b">]>' + DRAWN.format("&a;"), "a DOCTYPE"),
    ('<?xml version="1.0"?>' + DRAWN.format(""), "a processing instruction"),
    ("<script>alert(1)</script>" + DRAWN.format(""), "not one <svg> element"),
    (DRAWN.format("") + "<script>alert(1)</script>", "cannot be read"),
    (DRAWN.format("") + "text", "not one <svg> element"),
    ("", "not one <svg> element"),
    ("<p/>", "not one <svg> element"),
]
ALL = [(DRAWN.format(inside), told) for inside, told in HOSTILE] + AROUND


@pytest.mark.parametrize(("svg", "told"), ALL)
def test_a_drawing_that_could_act_is_refused(gpu, laptop, path, svg, told):
    message = refused(laptop, path, tarred(redrawn(gpu, svg)))
    assert message.startswith("out.tar.gz: answer/quick-cpu.figure.") and told in message


@pytest.mark.parametrize(("svg", "told"), ALL)
def test_a_drawing_that_could_act_is_not_shown_from_the_records_folder(laptop, svg, told):
    laptop.put("answer", {}, figures=[Figure("figure", svg, "drawn")])
    assert laptop.store.get(RUN).damaged == {"figure figure"}
    with pytest.raises(AsrunError, match="not what the run drew"):
        Context(laptop.project, allow_stale=True).figure("answer")
    assert "not what the run drew" in raised(laptop.convert, "/// figure | answer\nA caption.\n///\n")


def test_other_ways_to_forge_a_figure_are_refused(gpu, laptop, path):
    def told(members):
        return refused(laptop, path, tarred(members))

    good = '<svg xmlns="http://www.w3.org/2000/svg"><g /></svg>'
    assert "a carriage return" in told(redrawn(gpu, good.replace("<g />", "\r<g />")))
    assert "can't decode" in told({SVG.format("12345678"): b"\xff"} | members_of(gpu))
    assert "no record names this file" in told(members_of(gpu) | {SVG.format("12345678"): good.encode()})
    assert "alt must be a line of plain text" in told(redrawn(gpu, good, alt="two\nlines"))
    assert "in figures, none can be called '..'" in told(
        edited(gpu, lambda content: content["figures"].update({"..": content["figures"].pop("other")}))
    )

    def elsewhere(content):
        content["figures"]["figure"]["file"] = "../../../mkdocs.yml"

    assert "figure figure, what it says of itself changed by hand" in told(edited(gpu, elsewhere))

    def borrowed(content):
        content["figures"]["figure"] |= {"file": content["figures"]["other"]["file"]}

    assert "figure figure, what it says of itself changed by hand" in told(edited(gpu, borrowed))


def test_a_figure_that_is_too_large_is_refused(gpu, laptop, path, monkeypatch):
    monkeypatch.setitem(bundle.LARGEST_MEMBER, ".svg", 50)
    assert "and 50 is the most" in refused(laptop, path, tarred(members_of(gpu)))


# Any edit

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(
        ["nan", "object", "float64", "int8", "float64 0x3", "~x/y", "../a", "docs/data.json", "$HOME/a", "*"]
    ),
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a document: what holds it, and under which name or number."""
    names = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for name in names for place in ((value, name), *places(value[name]))]


@st.composite
def mutations(draw: Any) -> Callable[[Any], None]:
    """Draw an edit of a document: one to three places replaced, taken out, or joined by something new."""
    edits = [
        (
            draw(st.integers(0, 10_000)),
            draw(st.sampled_from(["replace", "delete", "add"])),
            draw(ANY),
            draw(st.booleans()),
        )
        for _ in range(draw(st.integers(1, 3)))
    ]

    def mutate(content: Any) -> None:
        for at, what, value, sealed in edits:
            found = places(content)
            holder, name = found[at % len(found)]
            if what == "replace":
                holder[name] = value
            elif what == "delete":
                del holder[name]
            elif isinstance(holder, dict):
                holder[f"{name}x"] = value
            else:
                holder.append(value)
            if sealed:
                reseal(content)

    return mutate


@pytest.mark.thorough
@settings(max_examples=300)
@given(mutate=mutations(), allow_stale=st.booleans())
def test_an_edited_record_is_adopted_as_it_is_or_refused(mutate, allow_stale):
    with tempfile.TemporaryDirectory() as folder:
        site, path = TinyProject(FILES, Path(folder) / "site"), Path(folder) / "out.tar.gz"
        site.put("answer", VALUES, figures=[make_figure()], output="one\ntwo", files=data(site))
        good = members_of(site)
        content = json.loads(good[JSON])
        mutate(content)
        text = json.dumps(content)
        path.write_bytes(tarred(good | {JSON: text.encode()}))
        before = site.record_files()
        try:
            (adoption,) = adopt(site.project, site.store, path, allow_stale=allow_stale, replace=True)
        except AsrunError:
            assert site.record_files() == before
            return
        if adoption.outcome is not Outcome.ADOPTED:
            assert (adoption.outcome, site.record_files()) == (Outcome.REFUSED, before)
            return
        drawings = {name.partition("/")[2]: each for name, each in good.items()}
        expected = site.store.decode(RUN, text, lambda file: drawings.get(file, b""))
        assert site.store.get(RUN).damaged == frozenset()
        assert {path.name: path.read_bytes() for path in site.store.path(RUN).parent.iterdir()} == site.store.files(
            expected
        )


@pytest.mark.thorough
@settings(max_examples=300)
@given(mutate=mutations())
def test_an_edited_record_in_the_records_folder_is_read_or_told(mutate):
    with tempfile.TemporaryDirectory() as folder:
        site = TinyProject(FILES, Path(folder) / "site")
        site.put("answer", VALUES, figures=[make_figure()], output="one\ntwo", files=data(site))
        path = site.store.path(RUN)
        content = json.loads(path.read_text("utf-8"))
        mutate(content)
        path.write_text(json.dumps(content), "utf-8")
        try:
            found = site.store.get(RUN)
            assert isinstance(found, Record)
            record_condition(site.project, find_snippet("answer", site.project), found)
            site.store.put(found)
        except AsrunError:
            pass
