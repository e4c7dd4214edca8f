"""CollegeMsg as events: the real activity that comes with the project.

The data are private messages among the members of a college's online community, one line
`sender recipient unix-time` each, in order of time. A line becomes

- `session.started` before the first message of its sender on a UTC day;
- `invitation.accepted` when the pair has now written in both directions for the first time. The one who
  answers accepts, so is the actor; who wrote first is the inviter;
- `message.sent`, a reply when the recipient had written to the sender in the 7 days before.

Ids depend on the lines alone, so converting again gives the same events. Source of the data: Panzarasa,
Opsahl and Carley, "Patterns and dynamics of users' behavior and interaction", JASIST 60(5), 2009.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

REPLY_SECONDS = 7 * 86_400
HEADER = ["src", "dst", "time"]
SOURCE = "/collegemsg"
LATEST = 253_402_300_799  # the last second of the year 9999


class BadLine(ValueError):
    """A line that is no message; its text names the line and what is wrong with it."""


def convert(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The events of the lines, in order of time, each as soon as its line is read.

    Kept in memory: the last message of each ordered pair and the last day of each sender. The first line
    may be the header `src dst time`. Raises BadLine (one line, with the line's number) for a line that
    isn't three whole numbers, a message to oneself, or a time before that of the line before.
    """
    last_written: dict[tuple[int, int], int] = {}
    last_day: dict[int, int] = {}
    now, in_this_second = -1, dict[tuple[int, int], int]()
    for number, line in enumerate(lines, 1):
        if number == 1 and line.split() == HEADER:
            continue
        sender, recipient, time = _message(number, line)
        if time < now:
            raise BadLine(f"line {number}: time {time} is before {now} in the line above: sort by column 3")
        if time > now:
            now, in_this_second = time, {}
        moment = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if last_day.get(sender) != time // 86_400:
            last_day[sender] = time // 86_400
            yield _event(
                "session.started", f"session-{sender}-{time // 86_400}", sender, time=moment, data={}
            )
        answered = last_written.get((recipient, sender))
        if answered is not None and (sender, recipient) not in last_written:
            accepted = {"inviter": member(recipient)}
            yield _event(
                "invitation.accepted", f"accepted-{sender}-{recipient}", sender, time=moment, data=accepted
            )
        # The same pair may write twice in a second: what differs is how often it has.
        again = in_this_second[sender, recipient] = in_this_second.get((sender, recipient), 0) + 1
        reply = answered is not None and time - answered <= REPLY_SECONDS
        data = {"recipient": member(recipient), "reply": reply}
        yield _event(
            "message.sent", f"message-{sender}-{recipient}-{time}-{again}", sender, time=moment, data=data
        )
        last_written[sender, recipient] = time


def member(number: int) -> str:
    """The member id of a number in the data."""
    return f"m-{number}"


def shifted(
    events: Iterable[dict[str, Any]], end: datetime, whole_days: bool = False
) -> Iterator[dict[str, Any]]:
    """The events with all times moved by one whole number of seconds, so that the last one is at `end`.

    Differences stay exact and ids stay the same. Days may break elsewhere, so a member may get two
    sessions on one UTC day and none on another; with `whole_days` the move is of whole days instead:
    the time of day stays, and the last event is less than a day before `end`.
    Reads all events first, since the last one decides. `end` must be aware, else ValueError.
    """
    if end.tzinfo is None:
        raise ValueError("end must have an offset")
    kept = [(event, datetime.fromisoformat(event["time"])) for event in events]
    if not kept:
        return
    step = timedelta(days=1) if whole_days else timedelta(seconds=1)
    move = (end - max(time for _, time in kept)) // step * step
    for event, time in kept:
        yield event | {"time": (time + move).astimezone(UTC).isoformat().replace("+00:00", "Z")}


def _message(number: int, line: str) -> tuple[int, int, int]:
    parts = line.split()
    # isdigit alone takes digits of all scripts; the length bounds what int() has to do.
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 15 for part in parts):
        raise BadLine(
            f"line {number}: expected 'sender recipient unix-time' as whole numbers, got {line[:40]!r}"
        )
    sender, recipient, time = map(int, parts)
    if sender == recipient:
        raise BadLine(f"line {number}: member {sender} writes to themselves")
    if time > LATEST:
        raise BadLine(f"line {number}: time {time} is not a unix time in seconds")
    return sender, recipient, time


def _event(kind: str, identity: str, actor: int, *, time: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": identity,
        "source": SOURCE,
        "type": f"activity.{kind}",
        "subject": member(actor),
        "time": time,
        "data": data,
    }
