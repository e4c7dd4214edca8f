"""Records as upstream systems really write them, on a real Kafka: what counts, and why the others don't.

Their values are the same for a file, so `verify` shows that live and files agree about all that counts.
"""

import asyncio
import base64
import gzip
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.cli import _run
from agents.config.settings import Settings
from agents.kafka.clients import admin
from agents.kafka.range_reader import reader
from agents.queries.commit_progress import counted
from perf.worker_process import Worker, total
from schemas.letters import DeadLetter
from tests.kit.batches import expanding
from tests.kit.events import dumps, event

NOW = datetime.now(UTC)
STRUCTURED = ("content-type", b"application/cloudevents+json")
HOUR_MS = 3_600_000


def made(who: str, source: str = "/odd", **attributes: Any) -> dict[str, Any]:
    """A comment on a post of ben's, now."""
    given = {"id": f"of-{who}", "subject": who, "time": NOW.isoformat(), "source": source} | attributes
    return event("activity.comment.written", {"author": "ben", "words": 7}, **given)


def named(one: dict[str, Any], prefix: str = "ce_") -> list[tuple[str, bytes]]:
    """The attributes of an event as headers."""
    return [(f"{prefix}{name}", value.encode()) for name, value in one.items() if name != "data"]


@dataclass
class Odd:
    """A record, and what becomes of it: counts says of whom (nobody: a dead letter with this reason and words)."""

    value: bytes | None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    counts: str = ""
    reason: str = ""
    says: str = ""
    timestamp_ms: int | None = None
    partition: int | None = None


DATA = dumps(made("x")["data"])
BINARY = ("content-type", b"application/json")


