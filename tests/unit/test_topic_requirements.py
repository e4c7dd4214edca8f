"""What is required of topics, and what of it is refused."""

import pytest

from agents.config.errors import UserError
from agents.config.settings import TOPICS, Settings
from agents.topics.creation import refuse
from agents.topics.requirements import OFFSETS, TRANSACTIONS, Difference, State, compare
from agents.topics.specs import specs
from tests.kit.settings import load

ONE = Settings()
THREE = Settings(required_replication=3)


def found(settings: Settings, short: str, *, replication: int = 3, **changes: str) -> list[Difference]:
    """What is said of one topic that has been changed; _ for . in configs."""
    [topic] = [topic for topic in specs(settings) if topic.short == short]
    configs = topic.configs | {name.replace("_", "."): value for name, value in changes.items()}
    partitions = int(configs.pop("partitions", topic.partitions))
    return compare(settings, specs(settings), {TOPICS[short]: State(partitions, replication, configs)})


@pytest.mark.parametrize("settings", [ONE, THREE])
def test_a_topic_as_it_is_created_is_as_required(settings: Settings) -> None:
    for short in TOPICS:
        assert found(settings, short) == []


@pytest.mark.parametrize(
    ("settings", "short", "changes", "refused", "fix"),
    [
        (ONE, "frames", {"partitions": "7"}, True, None),
        (ONE, "ledger", {"cleanup_policy": "delete"}, True, "compact"),
        (ONE, "events", {"cleanup_policy": "compact"}, False, None),
        (ONE, "frames", {"retention_ms": "1000"}, False, "604800000"),
        (ONE, "events", {"retention_ms": "1000"}, False, None),
        (ONE, "frames", {"retention_bytes": "1000000"}, False, "-1"),
        (ONE, "frames", {"message_timestamp_type": "CreateTime"}, True, "LogAppendTime"),
        (ONE, "scores", {"message_timestamp_type": "CreateTime"}, False, "LogAppendTime"),
        (ONE, "events", {"message_timestamp_type": "CreateTime"}, False, None),
        (ONE, "ledger", {"max_message_bytes": "1048588"}, False, str(64 << 20)),
        (ONE, "scores", {"unclean_leader_election_enable": "true"}, False, "false"),
        (ONE, "scores", {"min_insync_replicas": "4"}, True, "1"),
        (THREE, "scores", {"unclean_leader_election_enable": "true"}, True, "false"),
        (THREE, "scores", {"min_insync_replicas": "1"}, True, "2"),
        (THREE, "scores", {"min_insync_replicas": "4"}, True, "2"),
    ],
)
def test_each_difference_has_its_consequence(
    settings: Settings, short: str, changes: dict[str, str], refused: bool, fix: str | None
) -> None:
    [one] = found(settings, short, **changes)
    assert (one.refused, one.fix) == (refused, fix)
    assert one.found == next(iter(changes.values()))
    if refused:
        with pytest.raises(UserError, match=TOPICS[short].replace(".", r"\.")):
            refuse([one])
    else:
        refuse([one])


@pytest.mark.parametrize(
    ("short", "changes"),
    [
        ("events", {"partitions": "7"}),
        ("frames", {"retention_ms": "-1"}),
        ("frames", {"retention_ms": "9999999999"}),
        ("ledger", {"max_message_bytes": "99999999"}),
        ("history", {"cleanup_policy": "delete,compact"}),
        ("scores", {"min_insync_replicas": "3"}),
        ("ledger", {"retention_ms": "1000"}),  # nothing is deleted by age from a compacted topic
    ],
)
def test_more_than_enough_is_no_difference(short: str, changes: dict[str, str]) -> None:
    assert found(THREE, short, **changes) == []


def test_too_few_replicas() -> None:
    [one] = found(THREE, "scores", replication=2)
    assert (one.refused, one.fix, one.required) == (True, None, "at least 3")
    assert found(ONE, "scores", replication=1) == []
    # too few even for those that have to acknowledge: that can't be set
    assert [one.fix for one in found(THREE, "scores", replication=1, min_insync_replicas="1")] == [None, None]


def test_kafkas_own_topics_need_replicas_too() -> None:
    there = {name: State(50, 1, {"min.insync.replicas": "1"}) for name in (TRANSACTIONS, OFFSETS)}
    assert compare(ONE, specs(ONE), there) == []
    said = [(one.topic, one.setting, one.refused) for one in compare(THREE, specs(THREE), there)]
    assert said == [
        (TRANSACTIONS, "replication factor", True),
        (TRANSACTIONS, "min.insync.replicas", True),
        (OFFSETS, "replication factor", False),
    ]


def test_the_first_that_is_refused_is_named_with_how_many_more() -> None:
    with pytest.raises(
        UserError, match=r"needs at least 3: .+ \(and 1 more: see 'pillarscore topics'\)"
    ) as error:
        refuse(found(THREE, "scores", replication=2, cleanup_policy="delete"))
    assert "\n" not in str(error.value)


def test_topics_are_not_created_with_fewer_replicas_than_required(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UserError, match=r"PILLARSCORE_REPLICATION=2 is less than PILLARSCORE_REQUIRED_REPLICATION=3"
    ):
        load(monkeypatch, {"PILLARSCORE_REPLICATION": "2", "PILLARSCORE_REQUIRED_REPLICATION": "3"})
