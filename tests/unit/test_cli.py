"""The command line: help that teaches, errors of one line, exit codes."""

import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from agents import cli
from agents.config.errors import UserError
from tests.kit.bounded import at_most

Commands = Callable[..., None]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Adds a command `probe` that does what the test says."""

    def add(body: Callable[[], Any]) -> None:
        module = types.ModuleType("agents.cli.probe")
        module.app = typer.Typer()  # type: ignore[attr-defined]
        module.app.command("probe")(body)
        monkeypatch.setitem(sys.modules, "agents.cli.probe", module)
        listed = cli._Commands.__iter__

        def with_probe(self: Any) -> Iterator[str]:
            yield from listed(self)
            yield "probe"

        monkeypatch.setattr(cli._Commands, "__iter__", with_probe)

    return add


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_an_error_of_the_user_is_one_line_and_2(
    command: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(UserError("There is no file x:\n  give another")))
    assert run("probe") == 2
    assert capsys.readouterr() == ("", "pillarscore: There is no file x: give another\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["brokr"], "Did you mean 'broker'?"),
        (["topics", "--colour"], "see 'pillarscore topics --help'"),
        (["broker", "strat"], "Did you mean 'start'"),
        (["broker", "start", "now"], "unexpected extra argument"),
    ],
)
def test_wrong_use_is_one_line_and_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pillarscore: ")
    assert says in err
    assert err.count("\n") == 1


def test_a_wrong_setting_is_one_line_and_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PILLARSCORE_BROKER_PORT", "kafka")
    assert run("broker", "status") == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("pillarscore: PILLARSCORE_BROKER_PORT=kafka: ")


def test_interrupted_is_130_and_quiet(command: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    command(raising(KeyboardInterrupt()))
    assert run("probe") == 130
    assert capsys.readouterr() == ("", "")


def test_a_command_says_how_it_ended(command: Commands) -> None:
    command(raising(typer.Exit(1)))
    assert run("probe") == 1
    command(lambda: None)
    assert run("probe") == 0


def test_a_fault_of_ours_is_not_hidden(command: Commands) -> None:
    command(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["probe"])


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for name in cli._Commands():
        assert f" {name} " in shown


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in cli._Commands():
        assert run(name, "--help") == 0
        assert f"pillarscore {name}" in capsys.readouterr().out


def program(code: str, **environment: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom agents import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('numpy', 'pyarrow', 'faust', 'aiokafka', 'pydantic') if m in sys.modules])"
    )
    out, _ = program(code).communicate(timeout=60)
    assert out.splitlines()[-1] == b"[]"


def test_a_reader_that_left_is_no_traceback(tmp_path: Path) -> None:
    code = (
        "import sys, types, typer\nfrom agents import cli\n"
        "app = typer.Typer()\n"
        "@app.command()\ndef topics():\n    for n in range(100_000): typer.echo(n)\n"
        "sys.modules['agents.cli.topics'] = types.SimpleNamespace(app=app)\n"
        "cli.main(['topics'])"
    )
    process = program(code)
    assert process.stdout is not None
    assert process.stderr is not None
    with at_most(60, process):
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait(60) == 1
