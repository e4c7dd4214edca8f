"""`make test-pythons`: the quick unit tests under every other Python that Pillarscore is for and that is here.

Each Python gets an environment of its own in `.pillarscore/pythons`, with the pinned requirements; `.venv` stays as
it is. A version that is not found is named, and is no failure, unless it was asked for.

`make test-lowest` is the same with this Python and the lowest versions that requirements.in allows.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".pillarscore" / "pythons"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
PINS = ("requirements.txt", "requirements-dev.txt")
TESTS = ("-m", "not slow", "tests/unit")
LOWEST = re.compile(r"^([\w.-]+)[>=]=([\w.]+)", re.MULTILINE)
ANSWER_S, INSTALL_S, RUN_S = 30, 1_800, 3_600


def find(version: str, places: Iterable[Path] | None = None) -> Path | None:
    """A program of this version, such as 3.12: on PATH, or among the versions of pyenv or uv; None without one.

    places: where to look instead. A program must also run: pyenv puts some on PATH that do not.
    """
    return next(
        (one for one in (_places(version) if places is None else places) if _version(one) == version), None
    )


def _places(version: str) -> list[Path]:
    named = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    uv = Path.home() / ".local" / "share" / "uv" / "python"
    return [
        *([Path(named)] if named else []),
        *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True),
        *sorted(uv.glob(f"cpython-{version}.*/bin/python"), reverse=True),
    ]


def _version(program: Path) -> str:
    """Major and minor version of what a program runs; empty when it is no Python that works."""
    code = "import ensurepip, sys, venv; print('{}.{}'.format(*sys.version_info))"
    try:
        done = subprocess.run(
            [program, "-c", code], capture_output=True, text=True, check=False, timeout=ANSWER_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def lowest(requirements: str) -> list[str]:
    """The lowest versions that the text of a requirements.in allows, each as name==version."""
    return [f"{name}=={version}" for name, version in LOWEST.findall(requirements)]


def environment(name: str, program: Path, instead: Sequence[str] = ()) -> Path:
    """The Python of an environment with the pinned requirements; made again when these change.

    instead: requirements that take the place of pinned ones.
    """
    folder = FOLDER / name
    python, made = folder / "bin" / "python", folder / "made"
    parts = [*((ROOT / file).read_bytes() for file in PINS), *(one.encode() for one in instead)]
    pins = hashlib.sha256(b"\n".join(parts)).hexdigest()
    if made.exists() and made.read_text() == pins:
        return python
    print(f"Setting up an environment for {name} (once) …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", "install")
    _run(program, "-m", "venv", folder)
    for file in PINS:
        _run(*pip, "--require-hashes", "-r", ROOT / file)
    if instead:
        _run(*pip, *instead)
    _run(*pip, "--no-deps", "--no-build-isolation", "-e", ROOT)
    made.write_text(pins)
    return python


def _run(*command: str | Path) -> None:
    subprocess.run(command, cwd=ROOT, check=True, timeout=INSTALL_S)


def main(arguments: list[str] | None = None) -> int:
    """Run the tests; 1 when some fail, 2 when a version that was asked for is not here."""
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", choices=VERSIONS)
    which.add_argument(
        "--lowest", action="store_true", help="this Python, the lowest versions of requirements"
    )
    parser.add_argument("tests", nargs="*", help="arguments of pytest instead of the quick unit tests")
    given = parser.parse_args(arguments)
    tests = given.tests or TESTS
    if given.lowest:
        wanted = lowest((ROOT / "requirements.in").read_text("utf-8"))
        return _tested("the lowest versions", environment("lowest", Path(sys.executable), wanted), tests)
    own = "{}.{}".format(*sys.version_info)
    code = 0
    for version in [given.only] if given.only else [one for one in VERSIONS if one != own]:
        program = find(version)
        if program is None:
            print(f"Python {version}: not found on PATH or in pyenv, not tested", flush=True)
            code = max(code, 2 if given.only else 0)
            continue
        code = max(code, _tested(f"Python {version}", environment(version, program), tests))
    return code


def _tested(what: str, python: Path, tests: Sequence[str]) -> int:
    print(f"{what}:", flush=True)
    done = subprocess.run([python, "-m", "pytest", *tests], cwd=ROOT, check=False, timeout=RUN_S)
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
