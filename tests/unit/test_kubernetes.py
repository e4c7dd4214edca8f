"""The manifests in k8s/, as kustomize puts them together: valid by the schemas, and true to the code.

Nothing here speaks with a cluster.
"""

import copy
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from pydantic import ValidationError

from agents.adapters.frame_group import faust_app
from agents.cli import app
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.worker.worker import STOP_S
from tests.kit import container
from tests.kit.settings import load

K8S = container.ROOT / "k8s"
KUBECTL = Path(sys.executable).parent / "kubectl"
VERSIONS = ("1.31", "1.37")
"""Of Kubernetes: the oldest and the newest that the manifests are held against."""
SCALER = {
    "bootstrapServers",
    "consumerGroup",
    "topic",
    "lagThreshold",
    "offsetResetPolicy",
    "allowIdleConsumers",
}
"""What KEDA documents of its Kafka scaler and is used here; its schema knows no names of metadata."""
FREE = {"labels", "annotations", "matchLabels", "requests", "limits", "metadata", "selector"}
"""Objects in which any name may stand, or whose inside is left to the API server."""
Manifest = dict[str, Any]


def kustomized(folder: Path) -> list[Manifest]:
    """The manifests of a folder with a kustomization."""
    done = subprocess.run(
        [KUBECTL, "kustomize", folder], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module", params=["base", "overlays/example", "with-keda"])
def manifests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    if request.param != "with-keda":
        return kustomized(K8S / request.param)
    # the base as it is with the component
    folder = tmp_path_factory.mktemp("k8s") / "k8s"
    shutil.copytree(K8S, folder)
    overlay = folder / "overlays" / "test"
    overlay.mkdir()
    text = {"resources": ["../../base"], "components": ["../../components/keda"]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(text))
    return kustomized(overlay)


def of(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == kind]


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Role to the pod template of its deployment."""
    found = {}
    for deployment in of(manifests, "Deployment"):
        template = deployment["spec"]["template"]
        found[template["metadata"]["labels"]["app.kubernetes.io/component"]] = template
    return found


def settings_of(manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that the pods get, with those of the image below."""
    (given,) = of(manifests, "ConfigMap")
    for template in pods(manifests).values():
        (worker,) = template["spec"]["containers"]
        assert worker["envFrom"] == [{"configMapRef": {"name": given["metadata"]["name"]}}]
        assert "env" not in worker
    return load(monkeypatch, container.environment() | given["data"])


def problem(manifest: Manifest, version: str) -> str:
    """What a schema has against a manifest; empty when nothing."""
    if manifest["kind"] == "ScaledObject":
        try:
            understood = ScaledObject.model_validate(manifest)
        except ValidationError as error:
            return str(error)
        # a field that the model does not know is dropped by it
        known = understood.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return "" if known == manifest else f"unknown fields: {manifest} is understood as {known}"
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_valid(manifests: list[Manifest], version: str) -> None:
    for manifest in manifests:
        assert problem(manifest, version) == "", manifest["metadata"]["name"]


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """All objects within the specification of a manifest that have fields of their own."""
    if isinstance(node, dict):
        for name, inner in node.items():
            if name not in (
                "labels",
                "annotations",
                "matchLabels",
                "requests",
                "limits",
                "metadata",
                "selector",
            ):
                yield from objects(inner)
        yield node
    elif isinstance(node, list):
        for inner in node:
            yield from objects(inner)


def test_a_wrong_field_anywhere_is_found() -> None:
    for manifest in kustomized(K8S / "overlays" / "example"):
        wrong = copy.deepcopy(manifest)
        for place in (wrong, *objects(wrong.get("spec"))):
            place["misspelt"] = 1
            assert problem(wrong, VERSIONS[-1]) != "", place
            del place["misspelt"]
        assert problem(wrong, VERSIONS[-1]) == ""


def test_settings_are_settings_and_nothing_else_gets_in(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(manifests, monkeypatch)
    assert settings.broker
    (given,) = of(manifests, "ConfigMap")
    # what a Service named pillarscore would put into every pod
    with pytest.raises(UserError, match="no setting PILLARSCORE_SERVICE_HOST"):
        load(monkeypatch, given["data"] | {"PILLARSCORE_SERVICE_HOST": "10.0.0.1"})
    for template in pods(manifests).values():
        assert template["spec"]["enableServiceLinks"] is False


def test_each_role_is_a_worker_with_its_pages(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(manifests, monkeypatch)
    command = typer.main.get_command(app).commands["worker"]  # type: ignore[attr-defined]
    pages = set(
        re.findall(
            r'\("(/\w+)", self\._\w+\)', (container.ROOT / "agents" / "worker" / "http.py").read_text()
        )
    )
    assert set(pods(manifests)) == {"ingest", "score"}
    for role, template in pods(manifests).items():
        (one,) = template["spec"]["containers"]
        name, *arguments = one["args"]
        assert name == "worker"
        assert command.make_context(name, list(arguments)).params["role"] == role
        (port,) = one["ports"]
        assert port["containerPort"] == settings.web_port
        annotations = template["metadata"]["annotations"]
        assert annotations["prometheus.io/port"] == str(settings.web_port)
        paths = [annotations["prometheus.io/path"]]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert one[probe]["httpGet"]["port"] == port["name"]
            paths.append(one[probe]["httpGet"]["path"])
        assert paths == ["/metrics", "/live", "/live", "/ready"]
        assert set(paths) <= pages
    (service,) = of(manifests, "Service")
    assert service["spec"]["ports"][0]["targetPort"] == "pages"


def test_a_worker_has_the_time_to_stop_and_to_restore(manifests: list[Manifest]) -> None:
    for template in pods(manifests).values():
        assert template["spec"]["terminationGracePeriodSeconds"] > STOP_S + 10
        (one,) = template["spec"]["containers"]
        # a stalled event loop is distinguished from a busy one by more than one silent look
        assert one["livenessProbe"]["periodSeconds"] * one["livenessProbe"]["failureThreshold"] >= 60
    for deployment in of(manifests, "Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_pages_need_a_token_and_are_for_prometheus_alone(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(manifests, monkeypatch)
    assert settings.web_host == "0.0.0.0"
    assert settings.web_token_file is not None
    (policy,) = of(manifests, "NetworkPolicy")
    for template in pods(manifests).values():
        (one,) = template["spec"]["containers"]
        (mount,) = (m for m in one["volumeMounts"] if m["mountPath"] == str(settings.web_token_file.parent))
        (volume,) = (v for v in template["spec"]["volumes"] if v["name"] == mount["name"])
        assert volume["secret"]["secretName"] == "pillarscore-web"
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    (rule,) = policy["spec"]["ingress"]
    assert rule["from"]
    assert [port["port"] for port in rule["ports"]] == ["pages"]


def test_a_worker_can_do_little_else(manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(manifests, monkeypatch)
    user, _, group = container.value_of("USER").partition(":")
    for template in pods(manifests).values():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"]
        assert [spec["securityContext"][name] for name in ("runAsUser", "runAsGroup", "fsGroup")] == [
            int(user),
            int(group),
            int(group),
        ]
        (one,) = spec["containers"]
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        written = {mount["mountPath"] for mount in one["volumeMounts"] if not mount.get("readOnly")}
        assert written == {str(settings.state_dir), "/tmp"}
        assert {mount["name"] for mount in one["volumeMounts"]} == {v["name"] for v in spec["volumes"]}
        assert one["image"].rpartition(":")[2][0].isdigit()
        assert {"cpu", "memory"} == set(one["resources"]["requests"])
        assert set(one["resources"]["limits"]) == {"memory"}


def test_every_role_has_a_budget_and_all_pods_are_in_the_service(manifests: list[Manifest]) -> None:
    budgets = [one["spec"] for one in of(manifests, "PodDisruptionBudget")]
    (service,) = of(manifests, "Service")
    for role, template in pods(manifests).items():
        labels = template["metadata"]["labels"].items()
        matching = [b for b in budgets if b["selector"]["matchLabels"].items() <= labels]
        assert [b["maxUnavailable"] for b in matching] == [1], role
        assert service["spec"]["selector"].items() <= labels
    assert len(budgets) == len(pods(manifests))


def test_scaling_is_by_lag_and_ends_at_the_partitions(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(manifests, monkeypatch)
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one["spec"] for one in of(manifests, "ScaledObject")}
    deployments = {one["metadata"]["name"]: one["spec"] for one in of(manifests, "Deployment")}
    if not scaled:
        assert all("replicas" in one for one in deployments.values())
        return
    assert set(scaled) == set(deployments)
    assert not any("replicas" in one for one in deployments.values())
    for role, topic, group, partitions in (
        ("ingest", "events", f"{settings.prefix}ingest", settings.event_partitions),
        ("score", "frames", faust_app(settings).conf.id, settings.frame_partitions),
    ):
        spec = scaled[f"pillarscore-{role}"]
        assert spec["maxReplicaCount"] == partitions
        assert 1 <= spec["minReplicaCount"] <= partitions
        (trigger,) = spec["triggers"]
        assert trigger["type"] == "kafka"
        assert set(trigger["metadata"]) == SCALER
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert trigger["metadata"]["topic"] == settings.topic(topic)
        assert trigger["metadata"]["consumerGroup"] == group
        assert trigger["metadata"]["bootstrapServers"] == settings.broker
        assert int(trigger["metadata"]["lagThreshold"]) > 0
    # frames come all the time and are acknowledged at intervals: that lag alone must not add workers
    score = scaled["pillarscore-score"]
    always = faust_app(settings).conf.broker_commit_interval * 1000 / settings.cycle_ms
    always *= settings.event_partitions * settings.frame_partitions
    assert int(score["triggers"][0]["metadata"]["lagThreshold"]) * score["minReplicaCount"] > always


def test_the_example_has_more_partitions_than_the_base() -> None:
    """So that the number of replicas is seen to follow the settings."""
    found = [
        next(iter(of(kustomized(K8S / name), "ConfigMap")))["data"]["PILLARSCORE_FRAME_PARTITIONS"]
        for name in ("base", "overlays/example")
    ]
    assert int(found[0]) < int(found[1])


def test_the_secured_component_mounts_what_its_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(K8S, tmp_path / "k8s")
    overlay = tmp_path / "k8s" / "overlays" / "test"
    overlay.mkdir()
    text = {
        "resources": ["../../base"],
        "components": ["../../components/secured-kafka"],
        "configMapGenerator": [
            {
                "name": "pillarscore-settings",
                "behavior": "merge",
                "literals": ["PILLARSCORE_SASL_USERNAME=ours"],
            }
        ],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(text))
    made = kustomized(overlay)
    assert [problem(manifest, version) for manifest in made for version in VERSIONS] == [""] * (
        len(made) * len(VERSIONS)
    )
    settings = settings_of(made, monkeypatch)
    assert (settings.security_protocol, settings.sasl_username) == ("SASL_SSL", "ours")
    assert of(made, "Secret") == []  # secrets are not kept with the manifests
    for template in pods(made).values():
        (one,) = template["spec"]["containers"]
        (mount,) = (m for m in one["volumeMounts"] if m["name"] == "kafka")
        (volume,) = (v for v in template["spec"]["volumes"] if v["name"] == "kafka")
        assert mount["readOnly"]
        there = {
            Path(mount["mountPath"]) / item["path"]
            for source in volume["projected"]["sources"]
            for item in source["secret"]["items"]
        }
        assert there == {settings.sasl_password_file, settings.ssl_cafile}
