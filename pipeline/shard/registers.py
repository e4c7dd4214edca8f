"""The registers: facts about members, last writer wins by (event time, id hash).

That order is one of the events, not of their arrival, so any order of input ends in the same state.
Groups are one register each by name, and count in the register GROUPS.
"""

from typing import Any

import numpy as np
import orjson

from pipeline.common.growable import grown
from pipeline.common.units import MemberSlot, TextCode
from schemas.registers import TEXTS, Register

MAX_GROUPS = 512
"""Group names remembered per member: the first in alphabetical order, whatever the order of input."""
_WIDTH = len(Register)
_BY_NAME = {register.name.lower(): register for register in Register}
_NAMES = [b'"%b"' % register.name.lower().encode() for register in Register]
_TEXTS = frozenset(map(int, TEXTS))
_GROUP = "group:"
_ENTRY = b"%b:[%b,%d,%d]"


class Texts:
    """Texts as small integers, 0 for none; the numbers hold only as long as the process."""

    def __init__(self) -> None:
        self.codes: dict[str, TextCode] = {"": TextCode(0)}
        self.names = [""]

    def code(self, text: str) -> TextCode:
        """The number of a text, a new one when it is new."""
        code = self.codes.get(text)
        if code is None:
            code = self.codes[text] = TextCode(len(self.names))
            self.names.append(text)
        return code


class Registers:
    """Values, times and tie-breakers per member and register; rows only for members that have any."""

    def __init__(self) -> None:
        self.texts = Texts()
        self.slot = np.zeros(0, np.int32)
        self.values = np.zeros((1, _WIDTH), np.int32)  # row 0: nothing known
        self.times = np.zeros((1, _WIDTH), np.int64)
        self.ties = np.zeros((1, _WIDTH), np.uint64)
        self.used = 1
        self.free: list[int] = []
        self.groups: dict[int, dict[str, tuple[int, int, int]]] = {}

    def resize(self, members: int) -> None:
        """Make room for members 0..members-1."""
        self.slot = grown(self.slot, members)

    def _row(self, member: MemberSlot) -> int:
        self.resize(member + 1)
        row = int(self.slot[member])
        if not row and self.free:
            row = self.slot[member] = self.free.pop()
        elif not row:
            row = self.used
            self.used += 1
            self.values = grown(self.values, row + 1, floor=64)
            self.times = grown(self.times, row + 1, floor=64)
            self.ties = grown(self.ties, row + 1, floor=64)
            self.slot[member] = row
        return row

    def apply(self, member: MemberSlot, updates: dict[str, Any], time: int, tie: int) -> None:
        """Write the updates ({register or group:NAME: int or text}) of an event of `time` (ms), id `tie`."""
        row = self._row(member)
        for name, value in updates.items():
            if name.startswith(_GROUP):
                self._join(member, name[len(_GROUP) :], (time, tie, int(value)))
                continue
            column = _BY_NAME.get(name)
            if column is None:
                continue
            number = self.texts.code(value) if column in TEXTS else int(value)
            now = (int(self.times[row, column]), int(self.ties[row, column]))
            if (time, tie) > now:
                self.values[row, column] = number
                self.times[row, column] = time
                self.ties[row, column] = tie

    def _join(self, member: MemberSlot, group: str, entry: tuple[int, int, int]) -> None:
        groups = self.groups.setdefault(member, {})
        if group not in groups or entry[:2] > groups[group][:2]:
            groups[group] = entry
        if len(groups) > MAX_GROUPS:
            del groups[max(groups)]
        self.values[self._row(member), Register.GROUPS] = sum(joined for _, _, joined in groups.values())

    def numbers(self, members: np.ndarray) -> np.ndarray:
        """int32[n, len(Register)]: the values of `members` int64[n], texts as codes."""
        self.resize(int(members.max(initial=-1)) + 1)
        return self.values[self.slot[members]]

    def known_before(self, members: np.ndarray, time: int) -> np.ndarray:
        """bool[n]: of which of `members` int64[n] a register was written before `time` (ms)."""
        times = self.times[self.slot[members]]
        return ((times > 0) & (times < time)).any(axis=1)

    def erase(self, member: MemberSlot, before: int) -> None:
        """Remove what was reported of a member before a time (ms)."""
        self.resize(member + 1)
        row = int(self.slot[member])
        if not row:
            return
        old = self.times[row] < before
        self.values[row, old] = 0
        self.times[row, old] = 0
        self.ties[row, old] = 0
        groups = {name: entry for name, entry in self.groups.pop(member, {}).items() if entry[0] >= before}
        if groups:
            self.groups[member] = groups
        self.values[row, Register.GROUPS] = sum(joined for _, _, joined in groups.values())
        if not groups and not self.times[row].any():
            self.slot[member] = 0
            self.free.append(row)

    def dump(self, members: np.ndarray) -> list[bytes | None]:
        """The registers of each of `members` int64[n] for the ledger, None for those who have none."""
        self.resize(int(members.max(initial=-1)) + 1)
        row = self.slot[members]
        at, column = np.nonzero((self.times[row] != 0) | (self.ties[row] != 0))
        row = row[at]
        columns = (self.values[row, column], self.times[row, column], self.ties[row, column])
        found: dict[int, list[bytes]] = {}
        for who, what, value, time, tie in zip(
            at.tolist(), column.tolist(), *(numbers.tolist() for numbers in columns), strict=True
        ):
            text = orjson.dumps(self.texts.names[value]) if what in _TEXTS else b"%d" % value
            found.setdefault(who, []).append(_ENTRY % (_NAMES[what], text, time, tie))
        if self.groups:
            for who, member in enumerate(members.tolist()):
                for group, (time, tie, joined) in self.groups.get(member, {}).items():
                    name = orjson.dumps(_GROUP + group)
                    found.setdefault(who, []).append(_ENTRY % (name, b"%d" % joined, time, tie))
        return [b"{%b}" % b",".join(found[who]) if who in found else None for who in range(len(members))]

    def load(self, member: MemberSlot, data: bytes) -> None:
        """Take a member's registers from the ledger."""
        for name, (value, time, tie) in orjson.loads(data).items():
            self.apply(member, {name: value}, time, tie)

    def nbytes(self) -> int:
        """Bytes allocated in arrays (groups, in dictionaries, are not counted)."""
        return self.slot.nbytes + self.values.nbytes + self.times.nbytes + self.ties.nbytes
