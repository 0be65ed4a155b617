"""Errors, as those read them whom they are written for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asrun.errors import AsrunError

__all__ = ["raised"]


def raised(function: Callable[..., object], *arguments: Any, **options: Any) -> str:
    """Call a function that must raise an AsrunError, and return what an author is told.

    Arguments:
        function: What to call.
        *arguments: What to call it with.
        **options: What to call it with, by name.

    Returns:
        The error as text: where, what, and what to do about it.

    Raises:
        AssertionError: when nothing was raised. What is no AsrunError is let through.
    """
    try:
        function(*arguments, **options)
    except AsrunError as error:
        return str(error)
    raise AssertionError("nothing was raised")
