"""asrun: web sites and slide decks whose figures, numbers and claims come from recorded runs."""

__version__ = "0.1.0"
