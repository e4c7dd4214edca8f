"""Draw all dashboards: `python -m tests.kit.shots.main`, or `make dashboards-shots`."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from agents.config.errors import UserError
from perf.worker_process import free_port
from tests.kit.dashboards import DASHBOARDS, ROOT, load
from tests.kit.monitoring import Server
from tests.kit.shots import browser, scenario, synthetic
from tests.kit.tools import tool

OUT = ROOT / ".pillarscore" / "shots" / "png"
WIDTH, CELL = 1400, 38


def rows(path: Path) -> list[tuple[str, int]]:
    """Of a dashboard: (heading, height in pixels) of each row."""
    found: dict[str, list[int]] = {}
    row = ""
    for panel in load(path)["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        else:
            at = panel["gridPos"]
            found.setdefault(row, []).extend((at["y"], at["y"] + at["h"]))
    return [(name, (max(at) - min(at)) * CELL + 8) for name, at in found.items()]


def draw(prometheus: str, out: Path, only: str, **given: object) -> None:
    """All rows as PNG. given: start, end, step, rate, job and instance of the queries."""
    site, failures = browser.build(), list[str]()
    with browser.served(site, failures) as address:
        for path in DASHBOARDS:
            shutil.copy(path, site / path.name)
            for heading, height in rows(path):
                file = out / f"{path.stem}-{'-'.join(heading.lower().replace(',', '').split())}.png"
                if only not in file.stem:
                    continue
                asked = {"prometheus": prometheus, "file": path.name, "row": heading, "width": WIDTH} | given
                if path.stem != "worker":
                    asked.pop("instance", None)
                browser.shoot(f"{address}/index.html?{urlencode(asked)}", WIDTH, height, file)
                print(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file, flush=True)
    if failures:
        raise UserError("Not drawn:\n" + "\n".join(failures))


def many(out: Path, only: str, workers: int, partitions: int) -> None:
    """An installation that is made up."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        end = int(time.time()) // 60 * 60
        synthetic.Installation(workers, partitions, end).write(folder / "metrics.txt")
        backfill(folder / "metrics.txt", folder / "data")
        start = end - (synthetic.POINTS - 1) * synthetic.STEP_S
        given = {"start": start, "end": end, "step": synthetic.STEP_S, "rate": "4m", "job": synthetic.JOB}
        with prometheus_of(folder) as address:
            draw(address, out, only, **given, instance="pillarscore-05.*")


def few(out: Path, only: str, again: bool) -> None:
    """Two workers and what happened to them; again: what the last scenario left."""
    folder = out.parent.parent / "scenario"
    if not again:
        scenario.record(folder)
    asked = json.loads((folder / "asked.json").read_text())
    killed = asked.pop("killed")
    with prometheus_of(folder) as address:
        draw(address, out, only, **asked)
        # as it was while a worker was dead
        draw(address, out / "killed", only or "pipeline-health", **asked | {"end": killed})


@contextmanager
def prometheus_of(folder: Path) -> Iterator[str]:
    """The address of a Prometheus on the data in a folder, which it adds nothing to."""
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    port = free_port()
    server = Server(
        tool("prometheus"),
        [
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.retention.time=10y",
            "--log.level=warn",
        ],
        port,
        folder / "log",
    )
    try:
        yield server.url
    finally:
        server.stop()


def backfill(text: Path, data: Path) -> None:
    """A file of OpenMetrics as Prometheus' data."""
    done = subprocess.run(
        [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, data],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        raise UserError(f"promtool takes no synthetic metrics: {done.stderr.strip()[-1000:]}")


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the names of the files to draw")
    parser.add_argument("--many", action="store_true", help="64 partitions and 50 workers, made up, instead")
    parser.add_argument("--again", action="store_true", help="from the data of the last scenario")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    try:
        if given.many:
            many(given.out / "many", given.only, 50, 64)
        else:
            few(given.out / "few", given.only, given.again)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
