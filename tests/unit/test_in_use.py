"""Who stops the local broker: the last command that uses one which a command has started."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.local import in_use
from agents.local.broker import connected


class Fake:
    """A broker that only knows whether it was stopped."""

    def __init__(self, folder: Path, temporary: bool, started_here: bool = True) -> None:
        self.folder = folder
        self.temporary = temporary
        self.started_here = started_here
        self.stops = 0

    def stop(self) -> bool:
        self.stops += 1
        return True


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    yield found
    in_use.leave()


@pytest.mark.parametrize("temporary", [True, False])
def test_only_a_temporary_one_is_stopped_and_once(tmp_path: Path, lines: list[str], temporary: bool) -> None:
    broker = Fake(tmp_path / "broker", temporary)
    in_use.join(broker, lines.append)
    assert broker.stops == 0
    in_use.leave()
    in_use.leave()
    assert broker.stops == temporary
    assert lines == ["Stopping the local broker …"] * temporary


@pytest.mark.parametrize("started", [True, False])
def test_the_last_one_stops_it(tmp_path: Path, lines: list[str], started: bool) -> None:
    first, second = Fake(tmp_path, True), Fake(tmp_path, True, started)
    for broker in (first, second):
        in_use.join(broker, lines.append)
    in_use.leave()
    assert (second.stops, first.stops) == (0, 1)
    # who only used it is told nothing
    assert lines == ["The local broker goes on, because another command uses it"] * started + [
        "Stopping the local broker …"
    ]


def test_what_could_not_be_started_is_not_stopped(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="Java is missing"):
        connected(Settings(broker="", state_dir=tmp_path / "state"), lines.append)
    in_use.leave()
    assert lines == []


def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"Can't write to .*set PILLARSCORE_STATE_DIR") as caught:
        connected(Settings(broker="", state_dir=tmp_path / "file" / "state"))
    assert "\n" not in str(caught.value)
