"""What an author is told can be read: whatever is quoted in it, it moves nothing, hides nothing and is not too long."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrun.commands.console import Output
from asrun.errors import AsrunError, Problems, quoted, visible
from asrun.model import Where
from asrun.testing import COIN, TinyProject, make_figure, raised

ACTING = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\r",
    "\x08",
    "\u202e",
    "\u2066",
    "\u200f",
    "\ufeff",
    "\ud800",
    "\x9b31m",
    "\u2028",
]


@given(st.text(max_size=50) | st.lists(st.sampled_from([*ACTING, "a", "\n"]), max_size=9).map("".join))
def test_a_visible_text_has_no_characters_that_act(text):
    shown = visible(text)
    shown.encode()
    assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") and each not in "\n\t" for each in shown)
    assert not any(
        unicodedata.bidirectional(each) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI") for each in shown
    )
    assert visible(shown) == shown


def test_letters_of_all_kinds_stay_as_they_are():
    text = "Größe × 10⁻⁵ ± 0.5\u202f% — 誤差 שגיאה خطأ ✓ 👩\u200d🔬 e\u0301\n\tindented"
    assert visible(text) == text
    assert visible("\x1b[31mred\x1b[0m\r\nnext") == "red\nnext"


@pytest.mark.parametrize("acting", ACTING)
def test_an_error_quotes_what_acts_as_it_is_written(acting):
    error = AsrunError(f"no {acting} here", where=Where(f"docs/{acting}.md", 3), remedy=f"take {acting} out")
    assert acting not in str(error) and acting not in error.what and acting not in error.remedy
    assert "\\" in str(error) and str(error).count("\n") == 1
    error.what = f"again {acting}"
    assert acting not in str(error)


@given(st.integers(1, 20_000), st.sampled_from(["x", "ab ", "\u202e"]))
def test_what_is_quoted_is_cut_in_its_middle(count, part):
    message = str(AsrunError(f"there is no {part * count} in this file", remedy="mend it"))
    assert message.startswith("there is no ") and message.endswith("in this file\n    mend it")
    assert len(message) <= 650
    if count * len(visible(part)) < 500:
        assert " … " not in message


def test_many_lines_are_cut_and_many_problems_are_not():
    error = AsrunError("It printed:\n" + "line\n" * 5000 + "the end")
    assert str(error).count("\n") == 200 and "… 4802 lines …" in str(error) and str(error).endswith("the end")
    problems = Problems(AsrunError(f"problem {at}\nin two lines", remedy="mend it") for at in range(500))
    assert all(f"problem {at}\n" in str(problems) for at in range(500))


def test_what_is_quoted_of_a_value_is_short():
    nested: object = [1]
    for _ in range(60):
        nested = [nested] * 9
    assert len(quoted(nested)) < 500
    assert quoted(int("f" * 5000, 16)) == "a number of thousands of digits"


@pytest.mark.parametrize(
    "text",
    [
        *("{{ coin.\u202ex }}", "{{ 'x\u202e' < 1 }}", "{{ coin.n | \u202e }}", "[@\u202ekey]", "{{ coin.x\x1b[31m }}"),
        *(
            "/// claim | \u202eIt.\ncoin.n > 5\n///",
            "/// claim | It.\ncoin.n == '\u202e'\n///",
            "/// figure | \u202e\n///",
        ),
        *(
            f"{{{{ coin.{'x' * 5000} }}}}",
            f"{{{{ {'coin.n + ' * 900}1 }}}}",
            f"[@{'k' * 5000}]",
            f"/// claim | {'a' * 5000}\ncoin.n > 5\n///",
        ),
        *(
            f"/// quiz | So?\n    {'q' * 5000}: 1\n///",
            f"/// table | So\n    of: coin.{'y' * 5000}\n///",
            f"/// {'n' * 5000} | x\n///",
        ),
    ],
)
def test_pages_quote_in_a_line_that_can_be_read(tiny_project, text):
    project = tiny_project({"snippets/coin.py": COIN})
    project.put("coin", {"n": 3.0}, figures=[make_figure()])
    message = raised(project.convert, text)
    assert not set("\u202e\x1b") & set(message) and len(message) < 1500


class _Terminal:
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.written = ""

    def write(self, text: str) -> int:
        self.written += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no file")


@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_printed_moves_no_cursor(monkeypatch, terminal):
    from rich.table import Table

    stream = _Terminal()
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr(Output, "is_terminal", property(lambda self: terminal))
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    table = Table("head\x1b[2J")
    table.add_row("cell\u202e")
    output = Output()
    for what in ("plain \x1b[2J\u202e", "[red]red[/] \x07", table):
        output.print(what)
    assert not any(each in stream.written for each in ("\x1b[2J", "\u202e", "\x07"))
    assert all(f"\\{each}" in stream.written for each in ("x1b[2J", "u202e", "x07"))


def test_a_command_tells_an_error_that_can_be_read(tiny_project):
    project: TinyProject = tiny_project(
        {"snippets/coin.py": COIN, "docs/index.md": "{{ coin.\u202ex }} and {{ " + "9" * 5000 + " }}\n"}
    )
    project.put("coin", {"n": 3.0}, figures=[make_figure()])
    result = project.run("check")
    assert result.code == 1 and "\u202e" not in result.text and "Traceback" not in result.text
    assert "docs/index.md:1:1: " in result.text and max(map(len, result.text.split("\n"))) < 900
