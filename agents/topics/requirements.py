"""What has to be so of a topic that is there, and what is not: compared without asking anybody.

A difference by which events could be lost, doubled or counted in the wrong place is refused: no worker starts. Any
other is a warning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.config.settings import Settings
from agents.topics.specs import Topic, least_in_sync

PARTITIONS, REPLICATION = "partitions", "replication factor"
MIN_INSYNC = "min.insync.replicas"
UNCLEAN = "unclean.leader.election.enable"
POLICY = "cleanup.policy"
RETENTION, RETENTION_BYTES = "retention.ms", "retention.bytes"
TIMESTAMPS = "message.timestamp.type"
LARGEST = "max.message.bytes"
COMPARED = (MIN_INSYNC, UNCLEAN, POLICY, RETENTION, RETENTION_BYTES, TIMESTAMPS, LARGEST)
"""The configs that are looked at."""
UNLIMITED = -1
TRANSACTIONS, OFFSETS = "__transaction_state", "__consumer_offsets"
"""Kafka's own topics on which something depends."""


@dataclass(frozen=True, slots=True)
class State:
    """A topic as it is. replication: of the partition with the fewest replicas; configs: of `COMPARED`."""

    partitions: int
    replication: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of a topic that is not as required.

    Attributes:
        topic: its full name.
        setting: a config, or PARTITIONS or REPLICATION.
        found: its value.
        required: what it should be; `at least …` where more is fine.
        refused: whether no worker may start.
        fix: the value to set, None when it can't be changed safely.
        why: what is at stake, or how to change it.
    """

    topic: str
    setting: str
    found: str
    required: str
    refused: bool
    fix: str | None
    why: str

    def __str__(self) -> str:
        if self.setting == PARTITIONS:
            return f"Topic {self.topic} has {self.found} partitions, but the settings say {self.required}: {self.why}"
        return f"Topic {self.topic} has {self.setting}={self.found}, but needs {self.required}: {self.why}"


def compare(settings: Settings, wanted: Sequence[Topic], there: Mapping[str, State]) -> list[Difference]:
    """All differences of the topics that are there (by full names), those that are refused first."""
    found: list[Difference] = []
    for topic in wanted:
        name = settings.topic(topic.short)
        if name in there:
            found += _of_topic(settings, topic, name, state=there[name])
    for name in (TRANSACTIONS, OFFSETS):
        if name in there:
            found += _of_kafka(settings, name, there[name])
    return sorted(found, key=lambda one: not one.refused)


def _of_topic(settings: Settings, topic: Topic, name: str, *, state: State) -> Iterator[Difference]:
    if topic.ours and state.partitions != topic.partitions:
        yield Difference(
            name,
            PARTITIONS,
            str(state.partitions),
            str(topic.partitions),
            True,
            None,
            f"set them to {state.partitions}, or change the number of partitions by member with 'pillarscore "
            "repartition'",
        )
    yield from _replicas(settings, name, state)
    yield from _policy(topic, name, state)
    yield from _kept(topic, name, state)
    yield from _timestamps(topic, name, state)
    wanted = int(topic.configs.get(LARGEST, 0))
    if int(state.configs.get(LARGEST, wanted)) < wanted:
        why = "Kafka refuses larger records, and then their partition stands still"
        yield _at_least(name, LARGEST, state, wanted=wanted, why=why)


def _replicas(settings: Settings, name: str, state: State) -> Iterator[Difference]:
    required, least = settings.required_replication, least_in_sync(settings)
    if state.replication < required:
        yield Difference(
            name,
            REPLICATION,
            str(state.replication),
            f"at least {required}",
            True,
            None,
            "records would be lost with a broker; add replicas with kafka-reassign-partitions, or lower "
            "PILLARSCORE_REQUIRED_REPLICATION",
        )
    in_sync = int(state.configs.get(MIN_INSYNC, least))
    fix = str(least) if least <= state.replication else None
    if in_sync < least:
        why = "a record that only one broker has would be lost with it"
        yield Difference(name, MIN_INSYNC, str(in_sync), f"at least {least}", True, fix, why)
    elif in_sync > state.replication:
        why = f"there are only {state.replication} replicas, so Kafka takes no record"
        yield Difference(name, MIN_INSYNC, str(in_sync), f"at most {state.replication}", True, fix, why)
    if state.replication > 1 and state.configs.get(UNCLEAN) == "true":
        why = "a broker that has not all records may become the leader, and the others are lost"
        yield Difference(name, UNCLEAN, "true", "false", required > 1, "false", why)


def _policy(topic: Topic, name: str, state: State) -> Iterator[Difference]:
    found = state.configs.get(POLICY, topic.policy)
    if set(found.split(",")) == set(topic.policy.split(",")):
        return
    if topic.ours:
        why = "change it ('pillarscore topics --fix'), or start over under another PILLARSCORE_PREFIX"
        yield Difference(name, POLICY, found, topic.policy, True, topic.policy, why)
    else:
        why = "events that compaction removes before they are read are never counted; change it by hand"
        yield Difference(name, POLICY, found, topic.policy, False, None, why)


def _kept(topic: Topic, name: str, state: State) -> Iterator[Difference]:
    if RETENTION not in topic.configs or "delete" not in state.configs.get(POLICY, topic.policy):
        return
    wanted = int(topic.configs[RETENTION])
    why = (
        "what is removed before it is read is lost (and reported)"
        if topic.short in ("events", "frames")
        else ""
    )
    why = why or "records are removed earlier"
    if not topic.ours:
        why += "; change it by hand, the topic may be somebody else's"
    found = int(state.configs.get(RETENTION, wanted))
    if found != UNLIMITED and found < wanted:
        yield _at_least(name, RETENTION, state, wanted=wanted, why=why, fixable=topic.ours)
    largest = state.configs.get(RETENTION_BYTES, str(UNLIMITED))
    if int(largest) != UNLIMITED:
        fix = str(UNLIMITED) if topic.ours else None
        yield Difference(name, RETENTION_BYTES, largest, str(UNLIMITED), False, fix, why)


def _timestamps(topic: Topic, name: str, state: State) -> Iterator[Difference]:
    wanted = topic.configs[TIMESTAMPS]
    found = state.configs.get(TIMESTAMPS, wanted)
    if found == wanted:
        return
    if topic.short == "frames":
        why = "which duplicates are recognised would depend on the clocks of workers"
    elif topic.ours:
        why = "times in it are those of workers' clocks"
    else:
        why = (
            "times in it are those of producers' clocks; change it by hand, the topic may be somebody else's"
        )
    yield Difference(
        name, TIMESTAMPS, found, wanted, topic.short == "frames", wanted if topic.ours else None, why
    )


def _of_kafka(settings: Settings, name: str, state: State) -> Iterator[Difference]:
    transactions = name == TRANSACTIONS
    why = "transactions would be torn" if transactions else "events would be read again"
    if state.replication < settings.required_replication:
        required = f"at least {settings.required_replication}"
        why = f"{why} after the loss of a broker; add replicas with kafka-reassign-partitions"
        yield Difference(name, REPLICATION, str(state.replication), required, transactions, None, why)
    least = least_in_sync(settings)
    if transactions and int(state.configs.get(MIN_INSYNC, least)) < least:
        why = "transactions would be torn after the loss of a broker; change it by hand, it is Kafka's own topic"
        yield Difference(name, MIN_INSYNC, state.configs[MIN_INSYNC], f"at least {least}", True, None, why)


def _at_least(
    name: str, setting: str, state: State, *, wanted: int, why: str, fixable: bool = True
) -> Difference:
    fix = str(wanted) if fixable else None
    return Difference(name, setting, state.configs[setting], f"at least {wanted}", False, fix, why)
