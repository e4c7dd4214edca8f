"""The reference page of the command line, made from the commands themselves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import typer

from agents.cli import app

_INTRODUCTION = """# Command line

Made by `make docs` from `agents/cli/`; don't edit.

`make run` puts the program into `.venv`: call it as `.venv/bin/pillarscore`, or activate the environment
first (`source .venv/bin/activate`). Call it from the project's folder, since the local broker and other state
are found in `.pillarscore/` there, unless [`PILLARSCORE_STATE_DIR`](settings.md) names another place.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 a check failed or a file contains no events, 2
something you can put right (said in one line), 130 broken off by Ctrl-C.
"""


def render() -> str:
    """The page, as Markdown that ends with a newline."""
    group = typer.main.get_command(app)
    parts = [_INTRODUCTION]
    for name in group.commands:  # type: ignore[attr-defined]
        parts += _command(f"pillarscore {name}", group.commands[name])  # type: ignore[attr-defined]
    return "\n".join(parts)


def _command(path: str, command: Any) -> Iterator[str]:
    """The section of a command, then those of its own commands."""
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    examples = [part.removeprefix("Example: ") for part in paragraphs if part.startswith("Example: ")]
    shown = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    own = dict(getattr(command, "commands", {}))
    usage = [path, *(["COMMAND"] if own else []), *(_usage(p) for p in shown if _is_argument(p))]
    if any(not _is_argument(p) for p in shown):
        usage.append("[OPTIONS]")
    yield f"## {path}\n"
    yield "\n\n".join(part for part in paragraphs if not part.startswith("Example: ")) + "\n"
    yield "\n".join(["```sh", " ".join(usage), *(f"{line}  # example" for line in examples), "```"]) + "\n"
    if shown:
        rows = [f"| {_name(p)} | {_default(p)} | {_cell(p.help)} |" for p in shown]
        yield "\n".join(["| | Default | Meaning |", "| --- | --- | --- |", *rows]) + "\n"
    for name, sub in own.items():
        yield from _command(f"{path} {name}", sub)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _usage(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _name(parameter: Any) -> str:
    """The parameter as it is typed, with what it takes."""
    if _is_argument(parameter):
        return f"`{_usage(parameter)}`"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    choices = get_args(parameter.type_descriptor.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return f"{names} {' / '.join(choices)}"
    kind = {int: "N", float: "N", Path: "FILE"}.get(parameter.type_descriptor.annotation, "TEXT")
    return names if parameter.is_flag else f"{names} {parameter.metavar or kind}"


def _default(parameter: Any) -> str:
    value = parameter.default
    if isinstance(value, bool):
        value = parameter.opts[0] if value and parameter.secondary_opts else None
    return "" if value is None else f"`{value}`"


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
