"""Help as plain text, in the words of a terminal: `--top N`, not `--top <int range>`."""

from pathlib import Path
from typing import Any, get_args

KINDS: dict[Any, str] = {int: "N", float: "N", Path: "FILE"}
"""What an option takes, by its type; other types take TEXT."""


def plain(command: Any) -> None:
    """Prepare a command, and those below it, to be shown.

    Each paragraph of the help becomes one line, since where the code wraps it means nothing to a reader. The first
    one is what lists of commands show, in full.
    """
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    command.help, command.short_help = "\n\n".join(paragraphs), paragraphs[0]
    for parameter in command.params:
        if is_argument(parameter):
            _argument(parameter)
        elif not parameter.is_flag and parameter.metavar is None:
            parameter.metavar = "|".join(choices(parameter)) or kind(parameter)
    for own in getattr(command, "commands", {}).values():
        plain(own)


def is_argument(parameter: Any) -> bool:
    """Whether a parameter is an argument, not an option."""
    return bool(parameter.param_type_name == "argument")


def kind(parameter: Any) -> str:
    """What an option takes."""
    return KINDS.get(parameter.type_descriptor.annotation, "TEXT")


def choices(parameter: Any) -> tuple[str, ...]:
    """The words that an option takes; empty when it is no such option."""
    found = get_args(parameter.type_descriptor.annotation)
    return found if all(isinstance(one, str) for one in found) else ()


def usage(parameter: Any) -> str:
    """An argument as in the line of usage: `FILE...`, `[TEAM]`."""
    return _word(parameter) if parameter.required else f"[{_word(parameter)}]"


def _word(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).removeprefix("[").removesuffix("]")


def _argument(parameter: Any) -> None:
    parameter.metavar = _word(parameter)
    parameter.get_usage_pieces = lambda ctx: [usage(parameter)]
    parameter.display_type_rich = lambda ctx: None
