"""What a backup holds: each file with where it is from and its checksum. Written after every file.

So a backup that was interrupted is known as such, and goes on where it was.
"""

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.config.errors import UserError

VERSION = 1
NAME = "manifest.json"


class SavedTopic(BaseModel):
    """A topic at the time. id: Kafka's, which no other topic has."""

    id: str
    partitions: int


class SavedFile(BaseModel):
    """A partition as a file. records: those there were of the offsets [first, end); sha256: of the file."""

    topic: str
    partition: int
    path: str
    first: int
    end: int
    records: int
    sha256: str


class Manifest(BaseModel):
    """A backup. id: no other has it. topics, files: by short topic names."""

    model_config = ConfigDict(extra="forbid")

    version: int = VERSION
    id: str
    created: datetime
    program: str = Field(description="The version of Pillarscore that made it.")
    prefix: str
    complete: bool = False
    topics: dict[str, SavedTopic] = {}
    files: list[SavedFile] = []

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """That of a folder; None when there is none. Raises UserError when it can't be used."""
        try:
            data = (folder / NAME).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UserError(f"{folder / NAME}: {error.strerror}") from None
        try:
            found = cls.model_validate_json(data)
        except ValidationError:
            raise UserError(
                f"{folder / NAME} is not the manifest of a backup that this version reads"
            ) from None
        if found.version != VERSION:
            raise UserError(f"{folder} is a backup of version {found.version}; this program reads {VERSION}")
        return found

    @classmethod
    def complete_in(cls, folder: Path) -> Self:
        """That of a folder with a complete backup. Raises UserError."""
        found = cls.read(folder)
        if found is None:
            raise UserError(f"{folder} has no {NAME}: it is not a backup")
        if not found.complete:
            raise UserError(
                f"The backup in {folder} is not complete: run 'pillarscore backup {folder}' again"
            )
        return found

    def write(self, folder: Path) -> None:
        """Put it in the place of the one before, whole or not at all."""
        partial = folder / f"{NAME}.partial"
        with partial.open("wb") as out:
            out.write(self.model_dump_json(indent=1).encode())
            out.flush()
            os.fsync(out.fileno())
        os.replace(partial, folder / NAME)

    def file(self, topic: str, partition: int) -> SavedFile | None:
        """The file of a partition, if it is there."""
        found = (f for f in self.files if (f.topic, f.partition) == (topic, partition))
        return next(found, None)

    def of(self, topic: str) -> list[SavedFile]:
        """The files of a topic, by partition."""
        return sorted((f for f in self.files if f.topic == topic), key=lambda f: f.partition)


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hex; empty when it is not there."""
    try:
        with path.open("rb") as data:
            return hashlib.file_digest(data, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raise UserError unless every file is as it was written."""
    for one in manifest.files:
        found = checksum(folder / one.path)
        if found != one.sha256:
            what = "has changed since it was written" if found else "is missing"
            raise UserError(f"{folder / one.path} {what}: this backup can't be used, use another")
