"""`asrun pdf`: one Markdown file to a PDF of its slides, or to a handout."""

from __future__ import annotations

from pathlib import Path

import click

from asrun.commands.console import err, out
from asrun.commands.deck import FILE, one_file
from asrun.formats import plural

__all__ = ["pdf"]


@click.command()
@click.argument("files", metavar="DECK...", nargs=-1, required=True, type=FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; by default one called like the deck, where you are.",
)
@click.option(
    "--fragments",
    type=click.Choice(["once", "steps"]),
    default="once",
    show_default=True,
    help="Show what comes bit by bit all at once, or give each step a page of its own.",
)
@click.option("--handout", is_flag=True, help="A4 pages: the slide above, its notes beneath.")
def pdf(files: tuple[Path, ...], output: Path | None, fragments: str, handout: bool) -> None:
    """Print the slides of DECK, a Markdown file, to a PDF: a page a slide, with text, links, outline and tags.

    The same deck gives the same file, byte for byte. It needs Chromium and `pip install "asrun[pdf]"`.
    """
    from asrun.browser import started
    from asrun.elements import pdf_names
    from asrun.lone_deck import render_lone
    from asrun.pdf import print_lone

    steps = fragments == "steps"
    if handout and steps:
        raise click.UsageError("A handout has one page for each slide: leave out --fragments steps, or --handout.")
    one_file(files, {"-o": output})
    with started() as browser:
        for file in files:
            lone = render_lone(file)
            printed = print_lone(browser, lone, file.parent, steps=steps, handout=handout)
            for each in [*lone.told, *printed.told]:
                err.print(str(each), markup=False)
            target = output or Path(pdf_names(file.stem)[handout])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(printed.pdf)
            out.print(f"{plural(printed.slides, 'step' if steps else 'slide')} in {target}", markup=False)
