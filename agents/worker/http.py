"""The worker's pages: /metrics, /live and /ready, read-only, served by aiohttp.

`agents.worker.http_guard` limits what a client can take of the worker: connections, and time. With a token, /metrics
and what is wrong are for those who have it; whether the worker lives and is ready is for everybody, since probes have
no secrets.
"""

import asyncio
import hmac
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from agents.config import secured
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.metrics import Metrics
from agents.worker.http_guard import HANDSHAKE_S, Guard, Guarded

log = structlog.get_logger()
STALLED_S = 10.0
BEAT_S = 0.25
MAX_REQUEST_BYTES = 4096
KNOWN = web.RequestKey("known", bool)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


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


class Pages:
    """Of one worker. Raises UserError when a file that the settings name can't be used."""

    def __init__(self, settings: Settings, worker: Shown) -> None:
        self._settings = settings
        self._worker = worker
        self._beat_at = time.monotonic()
        self._tls = _tls(settings)
        secured.secret(settings, "web_token")
        self._app = web.Application(middlewares=[self._guarded], client_max_size=MAX_REQUEST_BYTES)
        for path, page in (("/metrics", self._metrics), ("/live", self._live), ("/ready", self._ready)):
            self._app.router.add_get(path, page)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._guard: Guard | None = None
        self._heart: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        s = self._settings
        if s.web_host not in LOOPBACK and not self._token():
            log.warning(
                "the pages are open to everybody who can reach this port: set PILLARSCORE_WEB_TOKEN_FILE",
                host=s.web_host,
            )
        self._heart = asyncio.create_task(self._beat(), name="heart")
        self._runner = web.AppRunner(self._app, access_log=None, handle_signals=False)
        await self._runner.setup()
        assert self._runner.server is not None
        self._guard = Guard(self._runner.server, s.web_connections)
        self._server = await asyncio.get_running_loop().create_server(
            self._guard.connection,
            s.web_host,
            s.web_port,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_S,
        )

    async def stop(self) -> None:
        """Close all connections."""
        if self._heart is not None:
            self._heart.cancel()
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def connections(self) -> int:
        """How many are open."""
        return 0 if self._guard is None else len(self._guard.open)

    def _token(self) -> str:
        return secured.secret(self._settings, "web_token")

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if isinstance(request.protocol, Guarded):
            request.protocol.answering()
        try:
            token = self._token()
        except UserError as error:  # it was there at the start
            log.error("the token of the pages can't be read", error=str(error), outage=True)
            return web.json_response({"error": "the token can't be read"}, status=503)
        sent = request.headers.get("Authorization", "")
        known = not token or hmac.compare_digest(sent.encode(), f"Bearer {token}".encode())
        request[KNOWN] = known
        if not known and request.path not in ("/live", "/ready"):
            return web.json_response(
                {"error": "send the header Authorization: Bearer TOKEN"},
                status=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        return await handler(request)

    async def _metrics(self, request: web.Request) -> web.Response:
        # values are read here, where nothing changes meanwhile; to write them as text takes longer
        families = list(self._worker.metrics.registry.collect())
        body = await asyncio.to_thread(generate_latest, _Read(families))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _live(self, request: web.Request) -> web.Response:
        silent = time.monotonic() - self._beat_at
        return _answer(request, silent < STALLED_S, {"silent_seconds": round(silent, 1)})

    async def _ready(self, request: web.Request) -> web.Response:
        worker = self._worker
        partitions = {str(number): live for number, live in sorted(worker.restored().items())}
        about = {"role": worker.role, "partitions_restored": partitions, "problems": worker.problems()}
        return _answer(request, worker.ready, about)

    async def _beat(self) -> None:
        while True:
            self._beat_at = time.monotonic()
            await asyncio.sleep(BEAT_S)
            self._worker.metrics.worker.loop_lag.observe(max(0.0, time.monotonic() - self._beat_at - BEAT_S))


class _Read(Collector):
    """Metrics that were read already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _answer(request: web.Request, good: bool, about: dict[str, Any]) -> web.Response:
    found = {"ok": good, **about} if request[KNOWN] else {"ok": good}
    return web.json_response(found, status=200 if good else 503)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.web_tls_certfile is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.web_tls_certfile, settings.web_tls_keyfile)
    except (OSError, ssl.SSLError) as error:
        raise UserError(
            f"{secured.variable('web_tls_certfile')}={settings.web_tls_certfile}: can't be used with its key: "
            f"{secured.reason(error)}"
        ) from None
    return context
