"""Prometheus, promtool, Alertmanager, amtool and libfaketime for the tests: the machine's, or Debian's.

What is not on PATH is taken out of Debian's packages into `.pillarscore/tools`: nothing is installed and no
service starts. `python -m tests.kit.tools` does it ahead of the tests and says where they are.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agents.config.errors import UserError
from agents.local.kafka_jars import locked

FOLDER = Path(__file__).parents[2] / ".pillarscore" / "tools"
NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "amtool": ("amtool",),
}
"""Each tool, and what its program is called upstream and in Debian."""
FAKETIME = "libfaketime.so.1"
PACKAGES = ("prometheus", "prometheus-alertmanager", "libfaketime")
_MISSING = (
    "{tools} missing: install them (Debian: apt-get install prometheus prometheus-alertmanager libfaketime; "
    "elsewhere the releases of prometheus.io) so that they are on PATH. {why}"
)
_FIXED = b"/usr/share/prometheus/alertmanager", b"usr/share/prometheus/alertmanager/"
"""Debian's Alertmanager has its templates at a fixed place; unpacked, it has to look where it is run."""
_APT = ("apt-get", "-qq", "-o", "APT::Sandbox::User=root")
_BUSY_S = 60.0
_FETCH_S = 600.0


def tool(name: str) -> Path:
    """The program of a tool of NAMES, or FAKETIME; fetched on first use. UserError when it can't be had."""
    found = _find(name)
    if found is None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with locked(FOLDER / "lock"):
            if _find(name) is None:
                _fetch()
        found = _find(name)
    if found is None:
        raise UserError(_missing(f"Debian's packages have no {name}."))
    return found


def root(program: Path) -> Path:
    """The folder to run a program in, so that it finds the files that came with it."""
    return program.parents[2] if program.is_relative_to(FOLDER) else Path("/")


def _find(name: str) -> Path | None:
    if name == FAKETIME:
        folders = (Path("/usr/lib"), FOLDER / "usr" / "lib")
        return next((path for folder in folders for path in folder.glob(f"*/faketime/{FAKETIME}")), None)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(FOLDER / "usr" / "bin")])
    places = (shutil.which(program, path=path) for program in NAMES[name])
    return next((Path(place) for place in places if place), None)


def _missing(why: str) -> str:
    tools = [name for name in (*NAMES, FAKETIME) if _find(name) is None]
    return _MISSING.format(tools=f"{', '.join(tools)} {'are' if len(tools) > 1 else 'is'}", why=why).strip()


def _fetch() -> None:
    """Unpack the packages into FOLDER."""
    unpack(PACKAGES, FOLDER, _relocated)


def _relocated(new: Path) -> None:
    for program in (new / "usr" / "bin").iterdir():
        program.write_bytes(program.read_bytes().replace(*_FIXED))


def unpack(packages: Sequence[str], folder: Path, then: Callable[[Path], None] = lambda _: None) -> None:
    """Unpack Debian's packages into a folder, whole or not at all. then: what is done to them first."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise UserError(_missing("There is no apt here to take them from."))
    for old in folder.glob("*.deb"):
        old.unlink()
    failed = _apt(folder, "download", *packages)
    if failed and os.geteuid() == 0:  # no lists of packages yet, or old ones
        failed = _apt(folder, "update") or _apt(folder, "download", *packages)
    if failed:
        raise UserError(_missing(f"apt-get says: {failed}"))
    new = folder / "new"  # whole or not at all, also when this is broken off
    shutil.rmtree(new, ignore_errors=True)
    for package in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, new], check=True, timeout=_FETCH_S)
        package.unlink()
    then(new)
    shutil.rmtree(folder / "usr", ignore_errors=True)
    (new / "usr").rename(folder / "usr")


def _apt(folder: Path, *arguments: str) -> str:
    """Run apt-get, waiting while another one runs; its last line of complaint, empty when all went well."""
    end = time.monotonic() + _BUSY_S
    while True:
        try:
            done = subprocess.run(
                [*_APT, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=_FETCH_S
            )
        except subprocess.TimeoutExpired:
            return f"nothing in {_FETCH_S:.0f} s"
        if done.returncode == 0:
            return ""
        if "lock" not in done.stderr or time.monotonic() > end:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return lines[-1]
        time.sleep(1)


if __name__ == "__main__":
    try:
        for wanted in (*NAMES, FAKETIME):
            tool(wanted)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
