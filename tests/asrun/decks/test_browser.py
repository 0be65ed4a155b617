"""Finding a browser, and saying what to type where there is none."""

from __future__ import annotations

import sys

import pytest

from asrun.decks import browser
from asrun.errors import AsrunError


def test_chromium_names_the_browser(tmp_path, monkeypatch):
    chromium = tmp_path / "chromium"
    chromium.write_text("#!/bin/sh\n")
    chromium.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(chromium))
    assert browser.find_chromium() == str(chromium)
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.find_chromium() == str(chromium)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert browser.find_chromium() is None


def test_what_chromium_names_must_be_a_program(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(AsrunError, match="CHROMIUM is /nowhere/chromium, and that is no program"):
        browser.find_chromium()


def test_without_playwright_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(AsrunError, match=r"is not installed") as raised, browser.started():
        pass
    assert raised.value.remedy == 'install it: pip install "asrun[pdf]"'
