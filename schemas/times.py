"""Times of events: RFC 3339, defined once for the published schema, for validation and for reading many at once.

A time is what `PATTERN` matches: a date that exists, from year 0000 to 9999; T; hours, minutes and seconds; any
number of digits after a dot; Z or an offset. T and Z may be lower case, and -00:00 is an offset. A leap second, :60,
is taken in any minute, and counts as the last millisecond of its minute. Digits beyond milliseconds are cut off.
"""

import re
from datetime import date

_HOURS_MINUTES = "([01][0-9]|2[0-3]):[0-5][0-9]"
_DATE = (
    "([0-9]{4}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    "|[0-9]{4}-(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|[0-9]{4}-02-(0[1-9]|1[0-9]|2[0-8])"
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)"
)
PATTERN = f"^{_DATE}[Tt]{_HOURS_MINUTES}:([0-5][0-9]|60)([.][0-9]+)?([Zz]|[+-]{_HOURS_MINUTES})$"
"""Matches every time and nothing else, in any dialect of regular expressions."""
MAX_LENGTH = 256
"""Most characters of a time, as of any text."""
HINT = "as in 2026-11-20T08:30:00+01:00"

_EXACT = re.compile(PATTERN.removesuffix("$") + r"\Z")
_EPOCH = date(1970, 1, 1).toordinal()
_CYCLE = date(401, 1, 1).toordinal() - date(1, 1, 1).toordinal()
"""Days of 400 years, after which the calendar is the same again."""

# the parts of what people write for a time, to say which of them is wrong
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MINUTES = re.compile(r"[0-9]{2}:[0-9]{2}")
_SECONDS = re.compile(r":[0-9]{2}")
_FRACTION = re.compile(r"[.][0-9]+")
_OFFSET = re.compile(r"[Zz]|[+-][0-9]{2}:[0-9]{2}")
# a day alone, or a time of day with nothing behind it that could be a zone, in any spelling
_UNZONED = re.compile(
    r"^[0-9]{4}([-/.]?)[0-9]{2}\1[0-9]{2}$"
    r"|(^|[^0-9:.,+-])[0-9]{1,2}(:[0-9]{1,2}){1,2}([.,][0-9]*)?\s*([ap][.]?m[.]?)?(\s+[0-9]{4})?\s*$"
    r"|[0-9]t[0-9]{4,6}([.,][0-9]*)?\s*$",
    re.IGNORECASE | re.ASCII,
)
_NO_OFFSET = "the offset (time zone) is missing: end with Z or +01:00"


def is_time(text: str) -> bool:
    """Whether a text is a time."""
    return len(text) <= MAX_LENGTH and _EXACT.match(text) is not None


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 in UTC of a text that is a time; negative before."""
    return microseconds(text) // 1000


def microseconds(text: str) -> int:
    """Microseconds since 1970 in UTC of a text that is a time; negative before."""
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    days = date(year or 400, month, day).toordinal() - _EPOCH - (0 if year else _CYCLE)
    minute = int(text[11:13]) * 60 + int(text[14:16])
    if text[-1] not in "Zz":
        offset = int(text[-5:-3]) * 60 + int(text[-2:])
        minute += offset if text[-6] == "-" else -offset
    fraction = _FRACTION.match(text, 19)
    digits = (fraction[0][1:7] if fraction else "").ljust(6, "0")
    within = min(int(text[17:19]) * 1_000_000 + int(digits), 59_999_000 + int(digits) % 1000)
    return (days * 1440 + minute) * 60_000_000 + within


def fault(text: str) -> str:
    """What keeps a text from being a time, in a few words; empty when it is one.

    A missing offset is named whatever else is wrong: without it nobody can say when the event happened.
    """
    if is_time(text):
        return ""
    if len(text) > MAX_LENGTH:
        return f"a time is at most {MAX_LENGTH} characters long"
    found = _form_fault(text)
    if not found:
        return _range_fault(text)
    if found != _NO_OFFSET and _UNZONED.search(text):
        found = f"{found}, and {_NO_OFFSET}"
    return f"{found}, {HINT}"


def _form_fault(text: str) -> str:
    """The first part of a text that is not as in RFC 3339; empty when only a number is out of range."""
    other = "should be a time in RFC 3339 with an offset"
    if re.fullmatch(r"[+-]?[0-9]+([.][0-9]*)?", text):
        return "is a number, not a time: write RFC 3339 with an offset"
    day = _DAY.match(text)
    if day is None:
        return other
    rest = text[day.end() :]
    if not rest:
        return "the time of day is missing"
    if rest[0] not in "Tt" and _MINUTES.match(rest[1:]):
        what = "a blank" if rest[0] == " " else "another character"
        return f"there is {what} instead of the T between date and time"
    minutes = _MINUTES.match(rest, 1)
    if rest[0] not in "Tt" or minutes is None:
        return other
    rest = rest[minutes.end() :]
    seconds = _SECONDS.match(rest)
    if seconds is None:
        return "the seconds are missing"
    rest = rest[seconds.end() :]
    fraction = _FRACTION.match(rest)
    if fraction is not None:
        rest = rest[fraction.end() :]
    elif rest[:1] in (".", ","):
        return "a fraction of a second is a dot and digits"
    return _offset_fault(rest)


def _offset_fault(rest: str) -> str:
    """What is wrong with what follows the seconds."""
    if not rest:
        return _NO_OFFSET
    offset = _OFFSET.match(rest)
    if offset is None:
        if rest[0] == " ":
            return "there is a blank after the seconds"
        if rest[0] in "+-":
            return "the offset should be hours and minutes with a colon between"
        return "the offset should be Z or +01:00"
    if rest[offset.end() :].startswith("["):
        return "a zone name in brackets is no part of RFC 3339"
    if offset.end() < len(rest):
        return "there is more after the offset"
    return ""


def _range_fault(text: str) -> str:
    """What is out of range in a text of the right form."""
    try:
        date(int(text[:4]) or 400, int(text[5:7]), int(text[8:10]))
    except ValueError:
        return f"there is no day {text[:10]}"
    if int(text[11:13]) > 23:
        return "an hour is 00 to 23"
    if int(text[14:16]) > 59:
        return "a minute is 00 to 59"
    if int(text[17:19]) > 60:
        return "a second is 00 to 59, or 60 for a leap second"
    return "an offset is at most 23:59"
