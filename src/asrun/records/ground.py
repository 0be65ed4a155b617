"""What words of a figure stand on: the page, which may be dark, or a ground of their own, which is as light as ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asrun.records.house_style import COLOURS

__all__ = ["has_its_own", "keep_words"]

_WORDS = COLOURS["fig-fg"]
"""The colour of words, which is turned on a dark page."""
_KEPT = f"#{int(_WORDS[1:], 16) ^ 1:06x}"
"""As good as the same, and no colour of the house: it stays as it is on any page."""


def has_its_own(figure: Any, paper: str) -> bool:
    """Does a figure bring its own paper? Then nothing of it follows the page: all was chosen for that paper.

    Arguments:
        figure: A Matplotlib figure.
        paper: The colour that stands for the page.
    """
    return _covers(figure.patch, paper)


def keep_words(figure: Any, paper: str) -> None:
    """Let words that stand on a ground of their own, in a box, with an outline, on an image, keep their colour.

    Arguments:
        figure: A Matplotlib figure, whose words are changed.
        paper: The colour that stands for the page.
    """
    from matplotlib.colors import to_hex
    from matplotlib.text import Text

    grounded = {id(text) for text in _on_images(figure)} | {id(text) for text in _in_legends(figure, paper)}
    for text in figure.findobj(Text):
        box = text.get_bbox_patch()
        own = id(text) in grounded or text.get_path_effects() or (box is not None and _covers(box, paper))
        if own and to_hex(text.get_color()) == _WORDS:
            text.set_color(_KEPT)


def _covers(patch: Any, paper: str) -> bool:
    """Whether a patch hides the page behind it, in another colour than the page's."""
    from matplotlib.colors import to_hex

    colour = patch.get_facecolor()
    return patch.get_visible() and colour[3] > 0.5 and to_hex(colour[:3]) != paper


def _in_legends(figure: Any, paper: str) -> Iterator[Any]:
    from matplotlib.legend import Legend

    for legend in figure.findobj(Legend):
        if legend.get_frame_on() and _covers(legend.get_frame(), paper):
            yield from legend.get_texts()


def _on_images(figure: Any) -> Iterator[Any]:
    """Find the words whose place is on an image, or on cells in colours that stand for numbers."""
    from matplotlib.axes import Axes

    for axes in figure.findobj(Axes):
        coloured = [
            each for each in axes.collections if each.get_array() is not None and hasattr(each, "get_coordinates")
        ]
        extents = [each.get_window_extent() for each in (*axes.images, *coloured) if axes.texts and each.get_visible()]
        for text in axes.texts:
            x, y = text.get_transform().transform(text.get_unitless_position())
            if any(extent.contains(x, y) for extent in extents):
                yield text
