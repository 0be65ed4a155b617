"""`asrun mutate`: whether the claims of a project would notice if the numbers were different."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asrun.commands.console import err, out
from asrun.errors import Exit
from asrun.project import find_project
from asrun.values.formats import plural

if TYPE_CHECKING:
    from rich.table import Table

    from asrun.checks.mutation import Found, Verdict

__all__ = ["mutate"]

MOST = 5
"""How many of the claims with the most slack are shown."""


class _Share(click.ParamType):  # type: ignore[type-arg]  # older versions of click know of no argument
    """A percentage, with or without its sign: `95%`."""

    name = "percentage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            share = float(str(value).removesuffix("%"))
        except ValueError:
            share = math.nan
        if not 0 <= share <= 100:
            self.fail(f"{value} is not a percentage: write 95%", param, ctx)
        return share


@click.command()
@click.argument("pages", nargs=-1, type=click.Path(path_type=Path))
@click.option("--claims", type=click.IntRange(min=1), help="Try this many claims, drawn at random; by default all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
@click.option("--seed", default=0, show_default=True, help="Draws what is drawn: the same seed, the same report.")
@click.option("--at-least", type=_Share(), help="Exit with 1 when a smaller part of the claims is killed: 95%.")
def mutate(pages: tuple[Path, ...], claims: int | None, as_json: bool, seed: int, at_least: float | None) -> None:
    """Ask whether the claims of PAGES (by default of all pages and decks) would notice other numbers.

    Every claim is evaluated with the values that it reads changed, one at a time: shifted by 1, 3 and 10 spreads
    (standard deviations over seeds), scaled, with the other sign, with two labels swapped, without a seed, another
    word. A change is noticed when the claim no longer comes out as it does on the page, or cannot be evaluated. A claim
    that notices one change is killed; one that notices none says nothing. Nothing on disk is touched.

    Slack is the smallest shift, in spreads, that a claim notices.

    \b
      asrun mutate                           every claim
      asrun mutate docs/lessons/01.md        those of one page
      asrun mutate --claims 20 --at-least 95%    for CI
    """  # noqa: D301 (click wants the character itself)
    from asrun.checks.mutation import find_claims, judge, sample
    from asrun.pages.context import Context

    context = Context(find_project(), allow_stale=True)
    found = find_claims(context, pages)
    chosen = sample(found.claims, claims, seed)
    verdicts = list(_watched(judge(chosen, context, seed), len(chosen)))
    killed = sum(verdict.killed for verdict in verdicts)
    if as_json:
        out.write(json.dumps(_json(verdicts, found, seed), indent=2, ensure_ascii=False))
    else:
        _tell(verdicts, found)
        out.write(f"killed {killed} of {len(verdicts)}")
    if at_least is not None and 100 * killed < at_least * len(verdicts):
        err.print(f"asrun: fewer than {at_least:g}% of the claims were killed", markup=False)
        sys.exit(Exit.FAILED)


def _watched(verdicts: Iterable[Verdict], total: int) -> Iterator[Verdict]:
    """Show on a terminal how far it is."""
    if not err.is_terminal:
        yield from verdicts
        return
    from rich.progress import Progress

    with Progress(console=err.rich, transient=True) as bar:
        yield from bar.track(verdicts, total=total, description="trying claims")


# For people


def _tell(verdicts: Sequence[Verdict], found: Found) -> None:
    if found.set_aside:
        _line(f"{len(found.set_aside)} set aside, wrong as they are (see asrun check):")
        for each in found.set_aside:
            _line(f"    {each}")
        _line()
    if len(verdicts) < len(found.claims):
        _line(f"{len(verdicts)} of {plural(len(found.claims), 'claim')}, drawn at random\n")
    if verdicts:
        out.print(_claims(verdicts))
    _tell_survivors([verdict for verdict in verdicts if not verdict.killed])
    _tell_slack([verdict for verdict in verdicts if verdict.killed and verdict.slack is not None])
    if verdicts:
        _line()
        out.print(_pages(verdicts))


def _line(text: str = "") -> None:
    # Rich would make a picture of the place `slides/01.md:100:`.
    out.write(text)


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _claims(verdicts: Sequence[Verdict]) -> Table:
    from rich.text import Text

    table = _table("claim", "noticed", "mildest change noticed", "spreads", "slack")
    for verdict in verdicts:
        mildest = verdict.mildest
        table.add_row(
            Text(str(verdict.claim.where)),
            f"{verdict.noticed} of {verdict.mutants}",
            Text(mildest.text) if mildest else Text("nothing", "red"),
            _spreads(mildest.size) if mildest and math.isfinite(mildest.size) else "",
            _slack(verdict.slack),
        )
    return table


def _tell_survivors(survivors: Sequence[Verdict]) -> None:
    if not survivors:
        return
    _line("\nNothing kills these: they come out the same whatever the numbers are.")
    for verdict in survivors:
        tried = ", ".join(plural(count, str(kind)) for kind, count in verdict.tried.items())
        _line(f"    {verdict.claim.where}: {verdict.claim.sentence}")
        _line(f"        {verdict.claim.expression}")
        _line(f"        tried on {', '.join(verdict.reads) or 'no value'}: {tried or 'nothing'}")


def _tell_slack(verdicts: Sequence[Verdict]) -> None:
    if not verdicts:
        return
    _line("\nThe most slack: how many spreads the numbers may move before these notice.")
    for verdict in sorted(verdicts, key=lambda each: each.slack or 0.0, reverse=True)[:MOST]:
        _line(f"    {_slack(verdict.slack):>8}  {verdict.claim.where}: {verdict.claim.sentence}")


def _slack(slack: float | None) -> str:
    from asrun.checks.mutation import FAR

    if slack is None:
        return ""
    return _spreads(slack) if math.isfinite(slack) else f"over {FAR}"


def _spreads(size: float) -> str:
    return f"{size:.2f}" if size < 1 else f"{size:.1f}" if size < 100 else f"{size:.3g}"


def _pages(verdicts: Sequence[Verdict]) -> Table:
    from rich.text import Text

    table = _table("page", "claims", "killed", "mutants", "noticed")
    for page, row in _by_page(verdicts).items():
        table.add_row(Text(page), *(str(row[name]) for name in ("claims", "killed", "mutants", "noticed")))
    return table


def _by_page(verdicts: Sequence[Verdict]) -> dict[str, Counter[str]]:
    pages: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        pages.setdefault(verdict.claim.where.path, Counter()).update(
            claims=1, killed=int(verdict.killed), mutants=verdict.mutants, noticed=verdict.noticed
        )
    return pages


# For programs


def _json(verdicts: Sequence[Verdict], found: Found, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "claims": [_json_claim(verdict) for verdict in verdicts],
        "pages": [{"page": page, **row} for page, row in _by_page(verdicts).items()],
        "set_aside": list(found.set_aside),
        "killed": sum(verdict.killed for verdict in verdicts),
        "of": len(verdicts),
        "there_are": len(found.claims),
    }


def _json_claim(verdict: Verdict) -> dict[str, Any]:
    claim, mildest = verdict.claim, verdict.mildest
    return {
        "page": claim.where.path,
        "line": claim.where.line,
        "kind": claim.kind,
        "sentence": claim.sentence,
        "expression": claim.expression,
        "reads": list(verdict.reads),
        "killed": verdict.killed,
        "mutants": verdict.mutants,
        "noticed": verdict.noticed,
        "tried": dict(verdict.tried),
        "mildest": {"change": mildest.text, "spreads": _finite(mildest.size)} if mildest else None,
        "has_numbers": verdict.slack is not None,
        "slack": _finite(verdict.slack),
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
