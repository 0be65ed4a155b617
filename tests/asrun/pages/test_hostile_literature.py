"""Literature that was written to do harm: files from elsewhere, addresses that run code, sizes that fill a memory."""

from __future__ import annotations

import os
import time

import pytest

from asrun.pages.literature import _entry
from asrun.testing import TinyProject, raised

BIB = "@book{one, title = {One}, author = {A, B}, year = {2014}}\n"
NUMBER = "n: {cite: one, where: there, how: read, what: it, %s}\n"


NESTED = ", ".join(f"&{n} [{', '.join(['*' + b] * 9)}]" for b, n in zip("abcdefgh", "bcdefghi", strict=True))
"""Some lines of YAML that are half a billion things."""


@pytest.fixture
def project(tiny_project) -> TinyProject:
    return tiny_project(
        {"docs/references/references.bib": BIB, "docs/references/rows.json": '{"a": [{"x": 1, "y": 2}]}'}
    )


def told(project: TinyProject, number: str) -> str:
    project.write("docs/references/published.yml", NUMBER % number)
    message = raised(project.convert, "{{ published.n }}")
    assert len(message) < 1500
    return message


def table(file: str) -> str:
    return f"table: {{file: {file}, at: a, axes: {{x: x}}, value: y}}"


def test_a_table_is_read_from_beside_the_numbers(project):
    project.write("docs/references/published.yml", NUMBER % table("rows.json"))
    assert ">2<" in project.convert("{{ published.n(x=1) }}")
    project.write("data/rows.json", '{"a": [{"x": 1, "y": 3}]}')
    project.write("docs/references/published.yml", NUMBER % table("../../data/rows.json"))
    assert ">3<" in project.convert("{{ published.n(x=1) }}")


@pytest.mark.parametrize("file", ["../../../outside.json", "ABSOLUTE", "/dev/zero", "/etc/passwd", "link.json"])
def test_files_from_outside_the_project_are_not_read(project, tmp_path, file):
    (tmp_path / "outside.json").write_text('{"a": [{"x": 1, "y": 2}]}')
    (project.folder / "docs/references/link.json").symlink_to(tmp_path / "outside.json")
    message = told(project, table(file.replace("ABSOLUTE", str(tmp_path / "outside.json"))))
    assert (
        message.startswith("docs/index.md:1:1: docs/references/published.yml: ") and "outside of the project" in message
    )


@pytest.mark.parametrize("file", [".", "fifo", "no.json", '"\\0"', "[1]", "large.json", "''", "deep.json", "long.json"])
def test_only_files_of_some_size_are_read(project, file):
    folder = project.folder / "docs/references"
    os.mkfifo(folder / "fifo")
    with (folder / "large.json").open("wb") as large:
        large.truncate(2**31)
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "long.json").write_text('{"a": [{"x": 1, "y": %s}]}' % ("9" * 5000))
    message = told(project, table(file))
    assert "published.yml: the published number n cannot be read" in message, message


@pytest.mark.parametrize("name", ["references.bib", "published.yml"])
@pytest.mark.parametrize("kind", ["link", "large", "fifo"])
def test_so_is_the_bibliography(project, tmp_path, name, kind):
    path = project.folder / "docs/references" / name
    path.unlink(missing_ok=True)
    if kind == "link":
        (tmp_path / "outside").write_text(BIB)
        path.symlink_to(tmp_path / "outside")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        with path.open("wb") as large:
            large.truncate(2**31)
    message = raised(project.convert, "See [@one], {{ published.n }}.")
    assert f"docs/references/{name}: " in message and len(message) < 2000


