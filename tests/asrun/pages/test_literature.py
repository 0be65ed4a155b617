"""The bibliography and the published numbers: read as they are, and told by key and line when they cannot be."""

from __future__ import annotations

import re

import numpy as np
import pytest

from asrun.pages.literature import Literature
from asrun.testing import TinyProject, raised

BIB = """\
@article{one2014,
  author  = {Srivastava, Nitish and Hinton, Geoffrey
             and Krizhevsky, Alex},
  title   = {{Dropout}: a simple way},
  journal = {Journal},
  volume  = {15},
  number  = {2},
  pages   = {1929--1958},
  year    = 2014,
  doi     = {10.1000/x},
}

@Misc{two2020,
  Author = "Ada Lovelace and {The Engine Company}",
  Title  = "Notes",
  Year   = {2020},
  Note   = {arXiv 1},
  Url    = {https://example.org/notes},
}

@book{nobody, title = {Alone}}
"""
NUMBERS = """\
rate: {cite: one2014, where: Table 1, how: stated, what: a rate, value: 0.25, unit: "%"}
count: {cite: two2020, where: Section 2, how: counted, what: a count, value: 60000}
curve:
  cite: one2014
  where: Figure 1
  how: read
  what: a curve
  table: {file: data.json, at: fig.test, axes: {keep: p}, value: err}
"""
DATA = '{"fig": {"test": [{"p": 0.5, "err": 1.06}, {"p": 1, "err": 1.65}]}}'


def literature(tiny_project, **files: str) -> Literature:
    given = {"references.bib": BIB, "published.yml": NUMBERS, "data.json": DATA} | {
        name.replace("_", "."): text for name, text in files.items()
    }
    return Literature(tiny_project({f"docs/references/{name}": text for name, text in given.items()}).project)


def test_works_are_read(tiny_project):
    entries = literature(tiny_project).entries
    one, two = entries["one2014"], entries["two2020"]
    assert one.authors == ("Srivastava, Nitish", "Hinton, Geoffrey", "Krizhevsky, Alex")
    assert one.short == "Srivastava et al. 2014"
    assert one.title == "Dropout: a simple way"
    assert one.container == "Journal 15(2), 1929–1958"
    assert one.url == "https://doi.org/10.1000/x"
    assert two.authors == ("Lovelace, Ada", "The Engine Company")
    assert two.short == "Lovelace and The Engine Company 2020"
    assert (two.container, two.url, two.year) == ("arXiv 1", "https://example.org/notes", "2020")
    assert entries["nobody"].short == "Alone"


def test_numbers_and_tables_are_read(tiny_project):
    published = literature(tiny_project).published
    assert published["rate"].values == 0.25 and published["rate"].unit == "%"
    assert published["count"].values.dtype.kind == "i"
    curve = published["curve"]
    assert curve.axes == ("keep",)
    assert np.array_equal(curve.labels["keep"], [0.5, 1.0])
    assert np.array_equal(curve.values, [1.06, 1.65])
    assert (curve.cite, curve.where, curve.how, curve.what) == ("one2014", "Figure 1", "read", "a curve")


def test_a_project_needs_no_literature(tiny_project):
    found = Literature(tiny_project({}).project)
    assert (found.entries, found.published) == ({}, {})


def test_empty_files_are_no_literature(tiny_project):
    found = literature(tiny_project, references_bib="", published_yml="# nothing yet\n")
    assert (found.entries, found.published) == ({}, {})


@pytest.mark.parametrize(
    ("bib", "told"),
    [
        ("@article{a, title = {x}, year = 1}\n\n@article{b, title = {x\n", "docs/references/references.bib:3: "),
        ("@article{a, title = {x}}\n@article{a, title = {y}}\n", "docs/references/references.bib:2: "),
    ],
)
def test_an_entry_that_cannot_be_read_is_told_with_its_line(tiny_project, bib, told):
    message = raised(lambda: literature(tiny_project, references_bib=bib).entries)
    assert message.startswith(told), message


def number(**more: str) -> str:
    parts = {"cite": "one2014", "where": "x", "how": "x", "what": "x", "value": "1"} | more
    return "rate: {" + ", ".join(f"{name}: {value}" for name, value in parts.items() if value) + "}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (number(cite=""), "the published number rate cannot be read: KeyError('cite')"),
        (number(value=""), "rate cannot be read: KeyError('value')"),
        (number(value="many"), "rate cannot be read"),
        (number(value="[1, 2]"), "rate cannot be read"),
        (number(cite="three"), "rate cites three, which is not in references.bib"),
        ("rate: 1\n", "rate cannot be read"),
        ("rate:\n", "rate cannot be read"),
        ("rate: text\n", "rate cannot be read"),
        ("- rate\n", "must hold published numbers by name"),
        ("rate: {\n  cite: [x\n", "published.yml:3: not valid YAML"),
        ("rate: 'x\n", "not valid YAML"),
        (NUMBERS.replace("data.json", "dota.json"), "references/dota.json cannot be read: No such file"),
        (NUMBERS.replace("fig.test", "fig.tset"), "curve cannot be read: KeyError('tset')"),
        (NUMBERS.replace("at: fig.test", "at: 3"), "curve cannot be read"),
        (NUMBERS.replace("fig.test", "fig.test.0"), "curve cannot be read"),
        (NUMBERS.replace("{keep: p}", "{keep: q}"), "curve cannot be read: KeyError('q')"),
        (NUMBERS.replace("{keep: p}", "{keep: p, n: n}"), "curve cannot be read"),
        (NUMBERS.replace("value: err", "value: p.err"), "curve cannot be read"),
    ],
)
def test_a_number_that_cannot_be_read_is_told_with_its_name(tiny_project, text, told):
    message = raised(lambda: literature(tiny_project, published_yml=text).published)
    assert told in message
    assert message.startswith("docs/references/published.yml")
    assert "\n    " in message


