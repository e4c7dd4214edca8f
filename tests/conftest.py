"""What all tests share."""

import os
import signal

from hypothesis import settings

# How long an example takes says something about the machine, not about the code under test.
settings.register_profile("house", deadline=None, max_examples=int(os.environ.get("EXAMPLES", "60")))
settings.load_profile("house")

# A run in the background begins with Ctrl-C ignored, and so would all that it starts; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
