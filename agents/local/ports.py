"""The port of a worker's pages, taken before anything else starts."""

import errno
import socket
from collections.abc import Callable

from agents.config.errors import UserError
from agents.config.settings import Settings

OTHERS = 100
"""How many ports after the default one are tried."""


def reserve_web_port(settings: Settings, report: Callable[[str], None]) -> tuple[Settings, socket.socket]:
    """The settings with a web port on which we can listen, and a socket that keeps it until it is closed.

    A port that was asked for is that one: raises UserError, one line, when it is taken. Otherwise it is the default
    or the next free one, which is reported.
    """
    wanted, asked = settings.web_port, "web_port" in settings.model_fields_set
    held = reserve(settings.web_host, wanted, others=0 if asked else OTHERS)
    port = held.getsockname()[1]
    if port != wanted:
        report(f"Port {wanted} is in use: the pages are on port {port}")
    return settings.model_copy(update={"web_port": port}), held


def reserve(host: str, port: int, *, others: int = 0) -> socket.socket:
    """A socket that listens on the port, or on the first free one of so many after it; UserError for none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = min(port + others, 65_535)
    for tried in range(port, last + 1):
        held = socket.socket(family, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((host, tried))
            # two that only bind do not exclude each other
            held.listen(1)
            return held
        except OSError as error:
            held.close()
            if error.errno == errno.EADDRINUSE and tried < last:
                continue
            ports = f"Port {port}" if last == port else f"Each port from {port} to {last}"
            raise UserError(
                f"{ports} of {host} is not available ({error.strerror}): is another worker running? "
                "Set PILLARSCORE_WEB_PORT to a free port"
            ) from None
    raise AssertionError("unreachable")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
