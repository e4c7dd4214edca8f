"""The pages of a worker: who may read what, and what a client can't do to the worker."""

import asyncio
import contextlib
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.metrics import Metrics
from agents.worker import http_guard
from agents.worker.http import Pages
from perf.worker_process import free_port
from tests.kit.certificates import Authority

TOKEN = "s3cret-token"


class Shown:
    role = "all"
    ready = True

    def __init__(self) -> None:
        self.metrics = Metrics()

    def restored(self) -> dict[int, bool]:
        return {0: True}

    def problems(self) -> list[str]:
        return ["something is wrong"]


@asynccontextmanager
async def pages(**given: Any) -> AsyncIterator[Settings]:
    settings = Settings(web_port=free_port(), **given)
    made = Pages(settings, Shown())
    await made.start()
    try:
        yield settings
    finally:
        await made.stop()


async def get(
    settings: Settings, path: str, *, token: str = "", method: str = "GET", context: Any = None
) -> tuple[int, bytes]:
    scheme = "http" if context is None else "https"
    url = f"{scheme}://127.0.0.1:{settings.web_port}{path}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers, method=method)

    def ask() -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    return await asyncio.to_thread(ask)


async def test_without_a_token_everything_is_shown() -> None:
    async with pages() as settings:
        status, body = await get(settings, "/metrics")
        assert status == 200
        assert b"pillarscore_ready" in body
        status, body = await get(settings, "/ready")
        assert orjson.loads(body)["problems"] == ["something is wrong"]


@pytest.mark.parametrize("kind", ["direct", "file"])
async def test_with_a_token_only_those_who_have_it_see_more_than_states(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    given: Any = {"web_token": TOKEN} if kind == "direct" else {"web_token_file": file}
    async with pages(**given) as settings:
        for wrong in ("", "other", TOKEN[:-1], TOKEN + "x"):
            status, body = await get(settings, "/metrics", token=wrong)
            assert status == 401
            assert b"pillarscore" not in body
            assert TOKEN.encode() not in body
            for probe in ("/live", "/ready"):
                status, body = await get(settings, probe, token=wrong)
                assert (status, orjson.loads(body)) == (200, {"ok": True})
        assert (await get(settings, "/metrics", token=TOKEN))[0] == 200
        assert b"something is wrong" in (await get(settings, "/ready", token=TOKEN))[1]
        assert TOKEN not in repr(settings)
        if kind == "file":
            file.write_text("rotated")
            assert (await get(settings, "/metrics", token=TOKEN))[0] == 401
            assert (await get(settings, "/metrics", token="rotated"))[0] == 200
            file.unlink()
            assert (await get(settings, "/metrics", token="rotated"))[0] == 503


async def test_pages_are_read_only_and_there_are_no_others() -> None:
    async with pages() as settings:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert (await get(settings, "/ready", method=method))[0] == 405
        for path in ("/", "/router", "/graph", "/metrics/x", "/../etc/passwd"):
            assert (await get(settings, path))[0] == 404


async def test_pages_by_https(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "test")
    certificate, key = authority.sign("pages", "IP:127.0.0.1")
    async with pages(web_tls_certfile=certificate, web_tls_keyfile=key, web_token=TOKEN) as settings:
        context = ssl.create_default_context(cafile=authority.file)
        assert (await get(settings, "/metrics", token=TOKEN, context=context))[0] == 200
        with pytest.raises(OSError):
            await get(settings, "/metrics", token=TOKEN)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"web_token_file": "nowhere"}, "PILLARSCORE_WEB_TOKEN_FILE"),
        ({"web_tls_certfile": "nowhere"}, "PILLARSCORE_WEB_TLS_CERTFILE"),
    ],
)
def test_a_file_that_can_not_be_used_is_named_at_the_start(given: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        Pages(Settings(**{name: tmp_path / file for name, file in given.items()}), Shown())


async def closed(reader: asyncio.StreamReader, seconds: float = 10) -> bool:
    """Whether the other side has closed the connection by then."""
    try:
        return await asyncio.wait_for(reader.read(), seconds) is not None
    except ConnectionResetError:
        return True


async def drip(writer: asyncio.StreamWriter) -> None:
    """A header line again and again, and never the last one."""
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
    while True:
        writer.write(b"X-a: b\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_slow_clients_are_cut_off_and_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_guard, "REQUEST_S", 0.5)
    async with pages(web_connections=20) as settings:
        open_ = [await asyncio.open_connection("127.0.0.1", settings.web_port) for _ in range(15)]
        dripping = [asyncio.create_task(drip(writer)) for _, writer in open_[:10]]  # the others send nothing
        assert (await get(settings, "/live"))[0] == 200
        assert all(await asyncio.gather(*(closed(reader) for reader, _ in open_)))
        for task in dripping:
            task.cancel()
        await asyncio.gather(*dripping, return_exceptions=True)
        assert (await get(settings, "/live"))[0] == 200


async def test_who_does_not_read_the_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_guard, "ANSWER_S", 0.5)
    settings = Settings(web_port=free_port())
    made = Pages(settings, Shown())
    await made.start()
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", settings.web_port, limit=1)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 2_000)
        for now in (1, 0):
            async with asyncio.timeout(30):
                while made.connections != now:
                    await asyncio.sleep(0.01)  # between looks
        writer.close()
    finally:
        await made.stop()


async def test_connections_are_limited_and_come_free_again() -> None:
    async with pages(web_connections=4) as settings:
        open_ = [await asyncio.open_connection("127.0.0.1", settings.web_port) for _ in range(4)]
        async with asyncio.timeout(10):
            while True:  # until the server has them all
                reader, writer = await asyncio.open_connection("127.0.0.1", settings.web_port)
                writer.write(b"GET /live HTTP/1.0\r\n\r\n")
                with contextlib.suppress(ConnectionResetError):
                    if not await asyncio.wait_for(reader.read(), 5):
                        break
        for _, writer in open_:
            writer.close()
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    if (await get(settings, "/live"))[0] == 200:
                        break


async def test_large_requests_are_refused() -> None:
    async with pages() as settings:
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.web_port)
        writer.write(b"GET /live HTTP/1.1\r\nHost: x\r\nX-a: " + b"x" * 10_000 + b"\r\n\r\n")
        assert b" 400 " in (await asyncio.wait_for(reader.read(), 10)).splitlines()[0]
