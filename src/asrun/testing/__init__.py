"""Tiny real projects, for the tests of whoever builds on asrun: a block, a macro, a bot that quotes records.

A dict of files goes in; the `asrun` command runs over them; what it said and wrote comes out. The fixture
`tiny_project` comes with asrun's pytest plugin and needs no import:

    from asrun.testing import COIN

    def test_a_page_shows_what_was_run(tiny_project):
        project = tiny_project({"snippets/coin.py": COIN})
        assert project.run("run", "coin").code == 0
        assert "from coin (quick, cpu)" in project.convert("{{ coin.tosses }} tosses.")

Outside of pytest, `TinyProject(files, folder)` is the same. Records that no test should have to wait for are stored
with `TinyProject.put`, or made by hand with `make_record`.
"""

from asrun.testing.handmade import make_figure, make_provenance, make_record
from asrun.testing.raising import raised
from asrun.testing.sources import ANSWER, COIN, MKDOCS
from asrun.testing.tiny import Result, TinyProject

__all__ = [
    "ANSWER",
    "COIN",
    "MKDOCS",
    "Result",
    "TinyProject",
    "make_figure",
    "make_provenance",
    "make_record",
    "raised",
]
