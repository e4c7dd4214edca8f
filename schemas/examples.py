"""Examples of every event type: for the published schemas, and checked by the tests.

The first of each type has only what is required, the last has everything.
"""

from typing import Any

TIME = "2026-11-20T08:30:00+01:00"

DATA_EXAMPLES: dict[str, tuple[dict[str, Any] | None, ...]] = {
    "activity.session.started": (None, {"surface": "web"}),
    "activity.profile.updated": (
        {"sections": {}},
        {
            "sections": {
                "photo": True,
                "headline": True,
                "summary": True,
                "experience": True,
                "projects": False,
                "education": True,
                "skills": True,
                "certifications": False,
                "volunteer": False,
                "featured": True,
            },
            "media": 3,
        },
    ),
    "activity.member.updated": (
        None,
        {
            "industry": "software",
            "team": "emea-sales",
            "role": "sales",
            "seniority": "director",
            "region": "de",
            "employer": "Acme",
            "connections": 812,
        },
    ),
    "activity.post.published": (None, {"media": False}, {"media": True}),
    "activity.article.published": (None, {}),
    "activity.reaction.given": ({"author": "m-7"}, {"author": "m-7", "kind": "insightful"}),
    "activity.comment.written": ({"author": "m-7", "words": 1}, {"author": "m-7", "words": 24}),
    "activity.content.shared": (
        {"author": "m-7"},
        {"author": "m-7", "words": 0},
        {"author": "m-7", "words": 40},
    ),
    "activity.mention.made": ({"mentioned": "m-7"},),
    "activity.live.watched": (None, {}),
    "activity.live.hosted": (None, {}),
    "activity.article.read": (None, {"author": "m-7"}),
    "activity.group.joined": ({"group": "g-12"},),
    "activity.group.left": ({"group": "g-12"},),
    "activity.group.contributed": ({"group": "g-12"},),
    "activity.search.made": (
        {"kind": "people"},
        {"kind": "boolean"},
        {"kind": "advanced"},
        {"kind": "navigator"},
    ),
    "activity.profile.viewed": (
        {"viewed": "m-7"},
        {"viewed": "m-7", "degree": 2},
        {"viewed": "m-7", "degree": 3},
    ),
    "activity.lead.saved": (None, {"kind": "person"}, {"kind": "account"}),
    "activity.invitation.sent": (
        {"recipient": "m-7"},
        {"recipient": "m-7", "seniority": "vp", "in_target": True, "note": True},
    ),
    "activity.invitation.accepted": (
        {"inviter": "m-7"},
        {"inviter": "m-7", "degree": 2, "actor_seniority": "junior", "inviter_seniority": "owner"},
    ),
    "activity.invitation.declined": ({"inviter": "m-7"},),
    "activity.connection.removed": ({"peer": "m-7"},),
    "activity.message.sent": (
        {"recipient": "m-7"},
        {"recipient": "m-7", "reply": False, "follow_up": True},
        {"recipient": "m-7", "reply": True, "follow_up": True, "seniority": "c_level"},
        {"recipient": "m-7", "reply": True, "actor_seniority": "director"},
    ),
    "activity.inmail.sent": ({"recipient": "m-7"},),
    "activity.inmail.answered": ({"sender": "m-7"},),
    "activity.endorsement.given": ({"endorsed": "m-7"}, {"endorsed": "m-7", "skill": "Kafka"}),
    "activity.recommendation.given": ({"recipient": "m-7"},),
    "activity.member.followed": ({"followed": "m-7"},),
    "activity.spam.reported": ({"reported": "m-7"},),
    "activity.member.erased": (None, {}),
}


def examples(event_type: str) -> list[dict[str, Any]]:
    """Whole events of a type, one for each of its data examples."""
    events = []
    for number, data in enumerate(DATA_EXAMPLES[event_type]):
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"{event_type}-{number}",
            "source": "/examples",
            "type": event_type,
            "subject": "m-1",
            "time": TIME,
        }
        if data is not None:
            event["data"] = data
        events.append(event)
    return events
