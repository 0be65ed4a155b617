"""`asrun adopt`: take in records that another machine made."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.markup import escape

from asrun.commands.console import out
from asrun.errors import Exit
from asrun.project import find_project
from asrun.records.store import Store
from asrun.remote import bundle
from asrun.remote.bundle import Outcome

__all__ = ["adopt"]

_COLOURS = {Outcome.ADOPTED: "green", Outcome.KEPT: "dim", Outcome.REFUSED: "yellow"}


@click.command()
@click.argument("file", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--allow-stale", is_flag=True, help="Take records that are not fresh here, too.")
@click.option("--replace", is_flag=True, help="Take records also in place of those here that are fresh.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def adopt(file: Path, allow_stale: bool, replace: bool, dry_run: bool) -> None:
    """Take in the records of BUNDLE, a file that `asrun run --bundle` wrote on another machine.

    A record is taken when the code, the parameters and the data that it was made with are those of this project now.
    The whole bundle is checked first: when anything in it is not what it should be, nothing is taken in. Exits with 3
    when a record was refused because it is not fresh here.
    """
    project = find_project()
    found = bundle.adopt(project, Store(project), file, allow_stale=allow_stale, replace=replace, dry_run=dry_run)
    for adoption in found:
        reason = f": {escape(adoption.reason)}" if adoption.reason else ""
        out.print(f"[{_COLOURS[adoption.outcome]}]{adoption.outcome}[/]  {escape(str(adoption.run))}{reason}")
    if dry_run:
        out.print("nothing was written: this was a dry run")
    sys.exit(Exit.STALE if any(each.outcome is Outcome.REFUSED for each in found) else Exit.OK)
