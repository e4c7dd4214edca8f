"""The port of the pages: the one asked for or none; by default the next free one, which is reported."""

import socket
from collections.abc import Iterator

import pytest

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.local.ports import reserve, reserve_web_port


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        yield other.getsockname()[1]


def defaulting_to(port: int) -> type[Settings]:
    class Defaulting(Settings):
        web_port: int = port

    return Defaulting


def test_the_default_is_taken_when_it_is_free(taken: int) -> None:
    lines: list[str] = []
    with reserve("127.0.0.1", taken, others=100) as free:
        port = free.getsockname()[1]
    settings, held = reserve_web_port(defaulting_to(port)(), lines.append)
    held.close()
    assert (settings.web_port, lines) == (port, [])


def test_a_taken_default_gives_the_next_free_port_and_says_so(taken: int) -> None:
    lines: list[str] = []
    settings, held = reserve_web_port(defaulting_to(taken)(), lines.append)
    with held:
        assert taken < settings.web_port <= taken + 100
        assert lines == [f"Port {taken} is in use: the pages are on port {settings.web_port}"]
        # what is reserved is taken for others
        other, another = reserve_web_port(defaulting_to(taken)(), lines.append)
        another.close()
        assert other.web_port > settings.web_port


def test_a_port_that_was_asked_for_is_that_one_or_none(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=f"Port {taken} of 127.0.0.1 is not available"):
        reserve_web_port(Settings(web_port=taken), print)
    monkeypatch.setenv("PILLARSCORE_WEB_PORT", str(taken))
    with pytest.raises(UserError, match="Set PILLARSCORE_WEB_PORT to a free port"):
        reserve_web_port(Settings.load(), print)


def test_a_host_that_is_not_ours_is_no_reason_to_try_other_ports(taken: int) -> None:
    with pytest.raises(UserError, match=r"of 192\.0\.2\.1 is not available"):
        reserve("192.0.2.1", taken, others=100)
