"""The order of lines, their spread over files and batches, and repeats change no score."""

import random
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.files import ndjson
from agents.files.ndjson import Lines
from agents.offline import engine
from agents.offline.engine import Offline
from tests.kit.events import DAY, events
from tests.kit.rubrics import SSI

# Two updates of a register with the same time and id have no order; ids are made distinct instead.
logs = st.lists(events(), min_size=1, max_size=60).map(
    lambda made: [one | {"id": str(at)} for at, one in enumerate(made)]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def scores(folder, *files):
    """{member: (score, pillars)} of the lines of some files; and that all events are accounted for."""
    paths = []
    for at, lines in enumerate(files):
        paths.append(folder / f"{at}.ndjson")
        paths[-1].write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    run = Offline(Settings(), SSI, DAY)
    run.read(Lines(paths))
    assert run.counters.difference() == 0
    assert run.counters.read == sum(map(len, files))
    standings = run.standings()
    return dict(
        zip(
            standings.members,
            zip(standings.score.tolist(), standings.pillars.tolist(), strict=True),
            strict=True,
        )
    )


@settings(max_examples=60)
@given(logs, st.randoms(use_true_random=False))
def test_order_changes_nothing(folder, log, rng: random.Random):
    mixed = rng.sample(log, len(log))
    assert scores(folder, mixed) == scores(folder, log)


@settings(max_examples=60)
@given(logs, st.randoms(use_true_random=False), st.integers(1, 5))
def test_spread_over_files_changes_nothing(folder, log, rng: random.Random, count):
    files = [[] for _ in range(count)]
    for line in log:
        rng.choice(files).append(line)
    assert scores(folder, *files) == scores(folder, log)


@settings(max_examples=60)
@given(logs, st.randoms(use_true_random=False))
def test_repeats_change_nothing(folder, log, rng: random.Random):
    repeated = log + rng.sample(log, rng.randint(1, len(log)))
    assert scores(folder, rng.sample(repeated, len(repeated))) == scores(folder, log)


@settings(max_examples=40)
@given(logs, st.integers(1, 20), st.integers(1, 5_000))
def test_the_size_of_batches_changes_nothing(folder, log, most, piece):
    expected = scores(folder, log)
    with patch.object(engine, "_AT_ONCE", most), patch.object(ndjson, "PIECE", piece):
        assert scores(folder, log) == expected
