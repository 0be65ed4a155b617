"""The `asrun` command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from asrun import __version__, freshness, runner
from asrun.errors import AsrunError, Exit
from asrun.formats import format_seconds, plural
from asrun.model import Condition, RunName, Snippet, State
from asrun.project import Project, find_project
from asrun.snippet import find_snippet, list_snippets
from asrun.store import Store

__all__ = ["main"]

# Piped output is for programs and logs: nothing is folded there.
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True, highlight=False, soft_wrap=True)

COLOURS = {
    State.FRESH: "green",
    State.MISSING: "yellow",
    State.STALE: "yellow",
    State.FAILED: "red",
    State.UNUSED: "dim",
}


class _Group(click.Group):
    """Prints the errors that an author can cause as sentences, and documents the exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AsrunError as error:
            err.print(f"asrun: {error}", markup=False, style="red" if err.is_terminal else None)
            sys.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            err.print("\nasrun: interrupted; every record that was finished is kept")
            sys.exit(Exit.INTERRUPTED)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all is well; 1 a run, check or build failed; 2 the command line was not understood; "
    "3 records are not fresh; 130 interrupted.",
)
@click.version_option(__version__, prog_name="asrun")
def main() -> None:
    r"""Build sites and slide decks whose figures, numbers and claims come from recorded runs.

    A snippet (snippets/NAME.py) answers one question by running. Its record (snippets/records/NAME/) holds the values
    and figures of its last run, and what decided them. Pages and decks cite records by name.

    \b
      asrun status               what is recorded, and whether it is still true
      asrun run NAME             run one snippet, and record it
      asrun why NAME             why a record is fresh or stale
      asrun build                run what is not fresh, check every page, publish to site/
      asrun serve                preview while writing; never trains anything
    """


@contextmanager
def _progress() -> Iterator[Any]:
    """Show the latest news of whatever is running, on one line that is rewritten."""
    if not err.is_terminal:
        yield lambda name, text: None
        return
    with Status("", console=err, spinner="dots") as status:
        yield lambda name, text: status.update(f"{name}  {_clip(text)}")


def _clip(text: str) -> str:
    width = max(20, err.width - 40)
    return escape(text[:width])


@main.command()
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
    with _progress() as tell:
        if redraw or (condition.state is State.FRESH and not rerun):
            if record is None:
                raise AsrunError(
                    f"{name} has no record to draw", remedy=f"run it: asrun run {snippet.name} --scale {scale}"
                )
            drawing = freshness.drawing_condition(project, snippet, record)
            if not redraw and drawing.state is State.FRESH:
                out.print(f"[green]fresh[/]   {name}  ({_cost(record)}; --rerun to run it all the same)")
                return
            building.draw(project, store, snippet, record, tell)
            out.print(f"[green]drawn[/]   {name}")
            return
        record = building.make_record(project, store, snippet, scale, name.device, tell)
    out.print(f"[green]ran[/]     {name}  {_cost(record)} -> {project.relative(store.path(record.run))}")


def _cost(record: Any) -> str:
    made = record.provenance
    return f"{format_seconds(made.seconds)} on {made.device}, {made.when[:10]}"


