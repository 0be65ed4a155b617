"""Runs snippets and notebooks on this machine, follows them to their end, and makes their records.

What is here starts processes and waits for them. What happens in them is in `asrun.inside`; where else runs can be
done, in `asrun.executors`.
"""
