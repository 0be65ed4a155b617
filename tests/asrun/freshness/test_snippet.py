"""A snippet is read without being run: its question, its scales, its parts."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.freshness.excerpt import section, whole
from asrun.freshness.snippet import find_snippet, list_snippets
from asrun.model import Snippet
from asrun.testing import ANSWER, raised


def read(tiny_project, source: str, name: str = "answer") -> Snippet:
    return find_snippet(name, tiny_project({f"snippets/{name}.py": source}).project)


def refused(tiny_project, source: str, name: str = "answer") -> str:
    return raised(read, tiny_project, source, name)


def test_a_snippet_is_read_without_being_run(tiny_project, tmp_path):
    source = ANSWER.replace("SCALES", f"open({str(tmp_path / 'ran')!r}, 'w')\nimport no_such_module\nSCALES", 1)
    found = read(tiny_project, source)
    assert (found.name, found.question, found.scales, found.needs, found.plots) == (
        "answer",
        "What is the answer?",
        {"quick": {"twice": 21}},
        {},
        False,
    )
    assert not (tmp_path / "ran").exists()


def test_snippets_are_listed_by_name_and_helpers_are_none(tiny_project):
    project = tiny_project({f"snippets/{name}.py": ANSWER for name in ("b", "a", "_helper")}).project
    assert [snippet.name for snippet in list_snippets(project)] == ["a", "b"]
    assert "there is no snippet called _helper" in raised(find_snippet, "_helper", project)


@pytest.mark.parametrize(
    ("name", "told"),
    [("answr", "did you mean answer?"), ("zzz", "snippets are: answer"), ("../answer", "answer"), ("", "answer")],
)
def test_a_snippet_that_is_not_there_is_told_with_the_nearest(tiny_project, name, told):
    project = tiny_project({"snippets/answer.py": ANSWER, "answer.py": ANSWER}).project
    message = raised(find_snippet, name, project)
    assert f"there is no snippet called {name}" in message and told in message


def test_a_project_without_snippets_says_so(tiny_project):
    assert "snippets are: none yet" in raised(find_snippet, "answer", tiny_project({}).project)


@pytest.mark.parametrize(
    ("literal", "wanted"),
    [
        ("{'quick': dict(n=1, rate=-0.5)}", {"quick": {"n": 1, "rate": -0.5}}),
        ("dict(quick=dict(), full={'n': 60_000})", {"quick": {}, "full": {"n": 60000}}),
        (
            "{'quick': dict(a=(1, 2), b=None, c=[True, 'x'], d={'e': 1e-3})}",
            {"quick": {"a": [1, 2], "b": None, "c": [True, "x"], "d": {"e": 0.001}}},
        ),
    ],
)
def test_scales_are_literals_and_tuples_become_lists_as_in_a_record(tiny_project, literal, wanted):
    assert read(tiny_project, f'"""Why?"""\nSCALES = {literal}\ndef run(**_): ...\n').scales == wanted
    assert read(tiny_project, f'"""Why?"""\nSCALES: dict = {literal}\ndef run(**_): ...\n').scales == wanted


def test_the_last_assignment_counts_as_it_does_when_it_runs(tiny_project):
    source = '"""Why?"""\nSCALES = {"quick": dict(n=1)}\nSCALES = {"quick": dict(n=2)}\ndef run(n): ...\n'
    assert read(tiny_project, source).scales == {"quick": {"n": 2}}


RUN = "\ndef run(): ...\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def run(:", ["snippets/answer.py:1: not valid Python"]),
        ("x = 1\ny = (\n", ["snippets/answer.py:2: not valid Python"]),
        ("x = '\0'", ["snippets/answer.py", "not valid Python"]),
        ("SCALES = {'quick': {}}" + RUN, ["answer.py:1: a snippet starts with the question", "docstring"]),
        ('"""  """\nSCALES = {"quick": {}}' + RUN, ["a snippet starts with the question"]),
        ('"""Why?"""\nSCALES = {"quick": {}}', ["a snippet needs a function `run`", "def run("]),
        ('"""Why?"""' + RUN, ["SCALES must name at least one scale", 'SCALES = {"quick"']),
        ('"""Why?"""\nSCALES = {}' + RUN, ["SCALES must name at least one scale"]),
        ('"""Why?"""\nSCALES = [1]' + RUN, ["SCALES must name at least one scale"]),
        ('"""Why?"""\nSCALES = {"quick": 1}' + RUN, ["SCALES must name at least one scale"]),
        ('"""Why?"""\nN = 1\nSCALES = {"quick": dict(n=N)}' + RUN, ["answer.py:3: SCALES must be made of literals"]),
        ('"""Why?"""\nSCALES = make()' + RUN, ["answer.py:2: SCALES must be made of literals"]),
        ('"""Why?"""\nSCALES = {**x}' + RUN, ["SCALES must be made of literals"]),
        ('"""Why?"""\nSCALES = dict(**x)' + RUN, ["SCALES must be made of literals"]),
        ('"""Why?"""\nSCALES = {"quick": {{}: 1}}' + RUN, ["SCALES must be made of literals"]),
        ('"""Why?"""\nSCALES = {"a/b": {}}' + RUN, ["a scale cannot be called 'a/b'"]),
        ('"""Why?"""\nSCALES = {1: {}}' + RUN, ["a scale cannot be called 1"]),
        ('"""Why?"""\nSCALES = {"quick": dict(n={1, 2})}' + RUN, ["cannot be recorded: quick: n is {1, 2}"]),
        ('"""Why?"""\nSCALES = {"quick": dict(n=1e999)}' + RUN, ["cannot be recorded: quick: n is inf"]),
        ('"""Why?"""\nSCALES = {"quick": dict(n={1: 2})}' + RUN, ["cannot be recorded: quick: n is {1: 2}"]),
        ('"""Why?"""\nSCALES = {"quick": dict(n=b"x")}' + RUN, ["cannot be recorded"]),
        ('"""Why?"""\nSCALES = {"quick": {}}\nNEEDS = {"gpu": True}' + RUN, ["NEEDS is not understood", "preferred"]),
        ('"""Why?"""\nSCALES = {"quick": {}}\nNEEDS = "gpu"' + RUN, ["NEEDS is not understood: 'gpu'"]),
        ('"""Why?"""\nSCALES = {"quick": {}}\nNEEDS = {"minutes": "5"}' + RUN, ["NEEDS is not understood"]),
        ('"""Why?"""\nSCALES = {"quick": {}}\nNEEDS = {"minutes": {"quick": 0}}' + RUN, ["NEEDS is not understood"]),
        (
            '"""Why?"""\nSCALES = {"quick": {}}\nNEEDS = {"cpu": 4}' + RUN,
            ["NEEDS is not understood", "did you mean cpus?"],
        ),
        ('"""Why?"""\nSCALES = {"quick": {}}\nNEEDS = x' + RUN, ["answer.py:3: NEEDS must be made of literals"]),
    ],
)
def test_a_file_that_does_not_keep_the_contract_is_told_what_to_write(tiny_project, source, told):
    message = refused(tiny_project, source)
    assert all(part in message for part in told), message


@pytest.mark.parametrize(
    "value", ["0", "-1", "1.5", "True", "'all'", "[4]", "{'quick': 0.5}", "{'quick': {'full': 4}}"]
)
def test_cpus_are_a_whole_number_and_whatever_else_is_told(tiny_project, value):
    told = refused(tiny_project, f'"""Why?"""\nSCALES = {{"quick": {{}}}}\nNEEDS = {{"cpus": {value}}}{RUN}')
    assert (
        "answer.py:1: NEEDS is not understood: {'cpus': " in told and '"cpus": 4' in told and "a whole number" in told
    )


@pytest.mark.parametrize("name", ["minutes", "memory"])
@pytest.mark.parametrize("value", ["0", "-1", "True", "'all'", "1e999", "{'quick': None}"])
def test_minutes_and_memory_are_numbers_above_zero(tiny_project, name, value):
    told = refused(tiny_project, f'"""Why?"""\nSCALES = {{"quick": {{}}}}\nNEEDS = {{"{name}": {value}}}{RUN}')
    assert f"NEEDS is not understood: {{'{name}': " in told


@pytest.mark.parametrize(
    "needs",
    [{"cpus": 4}, {"cpus": {"quick": 1, "full": 16}}, {"minutes": 0.5, "memory": {"quick": 8}, "gpu": None}, {}],
)
def test_needs_that_are_understood_are_kept_as_they_are(tiny_project, needs):
    assert read(tiny_project, f'"""Why?"""\nSCALES = {{"quick": {{}}}}\nNEEDS = {needs}{RUN}').needs == needs


@pytest.mark.parametrize("name", ["my-answer", "2nd", "class", "published", "a b"])
def test_a_name_that_no_page_could_cite_is_refused(tiny_project, name):
    assert f"a snippet cannot be called {name}" in refused(tiny_project, ANSWER, name)


@pytest.mark.parametrize("data", ["\ufeff" + ANSWER, ANSWER.replace("\n", "\r\n")], ids=["byte order mark", "CRLF"])
def test_files_from_other_editors_are_read(tiny_project, data):
    assert read(tiny_project, data).question == "What is the answer?"


def test_a_file_that_is_not_utf8_is_told(tiny_project):
    project = tiny_project({"snippets/answer.py": ANSWER})
    (project.folder / "snippets/answer.py").write_bytes(b'"""caf\xe9?"""')
    assert "snippets/answer.py: not valid Python" in raised(find_snippet, "answer", project.project)


# Sections

SECTIONS = '''\
"""Why?"""
SCALES = {"quick": {}}


def run():
    # section: setup
    a = 1

    if a:
        b = 2
    # section: rest
    text = """
    kept
    """
    # end section
    return {"a": a, "b": b, "text": text}


@print
@print
class Thing:
    """A thing."""


async def later():
    pass
'''


@pytest.mark.parametrize(
    ("name", "wanted", "line"),
    [
        ("setup", "a = 1\n\nif a:\n    b = 2", 7),
        ("rest", 'text = """\nkept\n"""', 12),
        ("Thing", '@print\n@print\nclass Thing:\n    """A thing."""', 19),
        ("later", "async def later():\n    pass", 25),
    ],
)
def test_a_section_or_a_definition_is_cut_out_with_its_first_line(tiny_project, name, wanted, line):
    assert section(read(tiny_project, SECTIONS), name, "snippets/answer.py") == (wanted, line)


def test_marks_of_sections_are_not_shown(tiny_project):
    found = read(tiny_project, SECTIONS)
    assert "section" not in section(found, "run", "snippets/answer.py")[0]
    assert "section" not in whole(found)
    assert ast.dump(ast.parse(whole(found))) == ast.dump(ast.parse(SECTIONS))


@pytest.mark.parametrize(
    ("name", "told"), [("setpu", "did you mean setup?"), ("zzz", "it has: setup, rest, run, Thing, later")]
)
def test_a_section_that_is_not_there_is_told_with_the_nearest(tiny_project, name, told):
    message = raised(section, read(tiny_project, SECTIONS), name, "snippets/answer.py")
    assert f"snippets/answer.py has no section or function called {name}" in message and told in message


def test_a_section_without_an_end_goes_to_the_end_of_the_file(tiny_project):
    source = ANSWER + "\n# section: last\nx = 1\ny = 2\n"
    assert section(read(tiny_project, source), "last", "snippets/answer.py") == ("x = 1\ny = 2", 10)


def test_odd_line_breaks_in_strings_move_nothing(tiny_project):
    source = ANSWER + '\nodd = "a\x0cb\u2028c"\n\n\ndef later():\n    return odd\n'
    assert section(read(tiny_project, source), "later", "snippets/answer.py") == ("def later():\n    return odd", 12)


@given(
    st.lists(st.sampled_from(["a = 1", "if a:\n    b = 2", "# said", ""]), min_size=1, max_size=5), st.integers(0, 3)
)
def test_a_section_is_what_stands_between_its_marks(blocks, depth):
    body = "\n".join(blocks)
    indent = "    " * depth
    lines = f"# section: part\n{body}\n# end section\nafter = 1"
    source = f'"""Why?"""\n{textwrap.indent(lines, indent)}\n'
    shown, line = section(Snippet("x", None, "", {}, {}, source), "part", "x.py")
    assert shown == body.strip("\n")
    assert line == 3
