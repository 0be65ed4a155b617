"""`asrun deck -o`, `asrun pdf -o` and `asrun run --bundle` write over nothing but what they made themselves."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from asrun.cli import main
from asrun.decks import pdf
from asrun.decks.render import OWN_MARK
from asrun.errors import AsrunError
from asrun.model import RunName
from asrun.own import ASSETS
from asrun.publishing.imprint import MARK
from asrun.publishing.outfile import write_out
from asrun.remote import bundle
from asrun.testing import ANSWER, TinyProject

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are those of POSIX")
with_assets = pytest.mark.skipif(
    not (ASSETS / "vendor").is_dir(), reason="the browser files are fetched when asrun is installed"
)

DECK = "---\ncss: style.css\n---\n\n# Talk\n\n![here](img/a.png)\n"
STYLE = "@import url(https://a.org/b.css);\nh1 { color: red }\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"talk.md": DECK, "style.css": STYLE, "img/a.png": "picture", "notes/mine.txt": "mine"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# A deck


@with_assets
@pytest.mark.parametrize(
    ("output", "told"),
    [
        (".", ". is where asrun reads the deck and what it shows"),
        ("./", "is where asrun reads the deck and what it shows"),
        ("..", "holds the place where asrun reads the deck and what it shows"),
        ("img", "img has files that asrun did not make: a.png"),
        ("notes/", "notes has files that asrun did not make: mine.txt"),
        ("notes/../img", "notes/../img has files that asrun did not make: a.png"),
        ("talk.md/out", "talk.md, in which talk.md/out is to be, is a file, and no folder"),
        (".git/out", ".git/out lies in a folder of git's own"),
    ],
)
def test_a_deck_is_written_over_nothing(folder, output, told):
    before = tree(folder)
    done = run("deck", "talk.md", "-o", output)
    assert done.exit_code == 1 and told in done.output, done.output
    assert "name another folder: asrun deck FILE.md -o FOLDER" in done.output
    assert tree(folder) == before


@with_assets
def test_a_deck_is_written_anew_and_what_others_put_beside_it_stays(folder):
    assert run("deck", "talk.md").exit_code == 0
    (folder / "talk" / "CNAME").write_text("mine")
    (folder / "talk" / ".nojekyll").write_text("")
    (folder / "talk.md").write_text("# Talk\n\nOther words.\n")
    assert run("deck", "talk.md").exit_code == 0
    made = tree(folder / "talk")
    assert made["CNAME"] == b"mine" and ".nojekyll" in made and b"Other words." in made["index.html"]
    assert "img/a.png" not in made and "style.css" not in made, "it shows them no longer"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@with_assets
def test_a_deck_of_an_earlier_version_is_written_anew(folder):
    (folder / "talk").mkdir()
    (folder / "talk" / "index.html").write_text(f"<html>{OWN_MARK}</html>")
    (folder / "talk" / "mine.txt").write_text("mine")
    assert run("deck", "talk.md").exit_code == 0
    assert (folder / "talk" / "mine.txt").read_text() == "mine" and (folder / "talk" / MARK).is_file()


@with_assets
def test_two_decks_of_one_name_are_not_written_over_each_other(folder):
    (folder / "notes" / "talk.md").write_text("# Another\n")
    for command in ("deck", "pdf"):
        done = run(command, "talk.md", "notes/talk.md")
        assert done.exit_code == 2 and "Two of these files are called talk" in done.output
    assert not (folder / "talk").exists()


@with_assets
@pytest.mark.parametrize("output", ["docs", "snippets", "slides", "snippets/records/talk", ".asrun/talk"])
def test_a_deck_takes_no_place_of_its_project(tiny_project, monkeypatch, output):
    made: TinyProject = tiny_project({"slides/talk.md": "# Talk\n"})
    made.write("snippets/records/.keep", "")
    before = tree(made.folder)
    refused = made.run("deck", "slides/talk.md", "-o", output)
    assert refused.code == 1 and "where asrun reads" in refused.err
    assert tree(made.folder) == before
    assert made.run("deck", "slides/talk.md", "-o", "docs/talk").code == 0


# A PDF

CHROMIUM = (
    b"%PDF-1.4\n1 0 obj\n<</Creator (Chromium)\n/Producer (Skia/PDF m130)\n"
    b"/CreationDate (D:20250102030405+00'00')\n/ModDate (D:20250102030405+00'00')>>\nendobj\n%%EOF\n"
)


def test_a_printed_file_says_whose_it_is_and_a_changed_one_is_not(tmp_path):
    sealed, path = pdf._sealed(CHROMIUM), tmp_path / "talk.pdf"
    assert len(sealed) == len(CHROMIUM) and b"Date" not in sealed
    for data, own in [
        (sealed, True),
        (sealed + b"notes\n%%EOF\n", False),
        (sealed.replace(b"Chromium", b"Chromiun"), False),
        (pdf._blanked(pdf._DATES, CHROMIUM), True),  # an earlier version's
        (CHROMIUM, False),
        (b"%PDF-1.7 by hand", False),
        (b"", False),
        (b"# A deck\n", False),
    ]:
        path.write_bytes(data)
        assert pdf.is_own(path) is own, data


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "talk.md"], "talk.md: this is the deck itself"),
        (["-o", "notes/../talk.md", "--overwrite"], "this is the deck itself"),
        (["-o", "notes/mine.txt"], "notes/mine.txt: this file is there, and is not a PDF that asrun made"),
        ([], "talk.pdf: this file is there, and is not a PDF that asrun made"),
        (["--handout"], "talk-handout.pdf: this file is there"),
    ],
)
def test_a_pdf_is_printed_over_nothing(folder, monkeypatch, arguments, told):
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    for name in ("talk.pdf", "talk-handout.pdf"):
        (folder / name).write_bytes(CHROMIUM)
    before = tree(folder)
    done = run("pdf", "talk.md", *arguments)
    assert done.exit_code == 1 and told in done.output, "it is told before a browser is looked for"
    assert "name another file with -o" in done.output
    assert tree(folder) == before
    if told.endswith("asrun made"):
        assert "/nowhere/chromium" in run("pdf", "talk.md", *arguments, "--overwrite").output


@posix
def test_a_file_is_written_where_a_link_leads_and_into_a_pipe(tmp_path):
    (tmp_path / "link").symlink_to("there")
    write_out(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_bytes() == b"data"
    read, written = os.pipe()
    with open(read, "rb") as reading:
        write_out(Path(f"/dev/fd/{written}"), b"data")
        os.close(written)
        assert reading.read() == b"data"


# A bundle


@pytest.mark.parametrize("name", ["docs/index.md", "snippets/answer.py", "archive.tar.gz", "empty", "link"])
def test_a_bundle_is_written_over_nothing_and_nothing_is_run_for_it(tiny_project, name):
    made: TinyProject = tiny_project(
        {"snippets/answer.py": ANSWER, "docs/index.md": "# Start\n", "empty": "", "to": "mine"}
    )
    shutil.make_archive(str(made.folder / "archive"), "gztar", made.folder, "docs")
    (made.folder / "link").symlink_to("to")
    before = tree(made.folder)
    refused = made.run("run", "answer", "--bundle", name)
    assert refused.code == 1 and f"{name}: this file is there, and is not a bundle that asrun made" in refused.err
    assert "name another file, as in --bundle NAME.tar.gz" in refused.err
    assert tree(made.folder) == before
    made.put("answer", {"answer": 42})
    with pytest.raises(AsrunError, match="is not a bundle"):
        bundle.pack(made.project, made.store, [RunName("answer", "quick", "cpu")], made.folder / name)


def test_a_bundle_is_written_anew(tiny_project):
    made: TinyProject = tiny_project({"snippets/answer.py": ANSWER})
    made.put("answer", {"answer": 42})
    for _ in range(2):
        done = made.run("run", "answer", "--bundle", "out/records.tar.gz")
        assert done.code == 0 and "packed  1 record" in done.out, done.text


def test_a_deck_and_a_site_do_not_take_each_others_place(tiny_project):
    project = tiny_project({"docs/index.md": "# Start\n", "talk.md": "# One\n", "other.md": "# Other\n"})
    assert project.run("build").code == 0
    page = project.read("site/index.html")
    result = project.run("deck", "talk.md", "-o", "site")
    assert result.code == 1 and "site holds what was made of mkdocs.yml" in result.err and "-o FOLDER" in result.err
    assert project.read("site/index.html") == page
    assert project.run("deck", "talk.md", "-o", "out").code == project.run("deck", "other.md", "-o", "out").code == 0
    project.write("mkdocs.yml", project.read("mkdocs.yml") + "site_dir: out\n")
    result = project.run("build")
    assert result.code == 1 and "out holds what was made of other.md" in result.err
    assert "Other" in project.read("out/index.html")
