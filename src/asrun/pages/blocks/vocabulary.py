"""The list of all blocks: what a page may write after `///`.

Each is a block of pymdownx: `/// name | argument`, options as indented YAML, content, `///`.
"""

from __future__ import annotations

from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.blocks.claim import ClaimBlock
from asrun.pages.blocks.code import SnippetBlock
from asrun.pages.blocks.decks_list import DecksBlock
from asrun.pages.blocks.exercise import ExerciseBlock, SolutionBlock
from asrun.pages.blocks.listings import BibliographyBlock, PublishedBlock, RecordsBlock
from asrun.pages.blocks.quiz import QuizBlock
from asrun.pages.blocks.recorded import FigureBlock, OutputBlock
from asrun.pages.blocks.table import TableBlock

__all__ = ["BLOCKS"]

BLOCKS: tuple[type[AsrunBlock], ...] = (
    FigureBlock,
    SnippetBlock,
    OutputBlock,
    TableBlock,
    ClaimBlock,
    QuizBlock,
    ExerciseBlock,
    SolutionBlock,
    BibliographyBlock,
    PublishedBlock,
    RecordsBlock,
    DecksBlock,
)
