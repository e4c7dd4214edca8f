"""Compressed files as the bytes that are in them, read piece by piece: gzip, zstd, bzip2 and xz.

A file may have several members, one after the other, with padding between them, and may be compressed twice.
Memory doesn't depend on how much a member expands to.
"""

import bz2
import lzma
import sys
import zlib
from io import BufferedIOBase
from typing import Any

from agents.config.errors import UserError
from agents.files import formats

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_CHUNK = 1 << 17
_LAYERS = 3
"""How often a file may be compressed."""
_MEMORY = 256 << 20
"""Bytes that decompressing xz may take; what xz -9 writes takes 65 MiB. (zstd has a limit of 128 MiB itself.)"""
_TRAILING = 1 << 10
"""Bytes of something else after the last member that are ignored; more could be lost events."""
_BLANK = b"\0\r\n\t "
_ERRORS = (EOFError, OSError, ValueError, MemoryError, zlib.error, lzma.LZMAError, zstd.ZstdError)


class Source:
    """Bytes to be read once, from the beginning to the end."""

    def __init__(self) -> None:
        self._ahead = b""

    def head(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end; they stay to be read."""
        while len(self._ahead) < size and (more := self._more(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none only at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            return piece
        return self._more(size)

    def _more(self, size: int) -> bytes:
        raise NotImplementedError  # each kind of compression has its own


class Plain(Source):
    """The bytes of a file as they are."""

    def __init__(self, file: BufferedIOBase) -> None:
        super().__init__()
        self._file = file

    def _more(self, size: int) -> bytes:
        return self._file.read(size)


class Members(Source):
    """What the members of a compressed source expand to. Raises UserError when they are damaged.

    note: what was ignored after the last member, as a line for the user; empty for nothing.
    """

    def __init__(self, packed: Source, name: str) -> None:
        super().__init__()
        self.note = ""
        self._packed = packed
        self._name = name
        self._kind = formats.compression(packed.head(formats.LONGEST_MAGIC)) or ""
        self._member: Any = _decompressor(self._kind)
        self._given = b""  # read from the source, but not yet taken by a member
        self._ended = False

    def _more(self, size: int) -> bytes:
        while not self._ended:
            try:
                if self._member is None and not self._next():
                    self._ended = True
                    break
                data = b""
                if self._member.needs_input:
                    data = self._given or self._packed.read(_CHUNK)
                    self._given = b""
                    if not data:
                        raise EOFError
                piece: bytes = self._member.decompress(data, size)
            except _ERRORS as error:
                raise UserError(f"{self._name} {_why(error, self._kind)}") from None
            if self._member.eof:
                self._given, self._member = self._member.unused_data, None
            if piece:
                return piece
        return b""

    def _next(self) -> bool:
        """Begin with the next member; False when there is none."""
        ignored = 0
        while True:
            rest = self._given.lstrip(_BLANK)
            ignored += len(self._given) - len(rest) - self._given[: len(self._given) - len(rest)].count(0)
            self._given = rest or self._packed.read(_CHUNK)
            if rest or not self._given:
                break
        while 0 < len(self._given) <= _TRAILING and (more := self._packed.read(_CHUNK)):
            self._given += more
        if kind := formats.compression(self._given):
            self._kind, self._member = kind, _decompressor(kind)
            return True
        if len(self._given) > _TRAILING or self._given.startswith((b"{", b"[")):
            raise UserError(
                f"{self._name} goes on after its {self._kind} data with something else: split it there"
            )
        ignored += len(self._given)
        if ignored:
            what = "1 byte" if ignored == 1 else f"{ignored:,} bytes"
            self.note = f"{self._name}: {what} after the end of the {self._kind} data ignored"
        return False


class _Gzip:
    """A gzip member, with the interface of the other decompressors."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    def decompress(self, data: bytes, size: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, size)


def _decompressor(kind: str) -> Any:
    if kind == formats.GZIP:
        return _Gzip()
    if kind == formats.ZSTD:
        return zstd.ZstdDecompressor()
    if kind == formats.BZIP2:
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(memlimit=_MEMORY)


def _why(error: Exception, kind: str) -> str:
    """What went wrong with a file, and what to do, for a message that begins with its name."""
    text = str(error).lower()
    if isinstance(error, OSError) and error.strerror:
        return f"can't be read: {error.strerror}"
    if "memory" in text or isinstance(error, MemoryError):
        return f"needs too much memory: compress it again with a smaller window ({kind} without --long)"
    if "dictionary" in text:
        return "was compressed with a dictionary: compress it again without one"
    return "is damaged or truncated: get a new copy"


def source(file: BufferedIOBase, name: str) -> tuple[Source, list[Members]]:
    """The bytes of a file, decompressed where its first bytes say so; and the layers that do it.

    Raises UserError when it is damaged or compressed too often.
    """
    found: Source = Plain(file)
    layers: list[Members] = []
    while formats.compression(found.head(formats.LONGEST_MAGIC)):
        if len(layers) == _LAYERS:
            raise UserError(f"{name} is compressed more than {_LAYERS} times: decompress it first")
        layers.append(Members(found, name))
        found = layers[-1]
    return found, layers
