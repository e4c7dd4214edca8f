"""Checks of single settings: each takes the text of one and returns it as it is used, or raises ValueError."""

import difflib
import re
from collections.abc import Sequence
from zoneinfo import available_timezones

from pipeline.cohorts.kinds import EVERYONE, KINDS
from pipeline.common.suggestions import nearest


def addresses(value: str) -> str:
    """Addresses with commas between, without blanks."""
    listed = [address.strip() for address in value.split(",")] if value.strip() else []
    for address in listed:
        found = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^\s:,/]+):(\d{1,5})", address)
        if not found or not 1 <= int(found[2]) <= 65535:
            raise ValueError("must be host:port, such as 127.0.0.1:9092, or several separated by commas")
    return ",".join(listed)


def zone(value: str) -> str:
    """The IANA name of a time zone, or UTC."""
    if value != "UTC" and value not in available_timezones():
        near = difflib.get_close_matches(value, available_timezones(), 1)
        raise ValueError(f"unknown time zone{f'; did you mean {near[0]}?' if near else ', use an IANA name'}")
    return value


def _names(value: str, known: Sequence[str], what: str) -> str:
    """A list of names with commas between, each known and there once; `none` is the empty one."""
    names = [name.strip() for name in value.split(",")]
    if names == ["none"]:
        return "none"
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {what} '{name}'{nearest(name, known)}; known: {', '.join(known)}")
        if names.count(name) > 1:
            raise ValueError(f"{name} is listed twice")
    return ",".join(names)


def cohorts(value: str) -> str:
    """Names of text registers."""
    return _names(value, list(KINDS), "text register")


def ranks(value: str) -> str:
    """Names of kinds of cohorts."""
    return _names(value, [EVERYONE, *KINDS], "kind of cohort")
