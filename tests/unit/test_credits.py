"""What each event type credits, one row per type and variant."""

import pytest

from pipeline.docgen import events as events_page
from pipeline.docgen import factors
from pipeline.docgen.events import render
from pipeline.intake.credit_rules import CREDITS, credits
from schemas.activities import DATA
from schemas.examples import DATA_EXAMPLES
from schemas.registers import Register
from schemas.seniority import JUNIOR, LEVELS, SENIOR, level
from schemas.signals import DISTINCT, ERASE_BIT, Signal, mask
from tests.kit.events import random_events

ME = {"recipient": "x"}
REPLIED = "reply_sent dialogue dialogue_partner"
ANSWERED = "reply_received dialogue dialogue_partner"
SECTIONS = ["photo", "headline", "summary", "experience", "projects"]
SECTIONS += ["education", "skills", "certifications", "volunteer", "featured"]


def row(kind, data, actor="", received="", registers=None):
    """A row of the table: type, data, the signals of the actor and of the counterpart ("x"), registers."""
    return (
        kind,
        data,
        signals(actor),
        "x" if "x" in (data or {}).values() else None,
        signals(received),
        registers,
    )


def signals(names):
    return mask(*(Signal[name.upper()] for name in names.split()))


TABLE = [
    row("session.started", None, "session"),
    row("session.started", {"surface": "app"}, "session"),  # the surface makes no difference
    row("profile.updated", {"sections": {}}),  # nothing named, nothing changed
    row(
        "profile.updated", {"sections": {"photo": True, "skills": False}}, registers={"photo": 1, "skills": 0}
    ),
    row("profile.updated", {"sections": {"photo": None}}),  # null is the same as absent
    row("profile.updated", {"sections": dict.fromkeys(SECTIONS, True)}, registers=dict.fromkeys(SECTIONS, 1)),
    row("profile.updated", {"sections": {}, "media": 3}, registers={"media": 3}),
    row(
        "profile.updated", {"sections": {}, "media": 0}, registers={"media": 0}
    ),  # the last piece was removed
    row("profile.updated", {"sections": {}, "media": True}, registers={"media": 1}),  # some, but not how many
    row("profile.updated", {"sections": {}, "media": None}),
    row("member.updated", None),
    row("member.updated", {}),
    row(
        "member.updated",
        {"industry": "software", "team": "emea"},
        registers={"industry": "software", "team": "emea"},
    ),
    row("member.updated", {"role": "sales", "region": "de"}, registers={"role": "sales", "region": "de"}),
    row(
        "member.updated",
        {"employer": "Acme", "connections": 0},
        registers={"employer": "Acme", "connections": 0},
    ),
    row(
        "member.updated", {"seniority": "Vice President"}, registers={"seniority": "vp"}
    ),  # one spelling is kept
    row("member.updated", {"seniority": "wizard"}, registers={"seniority": "other"}),
    row(
        "member.updated", {"team": "", "seniority": ""}, registers={"team": "", "seniority": ""}
    ),  # left the team
    row("member.updated", {"team": None, "seniority": None, "connections": None}),
    row("post.published", None, "post"),
    row("post.published", {"media": True}, "post post_media"),
    row("post.published", {"media": 2}, "post post_media"),
    row("post.published", {"media": False}, "post"),
    row("post.published", {"media": 0}, "post"),
    row("post.published", {"media": None}, "post"),
    row("article.published", None, "article"),
    row("reaction.given", {"author": "x"}, "reaction_given", "reaction_received reactor"),
    row("reaction.given", {"author": "x", "kind": "odd"}, "reaction_given", "reaction_received reactor"),
    row("comment.written", {"author": "x", "words": 0}, "comment", "comment_received commenter"),  # a picture
    row("comment.written", {"author": "x", "words": 4}, "comment", "comment_received commenter"),
    # From five words on, and also a comment like any other.
    row(
        "comment.written",
        {"author": "x", "words": 5},
        "comment comment_substantive",
        "comment_received commenter",
    ),
    row("content.shared", {"author": "x"}, "share", "share_received sharer"),
    row("content.shared", {"author": "x", "words": 0}, "share", "share_received sharer"),
    row("content.shared", {"author": "x", "words": None}, "share", "share_received sharer"),
    row("content.shared", {"author": "x", "words": 1}, "share share_insight", "share_received sharer"),
    row("mention.made", {"mentioned": "x"}, "mention_made", "mention_received"),
    row("live.watched", None, "live_watched"),
    row("live.hosted", None, "live_hosted"),
    row("article.read", None, "article_read"),
    row("article.read", {"author": "x"}, "article_read"),  # being read credits nobody
    row("group.joined", {"group": "g:1"}, registers={"group:g:1": 1}),
    row("group.left", {"group": "g:1"}, registers={"group:g:1": 0}),
    row("group.contributed", {"group": "g"}, "group_contribution"),
    row("search.made", {"kind": "people"}, "search_people"),
    row("search.made", {"kind": "boolean"}, "search_boolean"),  # one kind, not people besides
    row("search.made", {"kind": "advanced"}, "search_advanced"),
    row("search.made", {"kind": "navigator"}, "search_navigator"),
    row("profile.viewed", {"viewed": "x"}, "profile_view", "profile_view_received"),
    row("profile.viewed", {"viewed": "x", "degree": None}, "profile_view", "profile_view_received"),
    row("profile.viewed", {"viewed": "x", "degree": 2}, "profile_view", "profile_view_received"),
    row(
        "profile.viewed",
        {"viewed": "x", "degree": 3},
        "profile_view profile_view_3rd",
        "profile_view_received",
    ),
    row(
        "profile.viewed",
        {"viewed": "x", "degree": 5},  # farther still is 3rd degree, as networks show it
        "profile_view profile_view_3rd",
        "profile_view_received",
    ),
    row("lead.saved", None, "lead_saved"),
    row("lead.saved", {"kind": None}, "lead_saved"),
    row("lead.saved", {"kind": "person"}, "lead_saved"),
    row("lead.saved", {"kind": "account"}, "account_saved"),
    row("invitation.sent", ME, "invitation_sent"),
    row("invitation.sent", ME | {"seniority": "vp"}, "invitation_sent invitation_senior"),
    row("invitation.sent", ME | {"seniority": "C-Level"}, "invitation_sent invitation_senior"),
    row("invitation.sent", ME | {"seniority": "junior"}, "invitation_sent"),
    row("invitation.sent", ME | {"seniority": None}, "invitation_sent"),
    row("invitation.sent", ME | {"in_target": True}, "invitation_sent invitation_in_target"),
    row("invitation.sent", ME | {"in_target": False, "note": False}, "invitation_sent"),
    row("invitation.sent", ME | {"note": True}, "invitation_sent invitation_note"),
    row(
        "invitation.sent",
        ME | {"seniority": "owner", "in_target": True, "note": True},
        "invitation_sent invitation_senior invitation_in_target invitation_note",
    ),
    row(
        "invitation.accepted",
        {"inviter": "x"},
        "invitation_accepted connection",
        "own_invitation_accepted connection",
    ),
    row(
        "invitation.accepted",
        {"inviter": "x", "degree": 1},
        "invitation_accepted connection",
        "own_invitation_accepted connection",
    ),
    row(
        "invitation.accepted",
        {"inviter": "x", "degree": 2},
        "invitation_accepted connection connection_2nd",
        "own_invitation_accepted connection connection_2nd",
    ),
    row(
        "invitation.accepted",
        {"inviter": "x", "degree": 99},
        "invitation_accepted connection connection_3rd",
        "own_invitation_accepted connection connection_3rd",
    ),
    row(
        # Each side has met the other one: the actor a director, the inviter a junior.
        "invitation.accepted",
        {"inviter": "x", "inviter_seniority": "director", "actor_seniority": "entry-level"},
        "invitation_accepted invitation_accepted_senior connection connection_senior",
        "own_invitation_accepted connection connection_junior",
    ),
    row(
        "invitation.accepted",
        {"inviter": "x", "inviter_seniority": "intern", "actor_seniority": "owner"},
        "invitation_accepted connection connection_junior",
        "own_invitation_accepted connection connection_senior",
    ),
    row(
        "invitation.accepted",
        {"inviter": "x", "inviter_seniority": "mid", "actor_seniority": "wizard"},
        "invitation_accepted connection",
        "own_invitation_accepted connection",
    ),
    row("invitation.declined", {"inviter": "x"}, "", "own_invitation_declined decliner"),
    row("connection.removed", {"peer": "x"}, "connection_removed", "connection_removed"),
    row("message.sent", ME, "outreach"),  # nothing for the recipient until they answer
    row("message.sent", ME | {"reply": False, "seniority": "vp"}, "outreach"),
    row("message.sent", ME | {"follow_up": True}, "outreach follow_up"),
    row("message.sent", ME | {"reply": True}, REPLIED, ANSWERED),
    row("message.sent", ME | {"reply": True, "follow_up": True}, f"{REPLIED} follow_up", ANSWERED),
    # `seniority` is the recipient's, so only the actor has talked with a senior person.
    row("message.sent", ME | {"reply": True, "seniority": "c_level"}, f"{REPLIED} dialogue_senior", ANSWERED),
    row("message.sent", ME | {"reply": True, "seniority": "mid"}, REPLIED, ANSWERED),
    # A senior person answers: that is a dialogue with one for the member who is answered.
    row(
        "message.sent", ME | {"reply": True, "actor_seniority": "vp"}, REPLIED, f"{ANSWERED} dialogue_senior"
    ),
    row(
        "message.sent",
        ME | {"reply": True, "seniority": "owner", "actor_seniority": "partner"},
        f"{REPLIED} dialogue_senior",
        f"{ANSWERED} dialogue_senior",
    ),
    row("message.sent", ME | {"actor_seniority": "vp"}, "outreach"),
    row("inmail.sent", ME, "inmail_sent"),
    row("inmail.answered", {"sender": "x"}, "reply_sent", "inmail_answered"),
    row("endorsement.given", {"endorsed": "x", "skill": "s"}, "", "endorsement_received endorser"),
    row("recommendation.given", ME, "recommendation_given", "recommendation_received"),
    row("member.followed", {"followed": "x"}, "", "follower"),
    row("spam.reported", {"reported": "x"}, "", "spam_reported spam_reporter"),
]


