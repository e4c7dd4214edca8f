"""Every query that Grafana or Prometheus will ask is asked here, of a real Prometheus on a worker at work.

Each has to parse, and to give data where data is expected: that is, unless it asks for a metric that the
registry does not have yet, or is in EMPTY. Then the worker stops, and a real Alertmanager has to tell of it.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from agents.metrics import Metrics
from perf.worker_process import Worker
from prometheus.build import addresses
from tests.kit.dashboards import Asked, asked, bind, names, rules, variables
from tests.kit.events import TYPES, dumps, random_events
from tests.kit.monitoring import Alertmanager, Prometheus, until

WAIT_S = 60.0
DATA_S = 120.0
BATCH = 400
WEEK = "it compares with a week ago, of which this Prometheus knows nothing"
EMPTY = {
    "Pillarscore / Pipeline: Alerts (A)": "none fires while all is well; it is asked again at the end",
    "Pillarscore / Data quality: Events, compared with a week ago (A)": WEEK,
    "Pillarscore / One worker: Certificates (A)": "this Kafka is reached without TLS",
    "PillarscoreCertificateExpiring": "this Kafka is reached without TLS",
    "PillarscoreFewEvents": WEEK,
    "PillarscoreManyNewMembers": "it compares with the members of an hour before",
    "PillarscoreOutageRecent": "neither Kafka nor all workers were away; its promtool test has an outage",
    "PillarscoreDayStandsStill": "the day has not moved within the test",
    "annotation Day rollovers": "no midnight falls into the test, as a rule",
}
"""What may be without data, by the end of its name, and why."""
NO_SERIES = {"PillarscoreCertificateExpiring"}
"""Rules whose metric has no series here."""
_KINDS = [kind for kind in TYPES if kind not in ("activity.member.erased", "activity.spam.reported")]
"""What brings a few members through the bands quickly."""


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    made = Alertmanager(tmp_path / "alertmanager")
    yield made
    made.stop()


@pytest.fixture
def prometheus(tmp_path: Path, alertmanager: Alertmanager) -> Iterator[Prometheus]:
    made = Prometheus(tmp_path / "prometheus", alertmanager.url.removeprefix("http://"))
    yield made
    made.stop()


class Load:
    """Events of today and of the weeks before, some twice, some that are none, batch after batch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._today = datetime.now(UTC)
        self._sent = 0

    async def publish(self) -> None:
        """One batch."""
        producer = AIOKafkaProducer(bootstrap_servers=self._settings.broker)
        await producer.start()
        try:
            sent = []
            for value in self._batch():
                partition = self._sent % self._settings.event_partitions
                self._sent += 1
                sent.append(await producer.send(self._settings.topic("events"), value, partition=partition))
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    def _batch(self) -> list[bytes]:
        day = (self._today.date() - datetime(1970, 1, 1).date()).days
        values = []
        made = list(random_events(self._sent, BATCH, 5, day - 60, day - 1, _KINDS, duplicates=0.05))
        for number, one in enumerate(made):
            fresh = (datetime.now(UTC) - timedelta(milliseconds=50)).isoformat()
            values.append(dumps(one | {"time": fresh} if number % 2 else one))
        # by default no source may erase a member
        erasure = dumps(made[0] | {"id": f"erased-{self._sent}", "type": "activity.member.erased"})
        return [*values, *values[:10], erasure, b"no event"]


def _there(query: Asked) -> bool:
    """Whether the code has all metrics that are asked for; what is recorded is tried as a rule."""
    known = {metric.name for metric in Metrics().registry.collect()}
    bare = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in names(query.expr) if ":" not in name}
    return bare <= known


def _with_data(query: Asked) -> bool:
    return _there(query) and not any(query.where.endswith(end) for end in EMPTY)


def _bound(query: Asked, worker: str) -> Asked:
    """With the variables put in: all workers, or the one of the dashboard of one."""
    instance = re.escape(worker).replace("\\", "\\\\") if "One worker" in query.where else ".*"
    values = {"job": "pillarscore", "instance": instance, "partition": ".*"}
    values |= {"__rate_interval": "20s", "__range": "60s"}
    return replace(query, expr=bind(query.expr, values))


def _rules() -> list[Asked]:
    made = []
    for rule in rules():
        # those after `with` need not be there
        labels = re.findall(r"(?<!with )\$labels\.(\w+)", rule.get("annotations", {}).get("summary", ""))
        made.append(Asked(rule.get("alert") or rule["record"], rule["expr"], True, frozenset(labels)))
    return made


def _without_thresholds(query: Asked) -> Asked:
    """What is compared with a threshold has nothing to show while all is well; without it, it has."""
    bare = re.sub(r"\s*([=!]=|[<>]=?) [\d.e]+( \* \d+)?(?=$|[\s)])", "", query.expr)
    return replace(query, expr=bare, instant=True)


