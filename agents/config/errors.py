"""Errors for the person at the terminal."""

from typing import ClassVar


class UserError(Exception):
    """A user error: shown as one line that says what to do, exit code 2."""

    exit_code: ClassVar[int] = 2


class NoEventsError(UserError):
    """A file that contains no event, or is of a format that is not read; exit code 1, nothing is written."""

    exit_code = 1


class WorkerEnded(UserError):
    """A worker has ended although nobody stopped it, and is to be started again; exit code 3."""

    exit_code = 3
