"""Every factor that the articles name is there, fed by events and current on its page."""

import pytest

from agents.docgen.write import pages
from pipeline.docgen.factors import credited, render
from pipeline.rubric.components import Penalty
from schemas.registers import Register
from schemas.signals import DISTINCT, Signal
from tests.kit.rubrics import SSI

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


@pytest.mark.parametrize(("pillar", "factor", "articles", "made_of"), FACTORS)
def test_a_factor_has_its_components(pillar, factor, articles, made_of):
    for name, kind in made_of.items():
        component = next(part for part in SSI.components if part.name == name)
        assert component.kind == kind
        assert component.articles == tuple(articles)
        assert isinstance(component, Penalty) if pillar is None else component.pillar == pillar


def test_there_is_no_component_without_a_factor():
    assert {part.name for part in SSI.components} == {name for *_, parts in FACTORS for name in parts}


@pytest.mark.parametrize("name", [one.name.lower() for one in (*Signal, *Register)])
def test_every_signal_and_register_is_fed_by_an_event(name):
    assert credited()[name]


def test_what_has_no_points_is_said_and_is_no_more_than_this():
    text = render(SSI)
    unused = text.split("## Recorded, but without points in this rubric")[1].split("##")[0]
    names = [line.split("`")[1] for line in unused.splitlines() if line.startswith("- ")]
    texts = ["industry", "team", "role", "seniority", "region", "employer"]
    distinct = [signal.name.lower() for signal in DISTINCT]
    assert names == ["own_invitation_declined", "connection_removed", *distinct, *texts]


def test_the_page_shows_every_component_with_its_events():
    text = render(SSI)
    for component in SSI.components:
        row = next(line for line in text.splitlines() if f"| `{component.name}` |" in line)
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[0] == component.factor
        assert cells[1] == " ".join(component.articles)
        assert all(cells)


@pytest.mark.parametrize("path", list(pages()), ids=str)
def test_the_committed_pages_are_current(path, pytestconfig):
    committed = (pytestconfig.rootpath / path).read_text(encoding="utf-8")
    assert committed == pages()[path], "run python -m agents.docgen.write"
