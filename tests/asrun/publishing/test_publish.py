"""Publishing destroys nothing: what asrun did not make stays, whatever it is told and whenever it is killed."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.errors import AsrunError
from asrun.project import read_project
from asrun.publishing import imprint, place, swap
from asrun.publishing.imprint import MARK
from asrun.testing import ANSWER, TinyProject

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and signals are those of POSIX")

FIRST = {"index.html": "first", "notes/index.html": "first notes", "assets/asrun/site.js": "1", "404.html": "gone"}
SECOND = {"index.html": "second", "about/index.html": "second about", "assets/asrun/site.js": "2", "404.html": "gone"}


def target(folder: Path) -> swap.Target:
    return swap.Target(folder, folder.name, place.site_made_before)


def put(folder: Path, files: Mapping[str, str], notice: list[str] | None = None) -> None:
    """Publish some files, as a build publishes what it rendered."""
    with swap.aside(target(folder)) as new:
        for name, text in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text)
        swap.publish(new, target(folder), (notice if notice is not None else []).append)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def tree(folder: Path) -> dict[str, str]:
    """Return every file and link, hidden ones too, and what is in it or where it leads."""
    found = {}
    for name, inner, names in os.walk(folder):
        for path in (Path(name, each) for each in [*names, *inner]):
            if path.is_symlink():
                found[path.relative_to(folder).as_posix()] = f"-> {path.readlink()}"
            elif path.is_file():
                found[path.relative_to(folder).as_posix()] = path.read_text("utf-8", "surrogateescape")
    return found


def published(folder: Path) -> dict[str, str]:
    return {name: text for name, text in tree(folder).items() if name != MARK}


# What is replaced, and what stays

FOREIGN = {
    "CNAME": "example.org",
    ".nojekyll": "",
    ".git/HEAD": "ref",
    ".git/objects/aa/bb": "blob",
    ".well-known/security.txt": "Contact",
    "notes/mine.txt": "mine",
    "notes/.DS_Store": "x",
    "deep/er/index.html": "another tool's",
}


@pytest.fixture(params=["exchange", "no exchange", "as on a mount point"])
def way(request, monkeypatch, tmp_path):
    """The ways in which a folder can be replaced."""
    if request.param != "exchange":
        monkeypatch.setattr("asrun.publishing.swap._exchange", lambda one, other: False)
    if request.param == "as on a mount point":
        (tmp_path / "site").mkdir()
        as_on_a_mount_point(monkeypatch, tmp_path / "site")
    return request.param


def as_on_a_mount_point(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in ("rename", "replace"):
        real = getattr(os, name)

        def moved(source, destination, real=real):
            inside = [Path(path).is_relative_to(folder) for path in (source, destination)]
            if folder in (Path(source), Path(destination)):
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(source), None, str(destination))
            if inside[0] != inside[1]:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(destination))
            real(source, destination)

        monkeypatch.setattr(f"asrun.publishing.swap.os.{name}", moved)


def test_what_was_published_goes_and_what_was_not_stays(tmp_path, way):
    site = tmp_path / "site"
    put(site, FIRST)
    assert published(site) == FIRST
    put(site, SECOND)
    assert published(site) == SECOND
    write(site, FOREIGN)
    put(site, FIRST)
    assert published(site) == FIRST | FOREIGN
    put(site, SECOND)
    assert published(site) == SECOND | FOREIGN
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_readers_have_a_whole_site_at_every_moment_where_nothing_foreign_is_in_it(tmp_path):
    if sys.platform != "linux":
        pytest.skip("folders change places in one step on Linux")
    site = tmp_path / "site"
    put(site, FIRST)
    opened = os.open(site, os.O_RDONLY)
    try:
        put(site, SECOND)
        assert os.listdir(opened) == [] and published(site) == SECOND, "another folder has its place"
    finally:
        os.close(opened)


def test_a_page_that_was_changed_by_hand_and_is_not_made_anew_stays_and_is_told(tmp_path):
    site, told = tmp_path / "site", []
    put(site, FIRST)
    write(site, {"notes/index.html": "better"})
    put(site, SECOND, told)
    assert published(site) == SECOND | {"notes/index.html": "better"}
    assert told == [
        "notes/index.html in site may be of an earlier publication, and stays: delete it if nobody needs it"
    ]


@pytest.mark.parametrize(
    ("foreign", "named"),
    [
        ({"about/index.html": "mine"}, "about/index.html"),
        ({"about": "a file"}, "about"),
        ({"404.html/mine": "a folder"}, "404.html/mine"),
        ({".hidden": "mine"}, ".hidden"),
    ],
)
def test_what_stands_where_a_page_is_to_be_written_is_named_and_nothing_is_changed(tmp_path, way, foreign, named):
    site = tmp_path / "site"
    put(site, {name: text for name, text in FIRST.items() if name != "404.html"})
    write(site, foreign)
    before = tree(tmp_path)
    with pytest.raises(AsrunError) as raised:
        put(site, SECOND | {".hidden": "published"})
    assert f"site: what is to be written there is kept out by what asrun did not make: {named}" in str(raised.value)
    assert "move it away" in str(raised.value)
    assert tree(tmp_path) == before


@posix
@pytest.mark.parametrize("name", ["about", "404.html", "assets"])
def test_nothing_is_written_through_a_link(tmp_path, way, name):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    put(site, {"index.html": "first"})
    if name == "assets":
        shutil.move(site / name, elsewhere)
    write(elsewhere, {"index.html": "mine", "asrun/site.js": "mine"})
    (site / name).symlink_to(elsewhere)
    before = tree(tmp_path)
    with pytest.raises(AsrunError, match=f"kept out by what asrun did not make: {name}"):
        put(site, SECOND)
    assert tree(tmp_path) == before


def test_a_page_becomes_a_folder_and_a_folder_a_page(tmp_path, way):
    site = tmp_path / "site"
    one, other = {"a": "a page", "b/c": "in a folder"}, {"a/c": "in a folder", "b": "a page"}
    for files in (one, other, one):
        put(site, files)
        write(site, {"CNAME": "mine"})
        assert published(site) == files | {"CNAME": "mine"}


def test_an_empty_folder_is_in_nobodys_way(tmp_path, way):
    site = tmp_path / "site"
    put(site, {"index.html": "first"})
    (site / "404.html").mkdir()
    (site / "about").mkdir()
    put(site, SECOND)
    assert published(site) == SECOND


def test_a_foreign_file_that_says_the_same_is_not_in_the_way(tmp_path, way):
    site = tmp_path / "site"
    put(site, FIRST)
    write(site, {"about/index.html": SECOND["about/index.html"]})
    put(site, SECOND)
    assert published(site) == SECOND


def test_a_site_of_an_earlier_version_is_replaced_and_its_leftovers_are_told(tmp_path, way):
    site, told = tmp_path / "site", []
    write(site, FIRST | {"CNAME": "mine", ".nojekyll": ""})
    put(site, SECOND, told)
    assert published(site) == SECOND | {"CNAME": "mine", ".nojekyll": "", "notes/index.html": "first notes"}
    assert told == [
        "CNAME, notes/index.html in site may be of an earlier publication, and stays: delete it if nobody needs it"
    ]
    put(site, FIRST | {"notes/index.html": "first notes"}, told)
    assert len(told) == 1


@pytest.mark.parametrize("mark", ["", "{}", '{"made by": "asrun"}', '{"made by": "asrun", "files": [1]}', "[" * 9999])
def test_a_mark_that_is_none_is_not_believed(tmp_path, mark):
    site = tmp_path / "site"
    write(site, {MARK: mark, "index.html": "mine"})
    assert imprint.read_mark(site) is None
    before = tree(site)
    with pytest.raises(AsrunError):
        put(site, {"index.html": "first"})
    assert tree(site) == before


@posix
@pytest.mark.parametrize("stage", [False, True])
def test_a_mark_that_somebody_forged_leads_nowhere(tmp_path, stage):
    """It may come from a branch that others push to."""
    site = tmp_path / "site"
    write(tmp_path, {"precious": "mine", "inside/precious": "mine"})
    put(site, FIRST)
    (site / "link").symlink_to(tmp_path / "inside")
    write(site, {".git/HEAD": "ref"})
    lies = ["../precious", str(tmp_path / "precious"), "link/precious", ".git/HEAD", "a/../../precious"]
    lied = {name: imprint.digest(tmp_path / "precious") for name in lies} | {
        ".git/HEAD": imprint.digest(site / ".git/HEAD")
    }
    if stage:
        write(site, {f"{swap.STAGE}/site/{MARK}": json.dumps({"made by": "asrun", "files": {}})})
        write(site, {f"{swap.STAGE}/owned.json": json.dumps(lied)})
    else:
        write(site, {MARK: json.dumps({"made by": "asrun", "files": lied})})
    with pytest.raises(AsrunError) if not stage else pytest.MonkeyPatch.context():
        put(site, {"index.html": "second", "link/precious": "asrun's"} if not stage else FIRST)
    assert (tmp_path / "precious").read_text() == (tmp_path / "inside" / "precious").read_text() == "mine"
    assert (site / ".git" / "HEAD").read_text() == "ref"


@posix
def test_a_link_is_followed_and_stays_a_link(tmp_path, monkeypatch):
    (tmp_path / "www").mkdir()
    link = tmp_path / "site"
    link.symlink_to("www")
    for files in (FIRST, SECOND):
        put(link, files)
        assert link.is_symlink() and published(tmp_path / "www") == files


def test_a_folder_keeps_its_mode(tmp_path, way):
    site = tmp_path / "site"
    site.mkdir(exist_ok=True)
    site.chmod(0o750)
    for files in (FIRST, SECOND):
        put(site, files)
        assert site.stat().st_mode & 0o777 == 0o750


def test_where_the_system_has_no_such_call_files_are_moved_in(tmp_path, monkeypatch):
    site = tmp_path / "site"
    put(site, FIRST)

    def none(*arguments, **options):
        raise TypeError("argument of type 'NoneType' is not iterable")

    monkeypatch.setattr(ctypes, "CDLL", none)  # as on Windows
    put(site, SECOND)
    assert published(site) == SECOND


def test_one_who_is_at_work_is_left_alone(tmp_path):
    site = tmp_path / "site"
    with swap.aside(target(site)) as new:
        (new / "index.html").write_text("slow")
        put(site, FIRST)
        assert (new / "index.html").exists()
        swap.publish(new, target(site))
    assert published(site) == {"index.html": "slow"}


def test_what_somebody_puts_there_at_the_moment_of_the_change_stays(tmp_path, monkeypatch):
    site = tmp_path / "site"
    put(site, FIRST)
    real = swap._exchange

    def late(one, other):
        write(site, {"late.txt": "mine", "notes/late.txt": "mine", ".late/x": "mine"})
        return real(one, other)

    monkeypatch.setattr(swap, "_exchange", late)
    put(site, SECOND)
    assert published(site) == SECOND | {"late.txt": "mine", "notes/late.txt": "mine", ".late/x": "mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_what_comes_at_that_moment_to_where_a_page_is_is_not_thrown_away(tmp_path, monkeypatch):
    site = tmp_path / "site"
    put(site, FIRST)
    real = swap._exchange

    def late(one, other):
        write(site, {"about/index.html": "mine"})
        return real(one, other)

    monkeypatch.setattr(swap, "_exchange", late)
    put(site, SECOND)
    monkeypatch.undo()
    for _ in range(2):
        put(site, FIRST)
    assert published(site) == FIRST | {"about/index.html": "mine"}, "it comes back when its place is free"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


# Killed at any moment

KILLED = """
import errno, os, shutil, sys
from pathlib import Path

