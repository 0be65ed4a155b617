"""The `asrun` command."""

from __future__ import annotations

import errno
import importlib
import sys
from typing import Any

import click

from asrun import __version__
from asrun.commands.console import err, spell_out
from asrun.errors import AsrunError, Exit, did_you_mean, visible

__all__ = ["main"]


COMMANDS = {
    "run": "run",
    "adopt": "adopt",
    "status": "status",
    "why": "status",
    "diff": "diff",
    "reproduce": "reproduce",
    "trim": "trim",
    "build": "build",
    "serve": "build",
    "check": "build",
    "mutate": "mutate",
    "deck": "deck",
    "pdf": "pdf",
}
"""In which module of `asrun.commands` each command is: loaded when it is called, and no sooner."""


class _Group(click.Group):
    """Prints the errors that an author can cause as sentences, and documents the exit codes."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        spell_out()
        return super().main(*arguments, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            known = ", ".join(COMMANDS)
            remedy = did_you_mean(args[0], COMMANDS, otherwise=f"commands are: {known}", within="asrun ")
            ctx.fail(f"there is no command {visible(args[0])!r}; {remedy}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"asrun.commands.{COMMANDS[cmd_name]}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AsrunError as error:
            err.print(f"asrun: {error}", markup=False, style="red" if err.is_terminal else None)
            sys.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            err.print("\nasrun: interrupted; every record that was finished is kept")
            sys.exit(Exit.INTERRUPTED)
        except OSError as error:
            if error.errno != errno.ENOSPC or error.filename:
                raise
            # What is told goes to a file or a pipe that has no room left.
            err.print("asrun: what this command has to say cannot be written (no space left on device)")
            sys.exit(Exit.FAILED)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all is well; 1 a run, check or build failed; 2 the command line was not understood; "
    "3 records are not fresh; 130 interrupted. When nobody reads any more what a command prints (as in "
    "`asrun run | head -1`), it goes on in silence, and exits with the code of what it did.",
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
      asrun reproduce NAME       does what pages say hold of a new run?
      asrun trim                 delete records that nothing uses any more
      asrun build                run what is not fresh, check every page, publish to site/
      asrun serve                preview while writing; never trains anything
      asrun deck FILE.md         a folder that shows one deck; --check: does every slide fit?
      asrun pdf FILE.md          a deck as PDF, or as a handout
    """  # noqa: D301 (click wants the character itself)


if __name__ == "__main__":
    main(prog_name="asrun")
