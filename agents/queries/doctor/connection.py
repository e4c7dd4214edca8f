"""Whether Kafka lets us in: each address, certificates, and the number of brokers."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from agents.config.settings import Settings
from agents.connection.certificate_dates import first_end
from agents.kafka import clients
from agents.queries.doctor.finding import Finding

SOON = timedelta(days=14)


async def connection(settings: Settings) -> AsyncIterator[Finding]:
    """`kafka` is no problem when one address answers. settings.broker must be set. Raises UserError."""
    addresses = settings.broker.split(",")
    why = {one: await _refused(settings, one) for one in addresses}
    silent = [text for text in why.values() if text is not None]
    if len(silent) == len(addresses):
        yield Finding("kafka", "problem", silent[0] if len(addresses) == 1 else "; ".join(silent))
    elif silent:
        todo = "start them, or take them out of PILLARSCORE_BROKER"
        yield Finding(
            "kafka", "warning", f"{len(silent)} of {len(addresses)} addresses: {'; '.join(silent)}", todo
        )
    else:
        yield await _brokers(settings)
    for one in certificates(settings, datetime.now(UTC)):
        yield one


async def _refused(settings: Settings, address: str) -> str | None:
    """Why this address does not let us in, with the address; None: it does."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        await asyncio.get_running_loop().getaddrinfo(host, None)
    except socket.gaierror:
        return f"{address}: the host name {host} is unknown: correct PILLARSCORE_BROKER, or the name service"
    why = await clients.check(settings.model_copy(update={"broker": address}))
    return f"{address} does not answer: start Kafka, or correct PILLARSCORE_BROKER" if why == "" else why


async def _brokers(settings: Settings) -> Finding:
    async with clients.kafka_client(settings) as client:
        count = len(client.cluster.brokers())
    said = f"answers at {settings.broker}; {count} broker{'' if count == 1 else 's'}"
    if count < settings.required_replication:
        needed = f"PILLARSCORE_REQUIRED_REPLICATION={settings.required_replication}"
        return Finding("kafka", "problem", f"{said}, but {needed}", "add brokers, or lower it")
    return Finding("kafka", "ok", said)


def certificates(settings: Settings, now: datetime) -> list[Finding]:
    """Those in files of ours that have expired or do so soon; one finding for all of them when none does."""
    files = {
        "PILLARSCORE_SSL_CERTFILE": settings.ssl_certfile,
        "PILLARSCORE_SSL_CAFILE": settings.ssl_cafile,
        "PILLARSCORE_WEB_TLS_CERTFILE": settings.web_tls_certfile,
    }
    ends = {name: end for name, file in files.items() if file and (end := first_end(file)) is not None}
    found = []
    for name, end in ends.items():
        if end < now:
            found.append(
                Finding("certificates", "problem", f"{name} has expired on {end:%Y-%m-%d}", "renew it")
            )
        elif end < now + SOON:
            found.append(Finding("certificates", "warning", f"{name} expires on {end:%Y-%m-%d}", "renew it"))
    if ends and not found:
        found.append(Finding("certificates", "ok", f"the first expires on {min(ends.values()):%Y-%m-%d}"))
    return found
