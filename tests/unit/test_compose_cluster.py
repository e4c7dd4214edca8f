"""docker-compose.cluster.yml: three brokers and the workers that require them."""

from typing import Any

import orjson
import pytest

from tests.kit.settings import load
from tests.unit.test_compose import ROOT, SINGLE, compose, container, mounts
from tests.unit.test_compose import services as services

CLUSTER = ROOT / "docker-compose.cluster.yml"


@pytest.fixture(scope="module")
def clustered() -> dict[str, Any]:
    """The services of the cluster, as Compose understands them."""
    done = compose(CLUSTER)
    assert done.returncode == 0, done.stderr.decode()
    assert b"warn" not in done.stderr.lower(), done.stderr.decode()
    found: dict[str, Any] = orjson.loads(done.stdout)["services"]
    return found


def test_three_brokers_find_each_other_and_keep_three_copies(clustered: dict[str, Any]) -> None:
    brokers = {name: one for name, one in clustered.items() if name.startswith("kafka-")}
    assert len(brokers) == 3
    ports, volumes, shared = set(), set(), []
    for name, one in brokers.items():
        given = dict(one["environment"])
        number = given.pop("KAFKA_NODE_ID")
        advertised = dict(x.split("://") for x in given.pop("KAFKA_ADVERTISED_LISTENERS").split(","))
        (port,) = one["ports"]
        assert advertised == {"INSIDE": f"{name}:9092", "OUTSIDE": f"127.0.0.1:{port['published']}"}
        assert port["host_ip"] == "127.0.0.1"
        assert f"{number}@{name}:9093" in given["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
        ports.add(port["published"])
        volumes |= {volume["source"] for volume in one["volumes"]}
        shared.append(given)
    assert len(ports) == len(volumes) == 3
    assert shared[0] == shared[1] == shared[2]
    given = {
        name.removeprefix("KAFKA_").replace("_", ".").lower(): value for name, value in shared[0].items()
    }
    for name in SINGLE:
        assert given[name] == ("2" if name.endswith("min.isr") else "3"), name
    assert given["min.insync.replicas"] == "2"
    assert given["unclean.leader.election.enable"] == "false"
    assert given["auto.create.topics.enable"] == "false"


def test_the_workers_of_the_cluster_require_its_copies(
    clustered: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = [one for name, one in clustered.items() if name.startswith("pipeline")]
    assert len(workers) == 2
    for worker in workers:
        settings = load(monkeypatch, container.environment() | worker["environment"])
        assert settings.broker == "kafka-1:9092,kafka-2:9092,kafka-3:9092"
        assert (settings.replication, settings.required_replication) == (3, 3)
        assert set(worker["depends_on"]) == {"kafka-1", "kafka-2", "kafka-3"}
        assert worker["read_only"]
    assert len({volume["source"] for worker in workers for volume in worker["volumes"]}) == 2


def test_the_rest_of_the_cluster_is_that_of_one_broker(
    clustered: dict[str, Any], services: dict[str, Any]
) -> None:
    for name in ("prometheus", "alertmanager", "grafana"):
        mine, theirs = (
            {k: v for k, v in one[name].items() if k != "volumes"} for one in (clustered, services)
        )
        assert mine == theirs, name
    one, several = (
        (ROOT / "prometheus" / name).read_text() for name in ("prometheus.yml", "prometheus.cluster.yml")
    )
    assert several.partition("\n")[2] == one.partition("\n")[2].replace(
        "names: [pipeline]", "names: [pipeline, pipeline-2]"
    )
    assert "prometheus.cluster.yml" in mounts(clustered["prometheus"])["/etc/prometheus/prometheus.yml"]
    ports = [port["published"] for service in clustered.values() for port in service.get("ports", ())]
    assert len(ports) == len(set(ports)) == 8
