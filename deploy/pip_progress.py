"""`pip install` of a file of pinned requirements, with a line that says how far it is.

Used by the Makefile as `python deploy/pip_progress.py requirements.txt LOG`. pip itself prints nothing (-q) or
several pages. Standard library only: the environment in which it runs has nothing else yet.
"""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

EVERY_S = 10.0
"""Where the output is no terminal, a line so often."""
_PACKAGE = re.compile(r"Collecting ([\w.-]+)")
_SIZE = re.compile(r"(?:Downloading|Using cached) \S+ \(([^)]+)\)")
_NAMED = re.compile(r"^[A-Za-z0-9]", re.MULTILINE)


class Progress:
    """The line; on a terminal always the same one, removed at the end."""

    def __init__(self, out: TextIO, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._total = total
        self._clock = clock
        self._terminal = out.isatty()
        self._shown_at = clock()
        self._begun = 0
        self._name = ""

    def see(self, line: str) -> None:
        """A line that pip has printed."""
        if found := _PACKAGE.match(line):
            self._begun += 1
            self._name = found[1]
            self._show(found[1])
        elif found := _SIZE.match(line.strip()):
            self._show(f"{self._name} ({found[1]})")
        elif line.startswith("Installing collected packages"):
            self._show("unpacking")

    def end(self) -> None:
        """Leave nothing on the terminal."""
        if self._terminal:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def _show(self, what: str) -> None:
        # a file may name more than this machine needs
        text = f"  {min(self._begun, self._total)} of {self._total} packages: {what}"
        if self._terminal:
            width = shutil.get_terminal_size().columns
            self._out.write(f"\r\x1b[K{text[: width - 1]}")
        elif self._clock() - self._shown_at < EVERY_S:
            return
        else:
            self._out.write(text + "\n")
        self._shown_at = self._clock()
        self._out.flush()


def failure(lines: Iterable[str]) -> list[str]:
    """The lines in which pip says why it failed."""
    told = [
        line.rstrip() for line in lines if re.match(r"ERROR|error|WARNING: Retrying|\s*THESE PACKAGES", line)
    ]
    return [*dict.fromkeys(told)][-8:]


def main(requirements: Path, log: Path) -> int:
    """Install; pip's exit code. What pip prints is in the log."""
    progress = Progress(sys.stderr, len(_NAMED.findall(requirements.read_text())))
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    command += ["--progress-bar", "off", "--require-hashes", "-r", str(requirements)]
    lines: list[str] = []
    with (
        log.open("w") as kept,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip,
    ):
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                kept.write(line)
                lines.append(line)
                progress.see(line)
        except KeyboardInterrupt:
            pip.terminate()
            return 130
        finally:
            progress.end()
    if pip.returncode:
        print(*failure(lines), f"pip could not install {requirements}: see {log}", sep="\n", file=sys.stderr)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
