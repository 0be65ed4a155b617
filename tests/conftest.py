"""What all tests share: tiny projects, and a hypothesis that gives the same answer however busy the machine is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from harness import Site

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=30)
settings.register_profile("search", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever starts the tests in the background has a shell ignore Ctrl-C for them and for all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def site(tmp_path: Path) -> Callable[[Mapping[str, str]], Site]:
    """Make a project of some files in an empty folder."""

    def make(files: Mapping[str, str]) -> Site:
        return Site(files, tmp_path / "project")

    return make
