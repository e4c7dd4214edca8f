"""A sampled event's trace goes through its frame to its score; what is hostile or not sampled leaves none."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agents.config.settings import Settings
from agents.tracing import tracing
from agents.tracing.choice import MAX_EVENTS, chosen
from agents.tracing.spans import Tracing
from perf.fake_records import NOW, FakeRecord
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer, runs_of
from pipeline.intake.record_intake import Intake
from schemas.frames import Frame, decode
from schemas.traces import TraceContext, sampled
from tests.kit.events import DAY, dumps, event, member
from tests.kit.rubrics import SSI
from tests.kit.shards import new_shard

PARTITIONS = 2


def parent(trace: int, span: int = 7, flags: str = "01") -> str:
    return f"00-{trace:032x}-{span:016x}-{flags}"


def comment(number: int, **extra: Any) -> bytes:
    data = {"author": member(number + 50), "words": 9}
    made = event("activity.comment.written", data, id=f"c-{number}", subject=member(number))
    return dumps(made | extra)


class Traced:
    """Ingest and score of some records, with their spans in memory."""

    def __init__(self, records: list[FakeRecord], ratio: float = 1.0) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        made = Tracing(provider, ratio, Settings(prefix="t-"))
        intake, framer = Intake(0, 900_000, credits(5)), Framer(PARTITIONS)
        sources = np.array([record.partition for record in records])
        for source in (0, 1):
            framer.begin(source, 0)
        offsets = {
            s: np.array([r.offset for r in records if r.partition == s]) for s in set(sources.tolist())
        }
        rows = intake.rows(records, sources, "t-activity.events")
        spans = made.ingest.begin(records, sources, rows, began=NOW * 1_000_000)
        read = {s: (runs_of(o), int(o[-1]) + 1) for s, o in offsets.items()}
        frames = framer.frames(rows, read)
        for span in spans:
            span.end()
        self.shards = {p: new_shard(SSI, DAY) for p in frames}
        self.of = {p: made.of(p) for p in frames}
        self.frames: dict[int, Frame] = {p: decode(data) for p, data in frames.items()}

    def count(self) -> dict[bytes, list[tuple[str, bytes]]]:
        """Apply the frames, drain; the headers of the score records."""
        headers: dict[bytes, list[tuple[str, bytes]]] = {}
        for p, frame in self.frames.items():
            shard = self.shards[p]
            shard.apply(frame, shard.frame + 1, NOW)
            self.of[p].counted(frame, shard.traced, shard.frame, began=NOW * 1_000_000)
            emission = shard.drain()
            mine = self.of[p].headers()
            assert set(mine) <= {key for key, _ in emission.scores}
            headers |= mine
            self.of[p].queued(shard.emitter.revision)
        return headers

    def commit(self) -> None:
        for traces in self.of.values():
            traces.committed()

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]


def test_an_event_is_followed_to_its_score() -> None:
    run = Traced(
        [
            FakeRecord(comment(1, traceparent=parent(0xABC), tracestate="vendor=x")),
            FakeRecord(comment(2), offset=1),
        ]
    )
    headers = run.count()
    run.commit()
    (ingest,) = run.spans("ingest")
    assert ingest.context.trace_id == 0xABC
    assert ingest.parent is not None
    assert ingest.parent.span_id == 7
    assert ingest.context.trace_state.to_header() == "vendor=x"
    scores = run.spans("score")
    assert sorted(str(span.attributes["pillarscore.side"]) for span in scores) == ["actor", "counterpart"]
    for span in scores:
        assert span.context.trace_id == 0xABC
        assert span.parent is not None
        assert span.parent.span_id == ingest.context.span_id
        assert span.attributes["pillarscore.counted"]
    commits, transactions = run.spans("commit"), run.spans("transaction")
    assert {c.parent.span_id for c in commits if c.parent} == {s.context.span_id for s in scores}
    assert {link.context.span_id for c in commits for link in c.links} == {
        t.context.span_id for t in transactions
    }
    assert {link.context.span_id for t in transactions for link in t.links} == {
        s.context.span_id for s in scores
    }
    assert all(t.context.trace_id != 0xABC and t.parent is None for t in transactions)
    actor = next(s for s in scores if s.attributes["pillarscore.side"] == "actor")
    assert headers[member(1).encode()] == [
        ("traceparent", parent(0xABC, actor.context.span_id).encode()),
        ("tracestate", b"vendor=x"),
    ]
    assert set(headers) == {member(1).encode(), member(51).encode()}


def test_the_last_traced_event_is_that_of_the_score() -> None:
    first = dumps(event("activity.session.started", id="1") | {"traceparent": parent(1)})
    last = dumps(event("activity.session.started", id="2") | {"traceparent": parent(2)})
    run = Traced([FakeRecord(first), FakeRecord(last, offset=1)])
    (said,) = run.count().values()
    assert f"{2:032x}".encode() in said[0][1]
    run.commit()
    (transaction,) = run.spans("transaction")
    assert {link.context.trace_id for link in transaction.links} == {1, 2}


def test_the_header_of_the_last_hop_goes_first() -> None:
    headers = (("traceparent", parent(5).encode()), ("tracestate", b"a=b"))
    binary = (("ce_traceparent", parent(6).encode()),)
    records = [
        FakeRecord(comment(1, traceparent=parent(4)), headers=headers),
        FakeRecord(comment(2), offset=1, headers=binary),
        FakeRecord(comment(3, traceparent=parent(4)), offset=2, headers=(("traceparent", b"\xff"),)),
    ]
    assert [(at, context.trace_id) for at, context in chosen(records, 1.0)] == [(0, 5), (1, 6), (2, 4)]


def test_a_duplicate_changes_no_score() -> None:
    made = comment(1, traceparent=parent(9))
    run = Traced([FakeRecord(made), FakeRecord(made, offset=1)])
    run.count()
    counted = [span.attributes["pillarscore.counted"] for span in run.spans("score")]
    assert sorted(map(bool, counted)) == [False, False, True, True]


def test_the_trace_of_a_dead_letter_ends_in_ingest() -> None:
    bad = dumps(event("activity.no.such.type") | {"traceparent": parent(3)})
    run = Traced([FakeRecord(bad)])
    assert run.count() == {}
    (ingest,) = run.spans("ingest")
    assert ingest.status.description == "dead letter: unknown_type"
    assert run.spans("score") == []


def test_what_is_not_committed_says_so() -> None:
    run = Traced([FakeRecord(comment(1, traceparent=parent(0xABC)))])
    run.count()
    for traces in run.of.values():
        traces.dropped()
    ended = run.spans("commit") + run.spans("transaction")
    assert {span.status.description for span in ended} == {"not committed"}
    run.commit()
    assert len(run.spans("commit") + run.spans("transaction")) == len(ended)


def test_few_of_a_batch_are_traced() -> None:
    run = Traced([FakeRecord(comment(n, traceparent=parent(n + 1)), offset=n) for n in range(200)])
    assert len(run.spans("ingest")) == MAX_EVENTS
    assert all(len(frame.traces) <= 2 * MAX_EVENTS for frame in run.frames.values())


def test_ratio_chooses_by_the_trace() -> None:
    rng = np.random.default_rng(1)
    ids = [int(x) for x in rng.integers(1, 1 << 63, 400)]
    records = [[FakeRecord(comment(1, traceparent=parent(n << 1)))] for n in ids]
    share = sum(bool(chosen(one, 0.25)) for one in records) / len(ids)
    assert 0.18 < share < 0.32
    assert not any(chosen(one, 0.0) for one in records)


def test_frames_without_traces_are_what_they_were() -> None:
    run = Traced([FakeRecord(comment(1))])
    assert run.exporter.get_finished_spans() == ()
    assert [frame.traces for frame in run.frames.values()] == [[] for _ in run.frames]


HOSTILE = [
    *("", "00", "x" * 10_000, parent(1, flags="00"), parent(1, flags="zz"), parent(0), parent(1, 0)),
    *(
        parent(1).upper().replace("1", "A"),
        parent(1) + "-x",
        parent(1) + "\n",
        " " + parent(1),
        "ff" + parent(1)[2:],
    ),
    *(
        "01" + parent(1)[2:],
        parent(1).replace("0", "٠"),
        parent(1)[:-3],
        None,
        7,
        1e300,
        True,
        [parent(1)],
        {"a": 1},
    ),
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_hostile_values_are_no_trace_and_no_dead_letter(value: Any) -> None:
    record = FakeRecord(comment(1, traceparent=value))
    header = FakeRecord(
        comment(2), offset=1, headers=(("traceparent", str(value).encode()), ("tracestate", b"\0"))
    )
    run = Traced([record, header])
    run.count()
    assert run.exporter.get_finished_spans() == ()
    assert sum(len(frame) for frame in run.frames.values()) == 4
    assert not any(frame.letter.null_count < len(frame) for frame in run.frames.values())


@pytest.mark.parametrize(
    "value",
    [
        b'{"data":{"traceparent":"%b"}}' % parent(1).encode(),
        b'{"traceparent":"%b"' % parent(1).encode(),
        b'[{"traceparent":"%b"}]' % parent(1).encode(),
        b'{"traceparent" : null, "x": {"traceparent":"%b"}}' % parent(1).encode(),
        None,
    ],
)
def test_only_the_attribute_of_the_event_counts(value: bytes | None) -> None:
    assert chosen([FakeRecord(value)], 1.0) == []


def test_a_header_that_comes_twice_says_nothing() -> None:
    twice = (("traceparent", parent(1).encode()), ("traceparent", parent(2).encode()))
    assert chosen([FakeRecord(comment(1), headers=twice)], 1.0) == []
    null: Any = (("traceparent", None),)
    assert chosen([FakeRecord(comment(1), headers=null)], 1.0) == []


def test_nested_ones_cost_little() -> None:
    """Each looks like one until it is parsed; only so many are."""
    hidden = b'{"data":{"traceparent":"%b"}}' % parent(1).encode()
    real = FakeRecord(comment(1, traceparent=parent(1)))
    assert len(chosen([FakeRecord(hidden)] * 63 + [real], 1.0)) == 1
    assert chosen([FakeRecord(hidden)] * 64 + [real], 1.0) == []


@given(
    st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True), st.text()
)
def test_any_text_is_a_context_or_none(value: str, state: str) -> None:
    context = sampled(value, state)
    if context is not None:
        assert context == TraceContext(value, context.state)
        assert 0 < context.trace_id < 1 << 128
        assert 0 < context.span_id < 1 << 64
        assert context.state in ("", state)


@pytest.mark.parametrize(
    ("state", "good"),
    [
        ("a=b", True),
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", True),
        ("tenant@vendor=1 , b=2", True),
        ("", False),
        ("A=b", False),
        ("a=b,", False),
        ("a=b\n", False),
        ("a=" + "b" * 600, False),
        (",".join(f"k{n}=v" for n in range(33)), False),
        (None, False),
        (["a=b"], False),
    ],
)
def test_a_state_that_is_not_valid_is_left_out(state: Any, good: bool) -> None:
    context = sampled(parent(1), state)
    assert context is not None
    assert context.state == (state if good else "")


def test_off_loads_nothing_of_opentelemetry() -> None:
    assert tracing(Settings()) is None
    code = (
        "import sys, agents.worker.worker, agents.cli.worker\n"
        "from agents.config.settings import Settings\n"
        "from agents.tracing import tracing\n"
        "assert tracing(Settings()) is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
