"""`asrun pdf`: one Markdown file to a PDF of its slides, or to a handout."""

from __future__ import annotations

from pathlib import Path

import click

from asrun.commands.console import err, out
from asrun.commands.deck import FILE, one_file, one_name
from asrun.errors import AsrunError
from asrun.model import Where
from asrun.values.formats import plural

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
@click.option("--overwrite", is_flag=True, help="Write also over a file that asrun did not print.")
@click.option("--handout", is_flag=True, help="A4 pages: the slide above, its notes beneath.")
def pdf(files: tuple[Path, ...], output: Path | None, fragments: str, overwrite: bool, handout: bool) -> None:
    """Print the slides of DECK, a Markdown file, to a PDF: a page a slide, with text, links, outline and tags.

    The same deck gives the same file, byte for byte. It needs Chromium and `pip install "asrun[pdf]"`.
    """
    from asrun.decks.alone import render_lone
    from asrun.decks.browser import started
    from asrun.decks.pdf import print_lone
    from asrun.pages.elements import pdf_names
    from asrun.publishing.outfile import write_out

    steps = fragments == "steps"
    if handout and steps:
        raise click.UsageError("A handout has one page for each slide: leave out --fragments steps, or --handout.")
    one_file(files, {"-o": output})
    one_name(files)
    targets = {file: output or Path(pdf_names(file.stem)[handout]) for file in files}
    for file, target in targets.items():
        _check(file, target, overwrite)
    with started() as browser:
        for file in files:
            lone = render_lone(file)
            printed = print_lone(browser, lone, file.parent, steps=steps, handout=handout)
            for each in [*lone.told, *printed.told]:
                err.print(str(each), markup=False)
            target = targets[file]
            try:
                write_out(target, printed.pdf)
            except OSError as error:
                raise AsrunError(f"the PDF cannot be written ({error})", where=Where(str(target))) from error
            out.print(f"{plural(printed.slides, 'step' if steps else 'slide')} in {target}", markup=False)


def _check(file: Path, target: Path, overwrite: bool) -> None:
    """Refuse to print over the deck itself, or over what asrun did not print."""
    from asrun.decks.pdf import is_own
    from asrun.publishing.outfile import check_free

    if target.exists() and target.samefile(file):
        raise AsrunError("this is the deck itself", where=Where(str(target)), remedy="name another file with -o")
    remedy = "name another file with -o, or add --overwrite if nobody needs this one"
    check_free(target, str(target), "a PDF", lambda path: overwrite or is_own(path), remedy)
