"""What a run came to, as it is kept: its values, figures and printed output, in files that can be trusted to be whole.

What is here writes, reads, checks and compares records. Whether one is still true is decided in `asrun.freshness`.
"""
