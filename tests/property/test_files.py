"""Files of all kinds make one result: NDJSON, gzip and Parquet, in any order, cut anywhere, on any day."""

import gzip
import random
import tomllib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.files import parquet
from agents.files.inputs import Inputs
from agents.files.ndjson import Lines
from agents.files.parquet import Writer
from agents.offline.engine import Offline
from tests.kit import oracle
from tests.kit.events import DAY, events, random_events
from tests.kit.files import ndjson
from tests.kit.rubrics import SSI, SSI_TEXT

TOML = tomllib.loads(SSI_TEXT, parse_float=Decimal)
logs = st.lists(events(), min_size=1, max_size=60).map(
    lambda made: [one | {"id": str(at)} for at, one in enumerate(made)]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def written(path, lines, kind):
    """The lines as a file of a kind; its path."""
    plain = path.with_suffix(".ndjson")
    plain.write_bytes(ndjson(lines))
    if kind == "ndjson":
        return plain
    made = path.with_suffix(f".{kind}")
    if kind == "gz":
        made.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        for _ in Writer(made).write(Lines([plain])):
            pass
    return made


def result(paths, day=DAY):
    """({member: (score, pillars)}, what became of the events)."""
    run = Offline(Settings(), SSI, day)
    run.read(Inputs(paths))
    c = run.counters
    assert c.difference() == 0
    found = run.standings()
    points = zip(found.score.tolist(), found.pillars.tolist(), strict=True)
    counts = (c.read, c.scored, c.duplicate, c.outside_window, c.erased, c.dead_lettered)
    return dict(zip(found.members, points, strict=True)), counts


@settings(max_examples=60)
@given(
    logs,
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from(["ndjson", "gz", "parquet"]), min_size=1),
)
def test_any_mixture_in_any_order_is_the_same(folder, log, rng: random.Random, kinds):
    expected, counts = result([written(folder / "all", log, "ndjson")])
    # some lines are in two files: they count once, whatever the kinds of the files
    twice = rng.sample(log, len(log) // 2)
    parts = [[] for _ in kinds]
    for line in rng.sample([*log, *twice], len(log) + len(twice)):
        rng.choice(parts).append(line)
    paths = [
        written(folder / str(at), lines, kind)
        for at, (lines, kind) in enumerate(zip(parts, kinds, strict=True))
    ]
    found, other = result(rng.sample(paths, len(paths)))
    assert found == expected
    assert sum(other) == 2 * other[0] == 2 * (counts[0] + len(twice))
    assert result(rng.sample(paths, len(paths)))[0] == expected


@settings(max_examples=30)
@given(logs, st.integers(1, 7))
def test_row_groups_and_batches_change_nothing(folder, log, rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROWS", rows)
        path = written(folder / "cut", log, "parquet")
        found = result([path])
    assert found == result([path]) == result([written(folder / "cut", log, "ndjson")])


def test_progress_is_in_bytes_and_ends_with_all_of_them(folder):
    log = list(random_events(1, 300))
    paths = [written(folder / f"bytes{kind}", log, kind) for kind in ("parquet", "gz", "ndjson")]
    inputs = Inputs(paths)
    assert (inputs.size, inputs.done) == (sum(path.stat().st_size for path in paths), 0)
    seen = [inputs.done for _ in inputs.batches()]
    assert seen == sorted(seen)
    assert inputs.done == inputs.size


def test_numbers_lead_back_to_the_rows_of_each_file(folder):
    log = [*random_events(2, 5)]
    late = [log[0] | {"id": "late", "time": "2099-01-01T00:00:00Z"}]
    paths = [
        written(folder / "first", log, "parquet"),
        written(folder / "second", [b"", b"{", *log], "ndjson"),
        written(folder / "third", [*log, *late], "parquet"),
    ]
    run = Offline(Settings(), SSI, DAY)
    run.read(Inputs(paths))
    places = {reason: [place for place, _ in dead.first] for reason, dead in run.dead.items()}
    assert places == {"invalid_json": [f"{paths[1]}:2"], "future_time": [f"{paths[2]}:6"]}
    assert run.counters.duplicate == 10


@pytest.mark.parametrize("kind", ["ndjson", "parquet"])
@pytest.mark.parametrize("day", [DAY - 120, DAY - 45, DAY - 8, DAY - 1, DAY, DAY + 20, DAY + 150])
def test_the_score_of_any_day_is_that_of_the_reference(folder, kind, day):
    log = list(random_events(3, 4_000, members=20, first=DAY - 140, duplicates=0.05))
    end = (day + 1) * oracle.DAY_MS
    facts = oracle.Facts(day)
    for one in log:
        if oracle.milliseconds(one["time"]) < end:
            facts.add(one)
    found, counts = result([written(folder / f"until{day}", log, kind)], day)
    expected = {name: oracle.score(TOML, day, *known)[0] for name, known in facts.members().items()}
    assert {name: score for name, (score, _) in found.items()} == expected
    late = [one for one in log if oracle.milliseconds(one["time"]) > end + 900_000]
    assert counts[0] == len(log)
    assert counts[5] == len(late)
    assert expected
