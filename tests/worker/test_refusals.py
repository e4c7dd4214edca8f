"""What comes too late, or from a source that may not publish it, is refused by whole workers, and accounted for."""

from collections import Counter
from pathlib import Path

import pytest

from agents.config import rubric_file
from agents.config.settings import Settings
from agents.dead_letters.refused import REASONS, ids_of
from agents.dead_letters.store import StoredLetter
from agents.files.ndjson import Lines
from agents.offline.engine import AsLive, Offline
from pipeline.common import days
from schemas.letters import DeadLetter
from tests.kit.events import DAY, at, dumps, event, random_events
from tests.kit.simulated.world import World
from tests.worker.test_worker import START_MS, letters_of, scores_of, stamps_of

ME = "mallory"
REPLY = {"recipient": "@", "reply": True, "seniority": "director", "follow_up": True}
PLAN: list[tuple[str, dict | None, str, list[int]]] = [
    # kind, data (@: the other one), who acts, how many days ago
    ("post.published", {"media": True}, "me", [0, 2, 4, 6, 8, 10, 12, 14]),
    ("search.made", {"kind": "advanced"}, "me", [*[0, 2, 4, 6] * 3, 26, 32, 40, 46, 54]),
    ("comment.written", {"author": "@", "words": 20}, "me", [*range(0, 14, 2)] * 3 + [14, 14, 18, 26, 32]),
    ("content.shared", {"author": "@", "words": 9}, "me", [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 26, 32]),
    ("group.contributed", {"group": "g"}, "me", [0, 2, 4, 6, 12, 26, 32]),
    ("reaction.given", {"author": "@"}, "me", [*[0] * 8, 32]),
    ("lead.saved", None, "me", [*[0, 2] * 3, 4, 4, 40, 46, 54]),
    ("message.sent", REPLY, "me", [*range(0, 14, 2)] * 4 + [14, 14, 16, 16, 18, 18, 26, 32]),
    ("message.sent", {"recipient": "@"}, "me", [0, 0, 0, 2]),
    ("session.started", None, "me", [*range(0, 20, 2)]),
    ("article.published", None, "me", [0, 2, 4, 12, 18, 26, 32]),
    ("profile.viewed", {"viewed": "@", "degree": 3}, "me", [*[0, 2] * 10, 4, 4]),
    (
        "invitation.sent",
        {"recipient": "@", "seniority": "director", "in_target": True, "note": True},
        "me",
        [*[0] * 18, *[2] * 3, *[4] * 3, 12, 18, 26, 40, 46, 54],
    ),
    (
        "invitation.accepted",
        {"inviter": ME, "degree": 2, "actor_seniority": "director"},
        "other",
        [*range(0, 14, 2)] * 4 + [*[14] * 3, 16, 16, 18, 20],
    ),
    ("comment.written", {"author": ME, "words": 9}, "other", [*[0] * 6, *[2] * 5]),
    ("recommendation.given", {"recipient": ME}, "other", [*range(0, 16, 2)]),
    ("endorsement.given", {"endorsed": ME}, "other", [*range(0, 14, 2)] * 2),
    ("content.shared", {"author": ME, "words": 9}, "other", [0, 2]),
    ("profile.viewed", {"viewed": ME}, "other", [*[0] * 10, 2]),
]
"""What a greedy search finds, for one who may publish anything at once: the most points for 281 events."""
SECTIONS = [
    "photo",
    "headline",
    "summary",
    "experience",
    "projects",
    "education",
    "skills",
    "certifications",
    "volunteer",
    "featured",
]


def bought() -> list[bytes]:
    """281 events of one batch by which one member has the most points."""
    profile = {"sections": dict.fromkeys(SECTIONS, True), "media": 9}
    made = [event("activity.profile.updated", profile, id="profile", subject=ME, time=at(DAY))]
    for kind, data, who, ago in PLAN:
        for day in ago:
            other = f"friend-{len(made)}"
            named = {key: other if value == "@" else value for key, value in data.items()} if data else None
            subject = ME if who == "me" else other
            when = at(DAY - day, len(made))
            made.append(event(f"activity.{kind}", named, id=f"{len(made)}", subject=subject, time=when))
    return [dumps(one) for one in made]


