"""Runs on a Ray cluster: an executor of `asrun run … --on ray://HOST:PORT`, and the items of `pmap` as tasks there.

All that knows Ray is here, and nothing here is loaded before a cluster's address is given. What is sent to a cluster
and how its answer is understood is in `asrun.remote`, and is the same for whoever else runs elsewhere.
"""
