"""What an audit has found: pods, bursts and floods, with their members, the evidence, and the points they earn.

The points are the difference that the scorer makes of a member with and without what was found. Nothing here changes
a score: that somebody is named is a reason to look, not a verdict.
"""

from datetime import date

from pydantic import BaseModel, ConfigDict

from schemas.scores import RubricName


class _Found(BaseModel):
    model_config = ConfigDict(frozen=True)


class Suspect(_Found):
    """A member: the score, and what it would be without what was found, both in hundredths."""

    member: str
    score: int
    without: int


class PodMember(Suspect):
    """One of a pod, and how much of the engagement that they give and get stays in it: shares of 0 to 1."""

    given_inside: float
    received_inside: float


class FoundPod(_Found):
    """Members who act together and return what they get, on so many days.

    together: where one of them engages with another, the share of the others who do so on that day. engagements: how
    many stay among them.
    """

    members: tuple[PodMember, ...]
    together: float
    engagements: int
    days: int


class FoundBurst(Suspect):
    """A member who did far more on a few days than on a usual one (None: there are too few of these)."""

    days: tuple[date, ...]
    done: int
    of: int
    usual: int | None


class FoundFlood(Suspect):
    """A member who writes to many and is not answered.

    in_week: sent in the seven days up to `week_up_to`, the most of any. sent, answered: in the whole window.
    """

    week_up_to: date
    in_week: int
    sent: int
    answered: int


class FoundFans(Suspect):
    """A member who is lifted by accounts that do little else and get nothing back."""

    fans: tuple[str, ...]
    received: int
    of_fans: int


class Report(_Found):
    """All that was found among the members as of a day; ordered by what it earns."""

    as_of: date
    rubric: RubricName
    members: int
    pods: tuple[FoundPod, ...]
    bursts: tuple[FoundBurst, ...]
    floods: tuple[FoundFlood, ...]
    fans: tuple[FoundFans, ...]

    @property
    def named(self) -> set[str]:
        """Everybody who is named, fans too."""
        found = {one.member for pod in self.pods for one in pod.members}
        found |= {one.member for one in (*self.bursts, *self.floods, *self.fans)}
        return found | {fan for one in self.fans for fan in one.fans}

    def about(self, member: str) -> "Report":
        """What names one member."""
        return self.model_copy(
            update={
                "pods": tuple(pod for pod in self.pods if any(one.member == member for one in pod.members)),
                "bursts": tuple(one for one in self.bursts if one.member == member),
                "floods": tuple(one for one in self.floods if one.member == member),
                "fans": tuple(one for one in self.fans if member in (one.member, *one.fans)),
            }
        )


class Partner(_Found):
    """With whom a member exchanges engagement: how often and on how many days, both ways; pod: both are in one."""

    member: str
    given: int
    given_days: int
    received: int
    received_days: int
    pod: bool
