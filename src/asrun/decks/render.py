"""Renders a deck to one HTML page, and writes the folder that shows it, from a server or a disk, asking no network."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.own import ASSETS
from asrun.pages.blocks.base import ASKING
from asrun.text.comments import without_long_comments
from asrun.text.deck_source import Deck, Slide, Stack
from asrun.text.fences import closed_fences
from asrun.text.markup import Node, attribute, read_fragment, read_page, select, start_tag, written
from asrun.text.offsite import asking, asking_ground, without_imports
from asrun.text.slide_edits import element_comments, own_ids, unlinked, without_empty_names
from asrun.text.steps import draw_steps, mark_steps

__all__ = ["OWN_MARK", "Convert", "copy_assets", "deck_title", "missing_files", "render_deck", "write_deck"]

OWN_MARK = '<meta name="generator" content="asrun">'
"""Tells a page of ours from any other."""

Convert = Callable[[str, int], str]
"""Markdown and the line of the file at which it begins, to HTML."""


OWN_FILES = ("palette.css", "deck.css", "deck.js", "quiz.css", "quiz.js")
VENDOR_FILES = (
    "reset.css",
    "reveal.css",
    "reveal.js",
    "notes.js",
    "search.js",
    "zoom.js",
    "inter-latin.woff2",
    "inter-greek.woff2",
    "jetbrains-mono-latin.woff2",
    "noto-sans-math.woff2",
    "LICENSES.txt",
)

_THEMES = dict.fromkeys(("dark", "black", "black-contrast", "night", "moon", "league", "dracula", "blood"), "dark")
_THEMES |= dict.fromkeys(("light", "white", "white-contrast", "beige", "sky", "simple", "serif", "solarized"), "light")

_LEAD_TAGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "a", "em", "strong", "br", "small", "sup", "sub"})
_UNSEEN = frozenset({"script", "style"})
_ROOTED = re.compile(r"(/[^/?#][^?#]*)")
_LOCAL = re.compile(r"(?![a-z][\w+.-]*:|[/#])([^?#]+)")
_LOCAL_NAME = re.compile(r"(?![a-z][\w+.-]*:|[/#])[^?#]+\.\w{2,5}$", re.IGNORECASE)
_URL = re.compile(r"""url\(\s*["']?(?![a-z][\w+.-]*:|[/#])([^"')?#]+)""")


def render_deck(
    deck: Deck,
    convert: Convert,
    *,
    assets: str = "assets",
    site_root: str | None = None,
    lesson: str | None = None,
    nowhere: str = "",
) -> str:
    """The page of a deck.

    Arguments:
        deck: What to show.
        convert: Renders Markdown. For stepped code it needs superfences and attr_list.
        assets: Where the page finds the files of `copy_assets`, as a URL relative to it.
        site_root: URL of the site that the deck belongs to, if any.
        lesson: URL of the lesson that the deck goes with, if any.
        nowhere: What addresses begin with that lead nowhere; their links are plain text.
    """
    drawing = _Drawing(deck, convert, nowhere)
    stacks = "\n".join(drawing.stack(stack) for stack in deck.slides)
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("deck.html").render(
        title=str(deck.setting("title") or drawing.heading or Path(deck.path).stem),
        language=str(deck.setting("lang", "language") or "en"),
        theme=_THEMES.get(str(deck.setting("theme")).lower(), ""),
        # A script element ends at the first `</script`, wherever it stands.
        options=json.dumps(_options(deck), default=str, ensure_ascii=False).replace("<", "\\u003c"),
        slides=stacks,
        asks=drawing.asks,
        assets=assets.rstrip("/"),
        styles=list(_asked(deck, "css", ".css")),
        scripts=list(_asked(deck, "scripts", ".js")),
        site_root=site_root,
        lesson=lesson,
    )


def deck_title(page: str) -> str:
    """What the page of a deck is called."""
    found = read_page(page).css_first("title")
    return found.text() if found else ""


def write_deck(deck: Deck, page: str, folder: Path, *, source: Path | None = None, alone: bool = True) -> None:
    """Write the page, the files it needs and the pictures it shows into a folder of its own.

    Arguments:
        deck: The deck that `page` was rendered from, with `assets="assets"`.
        page: What `render_deck` returned.
        folder: Where to write; made if need be, and nothing in it is removed.
        source: The folder that pictures are relative to, the deck's own if not given. Those that are not there are left
            to whoever checks links.
        alone: Whether the folder must work by itself; decks of one site share a copy of the assets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if alone:
        copy_assets(folder / "assets")
    origin = (source or Path(deck.path).parent).resolve()
    for name in sorted(_files(deck, read_page(page))):
        picture = _find(origin, name).resolve()
        # A path that leads out of the deck's folder would leave this one too.
        if picture.is_file() and picture.is_relative_to(origin) and not name.startswith("assets/vendor/"):
            target = folder / picture.relative_to(origin)
            _copy(picture, target)
            if picture.suffix == ".css":
                _copy_shown_by(picture, target, origin)
    (folder / "index.html").write_text(page, encoding="utf-8")


def _copy(file: Path, target: Path) -> None:
    """Copy a file; a style sheet without what it asks of other hosts."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".css":
        target.write_text(without_imports(file.read_text("utf-8", errors="replace")), "utf-8")
    else:
        shutil.copyfile(file, target)


def _copy_shown_by(style: Path, target: Path, origin: Path) -> None:
    """Copy the pictures and fonts that a style sheet names, where they are beside the deck."""
    for name in _URL.findall(style.read_text("utf-8", errors="replace")):
        file = (style.parent / name).resolve()
        if file.is_file() and file.is_relative_to(origin):
            _copy(file, (target.parent / name).resolve())


def missing_files(deck: Deck, page: str, source: Path) -> list[str]:
    """List the pictures, styles and scripts that a deck names and that are not there."""
    tree = read_page(page)
    grounds = ("data-background-image", "data-background-video")
    rooted = {found[1] for name in _values(tree, "src", "poster", *grounds) if (found := _ROOTED.match(name))}
    return sorted(name for name in _files(deck, tree) | rooted if not _find(source, name.lstrip("/")).is_file())


def _files(deck: Deck, page: Node) -> set[str]:
    """Name the files beside the deck that its page needs."""
    named = [found[1] for name in _values(page, "src", "data-src", "poster") if (found := _LOCAL.match(name))]
    for grounds in _values(page, "data-background", "data-background-image", "data-background-video"):
        named += [name.strip() for name in grounds.split(",") if _LOCAL_NAME.match(name.strip())]
    styles = [*_values(page, "style"), *(sheet.text() for sheet in select(page, "style"))]
    named += [name for style in styles for name in _URL.findall(style)]
    asked = {*_asked(deck, "css", ".css"), *_asked(deck, "scripts", ".js")}
    return asked | {name for name in named if not name.startswith("assets/")}


def _values(page: Node, *names: str) -> list[str]:
    """List what these attributes say, wherever a page has one."""
    return [attribute(element, name) for name in names for element in select(page, f"[{name}]")]


def _find(folder: Path, name: str) -> Path:
    """The file that a page names; what browsers read as `%20` may be a space in its name."""
    file = folder / name
    return file if file.is_file() else folder / unquote(name)


def _asked(deck: Deck, name: str, suffix: str) -> Iterator[str]:
    """Name the style sheets or scripts that front matter asks for: a list, or names with commas between."""
    given = deck.setting(name)
    for each in given if isinstance(given, list) else str(given or "").split(","):
        file = str(each).strip()
        # Files of other hosts are left out: a deck asks nobody.
        if file.endswith(suffix) and "//" not in file:
            yield file


def copy_assets(folder: Path) -> None:
    """Copy what every deck needs: style, script, fonts and reveal.js. Several decks can share one copy."""
    (folder / "vendor").mkdir(parents=True, exist_ok=True)
    for name in (*OWN_FILES, *(f"vendor/{name}" for name in VENDOR_FILES)):
        if not (ASSETS / name).is_file():
            raise AsrunError(
                f"The browser file {name} is missing.",
                where=Where(str(ASSETS)),
                remedy="Install asrun again: its wheel carries these files; `pip install -e .` fetches them with npm.",
            )
        shutil.copyfile(ASSETS / name, folder / name)


class _Drawing:
    """The rendering of one deck, which remembers the ids in use on the page, and what it found on slides."""

    def __init__(self, deck: Deck, convert: Convert, nowhere: str) -> None:
        self.deck, self.convert, self.nowhere = deck, convert, nowhere
        self.ids: set[str] = set()
        self.count = 0
        self.heading = ""
        """The first of all."""
        self.asks = False
        """Whether there are questions to readers."""

    def stack(self, stack: Stack) -> str:
        slides = [self.slide(slide) for slide in stack]
        # reveal.js adds the class too, but only after deck.js has measured the slides.
        return slides[0] if len(slides) == 1 else '<section class="stack">\n' + "\n".join(slides) + "\n</section>"

    def slide(self, slide: Slide) -> str:
        self.count += 1
        tree = self.tree(slide.source, slide.line)
        shown = written(tree)
        notes = written(self.tree(slide.notes, slide.notes_line)) if slide.notes else ""
        attributes, ground = asking_ground(slide.attributes)
        if _is_lead(tree, short=self.count == 1 and len(shown) < 600):
            attributes["class"] = f"{attributes.get('class', '')} lead".strip()
        spoken = f'\n<aside class="notes">\n{notes}\n</aside>' if notes else ""
        return f"{start_tag('section', attributes)}\n{shown}{ground}{spoken}\n</section>"

    def tree(self, source: str, line: int) -> Node:
        """Convert Markdown, read what it came to once, and edit that."""
        # A fence in a comment is none, and is left open.
        bare = "\n".join(without_long_comments(source.split("\n")))
        source += closed_fences(bare).removeprefix(bare)
        slide = read_fragment(self.convert(mark_steps(source, self.deck.path, line), line))
        without_empty_names(slide)
        element_comments(slide)
        draw_steps(slide)
        asking(slide)
        own_ids(slide, self.ids, f"-s{self.count}")
        if self.nowhere:
            unlinked(slide, self.nowhere)
        heading = slide.css_first("h1, h2, h3, h4, h5, h6")
        self.heading = self.heading or (" ".join(heading.text().split()) if heading else "")
        self.asks = self.asks or bool(slide.css_first(f".{ASKING}"))
        return slide


def _is_lead(slide: Node, *, short: bool) -> bool:
    """Whether a slide is a title: a heading alone or, at the beginning of the deck, a heading and a few words."""
    names = [each.tag or "" for each in select(slide, "*")[1:]]
    blocks = [name for name in names if name == "p" or re.fullmatch("h[1-6]", name)]
    opens = bool(blocks) and blocks[0] != "p" and set(names) <= _LEAD_TAGS | _UNSEEN
    return opens and ("p" not in blocks or short)


def _options(deck: Deck) -> dict[str, Any]:
    """What the front matter asks of reveal.js: reveal-md's `revealOptions`, mkslides' `revealjs`, and `transition`."""
    options: dict[str, Any] = {}
    if transition := deck.setting("transition"):
        options["transition"] = transition
    for key in ("revealjs", "revealOptions"):
        given = deck.meta.get(key)
        if given is not None and not isinstance(given, dict):
            raise AsrunError(
                f"`{key}` is not a mapping.",
                where=Where(deck.path, 1),
                remedy=f"Write `{key}:` and under it one `key: value` a line.",
            )
        options |= given or {}
    return {str(key): value for key, value in options.items() if key not in ("plugins", "dependencies")}