sys.path[:0] = sys.argv[3:4]
import test_publish as t
from asrun.publishing import swap as publish
from asrun.errors import AsrunError

folder, way = Path(sys.argv[1]), sys.argv[2]
site, changes = folder / "site", {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "open", "ctypes.dlsym"}
import pytest
if way != "exchange":
    publish._exchange = lambda one, other: False
if way == "mount":
    t.as_on_a_mount_point(pytest.MonkeyPatch(), site)
foreign = {} if way == "exchange" else {name: t.FOREIGN[name] for name in ("CNAME", ".git/HEAD", "notes/mine.txt")}
moment = kills = 0
while True:
    shutil.rmtree(folder)
    folder.mkdir()
    if way == "mount":
        site.mkdir()
    t.put(site, t.FIRST)
    t.write(site, foreign)
    child = os.fork()
    if child == 0:
        left = moment
        def hook(event, arguments):
            global left
            if event in changes and not (event == "open" and arguments[1] in ("r", "rb")):
                left -= 1
                if left < 0:
                    os._exit(9)
        sys.addaudithook(hook)
        t.put(site, t.SECOND)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9), code
    now = t.published(site)
    for name, text in foreign.items():
        assert now.get(name) == text, (moment, name)
    for name in t.FIRST.keys() & t.SECOND.keys():
        assert now.get(name) in (t.FIRST[name], t.SECOND[name]), (moment, name)
    publish.mend(t.target(site))
    mended = t.published(site)
    assert mended in (t.FIRST | foreign, t.SECOND | foreign), (moment, mended)
    assert os.listdir(folder) == ["site"], (moment, os.listdir(folder))
    assert not [path for path in site.rglob("*") if path.is_dir() and not any(path.iterdir())], moment
    t.put(site, t.SECOND)
    assert t.published(site) == t.SECOND | foreign, moment
    assert os.listdir(folder) == ["site"], (moment, os.listdir(folder))
    if code == 0:
        break
    moment, kills = moment + 1, kills + 1
