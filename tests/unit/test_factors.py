"""Every factor that the articles name is there, fed by events and current on its page."""

import pytest

from agents.docgen.write import pages
from pipeline.docgen.factors import credited, render
from pipeline.rubric.components import Penalty
from schemas.registers import Register
from schemas.signals import DISTINCT, Signal
from tests.kit.rubrics import DEFAULT, SSI

BOTH = pytest.mark.parametrize("rubric", [SSI, DEFAULT], ids=["ssi", "default"])

# The table of factors, row by row: pillar, factor, the articles that name it, and the components made of it.
FACTORS = [
    ("brand", "profile completeness", "ACDE", {"profile": "register"}),
    ("brand", "rich media on the profile", "CE", {"profile-media": "register"}),
    ("brand", "endorsements received", "AE", {"endorsements": "volume"}),
    ("brand", "recommendations received and given", "D", {"recommendations": "volume"}),
    ("brand", "articles published, weekly", "AE", {"articles": "volume", "article-rhythm": "rhythm"}),
    ("brand", "posts, and how regularly", "BCD", {"posts": "volume", "post-rhythm": "rhythm"}),
    ("brand", "reactions and comments received on own posts", "D", {"post-response": "volume"}),
    ("brand", "new followers", "E", {"followers": "volume"}),
    ("find", "days active", "E", {"active-days": "rhythm"}),
    ("find", "people searches of every kind", "ABCDE", {"searches": "volume"}),
    ("find", "profiles viewed; 3rd-degree profiles", "E", {"profile-views": "volume"}),
    ("find", "profile views generated", "C", {"views-received": "volume"}),
    ("find", "invitations to the right people", "ACD", {"invitations": "volume"}),
    ("find", "leads and accounts saved", "C", {"leads": "volume"}),
    ("find", "regular prospecting", "C", {"prospecting-rhythm": "rhythm"}),
    ("engage", "reactions given", "ABCDE", {"reactions": "volume"}),
    ("engage", "comments", "C", {"comments": "volume"}),
    ("engage", "shares and reshares", "ABCDE", {"shares": "volume"}),
    ("engage", "mentions; live videos watched", "B", {"mentions-live": "volume"}),
    ("engage", "articles of others read", "C", {"reading": "volume"}),
    ("engage", "groups", "DE", {"groups": "register", "group-contributions": "volume"}),
    ("engage", "reactions, comments and shares received", "DE", {"engagement-received": "volume"}),
    ("engage", "messages", "A", {"messages": "volume"}),
    ("engage", "InMail response rate", "E", {"inmail-response": "rate"}),
    ("relate", "new connections", "E", {"connections": "volume"}),
    ("relate", "connections with senior people, with juniors", "ACE", {"seniority": "volume"}),
    ("relate", "invitation acceptance rate", "E", {"acceptance": "rate"}),
    ("relate", "two-way dialogues", "B", {"dialogues": "volume"}),
    ("relate", "reply rate to own outreach", "D", {"reply-rate": "rate"}),
    ("relate", "share of the own network that engages", "C", {"network-engagement": "rate"}),
    ("relate", "following up with new connections", "CD", {"follow-ups": "volume"}),
    ("relate", "accepting good invitations", "BC", {"accepting": "volume"}),
    (None, "spam-like messages", "A", {"spam": "penalty"}),
]
# Since version 2: rhythms beside what is counted, for factors that the articles want to be regular.
RHYTHMS = [
    ("engage", "regular engagement", "C", {"engagement-rhythm": "rhythm"}),
    ("relate", "regular dialogues", "B", {"dialogue-rhythm": "rhythm"}),
    ("relate", "a growing network", "E", {"network-rhythm": "rhythm"}),
]
OF = [*((SSI, *row) for row in FACTORS), *((DEFAULT, *row) for row in FACTORS + RHYTHMS)]


@pytest.mark.parametrize(("rubric", "pillar", "factor", "articles", "made_of"), OF)
def test_a_factor_has_its_components(rubric, pillar, factor, articles, made_of):
    for name, kind in made_of.items():
        component = next(part for part in rubric.components if part.name == name)
        assert component.kind == kind
        assert component.articles == tuple(articles)
        assert isinstance(component, Penalty) if pillar is None else component.pillar == pillar


@BOTH
def test_there_is_no_component_without_a_factor(rubric):
    rows = FACTORS if rubric is SSI else FACTORS + RHYTHMS
    assert {part.name for part in rubric.components} == {name for *_, parts in rows for name in parts}


@pytest.mark.parametrize("name", [one.name.lower() for one in (*Signal, *Register)])
def test_every_signal_and_register_is_fed_by_an_event(name):
    assert credited()[name]


# Replaced by the signals that count members.
COUNTED_ONCE = {
    "endorsement_received": "endorser",
    "reaction_received": "reactor",
    "comment_received": "commenter",
    "share_received": "sharer",
    "dialogue": "dialogue_partner",
    "spam_reported": "spam_reporter",
}


@BOTH
def test_what_has_no_points_is_said_and_is_no_more_than_this(rubric):
    """Version 1 stays as it is, so it has no points for signals that are added."""
    text = render(rubric, "ssi.toml")
    unused = text.split("## Recorded, but without points in this rubric")[1].split("##")[0]
    names = [line.split("`")[1] for line in unused.splitlines() if line.startswith("- ")]
    texts = ["industry", "team", "role", "seniority", "region", "employer"]
    distinct = [signal.name.lower() for signal in DISTINCT]
    unpaid = distinct if rubric is SSI else [*COUNTED_ONCE, "decliner"]
    assert set(distinct) == {*COUNTED_ONCE.values(), "decliner"}
    added = [signal.name.lower() for signal in Signal if signal > Signal.DIALOGUE_PARTNER and rubric is SSI]
    assert sorted(names) == sorted(["own_invitation_declined", "connection_removed", *unpaid, *texts, *added])


@BOTH
def test_the_page_shows_every_component_with_its_events(rubric):
    text = render(rubric, "ssi.toml")
    for component in rubric.components:
        row = next(line for line in text.splitlines() if f"| `{component.name}` |" in line)
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[0] == component.factor
        assert cells[1] == " ".join(component.articles)
        assert all(cells)


@pytest.mark.parametrize("path", list(pages()), ids=str)
def test_the_committed_pages_are_current(path, pytestconfig):
    committed = (pytestconfig.rootpath / path).read_text(encoding="utf-8")
    assert committed == pages()[path], "run python -m agents.docgen.write"
