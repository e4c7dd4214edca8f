"""The command line: help that teaches, errors of one line, exit codes."""

import os
import re
import subprocess
import sys
import tomllib
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


HEAVY = (
    *("numpy", "pyarrow", "faust", "mode", "aiokafka", "aiohttp", "structlog", "orjson", "pydantic"),
    *("pydantic_settings", "rich", "markdown_it", "asyncio", "ssl"),
)
"""What takes long to import; `pillarscore --help` needs about 0.1 s with none of it, and 1 s with all."""


def imported(*arguments: str) -> list[bytes]:
    """Which of the heavy modules a call of the program imports."""
    code = (
        f"import sys\nfrom agents import cli\ntry: cli.main({list(arguments)!r})\nexcept SystemExit: pass\n"
        f"print(*(m for m in {HEAVY!r} if m in sys.modules))"
    )
    out, _ = program(code).communicate(timeout=60)
    return out.splitlines()[-1].split()


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--version",)])
def test_the_program_itself_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments) == []


def test_help_of_no_command_imports_anything_heavy() -> None:
    code = "\n".join(
        [
            "import sys, contextlib\nfrom agents import cli",
            "for name in cli._Commands():",
            "    with contextlib.suppress(SystemExit): cli.main([name, '--help'])",
            f"print(*(m for m in {HEAVY!r} if m in sys.modules))",
        ]
    )
    out, err = program(code).communicate(timeout=60)
    assert err == b""
    # Typer itself checks values by pydantic
    assert out.splitlines()[-1].split() in ([], [b"pydantic"])


@pytest.mark.parametrize(
    "module", ["agents.config.settings", "agents.screens.console", "agents.local.broker"]
)
def test_what_most_commands_need_imports_no_tables(module: str) -> None:
    code = f"import sys\nimport {module}\nprint(*(m for m in ('numpy', 'pyarrow', 'aiokafka') if m in sys.modules))"
    out, _ = program(code).communicate(timeout=60)
    assert out.split() == []


def test_version(capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config) -> None:
    about = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text())
    assert run("--version") == 0
    assert capsys.readouterr() == (f"pillarscore {about['project']['version']}\n", "")


def test_h_is_help_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["score"], ["broker"], ["broker", "start"]):
        shown = []
        for option in ("-h", "--help"):
            assert run(*command, option) == 0
            shown.append(capsys.readouterr().out)
        assert shown[0] == shown[1]
        assert "-h, --help" in shown[0]


def test_help_fits_the_terminal_and_cuts_nothing_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for command in ([], *([name] for name in cli._Commands())):
        assert run(*command, "--help") == 0
        lines = capsys.readouterr().out.splitlines()
        # an example can be longer than the line
        assert all(len(line) <= 60 or " " not in line.strip() for line in lines)
        assert not any(re.search(r"[a-z,]\.\.\.$", line) for line in lines)
        assert not re.search("<[a-z]", "".join(lines)), "a type of Python in the help"


WITHOUT_JSON = {
    ("run",): "goes on until it is stopped; status, top and verify have the results",
    ("worker",): "goes on until it is stopped; PILLARSCORE_LOG_FORMAT=json is for its log",
    ("completion",): "prints a script",
    ("rubric", "show"): "prints TOML, which is for programs too",
    ("rubric", "new"): "writes a file",
    ("ledger", "repair"): "explains to a person, who decides; ledger show has the ledger as JSON",
}


def leaves(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands that do something."""
    own = getattr(command, "commands", {})
    if not own:
        yield path, command
    for name in own:
        yield from leaves((*path, name), own[name])


def test_every_command_with_a_result_prints_it_as_json() -> None:
    group = typer.main.get_command(cli.app)
    without = {
        path
        for path, one in leaves((), group)
        if not any("--json" in parameter.opts for parameter in one.params)
    }
    assert without == WITHOUT_JSON.keys()


def completed(words: str, shell: str = "bash") -> list[str]:
    """What the shell offers for a line of which the last word is not complete."""
    environment = {
        "_PILLARSCORE_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    out, err = program("from agents.cli import main; main()", **environment).communicate(timeout=60)
    assert err == b""
    return out.decode().split()


def test_the_shell_completes_commands_and_options() -> None:
    assert completed("pillarscore expl") == ["explain"]
    assert completed("pillarscore broker sta") == ["start", "status"]
    assert "--as-of" in completed("pillarscore score --a")
    assert completed("pillarscore worker --role sc") == ["score"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("completion", shell) == 0
    script = capsys.readouterr().out
    assert f"_PILLARSCORE_COMPLETE=complete_{shell}" in script


def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    (tmp_path / "pillarscore").write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'from agents.cli import main; main()' \"$@\"\n"
    )
    (tmp_path / "pillarscore").chmod(0o755)
    script = (
        'eval "$(pillarscore completion bash)"; COMP_WORDS=(pillarscore dead-letters re); COMP_CWORD=2; '
        "_pillarscore_completion pillarscore; echo ${COMPREPLY[@]}"
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("replay\n", "")


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
