"""The preview goes on whatever is wrong: it says so where it is, shows the rest, and forgets it once it is mended."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from mkdocs.commands.build import build as mkdocs_build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from mkdocs.livereload import LiveReloadServer

from asrun.testing import ANSWER, MKDOCS
from machine import eventually

PAGE = "# Good\n\nIt is {{ answer.answer }}.\n"
CELL = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1 + 1", "outputs": [], "execution_count": None}
TITLE = {"cell_type": "markdown", "id": "t", "metadata": {}, "source": "# A lab"}
LAB = json.dumps({"cells": [TITLE, CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
BIB = "@article{a, title={T}, author={B, C}, year={2020}, journal={J}}\n"


class Preview:
    """A preview without its server: what MkDocs does first, and then after each edit."""

    def __init__(self, tiny_project, folder: Path):
        self.site, self.folder, self.config = tiny_project, folder, None

    def build(self) -> dict[str, str]:
        """Build as `mkdocs serve` does; return the pages."""
        config = load_config(str(self.site.project.settings), site_dir=str(self.folder))
        if self.config is None:
            config.plugins.on_startup(command="serve", dirty=False)
        self.config = config
        mkdocs_build(config, serve_url="http://127.0.0.1:8000/")
        return {
            path.relative_to(self.folder).as_posix(): path.read_text("utf-8") for path in self.folder.rglob("*.html")
        }


@pytest.fixture
def preview(tiny_project, tmp_path):
    made = tiny_project(
        {
            # A theme that is quickly rendered: there are many builds here.
            "mkdocs.yml": MKDOCS.replace("name: material\n  font: false", "name: mkdocs"),
            "docs/index.md": PAGE,
            "docs/other.md": "# Other\n",
            "docs/references/references.bib": BIB,
            "snippets/answer.py": ANSWER,
            "slides/good.md": "# Good slides\n",
        }
    )
    made.put("answer", {"answer": 42})
    return Preview(made, tmp_path / "shown")


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


BREAK = {
    "a deck's front matter": ("slides/bad.md", "---\ntheme: [\n---\n# Bad\n", "slides/bad/index.html", "slides/bad.md"),
    "a deck's encoding": (
        "slides/bad.md",
        b"# caf\xe9\n",
        "slides/bad/index.html",
        "slides/bad.md:1: this is not UTF-8",
    ),
    "a deck's lesson": ("slides/bad.md", "---\nlesson: gone\n---\n# Bad\n", "slides/bad/index.html", "does not exist"),
    "a slide": ("slides/bad.md", "# Bad\n\n{{ gone.x }}\n", "slides/bad/index.html", "there is no snippet called gone"),
    "a notebook never run": ("docs/lab.ipynb", LAB, "lab/index.html", "its outputs are missing: never run"),
    "a notebook that is none": ("docs/lab.ipynb", "{", "lab/index.html", "cannot be read"),
    "a snippet": ("snippets/answer.py", "def run(", "index.html", "snippets/answer.py:1: not valid Python"),
    "a record": ("snippets/records/answer/quick-cpu.json", "<<<<", "index.html", "this record cannot be read"),
    "a record that is gone": ("snippets/records/answer/quick-cpu.json", None, "index.html", "answer has no record"),
    "a bibliography": ("docs/references/references.bib", "@article{a, title={T\n", "references/index.html", "BibTeX"),
    "published": ("docs/references/published.yml", "a: [\n", "numbers/index.html", "published.yml"),
    "a page": ("docs/other.md", "# Other\n\n{{ answer.gone }}\n", "other/index.html", "has no value called gone"),
}


@pytest.mark.parametrize(("file", "broken", "page", "told"), BREAK.values(), ids=BREAK)
def test_what_is_broken_is_shown_where_it_is_and_the_rest_goes_on_and_it_is_forgotten_when_mended(
    preview, caplog, file, broken, page, told
):
    site = preview.site
    if "lab" in file:
        site.write("mkdocs.yml", site.read("mkdocs.yml") + "  - mkdocs-jupyter: {execute: false, cache: false}\n")
    site.write("docs/numbers.md", "# Numbers\n\n{{ published.a }}\n" if "published" in file else "# Numbers\n")
    path = site.folder / file
    before = path.read_bytes() if path.exists() else None

    def put(content):
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    put(broken)
    shown = preview.build()
    assert told in text(shown[page]), text(shown[page])[-600:]
    assert any(told in each.getMessage() for each in caplog.records)
    assert "Good slides" in shown["slides/good/index.html"] and "Other" in shown["other/index.html"]
    if page != "index.html":
        assert "42</a>" in shown["index.html"]
    put(before)
    mended = preview.build()
    assert all(told not in text(html) for name, html in mended.items() if name != "numbers/index.html")
    assert "42</a>" in mended["index.html"]


def test_a_record_that_was_made_while_it_runs_is_shown_and_a_stale_one_is_marked(preview):
    assert "42</a>" in preview.build()["index.html"]
    preview.site.put("answer", {"answer": 43})
    assert "43</a>" in preview.build()["index.html"]
    preview.site.edit("snippets/answer.py", "2 * twice", "3 * twice")
    preview.site.write("docs/index.md", PAGE + "\n/// claim | So.\nanswer.answer > 1\n///\n")
    shown = preview.build()["index.html"]
    assert "43</a>" in shown and "stale" in shown


def test_a_mistake_in_mkdocs_yml_is_told_in_a_sentence_and_the_next_edit_mends_it(preview):
    preview.build()
    good = preview.site.read("mkdocs.yml")
    site = preview.site.project
    preview.site.write("mkdocs.yml", good.replace("- asrun", "- asrun: {minutes: no}"))
    with pytest.raises(Abort, match="the option minutes of the asrun plugin must be a number above 0"):
        mkdocs_build(load_config(str(site.settings), site_dir=str(preview.folder)), serve_url="http://127.0.0.1:8000/")
    preview.site.write("mkdocs.yml", good)
    assert "42</a>" in preview.build()["index.html"]


def test_everything_that_pages_are_made_of_is_watched(preview, tmp_path, monkeypatch):
    site = preview.site
    monkeypatch.setenv("DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    for name in ("read.csv", "not_read.csv"):
        (tmp_path / "data" / name).write_text("1")
    site.write("base.yml", site.read("mkdocs.yml").replace("- asrun", "- asrun: {data_variables: [DATA]}"))
    site.write("mkdocs.yml", "INHERIT: base.yml\n")
    site.write("src/lab.py", "")
    site.write("table.csv", "1")
    site.write("docs/page.csv", "1")
    files = {"$DATA/read.csv": "x", "./table.csv": "y", "docs/page.csv": "z", "$DATA/gone.csv": "absent"}
    site.put("answer", {"answer": 42}, files=files)
    preview.build()

    class Server:
        def __init__(self):
            self.paths = []

        def watch(self, path):
            self.paths.append(path)

    def builder():
        load_config(str(site.write("broken.yml", "site_name: [")))

    server = preview.config.plugins.on_serve(Server(), config=preview.config, builder=builder)
    with pytest.raises(Abort, match="error parsing the configuration file"):
        server.builder()
    watched = {os.path.relpath(path, site.folder) for path in server.paths}
    assert {"snippets", "slides", "docs/references", "src", "mkdocs.yml", "base.yml", "table.csv"} <= watched
    assert "../data/read.csv" in watched
    assert not {"../data", "../data/not_read.csv", "../data/gone.csv", "docs/page.csv"} & watched
    real = LiveReloadServer(lambda: None, "127.0.0.1", 0, str(preview.folder))
    for path in server.paths:
        real.watch(path)
    real.observer.start()
    real.observer.stop()
    real.server_close()


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def test_a_preview_that_cannot_even_begin_waits_for_the_mend(preview):
    """One real server: it starts with settings that MkDocs does not take."""
    site, port = preview.site, free_port()
    settings = site.read("mkdocs.yml")
    site.write("mkdocs.yml", settings + "use_directory_urls: perhaps\n")
    with (site.folder / "said.txt").open("w+") as said:
        command = [sys.executable, "-m", "asrun.cli", "serve", "--port", str(port)]
        process = subprocess.Popen(command, cwd=site.folder, stdout=said, stderr=said)
        try:
            assert eventually(lambda: "Waiting for an edit." in site.read("said.txt"), 60), site.read("said.txt")
            assert process.poll() is None
            site.write("mkdocs.yml", settings)

            def shown():
                try:
                    return b"42</a>" in urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
                except OSError:
                    return False

            assert eventually(shown, 60), site.read("said.txt")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def test_a_port_that_is_taken_is_told(preview):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = preview.site.run("serve", "--port", str(taken.getsockname()[1]))
    assert told.code == 1 and "nothing can be served at port" in told.err and "--port 8001" in told.err
