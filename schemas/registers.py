"""The registers: what is known of a member rather than counted, last writer wins.

A register's number is its column in the state and in the ledger's blocks: never change or reuse
one, only add at the end.
"""

from enum import IntEnum


class Register(IntEnum):
    """A last-writer-wins fact about a member; values are 32-bit integers, texts are interned."""

    PHOTO = 0
    HEADLINE = 1
    SUMMARY = 2
    EXPERIENCE = 3
    PROJECTS = 4
    EDUCATION = 5
    SKILLS = 6
    CERTIFICATIONS = 7
    VOLUNTEER = 8
    FEATURED = 9
    MEDIA = 10  # pieces of rich media on the profile
    CONNECTIONS = 11  # size of the member's network
    GROUPS = 12  # groups the member is in (kept by the state, from joined and left)
    INDUSTRY = 13
    TEAM = 14
    ROLE = 15
    SENIORITY = 16
    REGION = 17
    EMPLOYER = 18


SECTIONS = tuple(Register(n) for n in range(Register.PHOTO, Register.FEATURED + 1))
TEXTS = tuple(Register(n) for n in range(Register.INDUSTRY, Register.EMPLOYER + 1))
