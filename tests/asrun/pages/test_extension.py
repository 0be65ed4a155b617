"""Pages in any Python-Markdown: what they show of records and literature, and what an author is told."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import markdown
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asrun.checks.reading import read_page
from asrun.errors import AsrunError
from asrun.pages.context import Context
from asrun.pages.extension import AsrunExtension
from asrun.testing import ANSWER, COIN, TinyProject, make_figure, raised

BIB = (
    "@article{one2014, author = {Hinton, Geoffrey and Krizhevsky, Alex}, title = {Big}, journal = {J}, year = {2014}}\n"
)
NUMBERS = "rate: {cite: one2014, where: Table 1, how: stated, what: a rate, value: 0.25}\n"
FILES = {
    "snippets/coin.py": COIN,
    "snippets/answer.py": ANSWER,
    "docs/references/references.bib": BIB,
    "docs/references/published.yml": NUMBERS,
}
HEADS = [[0.19, 0.2, 0.21, 0.2, 0.2], [0.5, 0.49, 0.51, 0.5, 0.5], [0.8, 0.79, 0.81, 0.8, 0.8]]
VALUES = {
    "bias": [0.2, 0.5, 0.8],
    "heads": HEADS,
    "tosses": 12345,
    "word": "fair & <square>",
    "axes": {"heads": ["bias", "seed"]},
}


def fill(project: TinyProject) -> TinyProject:
    project.put("coin", VALUES, output="tossed <twice>\nand again", figures=[make_figure()])
    return project


@pytest.fixture
def coin(tiny_project) -> TinyProject:
    return fill(tiny_project(FILES))


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


def test_ten_lines_of_plain_markdown_are_enough(coin, monkeypatch):
    monkeypatch.chdir(coin.folder)
    html = markdown.Markdown(extensions=["asrun"]).convert("Tossed {{ coin.tosses }} times.")
    assert text_of(html) == "Tossed 12\u202f345 times."


def test_no_mkdocs_yml_is_needed(coin, monkeypatch):
    (coin.folder / "mkdocs.yml").unlink()
    monkeypatch.chdir(coin.folder)
    html = markdown.Markdown(extensions=["asrun"]).convert("Tossed {{ coin.tosses }} times [@one2014].")
    assert text_of(html) == "Tossed 12\u202f345 times (Hinton and Krizhevsky 2014)."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{ coin.tosses }}", "12\u202f345"),
        ("{{coin.tosses|.1e}}", "1.2 × 10⁴"),
        ("{{ coin.heads(bias=0.5) }}", "0.500 ± 0.007"),
        ("{{ mean(coin.heads(bias=0.5)) | .1% }}", "50.0%"),
        ("{{ argmax(coin.heads) }}", "0.8"),
        ("{{ coin.word }}", "fair &amp; &lt;square&gt;"),
        ("{{ published.rate | .0% }}", "25%"),
        ("{{ 2 * 3 }}", "6"),
        ("*so* **{{ coin.tosses }}** it", "so 12\u202f345 it"),
        ("{{ coin.tosses }}{{ 1 }}", "12\u202f3451"),
    ],
)
def test_a_value_is_shown_where_it_is_cited(coin, text, shown):
    assert text_of(coin.convert(text)) == shown


def test_a_value_leads_to_its_record_and_a_published_one_to_its_source(coin):
    html = coin.convert("{{ coin.heads(bias=0.5) }} {{ published.rate }}", page="docs/lessons/one.md")
    assert 'href="../about/records.md#coin-quick-cpu"' in html
    assert "mean ± standard deviation of 5 seeds" in html
    assert 'href="../references/index.md#one2014"' in html
    assert "Hinton and Krizhevsky 2014, Table 1: a rate (stated)" in html


def test_works_are_cited_by_key(coin):
    assert text_of(coin.convert("See [@one2014].")) == "See (Hinton and Krizhevsky 2014)."
    assert text_of(coin.convert("[@one2014; @one2014]")).count("2014") == 2
    assert "Big" in coin.convert("/// bibliography\n///")


def test_a_figure_has_its_caption_its_drawing_and_its_provenance(coin):
    html = coin.convert("/// figure | coin\nHeads *against* bias, {{ coin.tosses }} times.\n///")
    assert "<svg" in html and "<title>drawn</title>" in html
    assert "<figcaption>" in html and "<em>against</em>" in html and "12\u202f345" in html
    assert "How this was made" in html and "asrun run it" in html
    assert coin.convert("/// figure | coin.figure\n///").count("<svg") == 1


def test_a_snippet_shows_its_code_whole_or_a_section(coin):
    assert text_of(coin.convert("/// snippet | answer\n///")).replace("&quot;", '"').count("SCALES") == 1
    html = coin.convert("/// snippet | answer\n    section: run\n///")
    assert "SCALES" not in text_of(html)
    assert "from line 6" in html


def test_output_is_shown_as_it_was_printed(coin):
    assert "tossed &lt;twice&gt;\nand again" in coin.convert("/// output | coin\n///")


def test_a_claim_that_holds_shows_its_evidence(coin):
    html = coin.convert("/// claim | A fair coin shows *more* heads.\ncoin.heads(bias=0.5) > coin.heads(bias=0.2)\n///")
    assert "<details" in html and "✓" in html and "<em>more</em>" in html
    for part in ("0.500 ± 0.007", "0.200 ± 0.007", "Welch", "p &lt; 0.001", ">5<", "coin (quick, cpu)"):
        assert part in html, part


@pytest.mark.parametrize(
    ("expression", "sides"),
    [
        ("coin.heads(bias=0.5) < coin.heads(bias=0.2)", ["0.500 ± 0.007", "0.200 ± 0.007; wanted <", "Welch's t-test"]),
        ("coin.tosses < 5", ["coin.tosses = 12\u202f345, 5; wanted <"]),
        ("coin.tosses > 5 and\ncoin.word == 'unfair'", ["coin.word = fair & <square>, 'unfair' = unfair; wanted =="]),
    ],
)
def test_a_claim_that_does_not_hold_is_told_with_both_sides(coin, expression, sides):
    message = raised(coin.convert, f"/// claim | It is so.\n{expression}\n///")
    assert message.startswith("docs/index.md:1: this claim does not hold: It is so.")
    assert all(side in message for side in sides), message


@pytest.mark.parametrize(("scale", "told"), [("quick", None), ("full", "coin has no scale full")])
def test_a_claim_may_ask_for_a_scale(coin, scale, told):
    text = f"/// claim | Often.\n    scale: {scale}\n\ncoin.tosses > 5\n///"
    if told:
        assert told in raised(coin.convert, text)
    else:
        assert "✓" in coin.convert(text)


NESTS = {
    "admonition": "!!! note\n\n{}",
    "details": '??? note "More"\n\n{}',
    "tab": '=== "One"\n\n{}',
    "list": "- item\n\n{}",
    "numbered list": "1. item\n\n{}",
    "deep": '!!! note\n\n    === "One"\n\n    {}',
}
CONTENT = (
    "{{ coin.tosses }} [@one2014]\n\n/// figure | coin\nCaption {{ coin.tosses }}\n///\n\n"
    "/// claim | Often.\ncoin.tosses > 5\n///\n\n/// snippet | answer\n    section: run\n///\n"
)


@pytest.mark.parametrize("nest", NESTS)
def test_everything_may_be_nested(coin, nest):
    depth = 8 if nest == "deep" else 4
    content = "\n".join(" " * depth + line if line else "" for line in CONTENT.split("\n"))
    html = coin.convert(NESTS[nest].format(content.removeprefix("    ") if nest == "deep" else content))
    assert html.count("12\u202f345") == 3  # in the text, the caption and the evidence
    assert "<svg" in html and "✓" in html and "(Hinton and Krizhevsky 2014)" in text_of(html) and "from line 6" in html
    assert "///" not in html


def test_a_value_with_a_format_may_stand_in_a_table(coin):
    html = coin.convert("| a | b |\n| - | - |\n| x | {{ coin.tosses | .0f }} |\n")
    assert html.count("<td>") == 2 and "12\u202f345" in html


@pytest.mark.parametrize(
    "text",
    [
        "`{{ coin.x | .2f }} [@key]`",
        "```\n{{ coin.x | .2f }} [@key]\n/// figure | nothing\n```",
        "~~~\n{{ coin.x | .2f }} [@key]\n~~~",
        "- item\n\n    ```\n    {{ coin.x | .2f }} [@key]\n    ```",
        "`` `{{ coin.x | .2f }} [@key]` ``",
    ],
)
def test_code_is_left_alone(coin, text):
    html = coin.convert(text)
    assert "{{ coin.x | .2f }} [@key]" in html
    assert not re.search("[\ue000-\ue00f]", html)


@pytest.mark.parametrize("code", ["/// records\n    ///", "/// claim | nothing", "{{ coin.x }}", "[@one2014]", "///"])
def test_what_is_code_only_because_it_is_indented_is_told(coin, code):
    message = raised(coin.convert, f"text\n\n    {code}\n")
    assert message.startswith("docs/index.md:3:") and "indented by four spaces" in message


# What an author is told


ERRORS = [
    ("{{ cion.tosses }}", ["there is no snippet called cion", "did you mean coin?"]),
    ("{{ coin.toses }}", ["has no value called toses", "did you mean tosses?"]),
    ("{{ coin.heads(bias=0.3) }}", ["has no bias=0.3", "0.2, 0.5, 0.8"]),
    ("{{ coin.heads }}", ["has many numbers", "coin.heads(bias=0.2)"]),
    ("{{ coin.tosses | spam }}", ["'spam' is not a format", ".2f"]),
    ("{{ answer.answer }}", ["answer has no record", "asrun run answer"]),
    ("{{ published.rat }}", ["no published number called rat", "did you mean rate?"]),
    ("{{ }}", ["no value between"]),
    ("{{}}", ["no value between"]),
    ("{{ 1 + }}", ["not an expression"]),
    ("{{ import os }}", ["not an expression"]),
    ("[@on2014]", ["there is no on2014 in references.bib", "one2014"]),
    ("[@one2014; @two]", ["there is no two"]),
    ("/// figure | cion\n///", ["no snippet called cion", "did you mean coin?"]),
    ("/// figure | coin.figur\n///", ["no figure called figur", "did you mean coin.figure?"]),
    ("/// figure | answer\n///", ["answer has no record"]),
    ("/// figure\n///", ["does not say which", "/// figure | snippet"]),
    ("/// snippet | anwser\n///", ["no snippet called anwser", "did you mean answer?"]),
    ("/// snippet | answer\n    section: rum\n///", ["no section or function called rum", "did you mean run?"]),
    ("/// snippet\n///", ["does not say which"]),
    ("/// output | answer\n///", ["answer has no record"]),
    ("/// claim\ncoin.tosses > 5\n///", ["does not say which"]),
    ("/// claim | So.\n///", ["nothing that decides it"]),
    ("/// claim | So.\ncoin.tosses\n///", ["nothing is compared"]),
    ("/// claim | So.\ncoin.tosses >\n///", ["not an expression"]),
    ("/// claim | So.\ncoin.heads(bias=0.2) == 1\n///", ["with seeds there is a spread"]),
]
MALFORMED = [
    ("/// figure | coin\n    unknown: 1\n///", []),
    ("/// figure | coin\n    : : :\n///", []),
    ("/// figure | coin\n    - a\n///", []),
    ("/// snippet | answer\n    section: [1\n///", []),
    ("/// claim | So.\n    scale: 1\n\ncoin.tosses > 5\n///", []),
    ("/// figure|\n///", []),
    ("/// bibliography | all\n    x: 1\n///", []),
]


@pytest.mark.parametrize(
    "before", ["", "First.\n\n", "# Title\n\n```\ncode\n```\n\n- a\n- b\n\n"], ids=["top", "below", "deep"]
)
@pytest.mark.parametrize(("text", "told"), ERRORS + MALFORMED)
def test_every_mistake_is_told_with_its_line_and_a_remedy(coin, before, text, told):
    line = before.count("\n") + 1
    message = raised(coin.convert, before + text, page="docs/lessons/one.md", first_line=5)
    assert re.match(rf"docs/lessons/one\.md:{line + 4}(:\d+)?: ", message), message
    assert all(part in message for part in told), message
    assert "\n    " in message, message


@pytest.mark.parametrize(
    "text",
    [
        "<div>{{ coin.tosses }}</div>",
        '<p class="x">\n{{ coin.tosses }}\n</p>',
        '<img alt="{{ coin.tosses }}">',
        'A <b title="{{ coin.tosses }}">word</b>.',
    ],
)
def test_a_value_in_raw_html_is_an_error_and_not_text(coin, text):
    assert "docs/index.md:" in raised(coin.convert, text)


WRONG = "coin.tosses < 5"


@pytest.mark.parametrize(
    "text",
    [
        f"/// claim | Never.\n{WRONG}",
        f"- item\n\n    /// claim | Never.\n    {WRONG}\n\ntext",
        f"> /// claim | Never.\n> {WRONG}\n\ntext",
        "/// figure | coin\nCaption.\n\nThe rest of the page.",
        "/// figur | coin\n///",
        "{{ coin.tosses",
        "$a {{ coin.tosses }} b$",
        "[@one 2014]",
    ],
)
def test_what_is_not_finished_or_stands_where_it_cannot_is_an_error_and_not_text(coin, text):
    assert "docs/index.md:" in raised(coin.convert, text)


def test_all_mistakes_of_a_page_are_told_at_once(coin):
    message = raised(coin.convert, "{{ a.b }}\n\n[@c]\n\n/// figure | d\n///\n")
    assert [line.split(":")[1] for line in message.split("\n") if line.startswith("docs/")] == ["1", "3", "5"]
    assert "3 problems" in message


@pytest.mark.parametrize(
    "front", ["---\ntitle: One\n---\n", "---\n---\n", "---\na: |\n  b\n...\n\n", "Title: One\nAuthors: Two\n\n\n", ""]
)
def test_front_matter_moves_no_line(coin, front):
    path = coin.write("docs/one.md", front + "# One\n\n{{ coin.toses }}\n")
    (problem,) = read_page(path, Context(coin.project)).problems
    assert str(problem.where) == f"docs/one.md:{front.count(chr(10)) + 3}:1"


# Records that cannot be trusted


def test_a_stale_record_is_an_error_or_is_marked(coin):
    coin.edit("snippets/coin.py", "[0.2, 0.5, 0.8]", "[0.1, 0.5, 0.8]")
    message = raised(coin.convert, "{{ coin.tosses }}")
    assert "coin (quick, cpu) is stale: snippets/coin.py: run changed" in message
    assert "asrun run coin --scale quick" in message
    html = coin.convert("/// figure | coin\n///", context=Context(coin.project, allow_stale=True))
    assert "Not up to date (stale" in html


def test_a_value_changed_by_hand_is_refused_and_others_are_not(coin):
    coin.edit("snippets/records/coin/quick-cpu.json", "12345", "12346")
    assert "changed by hand" in raised(coin.convert, "{{ coin.tosses }}")
    assert "0.500" in coin.convert("{{ coin.heads(bias=0.5) }}")


def test_a_figure_changed_by_hand_is_refused(coin):
    (drawing,) = coin.folder.glob("snippets/records/coin/*.svg")
    drawing.write_text(drawing.read_text().replace("drawn", "forged"))
    assert "changed by hand" in raised(coin.convert, "/// figure | coin\n///")


def test_a_torn_record_is_told_where_it_is_cited(coin):
    coin.write("snippets/records/coin/quick-cpu.json", "{")
    message = raised(coin.convert, "text\n\n{{ coin.tosses }}")
    assert message.startswith("docs/index.md:3:1: ")
    assert "snippets/records/coin/quick-cpu.json" in message and "cannot be read" in message


def test_a_snippet_that_printed_nothing_has_no_output_to_show(tiny_project):
    project = tiny_project(FILES)
    project.put("answer", {"answer": 42})
    assert "printed nothing" in raised(project.convert, "/// output | answer\n///")


# Whatever is typed


HEADERS = st.tuples(
    st.sampled_from(["", "    ", "> ", "- "]),
    st.sampled_from(["///", "////", "//"]),
    st.sampled_from([" figure", "claim", " snippet", " output", " table", " records", " bibliography", "", " zzz"]),
    st.sampled_from(
        [" | coin", " | coin.figure", " |", "", " | {{ coin.tosses }}", " | [@one2014]", " | a | b", " | cion"]
    ),
).map("".join)
LINES = st.one_of(
    HEADERS,
    st.sampled_from(
        [
            "",
            "///",
            "    section: run",
            "    scale: quick",
            "    a: [",
            "    attrs: {class: x}",
            "coin.tosses > 5",
            "text",
            "{{ coin.tosses }}",
            "{{ coin",
            "}}",
            "{{ {{ coin.tosses }} }}",
            "[@one2014",
            "[@x]",
            "```",
            "    code",
            "> quote",
            "| a | b |",
            "| - | - |",
            "| {{ coin.tosses | .1f }} | [@x] |",
            "$x",
            "<div>",
            "</div>",
            "!!! note",
            "*a",
            "\ue0001\ue001",
        ]
    ),
    st.text(max_size=8),
)


@settings(max_examples=150)
@given(st.lists(LINES, max_size=8).map("\n".join))
@example("/// claim | So.\n\n    coin.tosses > 5\n///")
@example("{{ coin.tosses(bias=coin.heads) }}")
def test_whatever_is_typed_becomes_a_page_or_a_problem_with_its_place(text):
    try:
        html = _scratch().convert(text)
    except AsrunError as error:
        assert re.match(r"docs/index.md(:\d+){0,2}: ", str(error)), str(error)
    else:
        assert not re.search(r"///+ *(figure|claim|snippet|output) *\|", re.sub(r"(?s)<(code|pre)\b.*?</\1>", "", html))


def _scratch(made: list[TinyProject] = []) -> TinyProject:  # noqa: B006
    if not made:
        folder = tempfile.TemporaryDirectory()
        site = fill(TinyProject(FILES, Path(folder.name)))
        site.kept = folder
        made.append(site)
    return made[0]


def test_a_value_may_stand_on_two_lines(coin):
    assert text_of(coin.convert("Tossed {{ coin.tosses\n}} times.")) == "Tossed 12\u202f345 times."


def test_a_work_may_be_cited_with_a_place_in_it(coin):
    assert "2014</a>, p. 3)" in coin.convert("So it is [@one2014, p. 3].")


def test_braces_in_a_formula_are_those_of_latex(coin):
    html = coin.convert("$\\frac{{a}}{{b}}$")
    assert "<mfrac>" in html and not re.search("[\ue000-\ue00f]", html)


def test_what_was_printed_and_then_changed_by_hand_is_not_shown(coin):
    coin.edit("snippets/records/coin/quick-cpu.json", "and again", "and not")
    assert "changed by hand" in raised(coin.convert, "/// output | coin\n///")


def test_a_mistake_in_a_formula_is_told_with_the_others(coin):
    message = raised(coin.convert, "{{ a.b }}\n\n$\\nonsense$\n")
    assert "docs/index.md:1:" in message and "docs/index.md:3:" in message


def test_other_blocks_of_the_host_are_left_alone(coin):
    html = markdown.markdown(
        "/// details | More\nText\n///",
        extensions=["pymdownx.blocks.details", AsrunExtension(context=Context(coin.project))],
    )
    assert "<details>" in html


def test_there_is_no_link_in_a_link(coin):
    html = coin.convert("[tossed {{ coin.tosses }} times](elsewhere.md)")
    assert html.count("<a ") == 1 and "12\u202f345" in html


def test_the_page_of_all_records_says_what_was_not_run(tiny_project):
    gpu = ANSWER.replace("SCALES = {", 'NEEDS = {"gpu": "preferred"}\nSCALES = {"full": dict(twice=4), ')
    project = tiny_project({"snippets/answer.py": gpu, "snippets/later.py": ANSWER})
    project.put("answer", {"answer": 42})
    html = project.convert("/// records\n///\n")
    section = html[html.index('id="not-run"') :]
    for line in ("answer</code> full<", "answer</code> quick, on a GPU<", "later</code> quick<"):
        assert line in section
    assert section.count("<li>") == 3
