"""Java, which the local broker needs."""

import re
import shutil
import subprocess

LEAST = 17
"""The oldest version that Apache Kafka's broker runs on."""
_PATIENCE_S = 20.0


def java_version() -> int | None:
    """The version of the `java` in the path, as in 17; None: there is none; 0: it does not say."""
    if shutil.which("java") is None:
        return None
    try:
        shown = subprocess.run(
            ["java", "-version"], capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', shown.stderr + shown.stdout)
    return int(found[1]) if found else 0
