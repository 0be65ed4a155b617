"""The versions of the packages that a run used: only those few are looked for among all that is installed."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable
from importlib.metadata import Distribution

__all__ = ["distributions", "versions_of"]


def versions_of(modules: Iterable[str]) -> dict[str, str]:
    """Return the version of each package that some top-level modules come from, by the package's name."""
    return {found.name.lower(): found.version for _, found in sorted(distributions(modules).items())}


def distributions(modules: Iterable[str]) -> dict[str, Distribution]:
    """Return which installed package each of some top-level modules comes from: `sklearn` from scikit-learn.

    `importlib.metadata.packages_distributions` answers the same for all modules that there are, and reads the list of
    files of all that is installed to do so.
    """
    found, wanted = {}, set(modules)
    for module in sorted(wanted):
        # Nearly always the package is called as its module is.
        try:
            named = importlib.metadata.distribution(module)
        except (importlib.metadata.PackageNotFoundError, ValueError):
            continue
        if _provides(named, module):
            found[module] = named
    if wanted - found.keys():
        for each in importlib.metadata.distributions():
            for module in sorted(wanted - found.keys()):
                if _provides(each, module):
                    found[module] = each
            if not wanted - found.keys():
                break
    return found


def _provides(package: Distribution, module: str) -> bool:
    declared = package.read_text("top_level.txt")
    if declared:
        return module in declared.split()
    files = package.read_text("RECORD") or package.read_text("installed-files.txt") or ""
    name = re.escape(module)
    return re.search(rf'^"?{name}(/|(\.[\w-]+)*\.(py|pyc|so|pyd)\b)', files, re.MULTILINE) is not None
