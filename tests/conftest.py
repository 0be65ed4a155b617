"""What all tests share: a hypothesis that gives the same answer however busy the machine is."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=30)
settings.register_profile("search", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever starts the tests in the background has a shell ignore Ctrl-C for them and for all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
