"""k8s/components/strimzi: valid by Strimzi's schemas, the same topics as in the code, and users for both roles.

Nothing here speaks with a cluster. The schemas are the CRDs of Strimzi 1.2.0 (Apache License 2.0) without texts.
"""

import copy
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from agents.config.settings import TOPICS
from agents.docgen import strimzi
from agents.docgen.write import pages
from agents.topics.access import USERS
from agents.topics.specs import specs
from tests.kit import container
from tests.kit.settings import load
from tests.unit.test_kubernetes import K8S, VERSIONS, kustomized, of, pods, problem

FOLDER = K8S / "components" / "strimzi"
CRDS = json.loads(gzip.decompress((Path(container.ROOT) / "tests/kit/strimzi-crds.json.gz").read_bytes()))
Manifest = dict[str, Any]


def strict(node: Any) -> Any:
    """The schema as the API server applies it to `kubectl apply`: fields that it does not name are errors."""
    if isinstance(node, list):
        return [strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: strict(one) for name, one in node.items()}
    if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def schema(kind: str) -> dict[str, Any]:
    found = copy.deepcopy(CRDS[kind])
    found["properties"] |= {name: {} for name in ("apiVersion", "kind", "metadata")}
    made: dict[str, Any] = strict(found)
    return made


def wrong(manifest: Manifest) -> list[str]:
    """What the schema of its kind has against a manifest."""
    return [
        error.message
        for error in jsonschema.Draft202012Validator(schema(manifest["kind"])).iter_errors(manifest)
    ]


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The base with the component, in an overlay with other numbers of partitions."""
    folder = tmp_path_factory.mktemp("k8s") / "k8s"
    shutil.copytree(K8S, folder)
    overlay = folder / "overlays" / "test"
    overlay.mkdir()
    text = {
        "resources": ["../../base"],
        "configMapGenerator": [
            {
                "name": "pillarscore-settings",
                "behavior": "merge",
                "literals": ["PILLARSCORE_FRAME_PARTITIONS=12", "PILLARSCORE_EVENT_PARTITIONS=6"],
            }
        ],
        "components": ["../../components/strimzi"],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(text))
    return kustomized(overlay)


def ours(manifests: list[Manifest]) -> list[Manifest]:
    return [one for one in manifests if one["apiVersion"].startswith("kafka.strimzi.io/")]


def test_manifests_are_valid(manifests: list[Manifest]) -> None:
    assert {one["kind"] for one in ours(manifests)} == {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"}
    for manifest in manifests:
        if manifest in ours(manifests):
            assert wrong(manifest) == [], manifest["metadata"]["name"]
        else:
            assert [problem(manifest, version) for version in VERSIONS] == ["", ""]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("KafkaTopic", "spec.partition"),
        ("KafkaTopic", "spec.replicas"),
        ("KafkaUser", "spec.authorization.acl"),
        ("KafkaUser", "spec.authorization.type"),
        ("KafkaNodePool", "spec.storage.volume"),
        ("Kafka", "spec.kafka.listener"),
        ("Kafka", "spec.kafka.authorization.type"),
    ],
)
def test_a_wrong_field_is_found(manifests: list[Manifest], kind: str, path: str) -> None:
    spoilt = copy.deepcopy(next(one for one in manifests if one["kind"] == kind))
    *steps, last = path.split(".")
    place = spoilt
    for step in steps:
        place = place[step]
    place[last] = "wrong"
    assert wrong(spoilt) != []


def test_topics_are_those_of_the_code(manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch) -> None:
    (given,) = of(manifests, "ConfigMap")
    user = {"PILLARSCORE_SASL_USERNAME": "pillarscore-score"}
    settings = load(monkeypatch, container.environment() | given["data"] | user)
    assert settings.required_replication == 3
    found = {one["metadata"]["name"]: one["spec"] for one in of(manifests, "KafkaTopic")}
    assert set(found) == set(TOPICS.values())
    for topic in specs(settings):
        spec = found[settings.topic(topic.short)]
        assert spec["topicName"] == settings.topic(topic.short)
        assert spec["partitions"] == topic.partitions
        assert spec["replicas"] == 3
        assert {name: str(value) for name, value in spec["config"].items()} == topic.configs


@pytest.mark.parametrize("name", ["topics", "users"])
def test_generated_manifests_are_current(name: str) -> None:
    path = Path("k8s/components/strimzi") / f"{name}.yaml"
    assert (container.ROOT / path).read_text() == pages()[path], "make it again with make docs"


def test_each_role_connects_as_a_user_of_its_own(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    (given,) = of(manifests, "ConfigMap")
    users = {one["metadata"]["name"] for one in of(manifests, "KafkaUser")}
    assert users == {f"pillarscore-{user}" for user in USERS}
    (kafka,) = of(manifests, "Kafka")
    (listener,) = kafka["spec"]["kafka"]["listeners"]
    for role, template in pods(manifests).items():
        (one,) = template["spec"]["containers"]
        own = {entry["name"]: entry["value"] for entry in one["env"]}
        settings = load(monkeypatch, container.environment() | given["data"] | own)
        assert settings.sasl_username == f"pillarscore-{role}"
        assert settings.broker == f"{kafka['metadata']['name']}-kafka-bootstrap:{listener['port']}"
        assert settings.sasl_mechanism == listener["authentication"]["type"].upper()
        (volume,) = (v for v in template["spec"]["volumes"] if v["name"] == "kafka")
        (mount,) = (m for m in one["volumeMounts"] if m["name"] == "kafka")
        secrets = [source["secret"] for source in volume["projected"]["sources"]]
        assert [secret["name"] for secret in secrets] == [
            settings.sasl_username,
            f"{strimzi.CLUSTER}-cluster-ca-cert",
        ]
        there = {Path(mount["mountPath"]) / item["path"] for secret in secrets for item in secret["items"]}
        assert there == {settings.sasl_password_file, settings.ssl_cafile}


def test_the_brokers_are_replicated_as_tested(manifests: list[Manifest]) -> None:
    (kafka,), (pool,) = of(manifests, "Kafka"), of(manifests, "KafkaNodePool")
    config = kafka["spec"]["kafka"]["config"]
    assert pool["metadata"]["labels"]["strimzi.io/cluster"] == kafka["metadata"]["name"] == strimzi.CLUSTER
    assert pool["spec"]["replicas"] == 3
    for name in ("default", "offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        assert config[f"{name}.replication.factor"] == 3
    assert config["min.insync.replicas"] == config["transaction.state.log.min.isr"] == 2
    assert config["unclean.leader.election.enable"] is False
    assert config["auto.create.topics.enable"] is False
