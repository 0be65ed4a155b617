"""`asrun deck`: one Markdown file to a folder that shows it."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from asrun.commands.build import require_mkdocs
from asrun.commands.console import err, out, progress
from asrun.errors import AsrunError, Problems
from asrun.values.formats import plural

__all__ = ["FILE", "deck", "one_file", "one_name"]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("files", metavar="FILE.md...", nargs=-1, required=True, type=FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write; by default one called like the file, where you are.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open it in a browser.")
@click.option("--watch", is_flag=True, help="Serve it, and follow every edit until interrupted.")
@click.option("--port", default=8000, show_default=True, help="Where on this machine --watch serves.")
@click.option("--check", is_flag=True, help="Write nothing: look at every slide in a browser, on three screens.")
def deck(files: tuple[Path, ...], output: Path | None, open_browser: bool, watch: bool, port: int, check: bool) -> None:
    """Make a slide deck of FILE.md: a folder that works from a disk, a USB stick or a server, and asks no network.

    The dialect is that of reveal.js, reveal-md and mkslides: `---` between slides, `--` or `----` between vertical
    ones, `Note:` before what only the speaker sees. In a project the deck may cite its records, as pages do.

    With --check nothing is written: every slide is shown in Chromium on a wide, an old and a telephone's screen, and
    those that overflow or are too small to be read are told with their line. It needs `pip install "asrun[pdf]"`.
    """
    if check:
        _check(files)
        return
    one_file(files, {"-o": output, "--open": open_browser, "--watch": watch})
    one_name(files)
    if watch:
        require_mkdocs()
    for file in files:
        _make(file, output or Path(file.stem))
    folder = output or Path(files[0].stem)
    if watch:
        from asrun.site import build as building

        source = files[0].parent
        building.serve_folder(folder, lambda: _make(files[0], folder), [source], port, open_browser=open_browser)
    elif open_browser:
        webbrowser.open((folder / "index.html").resolve().as_uri())


def one_file(files: tuple[Path, ...], options: dict[str, object]) -> None:
    """Refuse options that are about one file where there are several."""
    asked = [name for name, value in options.items() if value]
    if asked and len(files) > 1:
        raise click.UsageError(f"{asked[0]} is for one file, and there are {len(files)}: name one, or leave it out.")


def one_name(files: tuple[Path, ...]) -> None:
    """Refuse two files that would be made into the same."""
    stems = [file.stem for file in files]
    if twice := [stem for stem in stems if stems.count(stem) > 1]:
        raise click.UsageError(f"Two of these files are called {twice[0]}: make each by itself, and name it with -o.")


def _make(file: Path, folder: Path) -> None:
    from asrun.decks.alone import render_lone, write_lone

    lone = render_lone(file)
    write_lone(lone, folder, file.parent)
    for each in lone.told:
        err.print(str(each), markup=False)
    out.print(f"{plural(lone.deck.count, 'slide')} in {folder / 'index.html'}", markup=False)


def _check(files: tuple[Path, ...]) -> None:
    from asrun.decks.alone import render_lone
    from asrun.decks.browser import started
    from asrun.decks.legible import SCREENS, check_lone

    problems: list[AsrunError] = []
    count = 0
    with started() as browser, progress() as tell:
        for file in files:
            tell(str(file), "looking at every slide")
            lone = render_lone(file)
            problems += check_lone(browser, lone, file.parent)
            count += lone.deck.count
            tell(str(file), "")
    if problems:
        raise Problems(problems)
    screens = ", ".join(screen.name for screen in SCREENS)
    out.print(f"{plural(count, 'slide')} fit and can be read: {screens}.", markup=False)
