"""An example file of settings: each with its default and meaning, all of them comments."""

import textwrap
from importlib.metadata import version

from agents.config.settings import PREFIX, Settings

_HEAD = """\
# Settings of Pillarscore {version}, with their defaults. Copy what you change into a file of your own, without the
# "#" in front. `docker run --env-file`, systemd's EnvironmentFile and kustomize read it as it is; a shell does with
# `set -a; . ./settings.env; set +a`. An unknown name or an invalid value is an error when a command starts.
"""
WIDTH = 110


def render() -> str:
    """The file; it ends with a newline."""
    parts = [_HEAD.format(version=version("pillarscore"))]
    for name, field in Settings.model_fields.items():
        about = textwrap.wrap(field.description or "", WIDTH, initial_indent="# ", subsequent_indent="# ")
        default = "" if field.default is None else field.default
        parts.append("\n".join([*about, f"#{PREFIX}{name.upper()}={default}"]) + "\n")
    return "\n".join(parts)
