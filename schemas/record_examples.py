"""Examples of the records that Pillarscore writes, as they are in Kafka: for the published schemas, tested with them.

Those of the events are in `schemas.examples`.
"""

from typing import Any

from schemas.letters import DeadLetter

_RUBRIC = {"name": "ssi", "version": "1"}
_PILLARS = {"brand": 6.25, "find": 11.4, "engage": 14.05, "relate": 9.8}

RECORD_EXAMPLES: dict[str, tuple[dict[str, Any], ...]] = {
    "score": (
        {
            "member": "m-1",
            "score": 41.5,
            "pillars": _PILLARS,
            "as_of": "2026-11-20",
            "revision": 1843,
            "rubric": _RUBRIC,
            "band": "middle",
            "trend": "improving",
            "change": {"day": 1.25, "week": None},
            "weakest": "brand",
            "changed": {"comments-given": 1.25},
            "benchmark": 5120,
            "ranks": {
                "everyone": {"value": None, "place": 712.0, "of": 1109, "active": 1043, "top": 64.21},
                "team": {"value": "emea-sales", "place": 3.5, "of": 21, "active": 20, "top": 16.67},
            },
        },
    ),
    "band.changed": (
        {
            "member": "m-1",
            "from": "low",
            "to": "middle",
            "score": 41.5,
            "as_of": "2026-11-20",
            "revision": 1843,
            "rubric": _RUBRIC,
        },
    ),
    "history.day": (
        {"member": "m-1", "day": "2026-11-19", "score": 40.25, "pillars": _PILLARS, "rubric": _RUBRIC},
    ),
    "network.standing": (
        {
            "member": "m-1",
            "connections": 812,
            "scored": 640,
            "rank": {"value": None, "place": 205.0, "of": 641, "active": 590, "top": 31.99},
            "average": 33.18,
            "engaging": 4.53,
            "as_of": "2026-11-20",
            "revision": 1844,
            "rubric": _RUBRIC,
        },
    ),
    "ledger.stamp": (
        {
            "version": 3,
            "sequence": 1843,
            "frame": 170,
            "replay_from": 162,
            "day": 20777,
            "rolled": 3,
            "turned_from": 20776,
            "turns": [{"frame": 90, "day": 20777}],
            "members": 277,
            "rubric": "ssi 1",
            "zone": "UTC",
            "watermarks": {"0": 951, "1": 702},
            "missing": {"0": [[700, 720]]},
            "lost": {},
            "from_zero": True,
            "checkpoints": [],
            "counters": {
                "read": 1633,
                "scored": 1600,
                "duplicate": 20,
                "outside_window": 5,
                "erased": 2,
                "too_late": 2,
                "dead_lettered": 4,
                "credits": 810,
                "repeated": 0,
                "refused": 0,
                "lost": 0,
                "torn": 0,
                "admitted": 1633,
            },
            "start": {
                "frame": 120,
                "watermarks": {"0": 640, "1": 480},
                "missing": {},
                "generation": 1,
                "began": 1,
                "rows": 900,
            },
            "topics": {"events": "5cA3ZbPcTvqq1ZC2Zd0J5g"},
            "transaction": {
                "number": 61,
                "previous": "4d8f1a5c9b7e2036d1c4a8f0b2e69753",
                "records": {"scores": 12, "bands": 1, "ledger": 2},
                "members": 12,
                "revision": 1831,
                "scores_from": 4410,
            },
            "digest": "b7a1c2d3e4f5061728394a5b6c7d8e9f",
        },
    ),
    "replay": (
        {
            "at": "2026-11-22T23:58:01Z",
            "letter_timestamp": 1795391573000,
            "edited": True,
            "forced": False,
        },
    ),
    "benchmark": (
        {
            "cohort": "team:emea-sales",
            "kind": "team",
            "value": "emea-sales",
            "as_of": "2026-11-20",
            "benchmark": 5120,
            "rubric": _RUBRIC,
            "fewer_than": None,
            "size": 20,
            "mean": 44.1,
            "median": 42.5,
            "deciles": [21.0, 28.5, 33.0, 38.25, 42.5, 47.0, 52.75, 58.0, 66.5],
            "bands": {"low": 8, "middle": 9, "high": 3, "top": 0},
            "histogram": [0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0],
            "pillars": {
                "brand": {"mean": 7.2, "histogram": [2, 4, 5, 4, 3, 1, 1, 0, 0, 0]},
                "find": {"mean": 12.4, "histogram": [0, 1, 2, 4, 4, 4, 3, 1, 1, 0]},
                "engage": {"mean": 13.9, "histogram": [0, 1, 1, 3, 4, 4, 4, 2, 1, 0]},
                "relate": {"mean": 10.6, "histogram": [1, 2, 3, 4, 4, 3, 2, 1, 0, 0]},
            },
            "week": {"size": 1, "mean": 0.8, "median": 0.5},
            "days": [
                {"day": "2026-11-19", "size": 20, "mean": 43.9, "median": 42.25},
                {"day": "2026-11-20", "size": 20, "mean": 44.1, "median": 42.5},
            ],
        },
    ),
    "distribution.head": (
        {
            "version": 1,
            "partition": 0,
            "epoch": 1795391573000,
            "number": 42,
            "sequence": 1843,
            "day": 20777,
            "as_of": 20777,
            "rubric": "ssi",
            "rubric_version": "1",
            "kinds": ["industry", "team"],
            "places": 277,
            "names": None,
            "digest": None,
        },
    ),
}

_REFUSED = (
    b'{"specversion":"1.0","type":"activity.session.started","source":"/crm/emea","id":"s-81","subject":"m-1",'
    b'"time":"2026-11-20T08:30:00"}'
)
LETTER = DeadLetter(
    "bad_time",
    "time: the offset (time zone) is missing: end with Z or +01:00, as in 2026-11-20T08:30:00+01:00, got "
    "'2026-11-20T08:30:00'",
    "activity.events",
    2,
    40,
    1795391573000,
    b"m-1",
    _REFUSED,
)
"""A dead letter; its value is the event as it came."""

FRAME_ROWS: list[dict[str, Any]] = [
    {
        "member": "m-1",
        "time": 1795159800000,
        "signals": 2,
        "source": 2,
        "offset": 41,
        "id": 1234567890123456789,
        "side": 0,
        "registers": None,
        "letter": None,
        "peer": 0,
    }
]
"""The rows of a frame, to be read: in Kafka they are the columns of an Arrow record batch."""
