"""What Prometheus knows of the time before: that all was well for as long as the objectives look back."""

import subprocess
import time
from pathlib import Path

from tests.gameday import pace
from tests.kit.tools import tool

STEP_S = 2
GAP_S = 30
"""Between the end of the history and now."""
EVENTS_PER_S = 100


def write(prometheus: Path) -> None:
    """Data for a Prometheus that will start in this folder.

    Without it, the objectives' long windows would begin with the first scrape, and one of the first faults, seconds
    long, would be a large part of them: a page that no installation that has run for a day would send.
    """
    prometheus.mkdir(parents=True)
    end = int(time.time()) - GAP_S
    span = round(pace.seconds(pace.shortened("3d")))
    times = range(end - span, end, STEP_S)
    labels = 'job="pillarscore"'
    latency = f'{labels},instance="before",stage="committed"'
    lines = ["# TYPE job:pillarscore_partitions_available:ratio gauge"]
    lines += [f"job:pillarscore_partitions_available:ratio{{{labels}}} 1 {at}" for at in times]
    lines.append("# TYPE pillarscore_event_latency_seconds histogram")
    for series in (f'bucket{{{latency},le="5.0"}}', f"count{{{latency}}}"):
        lines += [
            f"pillarscore_event_latency_seconds_{series} {(at - times[0]) * EVENTS_PER_S} {at}"
            for at in times
        ]
    text = prometheus / "before.txt"
    text.write_text("\n".join([*lines, "# EOF", ""]))
    done = subprocess.run(
        [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, prometheus / "data"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        raise RuntimeError(f"promtool does not take the history: {done.stderr[-1000:]}")
