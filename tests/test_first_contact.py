"""What a newcomer meets first: examples are typed as they are printed, commands exist, first mistakes are told well.

An example that is a project is a section of a page with fences whose title names a file. Its fences are followed from
the first to the last: a file is written, a `diff` with a title changes one, lines of `sh` are run, and the `text` after
them is what they say (… stands for anything). A command whose comment says `exits with 1` does.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest

from asrun.cli import COMMANDS, main
from asrun.pages.context import Context
from asrun.pages.extension import AsrunExtension
from asrun.pages.markdown import make_markdown
from asrun.project import find_project
from asrun.testing import TinyProject

ROOT = Path(__file__).parents[1]
FRONT = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
GUIDES = [*FRONT, *sorted((ROOT / "docs" / "about").glob("*.md"))]
PAGES = [*FRONT, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "slides").glob("*.md"))]
NOT_RUN = ("pip install ", "git clone ")

_FENCE = re.compile(r"^(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>.*)\n(?P<body>(?:.*\n)*?)(?P=mark)[ \t]*$", re.MULTILINE)
_TITLE = re.compile(r'\btitle="([^"]+)"')
_EXITS = re.compile(r"\bexits with (\d+)\b")


@dataclass(frozen=True)
class Fence:
    """A block of code on a page."""

    page: Path
    line: int
    info: str
    body: str

    @property
    def language(self) -> str:
        return re.sub(r"^[{.\s]*", "", self.info).partition(" ")[0].rstrip("}")

    @property
    def file(self) -> str:
        found = _TITLE.search(self.info)
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def fences(page: Path) -> list[Fence]:
    text = page.read_text("utf-8")
    return [Fence(page, text.count("\n", 0, found.start()) + 1, found["info"], found["body"])
            for found in _FENCE.finditer(text)]  # fmt: skip


def sections(page: Path) -> Iterator[list[Fence]]:
    """The fences of a page, those of each of its sections together."""
    text = page.read_text("utf-8")
    inside = [
        range(text.count("\n", 0, at.start()) + 1, text.count("\n", 0, at.end()) + 2) for at in _FENCE.finditer(text)
    ]
    starts = [number for number, line in enumerate(text.split("\n"), 1)
              if re.match(r"##? ", line) and not any(number in lines for lines in inside)]  # fmt: skip
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        yield [fence for fence in fences(page) if start <= fence.line < end]


EXAMPLES = [section for page in GUIDES for section in sections(page) if any(fence.file for fence in section)]


def words(line: str) -> tuple[list[str], int]:
    """A shell line as it is typed, without its comment; and what it exits with."""
    code = _EXITS.search(line.partition("#")[2])
    return shlex.split(line, comments=True), int(code[1]) if code else 0


def follow(section: list[Fence], site: TinyProject) -> str:
    """Do what a section of a page says, as its reader would; return what was said last."""
    said = ""
    for fence in section:
        if fence.file and fence.language == "diff":
            change(site, fence)
        elif fence.file:
            site.write(fence.file, fence.body)
        elif fence.language == "sh":
            said = ""
            for line in fence.body.splitlines():
                if line.startswith(NOT_RUN):
                    continue
                (command, *arguments), code = words(line)
                assert command == "asrun", f"{fence}: nobody can type {line}"
                result = site.run(*arguments)
                assert result.code == code, f"{fence}: {line}: exits with {result.code}\n{result.text}"
                said += result.text
        elif fence.language == "text":
            expected = ".*".join(map(re.escape, fence.body.strip("\n").split("…")))
            assert re.search(expected, said, re.DOTALL), f"{fence}: it says\n{said}"
    return said


def change(site: TinyProject, fence: Fence) -> None:
    """Change a file as a `diff` shows it."""
    lines = fence.body.splitlines()
    gone, come = ("\n".join(line[1:] for line in lines if line[0] in f" {sign}") for sign in "-+")
    site.edit(fence.file, gone, come)


@pytest.fixture
def empty(tmp_path: Path) -> TinyProject:
    return empty_folder(tmp_path)


def empty_folder(parent: Path) -> TinyProject:
    """An empty folder, called as people's folders are."""
    made = TinyProject({}, parent / "Meine Münzen")
    (made.folder / "mkdocs.yml").unlink()
    for name in ("docs", "snippets"):
        (made.folder / name).rmdir()
    assert list(made.folder.iterdir()) == []
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    """The first example, followed until it changes what it made, by somebody who has no home to write to."""
    made = empty_folder(tmp_path_factory.mktemp("built"))
    # Below a file nobody can make a folder, whoever runs the tests.
    home = made.folder.parent / "file"
    home.touch()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(home / "me"))
        follow(begun(EXAMPLES[0]), made)
    return made


