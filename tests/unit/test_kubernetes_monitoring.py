"""The components for the Prometheus Operator and for Grafana's sidecar: valid, and made of the same sources."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule
from pydantic import ValidationError

from tests.kit.dashboards import DASHBOARDS, ROOT, alerts, load, rules

K8S = ROOT / "k8s"
KUBECTL = Path(sys.executable).parent / "kubectl"
MODELS = {"PodMonitor": PodMonitor, "PrometheusRule": PrometheusRule}
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The base with both components, in a namespace."""
    folder = tmp_path_factory.mktemp("k8s") / "k8s"
    shutil.copytree(K8S, folder)
    overlay = folder / "overlays" / "test"
    overlay.mkdir()
    parts = ["../../components/prometheus-operator", "../../components/grafana-dashboards"]
    text = {"namespace": "ours", "resources": ["../../base"], "components": parts}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(text))
    done = subprocess.run(
        [KUBECTL, "kustomize", overlay], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def _of(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == kind]


def _problem(manifest: Manifest) -> str:
    model = MODELS.get(manifest["kind"])
    try:
        if model is None:
            kubernetes_validate.validate(manifest, "1.31", strict=True)
            return ""
        understood = model.model_validate(manifest)
    except (ValidationError, kubernetes_validate.ValidationError) as error:
        return str(error)
    # a field that the model does not know is dropped by it
    known = understood.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return "" if known == manifest else f"unknown fields in {manifest['metadata']['name']}"


def test_manifests_are_valid(manifests: list[Manifest]) -> None:
    kinds = {one["kind"] for one in manifests}
    assert {"PodMonitor", "PrometheusRule", "ConfigMap"} <= kinds
    for manifest in manifests:
        assert _problem(manifest) == "", manifest["metadata"]["name"]
        assert manifest["metadata"]["namespace"] == "ours"


def test_a_misspelt_field_is_found(manifests: list[Manifest]) -> None:
    for kind in MODELS:
        (good,) = _of(manifests, kind)
        places = [good["spec"]]
        places += good["spec"].get("podMetricsEndpoints", [])
        places += [rule for group in good["spec"].get("groups", []) for rule in group["rules"]]
        for place in places:
            place["misspelt"] = 1
            assert _problem(good) != "", place
            del place["misspelt"]
        assert _problem(copy.deepcopy(good)) == ""


def test_the_monitor_finds_every_pod_at_its_pages(manifests: list[Manifest]) -> None:
    (monitor,) = _of(manifests, "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    deployments = _of(manifests, "Deployment")
    assert len(deployments) == 2
    for deployment in deployments:
        template = deployment["spec"]["template"]
        assert wanted <= template["metadata"]["labels"].items()
        (worker,) = template["spec"]["containers"]
        assert endpoint["port"] in {port["name"] for port in worker["ports"]}
        assert endpoint["path"] == template["metadata"]["annotations"]["prometheus.io/path"]


def test_the_rules_are_those_of_prometheus(manifests: list[Manifest]) -> None:
    (made,) = _of(manifests, "PrometheusRule")
    assert [rule for group in made["spec"]["groups"] for rule in group["rules"]] == list(rules())
    assert {
        rule["alert"] for group in made["spec"]["groups"] for rule in group["rules"] if "alert" in rule
    } == set(alerts())


def test_the_dashboards_are_those_of_grafana_and_small_enough_to_apply(manifests: list[Manifest]) -> None:
    found = [
        one for one in _of(manifests, "ConfigMap") if "grafana_dashboard" in one["metadata"].get("labels", {})
    ]
    models = [json.loads(text) for one in found for text in one["data"].values()]
    assert sorted(model["uid"] for model in models) == sorted(load(path)["uid"] for path in DASHBOARDS)
    assert {json.dumps(model, sort_keys=True) for model in models} == {
        json.dumps(load(path), sort_keys=True) for path in DASHBOARDS
    }
    for one in found:
        assert len(json.dumps(one).encode()) < 250_000, one["metadata"][
            "name"
        ]  # the annotation of kubectl apply
