"""What an author is told at the first mistakes: before anything is run, at a line, with what to type."""

from __future__ import annotations

import pytest

from asrun.testing import ANSWER

SETTINGS = "site_name: Tiny\nplugins: [search, asrun]\n"


@pytest.mark.parametrize(
    ("scales", "run", "told"),
    [
        (
            "dict(twice=21)",
            "*, thrice",
            "run cannot be called at scale quick: it does not take twice and needs thrice too",
        ),
        ("dict(twice=21)", "", "it does not take twice"),
        ("dict()", "*, twice", "it needs twice too"),
        ("dict(twice=21)", "twice, /", "it does not take twice and takes parameters by their place only"),
    ],
)
def test_scales_that_run_cannot_be_called_with_are_told_before_anything_is_run(tiny_project, scales, run, told):
    source = ANSWER.replace("dict(twice=21)", scales).replace("*, twice", run)
    made = tiny_project({"snippets/answer.py": source, "docs/index.md": "# One\n"})
    ran = made.run("run", "answer")
    assert ran.code == 1
    assert f"snippets/answer.py:6: {told}" in ran.err or told in ran.err
    assert "snippets/answer.py:6" in ran.err and "def run(*, " in ran.err
    assert not made.exists("snippets/records")


@pytest.mark.parametrize("run", ["**given", "*, twice, more=1", "twice", "twice, **rest", "*, twice=3"])
def test_scales_that_run_can_be_called_with_are_run(tiny_project, run):
    source = ANSWER.replace("*, twice", run)
    if "**given" in run:
        source = source.replace("2 * twice", "2 * given['twice']")
    made = tiny_project({"snippets/answer.py": source})
    assert made.run("run", "answer").code == 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("plugins: [search, asrun]\n", "mkdocs.yml: MkDocs does not take site_name"),
        (SETTINGS + "theme: nowhere\n", "mkdocs.yml:3: MkDocs does not take theme"),
        ("site_name: Tiny\nplugins:\n  - asrun\n  - gone\n", "mkdocs.yml:2: MkDocs does not take plugins"),
        (SETTINGS + "use_directory_urls: perhaps\n", "mkdocs.yml:3: MkDocs does not take use_directory_urls"),
        ("site_name: Tiny\n", "mkdocs.yml: the plugin asrun is not listed"),
    ],
)
def test_settings_that_mkdocs_does_not_take_are_told_before_anything_is_run(tiny_project, settings, told):
    made = tiny_project({"mkdocs.yml": settings, "snippets/answer.py": ANSWER, "docs/index.md": "# One\n"})
    built = made.run("build")
    assert built.code == 1
    assert told in built.err
    assert not made.exists("snippets/records")
    assert not made.exists("site")


def test_a_link_that_leads_nowhere_is_told_at_its_line(tiny_project):
    made = tiny_project({"docs/index.md": "# One\n\nSee [it](gone.md), and\n[there](https://example.org).\n"})
    built = made.run("build")
    assert built.code == 1
    assert "docs/index.md:3: this page has a link to gone.md" in built.err


def test_without_a_record_nothing_is_run_and_the_exit_code_says_so(tiny_project):
    made = tiny_project({"snippets/answer.py": ANSWER, "docs/index.md": "# One\n\n{{ answer.answer }}\n"})
    built = made.run("build", "--no-run")
    assert built.code == 3
    assert "answer has no record" in built.err and "asrun run answer" in built.err


def test_a_command_that_is_misspelt_is_met_with_the_nearest(tiny_project):
    made = tiny_project({})
    ran = made.run("bild")
    assert ran.code == 2 and "there is no command 'bild'; did you mean asrun build?" in ran.err
    assert "commands are: " in made.run("xyzzy").err


def test_no_snippets_are_no_silence(tiny_project):
    ran = tiny_project({}).run("run")
    assert ran.code == 0 and "There are no snippets yet: write snippets/NAME.py" in ran.out


def test_a_claim_that_does_not_hold_names_what_was_measured_and_numbers_once(tiny_project):
    claim = "/// claim | Never.\nclose(answer.answer, 0.9, 0.02)\n///\n"
    made = tiny_project({"snippets/answer.py": ANSWER, "docs/index.md": "# One\n\n" + claim})
    made.put("answer", {"answer": 0.5})
    assert "answer.answer = 0.5, 0.9; wanted" in made.run("check").err
