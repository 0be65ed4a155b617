"""A real browser for the tests of this folder; they may be skipped without one, but not in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from asrun.decks.browser import started
from asrun.errors import AsrunError


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        with started() as launched:
            yield launched
    except AsrunError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