def _check_labels(query: Asked, prometheus: Prometheus) -> None:
    """Legends, columns and summaries name labels that the series have; raises when the query is refused."""
    for series in prometheus.ask(query):
        assert query.labels <= series["metric"].keys(), f"{query.where}: {series['metric']}"


async def _until_all(prometheus: Prometheus, queries: list[Asked], load: Load) -> None:
    """Publish until every query has data."""
    end = time.monotonic() + DATA_S
    left = queries
    while left:
        await load.publish()
        left = [q for q in left if not await asyncio.to_thread(prometheus.has_data, q)]
        await asyncio.sleep(0.2)
        assert time.monotonic() < end, "no data:\n" + "\n".join(f"{q.where}: {q.expr}" for q in left)


async def test_every_query_has_data_and_an_alert_arrives(
    live: Settings, tmp_path: Path, prometheus: Prometheus, alertmanager: Alertmanager
) -> None:
    environment = {
        "PILLARSCORE_BROKER": live.broker,
        "PILLARSCORE_PREFIX": live.prefix,
        "PILLARSCORE_SOURCES": "default",
    }
    began = time.time() - 1
    workers = [Worker(environment, tmp_path / "first.log")]
    load = Load(live)
    try:
        first = f"127.0.0.1:{workers[0].port}"
        queries = [_bound(query, first) for query in asked()]
        rebalances = [q for q in queries if q.where.endswith("annotation Rebalances")]
        assert len(rebalances) == 4
        await asyncio.to_thread(workers[0].wait_ready)
        prometheus.scrape([workers[0].port])
        recorded = [rule for rule in _rules() if ":" in rule.where]
        expected = [q for q in queries + recorded if _with_data(q) and q not in rebalances]
        await _until_all(prometheus, expected, load)

        for query in queries + _rules():
            _check_labels(query, prometheus)
            if _with_data(query) and " unless " not in query.expr:
                whole = _without_thresholds(query)
                assert prometheus.has_data(whole), f"{query.where}: no data for {whole.expr}"
                _check_labels(whole, prometheus)
        for where, selector, label in variables():
            values = {"job": "pillarscore", "instance": ".*"}
            assert prometheus.label_values(bind(selector, values), label), where
        for query in _rules():
            for name in names(query.expr):
                if _there(query) and query.where not in NO_SERIES:
                    assert prometheus.ask(Asked(query.where, name, True)), (
                        f"{query.where}: there is no {name}"
                    )

        workers.append(Worker(environment, tmp_path / "second.log"))
        await asyncio.to_thread(workers[1].wait_ready)
        prometheus.scrape([worker.port for worker in workers])
        await _until_all(prometheus, rebalances, load)
        (deploys, *_) = [q for q in queries if q.where.endswith("annotation Deploys")]

        def starts() -> set[float]:
            return {float(v) / 1000 for of in prometheus.ask(deploys) for _, v in of["values"]}

        await asyncio.to_thread(until, lambda: len(starts()) == 2, WAIT_S, "a mark of each worker")
        assert all(began < start < time.time() for start in starts())
        said = prometheus.get("/api/v1/rules")["data"]["groups"]
        unwell = [rule for group in said for rule in group["rules"] if rule["health"] != "ok"]
        assert unwell == []

        def active() -> set[str]:
            groups = prometheus.get("/api/v1/rules")["data"]["groups"]
            truth = next(group["rules"] for group in groups if group["name"] == "pillarscore-truth")
            return {rule["name"] for rule in truth if rule["state"] != "inactive"}

        # without its `for`, this one notices that nobody publishes benchmarks while the partition moves
        assert active() <= {"PillarscoreBenchmarksStale"}
        await asyncio.to_thread(until, lambda: not active(), WAIT_S, "a publisher of benchmarks again")
    finally:
        for worker in workers:
            worker.stop()

    def received(receiver: str, name: str) -> list[dict]:
        return [
            a for to, a in list(alertmanager.received) if to == receiver and a["labels"]["alertname"] == name
        ]

    assert until(lambda: received("heartbeat", "PillarscoreWatchdog"), WAIT_S, "the watchdog")
    (page, *_) = until(lambda: received("pages", "PillarscoreNoWorker"), WAIT_S, "the alert of no worker")
    assert page["status"] == "firing"
    assert page["annotations"]["summary"] == "No worker of pillarscore answers"
    assert page["annotations"]["runbook_url"] == f"{addresses()['runbook']}#pillarscorenoworker"

    def inhibited() -> bool:
        found = {a["labels"]["alertname"]: a["status"] for a in alertmanager.get("/api/v2/alerts")}
        return bool(found.get("PillarscoreWorkerDown", {}).get("inhibitedBy"))

    assert until(inhibited, WAIT_S, "the single workers' alerts held back by it")
    shown = [q for q in queries if q.where == "Pillarscore / Pipeline: Alerts (A)"]
    assert [q for q in shown if prometheus.has_data(q)] == shown != []
