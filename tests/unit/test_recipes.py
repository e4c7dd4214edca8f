"""The recipes work: each is followed on a copy of the project, where the new thing then has to do what it is for."""

import json
import re
from pathlib import Path

import pytest

from tests.kit.files import event, ndjson
from tests.kit.new_signal import NotAdded, add, places
from tests.kit.recipes import HOW_TO, ROOT, blocks, copy, follow, run, run_tests

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NOON = "2025-11-20T12:00:00Z"
PILLARSCORE = ("-m", "agents.cli")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy(tmp_path)


def regenerate(project: Path) -> None:
    """What `make docs` runs."""
    for module, page in (("agents.config.settings", "settings"), ("pipeline.docgen.events", "events")):
        (project / "docs" / "reference" / f"{page}.md").write_text(
            run(project, "-m", module), encoding="utf-8"
        )
    run(project, "-m", "agents.docgen.write")
    run(project, "-m", "schemas.export")


def test_a_signal(project: Path) -> None:
    changed = follow("add-a-signal.md", project)
    assert "pipeline/intake/credit_rules.py" in changed
    regenerate(project)
    answered = [event("poll.answered", str(number), "ada", NOON) for number in range(3)]
    (project / "events.ndjson").write_bytes(ndjson(answered))
    said = run(project, *PILLARSCORE, "explain", "ada", "events.ndjson", "--as-of", "2025-11-20", "--json")
    explained = json.loads(said)
    assert explained["version"] == 3
    assert explained["score"] > 0
    sources = [s for p in explained["pillars"] for c in p["components"] for s in c["sources"] if s["count"]]
    assert [(s["name"], s["count"], s["counted"]) for s in sources] == [("poll_answered", 3, 2)]
    pages = ("tests/unit/test_credits.py", "tests/unit/test_factors.py", "tests/unit/test_export.py")
    run_tests(project, *pages, "tests/property/test_oracle.py", "-k", "not very_many")


def test_the_lines_of_a_signal_are_scaffolded(project: Path) -> None:
    """Without the steps that are left to a person, everything is consistent, and the signal is counted."""
    changed = add("poll_answered", root=project)
    assert set(changed) < set(follow("add-a-signal.md", copy(project / "by-hand")))
    regenerate(project)
    answered = [event("poll.answered", str(number), "ada", NOON) for number in range(3)]
    (project / "events.ndjson").write_bytes(ndjson(answered))
    assert "3 events: all valid" in run(project, *PILLARSCORE, "check", "events.ndjson")
    pages = ("tests/unit/test_credits.py", "tests/unit/test_export.py", "tests/unit/test_schema_compat.py")
    run_tests(project, *pages, "tests/property/test_oracle.py", "-k", "not very_many")
    style = ("check", "-q", "--config", str(ROOT / "pyproject.toml"), *changed)
    run(project, "-m", "ruff", *style)
    run(project, "-m", "ruff", "format", "--check", "-q", "--config", str(ROOT / "pyproject.toml"), *changed)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("Poll", "", "such as NAME=poll_answered"),
        ("poll", "", "such as NAME=poll_answered"),
        ("reaction_given", "", "there is a signal of this name"),
        ("poll_answered", "polls", "such as EVENT=poll.answered"),
        ("live_joined", "live.watched", "there is an event of this type"),
    ],
)
def test_a_signal_that_is_not_scaffolded_changes_nothing(
    tmp_path: Path, name: str, given: str, says: str
) -> None:
    for file in {place.file for place in places("a_b", "a.b")} | {"schemas/signals.py"}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    with pytest.raises(NotAdded, match=re.escape(says)) as error:
        add(name, given, tmp_path)
    assert "\n" not in str(error.value)
    for file in tmp_path.rglob("*.py"):
        assert file.read_bytes() == (ROOT / file.relative_to(tmp_path)).read_bytes()


def with_component(rubric: str, component: str) -> str:
    """A rubric with this component in the place of that of the same name."""
    name = re.search(r"^name = .*$", component, re.MULTILINE)
    assert name is not None
    head, *parts = rubric.split("[[component]]\n")
    [at] = [n for n, part in enumerate(parts) if part.startswith(name[0] + "\n")]
    parts[at] = component.removeprefix("[[component]]\n") + "\n"
    return "[[component]]\n".join([head, *parts])


def test_a_kind_of_component(project: Path) -> None:
    follow("add-a-component-kind.md", project)
    [component] = blocks("add-a-component-kind.md", "toml")
    ssi = (project / "rubrics" / "ssi-2.toml").read_text(encoding="utf-8")
    ours = with_component(ssi.replace('name = "ssi"', 'name = "ours"', 1), component)
    (project / "rubrics" / "ours.toml").write_text(ours, encoding="utf-8")
    joined = [event("group.joined", f"{n}", "ada", NOON, group=f"g-{n}") for n in range(5)]
    joined += [event("group.joined", f"b{n}", "bob", NOON, group=f"g-{n}") for n in range(4)]
    (project / "events.ndjson").write_bytes(ndjson(joined))
    how = ("events.ndjson", "--as-of", "2025-11-20", "--rubric", "rubrics/ours.toml", "--json")
    for member, points, measured in (("ada", 100, "5 of 5"), ("bob", 0, "4 of 5")):
        explained = json.loads(run(project, *PILLARSCORE, "explain", member, *how))
        assert explained["rubric"] == "ours"
        [groups] = [c for p in explained["pillars"] for c in p["components"] if c["name"] == "groups"]
        assert (groups["kind"], groups["points"], groups["measured"]) == ("milestone", points, measured)
        assert groups["rule"] == "all points from 5 on"
    code = (
        "from agents.config.rubric_file import load\nfrom pathlib import Path\nfrom pipeline.docgen import factors\n"
        "print(factors.render(load(Path('rubrics/ours.toml')), 'ours.toml'))"
    )
    assert "| `groups` (register) | `groups` | 1.00 | milestone: all points from 5 on |" in run(
        project, "-c", code
    )
    pages = (
        "tests/property/test_scoring.py",
        "tests/property/test_explain.py",
        "tests/property/test_oracle.py",
    )
    run_tests(project, *pages, "tests/unit/test_factors.py", "-k", "not very_many")
    run(project, "-m", "mypy", "--no-error-summary", "pipeline")


