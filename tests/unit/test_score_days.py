"""`pillarscore score` for a past day and for several days, and its points as decimals and as floats."""

import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.kit.files import event, ndjson, small_rubric
from tests.unit.test_commands import EVENTS, NOON, complaint, good


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with events and a rubric that is set."""
    monkeypatch.setenv("PILLARSCORE_RUBRIC", str(small_rubric(tmp_path)))
    monkeypatch.setenv("PILLARSCORE_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "events.ndjson").write_bytes(ndjson(EVENTS))
    return tmp_path


def test_events_after_a_past_day_are_called_that(here):
    later = here / "later.ndjson"
    times = ("2025-11-20T23:59:59Z", "2025-11-21T00:05:00Z", "2025-12-01T00:00:00Z", "2999-01-01T00:00:00Z")
    later.write_bytes(ndjson([event("post.published", str(n), "ada", at) for n, at in enumerate(times)]))
    rejected = here / "rejected.ndjson"
    result = good("score", later, "--as-of", "2025-11-20", "--json", "--rejected", rejected)
    about, *letters = result.stderr.splitlines()
    assert about == (
        "1 member as of 2025-11-20 by small 3; 4 events read: 1 scored, 0 duplicate, 0 outside the window, 0 erased, "
        "2 after the day, 1 dead letters"
    )
    assert letters[0] == "1 × future_time"
    assert [json.loads(line)["number"] for line in rejected.read_text().splitlines()] == [4]
    document = json.loads(result.stdout)
    assert (document["events"]["after_day"], document["events"]["scored"]) == (2, 1)
    assert document["dead_letters"] == {"future_time": 1}
    assert document["members"][0]["score"] == 2.5


DAYS = ("2025-11-19", "2025-11-20", "2025-11-21")


@pytest.mark.parametrize("numbers", ["decimal", "float"])
def test_scores_of_several_days_are_one_table_with_a_column_as_of(here, numbers):
    lines = [
        *ndjson(EVENTS).splitlines(),
        *ndjson([event("post.published", "7", "ada", "2025-11-21T12:00:00Z")]).splitlines(),
    ]
    given = b"\n".join(lines)
    expected = []
    for day in DAYS:
        good("score", "-", "--as-of", day, "--out", here / "one.parquet", "--numbers", numbers, input=given)
        expected += [{"as_of": date.fromisoformat(day)} | row for row in rows(here / "one.parquet")]
    assert [row["as_of"].day for row in expected] == [20, 20, 20, 21, 21, 21]
    out = here / "days.parquet"
    among = ("--from", DAYS[0], "--to", DAYS[-1], "--numbers", numbers)
    result = good("score", "-", *among, "--out", out, input=given)  # which can be read once only
    assert rows(out) == expected
    table = pq.read_table(out)
    assert table.schema.field("as_of").type == pa.date32()
    assert table.schema.field("score").type == (pa.decimal128(5, 2) if numbers == "decimal" else pa.float64())
    about = json.loads(table.schema.metadata[b"pillarscore"])
    assert about == {"from": DAYS[0], "to": DAYS[-1], "rubric": {"name": "small", "version": "3"}}
    assert result.stderr.startswith(
        "6 scores as of 3 days from 2025-11-19 to 2025-11-21 by small 3; 9 events read"
    )
    csv = good("score", "-", *among, "--format", "csv", "--top", 1, input=given).stdout.splitlines()
    assert csv[0].startswith('"as_of","member","score"')
    best = "7.50" if numbers == "decimal" else "7.5"
    assert [line.split(",")[0] for line in csv[1:]] == list(DAYS[1:])
    assert csv[1].startswith(f'2025-11-20,"eve\\x1b[31m[red]",{best},')


def rows(path):
    return pq.read_table(path).to_pylist()


def test_hundredths_are_the_same_as_decimals_and_as_floats(here):
    lines = [event("comment.written", f"c{n}", f"m{n % 97}", NOON, author="bob", words=n) for n in range(400)]
    (here / "many.ndjson").write_bytes(ndjson(lines))
    found = []
    for numbers in ("decimal", "float"):
        out = here / f"{numbers}.parquet"
        good("score", here / "many.ndjson", "--as-of", "2025-11-20", "--numbers", numbers, "--out", out)
        found.append(rows(out))
    decimals, floats = found
    assert len(decimals) == 98
    assert [
        {name: value if name == "member" else float(value) for name, value in row.items()} for row in decimals
    ] == (floats)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--to", "2025-11-20"), "--to needs --from: give the first day too"),
        (("--from", "2025-11-20", "--as-of", "2025-11-20"), "--as-of and --from exclude each other"),
        (("--from", "2025-11-21", "--to", "2025-11-20"), "--from 2025-11-21 is after the last day"),
        (
            ("--from", "2023-11-21", "--to", "2025-11-20"),
            "--from 2023-11-21: that is 731 days; at most 366 at once",
        ),
        (("--from", "yesterday"), "--from yesterday: give a date, such as 2026-11-20"),
        (("--from", "2025-11-19", "--to", "20.11.2025"), "--to 20.11.2025: give a date, such as 2026-11-20"),
        (
            ("--from", "2025-11-19", "--to", "2025-11-20"),
            "--from is for csv and parquet: give --out FILE.parquet",
        ),
        (("--numbers", "float", "--json"), "--numbers is for csv and parquet: give --out FILE.parquet"),
    ],
)
def test_days_and_numbers_that_make_no_table_are_refused(here, capsys, arguments, says):
    assert complaint(capsys, "score", here / "events.ndjson", *arguments).startswith(says)
