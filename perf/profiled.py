"""`pillarscore` that lets any process of the same user look into it: python -m perf.profiled worker

Where the kernel's Yama module guards processes (Ubuntu and others), a profiler may otherwise only look into the
processes it has started itself.
"""

import ctypes

from agents.cli import main

_PR_SET_PTRACER = 0x59616D61
_ANY = ctypes.c_ulong(-1)

if __name__ == "__main__":
    # without Yama this is refused, and not needed
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY, 0, 0, 0)
    main()
