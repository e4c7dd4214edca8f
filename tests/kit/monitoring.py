"""A real Prometheus and a real Alertmanager as child processes, with the project's files at a faster pace."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from perf.worker_process import free_port
from tests.kit.dashboards import ROOT, RULES, Asked
from tests.kit.tools import root, tool

PACE = "1s"
"""How often the test's Prometheus scrapes and evaluates."""
START_S = 30.0
RANGE_S = 60


def until(reached: Callable[[], Any], seconds: float, what: str) -> Any:
    """What `reached` gives once it is true; raises TimeoutError that says `what` did not come."""
    end = time.monotonic() + seconds
    while not (found := reached()):
        if time.monotonic() > end:
            raise TimeoutError(f"within {seconds:.0f} s: {what}")
        time.sleep(0.1)
    return found


@dataclass(frozen=True, slots=True)
class Pace:
    """How much faster than usual. every: time between scrapes and between evaluations.

    rule, route: change a rule, and a route of Alertmanager, in place.
    """

    every: str
    rule: Callable[[dict[str, Any]], None]
    route: Callable[[dict[str, Any]], None]


AT_ONCE = Pace(
    PACE,
    lambda rule: rule.pop("for", None),
    lambda route: route.update(group_wait="0s", group_interval="1s"),
)


class Server:
    """A child process that serves HTTP on a port of the loopback interface."""

    def __init__(self, program: Path, arguments: Sequence[str], port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [program, *arguments], cwd=root(program), stdout=out, stderr=out, start_new_session=True
            )
        until(self._up, START_S, f"an answer of {program.name}, see {log}")

    def _up(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"it has ended: {self.log.read_text(errors='replace')[-2000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON of an answer; of an error too."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        try:
            with urllib.request.urlopen(f"{self.url}{path}{query}", timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def post(self, path: str) -> None:
        """POST without a body."""
        urllib.request.urlopen(urllib.request.Request(self.url + path, method="POST"), timeout=30).close()

    def stop(self) -> None:
        """SIGTERM and wait."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


class Prometheus(Server):
    """The project's `prometheus.yml` and rules at another pace: as a rule each second, and alerts without `for`.

    A folder that is there already may have data of the time before.
    """

    def __init__(self, folder: Path, alertmanager: str, pace: Pace = AT_ONCE) -> None:
        folder.mkdir(exist_ok=True)
        self._file = folder / "prometheus.yml"
        self._made = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
        self._made["global"] |= {
            "scrape_interval": pace.every,
            "scrape_timeout": pace.every,
            "evaluation_interval": pace.every,
        }
        (self._made["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]) = [alertmanager]
        (folder / "rules").mkdir()
        for path in RULES:
            rules = yaml.safe_load(path.read_text(encoding="utf-8"))
            for rule in (rule for group in rules["groups"] for rule in group["rules"]):
                pace.rule(rule)
            (folder / "rules" / path.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
        self._write([])
        port = free_port()
        super().__init__(
            tool("prometheus"),
            [
                f"--config.file={self._file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-lifecycle",
                # what is sent before Alertmanager is discovered is lost, and sent again only after this
                f"--rules.alert.resend-delay={pace.every}",
                "--log.level=warn",
            ],
            port,
            folder / "prometheus.log",
        )

    def _write(self, targets: list[str]) -> None:
        jobs = {job["job_name"]: job for job in self._made["scrape_configs"]}
        jobs["pillarscore"].pop("dns_sd_configs", None)
        jobs["pillarscore"]["static_configs"] = [{"targets": targets}]
        token = self._file.with_name("web-token")
        token.write_text("token")
        jobs["pillarscore"]["authorization"] = {"credentials_file": str(token)}
        made = self._made | {"scrape_configs": [jobs["pillarscore"]]}
        self._file.write_text(yaml.safe_dump(made), encoding="utf-8")

    def scrape(self, ports: Sequence[int]) -> None:
        """From now on the workers on these ports."""
        self._write([f"127.0.0.1:{port}" for port in ports])
        self.post("/-/reload")

    def ask(self, query: Asked) -> list[dict[str, Any]]:
        """The series that an expression gives, as a panel asks for it; ValueError when it is refused."""
        now = time.time()
        if query.instant:
            answer = self.get("/api/v1/query", query=query.expr, time=str(now))
        else:
            span = {"start": str(now - RANGE_S), "end": str(now), "step": "1"}
            answer = self.get("/api/v1/query_range", query=query.expr, **span)
        if answer["status"] != "success":
            raise ValueError(f"{query.where}: {answer['error']}: {query.expr}")
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def has_data(self, query: Asked) -> bool:
        """Whether any value that an expression gives is a number."""
        values = (v for of in self.ask(query) for v in of.get("values", [of.get("value")]))
        return any(value[1] != "NaN" for value in values)

    def label_values(self, selector: str, label: str) -> list[str]:
        """What Grafana shows for label_values(selector, label)."""
        answer = self.get(f"/api/v1/label/{label}/values", **{"match[]": selector})
        assert answer["status"] == "success", answer
        found: list[str] = answer["data"]
        return found


class Alertmanager(Server):
    """The project's `alertmanager.yml`, as a rule at once, with a webhook in each receiver.

    received: what came in at the webhooks, as (receiver, alert) with Alertmanager's JSON of the alert.
    """

    def __init__(self, folder: Path, pace: Pace = AT_ONCE) -> None:
        folder.mkdir()
        self.received: list[tuple[str, dict[str, Any]]] = []
        self._hook = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self._hook.serve_forever, daemon=True).start()
        made = yaml.safe_load((ROOT / "prometheus" / "alertmanager.yml").read_text(encoding="utf-8"))
        for receiver in made["receivers"]:
            address = f"http://127.0.0.1:{self._hook.server_port}/{receiver['name']}"
            receiver["webhook_configs"] = [{"url": address}]
        for route in (made["route"], *made["route"]["routes"]):
            pace.route(route)
        file = folder / "alertmanager.yml"
        file.write_text(yaml.safe_dump(made), encoding="utf-8")
        port = free_port()
        super().__init__(
            tool("alertmanager"),
            [
                f"--config.file={file}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                "--log.level=warn",
            ],
            port,
            folder / "alertmanager.log",
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        received = self.received

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received.extend((self.path.strip("/"), alert) for alert in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Hook

    def stop(self) -> None:
        """End the webhook too."""
        super().stop()
        self._hook.shutdown()
        self._hook.server_close()
