"""One cluster for all tests that leave it as it was: starting it takes longer than most of them."""

from __future__ import annotations

import os

import pytest

from asrun.ray_cluster.executor import opened
from clusters import SMALL, head_node

os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")


@pytest.fixture(scope="session")
def nodes():
    """A cluster of two nodes, the second with a GPU that Ray believes in; the address of its client port."""
    with head_node() as started:
        started.add_node(num_cpus=1, num_gpus=1, **SMALL)
        yield started
        started.shutdown()


@pytest.fixture(scope="session")
def there(nodes):
    """The connection to it: a process has one at a time."""
    with opened(nodes.client) as connected:
        yield connected
