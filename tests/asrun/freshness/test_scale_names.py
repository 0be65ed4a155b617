"""Scales may have any name; and what is renamed or removed is told where it is cited, with what to do about it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.freshness.snippet import by_preference, cheapest_scale
from asrun.model import Snippet
from asrun.pages.context import Context
from asrun.testing import ANSWER, COIN, make_figure

PAGE = "# Answer\n\n{{ answer.answer }}\n"


class Preferring:
    """As much of a project as decides which scale is preferred."""

    def __init__(self, scales):
        self.scales = scales


def snippet(scales):
    return Snippet("x", None, "Why?", {scale: {} for scale in scales}, {}, "")


NAMES = st.lists(st.sampled_from(["full", "small", "quick", "tiny", "huge", "Größe-1"]), unique=True)


@given(NAMES.filter(bool), NAMES)
def test_every_scale_can_be_shown_and_what_a_build_runs_is_one_of_them(scales, listed):
    found, project = snippet(scales), Preferring(listed)
    order = by_preference(found, project)
    assert sorted(order) == sorted(scales)
    known = [scale for scale in listed if scale in scales]
    assert order[: len(known)] == known, "the option comes first, in its order"
    assert cheapest_scale(found, project) in order
    if not known:
        assert order == scales[::-1], "what is written first takes least"
        assert cheapest_scale(found, project) == scales[0] == order[-1]
    else:
        assert cheapest_scale(found, project) == known[-1]


def test_a_scale_of_any_name_is_run_by_a_build_and_shown_by_its_pages(tiny_project):
    made = tiny_project({"snippets/answer.py": ANSWER.replace("quick", "a-minute"), "docs/index.md": PAGE})
    built = made.run("build")
    assert built.code == 0, built.err
    assert "ran     answer (a-minute, cpu)" in built.out
    assert "42</a>" in made.read("site/index.html")
    assert "trained nothing" in made.run("build").out


def test_of_scales_with_other_names_the_last_is_shown_and_the_first_is_run(tiny_project):
    made = tiny_project(
        {"snippets/answer.py": ANSWER.replace('"quick": dict(twice=21)', "'s': dict(twice=1), 'l': dict(twice=9)")}
    )
    assert [row["scale"] for row in json.loads(made.run("status", "--json").out)] == ["s"]
    made.put("answer", {"answer": 2}, scale="s")
    assert Context(made.project).best("answer").run.scale == "s"
    made.put("answer", {"answer": 18}, scale="l")
    assert Context(made.project).best("answer").run.scale == "l"
    made.edit("mkdocs.yml", "  - asrun\n", "  - asrun:\n      scales: [quick, s]\n")
    assert Context(made.project).best("answer").run.scale == "s"


# What is gone


@pytest.fixture
def answer(tiny_project):
    source = ANSWER.replace("SCALES = {", 'SCALES = {"full": dict(twice=50), ').replace("*, twice", "twice=0, **more")
    made = tiny_project({"snippets/answer.py": source, "docs/index.md": PAGE, "docs/more.md": PAGE})
    made.put("answer", {"answer": 100}, scale="full")
    return made


def test_a_renamed_snippet_is_told_where_it_is_cited_with_what_to_do_about_its_records(answer):
    (answer.folder / "snippets/answer.py").rename(answer.folder / "snippets/reply.py")
    for command in (("check",), ("build", "--no-run")):
        told = answer.run(*command)
        assert told.code == 1
        assert "docs/index.md:3:1: there is no snippet called answer" in told.err
        assert "also at docs/more.md:3:1" in told.err and "1 problem, in 2 places" in told.err
        assert "records of answer are left" in told.err and "asrun trim" in told.err
        assert "about/records.md" not in told.err
    status = {row["snippet"]: row["state"] for row in json.loads(answer.run("status", "--json").out)}
    assert status == {"answer": "unused", "reply": "missing"}
    why = answer.run("why", "answer")
    assert why.code == 1 and "there is no snippet called answer" in why.err and "asrun trim" in why.err
    answer.write("docs/index.md", "# Nothing\n")
    (answer.folder / "docs/more.md").unlink()
    assert answer.run("build", "--no-run").code == 0, "records that nobody cites are in nobody's way"
    records = answer.read("site/about/records/index.html")
    assert "Unused: there is no snippet answer any more." in records
    assert "1 file" in answer.run("trim").out
    assert not answer.exists("snippets/records/answer")


def test_a_removed_scale_leaves_its_record_unused_and_pages_show_another(answer):
    answer.write("snippets/answer.py", ANSWER)
    told = answer.run("check").err
    assert "docs/index.md:3:1: answer has no record; there are records of full, which SCALES no longer names" in told
    assert "run it: asrun run answer; asrun trim deletes" in told and "1 problem, in 2 places" in told
    assert "answer has no scale full" in answer.run("run", "answer", "--scale", "full").err
    answer.put("answer", {"answer": 42})
    assert answer.run("check").code == 0
    assert [row["state"] for row in json.loads(answer.run("status", "--json").out)] == ["unused", "fresh"]
    assert "unused" in answer.run("why", "answer").out
    answer.run("trim")
    assert answer.run("check").code == 0 and answer.run("status").code == 0


def test_a_renamed_scale_is_told_with_what_to_run(answer):
    answer.edit("snippets/answer.py", '"full": dict(twice=50)', '"whole": dict(twice=50)')
    told = answer.run("check").err
    assert "records of full, which SCALES no longer names" in told and "asrun run answer" in told


def test_a_parameter_that_was_renamed_is_the_reason(answer):
    answer.edit("snippets/answer.py", "twice=50", "double=50")
    told = answer.run("check")
    assert told.code == 3
    assert "answer (full, cpu) is stale: twice was 50, is None; double was None, is 50" in told.err
    assert "run it again: asrun run answer --scale full" in told.err and "1 problem, in 2 places" in told.err


def test_a_figure_or_a_value_that_is_gone_is_told_with_those_there_are(tiny_project):
    made = tiny_project(
        {
            "snippets/coin.py": COIN,
            "docs/index.md": "# Coin\n\n/// figure | coin.heads\nIt.\n///\n\n{{ coin.toses }} and {{ coin.toses }}\n",
        }
    )
    made.put("coin", {"tosses": 3}, figures=[make_figure("bias"), make_figure("tosses")])
    told = made.run("check").err
    assert "docs/index.md:3: coin has no figure called heads" in told and "it has: bias, tosses" in told
    assert "docs/index.md:7:1: coin (quick, cpu) has no value called toses" in told and "did you mean tosses?" in told
    assert "also at docs/index.md:7:22" in told and "2 problems, in 3 places" in told
    assert "about/records.md" not in told


def test_a_fault_that_many_pages_share_can_be_had_with_all_its_places(answer):
    for page in range(12):
        answer.write(f"docs/page{page:02}.md", PAGE)
    answer.edit("snippets/answer.py", "2 * twice", "3 * twice")
    told = answer.run("check").err
    assert "and 10 more places" in told and "1 problem, in 14 places" in told
    assert "page11" not in told
    told = answer.run("check", "--places").err
    assert all(f"docs/page{page:02}.md:3:1" in told for page in range(12)) and "more place" not in told
