"""The `asrun` command."""

from __future__ import annotations

import sys
from typing import Any

import click

from asrun import __version__
from asrun.commands.adopt import adopt
from asrun.commands.build import build, check, serve
from asrun.commands.console import err
from asrun.commands.diff import diff
from asrun.commands.run import run
from asrun.commands.status import status, why
from asrun.commands.trim import trim
from asrun.errors import AsrunError, Exit

__all__ = ["main"]


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
    """Build sites and slide decks whose figures, numbers and claims come from recorded runs.

    A snippet (snippets/NAME.py) answers one question by running. Its record (snippets/records/NAME/) holds the values
    and figures of its last run, and what decided them. Pages and decks cite records by name.

    \b
      asrun status               what is recorded, and whether it is still true
      asrun run NAME             run one snippet, and record it
      asrun why NAME             why a record is fresh or stale
      asrun diff [REV]           what changed in values and figures since a commit
      asrun trim                 delete records that nothing uses any more
      asrun build                run what is not fresh, check every page, publish to site/
      asrun serve                preview while writing; never trains anything
    """  # noqa: D301 (click wants the character itself)


for command in (run, adopt, status, why, diff, trim, build, serve, check):
    main.add_command(command)


if __name__ == "__main__":
    main(prog_name="asrun")
