"""The screen of topics at several widths: names are never cut off."""

import pytest

from agents.config.settings import Settings
from agents.screens import topics
from agents.topics.creation import Found
from agents.topics.requirements import Difference
from agents.topics.specs import specs

SETTINGS = Settings(prefix="trial.")
WRONG = Difference(
    *(
        "trial.activity.frames",
        "message.timestamp.type",
        "CreateTime",
        "LogAppendTime",
        True,
        "LogAppendTime",
    ),
    "which duplicates are recognised would depend on the clocks of workers",
)


@pytest.mark.parametrize("width", [60, 80, 110])
def test_names_are_whole(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("agents.screens.console.WIDTH", width)
    listed = [Found(SETTINGS.topic(one.short), one, one.partitions, False) for one in specs(SETTINGS)]
    topics.as_tables(listed, [WRONG], [], fixing=False)
    out = capsys.readouterr().out
    assert all(len(line) <= width for line in out.splitlines())
    assert "…" not in out
    for one in listed:
        assert f"{one.name} " in out or f"{one.name}\n" in out
    told = " ".join(out.split())
    assert WRONG.topic in told
    assert WRONG.why.rsplit(" ", 1)[1] in told


def test_a_difference_in_two_lines_says_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("agents.screens.console.WIDTH", 60)
    topics.as_tables([], [WRONG], [], fixing=False)
    told = " ".join(capsys.readouterr().out.split())
    assert told.startswith(
        "refused trial.activity.frames: message.timestamp.type=CreateTime, but needs LogAppendTime (fix) which"
    )
