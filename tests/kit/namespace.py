"""A network namespace with a host of its own in it, joined to this machine by a cable that can be cut.

Needs root and iproute2; what it makes is gone at the end.
"""

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_RUN_S = 30.0
_numbers = itertools.count(os.getpid() % 200)


@dataclass(frozen=True, slots=True)
class Namespace:
    """outside, inside: the addresses of this machine and of the host, of the two ends of the cable."""

    name: str
    outside: str
    inside: str
    cable: str

    @property
    def prefix(self) -> list[str]:
        """How a command line begins that is to run on the host."""
        return ["ip", "netns", "exec", self.name]

    def cut(self) -> None:
        """The kernel drops whatever the host sends; what is sent to it still arrives."""
        _run(*self.prefix, "tc", "qdisc", "replace", "dev", self.cable, "root", "pfifo", "limit", "0")

    def restore(self) -> None:
        """All is sent again."""
        _run(*self.prefix, "tc", "qdisc", "del", "dev", self.cable, "root")


def why_not() -> str:
    """Why there can't be namespaces here; empty when there can."""
    if os.geteuid():
        return "needs root"
    if shutil.which("ip") is None or shutil.which("tc") is None:
        return "needs iproute2"
    made = subprocess.run(
        ["ip", "netns", "add", "pillarscore-try"], capture_output=True, text=True, check=False, timeout=_RUN_S
    )
    if made.returncode:
        return f"no network namespaces here: {made.stderr.strip()}"
    _run("ip", "netns", "del", "pillarscore-try")
    return ""


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A host of its own."""
    number = next(_numbers) % 250
    made = Namespace(f"pillarscore-{os.getpid()}", f"10.213.{number}.1", f"10.213.{number}.2", f"pse{number}")
    outer = f"psa{number}"
    _run("ip", "netns", "add", made.name)
    try:
        _run("ip", "link", "add", outer, "type", "veth", "peer", "name", made.cable)
        _run("ip", "link", "set", made.cable, "netns", made.name)
        _run("ip", "addr", "add", f"{made.outside}/30", "dev", outer)
        _run("ip", "link", "set", outer, "up")
        for command in (
            ["ip", "addr", "add", f"{made.inside}/30", "dev", made.cable],
            ["ip", "link", "set", made.cable, "up"],
            ["ip", "link", "set", "lo", "up"],
        ):
            _run(*made.prefix, *command)
        yield made
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            _run("ip", "netns", "del", made.name)
        with contextlib.suppress(subprocess.CalledProcessError):
            _run("ip", "link", "del", outer)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=_RUN_S)
