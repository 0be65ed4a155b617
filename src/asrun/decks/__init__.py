"""Decks of slides: rendered, shown alone, printed, and looked at in a browser.

What is here makes slides of a parsed deck. How a deck is written is read in `asrun.text.deck_source`.
"""
