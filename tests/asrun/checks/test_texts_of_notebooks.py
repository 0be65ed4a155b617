"""Jupyter shows the text of a notebook as it is typed: nothing in it may look as if it had been checked."""

from __future__ import annotations

import json

import pytest

from asrun.testing import ANSWER, TinyProject


def notebook(text):
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Lab\n"},
        {"cell_type": "markdown", "id": "b", "metadata": {}, "source": text},
        {"cell_type": "code", "id": "c", "metadata": {}, "source": "x = {{1}}", "outputs": [], "execution_count": None},
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def site(tmp_path):
    site = TinyProject({"snippets/answer.py": ANSWER, "docs/index.md": "# A\n"}, tmp_path)
    site.put("answer", {"answer": 42})
    return site


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("It is {{ answer.answer }}.", "cell 2, line 1: a value"),
        ("It is so.\n\nThey say so [@nobody].", "cell 2, line 3: a citation"),
        ("/// claim | It is so.\nanswer.answer > 50\n///", "cell 2, line 1: a claim"),
        ("/// figure | answer\n///", "cell 2, line 1: a figure"),
    ],
)
def test_what_looks_like_ours_is_told_by_check_and_build_and_pytest(site, text, told):
    site.write("docs/lab.ipynb", notebook(text))
    for command in (["check"], ["build", "--no-run"]):
        found = site.run(*command)
        assert found.code, found.text
        assert f"docs/lab.ipynb: {told}" in found.text
        assert found.text.count("is shown as it is typed") == 1
    assert told in site.run_pytest("docs/lab.ipynb", "-k", "text").out


@pytest.mark.parametrize(
    "text",
    [
        "Jinja's `{{ name }}`.\n\n```\n/// claim | x\n```\n\n<!-- {{ x }} -->",
        "With $x_{{i}}$ and $$\\frac{{1}}{{2}}$$ [@joe](https://github.com/joe), file:///x and a@b.c",
    ],
)
def test_what_means_nothing_of_ours_is_left_alone(site, text):
    site.write("docs/lab.ipynb", notebook(text))
    assert site.run("check").code == 0
