"""One Kafka with a listener for each way to secure it, and what clients need for each."""

import base64
import http.server
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from agents.config.settings import Settings
from agents.kafka.clients import kafka_client
from perf.worker_process import free_port
from tests.kit.certificates import Authority
from tests.kit.cluster import Cluster, Listener, cluster

SESSION_S = 10
"""Of listener SHORT: Kafka ends a connection that is older."""
TOKEN_S = 15
"""Lifetime of tokens."""
_PACKAGE = "org.apache.kafka.common.security"
_LOCAL = ("IP:127.0.0.1", "DNS:localhost")
_LISTENERS = {
    "OPEN": "PLAINTEXT",
    "PLAIN": "SASL_PLAINTEXT",
    "SCRAM": "SASL_SSL",
    "SHORT": "SASL_SSL",
    "OAUTH": "SASL_SSL",
    "MTLS": "SSL",
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
}


@dataclass(slots=True)
class Secured:
    """The running Kafka. Users: alice may do anything, bob and carol nothing; passwords are NAME-secret."""

    cluster: Cluster
    authority: Authority
    other: Authority
    client: tuple[Path, Path]
    expired_client: tuple[Path, Path]
    ports: dict[str, int]

    def environment(self, listener: str, **settings: object) -> dict[str, str]:
        """The environment of a client at a listener, with its user alice; settings: as they are called in code.

        None takes one of ours away.
        """
        given: dict[str, object] = {
            "broker": f"127.0.0.1:{self.ports[listener]}",
            "security_protocol": _LISTENERS[listener],
        }
        if "SSL" in _LISTENERS[listener]:
            given["ssl_cafile"] = self.authority.file
        if listener in ("PLAIN", "SCRAM", "SHORT"):
            given["sasl_mechanism"] = "PLAIN" if listener == "PLAIN" else "SCRAM-SHA-512"
            given |= {"sasl_username": "alice", "sasl_password": "alice-secret"}
        if listener == "OAUTH":
            given["sasl_mechanism"] = "OAUTHBEARER"
        if listener == "MTLS":
            given["ssl_certfile"], given["ssl_keyfile"] = self.client
        given |= settings
        return {
            f"PILLARSCORE_{name.upper()}": str(value) for name, value in given.items() if value is not None
        }


TOPIC, GROUP, TRANSACTIONS = 2, 3, 5
READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS = 3, 4, 5, 8, 10
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3
NEEDED = {
    TOPIC: (READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS),
    GROUP: (READ, DESCRIBE),
    TRANSACTIONS: (WRITE, DESCRIBE),
}
"""The ACLs of a worker, as docs/how-to/connect-to-a-secured-kafka.md gives them."""


ROLES = ("ingest", "score", "publisher", "reader", "tools")
"""Users with what `deploy/acls.sh` gives them, once it was run."""


async def allow(
    settings: Settings, user: str, prefix: str, kind: int, *operations: int, remove: bool = False
) -> None:
    """Add (or remove) ACLs of a user for all that begins with a prefix. settings: of a user who may."""
    async with kafka_client(settings) as client:
        for operation in operations:
            request = (DeleteAclsRequest if remove else CreateAclsRequest)(
                kind, prefix, _PREFIXED, f"User:{user}", "*", operation, _ALLOW
            )
            answer = await client.send(client.get_random_node(), request)
            (result,) = answer.filter_responses if remove else answer.creation_responses
            assert result[0] == 0, result


def _properties(authority: Authority) -> dict[str, str]:
    stores = {
        "expired": authority.keystore("expired-broker", *_LOCAL, expired=True),
        "elsewhere": authority.keystore("elsewhere", "DNS:kafka.example"),
    }
    good = authority.keystore("broker", *_LOCAL)
    found = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:ANONYMOUS;User:alice;User:client",
        "ssl.principal.mapping.rules": "RULE:^CN=(.*)$/$1/",
        "connection.failed.authentication.delay.ms": "50",
    }
    for name, protocol in _LISTENERS.items():
        at = f"listener.name.{name.lower()}"
        if "SSL" in protocol:
            found |= {
                f"{at}.ssl.keystore.type": "PEM",
                f"{at}.ssl.keystore.location": str(stores.get(name.lower(), good)),
                f"{at}.ssl.truststore.type": "PEM",
                f"{at}.ssl.truststore.location": str(authority.file),
            }
    found["listener.name.mtls.ssl.client.auth"] = "required"
    found |= {
        "listener.name.plain.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.plain.plain.sasl.jaas.config": f"{_PACKAGE}.plain.PlainLoginModule required "
        'user_alice="alice-secret" user_bob="bob-secret";',
        "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.oauth.oauthbearer.sasl.jaas.config": f"{_PACKAGE}.oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="broker";',
        "listener.name.oauth.oauthbearer.connections.max.reauth.ms": "3600000",
        "listener.name.short.scram-sha-512.connections.max.reauth.ms": str(SESSION_S * 1000),
    }
    for name in ("scram", "short"):
        found[f"listener.name.{name}.sasl.enabled.mechanisms"] = "SCRAM-SHA-256,SCRAM-SHA-512"
        for mechanism in ("scram-sha-256", "scram-sha-512"):
            found[f"listener.name.{name}.{mechanism}.sasl.jaas.config"] = (
                f"{_PACKAGE}.scram.ScramLoginModule required;"
            )
    return found


@contextmanager
def secured_kafka(folder: Path) -> Iterator[Secured]:
    """The Kafka, gone at the end."""
    authority, other = Authority(folder / "ca", "Test CA"), Authority(folder / "other", "Another CA")
    listeners = [Listener(name, free_port(), protocol=protocol) for name, protocol in _LISTENERS.items()]
    scram = [
        f"SCRAM-SHA-{bits}=[name={name},password={name}-secret]"
        for name in ("alice", "bob", "carol", *ROLES)
        for bits in (256, 512)
    ]
    properties = _properties(authority)
    client = authority.sign("client")
    expired = authority.sign("old-client", expired=True)
    with cluster(folder / "kafka", listeners=[listeners], properties=properties, scram=scram) as made:
        ports = {listener.name: listener.port for listener in listeners}
        yield Secured(made, authority, other, client, expired, ports)


def token(lifetime_s: float = TOKEN_S, user: str = "alice") -> str:
    """A token without signature, which Kafka takes unless it knows where to find keys."""
    now = time.time()
    parts = {"alg": "none"}, {"sub": user, "iat": now, "exp": now + lifetime_s}
    return ".".join(_base64(json.dumps(part).encode()) for part in parts) + "."


def _base64(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@dataclass(slots=True)
class TokenServer:
    """issued: how many tokens it gave."""

    address: str
    secret: str = "client-secret"
    issued: int = 0


@contextmanager
def token_server(lifetime_s: float = TOKEN_S) -> Iterator[TokenServer]:
    """A token endpoint for client `pillarscore`."""
    made = TokenServer("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            wanted = base64.b64encode(f"pillarscore:{made.secret}".encode()).decode()
            allowed = self.headers["Authorization"] == f"Basic {wanted}"
            good = allowed and body == {"grant_type": ["client_credentials"], "scope": ["kafka"]}
            answer = {"access_token": token(lifetime_s), "expires_in": lifetime_s} if good else {}
            made.issued += good
            self.send_response(200 if good else 401)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"http://127.0.0.1:{server.server_address[1]}/token"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
