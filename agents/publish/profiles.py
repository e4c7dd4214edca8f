"""Made-up profiles for the sample: CollegeMsg says who wrote to whom, and nothing about anybody.

So that teams and cohorts have something to show, each member gets one `member.updated` event just before
their first own event, from the source `/synthetic`. It follows from the member's number alone:

- 30 numbers in a row are a team, so 1 to 30 the first; numbers are in the order of the first appearance in
  the data, so members of a team joined about the same time;
- role, region and industry are those of the team, each in turn through a list; the team is called by them;
- seniority follows from the last digit: 0 director, 1 to 3 senior, else entry.
"""

from collections.abc import Iterable, Iterator
from typing import Any

SOURCE = "/synthetic"
TEAM_NUMBERS = 30
ROLES = ("sales", "marketing", "recruiting", "engineering", "support")
REGIONS = ("north", "east", "south", "west")
INDUSTRIES = ("software", "finance", "health", "retail", "energy", "media")


def with_profiles(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The events of `agents.publish.collegemsg`, each member's first one preceded by their made-up profile."""
    known = set[str]()
    for event in events:
        subject = event["subject"]
        if subject not in known:
            known.add(subject)
            yield profile(int(subject.removeprefix("m-")), event)
        yield event


def profile(number: int, event: dict[str, Any]) -> dict[str, Any]:
    """What is made up of the member with this number, as an event at the time of the one given."""
    team, digit = (number - 1) // TEAM_NUMBERS, number % 10
    role, region = ROLES[team % len(ROLES)], REGIONS[team % len(REGIONS)]
    return event | {
        "id": f"profile-{number}",
        "source": SOURCE,
        "type": "activity.member.updated",
        "data": {
            "team": f"{role}-{region}-{team + 1:02}",
            "role": role,
            "region": region,
            "industry": INDUSTRIES[team % len(INDUSTRIES)],
            "seniority": "director" if digit == 0 else "senior" if digit < 4 else "entry",
        },
    }
