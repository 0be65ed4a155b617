"""`asrun build`, `serve` and `check`: from pages and records to a site."""

from __future__ import annotations

from importlib.util import find_spec

import click

from asrun.commands.console import escape, out, progress
from asrun.errors import AsrunError, Problems
from asrun.model import Condition, State
from asrun.project import Project, find_project
from asrun.records.store import Store
from asrun.values.formats import format_seconds, plural

__all__ = ["build", "check", "require_mkdocs", "serve"]

_UNTRUSTED = (
    "For a project of somebody else's: refuse it when anything in mkdocs.yml would run its code (hooks, unknown "
    "plugins and Markdown extensions, themes and templates of its own, Python's tags), and links that lead out of it."
)


@click.command()
@click.option(
    "--run/--no-run",
    "may_run",
    default=True,
    help="With --no-run no snippet and no notebook is executed: records are used as they are, and those that are not "
    "fresh are an error. MkDocs still runs the hooks, plugins and themes that mkdocs.yml names.",
)
@click.option("--untrusted", is_flag=True, help=_UNTRUSTED + " Implies --no-run.")
@click.option("--allow-stale", is_flag=True, help="Show stale records, marked as such on the page.")
@click.option("--pdf", is_flag=True, help='Print the decks and their handouts too; needs Chromium and "asrun[pdf]".')
@click.option("--beside", is_flag=True, help="Publish also to a folder with files that asrun did not make; they stay.")
def build(may_run: bool, untrusted: bool, allow_stale: bool, pdf: bool, beside: bool) -> None:
    """Run what is not fresh, check every page and deck, and publish to site/.

    All or nothing: the site is rendered aside and swapped in when everything is right. Until then, and whenever
    something is wrong, the last good site stays as it is. What is in its folder and did not come from asrun stays, too.
    """
    from asrun.checks.hosts import who_is_asked
    from asrun.freshness.key import sources
    from asrun.pages.context import Context
    from asrun.site import build as building

    project = find_project()
    if untrusted:
        if pdf:
            raise click.UsageError("--untrusted and --pdf: a browser that prints a deck runs its scripts")
        _refuse(project)
        may_run = False
    store = Store(project)
    require_mkdocs()
    building.prepare(project, beside=beside)
    if pdf:
        _require_browser()
    reused, ran = 0, []
    read = sources(project)
    with progress() as tell:
        for name, condition, seconds in building.bring_up_to_date(project, store, tell, run=may_run, read=read):
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
        tell("checking and rendering", "pages and decks")
        # Whoever waited for a run may have gone on writing.
        context = Context(project, allow_stale=allow_stale, store=store, read=None if ran else read)
        context.pdf = pdf
        site, cited = building.build(
            context, beside=beside, notice=lambda text: out.print(f"[yellow]note[/]    {escape(text)}")
        )
    for asked in who_is_asked(context.hosts):
        out.print(f"[yellow]note[/]    {escape(asked)}")
    trained = f"ran {plural(len(ran), 'record')}" if ran else "trained nothing"
    out.print(f"Reused {plural(reused, 'record')}, {trained}; checked {cited} values, claims and citations.")
    if (start := site / "index.html").is_file():
        out.print(f"Open {start}", markup=False)
    else:
        out.print(
            f"The site in {site} has no first page: write {project.relative(project.docs / 'index.md')}", markup=False
        )


def require_mkdocs() -> None:
    """Find out that MkDocs is not there before anything is run, and without loading it."""
    if find_spec("mkdocs") is None:
        raise AsrunError(
            "MkDocs, which makes the pages, is not installed", remedy='install it: pip install "asrun[site]"'
        )


def _refuse(project: Project) -> None:
    from asrun.checks.untrusted import refuse_code

    refuse_code(project)


def _require_browser() -> None:
    """Find out that there is no browser before hours of runs, and not after them."""
    from asrun.decks.browser import started

    with started():
        pass


def _tell_fresh(name: str, condition: Condition) -> None:
    out.print(f"[green]fresh[/]   {name}" + (f"  ({condition.reason})" if condition.reason else ""))


@click.command()
@click.option("--port", default=8000, show_default=True, help="Where on this machine to serve.")
@click.option("--open", "open_browser", is_flag=True, help="Open a browser.")
def serve(port: int, open_browser: bool) -> None:
    """Preview the site while writing: pages follow every edit, and nothing is ever trained.

    Records that are not fresh are shown and marked; run them with `asrun run`.
    """
    from asrun.site import build as building

    project = find_project()
    require_mkdocs()
    building.serve(project, port, open_browser=open_browser)


@click.command()
@click.option("--allow-stale", is_flag=True, help="Accept stale records.")
@click.option("--untrusted", is_flag=True, help=_UNTRUSTED)
@click.option("--places", is_flag=True, help="Of a problem that is met in many places, name them all.")
def check(allow_stale: bool, untrusted: bool, places: bool) -> None:
    """Check every value, claim and citation of every page and deck, without rendering the site."""
    from asrun.pages.context import Context
    from asrun.site import build as building

    project = find_project()
    if untrusted:
        _refuse(project)
    try:
        cited = building.check(Context(project, allow_stale=allow_stale))
    except Problems as problems:
        raise AsrunError(problems.told(), exit_code=problems.exit_code) if places else problems from None
    out.print(f"{cited} values, claims and citations hold.")
