"""Measurements of speed, always as ratios between contenders in one run. Never part of the tests."""