def new_world(**more) -> World:
    given = {"frame_partitions": 2, "event_partitions": 2, "benchmark_ms": 2000.0} | more
    return World(Settings(**given), rubric_file.load(Path("ssi-2")), START_MS)


async def counted(values: list[bytes], **more) -> World:
    """A world that has counted them; its worker dies once on the way."""
    world = new_world(**more)
    world.publish(values)
    world.worker()
    await world.run_for(0.3)
    await world.kill()
    worker = world.worker()
    await world.run(lambda: world.counted(worker))
    await world.kill()
    return world


def offline(world: World, values: list[bytes], folder: Path) -> dict[str, int]:
    """The scores from the same events as a file, without those that `verify` would leave out."""
    path = folder / "events.ndjson"
    path.write_bytes(b"\n".join(values))
    refused: dict[int, list[str]] = {}
    for number, letter in enumerate(letters(world)):
        if letter.reason in REASONS:
            for which in ids_of(StoredLetter((0, number), 0, letter), world.settings.hash_seed):
                refused.setdefault(which, []).append(letter.reason)
    engine = Offline(world.settings, world.rubric, DAY, as_live=AsLive(days.end_ms(DAY), refused))
    engine.read(Lines([path]))
    found = engine.standings()
    return dict(zip(found.members, found.score.tolist(), strict=True))


def letters(world: World) -> list[DeadLetter]:
    topic = world.settings.topic("dead-letters")
    records = [r for (name, _), part in world.log.parts.items() if name == topic for r in part.records]
    return [DeadLetter.from_record(r.key, r.value, r.headers) for r in records]


def live(world: World) -> dict[str, int]:
    return {member: round(score * 100) for member, (score, _, _) in scores_of(world).items()}


async def test_a_score_cannot_be_bought_by_backdated_events(tmp_path):
    """With the limit of production nothing older than a week counts; a file then gives the same as live."""
    values = bought()
    assert len(values) == 281
    open_to_all = await counted(values)
    assert live(open_to_all)[ME] >= 65_00
    production = await counted(values, late_days=7)
    assert live(production)[ME] <= 50_00
    late = sum(stamp.counters.too_late for stamp in stamps_of(production))
    assert late == sum(reason == "too_late" for *_, reason in letters_of(production)) > 100
    assert live(production) == offline(production, values, tmp_path)


@pytest.mark.parametrize("late_days", [0, 7, 90])
async def test_every_refused_event_is_accounted_for(late_days, tmp_path):
    """Random events over 100 days, bad ones and erasures, by sources of which some may publish some."""
    rules = tmp_path / "sources.toml"
    rules.write_text(
        '[[rule]]\nsource = "/test"\nexcept = ["activity.member.erased", "activity.post.*"]\nlate_days = 20\n'
        '[[rule]]\nsource = "/privacy"\n[[rule]]\nsource = "/old"\nbackfill = true\n'
    )
    sources = ["/test", "/privacy", "/old", "/nobody"]
    made = list(random_events(5, 400, members=25, last=DAY - 1))
    values = [dumps(one | {"source": sources[n % 4]}) for n, one in enumerate(made)] + [b"{broken"]
    world = await counted(values, late_days=late_days, sources=rules)
    counters = [stamp.counters for stamp in stamps_of(world)]
    assert sum(c.read for c in counters) == len(values)
    assert sum(c.difference() for c in counters) == 0
    assert all(c.unaccounted() == 0 for c in counters)
    found = Counter(reason for *_, reason in letters_of(world))
    assert set(letters_of(world).values()) == {1}, "each once"
    assert found["not_allowed"] >= 100, "those of /nobody, and erasures and posts of /test"
    assert found["too_late"] == sum(c.too_late for c in counters)
    assert found["too_late"] > 0, "/test has a limit of its own"
    assert sum(found.values()) == sum(c.letters() for c in counters)
    assert live(world) == offline(world, values, tmp_path)
