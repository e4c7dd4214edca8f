"""The file of further client options: names as in Kafka's clients, only those that can't break exactly-once."""

import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from agents.config.errors import UserError
from agents.config.secured import reason, variable
from pipeline.common.suggestions import nearest

_ALL: dict[str, type] = {
    "metadata_max_age_ms": int,
    "retry_backoff_ms": int,
    "connections_max_idle_ms": int,
}
KNOWN: dict[str, dict[str, type]] = {
    "": _ALL,
    "consumer": {"fetch_max_wait_ms": int, "fetch_max_bytes": int, "client_rack": str},
    "producer": {"compression_type": str, "linger_ms": int},
}
"""What may be set, by whom it is for; "": every client."""
_OWN = {
    "bootstrap_servers": "broker",
    "request_timeout_ms": "request_timeout_s",
    "session_timeout_ms": "session_timeout_s",
    "security_protocol": "security_protocol",
    "sasl_mechanism": "sasl_mechanism",
    "sasl_plain_username": "sasl_username",
    "sasl_plain_password": "sasl_password",
    "ssl_cafile": "ssl_cafile",
    "ssl_certfile": "ssl_certfile",
    "ssl_keyfile": "ssl_keyfile",
}
_COMPRESSION = ("none", "gzip", "snappy", "lz4", "zstd")
_FIXED = (
    *("enable_auto_commit", "auto_commit_interval_ms", "auto_offset_reset", "isolation_level", "group_id"),
    *("group_instance_id", "transactional_id", "transaction_timeout_ms", "enable_idempotence", "acks"),
    *("partitioner", "partition_assignment_strategy", "max_request_size", "max_batch_size", "check_crcs"),
    *("max_partition_fetch_bytes", "client_id", "heartbeat_interval_ms", "max_poll_interval_ms", "retries"),
)
"""Fixed: another value would lose or double events, or the program depends on it."""


@lru_cache(maxsize=8)
def read(file: Path | None) -> dict[str, dict[str, Any]]:
    """The options in a file, by who they are for (see `KNOWN`); read once. Raises UserError, one line."""
    found: dict[str, dict[str, Any]] = {scope: {} for scope in KNOWN}
    if file is None:
        return found
    where = f"{variable('client_options_file')}={file}"
    for key, value in _pairs(file, where):
        scope, _, name = key.partition(".") if key.split(".")[0] in KNOWN else ("", "", key)
        name = name.replace(".", "_").replace("-", "_")
        found[scope][name] = _checked(scope, name, value, where=f"{where}: {key}")
    return found


def _pairs(file: Path, where: str) -> Iterator[tuple[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{where}: {reason(error)}") from None
    if file.suffix == ".properties":
        lines = [line.strip() for line in text.splitlines()]
        for line in lines:
            if line and line[0] not in "#!":
                name, _, value = line.partition("=")
                yield name.strip(), value.strip()
        return
    try:
        yield from _flat(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: {error}") from None


def _flat(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _checked(scope: str, name: str, value: Any, *, where: str) -> Any:
    known = KNOWN[scope]
    if name in _OWN:
        raise UserError(f"{where}: set {variable(_OWN[name])} instead")
    if name in _FIXED:
        raise UserError(f"{where}: can't be changed, Pillarscore depends on its own value")
    if name.startswith(("ssl", "sasl")):
        raise UserError(f"{where}: use the settings {variable('ssl')}_… and {variable('sasl')}_…")
    if name not in known:
        others = [f"{other}.{name}" for other in KNOWN if other and name in KNOWN[other]]
        raise UserError(f"{where}: " + (f"write {others[0]}" if others else f"unknown{nearest(name, known)}"))
    if known[name] is int:
        if isinstance(value, bool) or not str(value).isdigit():
            raise UserError(f"{where}: must be a whole number, 0 or more")
        return int(value)
    if not isinstance(value, str) or not value:
        raise UserError(f"{where}: must be a text")
    if name == "compression_type":
        if value not in _COMPRESSION:
            raise UserError(f"{where}: must be one of {', '.join(_COMPRESSION)}")
        return None if value == "none" else value
    return value