def begun(section: list[Fence]) -> list[Fence]:
    """The fences of a section before the first that changes a file."""
    return section[: next((at for at, fence in enumerate(section) if fence.language == "diff"), len(section))]


@pytest.fixture
def coins(built: TinyProject, tmp_path: Path) -> TinyProject:
    """A copy of the first example, to be changed: its record is fresh."""
    shutil.copytree(built.folder, tmp_path / "coins")
    return TinyProject({"mkdocs.yml": built.read("mkdocs.yml")}, tmp_path / "coins")


# Examples


@pytest.mark.parametrize("section", EXAMPLES, ids=lambda section: str(section[0]))
def test_an_example_works_as_it_is_printed(section, empty, request):
    if section is EXAMPLES[0]:
        follow(section[len(begun(section)) :], request.getfixturevalue("coins"))
    else:
        follow(section, empty)


@pytest.mark.parametrize("section", EXAMPLES, ids=lambda section: str(section[0]))
def test_an_example_is_a_whole_project(section):
    assert {"mkdocs.yml", "docs/index.md"} <= {fence.file for fence in section}
    assert any(fence.language == "sh" and "asrun build" in fence.body for fence in section)


def test_a_newcomer_meets_an_example_that_shows_what_asrun_does():
    section = EXAMPLES[0]
    assert section[0].page == ROOT / "docs" / "about" / "index.md"
    page = next(fence.body for fence in section if fence.file == "docs/index.md")
    assert "{{ " in page and "/// claim" in page and "/// figure" in page
    assert {"diff", "sh", "text"} <= {fence.language for fence in section}


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_what_looks_like_a_file_of_a_project_is_marked_as_one(page):
    for fence in fences(page):
        settings = fence.language in ("yaml", "yml") and re.search(r"^(?:site_name|plugins):", fence.body, re.MULTILINE)
        snippet = fence.language == "python" and re.search(r"^def run\(", fence.body, re.MULTILINE)
        assert fence.file or not (settings or snippet), (
            f"{fence} names no file: nobody would notice if it stopped working"
        )


class Text(HTMLParser):
    """The words of a page, and the elements that it has."""

    def __init__(self, page: str):
        super().__init__()
        self.words, self.elements = "", set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements |= {tag, *((dict(attrs).get("class") or "").split())}

    def handle_data(self, data):
        self.words += data


def test_the_page_of_the_example_has_what_the_guide_says_it_has(coins):
    shown = Text(coins.read("site/index.html"))
    guide = EXAMPLES[0][0].page.read_text("utf-8")
    (value,) = re.findall(r"The page says `([^`]+)`", guide)
    assert value in shown.words
    assert {"svg", "asrun-value", "asrun-claim", "asrun-figure", "asrun-provenance"} <= shown.elements
    assert "✓" in shown.words and "✗" not in shown.words
    # It reads the same from a disk: links name files.
    assert coins.exists("site/about/records.html") and 'href="about/records.html' in coins.read("site/index.html")
    assert not coins.exists("site/references"), "a page of references without a work"
    before = coins.record_files()
    again = coins.run("build")
    assert again.code == 0 and "trained nothing" in again.out
    assert coins.record_files() == before


# Commands


