"""A member's place among their connections from a file is what sets and sorting say, for every member."""

import numpy as np
import pytest

from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from agents.queries import member_network
from agents.screens.console import console
from agents.screens.explanation import tree
from pipeline.reports.explain import explain
from tests.kit.events import DAY, TYPES, dumps, member, random_events
from tests.kit.network import Ties, standing
from tests.kit.rubrics import SSI

FEW = [
    name for name in TYPES if name.rpartition(".")[2] in ("accepted", "removed", "given", "written", "erased")
]
MEMBERS = 40


@pytest.fixture(scope="module")
def events():
    # few erasures, or nobody would have a network left
    made = list(random_events(9, 4000, members=MEMBERS, types=FEW, first=DAY - 300, duplicates=0.05))
    erasures = [one for one in made if one["type"] == "activity.member.erased"]
    gone = {one["id"] for one in erasures[8:]}
    return [one for one in made if one["id"] not in gone]


@pytest.fixture(scope="module")
def run(events, tmp_path_factory):
    file = tmp_path_factory.mktemp("network") / "events.ndjson"
    file.write_bytes(b"".join(dumps(one) + b"\n" for one in events))
    run = Offline(Settings(), SSI, DAY, networks=True)
    run.read(Lines([file]))
    return run


@pytest.mark.parametrize("least", [1, 5, 12])
def test_every_member_stands_where_a_sort_puts_them(events, run, least):
    plain = Ties()
    for one in events:
        plain.add(one)
    found = run.standings()
    scores = dict(zip(found.members, found.score.tolist(), strict=True))
    sizes = []
    for name in map(member, range(MEMBERS)):
        mine = plain.network(name, DAY)
        network = member_network.in_file(run.population, name, Settings(cohort_minimum=least))
        if not mine:
            assert network is None
            continue
        assert network is not None
        scored = {peer: engages for peer, engages in mine.items() if peer in scores}
        peers = [scores[peer] for peer in scored]
        sizes.append(len(peers))
        assert (network.connections, network.scored) == (len(mine), len(scored))
        assert (network.average is not None) == (len(peers) >= least)
        if network.average is not None:
            assert network.average == pytest.approx(np.mean(peers) / 100, abs=0.00501)
        assert (network.rank is not None) == (len(peers) >= least and name in scores)
        if network.rank is not None:
            assert (network.rank.place, network.rank.of, network.rank.top) == standing(scores[name], peers)
        if network.engaging is not None:
            assert network.engaging == pytest.approx(100 * np.mean(list(scored.values())), abs=0.00501)
    assert min(sizes) < 12 < max(sizes), "networks above and below the least size"


def test_it_is_shown_with_the_score(run):
    name = max(run.standings().members, key=lambda m: len(_links(run, m)))
    known = run.population.find(name)
    network = member_network.in_file(run.population, name, Settings())
    explanation = explain(SSI, DAY, known.member).model_copy(update={"network": network})
    screen = console()
    with screen.capture() as captured:
        screen.print(tree(name, explanation))
    assert f"own network: rank {network.rank.place:g} of {network.rank.of} (top " in captured.get()
    assert f"average {network.average:.2f}" in captured.get()


def _links(run, name):
    [shard] = run.population.shards
    place = shard.state.network.find(name)
    return [] if place is None else shard.state.network.links(place)


def test_scoring_alone_keeps_no_networks(events, tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_bytes(dumps(next(one for one in events if one["type"] == "activity.invitation.accepted")))
    run = Offline(Settings(), SSI, DAY)
    run.read(Lines([file]))
    assert len(run.population.shards[0].state.network) == 0
