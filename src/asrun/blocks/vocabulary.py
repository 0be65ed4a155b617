"""The list of all blocks: what a page may write after `///`.

Each is a block of pymdownx: `/// name | argument`, options as indented YAML, content, `///`.
"""

from __future__ import annotations

from asrun.blocks.base import AsrunBlock
from asrun.blocks.claim import ClaimBlock
from asrun.blocks.code import SnippetBlock
from asrun.blocks.decks_list import DecksBlock
from asrun.blocks.exercise import ExerciseBlock, SolutionBlock
from asrun.blocks.listings import BibliographyBlock, PublishedBlock, RecordsBlock
from asrun.blocks.quiz import QuizBlock
from asrun.blocks.recorded import FigureBlock, OutputBlock
from asrun.blocks.table import TableBlock

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
