"""`asrun run`: run snippets and notebooks, and record them."""

from __future__ import annotations

from functools import partial

import click

from asrun import freshness, runner
from asrun.commands.console import cost, out, progress
from asrun.errors import AsrunError
from asrun.model import RunName, Snippet, State
from asrun.project import Project, find_project
from asrun.snippet import find_snippet, list_snippets
from asrun.store import Store

__all__ = ["run"]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--scale", help="Which of the snippet's SCALES; by default the cheapest that it has.")
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    help="Where to run; by default on a GPU if there is one and the snippet's NEEDS ask for it.",
)
@click.option("--rerun", is_flag=True, help="Run even what is fresh.")
@click.option("--redraw", is_flag=True, help="Only draw the figures anew, from the recorded values.")
@click.option("--labs", is_flag=True, help="Execute the notebooks that are not fresh, too.")
def run(names: tuple[str, ...], scale: str | None, device: str | None, rerun: bool, redraw: bool, labs: bool) -> None:
    """Run snippets and record what they measure (all snippets, when none is named).

    A record that is fresh is left as it is. Progress is shown while a snippet runs; Ctrl-C ends the run that is going
    on and keeps every record that was finished.
    """
    project = find_project()
    store = Store(project)
    snippets = [find_snippet(name, project) for name in names] if names else list_snippets(project)
    if not (labs and not names):
        for snippet in snippets:
            _run_one(project, store, snippet, scale, device, rerun=rerun, redraw=redraw)
    if labs:
        _run_labs(project, rerun=rerun)


def _run_one(
    project: Project,
    store: Store,
    snippet: Snippet,
    scale: str | None,
    device: str | None,
    *,
    rerun: bool,
    redraw: bool,
) -> None:
    from asrun import build as building

    scale = scale or freshness.cheapest_scale(snippet, project)
    if scale not in snippet.scales:
        raise AsrunError(f"{snippet.name} has no scale {scale}", remedy=f"its SCALES are: {', '.join(snippet.scales)}")
    name = RunName(snippet.name, scale, runner.choose_device(snippet, device))
    condition = freshness.run_condition(project, snippet, name, store)
    record = store.get(name)
    with progress() as tell:
        if redraw or (condition.state is State.FRESH and not rerun):
            if record is None:
                raise AsrunError(
                    f"{name} has no record to draw", remedy=f"run it: asrun run {snippet.name} --scale {scale}"
                )
            drawing = freshness.drawing_condition(project, snippet, record)
            if not redraw and drawing.state is State.FRESH:
                out.print(f"[green]fresh[/]   {name}  ({cost(record)}; --rerun to run it all the same)")
                return
            building.draw(project, store, snippet, record, tell)
            out.print(f"[green]drawn[/]   {name}")
            return
        record = building.make_record(project, store, snippet, scale, name.device, tell)
    out.print(f"[green]ran[/]     {name}  {cost(record)} -> {project.relative(store.path(record.run))}")


def _run_labs(project: Project, *, rerun: bool) -> None:
    from asrun import notebook

    for path in notebook.list_notebooks(project):
        shown, condition = project.relative(path), notebook.condition(project, path)
        if condition.state is State.FRESH and not rerun:
            out.print(f"[green]fresh[/]   {shown}")
            continue
        with progress() as tell:
            notebook.execute(project, path, partial(tell, shown))
        out.print(f"[green]ran[/]     {shown}")
