"""Topics and ACLs: what is missing, and how to add it."""

from collections.abc import Iterator

from agents.config.settings import Settings
from agents.queries.doctor.finding import Finding
from agents.topics.access import USERS, Access
from agents.topics.authorized import Allowed, allowed
from agents.topics.creation import differences

SHOWN = 5
LOOKING = ("ingest", "score", "tools")
"""Users that compare topics with what is required."""


async def topics_and_acls(settings: Settings, user: str) -> list[Finding]:
    """What a user of `agents.topics.access.USERS` needs. Raises UserError, KafkaError."""
    found = await allowed(settings, user)
    findings = [*acls(settings, user, found), *_absent(found)]
    sees = not any("DescribeConfigs" in one.operations for one in found.lacking)
    if user in LOOKING and sees:
        findings += await _differences(settings)
    if not found.absent and not any(one.check == "topics" for one in findings):
        findings.append(Finding("topics", "ok", "all are there and as required" if sees else "all are there"))
    return findings


def acls(settings: Settings, user: str, found: Allowed) -> Iterator[Finding]:
    """One problem for each resource that lacks an operation, the first few with the command that adds it."""
    for one in found.lacking[:SHOWN]:
        said = f"{', '.join(one.operations)} on {_named(one)} is not allowed"
        yield Finding("acls", "problem", said, f"needed for {USERS[user]}: {_command(settings, one)}")
    if (more := len(found.lacking) - SHOWN) and more > 0:
        yield Finding("acls", "problem", f"and {more} more of the kind")
    if not found.lacking:
        yield Finding("acls", "ok", f"all is allowed that the role {user} needs")


def _named(one: Access) -> str:
    kind = {"topic": "topic", "group": "consumer group", "transactionalId": "transactional id"}[one.resource]
    return f"{kind} {one.name}{'*' if one.prefixed else ''}"


def _command(settings: Settings, one: Access) -> str:
    """The command of Kafka that adds an ACL."""
    kind = {"topic": "topic", "group": "group", "transactionalId": "transactional-id"}[one.resource]
    operations = " ".join(f"--operation {name}" for name in one.operations)
    pattern = " --resource-pattern-type prefixed" if one.prefixed else ""
    whom = settings.sasl_username or "NAME"
    return f"kafka-acls --add --allow-principal User:{whom} {operations} --{kind} {one.name}{pattern}"


def _absent(found: Allowed) -> Iterator[Finding]:
    if found.absent:
        named = ", ".join(found.absent[:3]) + (" …" if len(found.absent) > 3 else "")
        said = f"{len(found.absent)} missing: {named}"
        todo = "make them with 'pillarscore topics', or correct PILLARSCORE_PREFIX"
        yield Finding("topics", "problem", said, todo)


async def _differences(settings: Settings) -> list[Finding]:
    return [
        Finding(
            "topics",
            "problem" if one.refused else "warning",
            str(one),
            "'pillarscore topics --fix' changes it" if one.fix else "",
        )
        for one in await differences(settings)
    ]
