"""The printed graph is that of the code."""

import re
from pathlib import Path

import pytest

import agents
from agents.config.settings import TOPICS, Settings
from agents.topics import topology

# The modules in which each role that a worker has touches Kafka.
MODULES = {
    "ingest": ("ingest_role", "ingest_session", "newest_stamp"),
    "score": (
        "score_role",
        *("partition_runner", "partition_session", "partition_output", "frame_feed"),
        "network_refresh",
        "score_census",
        "ledger",
        "takeover",
        "audit",
        "restore",
        "emitted",
        "refill",
        "coverage",
    ),
    "rank": ("rank_role", "rank_publisher"),
}


@pytest.mark.parametrize(
    "role", [role for role in topology.ROLES if role.name in MODULES], ids=lambda role: role.name
)
def test_a_role_touches_the_topics_that_are_shown(role):
    used = set()
    for module in MODULES[role.name]:
        text = (Path(agents.__file__).parent / "worker" / f"{module}.py").read_text()
        used |= set(re.findall(r'"([a-z-]+)"', text)) & set(TOPICS)
    assert used == {*role.reads, *role.writes}


def test_what_a_role_reads_another_writes():
    reads = {short for role in topology.ROLES for short in role.reads}
    writes = {short for role in topology.ROLES for short in role.writes}
    assert reads <= writes <= set(TOPICS)


def test_mermaid_names_only_nodes_that_it_defines():
    lines = list(topology.mermaid(Settings(prefix="p.")))
    defined = {found[1] for line in lines if (found := re.match(r"  (\w+)[(\[]", line))}
    edges = [found.groups() for line in lines if (found := re.match(r"  (\w+) --> (\w+)$", line))]
    assert {node for edge in edges for node in edge} == defined
    assert len(lines) == 1 + len(defined) + len(edges)
