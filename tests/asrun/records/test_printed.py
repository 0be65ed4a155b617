"""Much that was printed is cut, told, and never makes a large page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asrun.records.printed import LONGEST_LINE, shorten
from asrun.testing import ANSWER, MKDOCS, TinyProject

THIN = "\u202f"


@given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=3), max_size=40), st.integers(2, 20))
def test_beginning_and_end_are_kept_and_all_lines_are_accounted_for(lines, most):
    text = "\n".join(lines)
    short, left = shorten(text, most)
    told = short.split("\n")
    if len(text.split("\n")) <= most:
        assert (short, left) == (text, "")
        return
    first, rest = most // 2, most - most // 2 - 1
    count = len(lines) - first - rest
    assert len(told) == most
    assert told == [*lines[:first], f"… {count} lines left out …", *lines[len(lines) - rest :]]
    assert left == f"{count} lines"
    assert shorten(short, most) == (short, "")


@given(st.integers(0, 3 * LONGEST_LINE))
def test_a_long_line_is_cut_once(length):
    text = "ab" * (length // 2) + "z" * (length % 2)
    short, left = shorten(text, 10)
    assert len(short) <= LONGEST_LINE and shorten(short, 10) == (short, "")
    assert (left == "") == (length <= LONGEST_LINE)
    assert short.startswith(text[:1000]) and short.endswith(text[-100:])


def test_a_run_that_prints_much_keeps_what_somebody_would_read(tiny_project):
    snippet = '''\
    """Loud?"""
    SCALES = {"quick": {}}
    def run():
        print("\\n".join(f"line {at}" for at in range(40_000)))
        print("x" * 100_000)
        return {"n": 1}
    '''
    project = tiny_project({"snippets/loud.py": snippet, "docs/index.md": "# Loud\n\n/// output | loud\n///\n"})
    done = project.run("build")
    assert done.code == 0, done.text
    record = project.record_json("loud")
    assert len(record["output"]) == 1000
    assert record["output"][0] == "line 0" and f"… 39{THIN}002 lines left out …" in record["output"]
    assert record["output"][-2] == "line 39999" and len(record["output"][-1]) <= LONGEST_LINE
    (remark,) = record["remarks"]
    assert remark == f"it printed more than is kept: 39{THIN}002 lines and 98{THIN}050 characters were left out"
    page = project.read("site/index.html")
    assert remark in page and len(page) < 100_000


def test_an_old_record_with_much_output_is_shown_cut_as_the_project_wants_it(tiny_project):
    mkdocs = MKDOCS.replace("  - asrun\n", "  - asrun:\n      output_lines: 11\n")
    project: TinyProject = tiny_project({"mkdocs.yml": mkdocs, "snippets/answer.py": ANSWER})
    project.put("answer", {"n": 1}, output="\n".join(map(str, range(50_000))))
    html = project.convert("/// output | answer\n///")
    assert f"… 49{THIN}990 lines left out …" in html and len(html) < 5000
    assert "49999" in html and ">0\n1\n" in html.replace("</code>", "\n")


def test_a_table_that_no_page_can_show_is_a_sentence(tiny_project):
    project: TinyProject = tiny_project({"snippets/answer.py": ANSWER})
    many = list(range(1000))
    project.put("answer", {"a": many, "b": many, "t": [many] * 1000, "axes": {"t": ["a", "b"]}})
    told = project.convert("/// table | All\n    of: answer.t\n///", strict=False)
    assert "1000 rows of 1000 cells" in told and len(told) < 5000
    columns = ", ".join(f"c{at}: 'answer.t(a=a)[{at}]'" for at in range(20))
    told = project.convert(f"/// table | All\n    rows: {{a: answer.a}}\n    columns: {{{columns}}}\n///", strict=False)
    assert "1000 rows of 20 cells" in told and len(told) < 5000
