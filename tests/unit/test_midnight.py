"""The benchmark's zone: its day begins at the moment chosen, as the worker's clock sees it."""

import os
import subprocess
import sys

import pytest

from perf.midnight import NAME, midnight

LOOK = f"""
import sys
import numpy as np
from agents.config.clock import zone
moment = int(sys.argv[1]) * 1000
print(*zone("{NAME}").of(np.array([moment - 1, moment])))
"""


@pytest.mark.parametrize("moment", [1_900_000_000, 1_900_000_000 + 43_000, 1_900_000_123])
def test_the_day_begins_then(moment):
    with midnight(moment) as environment:
        answer = subprocess.run(
            [sys.executable, "-c", LOOK, str(moment)],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    before, after = map(int, answer.stdout.split())
    assert after == before + 1
