"""Errors for the person at the terminal."""


class UserError(Exception):
    """A user error: shown as one line with what to do, exit code 2."""