def _odd() -> list[Odd]:
    a = made
    without_data = {name: value for name, value in a("b64").items() if name != "data"}
    return [
        Odd(dumps(a("plain")), counts="plain"),
        # structured and binary
        Odd(dumps(a("both")), [STRUCTURED, *named(a("both"))], "both"),
        Odd(dumps(a("one-ext")), [STRUCTURED, ("ce_traceparent", b"00-1")], "one-ext"),
        Odd(dumps(a("other")), [STRUCTURED, *named(a("not-this"))], "other"),
        Odd(dumps(a("upper")), [("Content-Type", b" Application/CloudEvents+JSON ; charset=UTF-8")], "upper"),
        Odd(dumps(a("twice-ct")), [STRUCTURED, STRUCTURED], "twice-ct"),
        Odd(dumps(a("none-ct")), [("content-type", None)], "none-ct"),
        Odd(dumps(a("no-ct")), named(a("no-ct")), "no-ct"),
        Odd(DATA, [BINARY, *named(a("binary"))], "binary"),
        Odd(DATA, named(a("binary2")), "binary2"),
        Odd(DATA, [BINARY, *named(a("same")), ("ce_id", b"of-same")], "same"),
        Odd(
            DATA, [BINARY, *named(a("two-ids")), ("ce_id", b"of-another")], reason="bad_headers", says="twice"
        ),
        Odd(
            DATA,
            [BINARY, *[h for h in named(a("x")) if h[0] != "ce_time"]],
            reason="missing_field",
            says="time",
        ),
        Odd(
            DATA,
            [BINARY, *[h for h in named(a("x")) if h[0] != "ce_id"], ("ce_id", None)],
            reason="missing_field",
            says="id",
        ),
        Odd(
            DATA,
            [BINARY, *named(a("x", id="\xe9"))[:1], ("ce_id", b"\xe9"), *named(a("x"))[2:]],
            reason="bad_headers",
            says="UTF-8",
        ),
        Odd(DATA, [("content-type", b"text/plain"), *named(a("x"))], reason="bad_headers", says="text/plain"),
        Odd(DATA, [BINARY, *named(a("x"), "ce-")], reason="bad_headers", says="ce-"),
        Odd(
            b"[" + dumps(a("x")) + b"]",
            [("content-type", b"application/cloudevents-batch+json")],
            reason="unsupported_format",
            says="no batch",
        ),
        Odd(b"[" + dumps(a("x")) + b"]", reason="not_an_object", says="no batch"),
        Odd(
            dumps(a("x")),
            [("content-type", b"application/cloudevents+avro")],
            reason="unsupported_format",
            says="avro",
        ),
        Odd(dumps(without_data | {"data_base64": base64.b64encode(DATA).decode()}), counts="b64"),
        Odd(dumps(a("x") | {"data_base64": "e30="}), reason="bad_field", says="not both"),
        # no value
        Odd(None, reason="no_value"),
        Odd(None, [("traceparent", b"\xff\xfe")], reason="no_value"),
        Odd(None, [STRUCTURED, *named(a("x"))], reason="no_value"),
        Odd(b"", reason="invalid_json"),
        # other formats
        Odd(b"\xef\xbb\xbf" + dumps(a("bom")), counts="bom"),
        Odd(b" \r\n\t" + dumps(a("blanks")) + b"\n ", counts="blanks"),
        Odd(dumps(a("x")) + b"\0", reason="invalid_json"),
        Odd(b"\x00\x00\x00\x00\x07" + dumps(a("x")), reason="invalid_json", says="schema id 7"),
        Odd(b"\x00\x00\x00\x00\x07\x02\x04ab", reason="invalid_json", says="schema id 7"),
        Odd(b"Obj\x01\x04", reason="invalid_json", says="Avro"),
        Odd(gzip.compress(dumps(a("x"))), reason="invalid_json", says="gzip"),
        Odd(json.dumps(a("x")).encode("utf-16"), reason="invalid_json", says="UTF-16"),
        Odd(json.dumps(dumps(a("x")).decode()).encode(), reason="not_an_object", says="serialized twice"),
        Odd(b'{"a":' * 100_000, reason="invalid_json"),
        Odd(dumps(a("x"))[:-1] + b',"n":' + b"9" * 5000 + b"}", reason="invalid_json", says="number"),
        Odd(dumps(a("nan"))[:-1] + b',"n":NaN}', counts="nan"),
        Odd(b"<html>", reason="invalid_json", says="HTML"),
        # times
        Odd(dumps(a("x", time="2026-11-20T08:30Z")), reason="bad_time", says="seconds are missing"),
        Odd(dumps(a("x", time="9999-12-31T23:59:59Z")), reason="future_time"),
        # timestamps that can't be right
        Odd(dumps(a("zero")), counts="zero", timestamp_ms=0),
        Odd(dumps(a("seconds")), counts="seconds", timestamp_ms=int(NOW.timestamp())),
        Odd(dumps(a("ahead")), counts="ahead", timestamp_ms=int(NOW.timestamp() * 1000) + 5 * HOUR_MS),
        Odd(
            dumps(a("x", time=(NOW + timedelta(hours=5)).isoformat())),
            reason="future_time",
            timestamp_ms=int(NOW.timestamp() * 1000) + 5 * HOUR_MS,
        ),
        # headers that say nothing about the event
        Odd(dumps(a("many")), [(f"h{n}", None if n % 2 else b"\xff" * n) for n in range(300)], "many"),
        Odd(dumps(a("empty-name")), [("", b"")], "empty-name"),
        Odd(dumps(a("last")), counts="last"),
    ]


