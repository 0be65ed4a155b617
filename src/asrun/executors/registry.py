"""Finds the executor that an address is of: `ray://HOST:10001` is Ray's, and other packages bring theirs.

A package offers one by an entry point of the group `asrun.executors`, which is called like the scheme of its addresses
and names an `Opener`:

    [project.entry-points."asrun.executors"]
    slurm = "asrun_slurm:opened"
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint, entry_points

from asrun.errors import AsrunError, did_you_mean
from asrun.executors.protocol import Executor, Opener

__all__ = ["GROUP", "opened"]

GROUP = "asrun.executors"

_OWN = (EntryPoint("ray", "asrun.ray_cluster.executor:opened", GROUP),)
"""What asrun brings along. Nothing of it is imported before it is asked for."""

_WITHOUT_SCHEME = "ray"
"""Whose `HOST:6379` and `auto` are."""


def opened(address: str) -> AbstractContextManager[Executor]:
    """Return the place that an address names, as a context in which it is ready.

    Raises:
        AsrunError: when nobody knows such addresses, or whoever knows them cannot be loaded.
    """
    scheme, colon, _ = address.partition("://")
    scheme = scheme if colon else _WITHOUT_SCHEME
    # What asrun brings along, nobody else replaces.
    known = {each.name: each for each in (*entry_points(group=GROUP), *_OWN)}
    if scheme not in known:
        there_are = f"there are {', '.join(f'{name}://' for name in sorted(known))}; others come with a package"
        raise AsrunError(
            f"nothing is known that runs at {address}: no package here offers {scheme}://",
            remedy=did_you_mean(scheme, known, otherwise=there_are),
        )
    try:
        opener: Opener = known[scheme].load()
    except (ImportError, AttributeError) as error:
        raise AsrunError(
            f"what runs at {scheme}:// cannot be loaded: {known[scheme].value} ({error})",
            remedy="install its package anew",
        ) from error
    return opener(address)
