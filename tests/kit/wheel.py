"""Wheel and sdist: built as a release builds them, and tried in an environment that has nothing else of the project.

`python -m tests.kit.wheel` is `make wheel`: it puts both into dist/.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from agents.bundle import contents

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "pipeline", "rubrics", "samples", "agents")
FILES = ("pyproject.toml", "requirements.in", "README.md", "LICENSE", "deploy/packing.py")
BUNDLE = contents.PROGRAM + contents.OPERATORS
BUILD_S = 120.0
RUN_S = 60.0
_TRY = """
import agents, rubrics, schemas
from agents.local import kafka_jars
from importlib.metadata import version
from pathlib import Path
from agents.config import rubric_file
from agents.screens import team_html
assert kafka_jars.POM.is_file(), kafka_jars.POM
print(Path(agents.__file__).parents[1], rubric_file.load(None).name, version("pillarscore"))
"""


@dataclass(frozen=True)
class Built:
    """The files that a release consists of; the wheel is built from the sdist, so this has all that the wheel has."""

    sdist: Path
    wheel: Path


def build(into: Path) -> Built:
    """Build both from a copy of what belongs in, so that no file of an earlier build gets in."""
    with tempfile.TemporaryDirectory() as folder:
        copy, made = Path(folder) / "source", Path(folder) / "made"
        made.mkdir()
        for name in PACKAGES:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "packed"))
        for name in (*FILES, *contents.matching(ROOT, BUNDLE)):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
        ask = f"from setuptools import build_meta; build_meta.build_sdist({str(made)!r})"
        _quiet(sys.executable, "-c", ask, cwd=copy)
        [sdist] = made.glob("*.tar.gz")
        _pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(made), str(sdist))
        [wheel] = made.glob("*.whl")
        into.mkdir(parents=True, exist_ok=True)
        return Built(*(Path(shutil.copy(path, into / path.name)) for path in (sdist, wheel)))


def missing(wheel: Path) -> list[str]:
    """The files of the packages and of the bundle that are not in the wheel, __pycache__ left out."""
    with zipfile.ZipFile(wheel) as archive:
        there = set(archive.namelist())
    files = (path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file())
    wanted = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    wanted |= {f"agents/bundle/packed/{name}" for name in contents.matching(ROOT, BUNDLE)}
    return sorted(wanted - there)


def tried(wheel: Path, folder: Path) -> str:
    """Install the wheel into a new environment and run it there; what `pillarscore --help` prints.

    `pillarscore init` has written into `ops` in the folder then.

    The environment sees the third-party packages of this one, and nothing of the working copy.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=BUILD_S)
    [packages] = folder.glob("lib/python*/site-packages")
    python = folder / "bin" / "python"
    _pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    # a folder named in a .pth file is searched, but the .pth files in it (the editable install) are not
    (packages / "third-party.pth").write_text(sysconfig.get_path("purelib") + "\n")
    said = _run(folder, str(python), "-c", _TRY).split()
    if said[0] != str(packages):
        raise RuntimeError(f"the packages come from {said[0]}, not from the wheel")
    _run(folder, str(folder / "bin" / "pillarscore"), "init", "ops")
    return _run(folder, str(folder / "bin" / "pillarscore"), "--help")


def _pip(*arguments: str) -> None:
    _quiet(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", *arguments)


def _quiet(*command: str, cwd: Path | None = None) -> None:
    """Run a step of the build; what it prints is only shown when it fails."""
    # with a PYTHONPATH it would find the working copy, and take Pillarscore for installed
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, check=False, timeout=BUILD_S, env=environment, cwd=cwd, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")


def _run(folder: Path, *command: str) -> str:
    # no PYTHONPATH and no PILLARSCORE_ settings of whoever runs this
    done = subprocess.run(
        command, cwd=folder, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=RUN_S
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def main() -> None:
    """Build into dist/, check, and print the way to both."""
    built = build(ROOT / "dist")
    if left_out := missing(built.wheel):
        sys.exit(
            f"{built.wheel.name} lacks {', '.join(left_out)}: see package-data in pyproject.toml "
            "and agents/bundle/contents.py"
        )
    with tempfile.TemporaryDirectory() as folder:
        tried(built.wheel, Path(folder) / "venv")
    for path in (built.sdist, built.wheel):
        print(path.relative_to(ROOT))
    print("The wheel, built from the sdist, is complete and runs in a new environment")


if __name__ == "__main__":
    main()
