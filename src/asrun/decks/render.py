"""Renders a deck to one HTML page, and writes the folder that shows it, from a server or a disk, asking no network."""

from __future__ import annotations

import html
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
from asrun.text.offsite import asking, asking_ground, without_imports
from asrun.text.steps import draw_steps, mark_steps
from asrun.text.tags import balanced, element_comments, own_ids, read_tags, with_attributes

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

_HEADING = re.compile(r"<h[1-6]\b[^>]*>(.*?)</h[1-6]>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_LEAD_TAGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "a", "em", "strong", "br", "small", "sup", "sub"})
_LINE_ANCHOR = re.compile(r'<a id="__codelineno[^>]*></a>')
"""Where a page's lines of code can be linked to; on a slide they are links without a name that keys run into."""
_EMPTY_HEAD = re.compile(r"<th( [^>]*)?>\s*</th>")
"""The corner of a table, which heads nothing."""
_ROOTED = re.compile(r"""\s(?:src|poster|data-background-(?:image|video))=["'](/[^/"'?#][^"'?#]*)""")
_URL = re.compile(r"""url\(\s*["']?(?![a-z][\w+.-]*:|[/#])([^"')?#]+)""")
_LOCAL = re.compile(r"""\s(?:src|data-src|poster)=["'](?![a-z][\w+.-]*:|[/#])([^"'?#]+)""")
_LOCAL_NAME = re.compile(r"(?![a-z][\w+.-]*:|[/#])[^?#]+\.\w{2,5}$", re.IGNORECASE)
_GROUNDS = re.compile(r"""\sdata-background(?:-image|-video)?=["']([^"']+)""")
_STYLED = re.compile(r"""<style\b[^>]*>.*?</style\s*>|\sstyle=(?:"[^"]*"|'[^']*')""", re.IGNORECASE | re.DOTALL)


def render_deck(
    deck: Deck, convert: Convert, *, assets: str = "assets", site_root: str | None = None, lesson: str | None = None
) -> str:
    """The page of a deck.

    Arguments:
        deck: What to show.
        convert: Renders Markdown. For stepped code it needs superfences and attr_list.
        assets: Where the page finds the files of `copy_assets`, as a URL relative to it.
        site_root: URL of the site that the deck belongs to, if any.
        lesson: URL of the lesson that the deck goes with, if any.
    """
    drawing = _Drawing(deck, convert)
    stacks = "\n".join(drawing.stack(stack) for stack in deck.slides)
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("deck.html").render(
        title=str(deck.setting("title") or _first_heading(stacks) or Path(deck.path).stem),
        language=str(deck.setting("lang", "language") or "en"),
        theme=_THEMES.get(str(deck.setting("theme")).lower(), ""),
        # A script element ends at the first `</script`, wherever it stands.
        options=json.dumps(_options(deck), default=str, ensure_ascii=False).replace("<", "\\u003c"),
        slides=stacks,
        asks=bool(re.search(rf'class="[^"]*\b{ASKING}"', stacks)),
        assets=assets.rstrip("/"),
        styles=list(_asked(deck, "css", ".css")),
        scripts=list(_asked(deck, "scripts", ".js")),
        site_root=site_root,
        lesson=lesson,
    )


def deck_title(page: str) -> str:
    """What the page of a deck is called."""
    found = _TITLE.search(page)
    return html.unescape(found[1]) if found else ""


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
    for name in sorted(_files(deck, page)):
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
    rooted = {html.unescape(name) for name in _ROOTED.findall(page)}
    return sorted(name for name in _files(deck, page) | rooted if not _find(source, name.lstrip("/")).is_file())


def _files(deck: Deck, page: str) -> set[str]:
    """Name the files beside the deck that its page needs."""
    named = [html.unescape(name) for name in _LOCAL.findall(page)]
    for grounds in _GROUNDS.findall(page):
        named += [name.strip() for name in html.unescape(grounds).split(",") if _LOCAL_NAME.match(name.strip())]
    named += [name for style in _STYLED.findall(page) for name in _URL.findall(html.unescape(style))]
    asked = {*_asked(deck, "css", ".css"), *_asked(deck, "scripts", ".js")}
    return asked | {name for name in named if not name.startswith("assets/")}


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
    """The rendering of one deck, which remembers the ids in use on the page."""

    def __init__(self, deck: Deck, convert: Convert) -> None:
        self.deck, self.convert = deck, convert
        self.ids: set[str] = set()
        self.count = 0

    def stack(self, stack: Stack) -> str:
        slides = [self.slide(slide) for slide in stack]
        # reveal.js adds the class too, but only after deck.js has measured the slides.
        return slides[0] if len(slides) == 1 else '<section class="stack">\n' + "\n".join(slides) + "\n</section>"

    def slide(self, slide: Slide) -> str:
        self.count += 1
        shown = self.html(slide.source, slide.line)
        notes = self.html(slide.notes, slide.notes_line) if slide.notes else ""
        attributes, ground = asking_ground(slide.attributes)
        if _is_lead(shown, first=self.count == 1):
            attributes["class"] = f"{attributes.get('class', '')} lead".strip()
        opening = with_attributes("<section>", attributes)
        spoken = f'\n<aside class="notes">\n{notes}\n</aside>' if notes else ""
        return f"{opening}\n{shown}{ground}{spoken}\n</section>"

    def html(self, source: str, line: int) -> str:
        # A fence in a comment is none, and is left open.
        bare = "\n".join(without_long_comments(source.split("\n")))
        source += closed_fences(bare).removeprefix(bare)
        rendered = self.convert(mark_steps(source, self.deck.path, line), line)
        rendered = _EMPTY_HEAD.sub(r"<td\1></td>", _LINE_ANCHOR.sub("", rendered))
        rendered = balanced(asking(draw_steps(element_comments(rendered))))
        return own_ids(rendered, self.ids, f"-s{self.count}")


def _is_lead(shown: str, *, first: bool) -> bool:
    """Whether a slide is a title: a heading alone or, at the beginning of the deck, a heading and a few words."""
    names = [tag.name for tag in read_tags(shown) if tag.kind == "start"]
    blocks = [name for name in names if name == "p" or re.fullmatch("h[1-6]", name)]
    opens = bool(blocks) and blocks[0] != "p" and set(names) <= _LEAD_TAGS
    return opens and ("p" not in blocks or (first and len(shown) < 600))


def _first_heading(page: str) -> str:
    found = _HEADING.search(page)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", found[1])).split()) if found else ""


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
