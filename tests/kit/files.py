"""Small files of events and a small rubric, for tests of what works on files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

RUBRIC = """
name = "small"
version = 3
"""
for _name, _signal in (("brand", "post"), ("find", "session"), ("engage", "comment"), ("relate", "outreach")):
    RUBRIC += f"""
[[component]]
name = "{_name}-all"
pillar = "{_name}"
kind = "volume"
max = 25
factor = "test"
signals.{_signal} = {{ cap = 5, weight = 1 }}
target = 10
"""


def small_rubric(folder: Path) -> Path:
    """A rubric of its own that tests can count with: 2.5 points for each post, session, comment, message."""
    path = folder / "small.toml"
    path.write_text(RUBRIC)
    return path


def event(kind: str, identity: str, who: str, time: str, **data: Any) -> dict[str, Any]:
    """An event of `activity.<kind>`."""
    return {
        "specversion": "1.0",
        "id": identity,
        "source": "/test",
        "type": f"activity.{kind}",
        "subject": who,
        "time": time,
        "data": data,
    }


def ndjson(lines: Iterable[dict[str, Any] | bytes]) -> bytes:
    """Events, or lines as they are, as the bytes of a file."""
    return b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in lines)
