"""The Dockerfile's steps run outside of a container: the same commands, in a folder that plays the root.

Paths of the image are moved below that folder, and accounts are made in it; the rest is as it stands.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
STEP_S = 400.0
# where the image keeps what is its own
_OWN = re.compile(r"(?<![\w/.])/(?:opt/venv|app|var/lib/pillarscore)\b")


def instructions() -> list[tuple[str, str]]:
    """(INSTRUCTION, value) of the Dockerfile, in order."""
    parser = DockerfileParser(str(DOCKERFILE))
    return [(s["instruction"], s["value"]) for s in parser.structure if s["instruction"] != "COMMENT"]


def environment() -> dict[str, str]:
    """What ENV sets in the last stage."""
    pairs = [pair for name, value in _last_stage() if name == "ENV" for pair in shlex.split(value)]
    return dict(pair.split("=", 1) for pair in pairs)


def value_of(instruction: str) -> str:
    """The value of an instruction of the last stage."""
    (found,) = (value for name, value in _last_stage() if name == instruction)
    return found


def health_check() -> list[str]:
    """The command of HEALTHCHECK."""
    found: list[str] = orjson.loads(value_of("HEALTHCHECK").partition(" CMD ")[2])
    return found


def context() -> list[str]:
    """What .dockerignore lets through, as paths in the repository; none for a pattern that fits nothing here."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    return sorted(path.name for pattern in allowed for path in ROOT.glob(pattern))


def _last_stage() -> list[tuple[str, str]]:
    steps = instructions()
    start = max(n for n, (name, _) in enumerate(steps) if name == "FROM")
    return steps[start:]


def may_be_run_by_all(program: str) -> bool:
    """Whether another user can execute a program: all folders on its way let them."""
    path = Path(program).resolve()
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents))


@dataclass
class Image:
    """What `build` leaves below `root`; python: the interpreter that plays the base image's."""

    root: Path
    python: str
    ran: list[str] = field(default_factory=list)
    workdir: str = "/"

    def moved(self, text: str) -> str:
        """A text with the image's own paths below `root`."""
        return _OWN.sub(lambda found: f"{self.root}{found.group()}", text)

    def environment(self) -> dict[str, str]:
        """ENV with its paths moved."""
        return {name: self.moved(value) for name, value in environment().items()}

    def build(self) -> None:
        """Run every FROM, WORKDIR, RUN and COPY; raises CalledProcessError when a command fails."""
        (self.root / "etc").mkdir(parents=True)
        for name in ("passwd", "group", "shadow", "gshadow"):
            (self.root / "etc" / name).touch()
        for name, value in instructions():
            step = {"FROM": self._from, "WORKDIR": self._workdir, "RUN": self._run, "COPY": self._copy}.get(
                name
            )
            if step is not None:
                step(value)

    def _from(self, value: str) -> None:
        # a new stage has what it copies from another, at the same path, and nothing else of it
        kept = {
            source
            for n, v in instructions()
            if n == "COPY" and v.startswith("--from=")
            for source in v.split()[1:]
        }
        for path in list(self.root.iterdir()):
            if path.name != "etc" and not any(k.startswith(f"/{path.name}/") for k in kept):
                shutil.rmtree(path)
        self.workdir = "/"

    def _workdir(self, value: str) -> None:
        self.workdir = value
        (self.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _run(self, value: str) -> None:
        command = self.moved(value)
        command = re.sub(r"^python\b", shlex.quote(self.python), command)
        if os.geteuid() == 0:
            command = re.sub(r"\buseradd\b", f"useradd --prefix {shlex.quote(str(self.root))}", command)
        elif "useradd" in command:
            return  # only root may; the folder is made by WORKDIR then
        subprocess.run(
            ["/bin/sh", "-ec", command],
            cwd=self.root / self.workdir.lstrip("/"),
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **_pip()},
            check=True,
            timeout=STEP_S,
        )
        self.ran.append(value)

    def _copy(self, value: str) -> None:
        words = value.split()
        if words[0].startswith("--from="):
            assert words[1] == words[2], "what is copied between stages keeps its path"
            assert (self.root / words[1].lstrip("/")).exists()
            return
        *sources, target = words
        folder = self.root / self.workdir.lstrip("/") / target
        for source in context() if sources == ["."] else sources:
            here = ROOT / source
            if here.is_dir():
                shutil.copytree(here, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(here, folder)


def _pip() -> dict[str, str]:
    """What says to pip where packages come from, on machines that set it by environment."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_")}


def base_python() -> str:
    """An interpreter for the image: one that another user can run, if there is any."""
    ours = getattr(sys, "_base_executable", sys.executable)
    others = [shutil.which(name, path="/usr/local/bin:/usr/bin") for name in ("python3.11", "python3")]
    for python in filter(None, [ours, *others]):
        if may_be_run_by_all(python) and _has_venv(python):
            return str(python)
    return str(ours)


def _has_venv(python: str) -> bool:
    asked = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
    done = subprocess.run([python, "-c", asked], check=False, stderr=subprocess.DEVNULL, timeout=60)
    return done.returncode == 0