async def _by_producer(settings: Settings) -> None:
    """Let the events' topic take its timestamps from producers, whatever they are."""
    async with admin(settings) as client:
        config = {"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(2**62)}
        topic = ConfigResource(ConfigResourceType.TOPIC, settings.topic("events"), configs=config)
        answers = await client.alter_configs([topic])
        assert all(error[0] == 0 for answer in answers for error in answer.resources), answers


async def _publish(settings: Settings, odd: list[Odd]) -> dict[int, int]:
    """Send the records in turn to all partitions; how many each has."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
    await producer.start()
    try:
        sent: dict[int, int] = {}
        for number, one in enumerate(odd):
            partition = number % settings.event_partitions if one.partition is None else one.partition
            how = {"headers": one.headers, "timestamp_ms": one.timestamp_ms, "partition": partition}
            await producer.send_and_wait(settings.topic("events"), one.value, key=b"k", **how)
            sent[partition] = sent.get(partition, 0) + 1
        return sent
    finally:
        await producer.stop()


async def _letters(settings: Settings) -> dict[int, DeadLetter]:
    """The dead letters by the number of their record."""
    found = {}
    for partition in range(settings.letter_partitions):
        async with reader(settings, settings.topic("dead-letters"), partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    letter = DeadLetter.from_record(record.key, record.value, record.headers)
                    found[letter.offset * settings.event_partitions + letter.partition] = letter
    return found


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs `verify` with a file; returns its exit code and what it says."""

    def run(settings: Settings, file: Path, *arguments: str) -> tuple[int, str]:
        monkeypatch.setenv("PILLARSCORE_BROKER", settings.broker)
        monkeypatch.setenv("PILLARSCORE_PREFIX", settings.prefix)
        capsys.readouterr()
        code = _run([*arguments, str(file)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def _worker(settings: Settings, tmp_path: Path) -> Worker:
    return Worker(
        {"PILLARSCORE_BROKER": settings.broker, "PILLARSCORE_PREFIX": settings.prefix}, tmp_path / "log"
    )


async def test_odd_records_count_or_say_why_not(live: Settings, tmp_path: Path, verified) -> None:
    await _by_producer(live)
    odd = _odd()
    worker = _worker(live, tmp_path)
    try:
        await asyncio.to_thread(worker.wait_ready)
        sent = await _publish(live, odd)
        assert await counted(live, sent, within_s=60) is not None
        metrics = await asyncio.to_thread(worker.metrics)
        assert worker.problems() == []
        letters = await _letters(live)
        wrong = {
            number: (one, letters.get(number))
            for number, one in enumerate(odd)
            if bool(one.counts) == (number in letters)
            or (number in letters and letters[number].reason != one.reason)
            or (number in letters and one.says not in letters[number].message)
        }
        assert not wrong
        assert total(metrics, "pillarscore_events", '"scored"') == sum(bool(one.counts) for one in odd)
        assert total(metrics, "pillarscore_untrusted_timestamps_total") == 4
        file = tmp_path / "events.ndjson"
        file.write_bytes(b"".join(dumps(made(one.counts)) + b"\n" for one in odd if one.counts))
        code, said = await asyncio.to_thread(verified, live, file, "verify")
        assert (code, said.splitlines()[-1]) == (
            0,
            f"{1 + sum(bool(one.counts) for one in odd)} members, 0 differences",
        ), said
    finally:
        await asyncio.to_thread(worker.stop)


SOON_S = 15
"""How far beyond what is allowed a time is that is refused, and no longer ahead a little later."""


def _ahead(now: datetime, ahead_s: float) -> list[Odd]:
    """Events of a producer in a zone east of Greenwich that writes its local time with a Z, and of others."""
    late = timedelta(seconds=ahead_s)
    times = {
        "in-time": timedelta(0),
        "little-ahead": late - timedelta(seconds=600),
        "soon": late + timedelta(seconds=SOON_S),
        "local-time": timedelta(hours=5),
        "tomorrow": timedelta(hours=30),
    }
    return [
        Odd(
            dumps(made(f"{who}{n}", time=(now + off).isoformat())),
            reason="future_time" if off > late else "",
            timestamp_ms=None if stamp is None else int((now + stamp).timestamp() * 1000),
        )
        for n, stamp in enumerate([None, timedelta(0), timedelta(hours=5), timedelta(hours=30)])
        for who, off in times.items()
    ]


def _again(now: datetime) -> list[Odd]:
    """Events of two systems that count from 0 again and again: four of each id, for another counterpart each time."""
    return [
        Odd(
            dumps(
                event(
                    "activity.comment.written",
                    {"author": f"author-{n}", "words": 7},
                    **{"id": str(n % 3), "subject": f"m-{n % 3}", "source": f"/crm-{n % 2}"},
                    time=(now - timedelta(minutes=n)).isoformat(),
                )
            ),
            partition=n % 2,  # a system's events are in order
        )
        for n in range(24)
    ]


async def test_times_that_are_ahead_and_ids_used_again_are_no_difference(
    live: Settings, tmp_path: Path, verified
) -> None:
    await _by_producer(live)
    worker = _worker(live, tmp_path)
    file = tmp_path / "events.ndjson"
    try:
        await asyncio.to_thread(worker.wait_ready)
        now = datetime.now(UTC)
        odd = [*_ahead(now, live.ahead_s), *_again(now)]
        file.write_bytes(b"".join(one.value + b"\n" for one in odd))
        sent = await _publish(live, odd)
        assert await counted(live, sent, within_s=60) is not None
        letters = await _letters(live)
        assert {one.reason for one in letters.values()} == {"future_time"}
        assert {one.value for one in letters.values()} == {one.value for one in odd if one.reason}
        metrics = await asyncio.to_thread(worker.metrics)
        reused = {name: count for name, count in metrics.items() if "conflicting_events_total" in name}
        labels = [f'pillarscore_conflicting_events_total{{event_source="/crm-{n}"}}' for n in range(2)]
        assert reused == dict.fromkeys(labels, 9.0)
        members = len([one for one in _ahead(now, live.ahead_s) if not one.reason]) + 1 + 3 + 6
        clean = f"{members} members, 0 differences"
        code, said = await asyncio.to_thread(verified, live, file, "verify")
        assert (code, said.splitlines()[-1]) == (0, clean), said
        # what was ahead when it was read is refused for good, in the file as well
        async with asyncio.timeout(2 * SOON_S):
            while datetime.now(UTC) < now + timedelta(seconds=SOON_S + 1):
                await asyncio.sleep(0.2)
        code, said = await asyncio.to_thread(verified, live, file, "verify")
        assert (code, said.splitlines()[-1]) == (0, clean), said
        # a file alone can't know that, but what is ahead now it refuses as live does
        code, said = await asyncio.to_thread(verified, live, file, "score", "--format", "json")
        found = json.loads(said[said.index("{") : said.rindex("}") + 1])
        assert code == 0
        assert found["dead_letters"] == {"future_time": 8}
        assert found["events"]["duplicate"] == 18
    finally:
        await asyncio.to_thread(worker.stop)


async def test_a_batch_that_expands_without_end_costs_itself_alone(live: Settings, tmp_path: Path) -> None:
    """Kilobytes on the wire, over a gigabyte in memory: the process would end, and again after each restart."""
    producer = AIOKafkaProducer(bootstrap_servers=live.broker)
    worker = _worker(live, tmp_path)
    try:
        await producer.start()
        await asyncio.to_thread(worker.wait_ready)
        await producer.send_and_wait(live.topic("events"), dumps(made("before")), partition=0)
        batch = producer.create_batch()
        batch.append(key=b"k", value=b"v", timestamp=None)
        batch._buffer = expanding(1200 << 20)
        await (await producer.send_batch(batch, live.topic("events"), partition=0))
        await producer.send_and_wait(live.topic("events"), dumps(made("after")), partition=0)
        assert await counted(live, {0: 3}, within_s=60) is not None
        (letter,) = (await _letters(live)).values()
        assert letter.reason == "bad_batch"
        assert "expands to more than 128 MiB" in letter.message
        assert worker.peak_mb() < 700
    finally:
        await producer.stop()
        await asyncio.to_thread(worker.stop)
