"""`asrun reproduce`: run snippets again, and hold what they return against what pages say."""

from __future__ import annotations

import sys
from functools import partial

import click

from asrun.checks import reproduction
from asrun.checks.reading import read_all
from asrun.checks.repetition import check_repeats
from asrun.checks.reproduction import Verdict
from asrun.commands.console import escape, out, progress
from asrun.errors import AsrunError, Exit
from asrun.freshness import conditions
from asrun.freshness.snippet import by_preference, choose_scale, find_snippet, list_snippets
from asrun.model import Record, RunName, Snippet
from asrun.options import DEVICE_CLASSES
from asrun.pages.blocks.vocabulary import count
from asrun.pages.context import Context
from asrun.project import Project, find_project
from asrun.records.store import Store
from asrun.running import snippets as runner
from asrun.values.formats import format_seconds, plural

__all__ = ["reproduce"]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--scale", help="Which of the snippet's SCALES; by default the cheapest that it has.")
@click.option(
    "--device",
    type=click.Choice(DEVICE_CLASSES),
    help="Which record, and where to run; by default on a GPU if there is one and the snippet's NEEDS ask for it.",
)
@click.option("--repeat", is_flag=True, help="Run each twice instead, and compare every bit: needs no record.")
def reproduce(names: tuple[str, ...], scale: str | None, device: str | None, repeat: bool) -> None:
    """Run snippets again, and tell whether what pages say of their records holds of the new numbers.

    A run reproduces its record when it returns the same names, shapes, words and whole numbers, when every claim and
    question that rests on the record comes out the same, and when every number on a page agrees as it is read. What
    nobody cites is told. With --repeat, two runs on this machine are equal bit for bit, or it says where they differ.
    Records are never replaced.

    \b
      asrun reproduce drop_rate                  the cheapest scale
      asrun reproduce drop_rate --scale full     the scale that the pages show
      asrun reproduce --repeat                   does any snippet lack a seed?
    """  # noqa: D301 (click wants the character itself)
    project = find_project()
    snippets = [find_snippet(name, project) for name in names] if names else list_snippets(project)
    context = Context(project, allow_stale=True)
    chosen = [(snippet, _run(snippet, scale, device, context.store, project)) for snippet in snippets]
    pages = [] if repeat else read_all(context)
    failed = 0
    with progress() as tell:
        for snippet, run in chosen:
            listener = partial(tell, str(run))
            try:
                if repeat:
                    check_repeats(project, snippet, run.scale, run.device, listener)
                    out.print(f"[green]repeats[/]     {run}")
                else:
                    known = _known(context.store, run)
                    listener(f"starts; the recorded run took {format_seconds(known.provenance.seconds)}")
                    made = runner.run_snippet(project, snippet, run.scale, run.device, listener)
                    if snippet.plots:
                        made = runner.redraw(project, snippet, made, listener)
                    verdict = reproduction.compare(context, snippet, known, made, pages)
                    _tell(verdict, known, context.store.best(snippet.name, among=by_preference(snippet, project)))
                    failed += not verdict.reproduces
            except AsrunError as error:
                failed += 1
                out.print(f"[red]fails[/]       {run}")
                out.print(_indented(str(error)), markup=False)
            finally:
                tell(str(run), "")
    sys.exit(Exit.FAILED if failed else Exit.OK)


def _run(snippet: Snippet, scale: str | None, device: str | None, store: Store, project: Project) -> RunName:
    """Decide which run is done again."""
    scale = choose_scale(snippet, scale, project)
    recorded = [each for each in project.devices if store.get(RunName(snippet.name, scale, each))]
    # A record that there is says more than a GPU that there is.
    wanted = device or (recorded[0] if len(recorded) == 1 else None)
    return RunName(snippet.name, scale, runner.choose_device(snippet, wanted))


def _known(store: Store, run: RunName) -> Record:
    known = store.get(run)
    if known is None:
        raise AsrunError(
            f"{run} has no record to reproduce",
            remedy=f"make it: asrun run {run.snippet} --scale {run.scale}; or see whether two runs are equal: "
            f"asrun reproduce {run.snippet} --scale {run.scale} --repeat",
        )
    return known


def _tell(verdict: Verdict, known: Record, shown: Record | None) -> None:
    """Print what came of one run.

    Arguments:
        verdict: What came of it.
        known: The record that it was held against.
        shown: The record that pages show.
    """
    run = verdict.run
    if verdict.reproduces:
        held = ", ".join(count(number, kind) for kind, number in sorted(verdict.held.items()))
        nobody = "nothing on a page rests on it"
        if shown and shown.run != run:
            nobody += f": pages show scale {shown.run.scale} on {shown.run.device}"
        out.print(f"[green]reproduces[/]  {run}  {escape(held + ' hold' if held else nobody)}")
    else:
        out.print(f"[red]differs[/]     {run}")
        for error in verdict.wrong:
            out.print(_indented(str(error)), markup=False)
        other = conditions.other_versions(known)
        out.print(_indented("; ".join([f"the record was made on {known.provenance.device}", *other])), markup=False)
    if verdict.told:
        out.print(f"    {plural(len(verdict.told), 'value')} that nobody cites differ:", markup=False)
        for told in verdict.told:
            out.print(f"        {told}", markup=False)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