def test_data_that_is_not_json_is_told(tiny_project):
    assert "curve cannot be read" in raised(lambda: literature(tiny_project, data_json="{").published)


def test_a_file_that_is_not_utf8_is_told(tiny_project):
    found = literature(tiny_project)
    (found.project.references / "published.yml").write_bytes(b"rate: caf\xe9")
    assert "published.yml: not valid YAML" in raised(lambda: found.published)
    (found.project.references / "references.bib").write_bytes(b"@misc{a, title = {caf\xe9}}")
    assert "references.bib: not valid UTF-8" in raised(lambda: found.entries)


def test_references_may_be_elsewhere(tmp_path):
    mkdocs = "site_name: Tiny\nplugins: [{asrun: {references: literature}}]\n"
    found = Literature(TinyProject({"mkdocs.yml": mkdocs, "literature/references.bib": BIB}, tmp_path).project)
    assert list(found.entries) == ["one2014", "two2020", "nobody"]


CURVES = """\
lines:
  cite: one2014
  where: Figure 2
  how: read
  what: two curves
  table: {file: data.json, at: fig.lines, axes: {net: name, updates: 0}, rows: points, value: 1}
"""
LINES = '{"fig": {"lines": [{"name": 7, "points": [[20, 2.5], [10, 3.5]]}, {"name": 8, "points": [[10, 4.5]]}]}}'


def test_curves_that_stop_at_different_places_are_one_table(tiny_project):
    lines = literature(tiny_project, published_yml=CURVES, data_json=LINES).published["lines"]
    assert lines.axes == ("net", "updates")
    assert lines.labels["net"].tolist() == [7, 8] and lines.labels["updates"].tolist() == [10, 20]
    assert np.array_equal(lines.values, [[3.5, 2.5], [4.5, np.nan]], equal_nan=True)
    assert lines.uncertainty is None


def test_whole_numbers_stay_whole(tiny_project):
    found = literature(
        tiny_project, published_yml=number(value="", axes="{layer: [1, 2]}", values="[256, 512]")
    ).published
    assert found["rate"].values.dtype.kind == "i"


def test_words_are_no_values(tiny_project):
    text = number(value="", axes="{layer: [1, 2]}", values="[many, few]")
    assert "values are numbers" in raised(lambda: literature(tiny_project, published_yml=text).published)


LISTED = """\
one: {cite: two2020, where: appendix A, page: 3, how: stated, what: a count, value: 60000}
two: {cite: one2014, where: x, how: x, what: a rate, p: drop, axes: {keep: [0.5, 1]}, values: [1.60, 2], unit: "%"}
three:
  cite: two2020
  where: x
  how: x
  what: a table
  axes: {method: [plain, "a < b"], layer: [1, 2]}
  values: [[1.5, .nan], [12.6, -0.04]]
  uncertainty: [[0.1, .nan], [.nan, .nan]]
curve: {cite: one2014, where: x, how: x, what: a curve, axes: {k: [K]}, values: [V]}
small: {cite: one2014, where: x, how: x, what: a small table, axes: {method: [plain], layer: [1, 2]}, values: [[3, 4]]}
"""


def listed(tiny_project) -> tuple[str, str]:
    """Return the list of published numbers as HTML, and as text with a bar between cells and blocks."""
    long = [str(at) for at in range(40)]
    numbers = LISTED.replace("[K]", f"[{', '.join(long)}]").replace("[V]", f"[{', '.join(long)}]")
    files = {"references.bib": BIB, "published.yml": numbers}
    project = tiny_project({f"docs/references/{name}": text for name, text in files.items()})
    html = project.convert("/// published\n///")
    return html, re.sub(r"\s*(<[^>]*>\s*)+", "|", html.replace("<strong>", "").replace("</strong>", ""))


def test_published_numbers_are_listed_work_by_work(tiny_project):
    html, text = listed(tiny_project)
    assert re.findall(r'id="([^"]*)"', html) == [
        "published-by-two2020",
        "published-one",
        "published-three",
        "published-by-one2014",
        "published-two",
        "published-curve",
        "published-small",
    ]
    assert "|published.one|A count: 60\u202f000.|Appendix A, p. 3; stated.|" in text
    assert (
        "|published.two(keep=0.5)|A rate (in percent): keep 0.5: 1.6, keep 1: 2.0.|"
        "X; x. The letter p there is the probability to drop a unit.|" in text
    )


def test_published_tables_have_the_digits_of_their_source(tiny_project):
    html, text = listed(tiny_project)
    assert '|published.three(method="plain", layer=1)|' in text.replace("&quot;", '"')
    assert "|method ↓ layer →|1|2|plain|1.5 ± 0.1|a &lt; b|12.6|\u22120.04|" in text
    assert "<td></td>" in html


def test_long_curves_are_told_by_their_extent(tiny_project):
    _, text = listed(tiny_project)
    assert "|A curve: 40 points, k 0 to 39, values from 0 to 39.|" in text


def test_a_work_without_a_year_or_with_more_authors_is_listed(tiny_project):
    bib = "@misc{many, author = {A, B and C, D and E, F and others}, title = {Big}}\n"
    html = tiny_project({"docs/references/references.bib": bib}).convert("/// bibliography\n///")
    assert "A, B; C, D; E, F and others. <cite>Big</cite>." in html
