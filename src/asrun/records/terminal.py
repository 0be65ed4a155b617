"""What a terminal would show of what a program printed: no escape sequences, and progress bars as they ended."""

from __future__ import annotations

import re

__all__ = ["as_line", "as_shown"]

_ESCAPES = re.compile(
    r"\x1b\[(?P<amount>[0-9;:<=>?]*)[ -/]*(?P<command>[@-~]?)"  # a command: colours, movements, erasing
    r"|\x1b[\]PX^_][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # a title, a link, a picture: with all that it says
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = {code: None for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}
_MOVES = re.compile(r"[\r\b\x1b]")
_PIECES = re.compile(rf"({_ESCAPES.pattern})|([\r\n\b])")

_WIDEST = 1000
"""Columns; whoever moves further to the right stays there."""

_LONG = 1000
"""Characters; what is added to a line as long as this does not make a copy of it each time."""


def as_shown(text: str) -> str:
    """Return text as a terminal shows it in the end, which is as wide and as high as it has to be.

    A carriage return starts the line again, a backspace goes back by one, and what is printed then takes the place of
    what was there. Movements and erasing are followed, other escape sequences and control characters left out.
    """
    if not _MOVES.search(text):
        return text.translate(_CONTROLS)
    return "\n".join(_Sheet(text.replace("\r\n", "\n")).lines()).translate(_CONTROLS)


def as_line(text: str) -> str:
    """Return what a terminal shows of a text in one line, and what no text may hold (half of a pair) as its number."""
    return " ".join(as_shown(text).split()).encode("utf-8", "backslashreplace").decode()


class _Sheet:
    """Lines that can be written over."""

    def __init__(self, text: str):
        # Most lines are never moved in: they stay texts, and become lists of characters when they are.
        self._lines: list[str | list[str]] = [""]
        self._row = self._column = 0
        at = 0
        for piece in _PIECES.finditer(text):
            self._write(text[at : piece.start()])
            at = piece.end()
            match piece[0]:
                case "\n":
                    self._row, self._column = self._row + 1, 0
                    if self._row == len(self._lines):
                        self._lines.append("")
                case "\r":
                    self._column = 0
                case "\b":
                    self._column = max(0, self._column - 1)
                case _:
                    self._move(piece["command"] or "", piece["amount"] or "")
        self._write(text[at:])

    def lines(self) -> list[str]:
        return [line if isinstance(line, str) else "".join(line) for line in self._lines]

    def _write(self, text: str) -> None:
        text = text.translate(_CONTROLS)
        if not text:
            return
        line, end = self._lines[self._row], self._column + len(text)
        if isinstance(line, str) and len(line) == self._column < _LONG:
            self._lines[self._row] = line + text
        else:
            characters = list(line) if isinstance(line, str) else line
            characters += " " * (self._column - len(characters))
            characters[self._column : end] = text
            self._lines[self._row] = characters
        self._column = end

    def _move(self, command: str, amount: str) -> None:
        number = int(amount[:6]) if amount.isascii() and amount.isdigit() else 0
        times = max(1, number)
        line = self._lines[self._row]
        match command:
            case "A" | "F":
                self._row = max(0, self._row - times)
            case "B" | "E":
                self._row = min(len(self._lines) - 1, self._row + times)
            case "C":
                self._column = max(self._column, min(_WIDEST, self._column + times))
            case "D":
                self._column = max(0, self._column - times)
            case "G":
                self._column = min(_WIDEST, times - 1)
            case "K" if number == 0:
                self._lines[self._row] = line[: self._column]
            case "K" if number == 2:
                self._lines[self._row] = ""
            case "K" if number == 1:
                self._lines[self._row] = [" "] * min(len(line), self._column) + list(line[self._column :])
            case "J" if number == 0:
                self._lines[self._row :] = [line[: self._column]]
        if command in ("E", "F"):
            self._column = 0
