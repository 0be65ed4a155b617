"""The list of all blocks: what a page may write after `///`, and what is to be known of each.

Each is a block of pymdownx: `/// name | argument`, options as indented YAML, content, `///`.
"""

from __future__ import annotations

from collections.abc import Callable

from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.blocks.claim import ClaimBlock
from asrun.pages.blocks.code import SnippetBlock
from asrun.pages.blocks.decks_list import DecksBlock
from asrun.pages.blocks.exercise import ExerciseBlock, SolutionBlock
from asrun.pages.blocks.listings import BibliographyBlock, PublishedBlock, RecordsBlock
from asrun.pages.blocks.quiz import QuizBlock
from asrun.pages.blocks.recorded import FigureBlock, OutputBlock
from asrun.pages.blocks.table import TableBlock
from asrun.values.formats import plural

__all__ = ["BLOCKS", "count", "counted", "names", "options"]

BLOCKS: tuple[type[AsrunBlock], ...] = (
    ClaimBlock,
    FigureBlock,
    TableBlock,
    SnippetBlock,
    OutputBlock,
    QuizBlock,
    ExerciseBlock,
    SolutionBlock,
    BibliographyBlock,
    PublishedBlock,
    RecordsBlock,
    DecksBlock,
)
"""The blocks that a page may use, each in a file of its subject, in the order in which they are counted.

All that asrun knows of a block is its class: whoever needs a list of names asks here.
"""


def names(which: Callable[[type[AsrunBlock]], bool] = lambda block: True) -> frozenset[str]:
    """Return the names of the blocks of which something is true: `names(lambda block: block.ASKS)`."""
    return frozenset(block.NAME for block in BLOCKS if which(block))


def options() -> dict[str, frozenset[str]]:
    """Return the options that each block takes, by its name."""
    return {block.NAME: frozenset([*block.OPTIONS, "attrs"]) for block in BLOCKS}


def counted() -> list[str]:
    """Return what the foot of a page counts, in its order: what it says, what that rests on, what it asks."""
    of_note = [block for block in BLOCKS if block.COUNTED]
    says, asks = ([block.NAME for block in of_note if block.ASKS is asking] for asking in (False, True))
    return ["value", *says, "citation", *asks]


def count(number: int, kind: str) -> str:
    """Write how many citations of a kind there are: `1 quiz`, `3 quizzes`, `2 values`."""
    plurals = {block.NAME: block.PLURAL for block in BLOCKS}
    return plural(number, kind, plurals.get(kind, ""))
