"""The connection to a Ray cluster: made within a time, or refused in a sentence."""

from __future__ import annotations

import logging
import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asrun.errors import AsrunError

__all__ = ["connected", "load_ray"]

PATIENCE = 30.0
"""Seconds in which a cluster that can be reached must have let us in."""


_SILENT = "it did not answer; if it is there, try again, and start its head with GRPC_ENABLE_FORK_SUPPORT=0"
"""Ray's client port forks a server for each client while gRPC is at work, and now and then one dies of it."""


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
def connected(address: str) -> Iterator[Any]:
    """Connect to a running cluster, and hand out Ray.

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
        yield ray
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