@pytest.mark.parametrize(("kind", "data", "actor", "counterpart", "received", "registers"), TABLE)
def test_credit(kind, data, actor, counterpart, received, registers):
    assert CREDITS[f"activity.{kind}"](data) == (actor, counterpart, received, registers)


def test_erasing_is_no_signal():
    assert CREDITS["activity.member.erased"](None) == (1 << ERASE_BIT, None, 0, None)


def test_every_type_has_a_rule_an_example_and_a_row():
    assert CREDITS.keys() == DATA.keys() == DATA_EXAMPLES.keys()
    assert {f"activity.{row[0]}" for row in TABLE} == set(DATA) - {"activity.member.erased"}


def test_the_order_of_the_tables_does_not_matter(monkeypatch):
    """Whoever adds a type may put it anywhere: the pages have the types in the order of DATA."""
    pages = render(), factors.credited()
    for module in (events_page, factors):
        for name in ("DATA_EXAMPLES", "CREDITS"):
            monkeypatch.setattr(module, name, dict(reversed(getattr(module, name).items())))
    assert (render(), factors.credited()) == pages


def test_every_signal_is_credited_by_some_row():
    credited = 0
    for row in TABLE:
        credited |= row[2] | row[4]
    assert credited == mask(*Signal)


@pytest.mark.parametrize(("words", "substantive"), [(7, False), (8, True)])
def test_threshold_of_a_substantive_comment_is_a_parameter(words, substantive):
    actor, *_ = credits(substantive_words=8)["activity.comment.written"]({"author": "x", "words": words})
    assert bool(actor & mask(Signal.COMMENT_SUBSTANTIVE)) is substantive


