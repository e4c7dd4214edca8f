"""A traced event on a real Kafka: its spans reach a collector, and its score says which trace it is of."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from perf.worker_process import Worker
from tests.kit.events import dumps, event, member

IN_EVENT, IN_HEADER, UNSAMPLED = "a" * 32, "b" * 32, "c" * 32
WAIT_S = 60


class Collector:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        found = self.found = []  # type: list[Span]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for scope in resource.scope_spans:
                        found.extend(scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def trace(self, trace: str, name: str) -> list[Span]:
        return [span for span in self.found if span.trace_id.hex() == trace and span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _event(number: int, **extra: str) -> bytes:
    made = event("activity.search.made", {"kind": "people"}, id=f"e-{number}", subject=member(number))
    return dumps(made | {"time": datetime.now(UTC).isoformat()} | extra)


async def test_from_the_event_to_the_score(live: Settings, collector: Collector, tmp_path: Path) -> None:
    environment = {
        "PILLARSCORE_BROKER": live.broker,
        "PILLARSCORE_PREFIX": live.prefix,
        "PILLARSCORE_TRACING": "on",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    header = ("traceparent", f"00-{IN_HEADER}-{'2' * 16}-01".encode())
    sent = [
        (_event(1, traceparent=f"00-{IN_EVENT}-{'1' * 16}-01"), []),
        (_event(2), [header]),
        (_event(3, traceparent=f"00-{UNSAMPLED}-{'3' * 16}-00"), []),
        (_event(4, traceparent="00-' OR 1=1 --"), []),
        (_event(5), []),
    ]
    worker = Worker(environment, tmp_path / "worker.log")
    try:
        await asyncio.to_thread(worker.wait_ready)
        producer = AIOKafkaProducer(bootstrap_servers=live.broker)
        await producer.start()
        for value, headers in sent:
            await producer.send_and_wait(live.topic("events"), value, partition=0, headers=headers)
        await producer.stop()
        for trace in (IN_EVENT, IN_HEADER):
            await _until(lambda trace=trace: bool(collector.trace(trace, "commit")))
        async with asyncio.timeout(WAIT_S):
            while len(said := await _headers(live)) < len(sent):
                pass
    finally:
        worker.stop()  # which sends what is left, the transactions too
    for trace, origin in ((IN_EVENT, "1" * 16), (IN_HEADER, "2" * 16)):
        ((ingest,), (score,), (commit,)) = (collector.trace(trace, n) for n in ("ingest", "score", "commit"))
        assert ingest.parent_span_id.hex() == origin
        assert score.parent_span_id == ingest.span_id
        assert commit.parent_span_id == score.span_id
        (link,) = commit.links
        assert link.span_id in {span.span_id for span in collector.found if span.name == "transaction"}
        assert f"00-{trace}-{score.span_id.hex()}-01" in said.values()
    assert {span.trace_id.hex() for span in collector.found if span.name != "transaction"} == {
        IN_EVENT,
        IN_HEADER,
    }
    assert set(said) == {member(number) for number in range(1, 6)}
    assert [said[member(number)] for number in (3, 4, 5)] == [None] * 3


async def _headers(settings: Settings) -> dict[str, str | None]:
    """By member the traceparent of its newest committed score."""
    found: dict[str, str | None] = {}
    for partition in range(settings.frame_partitions):
        async with reader(settings, settings.topic("scores"), partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    parent = dict(record.headers).get("traceparent")
                    found[record.key.decode()] = None if parent is None else parent.decode()
    return found


async def _until(reached: Callable[[], bool]) -> None:
    end = asyncio.get_running_loop().time() + WAIT_S
    while not reached():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.05)
