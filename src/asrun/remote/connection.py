"""The connection to a Ray cluster: what its nodes have, and what a run takes of one. See `asrun.remote.cluster`."""

from __future__ import annotations

import logging
import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from asrun.errors import AsrunError
from asrun.freshness import needs
from asrun.model import RunName, Snippet

__all__ = ["Cluster", "connect", "load_ray", "resources"]

PATIENCE = 30.0
"""Seconds in which a cluster that can be reached must have let us in."""


_SILENT = "it did not answer; if it is there, try again, and start its head with GRPC_ENABLE_FORK_SUPPORT=0"
"""Ray's client port forks a server for each client while gRPC is at work, and now and then one dies of it."""


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to.

    Arguments:
        address: As it was typed.
        nodes: What each node has: `{"CPU": 8.0, "GPU": 1.0, …}`.
    """

    address: str
    nodes: tuple[dict[str, float], ...]

    def choose_device(self, snippet: Snippet, wanted: str | None) -> str:
        """Return the device class to run on there: as asked for, or a GPU if the snippet can use one and there is one.

        Raises:
            AsrunError: when the snippet and the cluster do not fit.
        """
        return needs.choose_device(
            snippet,
            wanted,
            has_gpu=lambda: self.has_room({"GPU": 1}),
            lacking=f"no node of the cluster at {self.address} has a GPU",
            remedy="leave --device out, or add a node: ray start --address=… --num-gpus=1",
        )

    def has_room(self, wanted: dict[str, float]) -> bool:
        """Is there a node that has all this, even if others use it at the moment?"""
        return any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in self.nodes)

    def check_room(self, run: RunName, wanted: dict[str, float], *, lost: str = "") -> None:
        """Refuse what no node could ever run: Ray would let it wait for ever.

        Arguments:
            run: What is to be run.
            wanted: What it takes of a node, see `resources`.
            lost: What became of the node that had it.

        Raises:
            AsrunError: naming what is needed.
        """
        if not self.has_room(wanted):
            named = ", ".join(f"{amount:g} {name}" for name, amount in wanted.items() if amount)
            raise AsrunError(
                f"no node of the cluster at {self.address} can run {run}, which needs {named}"
                + (f"; {lost}" if lost else ""),
                remedy="add a larger node, or let the snippet's NEEDS ask for less",
            )

    def now(self) -> Cluster:
        """Return the cluster with the nodes that it has now: some are lost, others join."""
        return replace(self, nodes=_nodes(load_ray()))


def _nodes(ray: Any) -> tuple[dict[str, float], ...]:
    return tuple(node["Resources"] for node in ray.nodes() if node["Alive"])


def resources(snippet: Snippet, run: RunName) -> dict[str, float]:
    """Return what a run takes of a node, in Ray's words: a GPU of its own on cuda; a core, or what NEEDS say."""
    memory = needs.need(snippet, "memory", run.scale)
    return {"CPU": needs.need(snippet, "cpus", run.scale) or 1.0, "GPU": 1.0 if run.device == "cuda" else 0.0} | (
        {"memory": 1e9 * memory} if memory else {}
    )


def load_ray() -> Any:
    """Import Ray, or say how to install it."""
    # Ray announces how it will one day treat this; nothing here depends on it, as asrun hides GPUs itself.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # When a connection is lost, Ray would otherwise start a cluster of its own on this machine.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    try:
        import ray
        import ray.util.client
    except ImportError as error:
        raise AsrunError(
            f"--on needs Ray, which cannot be imported here: {error}", remedy='pip install "asrun[cluster]"'
        ) from error
    return ray


@contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to a running cluster.

    Arguments:
        address: `ray://HOST:10001` from anywhere; `HOST:6379` or `auto` on a machine that is a node of it.

    Raises:
        AsrunError: when there is none, or its Ray or Python is another one.
    """
    ray = load_ray()
    _knock(address)
    if ray.is_initialized():
        raise AsrunError("this process is connected to a Ray cluster already", remedy="use one cluster at a time")
    came: list[BaseException | None] = []

    def enter() -> None:
        try:
            with warnings.catch_warnings():
                # What Ray warns of while it connects is told by its exception, too.
                warnings.simplefilter("ignore")
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
            came.append(None)
        except BaseException as error:
            came.append(error)

    # In a thread: a port at which something else listens lets Ray wait for minutes.
    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not came or came[0]:
        error = came[0] if came else None
        told = f"{error or type(error).__name__}".strip().split("\n")[0] if error else _SILENT
        raise _no_cluster(address, told) from error
    try:
        yield Cluster(address, _nodes(ray))
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Find out at once whether anybody listens."""
    if address == "auto":
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit() or "://" in host:
        raise AsrunError(
            f"{address} is not the address of a Ray cluster", remedy="write ray://HOST:10001, HOST:6379 or auto"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, str(error)) from error


def _no_cluster(address: str, told: str) -> AsrunError:
    return AsrunError(
        f"there is no Ray cluster to be reached at {address} ({told})",
        remedy="start one: ray start --head; its client port is 10001: --on ray://HOST:10001; "
        "Ray and Python must have the same version here and there",
    )
