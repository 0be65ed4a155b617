"""Large arrays in files beside their record: exact, small, sealed, swept, and nothing read of them is trusted."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import re
import subprocess
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from asrun.model import RunName
from asrun.pages.context import Context
from asrun.records import apart
from asrun.records import store as stores
from asrun.records.codec import DTYPE
from asrun.records.store import Store
from asrun.remote import bundle
from asrun.remote.bundle import adopt, pack
from asrun.testing import ANSWER, MKDOCS, TinyProject, make_figure, raised

RUN = RunName("answer", "quick", "cpu")
FOLDER = "snippets/records/answer"
MAPS = np.random.default_rng(0).normal(size=(40, 50))
SMALL = np.arange(6.0)
# An array of more than 5,000 bytes is large here.
LARGE = MKDOCS.replace("  - asrun\n", "  - asrun:\n      array_mb: 0.005\n")


def values(maps: Any = MAPS) -> dict[str, Any]:
    return {"maps": maps, "inner": {"Big One": MAPS.astype("float32") * 2}, "small": SMALL, "best": 1.5}


@pytest.fixture
def project(tiny_project):
    project = tiny_project({"mkdocs.yml": LARGE, "snippets/answer.py": ANSWER})
    project.put("answer", values(), figures=[make_figure()])
    return project


def beside(project: TinyProject) -> list[Path]:
    return sorted((project.folder / FOLDER).glob("*.npy.gz"))


NUMBERS = arrays.arrays(
    st.sampled_from(["bool", "int8", "uint16", "int64", "float16", "float32", "float64", ">f8", ">i4"]),
    arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
)


@given(NUMBERS, st.booleans())
def test_an_array_comes_back_to_the_last_bit_and_always_from_the_same_bytes(array, fortran):
    array = np.asfortranarray(array) if fortran else array
    told, data = apart.pack(array)
    there = apart.unpack(data, told)
    assert there.dtype == array.dtype and there.shape == array.shape and there.tobytes() == array.tobytes()
    assert there.flags.writeable
    assert apart.pack(array.copy()) == (told, data)
    assert apart.size(told) == array.nbytes and apart.is_apart(told)
    # Anybody can read it.
    assert np.array_equal(np.load(io.BytesIO(gzip.decompress(data))), array, equal_nan=array.dtype.kind == "f")


def test_only_the_large_stand_apart(project):
    document = project.record_json("answer")
    assert document["values"] == {
        "maps": None, "inner": {"Big One": None}, "small": list(SMALL), "best": 1.5
    }  # fmt: skip
    assert re.fullmatch("float64 40x50 [0-9a-f]{64}", document["arrays"]["maps"])
    names = [path.name for path in beside(project)]
    assert re.fullmatch(r"quick-cpu\.inner-big-one\.[0-9a-f]{8}\.npy\.gz", names[0])
    assert names[1] == f"quick-cpu.maps.{document['arrays']['maps'].split()[2][:8]}.npy.gz"
    got = project.store.get(RUN)
    assert np.array_equal(got.values["maps"], MAPS) and got.values["inner"]["Big One"].dtype == np.float32
    assert got.damaged == frozenset()


def test_a_record_of_ten_megabytes_is_small_to_read(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    project.put("answer", {"zeros": np.zeros(1_250_000), "n": 1})
    assert (project.folder / FOLDER / "quick-cpu.json").stat().st_size < 3000
    (file,) = beside(project)
    assert file.stat().st_size < 20_000
    assert project.store.get(RUN).values["zeros"].shape == (1_250_000,)


def test_a_run_with_a_large_array_is_cited_drawn_changed_and_swept(tiny_project):
    snippet = '''\
    """Maps?"""
    import numpy as np
    SCALES = {"quick": dict(shift=0)}
    def run(*, shift):
        maps = np.arange(2000.0).reshape(2, 1000) + shift
        return {"layer": [1, 2], "maps": maps, "axes": {"maps": ["layer", "pixel"]}}
    def plot(result):
        import matplotlib.pyplot as plt
        figure, axes = plt.subplots()
        axes.plot(result["maps"].T)
        figure.set_label("Two lines.")
        return figure
    '''
    page = "# Maps\n\n{{ maps.maps(layer=2)[3] | .1f }}\n\n/// figure | maps\nMaps.\n///\n"
    project = tiny_project({"mkdocs.yml": LARGE, "snippets/maps.py": snippet, "docs/index.md": page})
    done = project.run("build")
    assert done.code == 0, done.text
    assert "1003.0" in project.read("site/index.html") or "1\u202f003.0" in project.read("site/index.html")
    (file,) = (project.folder / "snippets/records/maps").glob("*.npy.gz")
    # The site has what the record names.
    assert (project.folder / "site/snippets/records/maps" / file.name).read_bytes() == file.read_bytes()
    assert project.run("status").code == 0
    # Drawn anew, it is kept as the project wants it now.
    project.write("mkdocs.yml", MKDOCS)
    assert project.run("run", "maps", "--redraw").code == 0 and not file.exists()
    assert project.run("status").code == 0
    project.write("mkdocs.yml", LARGE)
    project.edit("snippets/maps.py", "shift=0", "shift=1")
    assert project.run("build").code == 0
    (other,) = (project.folder / "snippets/records/maps").glob("*.npy.gz")
    assert other.name != file.name


def test_a_record_that_is_carried_is_what_it_was_whatever_is_large_here(project):
    before = {path.name: path.read_bytes() for path in beside(project)}
    project.write("mkdocs.yml", MKDOCS)
    project.store.put(project.store.get(RUN))
    assert {path.name: path.read_bytes() for path in beside(project)} == before
    project.put("answer", values())
    assert beside(project) == []


@pytest.mark.parametrize(
    "harm",
    [
        lambda path, data: path.unlink(),
        lambda path, data: path.write_bytes(b""),
        lambda path, data: path.write_bytes(data[:-9]),
        lambda path, data: path.write_bytes(data + b"more"),
        lambda path, data: path.write_bytes(data + gzip.compress(b"more")),
        lambda path, data: path.write_bytes(gzip.compress(gzip.decompress(data)[:-1] + b"\x01", mtime=0)),
        lambda path, data: path.write_bytes(gzip.compress(gzip.decompress(data) + b"\0")),
        lambda path, data: path.write_bytes(gzip.compress(gzip.decompress(data).replace(b"(40, 50)", b"(50, 40)"))),
        lambda path, data: path.write_bytes(gzip.compress(gzip.decompress(data).replace(b"False", b"True ", 1))),
        lambda path, data: path.write_bytes(gzip.compress(gzip.decompress(data).replace(b"'<f8'", b"'|O' "))),
        lambda path, data: path.write_bytes(gzip.compress(gzip.decompress(data).replace(b"{'descr'", b"[[[[[[[["))),
        lambda path, data: path.write_bytes(gzip.compress(pickle.dumps(MAPS))),
        lambda path, data: path.write_bytes(gzip.compress(bytes(200_000_000), 1)),
        lambda path, data: path.write_bytes(apart.pack(MAPS + 1)[1]),
        lambda path, data: (path.unlink(), path.mkdir()),
    ],
)  # fmt: skip
def test_whatever_is_done_to_its_file_is_found(project, harm):
    path = next(path for path in beside(project) if ".maps." in path.name)
    harm(path, path.read_bytes())
    got = project.store.get(RUN)
    assert got.damaged == {"maps"} and got.values["maps"] is None
    told = project.run("status")
    assert told.code == 3 and "maps changed by hand" in told.out and "Traceback" not in told.text
    context = Context(project.project, allow_stale=True)
    assert "maps is not what the run wrote" in raised(context.evaluate, "answer.maps")
    assert context.evaluate("answer.best").result.number() == 1.5


@pytest.mark.parametrize(
    "told",
    [
        "object 40x50 " + "0" * 64,
        "O 2 " + "0" * 64,
        "i4,i4 2 " + "0" * 64,
        "float64 999999999999x999999999999 " + "0" * 64,
        "float64 99999999999 " + "0" * 64,
        "float64 " + "x".join(["0"] * 40) + " " + "0" * 64,
        "float64 -1 " + "0" * 64,
        "float64 2 ../../../mkdocs",
        "float64 2 " + "g" * 64,
        "float64 2x " + "0" * 64,
        "float64 ٣ " + "0" * 64,
        "float64 2 " + "0" * 64 + "\n",
    ],
)
def test_what_no_array_is_said_to_be_is_a_sentence(project, told):
    path = project.folder / FOLDER / "quick-cpu.json"
    document = json.loads(path.read_text("utf-8"))
    document["arrays"]["maps"] = told
    path.write_text(json.dumps(document), "utf-8")
    assert "this record cannot be read" in raised(project.store.get, RUN)
    done = project.run("status")
    assert done.code == 3 and "broken" in done.out and "Traceback" not in done.text


def test_many_arrays_that_are_large_together_are_not_unpacked(project):
    path = project.folder / FOLDER / "quick-cpu.json"
    document = json.loads(path.read_text("utf-8"))
    for at in range(10):
        document["values"][f"a{at}"] = None
        document["arrays"][f"a{at}"] = f"float64 {apart.LARGEST // 16} {'0' * 64}"
    path.write_text(json.dumps(document), "utf-8")
    assert f"and {apart.LARGEST} is the most" in raised(project.store.get, RUN)


def test_arrays_are_written_first_and_swept_last(project, monkeypatch):
    """Killed at any write, the record is the old one or the new one, whole."""
    written = stores.write_whole
    changed = values(MAPS + 1)
    for stop in range(4):
        project.put("answer", values(), figures=[make_figure()])
        before = project.store.get(RUN)
        left = iter(range(stop))

        def write(path, data, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt
            written(path, data)

        with monkeypatch.context() as patch:
            patch.setattr("asrun.records.store.write_whole", write)
            with pytest.raises(KeyboardInterrupt):
                project.put("answer", changed, figures=[make_figure(text="anew")])
        got = Store(project.project).get(RUN)
        assert got.damaged == frozenset() and np.array_equal(got.values["maps"], before.values["maps"])
    project.put("answer", changed)
    assert len(beside(project)) == 2 and np.array_equal(project.store.get(RUN).values["maps"], MAPS + 1)


def test_trim_knows_arrays(project):
    lost = project.folder / FOLDER / "quick-cpu.maps.0123abcd.npy.gz"
    lost.write_bytes(b"x")
    stranger = project.folder / FOLDER / "maps.npy.gz"
    stranger.write_bytes(b"x")
    done = project.run("trim")
    assert "no record names this array" in done.out and not lost.exists() and stranger.exists()
    assert len(beside(project)) == 3
    (project.folder / "snippets" / "answer.py").unlink()
    project.run("trim")
    assert beside(project) == [stranger]


def test_a_commit_has_its_arrays(project):
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first"],
    ):
        subprocess.run(["git", "-C", str(project.folder), *command], check=True)
    assert "maps" not in project.run("diff").out
    changed = MAPS.copy()
    changed[3, 4] += 1
    project.put("answer", values(changed), figures=[make_figure()])
    told = project.run("diff")
    assert "maps[3, 4]" in told.out and "damaged" not in told.text and "changed by hand" not in told.text


# Bundles


@pytest.fixture
def laptop(tmp_path):
    return TinyProject({"mkdocs.yml": MKDOCS, "snippets/answer.py": ANSWER}, tmp_path / "laptop")


def packed(project: TinyProject, folder: Path) -> dict[str, bytes]:
    path = folder / "out.tar.gz"
    pack(project.project, project.store, [RUN], path)
    with tarfile.open(path) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive}


def tarred(members: dict[str, bytes], path: Path) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return path


def test_a_bundle_carries_arrays_to_where_others_are_large(project, laptop, tmp_path):
    path = tmp_path / "out.tar.gz"
    pack(project.project, project.store, [RUN], path)
    (adoption,) = adopt(laptop.project, laptop.store, path, replace=True)
    assert str(adoption) == "adopted"
    assert laptop.record_files() == project.record_files()
    assert laptop.run("status").code == 0


def test_a_bundle_with_another_array_is_refused(project, laptop, tmp_path):
    good = packed(project, tmp_path)
    name = next(name for name in good if ".maps." in name)
    path = tmp_path / "other.tar.gz"
    for members, told in (
        ({each: data for each, data in good.items() if each != name}, "maps changed by hand"),
        (good | {name: apart.pack(MAPS + 1)[1]}, "maps changed by hand"),
        (good | {name: gzip.compress(pickle.dumps(MAPS))}, "maps changed by hand"),
        (good | {name: gzip.compress(bytes(100_000_000), 1)}, "maps changed by hand"),
        (good | {"answer/quick-cpu.more.0123abcd.npy.gz": good[name]}, "no record names this file"),
        (good | {"answer/quick-cpu.more.0123abcd.npy": good[name]}, "not the name of a record"),
        (good | {"answer/quick-cpu.more.pkl.gz": good[name]}, "not the name of a record"),
        (good | {"answer/../quick-cpu.more.0123abcd.npy.gz": good[name]}, "not the name of a record"),
    ):
        message = raised(adopt, laptop.project, laptop.store, tarred(members, path))
        assert told in message and message.count("\n") == 1
        assert laptop.record_files() == {}


def test_a_bundle_that_unpacks_to_too_much_is_refused(project, laptop, tmp_path, monkeypatch):
    pack(project.project, project.store, [RUN], tmp_path / "out.tar.gz")
    monkeypatch.setattr(bundle, "LARGEST_ARRAYS", 1000)
    assert "the arrays of this bundle have more than 1000 bytes" in raised(
        adopt, laptop.project, laptop.store, tmp_path / "out.tar.gz"
    )


# Records that are too large even so


def test_a_record_that_is_too_large_is_refused_with_what_is_largest(tiny_project):
    project = tiny_project(
        {"mkdocs.yml": LARGE.replace("array_mb: 0.005", "record_mb: 0.05"), "snippets/answer.py": ANSWER}
    )
    project.put("answer", {"n": 1})
    before = project.record_files()
    message = raised(project.put, "answer", {"n": 1, "names": ["name"] * 9000, "maps": MAPS, "few": [1, 2]})
    assert "the record of answer (quick, cpu) would have 0.1 MB, and 0.1 MB is the most" in message
    assert "its largest parts are names (0.1 MB), maps (0.0 MB), " in message
    assert "return a summary of what is large, or raise record_mb of the asrun plugin in mkdocs.yml" in message
    assert project.record_files() == before


def test_a_run_whose_record_is_too_large_ends_with_a_sentence(tiny_project):
    snippet = '''\
    """Long?"""
    SCALES = {"quick": {}}
    def run():
        return {"words": ["word"] * 9000}
    '''
    mkdocs = LARGE.replace("array_mb: 0.005", "record_mb: 0.05")
    project = tiny_project({"mkdocs.yml": mkdocs, "snippets/long.py": snippet})
    done = project.run("run", "long")
    assert done.code == 1 and "record_mb" in done.text and "Traceback" not in done.text


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["float64 2", "int8 0", "bool 1x1"]))
def test_any_bytes_are_no_array(data, kind):
    told = f"{kind} {'0' * 64}"
    assert apart.unpack(data, told) is None
    assert apart.unpack(gzip.compress(data), told) is None
    assert apart.unpack(zlib.compress(data), told) is None


@given(st.text(max_size=100))
def test_a_text_is_what_is_said_of_an_array_or_is_not(text):
    assert not apart.is_apart(text) and apart.size(text) == 0
    assert not DTYPE.fullmatch(f"{text} 2")
