"""What a worker calls itself towards Kafka: where its pages are, so that who looks at a group can find it."""

import socket

from agents.config.settings import Settings

_PROGRAM = "pillarscore@"


def client_id(settings: Settings) -> str:
    """The client id of a worker's consumers, as in `pillarscore@host:6066`."""
    return f"{_PROGRAM}{socket.gethostname()}:{settings.web_port}"


def worker_of(client: str) -> str:
    """The worker, `host:port`, that a client id names; the id itself when it is not one of ours."""
    return client.removeprefix(_PROGRAM)
