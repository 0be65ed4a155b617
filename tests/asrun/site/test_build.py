"""Building a site: whole or not at all, from records alone, with every page and deck checked first."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import markup
from rich.errors import MarkupError

from asrun.commands.console import Output, escape, without_tags
from asrun.testing import COIN

PAGE = "# A coin\n\nTossed {{ coin.tosses }} times.\n\n/// figure | coin\nHeads.\n///\n\n[Next](next.md)\n"
SLIDES = (
    "---\nlesson: index\n---\n# A coin\n\nTossed {{ coin.tosses }} times.\n\nNote: Ask first.\n\n---\n\n## ==Second==\n"
)


@pytest.fixture
def coin(tiny_project):
    made = tiny_project(
        {
            "snippets/coin.py": COIN,
            "docs/index.md": PAGE,
            "docs/next.md": "# Next\n",
            "slides/talk.md": SLIDES,
        }
    )
    made.edit("mkdocs.yml", "plugins:", "markdown_extensions: [pymdownx.mark]\nplugins:")
    return made


def site_of(project) -> dict[str, bytes]:
    folder = project.folder / "site"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def left_aside(project) -> list[str]:
    return [path.name for path in project.folder.iterdir() if path.name.startswith(".site")]


def test_a_build_runs_what_is_missing_and_the_next_one_runs_nothing(coin):
    first = coin.run("build")
    assert first.code == 0, first.err
    assert "ran     coin (quick, cpu)" in first.out and "ran 1 record" in first.out
    again = coin.run("build")
    assert again.code == 0
    assert "fresh   coin (quick, cpu)" in again.out and "trained nothing" in again.out
    assert str(coin.folder / "site" / "index.html") in again.out
    assert left_aside(coin) == []


def test_a_page_has_its_value_its_figure_and_what_they_rest_on(coin):
    coin.run("build")
    page = site_of(coin)["index.html"].decode()
    assert "12\u202f345</a> times" in page
    assert "<svg" in page and "How this was made" in page
    assert "snippets/coin.py" in page
    assert "1 value and 1 figure, all checked when it was built" in page
    assert {"snippets/coin.py", "snippets/records/coin/quick-cpu.json"} <= site_of(coin).keys()


def test_a_deck_is_made_of_the_same_records_with_the_same_markdown(coin):
    coin.run("build")
    built = site_of(coin)
    deck = built["slides/talk/index.html"].decode()
    assert "12\u202f345</a> times" in deck
    assert "<mark>Second</mark>" in deck, "an extension of mkdocs.yml"
    assert "Ask first." in deck
    assert "slides/assets/vendor/reveal.js" in built


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (
            "docs/next.md",
            "# Next\n\n{{ coin.toses }}\n",
            "docs/next.md:3:1: coin (quick, cpu) has no value called toses",
        ),
        (
            "docs/next.md",
            "# Next\n\n/// claim | Never.\ncoin.tosses < 5\n///\n",
            "docs/next.md:3: this claim does not hold",
        ),
        ("docs/next.md", "# Next\n\n[gone](gone.md)\n", "gone.md"),
        ("docs/next.md", "# Next\n\n$\\nonsense$\n", "docs/next.md:3"),
        ("slides/talk.md", SLIDES + "\n{{ coin.toses }}\n", "slides/talk.md:14:1: coin (quick, cpu) has no value"),
        ("slides/talk.md", "---\nlesson: gone\n---\n# A\n", "belongs to the lesson gone, which does not exist"),
        ("mkdocs.yml", "site_name: [", "mkdocs.yml"),
    ],
)
def test_a_mistake_anywhere_leaves_the_last_good_site_as_it_is(coin, path, text, told):
    assert coin.run("build").code == 0
    before = site_of(coin)
    coin.write(path, text)
    failed = coin.run("build")
    assert failed.code == 1
    assert told in failed.err
    assert "Traceback" not in failed.err
    assert site_of(coin) == before
    assert left_aside(coin) == []


def test_a_snippet_that_fails_leaves_the_last_good_site_as_it_is(coin):
    coin.run("build")
    before = site_of(coin)
    coin.edit("snippets/coin.py", '    print("tossed")', '    raise ValueError("no coin")')
    failed = coin.run("build")
    assert failed.code == 1 and "no coin" in failed.err
    assert site_of(coin) == before


def test_without_runs_nothing_is_executed_and_what_is_stale_is_refused_or_marked(coin, tmp_path):
    coin.run("build")
    before = site_of(coin)
    ran = tmp_path / "ran"
    coin.edit("snippets/coin.py", '    print("tossed")', f'    open({str(ran)!r}, "w")')
    refused = coin.run("build", "--no-run")
    assert refused.code == 3
    assert "coin (quick, cpu) is stale: snippets/coin.py: run changed" in refused.err
    assert site_of(coin) == before
    marked = coin.run("build", "--no-run", "--allow-stale")
    assert marked.code == 0, marked.err
    assert "Not up to date (stale: snippets/coin.py: run changed)" in site_of(coin)["index.html"].decode()
    assert not ran.exists()


def test_a_second_build_at_the_same_time_says_so(coin):
    coin.run("build")
    with (coin.folder / ".asrun" / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = coin.run("build")
    assert told.code == 1 and "another build of this project is running" in told.err


# What is printed

MARKED = st.text(alphabet="a[]/\\#@ =1\n", max_size=30)


@given(MARKED)
def test_any_text_can_be_said(text):
    assert escape(text) == markup.escape(text)
    assert without_tags(f"[green]{escape(text)}[/]") == markup.render(f"[green]{escape(text)}[/]", emoji=False).plain


@given(MARKED)
def test_marked_text_is_read_as_rich_reads_it(text):
    try:
        read = markup.render(text, emoji=False).plain
    except MarkupError:
        return
    assert without_tags(text) == read


@pytest.mark.parametrize("stderr", [False, True])
def test_a_pipe_gets_plain_lines_in_one_piece(capsys, monkeypatch, stderr):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    Output(stderr=stderr).print("[green]ran[/]  " + "long " * 100 + "\a")
    told = capsys.readouterr()
    assert (told.err if stderr else told.out) == "ran  " + "long " * 100 + "\\x07\n"


def test_colours_are_shown_where_they_are_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    Output().print("[green]ran[/]")
    assert "\x1b[32mran" in capsys.readouterr().out


def test_what_is_not_needed_is_not_loaded_to_build():
    code = "import sys, asrun.commands.build; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n", done.stderr


def test_loading_a_command_starts_no_threads_and_leaves_the_environment_to_what_it_runs():
    code = (
        "import os, asrun.commands.build, psutil; "
        "print(psutil.Process().num_threads(), 'numpy' in __import__('sys').modules, dict(os.environ) == before)"
    )
    environment = {name: text for name, text in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    code = f"import os; before = dict(os.environ); {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert done.stdout == "1 True True\n", done.stderr


def test_threads_are_as_many_as_were_asked_for():
    code = "import os, asrun.commands.build; print(os.environ['OPENBLAS_NUM_THREADS'])"
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert done.stdout == "2\n", done.stderr