def test_any_valid_data_credits_a_frame_row():
    names = {register.name.lower() for register in Register}
    for event in random_events(seed=1, count=3_000):
        data = event.get("data")
        actor, counterpart, received, registers = CREDITS[event["type"]](data)
        assert 0 <= actor < 1 << 64
        assert 0 <= received < 1 << ERASE_BIT
        assert counterpart is not None or not received
        assert counterpart is not None or not actor & mask(*DISTINCT)
        for credit in (actor, received):
            assert (credit & mask(*DISTINCT)).bit_count() <= 1, "a row says once a day of one signal only"
        assert counterpart is None or counterpart in data.values()
        assert registers is None or all(name in names or name.startswith("group:") for name in registers)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "other"),
        ("", "other"),
        ("wizard", "other"),
        ("Senior", "senior"),
        (" Vice President ", "vp"),
        ("C-Suite", "c_level"),
        ("entry_level", "junior"),
        ("MID-SENIOR", "senior"),
    ],
)
def test_seniority_of_upstream_texts(text, found):
    assert level(text) == found


def test_levels_are_senior_or_junior_or_neither():
    assert set(LEVELS) >= SENIOR | JUNIOR
    assert not SENIOR & JUNIOR
    assert all(level(one) == one for one in LEVELS)


def test_page_of_events_is_current(pytestconfig):
    page = pytestconfig.rootpath / "docs" / "reference" / "events.md"
    assert page.read_text(encoding="utf-8") == render(), "run python -m pipeline.docgen.events"
