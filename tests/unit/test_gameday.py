"""Game day's table of faults fits alerts and runbook, and its rules are the committed ones in shorter windows."""

import re
import shlex
import subprocess

import pytest
import typer

from agents.cli import app
from tests.gameday import pace, runbook
from tests.gameday.faults import FAULTS
from tests.gameday.shims import KAFKA_TOOLS
from tests.kit.dashboards import alerts, rules

ALERTS = alerts()
SECTIONS = runbook.load()
KNOWN = {"pillarscore", "curl", "grep", "tail", "df", "du", "sort", *KAFKA_TOOLS}
COMMANDS = sorted({command for section in SECTIONS.values() for command in section.commands})


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_names_an_alert_and_steps_of_its_section(fault) -> None:
    assert fault.alert in ALERTS
    section = SECTIONS[fault.alert]
    assert section.commands, "there is nothing to run"
    for quote in fault.steps:
        found = [step for step in section.steps if quote in step.text]
        assert len(found) == 1, f"{quote!r} is in {len(found)} steps of {fault.alert}"
    assert set(fault.also) <= set(ALERTS)
    assert all(len(why) > 20 for why in fault.also.values())


def test_names_of_faults_differ() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 11


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_run_book_parse(command: str) -> None:
    filled = runbook.filled(command, dict.fromkeys(runbook.PLACEHOLDERS, "x:1"))
    done = subprocess.run(
        ["bash", "-n", "-c", filled], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    for part in re.split(r"\s\|\s", filled):
        words = shlex.split(part, comments=True)
        assert words[0] in KNOWN, f"{words[0]} is no program that the runbook may use"
        if words[0] == "pillarscore":
            _parse(words[1:])


def _parse(words: list[str]) -> None:
    """As the command line does, up to running it; raises when it would be refused."""
    command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    command.make_context("pillarscore", words)


def test_a_command_that_would_hang_is_bounded() -> None:
    """curl waits for a frozen process for ever."""
    for command in COMMANDS:
        if command.startswith("curl "):
            assert re.search(r"\s-m \d+\s", command), command


def test_commands_name_topics_with_their_prefix() -> None:
    for command in COMMANDS:
        for before in re.findall(r"(\S*)(?:member|activity)\.[a-z]+(?![\w.]*:)", command.partition(" # ")[0]):
            assert before == '"${PILLARSCORE_PREFIX}', command


def test_sections_are_read_as_they_are_written() -> None:
    text = """
## PillarscoreOne

**Check:**

```sh
pillarscore status   # how?
# no command
```

**Fix:**

1. Do it
   now:

   ```sh
   pillarscore ledger losses
   ```

2. Also that ([commands](#pillarscoretwo)).

**Over when** it is:

```sh
never run
```

## PillarscoreTwo

**Fix:**

1. As follows:

   ```sh
   kafka-topics --list
   ```
"""
    one = runbook.sections(text)["PillarscoreOne"]
    assert one.checks == ("pillarscore status   # how?",)
    assert [step.text for step in one.steps] == ["Do it now:", "Also that ([commands](#pillarscoretwo))."]
    assert [step.commands for step in one.steps] == [("pillarscore ledger losses",), ("kafka-topics --list",)]
    assert runbook.filled("curl localhost:6066/live", {"localhost:6066": "h:1"}) == "curl h:1/live"


@pytest.mark.parametrize(
    ("given", "expected"), [("1m", "60s"), ("10s", "10s"), ("5m", "60s"), ("10m", "100s"), ("6h", "3600s")]
)
def test_windows_are_shortened_but_not_below_what_the_product_needs(given: str, expected: str) -> None:
    assert pace.shortened(given) == expected


def test_rules_differ_from_the_committed_ones_in_durations_alone() -> None:
    for before, rule in zip(rules(), rules(), strict=True):
        pace.rule(rule)
        bare = re.compile(r"(?<=\[)\w+(?=\])|(?<=offset )\w+")
        assert bare.sub("", rule["expr"]) == bare.sub("", before["expr"])
        assert rule.keys() == before.keys()
        for name in ("for", "expr"):
            for duration in re.findall(r"\[(\w+)\]", str(rule.get(name, ""))):
                assert duration.endswith("s")
                assert pace.seconds(duration) >= pace.LEAST_S
