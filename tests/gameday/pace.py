"""The committed rules and routes at a faster pace: the same expressions and thresholds, in shorter windows.

All waiting times are divided by a factor: `for`, ranges, offsets, and the waits of Alertmanager's groups. Windows are
not made shorter than LEAST_S, because what the product needs is not shortened: a session time-out of 6 s, a restore
of seconds. Thresholds stay as they are too, such as 60 s of silence: with shorter windows, an alert that waits for
minutes in production would come before one that waits for such a threshold, which should hold it back.
"""

import re
from typing import Any

from tests.kit.monitoring import Pace

FACTOR = 6
LEAST_S = 60
EVERY = "2s"
"""How often is scraped and evaluated; a scrape may take as long."""
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = r"(\d+)(ms|s|m|h|d|w)"


def seconds(text: str) -> float:
    """A duration of one unit, as `5m`; raises ValueError for any other."""
    if (found := re.fullmatch(_DURATION, text)) is None:
        raise ValueError(f"{text!r} is no duration of one unit")
    return int(found[1]) * _UNITS[found[2]]


def shortened(text: str, least: float = LEAST_S) -> str:
    """A duration divided by the factor, but not below `least` seconds, unless it was."""
    whole = seconds(text)
    return f"{round(min(whole, max(whole / FACTOR, least)))}s"


def rule(given: dict[str, Any]) -> None:
    """Shorten an alert or a recording rule in place."""
    for name in ("for", "keep_firing_for"):
        if name in given:
            given[name] = shortened(given[name])
    given["expr"] = re.sub(
        rf"(\[|\boffset )({_DURATION})", lambda found: found[1] + shortened(found[2]), given["expr"]
    )


def route(given: dict[str, Any]) -> None:
    """Shorten a route of Alertmanager in place."""
    for name in ("group_wait", "group_interval", "repeat_interval"):
        if name in given:
            given[name] = shortened(given[name], 1)


PACE = Pace(EVERY, rule, route)
