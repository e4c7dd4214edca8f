"""What the screen and the JSON of `status` say of a status."""

import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from agents.config.settings import Settings
from agents.kafka.clients import client_id, worker_of
from agents.kafka.consumer_groups import Group
from agents.queries.next_steps import next_steps
from agents.queries.status import Lag, PartitionStatus, SourceStatus, Status, Survey, offsets
from agents.screens.status import as_json, screen
from schemas.ledger import Counters

ROOT = Path(__file__).parents[2]
AT = 1_790_000_000_000
DAY = AT // 86_400_000


def status(**changes: Any) -> Status:
    counters = Counters(read=1_010, scored=1_000, duplicate=4, dead_lettered=6)
    made = Status(
        at_ms=AT,
        broker="kafka:9092",
        prefix="",
        ingest=Group("ingest", "Stable", ("a:6066",), {0: "a:6066"}),
        score=Group("score", "Stable", ("a:6066", "b:6066"), {0: "a:6066", 1: "b:6066"}),
        sources=[SourceStatus(0, "a:6066", 1_010, Lag())],
        partitions=[
            PartitionStatus(0, "a:6066", Lag(), 60.4, 700, 0, DAY, 0.2),
            PartitionStatus(1, "b:6066", Lag(12, 3.4), 40.0, 300, 0, DAY, 4_000.0),
        ],
        events=counters,
        difference=0,
        settled=True,
        read_per_s=101.0,
        scored_per_s=100.4,
        members=1_000,
        day=DAY,
        rubrics=["ssi 1"],
        letters={"bad_time": 4, "invalid_json": 2},
        letters_seen=6,
    )
    return replace(made, **changes)


def shown(made: Status) -> str:
    out = StringIO()
    Console(file=out, width=120).print(screen(made))
    return out.getvalue()


def test_all_is_well_on_one_screen() -> None:
    text = shown(status())
    assert len(text.splitlines()) < 24
    assert "1,000 members as of 2026-09-21 by ssi 1" in text
    assert "Workers: a:6066, b:6066" in text
    assert "101 events/s read, 100 events/s scored" in text
    assert "1,010 events read: 1,000 scored, 4 duplicate" in text
    assert "all events accounted for" in text
    assert "Dead letters: 4 bad_time, 2 invalid_json" in text
    (row,) = (line for line in text.splitlines() if line.startswith("1  "))
    assert row.split()[1:5] == ["b:6066", "12", "3.4", "s"]
    assert "67 min ago" in row


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ingest": Group("ingest", "Empty"), "score": Group("score", "Dead")}, "No worker is running"),
        ({"score": Group("score", "PreparingRebalance", ("a:6066",))}, "group score is rebalancing"),
        ({"difference": 7, "broken": True}, "Conservation: BROKEN (+7)"),
        ({"difference": -7, "broken": True}, "Conservation: BROKEN (-7)"),
        ({"difference": 7}, "not settled yet"),
        ({"difference": 7, "settled": False}, "partitions differ in progress (+7)"),
        ({"letters_seen": 5}, "Dead letters (the newest 5)"),
        ({"events": Counters(lost=3)}, "Not counted: 3 lost"),
        ({"missing": 2, "lost": 4}, "Not counted: 2 missing, 4 lost"),
        ({"events": Counters(refused=5)}, "Not counted: 5 refused"),
        ({"letters": {}, "letters_seen": 0}, "Dead letters: none"),
        ({"read_per_s": None}, "? events/s read"),
        ({"sources": [SourceStatus(0, None, 5, Lag(5, 90_000.0))]}, "none"),
        ({"partitions": [PartitionStatus(0, None, Lag(), 0, 0, 0, None, None)], "day": None}, "never"),
        (
            {"partitions": [PartitionStatus(0, None, Lag(), 0, 5_000, 4_000, DAY, 0.1)]},
            "2026-09-21, 4,000 to roll over",
        ),
        ({"letters": {"\x1b[31m": 1}}, "1 \\x1b[31m"),
    ],
)
def test_what_is_not_well_is_said(changes: dict[str, Any], says: str) -> None:
    assert says in shown(status(**changes))


