"""asrun: web sites and slide decks whose figures, numbers and claims come from recorded runs.

What may be built upon stands here and in `asrun.testing`, and docs/about/api.md tells of all of it. Every other module
and name is private: it may change, or go, with any version. (`asrun.parallel.pmap` is where snippets have always had
`pmap` from, and stays.)

Importing this imports nothing else: each name is fetched from where it lives when it is first asked for.

Examples:
    In the folder of a project, a value with its spread, as a page would write it:

    >>> import asrun
    >>> context = asrun.Context(asrun.find_project())
    >>> heads = context.evaluate("coin.heads(bias=0.5)").result
    >>> asrun.format_measure(heads)
    '0.500 ± 0.008'

    Every record that is not fresh, and why:

    >>> for run, condition in asrun.judge_records(context.project).items():
    ...     if condition.state is not asrun.State.FRESH:
    ...         print(f"{run}: {condition}")
    answer (quick, cpu): missing: never run

    A gate, for a CI that has to know whether a sentence still holds:

    >>> context.evaluate("coin.heads(bias=0.8) > coin.heads(bias=0.5)").holds
    True
"""

__version__ = "0.1.0"

__all__ = [
    "AsrunError",
    "AsrunExtension",
    "Comparison",
    "Condition",
    "Context",
    "Evaluation",
    "Exit",
    "Figure",
    "Interval",
    "Measure",
    "Problems",
    "Project",
    "Provenance",
    "Record",
    "RunName",
    "State",
    "Store",
    "Where",
    "find_project",
    "format_measure",
    "judge_records",
    "pmap",
]

TYPE_CHECKING = False
"""True for type checkers, which know the name; that of `typing` would have to be imported."""

if TYPE_CHECKING:
    from asrun.errors import AsrunError, Exit, Problems
    from asrun.freshness.conditions import judge_records
    from asrun.model import Condition, Figure, Provenance, Record, RunName, State, Where
    from asrun.pages.context import Context
    from asrun.pages.extension import AsrunExtension
    from asrun.parallel import pmap
    from asrun.project import Project, find_project
    from asrun.records.store import Store
    from asrun.values.comparison import Comparison, Interval
    from asrun.values.expression import Evaluation
    from asrun.values.formats import format_measure
    from asrun.values.measure import Measure
else:
    _HOMES = {
        "AsrunError": "errors",
        "AsrunExtension": "pages.extension",
        "Comparison": "values.comparison",
        "Condition": "model",
        "Context": "pages.context",
        "Evaluation": "values.expression",
        "Exit": "errors",
        "Figure": "model",
        "Interval": "values.comparison",
        "Measure": "values.measure",
        "Problems": "errors",
        "Project": "project",
        "Provenance": "model",
        "Record": "model",
        "RunName": "model",
        "State": "model",
        "Store": "records.store",
        "Where": "model",
        "find_project": "project",
        "format_measure": "values.formats",
        "judge_records": "freshness.conditions",
        "pmap": "parallel",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'asrun' has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(f"asrun.{_HOMES[name]}"), name)
        return found

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
