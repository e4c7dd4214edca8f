"""100,000 inputs with bytes changed at random; `make fuzz MINUTES=n` tries more, with a second engine."""

import importlib.util

import pytest

from tests.kit import fuzz, fuzz_rules
from tests.kit.events import dumps, event

INPUTS = 100_000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_input_breaks_a_rule():
    tried = dict.fromkeys(fuzz.TARGETS, 0)
    for name, count in fuzz.run(20_251_120, lambda total: total < INPUTS):
        tried[name] += count
    assert sum(tried.values()) >= INPUTS
    assert all(tried.values())


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python"
)
def test_the_guided_engine_tries_inputs_of_its_own():
    assert fuzz.guided(7, 2, "rubrics")["rubrics"] > 1


@pytest.mark.parametrize("broken", ["rows", "decisions", "scores"])
def test_a_rule_that_is_broken_is_noticed(broken, monkeypatch):
    made = [fuzz_rules.FakeRecord(dumps(event("activity.live.hosted", subject=f"m-{n}"))) for n in range(3)]
    made = [fuzz_rules.replace(record, offset=n, timestamp=fuzz_rules.NOW) for n, record in enumerate(made)]
    fuzz_rules.decisions(made)
    fuzz_rules.scores(made)
    if broken == "rows":
        made[1] = fuzz_rules.replace(made[1], offset=0)
        monkeypatch.setattr(fuzz_rules.Intake, "rows", _losing(fuzz_rules.Intake.rows))
    else:
        monkeypatch.setattr(fuzz_rules, "structured", lambda headers, value: value.replace(b"m-1", b"m-\\n"))
    with pytest.raises(AssertionError):
        (fuzz_rules.scores if broken == "scores" else fuzz_rules.decisions)(made)


def _losing(rows):
    def lossy(self, records, *arguments, **more):
        return rows(self, records[:-1], arguments[0][:-1], *arguments[1:], **more)

    return lossy
