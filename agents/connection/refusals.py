"""Why Kafka lets nobody in, in words: TLS, user and password, token, ACL.

aiokafka logs the cause and goes on with a general error, so each attempt to connect leaves its cause here
(see `agents.kafka.connections`), for commands to print and for the worker's health.
"""

import re
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    NodeNotReadyError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from agents.connection.certificate_dates import not_after
from agents.connection.oauth_tokens import NoToken

SHOWN_S = 40.0
"""How long a refusal counts after it was last seen: longer than a partition rests between attempts."""
_EXPIRED, _NOT_YET_VALID = 10, 9
_UNKNOWN_CA = (2, 18, 19, 20, 21)
_OTHER_HOST = (62, 64)


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a connection was made to, and as whom."""

    host: str
    port: int
    protocol: str
    mechanism: str | None = None
    user: str | None = None
    certificate: Path | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self.host}:{self.port}"


_seen: dict[str, tuple[str, float]] = {}


def note(where: str, text: str | None) -> None:
    """A refusal was met; None: it was not, any more."""
    if text is None:
        _seen.pop(where, None)
    else:
        _seen[where] = text, time.monotonic()


def forget() -> None:
    """Nothing was refused so far: for a process that goes on with another Kafka."""
    _seen.clear()


def current() -> dict[str, str]:
    """The recent refusals: where each happened, and its message."""
    since = time.monotonic() - SHOWN_S
    return {where: text for where, (text, at) in list(_seen.items()) if at >= since}


def explained(error: BaseException) -> str | None:
    """One line for an error of a client that means a refusal, or None."""
    for one in _chain(error):
        if text := denied(one):
            return text
    known = current()
    if known and any(isinstance(one, KafkaConnectionError | NodeNotReadyError) for one in _chain(error)):
        return next(iter(known.values()))
    return None


def _chain(error: BaseException) -> list[BaseException]:
    found = [error]
    while (cause := found[-1].__cause__) is not None and cause not in found:
        found.append(cause)
    return found


def denied(error: BaseException) -> str | None:
    """Which ACL is missing, or None for an error that is not about one."""
    names = ", ".join(sorted(_names(error)))
    if isinstance(error, TopicAuthorizationFailedError):
        topic = f"topic {names}" if names else "a topic"
        return f"not allowed to use {topic}: needs ACLs Read, Write and Describe on it"
    if isinstance(error, GroupAuthorizationFailedError):
        group = f"consumer group {names}" if names else "a consumer group"
        return f"not allowed to use {group}: needs ACLs Read and Describe on it"
    if isinstance(error, TransactionalIdAuthorizationFailed):
        return "not allowed to use transactions: needs ACLs Write and Describe on the transactional ids"
    if isinstance(error, ClusterAuthorizationFailedError):
        return (
            "not allowed to do this on the cluster: needs ACL Create on the cluster or on the topics, and "
            "IdempotentWrite where Kafka asks for it"
        )
    return None


def _names(error: BaseException) -> set[str]:
    """The topics or groups that an error names."""
    names: set[str] = set()
    for argument in error.args:
        some = [argument] if isinstance(argument, str) else argument
        if isinstance(some, list | tuple | set | frozenset):
            names |= {one for one in some if isinstance(one, str) and re.fullmatch(r"[\w.-]+", one)}
    return names


def refusal(error: BaseException, peer: Peer) -> str | None:
    """Why an attempt to connect failed, one line with what to do; None when Kafka just does not answer."""
    for one in _chain(error):
        if text := _of_sasl(one, peer) or _of_tls(one, peer):
            return f"Kafka at {peer.address}: {text}"
    return None


def hung_up(error: BaseException, peer: Peer) -> str | None:
    """A line for a connection that was made and closed again without an answer, or None for other errors.

    It may mean that the port expects another protocol, or that Kafka is just stopping.
    """
    closed = EOFError | ConnectionResetError | BrokenPipeError | ssl.SSLEOFError | KafkaConnectionError
    if not isinstance(_chain(error)[-1], closed):
        return None
    return (
        f"Kafka at {peer.address} closes the connection: correct PILLARSCORE_SECURITY_PROTOCOL (now "
        f"{peer.protocol}) or the port in PILLARSCORE_BROKER"
    )


def _of_sasl(error: BaseException, peer: Peer) -> str | None:
    if isinstance(error, NoToken):
        return str(error)
    if isinstance(error, SaslAuthenticationFailed | IllegalSaslStateError):
        if peer.mechanism == "OAUTHBEARER":
            return f"refuses the token ({_said(error)}): check the settings PILLARSCORE_SASL_OAUTH_…"
        return (
            f"wrong user name or password ({peer.mechanism}, user {peer.user}): check PILLARSCORE_SASL_USERNAME "
            "and PILLARSCORE_SASL_PASSWORD"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        offered = [str(name) for name in (error.args[0] if error.args else ())]
        offers = f"it offers {', '.join(offered)}" if offered else "it offers none"
        return f"no SASL mechanism {peer.mechanism} at this port, {offers}: set PILLARSCORE_SASL_MECHANISM"
    return None


def _said(error: BaseException) -> str:
    return " ".join(str(error.args[0] if error.args else type(error).__name__).split())[:200]


def _of_tls(error: BaseException, peer: Peer) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        code: Any = error.verify_code
        if code == _EXPIRED:
            return "the broker's certificate has expired: renew it at the broker"
        if code == _NOT_YET_VALID:
            return "the broker's certificate is not valid yet: check the clocks"
        if code in _UNKNOWN_CA:
            return (
                "the CA does not know the broker's certificate: set PILLARSCORE_SSL_CAFILE to the certificate of the "
                "CA that signed it"
            )
        if code in _OTHER_HOST:
            return (
                f"the broker's certificate is not for host {peer.host}: connect by a name that is in it, or set "
                "PILLARSCORE_SSL_CHECK_HOSTNAME=false"
            )
        return f"the broker's certificate is not accepted: {error.verify_message}"
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError):
        return None
    reason = str(error.reason or "")
    end = None if peer.certificate is None else not_after(peer.certificate)
    if "CERTIFICATE_EXPIRED" in reason or ("CERTIFICATE" in reason and end and end < datetime.now(UTC)):
        on = f" on {end:%Y-%m-%d}" if end else ""
        return f"the client certificate in PILLARSCORE_SSL_CERTFILE has expired{on}: renew it"
    if "CERTIFICATE_REQUIRED" in reason or ("ALERT" in reason and "BAD_CERTIFICATE" in reason):
        return "asks for a client certificate: set PILLARSCORE_SSL_CERTFILE and PILLARSCORE_SSL_KEYFILE"
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        return (
            "does not accept the client certificate in PILLARSCORE_SSL_CERTFILE: its CA must be among those that "
            "the broker trusts"
        )
    if "HANDSHAKE_FAILURE" in reason or "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return "no common TLS version or cipher"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "no TLS at this port: correct PILLARSCORE_BROKER or PILLARSCORE_SECURITY_PROTOCOL"
    return f"TLS error: {reason or _said(error)}"


def is_denied(error: BaseException) -> bool:
    """Whether an error is Kafka's refusal because an ACL is missing."""
    return any(map(denied, _chain(error)))
