"""Where runs are done: what such a place must be able to do, this machine as one, and how others are found.

What is here knows no place but this machine: a cluster has a room of its own, which is loaded when its address is
given. How the work of one run is split is in `asrun.inside.items`.
"""
