"""What is metadata and what is text: asrun, its decks and MkDocs say the same, and nothing is swallowed in silence."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mkdocs.utils.meta import get_data

from asrun.testing import raised
from asrun.text.front_matter import part_page, read_text, without_mkdocs

LINES = st.sampled_from(
    [
        "---", "--- ", "...", "----", "", " ", "title: One", "Title: One", "title: {{ a.b }}", "  more: x", "    more",
        "\tmore", "# One", "text", "a: b: c", "- a", "'", "{{ a.b }}", "http://x", "n: 2020-99-99", "Note:",
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=8).map("\n".join))
@example("---\n---\n")
@example("Title: One")
@example("Title: One\n\n\n# One")
def test_a_page_is_parted_as_mkdocs_parts_it(text):
    body, meta = get_data(text)
    parted = part_page(text, "one.md")
    assert (parted.text, parted.meta) == (body, meta)
    # Every line keeps its number.
    assert "\n".join(text.split("\n")[parted.first_line - 1 :]) == body
    assert without_mkdocs(text) == (body, meta)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Heads: {{ coin.heads }}\n\n# One\n", ["one.md:1:8: ", "reads the first lines", "begin the page with"]),
        ("Heads: {{ coin.heads }}", ["one.md:1:8: "]),
        ("Title: One\nSee: [@one2014]\n\ntext", ["one.md:2:6: "]),
        ("Title: One\n    /// claim | So.\n\ntext", ["one.md:2:5: "]),
        ("---\ntitle: One\ndescription: '{{ coin.heads }} of 5'\n---\n# One", ["one.md:3:15: ", "nothing is replaced"]),
        ("---\ntitle: {{ coin.heads }}\n---\n# One", ["one.md:2: ", "not YAML"]),
        ("---\ntitle: a: b\n---\n# One", ["one.md:2: ", "not YAML"]),
        ("---\nwhen: 2020-99-99\n---\n# One", ["one.md:1: ", "not YAML"]),
        ("---\ntitle: One\na: 1\ntitle: Two\n---\n# One", ["one.md:4: ", "title stands twice"]),
        ("---\n- a\n---\n# One", ["one.md:1: ", "holds no settings"]),
        ("---\ntitle: One\n\n# One\n", ["one.md:1: ", "does not end"]),
    ],
)
def test_what_is_wrong_with_metadata_is_told(text, told):
    (problem,) = part_page(text, "one.md").problems
    assert all(part in str(problem) for part in told), problem
    assert problem.remedy


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: One\ntags: [a, b]\n---\n# One",
        "---\ntitle: One\n...\n# One",
        "---\n---\n# One",
        "---\n\nA page that begins with a rule.",
        "Title: One\n\n# One",
        "\nHeads: {{ coin.heads }}",
        "# One\n\n---\n\na: b: c\n\n---\n",
        "---\ntitle: One # {{ a note }}\n---\n",
        "",
    ],
)
def test_what_is_right_is_left_alone(text):
    assert part_page(text, "one.md").problems == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"# One\n\ncaf\xe9", "one.md:3: this is not UTF-8"),
        ("# One".encode("utf-16"), "one.md:1: this is not UTF-8"),
        (b"# One\nso\0\n", "one.md:2: a NUL byte"),
    ],
)
def test_a_file_that_is_no_text_is_told(tmp_path, data, told):
    (tmp_path / "one.md").write_bytes(data)
    assert raised(read_text, tmp_path / "one.md", "one.md").startswith(told)


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf# A\r\nb\rc\n", b"# A\nb\nc\n"])
def test_marks_of_byte_order_and_ends_of_lines_are_no_text(tmp_path, data):
    (tmp_path / "one.md").write_bytes(data)
    assert read_text(tmp_path / "one.md", "one.md") == "# A\nb\nc\n"
