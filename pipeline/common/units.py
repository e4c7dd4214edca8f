"""Integers of different meaning as types of their own, where they meet and are easy to mix up."""

from typing import NewType

Day = NewType("Day", int)
"""Days since 1970-01-01."""
Offset = NewType("Offset", int)
"""The position of a record in its partition of a topic."""
MemberSlot = NewType("MemberSlot", int)
"""The place of a member in the arrays of its shard: see `pipeline.shard.member_index`."""
OwnerSlot = NewType("OwnerSlot", int)
"""The place of a member with connections in the network of its shard: not the one in the arrays of the shard."""
TextCode = NewType("TextCode", int)
"""A text of a register as a number: see `pipeline.shard.registers`."""
NO_OFFSET = Offset(-1)
"""Before the first record."""
