"""What a page asks of its project, noted: what was made of the answers can be kept while these are the same."""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

import numpy as np

from asrun.errors import AsrunError

__all__ = ["Answering", "Question", "answer_digest", "question"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Question:
    """One question: the name of a method of `asrun.pages.context.Context`, and what it is asked about."""

    name: str
    about: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.about))})"


class Answering:
    """What answers questions, each once, and notes for each page which it asked.

    Its questions are methods with `@question`, of classes that are made of this one.
    """

    def __init__(self) -> None:
        self.asked: dict[Question, None] = {}
        """What a page asked, in the order in which it did; nothing where this is no page's."""
        self._answers: dict[Question, Any] = {}
        self._behind: Answering | None = None

    def for_page(self) -> Self:
        """Return this as one page has it: it answers alike, and notes what it is asked."""
        if self._behind is not None:
            return self
        made = copy.copy(self)
        made._behind, made.asked = self, {}
        return made

    def answer(self, asked: Question, find: Callable[[], Any]) -> Any:
        """Return the answer to a question, found once. What cannot be answered is asked again: each place is told."""
        if self._behind is not None:
            self.asked[asked] = None
            return getattr(self._behind, asked.name)(*asked.about)
        if asked not in self._answers:
            self._answers[asked] = find()
        return self._answers[asked]

    def digests(self, asked: Iterable[Question]) -> dict[Question, str]:
        """Return a digest of the answer to each question: what was made of answers is the same while these are."""

        def digest(each: Question) -> str:
            try:
                return answer_digest(getattr(self, each.name)(*each.about))
            except AsrunError as error:
                return answer_digest(error)

        return {each: digest(each) for each in asked}


A = TypeVar("A", bound=Answering)


def question(method: Callable[Concatenate[A, P], R]) -> Callable[Concatenate[A, P], R]:
    """Make a method a question: it is noted by whom it is asked, and answered once for all.

    Its answer is a value that nobody changes.
    """
    parameters = inspect.signature(method)

    @functools.wraps(method)
    def ask(self: A, /, *args: P.args, **kwargs: P.kwargs) -> R:
        # However it is put, it is the same question.
        about = parameters.bind(self, *args, **kwargs).args[1:] if kwargs else args
        return cast(R, self.answer(Question(method.__name__, about), lambda: method(self, *args, **kwargs)))

    return ask


def answer_digest(answer: Any) -> str:
    """Return a digest of an answer: of all that it says, in the order in which it says it."""
    digest = hashlib.sha256()
    pending = [answer]
    while pending:
        value = pending.pop()
        parts: list[Any] = []
        if isinstance(value, np.ndarray):
            told = f"{value.dtype.str}{value.shape}"
            parts = value.tolist() if value.dtype.hasobject else [value.tobytes()]
        elif isinstance(value, AsrunError):
            told = repr(str(value))
        elif is_dataclass(value):
            told = type(value).__name__
            parts = [getattr(value, field.name) for field in fields(value)]
        elif isinstance(value, Mapping):
            told, parts = f"{len(value)} by name", [part for item in value.items() for part in item]
        elif isinstance(value, (list, tuple)):
            told, parts = f"{len(value)} in order", list(value)
        elif isinstance(value, (set, frozenset)):
            told, parts = f"{len(value)} without order", sorted(map(answer_digest, value))
        elif isinstance(value, str):
            told = str.__repr__(value)
        else:
            told = repr(value)
            if told.startswith("<"):
                raise TypeError(f"{told} does not say what it is, and cannot be part of an answer")
        digest.update(f"{told};".encode("utf-8", "backslashreplace"))
        pending += reversed(parts)
    return digest.hexdigest()
