"""Errors for the person at the terminal."""


class UserError(Exception):
    """Something the user can put right: shown as one line that says what to do, exit code 2."""