@pytest.mark.parametrize(
    "number",
    [
        *("value: [1]", "value: {a: 1}", "value: one", "value: true", "value: 0x" + "f" * 5000),
        *("axes: {a: [1, 2]}, values: [1, [2]]", "axes: {a: [[1], 2]}, values: [1, 2]", "axes: [], values: [1]"),
        *("axes: {a: 5}, values: [1]", "axes: {a: {}}, values: []", "axes: {a: [1]}, values: 1", "table: x"),
        *(
            "value: 1, uncertainty: .inf",
            "value: 1, uncertainty: -1",
            "value: 1, uncertainty: [1]",
            "value: 1, page: {a: 1}",
        ),
        f"axes: {{a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]}}, values: [{NESTED}]",
        f"axes: {{a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]}}, values: [1], unit: [{NESTED}]",
        f"value: &a 1, unit: [{NESTED}]",
    ],
)
def test_numbers_of_odd_kinds_are_refused_in_a_sentence(project, number):
    assert "docs/references/published.yml" in told(project, number)


# Addresses


def address(project: TinyProject, field: str) -> str:
    text = "@book{two,\n  title = {Two},\n  author = {A, B},\n  year = {2014},\n  FIELD\n}\n".replace("FIELD", field)
    project.write("docs/references/references.bib", BIB + text)
    return project.convert("/// bibliography\n///")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "javascript:alert(1)",
            " javascript:alert(1)",
            "JavaScript:alert(1)",
            "\x01javascript:alert(1)",
            "java\tscript:x",
        ),
        *(
            "data:text/html,<script>",
            "vbscript:x",
            "file:///etc/passwd",
            "ftp://example.org",
            "//example.org",
            "blob:x",
        ),
        *("java\nscript:alert(1)", "&#106;avascript:alert(1)", "{javascript:alert(1)}", "javascript&colon;alert(1)"),
        *(
            "https://example.org/\x00",
            "https://exam ple.org",
            "https://",
            "\u202ehttps://example.org",
            "www.example.org",
        ),
        *('https://example.org/" onclick="alert(1)', "https://example.org/<script>", "x:y", "about:blank", "/etc"),
    ],
)
def test_addresses_are_of_the_web(project, url):
    message = raised(address, project, "url = {" + url + "}")
    assert "docs/references/references.bib:2: " in message and "https://" in message, message


@pytest.mark.parametrize(
    "doi", ["javascript:alert(1)", "10", "10.1/a b", "https://example.org/10.1000/182", "10.1000/\x01"]
)
def test_a_doi_is_one(project, doi):
    message = raised(address, project, "doi = {" + doi + "}")
    assert "docs/references/references.bib:2: " in message and "10.1000/182" in message, message


@pytest.mark.parametrize(
    ("field", "href"),
    [
        ("url = {https://example.org/a_b?c=d&e=f#g}", "https://example.org/a_b?c=d&amp;e=f#g"),
        ("url = {http://example.org/~user/}", "http://example.org/~user/"),
        (r"url = {\url{https://example.org/a}}", "https://example.org/a"),
        (r"url = {https://example.org/a\_b\%20c}", "https://example.org/a_b%20c"),
        ("doi = {10.1000/182}", "https://doi.org/10.1000/182"),
        ("doi = {https://doi.org/10.1000/182}", "https://doi.org/10.1000/182"),
        (
            "doi = {doi:10.1002/(SICI)1097<2::AID>3.0.CO;2-M}",
            "https://doi.org/10.1002/(SICI)1097%3C2::AID%3E3.0.CO;2-M",
        ),
        ("url = {mailto:someone@example.org}", "mailto:someone@example.org"),
    ],
)
def test_usual_addresses_are_links(project, field, href):
    assert f'href="{href}"' in address(project, field)


def test_fields_of_the_bibliography_are_text(project):
    text = (
        "@article{two, title = {<script>alert(1)</script>}, author = {<b>A</b>, B}, year = {<i>2014</i>},\n"
        "  journal = {<img src=x onerror=alert(1)>}, volume = {<u>}, pages = {<a>}}\n"
    )
    project.write("docs/references/references.bib", BIB + text)
    html = project.convert("See [@two].\n\n/// bibliography\n///")
    assert not any(tag in html for tag in ("<script", "<img", "<b>", "<i>", "<u>"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_authors_with_much_space_between_them_take_no_time():
    began = time.process_time()
    entry = _entry("key", {"author": "A" + " " * 100_000 + "B and C", "title": "T"})
    assert entry.authors == ("B, A", "C") and time.process_time() - began < 2
