"""The worker's pages: /metrics, /live and /ready, served by Faust's web server."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Protocol

import faust
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from agents.metrics import Metrics

STALLED_S = 10.0
BEAT_S = 0.25


class Shown(Protocol):
    """What the pages show of a worker. restored: of its partitions, by number; problems: a line each."""

    @property
    def role(self) -> str: ...

    @property
    def metrics(self) -> Metrics: ...

    @property
    def ready(self) -> bool: ...

    def restored(self) -> dict[int, bool]: ...

    def problems(self) -> list[str]: ...


def add_pages(app: faust.App, worker: Shown) -> None:
    """Register the pages with the app."""
    beat = {"at": time.monotonic()}

    @app.task
    async def heart() -> None:
        while True:
            beat["at"] = time.monotonic()
            await asyncio.sleep(BEAT_S)
            worker.metrics.worker.loop_lag.observe(max(0.0, time.monotonic() - beat["at"] - BEAT_S))

    @app.page("/metrics")
    async def metrics(self: Any, request: Any) -> Any:
        # values are read here, where nothing changes meanwhile; to write them as text takes longer
        families = list(worker.metrics.registry.collect())
        body = await asyncio.to_thread(generate_latest, _Read(families))
        return self.bytes(body, content_type=CONTENT_TYPE_LATEST.partition(";")[0])

    @app.page("/live")
    async def live(self: Any, request: Any) -> Any:
        silent = time.monotonic() - beat["at"]
        return _answer(self, silent < STALLED_S, {"silent_seconds": round(silent, 1)})

    @app.page("/ready")
    async def ready(self: Any, request: Any) -> Any:
        partitions = {str(number): live for number, live in sorted(worker.restored().items())}
        about = {"role": worker.role, "partitions_restored": partitions, "problems": worker.problems()}
        return _answer(self, worker.ready, about)


class _Read(Collector):
    """Metrics that were read already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _answer(view: Any, good: bool, about: dict[str, Any]) -> Any:
    return view.json({"ok": good, **about}, status=200 if good else 503)
