"""docker-compose.yml and the Dockerfile, as far as can be checked without a container engine.

Compose itself reads the file (`docker-compose config`); every path, address and setting in it is held against
what it speaks of. tests/broker/test_container.py runs the Dockerfile's steps.
"""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import yaml

from agents.bundle import contents
from agents.config.errors import UserError
from agents.local.broker_config import PROPERTIES
from agents.worker.worker import STOP_S
from tests.kit import container, wheel
from tests.kit.settings import load

ROOT = container.ROOT
FILE = ROOT / "docker-compose.yml"
TOOLS = Path(sys.executable).parent
SINGLE = (
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
)


def compose(file: Path) -> "subprocess.CompletedProcess[bytes]":
    """What Compose makes of a file, as JSON on stdout."""
    return subprocess.run(
        [TOOLS / "docker-compose", "-f", file, "--project-directory", ROOT, "config", "--format", "json"],
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        timeout=60,
    )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as Compose understands them, defaults and short forms spelt out."""
    done = compose(FILE)
    assert done.returncode == 0, done.stderr.decode()
    assert b"warn" not in done.stderr.lower(), done.stderr.decode()
    found: dict[str, Any] = orjson.loads(done.stdout)["services"]
    return found


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Target to source of what is mounted from the project."""
    return {v["target"]: v["source"] for v in service.get("volumes", ()) if v["type"] == "bind"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f["services"]["kafka"].update(imagee="x"),
        lambda f: f["services"]["kafka"]["healthcheck"].update(interval="soon"),
        lambda f: f["services"]["pipeline"].update(depends_on=["kafak"]),
        lambda f: f["services"]["grafana"]["volumes"].append("no-such-volume:/x"),
    ],
)
def test_compose_refuses_what_is_wrong(spoil: Any, tmp_path: Path) -> None:
    wrong = copy.deepcopy(yaml.safe_load(FILE.read_text()))
    spoil(wrong)
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump(wrong))
    assert compose(tmp_path / "wrong.yml").returncode != 0


def test_the_services_are_those_of_the_issue_and_each_is_watched(services: dict[str, Any]) -> None:
    assert set(services) == {"kafka", "pipeline", "prometheus", "alertmanager", "grafana"}
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        # that of the pipeline is in its Dockerfile
        assert ("healthcheck" in service) == (name != "pipeline"), name


def test_images_are_pinned(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
    bases = [value.split()[0] for name, value in container.instructions() if name == "FROM"]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])
    tested = re.search(r"<kafka.version>(.+)</", (ROOT / "broker" / "pom.xml").read_text())
    assert tested is not None
    assert services["kafka"]["image"] == f"apache/kafka:{tested[1]}"
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert services["pipeline"]["image"] == f"pillarscore:{version[1]}"


