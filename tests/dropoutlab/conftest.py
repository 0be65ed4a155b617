"""One thread and no clock: tests of the laboratory give the same answer however busy the machine is."""

import os

import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=30)
settings.register_profile("search", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
