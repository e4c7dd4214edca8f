"""Programs of other languages for the tests: found on PATH, with what they need below `.pillarscore/toolchains`.

A test whose tool chain is missing is skipped, and pytest's summary says why. When a tool chain is there and fails,
the test fails.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from agents.local.kafka_jars import locked

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".pillarscore" / "toolchains"
INSTALL_S = 600


def require(*programs: str) -> None:
    """Skip the test unless all of these are on PATH."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not found on PATH: these examples are not tested here")


def made(source: Path, *command: str, environment: Mapping[str, str] | None = None) -> Path:
    """A folder with the files of `source`, in which the command has been run; made again when the files change."""
    files = sorted(path for path in source.iterdir() if path.is_file())
    digest = hashlib.sha256(b"\0".join([*(path.read_bytes() for path in files), " ".join(command).encode()]))
    folder = FOLDER / source.name
    folder.mkdir(parents=True, exist_ok=True)
    with locked(FOLDER / f"{source.name}.lock"):
        complete = folder / ".complete"
        if complete.exists() and complete.read_text() == digest.hexdigest():
            return folder
        complete.unlink(missing_ok=True)
        for path in files:
            shutil.copy(path, folder / path.name)
        run(command, folder, within_s=INSTALL_S, environment=environment)
        complete.write_text(digest.hexdigest())
    return folder


def node_folder(source: Path) -> Path:
    """A folder with the files of `source` and the packages that its package.json names."""
    require("node", "npm")
    options = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    return made(source, "npm", "install", *options)


def run(
    command: Sequence[str], folder: Path, *, within_s: float, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command in a folder; what it printed, after it ended with 0."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=None if environment is None else dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=within_s,
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout
