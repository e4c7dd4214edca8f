"""The group of the score workers, by Faust: see `agents.ports.FrameGroup`.

Faust gives group membership, assignment, the agent's life cycle. What has been counted is
not its business: no tables, and its own commits are advisory.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import faust
from faust.types.enums import ProcessingGuarantee

from agents.config import client_options
from agents.config.settings import Settings
from agents.connection import refusals
from agents.connection.security import security
from agents.kafka import consumer_groups
from agents.kafka.clients import admin, client_id, worker_of


def credentials(settings: Settings) -> Any:
    """What `agents.kafka.clients` gives to its clients for a secured Kafka, in Faust's words; None: nothing.

    Faust takes SASL with TLS from whether there is a TLS context. Raises UserError.
    """
    options = security(settings)
    context = options.get("ssl_context")
    if "sasl_oauth_token_provider" in options:
        return faust.OAuthCredentials(oauth_cb=options["sasl_oauth_token_provider"], ssl_context=context)
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)


_CLIENT_OPTIONS = {
    "metadata_max_age_ms": "consumer_metadata_max_age_ms",
    "connections_max_idle_ms": "consumer_connections_max_idle_ms",
}
"""Client options that Faust passes on, and what it calls them."""


def left_out(settings: Settings) -> list[str]:
    """The options of the settings' file that Faust does not pass on to its consumer."""
    options = client_options.read(settings.client_options_file)
    given = [*options[""], *(f"consumer.{name}" for name in options["consumer"])]
    return [name for name in given if name not in _CLIENT_OPTIONS]


def faust_app(settings: Settings) -> faust.App:
    """A Faust app with what is sound of it switched on, and nothing else."""
    options = client_options.read(settings.client_options_file)[""]
    passed = {ours: options[name] for name, ours in _CLIENT_OPTIONS.items() if name in options}
    return faust.App(
        f"{settings.prefix}score",
        broker=[f"kafka://{address}" for address in settings.broker.split(",")],
        broker_client_id=client_id(settings),
        broker_credentials=credentials(settings),
        store="memory://",
        datadir=settings.state_dir / "faust",
        processing_guarantee=ProcessingGuarantee.AT_LEAST_ONCE,
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_session_timeout=float(settings.session_timeout_s),
        # Faust refuses a session that is longer than a request, and a request has 90 s by default
        broker_request_timeout=max(90.0, float(settings.session_timeout_s), settings.request_timeout_s),
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_commit_interval=2.0,
        consumer_max_fetch_size=8 << 20,
        stream_buffer_maxsize=256,
        stream_wait_empty=False,
        web_enabled=False,
        loghandlers=[],
        **passed,
    )


def group_lost(app: faust.App) -> str | None:
    """Why the app's consumer has ended by itself, one line; None while it works.

    Faust does not start it again: the worker is in the group no more, and does not know.
    """
    if not app.crashed:
        return None
    reason = app.crash_reason
    return repr(reason) if reason is None else refusals.explained(reason) or repr(reason)


class FaustGroup:
    """The members of the group are the workers with the score role."""

    def __init__(self, app: faust.App, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._topic = settings.topic("frames")

    @property
    def member(self) -> str:
        """What the group calls this worker: `host:port`."""
        return worker_of(client_id(self._settings))

    async def owner(self, partition: int) -> str | None:
        """The worker that the group has given a partition to. Raises UserError or KafkaError."""
        async with admin(self._settings) as client:
            group = await consumer_groups.describe(client, f"{self._settings.prefix}score", self._topic)
            return group.owners.get(partition)

    def subscribe(
        self,
        deliver: Callable[[int, int, int, bytes | None], Awaitable[None]],
        assigned: Callable[[set[int]], Awaitable[None]],
    ) -> None:
        """Register an agent on frames, and a listener for assignments."""
        frames = self._app.topic(
            self._topic,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            internal=False,
        )

        async def consume(stream: Any) -> None:
            async for event in stream.events():
                message = event.message
                at_ms = round(message.timestamp * 1000)
                await deliver(message.partition, message.offset, at_ms, message.value)

        async def on_assigned(sender: Any, assigned: set[Any], **_: Any) -> None:
            await announce({tp.partition for tp in assigned if tp.topic == self._topic})

        announce = assigned
        self._app.agent(frames, name="score", concurrency=1)(consume)
        self._app.on_partitions_assigned.connect(on_assigned, weak=False)