print(kills)
"""


@pytest.mark.thorough
@posix
@pytest.mark.parametrize("how", ["exchange", "foreign", "mount"])
def test_a_kill_at_any_moment_loses_nothing_and_is_mended(tmp_path, how):
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(work), how, str(Path(__file__).parent)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10, "it was killed at that many moments"


# Any history of a folder

NAMES = ["index.html", "a.html", "a.html/b", "b/index.html", "b/c.txt", "b", "CNAME", ".git/HEAD", ".nojekyll", "b/.x"]
FILES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["one", "two"]), max_size=6)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), FILES),
        st.tuples(st.just("put there"), FILES),
        st.tuples(st.just("take away"), st.lists(st.sampled_from([*NAMES, MARK]), max_size=3)),
        st.tuples(st.just("link"), st.sampled_from(NAMES)),
    ),
    min_size=2,
    max_size=8,
)


def possible(files: Mapping[str, str]) -> dict[str, str]:
    """Leave out names under which others would be: a file is no folder."""
    return {name: text for name, text in files.items() if not any(other.startswith(f"{name}/") for other in files)}


@posix
@given(STEPS, st.sampled_from(["exchange", "no exchange", "mount"]))
def test_whatever_becomes_of_a_folder_nothing_foreign_disappears(steps, how):
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        site, last = folder / "site", {}
        write(folder, {"elsewhere/index.html": "mine", "elsewhere/b": "mine"})
        site.mkdir()
        if how != "exchange":
            patch.setattr("asrun.publishing.swap._exchange", lambda one, other: False)
        if how == "mount":
            as_on_a_mount_point(patch, site)
        for step, what in steps:
            before = tree(folder)
            if step == "publish":
                files = possible(what)
                try:
                    put(site, files)
                except AsrunError:
                    assert tree(folder) == before
                    continue
                now = tree(folder)
                assert files.items() <= published(site).items()
                for path, text in before.items():
                    inside = path.removeprefix("site/")
                    if inside == MARK or (path.startswith("site/") and inside in files and inside in last):
                        continue
                    gone = path.startswith("site/") and last.get(inside) == text and inside not in files
                    assert now.get(path) == text or (gone and path not in now), path
                last = files
            else:
                change(site, step, what)
                if not (site / MARK).exists():
                    last = {}


def change(site: Path, step: str, what) -> None:
    """Do what people do to a folder, as far as it can be done."""
    if step == "take away":
        for name in what:
            if (site / name).is_file() or (site / name).is_symlink():
                (site / name).unlink()
        return
    for name in what if step == "put there" else [what]:
        try:
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            if step == "link":
                (site / name).symlink_to(site.parent / "elsewhere")
            else:
                (site / name).write_text(what[name])
        except OSError:
            continue


# Any place for a site

LAYOUT = {
    "project/mkdocs.yml": "",
    "project/docs/index.md": "page",
    "project/docs/references/a.bib": "bib",
    "project/snippets/a.py": "code",
    "project/snippets/records/a/quick-cpu.json": "{}",
    "project/slides/talk.md": "deck",
    "project/src/lab/__init__.py": "code",
    "project/.git/HEAD": "ref",
    "project/.asrun/failed/a.json": "{}",
    "project/file": "text",
    "project/hidden/.git/HEAD": "ref",
    "data/mnist": "data",
    "other/mkdocs.yml": "site_name: other",
    "public/index.html": "somebody's",
}
LINKS = {
    "project/link": "docs",
    "project/away": "../out",
    "project/up": "..",
    "project/nowhere": "gone",
    "out/in": "../project/src",
}
SEGMENTS = [
    ".",
    "..",
    "docs",
    "snippets",
    "records",
    "slides",
    "src",
    "site",
    "link",
    "away",
    "up",
    "nowhere",
    "references",
]
SEGMENTS += ["file", "hidden", ".git", ".asrun", "data", "out", "in", "public", "project", "other", "~", "index.md"]


@posix
@given(
    st.one_of(
        st.sampled_from(SEGMENTS).map(lambda segment: [segment]),
        st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4),
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "/"]),
    st.dictionaries(st.sampled_from(["docs_dir", "snippets", "sources"]), st.sampled_from([".", "link", "up", "src"])),
)
def test_wherever_a_site_is_to_be_nothing_is_lost(segments, absolute, beside, end, settings):
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name).resolve()
        write(folder, LAYOUT)
        (folder / "out").mkdir()
        for link, to in LINKS.items():
            (folder / link).symlink_to(to)
        site_dir = f"{folder}/project/" * absolute + "/".join(segments) + end
        options = {"data_variables": ["LAB_DATA"]} | {
            key: [value] if key == "sources" else value for key, value in settings.items() if key != "docs_dir"
        }
        mkdocs = {"site_name": "Tiny", "site_dir": site_dir, "plugins": [{"asrun": options}]}
        mkdocs |= {key: value for key, value in settings.items() if key == "docs_dir"}
        (folder / "project" / "mkdocs.yml").write_text(json.dumps(mkdocs))
        patch.setenv("LAB_DATA", str(folder / "data"))
        before = tree(folder)
        try:
            project = read_project(folder / "project")
        except AsrunError:
            # Folders that no project can have are refused before a site is thought of.
            assert tree(folder) == before
            return
        for files in (FIRST, SECOND):
            try:
                place.check_site(project, beside=beside)
                put(project.site, files)
            except AsrunError as error:
                assert "\n    " in str(error), "it says what to do"
                assert files == FIRST or beside
                assert {path: text for path, text in tree(folder).items() if path in before} == before
                return
            assert files.items() <= tree(project.site).items()
            now = tree(folder)
            assert {path: now.get(path) for path in before} == before
        real = project.site.resolve()
        for each in (project.root, project.docs, project.snippets, folder / "data", project.root / ".git"):
            assert not each.resolve().is_relative_to(real)
        for each in (project.docs, project.snippets, project.slides, folder / "data", project.root / ".git"):
            assert not real.is_relative_to(each.resolve()) or project.root.is_relative_to(each.resolve())


# The command

SETTINGS = "site_name: Tiny\ntheme: {name: null, custom_dir: theme}\nplugins: [asrun]\n"
THEME = {"theme/main.html": "{{ page.content }}", "theme/404.html": "gone"}


@pytest.fixture
def tiny(tmp_path: Path) -> TinyProject:
    """A project that builds fast, in a folder with others."""
    files = {"mkdocs.yml": SETTINGS, "docs/index.md": "# Start\n", "docs/next.md": "# Next\n", **THEME}
    return TinyProject(files, tmp_path / "project")


def all_but_cache(folder: Path) -> dict[str, str]:
    return {name: text for name, text in tree(folder).items() if ".asrun/" not in name}


@pytest.mark.parametrize(
    ("site_dir", "told"),
    [
        (".", ". is where asrun reads the project itself"),
        ("docs", "docs is where asrun reads the pages"),
        ("./docs/../docs/", "docs is where asrun reads the pages"),
        ("docs/deep/site", "docs/deep/site lies where asrun reads the pages"),
        ("snippets", "snippets is where asrun reads the snippets"),
        ("snippets/records", "snippets/records lies where asrun reads the snippets"),
        ("slides", "slides is where asrun reads the decks"),
        ("src", "src is where asrun reads the project's own modules"),
        ("..", "holds the place where asrun reads the project itself"),
        ("../..", "holds the place where asrun reads the project itself"),
        ("/", "holds the place where asrun reads the project itself"),
        (".git/site", ".git/site lies where asrun reads the project's history"),
        ("theme", "theme has files that asrun did not make: 404.html, main.html"),
        ("theme/site", "theme/site lies where asrun reads the theme's templates"),
        ("mkdocs.yml", "mkdocs.yml is a file, and no folder"),
        ("docs/index.md/site", "docs/index.md, in which docs/index.md/site is to be, is a file, and no folder"),
    ],
)
def test_a_site_dir_in_the_way_of_something_is_refused(tiny, tmp_path, site_dir, told):
    tiny.write("mkdocs.yml", f"{SETTINGS}site_dir: {site_dir}\n")
    before = all_but_cache(tmp_path)
    refused = tiny.run("build")
    assert refused.code == 1 and "asrun: mkdocs.yml:4: " in refused.err and told in refused.err
    assert "name a folder of its own in mkdocs.yml: `site_dir: site`" in refused.err
    assert all_but_cache(tmp_path) == before


@pytest.mark.parametrize("place_of", ["home", "temporary", "root"])
def test_a_folder_of_the_whole_machine_is_no_place_for_a_site(tmp_path, monkeypatch, place_of):
    """Looked at, and never written to: even where there is nothing in it but what is hidden."""
    folder = tmp_path / "machine"
    write(folder, {".profile": "mine"})
    monkeypatch.setenv(
        "HOME" if place_of != "temporary" else "TMPDIR", str(folder / "me" if place_of == "root" else folder)
    )
    with pytest.raises(AsrunError, match="is not a folder for one thing alone"):
        place.check_place(folder, "it", [], None, "name another")


@posix
def test_links_lead_to_the_same_refusals(tiny, tmp_path):
    write(tmp_path, {"elsewhere/docs/index.md": "# Start\n"})
    (tiny.folder / "site").symlink_to("docs")
    assert "site is where asrun reads the pages" in tiny.run("build").err
    (tiny.folder / "site").unlink()
    (tiny.folder / "site").symlink_to("../gone")
    refused = tiny.run("build")
    assert "site is a link to ../gone, and nothing is there" in refused.err and "make that folder" in refused.err
    (tmp_path / "gone").mkdir()
    built = tiny.run("build")
    assert built.code == 0, built.text
    assert (tiny.folder / "site").is_symlink() and (tmp_path / "gone" / "index.html").is_file()


def test_a_folder_with_files_of_others_is_refused_or_shared(tiny):
    tiny.write("site/robots.txt", "mine")
    before = all_but_cache(tiny.folder)
    refused = tiny.run("build")
    assert refused.code == 1 and "site has files that asrun did not make: robots.txt" in refused.err
    assert "asrun build --beside, which keeps them" in refused.err
    assert all_but_cache(tiny.folder) == before
    assert tiny.run("build", "--beside").code == 0
    assert tiny.read("site/robots.txt") == "mine" and tiny.exists("site/index.html")
    tiny.write("docs/robots.txt", "theirs")
    refused = tiny.run("build")
    assert refused.code == 1 and "kept out by what asrun did not make: robots.txt" in refused.err
    assert tiny.read("site/robots.txt") == "mine"


def test_a_checkout_that_is_published_to_stays_one(tiny):
    made = {f"site/{name}": text for name, text in FOREIGN.items()}
    assert tiny.run("build").code == 0
    for name, text in made.items():
        tiny.write(name, text)
    (tiny.folder / "docs" / "next.md").unlink()
    tiny.write("docs/last.md", "# Last\n")
    assert tiny.run("build").code == 0
    assert {name: tiny.read(name) for name in made} == made
    assert tiny.exists("site/last/index.html") and not tiny.exists("site/next")


def test_what_mkdocs_built_by_itself_is_known_for_asruns(tiny):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q"], cwd=tiny.folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    tiny.write("site/mine.txt", "mine")
    (tiny.folder / "docs" / "next.md").unlink()
    built = tiny.run("build")
    assert built.code == 0 and "note" not in built.out, built.text
    assert tiny.read("site/mine.txt") == "mine" and not tiny.exists("site/next")


@posix
def test_a_file_that_cannot_be_read_is_named_and_not_the_site(tiny):
    assert tiny.run("build").code == 0
    before = published(tiny.folder / "site")
    (tiny.folder / "docs" / "picture.png").symlink_to("nowhere.png")
    failed = tiny.run("build")
    assert failed.code == 1 and "docs/picture.png" in failed.err and "No such file" in failed.err
    assert "site cannot be written" not in failed.text and "Traceback" not in failed.text
    assert published(tiny.folder / "site") == before


@pytest.fixture
def mounts() -> list[str]:
    """A command line that runs a script where it may mount file systems, which end with it."""
    command = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]
    try:
        tried = subprocess.run([*command, "mount -t tmpfs none /mnt"], capture_output=True, timeout=60)
    except OSError:
        tried = None
    if tried is None or tried.returncode:
        pytest.skip("file systems cannot be mounted here")
    return command


def test_a_site_on_a_file_system_of_its_own_is_published_to(tiny, mounts):
    (tiny.folder / "site").mkdir()
    build = f"{sys.executable} -m asrun.cli build"
    script = (
        f"mount -t tmpfs none site; {build}; echo mine > site/CNAME; rm docs/next.md; echo '# L' > docs/last.md; "
        f"{build}; ls -A site; cat site/CNAME"
    )
    done = subprocess.run([*mounts, script], cwd=tiny.folder, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    listed = done.stdout.split()
    assert {"index.html", "last", "CNAME", "mine"} <= set(listed) and "next" not in listed
    assert not [name for name in listed if name.startswith(".asrun")]


def test_two_projects_do_not_replace_each_others_sites(tiny, tmp_path):
    files = {"mkdocs.yml": SETTINGS + "site_dir: ../public\n", "docs/index.md": "# Start\n", **THEME}
    one, other = (TinyProject(files, tmp_path / "sites" / name) for name in ("one", "other"))
    assert one.run("build").code == one.run("build").code == 0
    before = tree(tmp_path / "sites" / "public")
    for arguments in (["build"], ["build", "--beside"]):
        result = other.run(*arguments)
        assert result.code == 1 and "public holds what was made of ../one/mkdocs.yml" in result.err
    assert tree(tmp_path / "sites" / "public") == before
    # A project that was moved, or is gone, claims nothing any more.
    (tmp_path / "sites" / "one").rename(tmp_path / "moved")
    assert other.run("build").code == 0


def test_a_site_that_went_with_its_project_is_its_own(tiny, tmp_path):
    assert tiny.run("build").code == 0
    shutil.copytree(tiny.folder, tmp_path / "copy")
    copy = TinyProject({"mkdocs.yml": SETTINGS}, tmp_path / "copy")
    assert copy.run("build").code == 0
    assert json.loads(copy.read(f"site/{MARK}"))["of"] == "../mkdocs.yml"


@pytest.mark.parametrize("of", ['"x"', "1", '"../../../../../etc/passwd"', '"\\u0000"', f'"{"../" * 9000}"', '""'])
def test_what_a_forged_mark_says_it_is_made_of_leads_nowhere(tmp_path, of):
    folder = tmp_path / "site"
    mark = folder / MARK
    mark.parent.mkdir(parents=True)
    mark.write_text(f'{{"made by": "asrun", "of": {of}, "files": {{}}}}')
    found = imprint.made_of(folder)
    assert found is None or found == Path("/etc/passwd")
    put(folder, FIRST)


@pytest.mark.parametrize("site_dir", ["snippets", "snippets/records", "src"])
def test_mkdocs_by_itself_deletes_nothing_that_is_read(tiny, site_dir):
    tiny.write("snippets/answer.py", ANSWER)
    tiny.write("src/module.py", "")
    tiny.put("answer", {"answer": 42})
    before = all_but_cache(tiny.folder)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "-d", site_dir],
        cwd=tiny.folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1 and "where asrun reads" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert all_but_cache(tiny.folder) == before


@pytest.mark.parametrize(("before", "after"), [("img/Logo.svg", "img/logo.svg"), ("a\u0308.svg", "\u00e4.svg")])
@pytest.mark.parametrize("text", ["the same", "another"])
def test_one_file_by_two_names_is_replaced_where_names_alike_are_one(tmp_path, before, after, text):
    """As where capital letters do not count, or accents are written in another way. Hard links stand for that here."""
    folder = tmp_path / "site"
    put(folder, {**FIRST, before: "the same"})
    (folder / before).with_name(Path(after).name).hardlink_to(folder / before)
    put(folder, {**FIRST, after: text})
    assert (folder / after).read_text() == text
    assert (folder / before).exists(), "it is the same file"
    # A file of others with a name that is like one is in the way as ever.
    put(folder, FIRST)
    (folder / before).write_text("mine")
    (folder / after).unlink(missing_ok=True)
    (folder / before).with_name(Path(after).name).hardlink_to(folder / before)
    with pytest.raises(AsrunError, match="kept out"):
        put(folder, {**FIRST, after: text})
    assert (folder / before).read_text() == "mine"
