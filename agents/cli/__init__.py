"""The command line `pillarscore`: one module per command, imported when it is asked for.

A module `agents/cli/NAME.py` with a `typer.Typer` called `app` is the command NAME (with - for _); there is
no list to add it to. Heavy imports belong inside the command, so that `--help` stays quick.
"""

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]
from typer.core import TyperGroup

from agents.cli._help import plain
from agents.config import command_log
from agents.config.errors import UserError
from agents.screens.visible import visible

# As one meets them; what is not named here comes after these.
ORDER = (
    "run",
    "init",
    "doctor",
    "broker",
    "topics",
    "worker",
    "check",
    "publish",
    "top",
    "status",
    "dead-letters",
    "benchmarks",
    "score",
    "explain",
    "history",
    "team",
    "whatif",
    "rubric",
    "verify",
    "audit",
    "ledger",
    "backup",
    "restore",
    "repartition",
    "convert",
    "topology",
    "completion",
)


class _Commands(Mapping[str, Any]):
    """Name to command, from the modules of this package; a command is imported when it is looked up."""

    def __iter__(self) -> Iterator[str]:
        modules = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
        names = [name.replace("_", "-") for name in modules]
        return iter(sorted(names, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Any:
        if name not in list(self):
            raise KeyError(name)
        module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
        module.app._add_completion = False  # not an option of every command
        module.app.rich_markup_mode = None
        command = typer.main.get_command(module.app)
        command.name = name
        plain(command)
        return command


class _Group(TyperGroup):
    """The top: commands found among the modules."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands()  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


# Help is plain text: what draws boxes around it takes longer to import than all the rest.
app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,  # `pillarscore completion` instead, which writes into nobody's files
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"pillarscore {version('pillarscore')}")
        raise typer.Exit


@app.callback(
    epilog="Settings are environment variables PILLARSCORE_…: docs/reference/settings.md. "
    "Details of a command: 'pillarscore COMMAND -h'."
)
def pillarscore(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Live scores of 0 to 100 per member, with explanations, from a stream of activity events."""


def main(arguments: list[str] | None = None) -> None:
    """The program; ends with 0, what a command returns or gives to `typer.Exit`, or:

    2 with one line on stderr for a user error (1 for a file that contains no events), 130 on
    Ctrl-C, 1 when the reader of our output has gone. arguments: instead of those of the process.
    """
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
    finally:
        _leave_broker()
    sys.exit(code)


def _leave_broker() -> None:
    """Stop a local broker that was started for this command."""
    if "agents.local.in_use" in sys.modules:
        from agents.local.in_use import leave

        leave()


def _run(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    if "_PILLARSCORE_COMPLETE" in os.environ:
        completion_init()
    command_log.install()
    try:
        result = command.main(args=arguments, prog_name="pillarscore", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except UserError as error:
        _complain(" ".join(str(error).split()))
        return error.exit_code
    except typer.Abort:
        return 130
    except BrokenPipeError:
        _let_go_of_stdout()
        return 1
    except Exception as error:
        # typer's own errors: of use (an unknown option …), or help that was asked for by giving nothing
        if not hasattr(error, "format_message"):
            if (line := _refused(error)) is None:
                raise
            _complain(line)
            return 2
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]
        else:
            path = context.command_path if context else "pillarscore"
            message = " ".join(error.format_message().split()).rstrip(".")
            _complain(f"{message}: see '{path} --help'")
    return 2


def _refused(error: Exception) -> str | None:
    """One line when Kafka has refused us: no ACL, wrong password and so on."""
    if "aiokafka" not in sys.modules:
        return None
    from agents.connection.refusals import explained

    return explained(error)


def _complain(line: str) -> None:
    print(f"pillarscore: {visible(line)}", file=sys.stderr)


def _let_go_of_stdout() -> None:
    """Nobody reads any more; without this Python reports it once again when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
