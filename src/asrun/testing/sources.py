"""The files that most tiny projects begin with."""

from __future__ import annotations

__all__ = ["ANSWER", "COIN", "MKDOCS"]

MKDOCS = """\
site_name: Tiny
theme:
  name: material
  font: false
plugins:
  - search
  - asrun
"""
"""The `mkdocs.yml` of a tiny project that names none: Material, its search, and asrun."""

ANSWER = '''\
"""What is the answer?"""

SCALES = {"quick": dict(twice=21)}


def run(*, twice):
    return {"answer": 2 * twice}
'''
"""The least snippet: one scale, `quick`, and one value, `answer.answer`, which is 42. It draws nothing."""

COIN = '''\
"""How often does a coin show heads?"""

import numpy as np

SCALES = {"quick": dict(seeds=5)}


def run(*, seeds):
    print("tossed")
    bias = np.array([0.2, 0.5, 0.8])
    heads = bias[:, None] + np.linspace(-0.01, 0.01, seeds)
    return {"bias": bias, "heads": heads, "tosses": 12345, "axes": {"heads": ["bias", "seed"]}}


def plot(result):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot(result["bias"], result["heads"].mean(axis=1))
    figure.set_label("Heads against bias: a straight line.")
    return figure
'''
"""A snippet with all there is: an axis with labels, five seeds, a number, something printed, a figure."""
