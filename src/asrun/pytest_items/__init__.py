"""The tests that the pytest plugin makes of a project: of its pages, and of its code."""
