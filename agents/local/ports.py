"""Whether a port is free, checked before anything starts."""

import socket

from agents.config.errors import UserError


def require_free(host: str, port: int) -> None:
    """Raise UserError, one line, when nobody can listen on the web port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"Port {port} of {host} is not available ({error.strerror}): is another worker running? "
                "Set PILLARSCORE_WEB_PORT to a free port"
            ) from None


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