def test_lines_that_have_changed_are_noticed(project: Path) -> None:
    path = project / "rubrics" / "ssi-2.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("version = 2", "version = 9", 1), encoding="utf-8"
    )
    with pytest.raises(
        AssertionError, match=r"add-a-signal\.md: rubrics/ssi-2\.toml has these lines 0 times"
    ):
        follow("add-a-signal.md", project)


COHORTS = """
import orjson
from agents.config.settings import Settings
from perf.fake_records import records
from pipeline.intake.credit_rules import credits
from pipeline.cohorts.benchmark_records import Benchmarks
from pipeline.cohorts.membership import CohortMembership
from pipeline.cohorts.merged_scores import MergedScores
from pipeline.common import days
from pipeline.intake.framer import Framer
from pipeline.intake.record_intake import Intake
from pipeline.shard import distribution_feed
from schemas.frames import decode
from tests.kit.events import DAY, dumps, event, member
from tests.kit.rubrics import SSI
from tests.kit.shards import new_shard
from tests.property.test_restore import frames_of

kinds, now = Settings().cohort_kinds, days.end_ms(DAY) - 1
shard = new_shard(SSI, DAY, cohorts=CohortMembership(0, 1, kinds))
made = [event("activity.post.published", id=f"p{n}", subject=member(n)) for n in range(6)]
made += [
    event("activity.member.updated", {"language": "de" if n < 4 else "fr"}, id=f"u{n}", subject=member(n))
    for n in range(6)
]
framer = Framer(1)
framer.begin(0, 0)
read = records([dumps(one) for one in made], partitions=1, timestamp=now)
for data in frames_of(read, framer, Intake(0, 900_000, credits(5))).values():
    shard.apply(decode(data), 0, now)
shard.drain()
merged = MergedScores(1, kinds, totals=True)
for offset, (key, value) in enumerate(distribution_feed.published(shard)):
    merged.take(key, value, offset)
for _ in merged.merge():
    pass
for _ in merged.count():
    pass
for lot in Benchmarks(3).records(merged):
    for key, value in lot:
        print(key.decode(), value and orjson.loads(value).get("size"))
"""


def test_a_cohort(project: Path) -> None:
    follow("add-a-cohort.md", project)
    regenerate(project)
    [_, *settings] = re.findall(
        r"export (PILLARSCORE_COHORTS)=(\S+)", (HOW_TO / "add-a-cohort.md").read_text()
    )
    said = run(project, "-c", COHORTS, **dict(settings))
    assert {"everyone 6", "language:de 4"} <= set(said.splitlines())
    pages = ("tests/unit/test_credits.py", "tests/unit/test_factors.py", "tests/unit/test_export.py")
    run_tests(project, *pages, "tests/property/test_oracle.py", "-k", "not very_many")


COUNTED = """
from agents.metrics import Metrics
from perf.inprocess import PARTITIONS, Pipeline, fresh
from perf.fake_records import FakeRecord
import time

metrics, now = Metrics(), int(time.time() * 1000)
made = (value for _, value in fresh(2_000, 100))
Pipeline(metrics).count([FakeRecord(v, n % PARTITIONS, n // PARTITIONS, now) for n, v in enumerate(made)])
print("counted", metrics.registry.get_sample_value("pillarscore_ingest_counterpart_rows_total"))
"""


def test_a_metric(project: Path) -> None:
    follow("add-a-metric.md", project)
    run(project, "-m", "agents.docgen.write")
    page = (project / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    rows = [
        line for line in page.splitlines() if line.startswith("| `pillarscore_ingest_counterpart_rows_total`")
    ]
    assert len(rows) == 2, "the metric, and what to do when it looks bad"
    assert "| counter | rows |" in rows[0]
    [counted] = re.findall(r"^counted (\S+)$", run(project, "-c", COUNTED), re.MULTILINE)
    assert 0 < float(counted) < 2_000
    run_tests(project, "tests/unit/test_metrics.py")


def test_a_dashboard_panel(project: Path) -> None:
    follow("add-a-metric.md", project)
    follow("add-a-dashboard-panel.md", project)
    run(project, "-m", "grafana.build")
    model = json.loads((project / "grafana" / "dashboards" / "quality.json").read_text(encoding="utf-8"))
    [panel] = [panel for panel in model["panels"] if panel["title"] == "Rows for counterparts"]
    [target] = panel["targets"]
    assert target["expr"].startswith("sum(rate(pillarscore_ingest_counterpart_rows_total{")
    run_tests(project, "tests/unit/test_dashboards.py")
