"""Numbers that know what they are: axes, seeds, arithmetic, tests, and how they are written for readers.

What is here reckons with values that it is given. Where they are kept is the business of `asrun.records`.
"""