def _run_labs(project: Project, *, rerun: bool) -> None:
    from asrun import notebook

    for path in notebook.list_notebooks(project):
        shown, condition = project.relative(path), notebook.condition(project, path)
        if condition.state is State.FRESH and not rerun:
            out.print(f"[green]fresh[/]   {shown}")
            continue
        with _progress() as tell:
            notebook.execute(project, path, partial(tell, shown))
        out.print(f"[green]ran[/]     {shown}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
def status(as_json: bool) -> None:
    """Show every record and its state: fresh, missing, stale, failed or unused.

    Exits with 3 when a record is not fresh, so that a script can ask.
    """
    from asrun import notebook

    project = find_project()
    store = Store(project)
    found = freshness.conditions(project, store, drawn=True)
    labs = {project.relative(path): notebook.condition(project, path) for path in notebook.list_notebooks(project)}
    if as_json:
        rows = [{"snippet": run.snippet, "scale": run.scale, "device": run.device} | _json(condition)
                for run, condition in found.items()]  # fmt: skip
        rows += [{"notebook": path} | _json(condition) for path, condition in labs.items()]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("snippet", "scale", "device", "state", "run", "took", "reason"):
            table.add_column(heading, overflow="fold")
        for name, condition in found.items():
            made = record.provenance if (record := store.get(name)) else None
            when, took = (made.when[:10], format_seconds(made.seconds)) if made else ("", "")
            table.add_row(
                name.snippet, name.scale, name.device, _state(condition), when, took, escape(condition.reason)
            )
        for path, condition in labs.items():
            table.add_row(path, "", "", _state(condition), "", "", escape(condition.reason))
        out.print(table)
    states = [condition.state for condition in (*found.values(), *labs.values())]
    sys.exit(Exit.OK if all(state in (State.FRESH, State.UNUSED) for state in states) else Exit.STALE)


def _state(condition: Condition) -> str:
    return f"[{COLOURS[condition.state]}]{condition.state}[/]"


def _json(condition: Condition) -> dict[str, str]:
    return {"state": str(condition.state), "reason": condition.reason}


@main.command()
@click.argument("name")
def why(name: str) -> None:
    """Say why each record of a snippet is fresh, stale or missing."""
    project = find_project()
    store = Store(project)
    find_snippet(name, project)
    for run_name, condition in freshness.conditions(project, store, drawn=True).items():
        if run_name.snippet != name:
            continue
        out.print(f"{run_name}: {_state(condition)}")
        for reason in filter(None, condition.reason.split("; ")):
            out.print(f"    {reason}", markup=False)
        if record := store.get(run_name):
            made = record.provenance
            versions = ", ".join(f"{package} {version}" for package, version in made.versions.items())
            out.print(f"    recorded {made.when} on {made.device}, in {format_seconds(made.seconds)}", markup=False)
            out.print(f"    with {versions}" + (f", at commit {made.commit}" if made.commit else ""), markup=False)
            depends = [f"{file} ({', '.join(names)})" for file, names in record.code.items()]
            out.print("    depends on " + "; ".join([*depends, *record.files]), markup=False)


@main.command()
@click.option(
    "--run/--no-run",
    "may_run",
    default=True,
    help="With --no-run nothing is executed: records are used as they are, and those that are not fresh are an error.",
)
@click.option("--allow-stale", is_flag=True, help="Show stale records, marked as such on the page.")
def build(may_run: bool, allow_stale: bool) -> None:
    """Run what is not fresh, check every page and deck, and publish to site/.

    All or nothing: the site is rendered aside and swapped in when everything is right. Until then, and whenever
    something is wrong, the last good site stays as it is.
    """
    from asrun import build as building
    from asrun.context import Context

    project = find_project()
    store = Store(project)
    reused, ran = 0, []
    with _progress() as tell:
        for name, condition, seconds in building.bring_up_to_date(project, store, tell, run=may_run):
            if condition.state is State.FRESH:
                reused += 1
                _tell_fresh(name, condition)
            elif condition.state in (State.MISSING, State.STALE) and may_run:
                ran.append((name, seconds))
                out.print(
                    f"[green]ran[/]     {name}"
                    + (f"  {format_seconds(seconds)}" if seconds else "")
                    + f"  ({escape(str(condition))})"
                )
            else:
                out.print(f"[yellow]{condition.state}[/]  {name}  {escape(condition.reason)}")
        tell("checking", "every value, claim and citation")
        cited = building.check(Context(project, allow_stale=allow_stale))
        tell("rendering", "pages and decks")
        site = building.build(project, allow_stale=allow_stale)
    trained = f"ran {plural(len(ran), 'record')}" if ran else "trained nothing"
    out.print(f"Reused {plural(reused, 'record')}, {trained}; checked {cited} values, claims and citations.")
    out.print(f"Open {site / 'index.html'}", markup=False)


def _tell_fresh(name: str, condition: Condition) -> None:
    out.print(f"[green]fresh[/]   {name}" + (f"  ({condition.reason})" if condition.reason else ""))


@main.command()
@click.option("--port", default=8000, show_default=True, help="Where on this machine to serve.")
@click.option("--open", "open_browser", is_flag=True, help="Open a browser.")
def serve(port: int, open_browser: bool) -> None:
    """Preview the site while writing: pages follow every edit, and nothing is ever trained.

    Records that are not fresh are shown and marked; run them with `asrun run`.
    """
    from asrun import build as building

    building.serve(find_project(), port, open_browser=open_browser)


@main.command(name="check")
@click.option("--allow-stale", is_flag=True, help="Accept stale records.")
def check_command(allow_stale: bool) -> None:
    """Check every value, claim and citation of every page and deck, without rendering the site."""
    from asrun import build as building
    from asrun.context import Context

    cited = building.check(Context(find_project(), allow_stale=allow_stale))
    out.print(f"{cited} values, claims and citations hold.")


if __name__ == "__main__":
    main(prog_name="asrun")