def typed() -> Iterator[tuple[str, str]]:
    """Every command line of asrun that a page shows, and where."""
    for page in PAGES:
        text = page.read_text("utf-8")
        lines = [line for fence in fences(page) if fence.language in ("sh", "console", "bash", "shell")
                 for line in fence.body.splitlines()]  # fmt: skip
        outside = _FENCE.sub("", text)
        lines += [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", outside)]
        for line in lines:
            if found := re.match(r"(?:\$ )?(?:\.venv/bin/)?asrun +(?P<rest>[\w-].*)", line):
                yield found["rest"], page.relative_to(ROOT).as_posix()


TYPED = sorted(dict(typed()).items())


def understood(line: str) -> None:
    """Parse a command line as the command does; raise what its user would be told."""
    name, *arguments = shlex.split(line, comments=True)
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command is not None, f"there is no command called {name}"
    inside = click.Context(command, info_name=name, parent=context)
    given, left, _ = command.make_parser(inside).parse_args(arguments)
    assert left == [], f"{name} takes no {left}"
    for parameter in command.params:
        value = given.get(parameter.name)
        if isinstance(parameter.type, (click.Choice, click.IntRange)) and value is not None:
            parameter.type_cast_value(inside, value)
        missing = isinstance(parameter, click.Argument) and parameter.required and not value
        assert not missing or not arguments, f"{name} needs {parameter.name}"


def test_pages_show_commands():
    assert {line.split()[0] for line, _ in TYPED} >= {"run", "why", "status", "build", "check", "mutate", "deck", "pdf"}


@pytest.mark.parametrize(("line", "page"), TYPED, ids=[line for line, _ in TYPED])
def test_a_command_that_a_page_shows_is_understood(line, page):
    understood(line)


@pytest.mark.parametrize("line", ["bild", "build --gone", "run coin --device tpu", "why --rerun coin", "status coin"])
def test_a_command_that_is_gone_would_be_noticed(line):
    with pytest.raises((click.UsageError, AssertionError)):
        understood(line)


OPTIONS = sorted({option for page in GUIDES for option in re.findall(r"`(--[a-z][\w-]*)", page.read_text("utf-8"))})


def test_an_option_that_a_guide_mentions_exists():
    context = click.Context(main)
    of_commands = {option for name in COMMANDS for parameter in main.get_command(context, name).params
                   for option in (*parameter.opts, *parameter.secondary_opts)}  # fmt: skip
    of_pytest = set(re.findall(r'"(--asrun[\w-]*)"', (ROOT / "src/asrun/pytest_plugin.py").read_text("utf-8")))
    assert "--no-run" in of_commands and "--asrun-slow" in of_pytest
    assert set(OPTIONS) - of_commands - of_pytest == set()


def test_a_message_recommends_commands_that_exist():
    context = click.Context(main)
    recommended = re.compile(rf"(?:: |`)asrun (?P<name>{'|'.join(COMMANDS)})\b(?P<rest>[^`\"\n]*)")
    found = [each for path in sorted((ROOT / "src" / "asrun").rglob("*.py"))
             for each in recommended.finditer(path.read_text("utf-8"))]  # fmt: skip
    assert len(found) > 10
    for each in found:
        known = {option for parameter in main.get_command(context, each["name"]).params for option in parameter.opts}
        assert set(re.findall(r"(?<!\w)--?[a-z][\w-]*", each["rest"])) <= known, each[0]


@pytest.mark.parametrize("page", FRONT, ids=lambda page: page.name)
def test_the_repository_has_what_its_readers_are_to_type(page):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    assert targets == phony
    text = page.read_text("utf-8")
    lines = [line for fence in fences(page) if fence.language == "sh" for line in fence.body.splitlines() if line]
    lines += re.findall(r"`((?:make|\.venv/bin/)[^`]+)`", text)
    assert lines
    for line in lines:
        command, *arguments = shlex.split(line, comments=True)
        if command == "make":
            assert {argument for argument in arguments if "=" not in argument} <= targets, line
        else:
            assert command.startswith(".venv/bin/"), line
            for argument in arguments:
                if argument.endswith(".py") and "your_" not in argument:
                    assert (ROOT / argument).is_file(), line
    needed = {Path(command).name for command in re.findall(r"\.venv/bin/[\w-]+", text)} - {
        "python",
        "asrun",
        "activate",
    }
    extras = (ROOT / "pyproject.toml").read_text("utf-8")
    assert all(f'"{name}>=' in extras for name in needed), needed
    assert page.name != "README.md" or "make site" in text


def test_the_guide_to_writing_shows_what_the_course_understands():
    context = Context(find_project(ROOT))
    shown = [fence for fence in fences(ROOT / "docs" / "about" / "writing.md") if fence.language == "markdown"]
    assert len(shown) >= 4
    for fence in shown:
        extension = AsrunExtension(
            context=context, page="docs/about/writing.md", first_line=fence.line + 1, strict=False
        )
        make_markdown(context.project, extension).convert(fence.body)
        assert [str(problem) for problem in extension.page.problems] == [], fence


# First mistakes

SNIPPET, PAGE, SETTINGS = "snippets/coin.py", "docs/index.md", "mkdocs.yml"
VALUE, DECIDED, FIGURE = "heads(flips=1000)", "close(coin.heads(flips=1000), 0.5, 0.02)\n", "/// figure | coin"


@pytest.mark.parametrize(
    ("path", "old", "new", "told", "remedy"),
    [
        (SETTINGS, "  - search\n", "\t- search\n", "mkdocs.yml:4: not valid YAML", ""),
        (
            SETTINGS,
            "  - asrun\n",
            "  - asrun: {snipets: x}\n",
            "mkdocs.yml: the asrun plugin has no option snipets",
            "options are: snippets",
        ),
        (SETTINGS, "  - asrun\n", "", "mkdocs.yml: the plugin asrun is not listed", "write plugins: [search, asrun]"),
        (
            SNIPPET,
            '"""After how many flips does a coin look fair?"""\n',
            "",
            "snippets/coin.py:1: a snippet starts with the question",
            'make its first line a docstring: """Does this help?"""',
        ),
        (SNIPPET, "heads = []", "heads = [", "snippets/coin.py:9: not valid Python: '[' was never closed", ""),
        (SNIPPET, "    heads = []", "  heads = []", "snippets/coin.py:10: not valid Python: unexpected indent", ""),
        (
            SNIPPET,
            "coins=10",
            "coins=int('10')",
            "snippets/coin.py:5: SCALES must be made of literals",
            'as in SCALES = {"quick": ...}',
        ),
        (
            SNIPPET,
            "def run",
            "def measure",
            "snippets/coin.py:1: a snippet needs a function `run`",
            "write `def run(*, seeds): ...`",
        ),
        (
            SNIPPET,
            "    return {",
            "    found = {",
            "snippets/coin.py: coin (quick, cpu) failed: run returned None",
            'return {"error": error}',
        ),
        (
            SNIPPET,
            "heads = []",
            "heads = [][0]",
            "snippets/coin.py:9: coin (quick, cpu) raised: IndexError",
            "the whole traceback is in .asrun/logs/coin-quick-cpu.txt",
        ),
        (
            SNIPPET,
            "import random\n",
            "import randon\n",
            "snippets/coin.py:3: coin (quick, cpu) raised: ModuleNotFoundError",
            "the whole traceback",
        ),
        (
            SNIPPET,
            "figure.set_label(",
            "print(",
            "snippets/coin.py: coin (quick, cpu) failed: The figure coin-figure has no alt text",
            "figure.set_label(",
        ),
        (
            SNIPPET,
            "    return figure\n",
            "",
            "snippets/coin.py: coin (quick, cpu) failed: plot returned a NoneType",
            "Return the figure",
        ),
        (
            PAGE,
            "coin." + VALUE + " |",
            "coin.haeds |",
            "docs/index.md:3:25: coin (quick, cpu) has no value called haeds",
            "did you mean heads?",
        ),
        (
            PAGE,
            "coin." + VALUE + " |",
            "cion." + VALUE + " |",
            "docs/index.md:3:25: there is no snippet called cion",
            "did you mean coin?",
        ),
        (
            PAGE,
            VALUE + " |",
            "heads |",
            "docs/index.md:3:25: coin.heads has many numbers, along flips (3)",
            "choose one: coin.heads(flips=10)",
        ),
        (
            PAGE,
            VALUE + " |",
            "heads(flips=500) |",
            "docs/index.md:3:25: coin.heads has no flips=500",
            "it has: 10, 100, 1000",
        ),
        (
            PAGE,
            VALUE + " |",
            "heads(flip=1000) |",
            "docs/index.md:3:25: coin.heads has no axis called flip",
            "its axes are: seed, flips",
        ),
        (
            PAGE,
            "| .1% }}",
            "| percent }}",
            "docs/index.md:3:25: 'percent' is not a format",
            "use Python's: .2f for two decimals",
        ),
        (
            PAGE,
            "| .1% }}",
            "| .1%",
            "docs/index.md:3:25: this {{ was not replaced",
            "close it with }} on the same line",
        ),
        (
            PAGE,
            "0.5, 0.02)",
            "0.4, 0.02)",
            "docs/index.md:5: this claim does not hold",
            "change the sentence to what was measured",
        ),
        (
            PAGE,
            DECIDED,
            "",
            "docs/index.md:5: this claim has nothing that decides it",
            "write an expression under the header",
        ),
        (PAGE, DECIDED, "It is so.\n", "docs/index.md:5: not an expression: It is so.", "write it as in Python"),
        (
            PAGE,
            DECIDED,
            "coin." + VALUE + " == 0.5\n",
            "docs/index.md:5: coin.heads(flips=1000) == 0.5: with seeds there is a spread",
            "or close(one, other, tolerance)",
        ),
        (PAGE, "/// claim", "/// cliam", "docs/index.md:5: there is no block called cliam", "did you mean claim?"),
        (
            PAGE,
            FIGURE,
            FIGURE + ".figur",
            "docs/index.md:9: coin has no figure called figur",
            "did you mean coin.figure?",
        ),
        (
            PAGE,
            FIGURE,
            "/// figure |",
            "docs/index.md:9: this figure block does not say which",
            "write /// figure | snippet",
        ),
        (
            PAGE,
            FIGURE,
            FIGURE + "\n    size: huge",
            "docs/index.md:9: 'huge' is nothing that size of a figure can be",
            "see what is said of /// figure",
        ),
    ],
)
def test_a_first_mistake_is_told_with_its_place_its_reason_and_what_to_do(coins, path, old, new, told, remedy):
    coins.edit(path, old, new)
    # What a page says wrong is found by both; only a build asks MkDocs and runs snippets.
    failed = coins.run("check" if path == PAGE else "build")
    assert failed.code == 1
    assert failed.err.startswith("asrun: " + told)
    assert remedy in failed.err.partition(told)[2]
    assert "Traceback" not in failed.text


@pytest.mark.parametrize("command", ["build", "check", "serve", "status", "run", "why coin"])
def test_a_folder_that_is_no_project_is_told_so(empty, command):
    told = empty.run(*command.split())
    assert told.code == 1 and "no mkdocs.yml in" in told.err and "write a mkdocs.yml there" in told.err


@pytest.mark.parametrize("command", ["build", "serve", "deck --watch docs/index.md"])
def test_without_mkdocs_it_says_how_to_install_it_before_it_runs_anything(coins, command, monkeypatch):
    shutil.rmtree(coins.folder / "snippets" / "records")
    monkeypatch.setitem(sys.modules, "mkdocs", None)
    told = coins.run(*command.split())
    assert told.code == 1
    assert "asrun: MkDocs, which makes the pages, is not installed" in told.err
    assert 'install it: pip install "asrun[site]"' in told.err
    assert not coins.exists("snippets/records")


def test_without_a_record_and_without_runs_it_says_what_to_run(coins):
    shutil.rmtree(coins.folder / "snippets" / "records")
    for command in (["build", "--no-run"], ["check"]):
        told = coins.run(*command)
        assert told.code in (1, 3)
        assert (
            "docs/index.md:3:25" in told.err
            and "coin has no record" in told.err
            and "run it: asrun run coin" in told.err
        )


def test_without_snippets_it_says_that_there_are_none_yet(coins):
    (coins.folder / SNIPPET).unlink()
    told = coins.run("build")
    assert told.code == 1
    assert "there is no snippet called coin" in told.err and "snippets are: none yet" in told.err
    assert "snippets are: \n" not in told.err


def test_a_site_without_a_first_page_is_told_so(coins):
    (coins.folder / PAGE).rename(coins.folder / "docs" / "coins.md")
    built = coins.run("build")
    assert built.code == 0, built.err
    assert "has no first page: write docs/index.md" in built.out
    assert "index.html" not in built.out
