"""The `asrun` command."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from asrun import freshness, runner
from asrun.errors import AsrunError, Exit
from asrun.model import RunName, State
from asrun.project import find_project
from asrun.snippet import find_snippet, list_snippets
from asrun.store import Store

console = Console(stderr=True, highlight=False)


@click.command()
@click.argument("name")
@click.option("--scale")
@click.option("--device")
def main(name, scale, device):
    project = find_project()
    store = Store(project)
    snippet = find_snippet(name, project)
    device = runner.choose_device(snippet, device)
    record = runner.run_snippet(project, snippet, scale, device, lambda t: print(t, end="\r", flush=True))
    store.put(record)
    record = runner.redraw(project, snippet, record, lambda t: None)
    print(store.put(record))

if __name__ == "__main__":
    main()
