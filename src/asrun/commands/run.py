"""`asrun run`: run snippets and notebooks, and record them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path

import click

from asrun.commands.console import cost, err, escape, out, progress
from asrun.errors import AsrunError, Problems
from asrun.executors.local import ThisMachine, each
from asrun.executors.protocol import Done, Executor, Job
from asrun.executors.registry import opened
from asrun.freshness import conditions
from asrun.freshness.snippet import choose_scale, find_snippet, survey
from asrun.model import Record, RunName, Snippet, State
from asrun.options import DEVICE_CLASSES
from asrun.project import Project, find_project
from asrun.records.store import Store
from asrun.remote.bundle import check_bundle, pack
from asrun.running import recording
from asrun.running.follow import Telling
from asrun.values.formats import plural

__all__ = ["run"]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--scale", help="Which of the snippet's SCALES; by default the cheapest that it has.")
@click.option(
    "--device",
    type=click.Choice(DEVICE_CLASSES),
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
    help="Run elsewhere: on a Ray cluster, ray://HOST:10001 from anywhere, HOST:6379 or auto on one of its nodes; or "
    "at SCHEME://…, where a package offers that.",
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
        with opened(on) if on else nullcontext(ThisMachine(jobs)) as place, progress() as tell:
            chosen = []
            for snippet in snippets:
                try:
                    chosen.append(_chosen(project, store, place, snippet, scale, device))
                except AsrunError as error:
                    if names:
                        raise
                    broken.append(error)
            # Named twice, it is run once.
            chosen = list({job.run: job for job in chosen}.values())
            broken = [*_all(project, store, place, chosen, tell, jobs, rerun=rerun, redraw=redraw), *broken]
        if broken:
            raise broken[0] if len(broken) == 1 else Problems(broken)
        if bundle:
            pack(project, store, [job.run for job in chosen], bundle)
            out.print(f"[green]packed[/]  {plural(len(chosen), 'record')} -> {bundle}")
    if labs:
        _run_labs(project, rerun=rerun)


def _chosen(
    project: Project, store: Store, place: Executor, snippet: Snippet, scale: str | None, device: str | None
) -> Job:
    """Decide at which scale and on which device a snippet is run."""
    scale = choose_scale(snippet, scale, project)
    records = {each: store.get(RunName(snippet.name, scale, each)) for each in project.devices}
    took = {each: record.provenance.seconds for each, record in records.items() if record}
    device = place.choose_device(snippet, device, took)
    return Job(snippet, RunName(snippet.name, scale, device), took.get(device))


def _all(
    project: Project,
    store: Store,
    place: Executor,
    jobs: Sequence[Job],
    tell: Telling,
    at_once: int,
    *,
    rerun: bool,
    redraw: bool,
) -> list[AsrunError]:
    """Do what is to be done for each job: nothing, its drawing here, or its run there; a failure leaves the others.

    Returns:
        What went wrong, in the order of the jobs.
    """
    wrong: dict[RunName, AsrunError] = {}
    to_draw, to_run = [], []
    for job in jobs:
        try:
            match _what_to_do(project, store, job, rerun=rerun, redraw=redraw):
                case "draw":
                    to_draw.append(job)
                case "run":
                    to_run.append(job)
        except AsrunError as error:
            wrong[job.run] = error

    def outcomes() -> Generator[Done, None, None]:
        yield from each(partial(_draw, project, store, tell), to_draw, min(at_once, len(to_draw)))
        if to_run:
            yield from place.run(project, store, to_run, tell, partial(err.print, markup=False))

    stopped = []
    # Closed here, so that an interruption ends what goes on there while the place is ready.
    with closing(outcomes()) as came:
        try:
            for done in came:
                if isinstance(done.outcome, AsrunError):
                    wrong[done.job.run] = done.outcome
                elif done.job in to_draw:
                    out.print(f"[green]drawn[/]   {done.job.run}")
                else:
                    _tell_ran(project, store, done.job, done.outcome)
        except AsrunError as error:
            stopped.append(error)
    told = [*(wrong[job.run] for job in jobs if job.run in wrong), *stopped]
    return [one for error in told for one in (error.errors if isinstance(error, Problems) else [error])]


def _what_to_do(project: Project, store: Store, job: Job, *, rerun: bool, redraw: bool) -> str:
    """Return "run" or "draw"; or an empty text, after telling that all is fresh."""
    condition, record = conditions.run_condition(project, job.snippet, job.run, store), store.get(job.run)
    if not redraw and (rerun or condition.state is not State.FRESH):
        return "run"
    if record is None:
        raise AsrunError(
            f"{job.run} has no record to draw", remedy=f"run it: asrun run {job.run.snippet} --scale {job.run.scale}"
        )
    if redraw or conditions.drawing_condition(project, job.snippet, record).state is not State.FRESH:
        return "draw"
    out.print(f"[green]fresh[/]   {job.run}  ({cost(record)}; --rerun to run it all the same)")
    return ""


def _draw(project: Project, store: Store, tell: Telling, job: Job) -> Record:
    record = store.get(job.run)
    assert record, "whoever asks has seen it"
    return recording.draw(project, store, job.snippet, record, tell)


def _tell_ran(project: Project, store: Store, job: Job, record: Record) -> None:
    out.print(f"[green]ran[/]     {job.run}  {cost(record)} -> {project.relative(store.path(job.run))}")
    _remark(record)
    before, now = job.took or 0.0, record.provenance.seconds
    if before and now > max(_SLOW * before, before + 5):
        out.print(f"[yellow]slow[/]    {job.run}  took {now / before:.1f} times as long as the last time")


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
