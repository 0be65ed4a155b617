"""Heavy artists become images: what has too many points for a page is drawn as a picture of itself.

A point of a drawing takes some hundred bytes, and a page with a hundred thousand of them takes seconds to open. Axes,
labels and what is light stay what they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from asrun.values.formats import describe

__all__ = ["HEAVY", "follows_the_page", "lighten", "replaced"]

HEAVY = 500_000
"""Bytes that one artist may take; some 4,000 points."""

WHOLE = 1_500_000
"""Bytes that all artists of a figure may take; above, the heaviest kinds of them become images until it is light."""

_TOLD = " points were drawn as an image"
_REMARK = re.compile(rf"figure [\w-]+: .*{_TOLD}")

# Measured on what Matplotlib's SVG backend writes.
_NOTHING = ("None", "none", " ", "", None)
_PATH, _VERTEX, _CELL, _SHADED = 125, 20, 190, 1300


def lighten(figure: Any) -> int:
    """Let the heavy artists of a Matplotlib figure be drawn as images; those that are images already stay so.

    Arguments:
        figure: The figure; what it holds is known better when it was drawn before.

    Returns:
        How many points that are.
    """
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import FigureBase
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    weighed: dict[tuple[int, type], list[tuple[float, int, Any]]] = defaultdict(list)
    points = 0
    for ground in figure.findobj(lambda artist: isinstance(artist, (Axes, FigureBase))):
        drawn = [*ground.artists, *ground.lines, *ground.patches, *getattr(ground, "collections", ())]
        for artist in dict.fromkeys(drawn):
            if not isinstance(artist, (Collection, Line2D, Patch)) or not artist.get_visible():
                continue
            if artist.get_rasterized():
                continue
            weight, count = _weigh(artist)
            if weight > HEAVY:
                artist.set_rasterized(True)
                points += count
            else:
                weighed[id(ground), type(artist)].append((weight, count, artist))
    # Many light ones are heavy together. All of a kind are drawn alike.
    left = sum(weight for kind in weighed.values() for weight, _, _ in kind)
    for kind in sorted(weighed.values(), key=lambda kind: -sum(weight for weight, _, _ in kind)):
        if left <= WHOLE:
            break
        for weight, count, artist in kind:
            artist.set_rasterized(True)
            left, points = left - weight, points + count
    return points


def _weigh(artist: Any) -> tuple[float, int]:
    """Return how many bytes an artist takes in a drawing, and of how many points it is made."""
    from matplotlib.collections import Collection, QuadMesh, TriMesh
    from matplotlib.lines import Line2D

    known: Any = artist
    if isinstance(artist, Line2D):
        path = known.get_path()
        count, weight = len(path.vertices), 0.0
        if known.get_linestyle() not in _NOTHING:
            # Points that lie on a line are left out as it is drawn.
            drawn = path.cleaned(known.get_transform(), simplify=path.should_simplify) if count > 1000 else path
            weight += len(drawn.vertices) * _VERTEX
        if known.get_marker() not in _NOTHING:
            weight += count * _PATH
        return weight, count
    if isinstance(artist, QuadMesh):
        rows, columns, _ = known.get_coordinates().shape
        cells = (rows - 1) * (columns - 1)
        return cells * (4 * _SHADED if known._shading == "gouraud" else _CELL), cells
    if isinstance(artist, TriMesh):
        count = len(known._triangulation.triangles)
        return count * _SHADED, count
    if isinstance(artist, Collection):
        paths, offsets = known.get_paths() or [], len(known.get_offsets())
        vertices = sum(len(path.vertices) for path in paths)
        return max(len(paths), offsets) * _PATH + vertices * _VERTEX, offsets if offsets > 1 else vertices
    vertices = len(known.get_path().vertices)
    return _PATH + vertices * _VERTEX, vertices


def follows_the_page(figure: Any) -> bool:
    """Are all images that artists of a figure become made of plain colours, as lines and words are?

    Then a dark page may show them the other way round, light for dark. Colours that stand for numbers stay as they are.
    """
    from matplotlib.image import _ImageBase

    def stays(artist: Any) -> bool:
        """Is it an image that an author shows, and that no frame tells from what artists became?"""
        framed = artist.get_clip_on() and (artist.get_clip_box() or artist.get_clip_path())
        return isinstance(artist, _ImageBase) and not framed

    artists = figure.findobj(lambda artist: artist.get_rasterized() or stays(artist))
    return all(getattr(artist, "get_array", lambda: None)() is None for artist in artists)


def replaced(remarks: tuple[str, ...], points: dict[str, int]) -> tuple[str, ...]:
    """Return a record's remarks with those on its figures as they are drawn now.

    Arguments:
        remarks: Those it had.
        points: How many points of each figure were drawn as an image.
    """
    kept = [remark for remark in remarks if not _REMARK.fullmatch(remark)]
    return (*kept, *(f"figure {name}: {describe(count)}{_TOLD}" for name, count in points.items() if count))
