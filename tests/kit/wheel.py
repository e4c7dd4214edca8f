"""The wheel: built as a release builds it, and tried in an environment that has nothing else of the project.

`python -m tests.kit.wheel` is `make wheel`: it puts the wheel into dist/.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "pipeline", "rubrics", "samples", "agents")
FILES = ("pyproject.toml", "requirements.in", "README.md", "LICENSE")
BUILD_S = 120.0
RUN_S = 60.0
_TRY = """
import agents, rubrics, schemas
from importlib.metadata import version
from pathlib import Path
from agents.config import rubric_file
from agents.screens import team_html
print(Path(agents.__file__).parents[1], rubric_file.load(None).name, version("pillarscore"))
"""


def build(into: Path) -> Path:
    """Build the wheel from a copy of the packages, so that no file of an earlier build gets in."""
    with tempfile.TemporaryDirectory() as folder:
        copy, made = Path(folder) / "source", Path(folder) / "made"
        copy.mkdir()
        for name in PACKAGES:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, copy / name)
        _pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(made), str(copy))
        [wheel] = made.glob("*.whl")
        into.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, into / wheel.name))


def missing(wheel: Path) -> list[str]:
    """The files of the packages that are not in the wheel, __pycache__ left out."""
    with zipfile.ZipFile(wheel) as archive:
        there = set(archive.namelist())
    files = (path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file())
    wanted = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    return sorted(wanted - there)


def tried(wheel: Path, folder: Path) -> str:
    """Install the wheel into a new environment and run it there; what `pillarscore --help` prints.

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
    return _run(folder, str(folder / "bin" / "pillarscore"), "--help")


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", *arguments]
    # with a PYTHONPATH it would find the working copy, and take Pillarscore for installed
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, check=True, timeout=BUILD_S, env=environment)


def _run(folder: Path, *command: str) -> str:
    # no PYTHONPATH and no PILLARSCORE_ settings of whoever runs this
    done = subprocess.run(
        command, cwd=folder, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=RUN_S
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def main() -> None:
    """Build into dist/, check, and print the way to it."""
    wheel = build(ROOT / "dist")
    if left_out := missing(wheel):
        sys.exit(f"{wheel.name} lacks {', '.join(left_out)}: see package-data in pyproject.toml")
    with tempfile.TemporaryDirectory() as folder:
        tried(wheel, Path(folder) / "venv")
    print(f"{wheel.relative_to(ROOT)}: complete, and runs in a new environment")


if __name__ == "__main__":
    main()
