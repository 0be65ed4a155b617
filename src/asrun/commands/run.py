"""`asrun run`: run snippets and notebooks, and record them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from pathlib import Path

import click

from asrun.commands.console import cost, err, escape, out, progress
from asrun.errors import AsrunError, Problems
from asrun.freshness import conditions
from asrun.freshness.snippet import choose_scale, find_snippet, survey
from asrun.model import DEVICES, Record, RunName, Snippet, State
from asrun.project import Project, find_project
from asrun.records.store import Store
from asrun.remote.bundle import check_bundle, pack
from asrun.running import snippets as runner
from asrun.running.interruption import ending_all
from asrun.values.formats import format_seconds, plural

__all__ = ["run"]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--scale", help="Which of the snippet's SCALES; by default the cheapest that it has.")
@click.option(
    "--device",
    type=click.Choice(DEVICES),
    help="Where to run; by default on an NVIDIA GPU if there is one and the snippet's NEEDS ask for it.",
)
@click.option("--rerun", is_flag=True, help="Run even what is fresh.")
@click.option("--redraw", is_flag=True, help="Only draw the figures anew, from the recorded values.")
@click.option("--labs", is_flag=True, help="Execute the notebooks that are not fresh, too.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many runs at once. Cores are shared out among them; on a GPU there is one run at a time.",
)
@click.option(
    "--bundle",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Pack the records of these runs, also those that were fresh, into a file for `asrun adopt` elsewhere.",
)
@click.option(
    "--on",
    metavar="ADDRESS",
    help="Run on a Ray cluster: ray://HOST:10001 from anywhere; HOST:6379, or auto, on one of its nodes.",
)
def run(
    names: tuple[str, ...],
    scale: str | None,
    device: str | None,
    rerun: bool,
    redraw: bool,
    labs: bool,
    jobs: int,
    bundle: Path | None,
    on: str | None,
) -> None:
    """Run snippets and record what they measure (all snippets, when none is named).

    A record that is fresh is left as it is. Progress is shown while a snippet runs; Ctrl-C ends what is going on and
    keeps every record that was finished.
    """
    project = find_project()
    store = Store(project)
    if bundle:
        check_bundle(project, bundle)
    broken: list[AsrunError] = []
    if names:
        snippets = [find_snippet(name, project) for name in names]
    else:
        surveyed = survey(project)
        snippets, broken = list(surveyed.found.values()), list(surveyed.broken.values())
        if not snippets and not broken and not labs:
            out.print(f"There are no snippets yet: write {project.relative(project.snippets)}/NAME.py", markup=False)
    if names or not labs:
        if on:
            runs = _run_there(project, store, snippets, scale, device, on, rerun=rerun)
        else:
            chosen = []
            for snippet in snippets:
                try:
                    chosen.append(_chosen(snippet, scale, device, project, store))
                except AsrunError as error:
                    if names:
                        raise
                    broken.append(error)
            runs = [name for _, name in chosen]
            with progress() as tell:
                one = partial(_run_one, project, store, tell, rerun=rerun, redraw=redraw, at_once=min(jobs, len(runs)))
                try:
                    _all(one, chosen, jobs)
                except AsrunError as error:
                    broken = [*(error.errors if isinstance(error, Problems) else [error]), *broken]
        if broken:
            raise broken[0] if len(broken) == 1 else Problems(broken)
        if bundle:
            pack(project, store, runs, bundle)
            out.print(f"[green]packed[/]  {plural(len(runs), 'record')} -> {bundle}")
    if labs:
        _run_labs(project, rerun=rerun)


def _run_there(
    project: Project,
    store: Store,
    snippets: Sequence[Snippet],
    scale: str | None,
    device: str | None,
    address: str,
    *,
    rerun: bool,
) -> list[RunName]:
    """Run what is not fresh on a cluster."""
    from asrun.remote.cluster import connect, run_on

    runs, jobs = [], []
    with connect(address) as there, progress() as tell:
        for snippet in snippets:
            wanted = choose_scale(snippet, scale, project)
            name = RunName(snippet.name, wanted, there.choose_device(snippet, device))
            runs.append(name)
            if not rerun and conditions.run_condition(project, snippet, name, store).state is State.FRESH:
                _run_one(project, store, tell, snippet, name, rerun=False, redraw=False, at_once=1)
            else:
                jobs.append((snippet, wanted, name.device))
        notice = partial(err.print, markup=False)
        # Closed here, so that an interruption cancels what goes on there while the connection lasts.
        with closing(run_on(there, project, store, jobs, tell, notice)) as records:
            for record in records:
                out.print(
                    f"[green]ran[/]     {record.run}  {cost(record)} -> {project.relative(store.path(record.run))}"
                )
                _remark(record)
    return runs


def _chosen(
    snippet: Snippet, scale: str | None, device: str | None, project: Project, store: Store
) -> tuple[Snippet, RunName]:
    """Decide at which scale and on which device a snippet is run."""
    scale = choose_scale(snippet, scale, project)
    records = {each: store.get(RunName(snippet.name, scale, each)) for each in project.devices}
    took = {each: record.provenance.seconds for each, record in records.items() if record}
    return snippet, RunName(snippet.name, scale, runner.choose_device(snippet, device, took))


def _all(one: Callable[[Snippet, RunName], None], chosen: Sequence[tuple[Snippet, RunName]], jobs: int) -> None:
    """Do one thing for each run, one after the other or several at once; one that fails leaves the others to be done.

    Raises:
        AsrunError: what went wrong, after everything else has ended.
    """
    errors: list[BaseException] = []
    if jobs == 1 or len(chosen) < 2:
        for each in chosen:
            try:
                one(*each)
            except Exception as reason:
                errors.append(reason)
    else:
        with ThreadPoolExecutor(jobs) as pool:
            waiting = [pool.submit(one, *each) for each in chosen]
            try:
                wait(waiting)
            except BaseException:
                with ending_all():
                    pool.shutdown(cancel_futures=True)
                raise
        errors = [error for each in waiting if (error := each.exception())]
    if problems := [error for error in errors if isinstance(error, AsrunError)]:
        raise problems[0] if len(problems) == 1 else Problems(problems)
    if errors:
        raise errors[0]


def _run_one(
    project: Project,
    store: Store,
    tell: Callable[[str, str], None],
    snippet: Snippet,
    name: RunName,
    *,
    rerun: bool,
    redraw: bool,
    at_once: int,
) -> None:
    from asrun.site import build as building

    condition = conditions.run_condition(project, snippet, name, store)
    record = store.get(name)
    try:
        if redraw or (condition.state is State.FRESH and not rerun):
            if record is None:
                raise AsrunError(
                    f"{name} has no record to draw", remedy=f"run it: asrun run {snippet.name} --scale {name.scale}"
                )
            drawing = conditions.drawing_condition(project, snippet, record)
            if not redraw and drawing.state is State.FRESH:
                out.print(f"[green]fresh[/]   {name}  ({cost(record)}; --rerun to run it all the same)")
                return
            building.draw(project, store, snippet, record, tell)
            out.print(f"[green]drawn[/]   {name}")
            return
        tell(
            str(name), f"starts; the last run took {format_seconds(record.provenance.seconds)}" if record else "starts"
        )
        made = building.make_record(project, store, snippet, name.scale, name.device, tell, at_once=at_once)
    finally:
        tell(str(name), "")
        tell(f"{name} figures", "")
    out.print(f"[green]ran[/]     {name}  {cost(made)} -> {project.relative(store.path(made.run))}")
    _remark(made)
    before, now = record.provenance.seconds if record else 0.0, made.provenance.seconds
    if before and now > max(_SLOW * before, before + 5):
        out.print(f"[yellow]slow[/]    {name}  took {now / before:.1f} times as long as the last time")


def _remark(record: Record) -> None:
    """Tell what whoever reads a record should know of its run."""
    for remark in record.remarks:
        out.print(f"[yellow]note[/]    {record.run}  {escape(remark)}")


_SLOW = 2.0
"""A run that takes so many times as long as the last one is remarked on."""


def _run_labs(project: Project, *, rerun: bool) -> None:
    from asrun.running import notebooks

    for path in notebooks.list_notebooks(project):
        shown, condition = project.relative(path), notebooks.condition(project, path)
        if condition.state is State.FRESH and not rerun:
            out.print(f"[green]fresh[/]   {shown}")
            continue
        with progress() as tell:
            notebooks.execute(project, path, partial(tell, shown))
        out.print(f"[green]ran[/]     {shown}")
