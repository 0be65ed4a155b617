"""`asrun status` and `asrun why`: what is recorded, and whether it is still true."""

from __future__ import annotations

import json
import sys

import click
from rich.markup import escape
from rich.table import Table

from asrun.commands.console import out, state
from asrun.errors import AsrunError, Exit
from asrun.freshness import conditions
from asrun.freshness.key import sources
from asrun.freshness.snippet import find_snippet, survey
from asrun.model import Condition, State
from asrun.project import Project, find_project
from asrun.records.store import Store
from asrun.values.formats import format_seconds

__all__ = ["status", "why"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
@click.option(
    "--strict-versions",
    is_flag=True,
    help="Call a record stale that was made with other versions of Python or packages than there are here.",
)
def status(as_json: bool, strict_versions: bool) -> None:
    """Show every record and its state: fresh, missing, stale, failed, unused, or broken: it cannot be read.

    Exits with 3 when a record is not fresh, so that a script can ask.
    """
    project = find_project()
    store = Store(project)
    read = sources(project)
    found = conditions.judge_records(project, store, drawn=True, strict_versions=strict_versions, read=read)
    recorded = {run.snippet for run in found}
    broken = {name: error for name, error in survey(project, read).broken.items() if name not in recorded}
    labs = _labs(project)
    if as_json:
        rows = [{"snippet": run.snippet, "scale": run.scale, "device": run.device} | _json(condition)
                for run, condition in found.items()]  # fmt: skip
        rows += [{"snippet": name} | _json(Condition(State.BROKEN, error.sentence)) for name, error in broken.items()]
        rows += [{"notebook": path} | _json(condition) for path, condition in labs.items()]
        out.write(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("snippet", "scale", "device", "state", "run", "took", "reason"):
            table.add_column(heading, overflow="fold")
        for name, condition in found.items():
            record = None if condition.state is State.BROKEN else store.get(name)
            made = record.provenance if record else None
            when, took = (made.when[:10], format_seconds(made.seconds)) if made else ("", "")
            table.add_row(name.snippet, name.scale, name.device, state(condition), when, took, escape(condition.reason))
        for broken_name, error in broken.items():
            condition = Condition(State.BROKEN)
            table.add_row(broken_name, "", "", state(condition), "", "", escape(error.sentence))
        for path, condition in labs.items():
            table.add_row(path, "", "", state(condition), "", "", escape(condition.reason))
        out.print(table)
    states = [condition.state for condition in (*found.values(), *labs.values())]
    right = not broken and all(state in (State.FRESH, State.UNUSED) for state in states)
    sys.exit(Exit.OK if right else Exit.STALE)


def _labs(project: Project) -> dict[str, Condition]:
    """Return the condition of every notebook, by its path."""
    from asrun.running import notebooks

    found = {}
    try:
        for path in notebooks.list_notebooks(project):
            try:
                found[project.relative(path)] = notebooks.condition(project, path)
            except AsrunError as error:
                found[project.relative(path)] = Condition(State.BROKEN, error.sentence)
    except AsrunError as error:
        found[str(error.where)] = Condition(State.BROKEN, error.sentence)
    return found


def _json(condition: Condition) -> dict[str, str]:
    return {"state": str(condition.state), "reason": condition.reason}


@click.command()
@click.argument("name")
def why(name: str) -> None:
    """Say why each record of a snippet is fresh, stale or missing."""
    project = find_project()
    store = Store(project)
    find_snippet(name, project)
    for run_name, condition in conditions.judge_records(project, store, drawn=True).items():
        if run_name.snippet != name:
            continue
        out.print(f"{run_name}: {state(condition)}")
        for reason in filter(None, condition.reason.split("; ")):
            out.print(f"    {reason}", markup=False)
        record = None if condition.state is State.BROKEN else store.get(run_name)
        if record:
            made = record.provenance
            versions = ", ".join(f"{package} {version}" for package, version in made.versions.items())
            out.print(f"    recorded {made.when} on {made.device}, in {format_seconds(made.seconds)}", markup=False)
            out.print(f"    with {versions}" + (f", at commit {made.commit}" if made.commit else ""), markup=False)
            if other := conditions.other_versions(record):
                out.print("    here: " + ", ".join(other), markup=False)
            rests = [f"{file}: {', '.join(names)}" for file, names in record.code.items()]
            rests += [*record.files, *(f"the environment variable {name}" for name in record.environment)]
            passed = [f"{file}: {', '.join(names)}" for file, names in record.passed_by.items()]
            for heading, lines in (
                ("depends on", rests),
                ("mentions, and never called (* for all of a file)", passed),
                ("mentions, and never imported", record.not_imported),
            ):
                if lines:
                    out.print(f"    {heading}", markup=False)
                for line in lines:
                    out.print(f"        {line}", markup=False)
