"""Where asrun itself is: what lies there is its own, and part of no project."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ASSETS", "PACKAGE"]

PACKAGE = Path(__file__).parent
ASSETS = PACKAGE / "assets"
"""Styles, scripts and fonts of pages and decks, and how figures look."""
