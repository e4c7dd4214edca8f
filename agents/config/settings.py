"""The settings: environment variables `PILLARSCORE_…`, checked by pydantic before anything starts.

One class, so that one table (`docs/reference/settings.md`, made by `agents.docgen.settings`) shows them all. A
variable that is misspelt is an error too: a setting which silently does nothing is worse than none.
"""

import difflib
import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from agents.config import field_checks, secured
from agents.config.errors import UserError
from pipeline.cohorts.kinds import EVERYONE

PREFIX = "PILLARSCORE_"

TOPICS = {
    "events": "activity.events",
    "frames": "activity.frames",
    "dead-letters": "activity.dead-letters",
    "replays": "activity.replays",
    "scores": "member.scores",
    "shadow": "member.scores.shadow",
    "ledger": "member.ledger",
    "bands": "member.bands",
    "history": "member.history",
    "networks": "member.networks",
    "distributions": "score.distributions",
    "benchmarks": "score.benchmarks",
}
"""The topics' short names in the code, and what Kafka knows them as."""


FilePath = Annotated[Path | None, AfterValidator(lambda path: path and path.expanduser().absolute())]


class Settings(BaseSettings):
    """All settings; immutable. `Settings(broker="…")` overrides the environment, as tests do."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    broker: Annotated[str, AfterValidator(field_checks.addresses)] = Field(
        "",
        description="Kafka bootstrap address, host:port; several separated by commas for redundancy. Empty: a "
        "local broker; a command that needs it starts it and stops it again.",
    )
    prefix: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9._-]*$",
        max_length=100,
        description="Prefix of all topics, consumer groups and transactional ids, so that several "
        "Pillarscores can share one Kafka.",
    )
    broker_port: int = Field(0, ge=0, le=65535, description="Port of the local broker; 0: any free port.")
    broker_heap_mb: int = Field(512, ge=256, le=1024, description="Java heap of the local broker, MB.")
    state_dir: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = Field(
        Path(".pillarscore"), description="Folder for the local broker, its data and other local state."
    )
    session_timeout_s: int = Field(
        10,
        ge=6,
        le=300,
        description="Seconds without a heartbeat until a worker's partitions are reassigned.",
    )
    request_timeout_s: float = Field(
        40, ge=1, le=600, description="How long clients wait for an answer of Kafka, seconds."
    )
    outage_grace_s: float = Field(
        30,
        ge=1,
        le=3600,
        description="How long Kafka may leave a request without an answer until `/ready` reports it, seconds.",
    )
    client_options_file: FilePath = Field(
        None,
        description="File of further client options, TOML or `.properties`: see how-to/connect-to-a-secured-kafka.",
    )

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to connect to Kafka: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    ssl_cafile: FilePath = Field(
        None, description="CA certificates that sign the brokers', PEM. Empty: those of the system."
    )
    ssl_certfile: FilePath = Field(None, description="Client certificate for mTLS with its chain, PEM.")
    ssl_keyfile: FilePath = Field(
        None, description="Key of the client certificate, PEM. Empty: in the certificate's file."
    )
    ssl_key_password: SecretStr | None = Field(None, description="Password of an encrypted key.")
    ssl_key_password_file: FilePath = Field(None, description="File that holds the password of the key.")
    ssl_check_hostname: bool = Field(
        True, description="Whether the broker's certificate must be for the host that is connected to."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = Field(
        None,
        description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, with SASL_PLAINTEXT or SASL_SSL.",
    )
    sasl_username: str = Field("", description="User name for PLAIN and SCRAM.")
    sasl_password: SecretStr | None = Field(None, description="Password for PLAIN and SCRAM.")
    sasl_password_file: FilePath = Field(
        None, description="File that holds the password, read again for each new connection."
    )
    sasl_oauth_token_file: FilePath = Field(
        None, description="File that holds a token for OAUTHBEARER, read again for each new connection."
    )
    sasl_oauth_token_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^\s@]+)?$",
        description="Address that issues tokens for OAUTHBEARER by the client credentials grant.",
    )
    sasl_oauth_client_id: str = Field("", description="Client id for the token endpoint.")
    sasl_oauth_client_secret: SecretStr | None = Field(None, description="Client secret for it.")
    sasl_oauth_client_secret_file: FilePath = Field(None, description="File that holds the client secret.")
    sasl_oauth_scope: str = Field("", description="Scope to ask the token endpoint for, if it needs one.")
    sasl_oauth_cafile: FilePath = Field(
        None, description="CA certificates of the token endpoint, PEM. Empty: those of the system."
    )

    rubric: Path | None = Field(
        None,
        description="A TOML file, or the name of a bundled rubric: `ssi` is version 1. Empty: `ssi-2`, version 2.",
    )
    shadow_rubric: Path | None = Field(
        None, description="A second rubric, likewise; its scores go to `member.scores.shadow`."
    )
    as_of: date | None = Field(
        None, description="The day of the scores, YYYY-MM-DD. Empty: today, in `PILLARSCORE_ZONE`."
    )
    zone: Annotated[str, AfterValidator(field_checks.zone)] = Field(
        "UTC", description="Time zone (IANA name) that defines days. Never change it while state is kept."
    )
    substantive_words: int = Field(
        5, ge=1, le=1000, description="Minimum number of words of a substantive comment."
    )
    seniority_file: Path | None = Field(
        None,
        description="A TOML file with more job titles and their levels of seniority. Empty: only the built-in table.",
    )
    ahead_s: float = Field(
        900,
        ge=0,
        le=86_400,
        description="How far in the future an event's time may be, seconds; later events become dead letters.",
    )
    late_days: float = Field(
        90,
        ge=0,
        le=90,
        description="How many days before its record an event may lie, unless its rule in `sources` says otherwise; "
        "later events become dead letters, `too_late`. 90, the window: no limit. Recommended in production: 7.",
    )
    sources: Path | None = Field(
        None,
        description="A TOML file that says which sources may publish what, or the name of one that ships: `open`. "
        "Empty: `default`, by which nobody may erase.",
    )
    dedupe_events: int = Field(
        1_000_000,
        ge=0,
        le=100_000_000,
        description="Minimum number of recent events per partition that are remembered to detect duplicates.",
    )
    dedupe_hours: float = Field(
        24,
        ge=0,
        le=24 * 90,
        description="Events older than this, in hours, may be forgotten even within `dedupe_events`.",
    )
    erasure_quiet_days: int = Field(
        30,
        ge=0,
        le=90,
        description="Days after an erasure on which events of others do not bring the erased member back.",
    )
    hash_seed: int = Field(
        0,
        ge=0,
        lt=1 << 64,
        description="Seed of the 64-bit hash of (source, id). Never change it while state is kept.",
    )

    cohorts: Annotated[str, AfterValidator(field_checks.cohorts)] = Field(
        "industry,team,role,seniority,region",
        description="Registers that define cohorts in addition to `everyone`, separated by commas; any text "
        "register. `none`: no benchmarks and no ranks.",
    )
    ranks: Annotated[str, AfterValidator(field_checks.ranks)] = Field(
        "everyone,industry",
        description="Cohorts with a rank in score records: `everyone` and kinds from `cohorts`, or `none`.",
    )
    cohort_minimum: int = Field(
        5, ge=1, le=1_000_000, description="Minimum size of a cohort for benchmarks and ranks."
    )
    cohort_limit: int = Field(
        20_000,
        ge=1,
        le=1_000_000,
        description="Maximum number of cohorts of a kind. If there are more, those below `cohort_minimum` become "
        "one, named `other`, and if that is not enough, the smallest of the rest too. Must be the same everywhere.",
    )
    benchmark_ms: float = Field(
        1000,
        ge=100,
        le=600_000,
        description="Approximate delay until a score is included in benchmarks and ranks, ms.",
    )

    event_partitions: int = Field(
        4, ge=1, le=1024, description="Partitions of `activity.events`, if Pillarscore creates it."
    )
    frame_partitions: int = Field(
        4,
        ge=1,
        le=1024,
        description="Partitions of frames, scores and ledger: the maximum number of workers that can share the "
        "scoring. Once there is data, only `pillarscore repartition` changes it.",
    )
    letter_partitions: int = Field(1, ge=1, le=1024, description="Partitions of `activity.dead-letters`.")
    replication: int = Field(
        -1,
        ge=-1,
        le=10,
        description="Replicas of each partition of topics that Pillarscore creates; -1: the default of the Kafka in "
        "use, or `required_replication` if that is set.",
    )
    required_replication: int = Field(
        1,
        ge=1,
        le=10,
        description="Least number of replicas of each topic; with fewer, nothing starts. Use 3 with several brokers. "
        "All but one of these must have a record (`min.insync.replicas`).",
    )

    batch_events: int = Field(
        10_000,
        ge=1,
        le=100_000,
        description="Maximum events per ingest batch; a larger value raises both throughput and delay.",
    )
    cycle_ms: float = Field(
        40,
        ge=0,
        le=1000,
        description="Minimum duration of a round of ingest and score at low load, ms; up to four times as "
        "long under load.",
    )
    commit_ms: float = Field(
        100,
        ge=10,
        le=10_000,
        description="Interval of commits, ms: delay until `read_committed` readers see scores.",
    )
    block_cycle_s: float = Field(
        60,
        ge=1,
        le=3600,
        description="Time within which each changed block of state is written, seconds; limits a restore.",
    )
    watch_s: float = Field(
        10,
        ge=1,
        le=600,
        description="Seconds without frames after which a partition checks for undelivered ones.",
    )

    network_hours: float = Field(
        24,
        ge=0,
        le=24,
        description="Interval at which ranks among connections are recomputed, hours; also done after each "
        "rollover. 0: never.",
    )

    web_host: str = Field("127.0.0.1", min_length=1, description="Address of /metrics, /live and /ready.")
    web_port: int = Field(
        6066,
        ge=1,
        le=65535,
        description="Port of /metrics, /live and /ready. If it is not set and 6066 is in use: the next free port.",
    )
    web_token: SecretStr | None = Field(
        None, description="Token for /metrics and the details of /ready, sent as `Authorization: Bearer`."
    )
    web_token_file: FilePath = Field(
        None, description="File that holds the token, read again for each request."
    )
    web_tls_certfile: FilePath = Field(
        None, description="Certificate of the pages with its chain, PEM: they are served by HTTPS then."
    )
    web_tls_keyfile: FilePath = Field(
        None, description="Key of that certificate, PEM. Empty: in the certificate's file."
    )
    web_connections: int = Field(
        64, ge=4, le=10_000, description="Connections to the pages at a time; more are closed at once."
    )
    tracing: Literal["off", "on"] = Field(
        "off",
        description="on: export spans of sampled events by OTLP over HTTP, as configured by the standard "
        "OTEL_EXPORTER_OTLP_ variables.",
    )
    trace_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of the incoming sampled traces that is traced, 0 to 1."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console on a terminal, otherwise JSON, one object per line."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level that is logged."
    )

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Settings from the environment and `given`; raises UserError, one line, when one is wrong."""
        known = {PREFIX + name.upper() for name in cls.model_fields}
        for name in sorted(os.environ):
            if name.upper().startswith(PREFIX) and name.upper() not in known:
                near = difflib.get_close_matches(name.upper(), known, 1)
                meant = f"did you mean {near[0]}?" if near else "see docs/reference/settings.md"
                raise UserError(f"There is no setting {name}: {meant}")
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            what = first["msg"].removeprefix("Value error, ")
            if not first["loc"]:  # of several settings together
                raise UserError(what) from None
            field = str(first["loc"][0])
            secret = "SecretStr" in str(cls.model_fields[field].annotation)
            shown = "…" if secret else re.sub(r"//[^/]*@", "//…@", str(first["input"]))
            shown = shown if len(shown) <= 60 else shown[:57] + "…"
            raise UserError(f"{PREFIX}{field.upper()}={shown}: {what}") from None

    @property
    def cohort_kinds(self) -> tuple[str, ...] | None:
        """The kinds of cohorts beside `everyone`; None: no cohorts at all."""
        return None if self.cohorts == "none" else tuple(self.cohorts.split(","))

    @property
    def rank_kinds(self) -> tuple[str, ...]:
        """The kinds of cohorts in which score records have a rank."""
        kinds = (EVERYONE, *(self.cohort_kinds or ()))
        return tuple(kind for kind in self.ranks.split(",") if kind in kinds)

    @model_validator(mode="after")
    def _ranked_in_cohorts(self) -> Self:
        """Ranks are by benchmarks; with the default of `ranks`, `cohorts` may leave any of it out."""
        kinds = (EVERYONE, *(self.cohort_kinds or ()))
        missing = [kind for kind in self.ranks.split(",") if kind not in (*kinds, "none")]
        if missing and "ranks" in self.model_fields_set and self.cohort_kinds is not None:
            raise ValueError(f"PILLARSCORE_RANKS names {missing[0]}, which is not in PILLARSCORE_COHORTS")
        return self

    @model_validator(mode="after")
    def _enough_replicas(self) -> Self:
        if self.replication != -1 and self.replication < self.required_replication:
            raise ValueError(
                f"PILLARSCORE_REPLICATION={self.replication} is less than "
                f"PILLARSCORE_REQUIRED_REPLICATION={self.required_replication}: raise it, or lower the other"
            )
        return self

    @model_validator(mode="after")
    def _connection_makes_sense(self) -> Self:
        if wrong := secured.problem(self):
            raise ValueError(wrong)
        return self

    def topic(self, short: str) -> str:
        """A topic's full name from its short one (`TOPICS`), as in topic("frames"); KeyError when unknown."""
        return self.prefix + TOPICS[short]