def test_ports_are_of_this_machine_alone(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 5
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    published = [port["published"] for port in ports if "published" in port]
    assert len(set(published)) == len(published)


def test_there_may_be_several_workers(services: dict[str, Any]) -> None:
    """`docker compose up --scale pipeline=2`: nothing of a worker may be there once only."""
    (port,) = services["pipeline"]["ports"]
    assert "published" not in port
    assert "container_name" not in services["pipeline"]
    assert "hostname" not in services["pipeline"]


def test_no_service_takes_all_memory_or_fills_the_disk_with_logs(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert 128 << 20 <= int(service["mem_limit"]) <= 4 << 30, name
        options = service["logging"]["options"]
        assert service["logging"]["driver"] == "json-file", name
        assert (options["max-size"], options["max-file"]) == ("10m", "5"), name
    heap = re.search(r"-Xmx(\d+)m", services["kafka"]["environment"]["KAFKA_HEAP_OPTS"])
    assert heap is not None
    assert int(services["kafka"]["mem_limit"]) >= 2 * int(heap[1]) << 20


def test_images_get_their_digests(services: dict[str, Any], tmp_path: Path) -> None:
    """With a `docker` that answers as the real one does; that one is not there."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    shutil.copy(FILE, tmp_path)
    wanted = {name: one["image"] for name, one in services.items() if name != "pipeline"}
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "docker"
    images = " ".join([*wanted.values(), services["pipeline"]["image"]])
    fake.write_text(
        "#!/usr/bin/env bash\n"
        f'if [ "$1" = compose ]; then printf "%s\\n" {images}; '
        'else printf "sha256:%s\\n" "$(printf %s "$4" | sha256sum | cut -c1-64)"; fi\n'
    )
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    command = [tmp_path / "deploy" / "pin-images.sh"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    pinned = yaml.safe_load((tmp_path / "docker-compose.pinned.yml").read_text())["services"]
    assert set(pinned) == set(wanted)
    for name, one in pinned.items():
        assert re.fullmatch(re.escape(wanted[name]) + "@sha256:[0-9a-f]{64}", one["image"])
    fake.write_text("#!/usr/bin/env bash\n[ $1 = compose ] && echo apache/kafka:4.1.1\nexit 0\n")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.returncode == 1
    assert "has no digest" in done.stderr


def test_what_is_mounted_is_there_and_cannot_be_changed(services: dict[str, Any]) -> None:
    found = {source for service in services.values() for source in mounts(service).values()}
    assert len(found) == 5
    for service in services.values():
        for volume in service.get("volumes", ()):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), volume["source"]
                assert volume["read_only"], volume["source"]


def test_the_settings_are_settings(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    given = container.environment() | services["pipeline"]["environment"]
    settings = load(monkeypatch, given)
    assert settings.broker == "kafka:9092"
    assert settings.replication == 1
    assert settings.web_host == "0.0.0.0"
    assert str(settings.state_dir) in [v["target"] for v in services["pipeline"]["volumes"]]
    assert [port["target"] for port in services["pipeline"]["ports"]] == [settings.web_port]
    with pytest.raises(UserError, match="no setting PILLARSCORE_BROKR"):
        load(monkeypatch, given | {"PILLARSCORE_BROKR": "kafka:9092"})


def test_a_worker_has_the_time_to_stop(services: dict[str, Any]) -> None:
    assert seconds(services["pipeline"]["stop_grace_period"]) > STOP_S + 10


def seconds(text: str) -> int:
    """Compose's `1m0s` in seconds."""
    return sum(int(n) * {"m": 60, "s": 1}[unit] for n, unit in re.findall(r"(\d+)([ms])", text))


def test_a_worker_can_do_little_else(services: dict[str, Any]) -> None:
    pipeline = services["pipeline"]
    assert pipeline["read_only"]
    assert pipeline["cap_drop"] == ["ALL"]
    assert pipeline["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", container.value_of("USER"))


def test_kafka_has_the_settings_that_the_local_broker_is_tested_with(services: dict[str, Any]) -> None:
    tested = dict(line.split("=", 1) for line in PROPERTIES.splitlines() if "=" in line and line[0] != "#")
    given = {
        name.removeprefix("KAFKA_").replace("_", ".").lower(): value
        for name, value in services["kafka"]["environment"].items()
        if name not in ("CLUSTER_ID", "KAFKA_HEAP_OPTS")
    }
    assert set(given) <= set(tested), "a name that no tested broker has: is it one that Kafka knows?"
    for name in SINGLE:
        assert given[name] == "1", name
    for name in ("auto.create.topics.enable", "message.max.bytes", "process.roles"):
        assert given[name] == tested[name], name
    assert given["log.dirs"] in [volume["target"] for volume in services["kafka"]["volumes"]]
    assert len(services["kafka"]["environment"]["CLUSTER_ID"]) == 22


def test_kafka_is_found_where_it_says(services: dict[str, Any]) -> None:
    given = services["kafka"]["environment"]
    listeners, advertised = (
        dict(one.split("://") for one in given[name].split(","))
        for name in ("KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS")
    )
    protocols = dict(one.split(":") for one in given["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert set(listeners) == set(protocols)
    assert set(advertised) == set(listeners) - {given["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    assert given["KAFKA_INTER_BROKER_LISTENER_NAME"] in advertised
    for name, address in advertised.items():
        assert address.rpartition(":")[2] == listeners[name].rpartition(":")[2]
    assert advertised["INSIDE"] == services["pipeline"]["environment"]["PILLARSCORE_BROKER"]
    (port,) = services["kafka"]["ports"]
    assert advertised["OUTSIDE"] == f"{port['host_ip']}:{port['published']}"
    assert given["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"{given['KAFKA_NODE_ID']}@{listeners['CONTROLLER']}"


def port_of(services: dict[str, Any], name: str) -> int:
    (port,) = services[name]["ports"]
    return int(port["target"])


def test_prometheus_scrapes_the_worker_and_tells_alertmanager(services: dict[str, Any]) -> None:
    inside = mounts(services["prometheus"])
    (config,) = (
        word.partition("=")[2]
        for word in services["prometheus"]["command"]
        if word.startswith("--config.file=")
    )
    found = yaml.safe_load(Path(inside[config]).read_text())
    for pattern in found["rule_files"]:
        folder = str((Path(config).parent / pattern).parent)
        assert list(Path(inside[folder]).glob(Path(pattern).name)), pattern
    targets = {
        target
        for job in found["scrape_configs"]
        for group in job.get("static_configs", ())
        for target in group["targets"]
    } | {
        f"{name}:{found_by['port']}"
        for job in found["scrape_configs"]
        for found_by in job.get("dns_sd_configs", ())
        for name in found_by["names"]
    }
    assert f"pipeline:{port_of(services, 'pipeline')}" in targets
    (manager,) = (
        target
        for one in found["alerting"]["alertmanagers"]
        for group in one["static_configs"]
        for target in group["targets"]
    )
    assert manager == f"alertmanager:{port_of(services, 'alertmanager')}"
    for target in targets:
        name, _, port = target.partition(":")
        assert int(port) == port_of(services, "prometheus" if name == "localhost" else name), target


def test_pages_need_a_token_which_prometheus_sends(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(monkeypatch, services["pipeline"]["environment"])
    assert settings.web_host == "0.0.0.0"
    scraped = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (job,) = (one for one in scraped if one["job_name"] == "pillarscore")
    assert job["authorization"]["credentials_file"] == str(settings.web_token_file)
    for name in ("pipeline", "prometheus"):
        (config,) = services[name]["configs"]
        assert (config["source"], config["target"]) == ("web-token", str(settings.web_token_file))


def test_alertmanager_reads_its_file(services: dict[str, Any]) -> None:
    inside = mounts(services["alertmanager"])
    (config,) = (
        word.partition("=")[2]
        for word in services["alertmanager"]["command"]
        if word.startswith("--config.file=")
    )
    assert "route" in yaml.safe_load(Path(inside[config]).read_text())


def test_grafana_finds_its_sources_and_dashboards(services: dict[str, Any]) -> None:
    inside = mounts(services["grafana"])
    provisioning = Path(inside["/etc/grafana/provisioning"])
    (sources,) = (yaml.safe_load(file.read_text()) for file in (provisioning / "datasources").glob("*.yml"))
    for source in sources["datasources"]:
        url = urlsplit(source["url"])
        assert url.port == port_of(services, str(url.hostname)), source["name"]
    (boards,) = (yaml.safe_load(file.read_text()) for file in (provisioning / "dashboards").glob("*.yml"))
    for provider in boards["providers"]:
        folder = Path(inside[provider["options"]["path"]])
        boards = [orjson.loads(file.read_bytes()) for file in folder.glob("*.json")]
        assert {"Pipeline", "Scores"} <= {one["title"].rpartition("/")[2].strip() for one in boards}
        assert {one["uid"] for one in sources["datasources"]} >= set(_sources(boards))


def _sources(node: Any) -> Iterator[str]:
    """The uids of data sources that are named anywhere, without variables and Grafana's own."""
    if isinstance(node, dict):
        uid = node.get("datasource", {}).get("uid", "") if isinstance(node.get("datasource"), dict) else ""
        if uid and uid[0] not in "$-":
            yield uid
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from _sources(inner)


def test_the_dockerfile_is_in_order() -> None:
    done = subprocess.run(
        [TOOLS / "hadolint", container.DOCKERFILE], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout
    wrong = container.DOCKERFILE.read_text().replace("FROM python:3.11.13-slim-bookworm", "FROM python")
    done = subprocess.run(
        [TOOLS / "hadolint", "-"], input=wrong, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode != 0


def test_the_context_is_what_the_program_is_built_from_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    files = contents.matching(ROOT, contents.PROGRAM + contents.OPERATORS)
    built_from = {path.split("/")[0] for path in (*files, *wheel.PACKAGES, *wheel.FILES)}
    assert set(container.context()) == built_from
    assert "!pillarscore-*.whl" in lines, "in a folder of `pillarscore init`"


def test_the_image_gets_the_source_or_the_wheel_beside_the_dockerfile(tmp_path: Path) -> None:
    [step] = [value for name, value in container.instructions() if name == "RUN" and "--no-deps" in value]
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nfor last in "$@"; do :; done; echo "$last"\n')
    python.chmod(0o755)

    def installs() -> str:
        command = ["/bin/sh", "-ec", step.replace("/opt/venv/bin/python", str(python))]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
        ).stdout.strip()

    assert installs() == "."
    (tmp_path / "pillarscore-0.1.0-py3-none-any.whl").touch()
    assert installs() == "pillarscore-0.1.0-py3-none-any.whl"


def test_the_secured_worker_gets_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [TOOLS / "docker-compose", "-f", FILE, "-f", ROOT / "docker-compose.secured.yml"]
    command += ["--project-directory", ROOT, "config", "--format", "json"]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    missing = subprocess.run(command, capture_output=True, check=False, env=environment, timeout=60)
    assert b"set it to host:port of your Kafka" in missing.stderr
    environment["PILLARSCORE_BROKER"] = "kafka-1:9093,kafka-2:9093"
    done = subprocess.run(command, capture_output=True, check=False, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    worker = orjson.loads(done.stdout)["services"]["pipeline"]
    settings = load(monkeypatch, worker["environment"])
    assert settings.security_protocol == "SASL_SSL"
    mounted = {Path("/run/secrets") / secret["source"] for secret in worker["secrets"]}
    assert mounted == {settings.sasl_password_file, settings.ssl_cafile}
