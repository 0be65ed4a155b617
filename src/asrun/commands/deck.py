"""`asrun deck`: one Markdown file to a folder that shows it."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from asrun.commands.console import err, out
from asrun.formats import plural

__all__ = ["deck"]


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write; by default one called like the file, where you are.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open it in a browser.")
@click.option("--watch", is_flag=True, help="Serve it, and follow every edit until interrupted.")
@click.option("--port", default=8000, show_default=True, help="Where on this machine --watch serves.")
def deck(file: Path, output: Path | None, open_browser: bool, watch: bool, port: int) -> None:
    """Make a slide deck of FILE.md: a folder that works from a disk, a USB stick or a server, and asks no network.

    The dialect is that of reveal.js, reveal-md and mkslides: `---` between slides, `--` or `----` between vertical
    ones, `Note:` before what only the speaker sees. In a project the deck may cite its records, as pages do.
    """
    from asrun.lone_deck import render_lone, write_lone

    folder = output or Path(file.stem)

    def make() -> None:
        lone = render_lone(file)
        write_lone(lone, folder, file.parent)
        for each in lone.told:
            err.print(str(each), markup=False)
        slides = sum(len(stack) for stack in lone.deck.slides)
        out.print(f"{plural(slides, 'slide')} in {folder / 'index.html'}", markup=False)

    make()
    if watch:
        from asrun import build as building

        building.serve_folder(folder, make, [file.parent], port, open_browser=open_browser)
    elif open_browser:
        webbrowser.open((folder / "index.html").resolve().as_uri())
