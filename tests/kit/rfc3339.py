"""RFC 3339 read character by character, from the RFC and the contract alone: nothing of the project is imported here.

It is the reference for the project's own ways to read a time, which must not differ from it.
"""

from calendar import isleap

_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DIGITS = "0123456789"


class _Reader:
    def __init__(self, text):
        self.text, self.at = text, 0

    def number(self, digits):
        part = self.text[self.at : self.at + digits]
        if len(part) < digits or any(one not in _DIGITS for one in part):
            raise ValueError("digits")
        self.at += digits
        return int(part)

    def one_of(self, characters):
        found = self.text[self.at : self.at + 1]
        if not found or found not in characters:
            raise ValueError(characters)
        self.at += 1
        return found

    def fraction(self):
        """The digits after a dot, if there is one."""
        if self.text[self.at : self.at + 1] != ".":
            return ""
        start = self.at = self.at + 1
        while self.text[self.at : self.at + 1] in tuple(_DIGITS):
            self.at += 1
        if self.at == start:
            raise ValueError("no digits")
        return self.text[start : self.at]

    def end(self):
        if self.at != len(self.text):
            raise ValueError("more")


def days_before(year):
    """Days from 0000-01-01 to the first of the year."""
    return year * 365 + (year + 3) // 4 - (year + 99) // 100 + (year + 399) // 400


def milliseconds(text):
    """ms since 1970 in UTC; None for a text that is not a time."""
    try:
        return _milliseconds(_Reader(text))
    except ValueError:
        return None


def _milliseconds(read):
    if len(read.text) > 256:
        raise ValueError("too long")
    year = read.number(4)
    read.one_of("-")
    month = read.number(2)
    read.one_of("-")
    day = read.number(2)
    read.one_of("Tt")
    hour = read.number(2)
    read.one_of(":")
    minute = read.number(2)
    read.one_of(":")
    second = read.number(2)
    digits = read.fraction()
    east = 0
    sign = read.one_of("Zz+-")
    if sign in "+-":
        hours = read.number(2)
        read.one_of(":")
        minutes = read.number(2)
        if hours > 23 or minutes > 59:
            raise ValueError("offset")
        east = (hours * 60 + minutes) * (1 if sign == "+" else -1)
    read.end()
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 60:
        raise ValueError("range")
    if not 1 <= day <= _DAYS[month - 1] + (month == 2 and isleap(year)):
        raise ValueError("no such day")
    days = days_before(year) - days_before(1970) + day - 1
    days += sum(_DAYS[: month - 1]) + (month > 2 and isleap(year))
    ms = 59_999 if second == 60 else second * 1000 + int((digits + "000")[:3])
    return ((days * 24 + hour) * 60 + minute - east) * 60_000 + ms
