"""Writing an operator's files into a folder, and never over what is there unless --force is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from agents.bundle import contents, example_settings
from agents.config.errors import UserError

NAMED = 5
"""How many files an error names."""


@dataclass(frozen=True)
class Written:
    """Paths relative to the folder, sorted. same: were there, with the same content."""

    new: list[str]
    replaced: list[str]
    same: list[str]


def files() -> dict[str, bytes]:
    """Every file by its path in the folder. Raises UserError when the installation lacks one."""
    root = contents.root()
    try:
        found = {name: (root / name).read_bytes() for name in contents.matching(root, contents.OPERATORS)}
    except OSError as error:
        raise UserError(f"This installation is not complete, install it again: {error}") from None
    found["settings.example.env"] = example_settings.render().encode()
    found["sources.example.toml"] = (
        resources.files("agents.config.sources").joinpath("example.toml").read_bytes()
    )
    return found


def write(folder: Path, made: Mapping[str, bytes], *, force: bool) -> Written:
    """Write the files; the folder is made when there is none.

    Raises UserError, and has written nothing then, when a file is there with another content and not `force`.
    """
    new: list[str] = []
    other: list[str] = []
    same: list[str] = []
    try:
        for name in sorted(made):
            path = folder / name
            if not path.exists() and not path.is_symlink():
                new.append(name)
            else:
                (same if path.is_file() and path.read_bytes() == made[name] else other).append(name)
        if other and not force:
            more = f" and {len(other) - NAMED} more" if len(other) > NAMED else ""
            raise UserError(
                f"{folder} has files of its own: {', '.join(other[:NAMED])}{more}. Nothing is written; "
                "--force replaces them, or name another folder"
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name in new + other:
            _write(folder / name, made[name], "wb" if name in other else "xb")
    except OSError as error:
        raise UserError(f"{error.filename or folder} can't be written: {error.strerror}") from None
    return Written(new, other, same)


def next_steps(folder: Path) -> list[str]:
    """What to do with the files, one step a line."""
    wheel = f"pillarscore-{version('pillarscore')}-py3-none-any.whl"
    return [
        f"Image: copy {wheel} into {folder}; the Dockerfile there installs it",
        "Compose: docker compose up --build --detach --wait",
        "Kubernetes: copy k8s/overlays/example, and name your image and settings in it",
        "Settings: settings.example.env; what each source may publish: sources.example.toml",
    ]


def _write(path: Path, content: bytes, mode: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode) as file:
        file.write(content)
    if path.suffix == ".sh":
        path.chmod(0o755)