@pytest.mark.parametrize(
    "changes", [{"missing": 1}, {"lost": 1}, {"events": Counters(lost=1)}, {"events": Counters(refused=1)}]
)
def test_nothing_is_said_to_be_accounted_for_next_to_what_is_not(changes: dict[str, Any]) -> None:
    assert "accounted for" not in shown(status(**changes))


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"ingest": Group("ingest", "Empty"), "score": Group("score", "Empty")}, "'pillarscore worker'"),
        (
            {"sources": [SourceStatus(3, None, 5, Lag())]},
            "nobody owns events 3: start 'pillarscore worker --role ing",
        ),
        ({"partitions": [PartitionStatus(1, None, Lag(), 0, 0, 0, None, None)]}, "nobody owns members 1"),
        ({"difference": 7, "broken": True}, "(runbook, ConservationBroken)"),
        ({"missing": 2}, "(runbook, EventsMissing)"),
        ({"lost": 2}, "(runbook, EventsLost)"),
        ({"events": Counters(refused=2)}, "(runbook, FramesMissing)"),
        ({"sources": [SourceStatus(3, "a", 5, Lag(5, 90.0))]}, "events 3 lag"),
        (
            {"partitions": [PartitionStatus(1, "a", Lag(3, 90.0), 0, 0, 0, None, None)]},
            "(runbook, ScoreLagGrowing)",
        ),
    ],
)
def test_what_is_red_has_a_next_step(changes: dict[str, Any], step: str) -> None:
    made = status(**changes)
    assert any(step in line for line in next_steps(made))
    assert as_json(made)["next_steps"] == next_steps(made)
    found = shown(made)
    assert "Next:" in found
    sections = re.findall(r"\(runbook, (\w+)\)", " ".join(next_steps(made)))
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert sections
    assert all(f"## Pillarscore{name}\n" in runbook for name in sections)


def test_what_is_well_needs_no_next_step() -> None:
    assert next_steps(status()) == []


def test_totals_do_not_fall_when_partitions_differ_in_progress() -> None:
    """The partition of members may be ahead of the one that counts what was read, or behind it."""
    ahead = Counters(read=1_000, scored=1_010)
    assert "1,010 events read: 1,010 scored" in shown(status(events=ahead, difference=-10, settled=False))
    behind = Counters(read=1_010, scored=1_000)
    text = shown(status(events=behind, difference=10, settled=False))
    assert "1,010 events read: 1,000 scored" in text
    assert "NOT ACCOUNTED FOR" not in text


def test_sums_are_broken_only_when_they_stay_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("agents.queries.status.time.monotonic", lambda: now[0])
    topics = dict.fromkeys(("events", "frames", "ledger", "dead-letters"), 1)
    nobody: Any = None
    seen = Survey(Settings(commit_ms=100), nobody, nobody, reading=nobody, counts=topics)
    assert not seen._broken(True)
    assert seen.doubtful
    now[0] += 1.9
    assert not seen._broken(True), "a commit may take a second"
    now[0] += 0.2
    assert seen._broken(True)
    assert not seen._broken(False)
    assert not seen.doubtful
    assert not seen._broken(True)


def test_an_offset_that_several_partitions_miss_counts_once() -> None:
    assert offsets([{0: [(5, 8)]}, {0: [(5, 8)], 1: [(0, 2)]}, {0: [(7, 10)]}]) == 7


def test_json_says_the_same() -> None:
    found = json.loads(orjson.dumps(as_json(status()), option=orjson.OPT_NON_STR_KEYS))
    assert found["at"] == "2026-09-21T14:13:20.000+00:00"
    assert found["as_of"] == found["partitions"][0]["as_of"] == "2026-09-21"
    assert found["events"]["scored"] == 1_000
    assert found["score"]["owners"] == {"0": "a:6066", "1": "b:6066"}
    assert found["partitions"][1]["lag"] == {"records": 12, "seconds": 3.4}
    assert found["workers"] == ["a:6066", "b:6066"]
    assert found["difference"] == 0


def test_a_worker_is_found_by_its_client_id() -> None:
    assert worker_of(client_id(Settings(web_port=6067))).endswith(":6067")
    assert worker_of("somebody-else") == "somebody-else"
