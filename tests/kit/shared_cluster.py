"""One cluster of three brokers for all processes of a test session: started by the first that needs it."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from agents.local.kafka_jars import locked
from tests.kit.cluster import Cluster, Listener, Node, launch

BROKERS = 3


@contextmanager
def shared_cluster(folder: Path) -> Iterator[Cluster]:
    """The cluster in a folder that the session's processes share; the last one to leave stops it."""
    users, lock = folder / "users", folder / "lock"
    with locked(lock):
        made = _load(folder) if _count(users) else _make(folder)
        users.write_text(str(_count(users) + 1))
    try:
        yield made
    finally:
        with locked(lock):
            left = _count(users) - 1
            users.write_text(str(left))
            if left == 0:
                made.stop()
                for node in made.nodes:
                    shutil.rmtree(node.folder / "data", ignore_errors=True)


@contextmanager
def claimed(folder: Path, alone: bool) -> Iterator[None]:
    """Use the cluster: beside others who use it, or alone, by who stops brokers."""
    with (folder / "claims").open("a") as claims:
        fcntl.flock(claims, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def _count(users: Path) -> int:
    return int(users.read_text()) if users.exists() else 0


def _make(folder: Path) -> Cluster:
    made = launch(folder, BROKERS)
    (folder / "nodes").write_text(
        json.dumps(
            [
                {
                    "number": node.number,
                    "folder": str(node.folder),
                    "listeners": [asdict(listener) for listener in node.listeners],
                    "controller": node.controller,
                }
                for node in made.nodes
            ]
        )
    )
    return made


def _load(folder: Path) -> Cluster:
    return Cluster(
        [
            Node(
                one["number"],
                Path(one["folder"]),
                [Listener(**listener) for listener in one["listeners"]],
                one["controller"],
                {},
            )
            for one in json.loads((folder / "nodes").read_text())
        ]
    )
