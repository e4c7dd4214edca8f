"""The format of a file, detected from its first bytes: a compression, an array of events, or one that is not read.

A file is refused here only when nothing in its beginning could be an event. Whatever is in doubt is read line by
line, and each line that is not an event is reported.
"""

import re

from agents.config.errors import NoEventsError

HEAD = 1 << 16
"""Bytes by which a file is judged."""
GZIP, ZSTD, BZIP2, XZ, LZMA = "gzip", "zstd", "bzip2", "xz", "lzma"
BOM = b"\xef\xbb\xbf"
PARQUET_MAGIC = b"PAR1"

_COMPRESSED = (
    (GZIP, re.compile(rb"\x1f\x8b")),
    (ZSTD, re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")),  # a frame, or one to be skipped
    (BZIP2, re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")),
    (XZ, re.compile(rb"\xfd7zXZ\0")),
    (LZMA, re.compile(rb"\x5d\0\0")),
)
LONGEST_MAGIC = 10
"""Bytes that identify a compression."""

_DECOMPRESS = "decompress it first"
_UNPACK = "unpack it first"
_EXPORT = "export the events as NDJSON or Parquet"
_BINARY = (
    (0, b"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or export the events as NDJSON"),
    (0, b"PK\x05\x06", "an empty zip archive", _EXPORT),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "LZ4", f"{_DECOMPRESS} (lz4 -d)"),
    (0, b"\x02\x21\x4c\x18", "LZ4", f"{_DECOMPRESS} (lz4 -d)"),
    (0, b"\xff\x06\x00\x00sNaPpY", "Snappy", _DECOMPRESS),
    (0, b"\x82SNAPPY\0", "Snappy", _DECOMPRESS),
    (0, b"\x1f\x9d", "compressed with compress", f"{_DECOMPRESS} (uncompress)"),
    (0, b"LZIP\x01", "lzip", f"{_DECOMPRESS} (lzip -d)"),
    (0, b"\x89LZO\0", "lzop", f"{_DECOMPRESS} (lzop -d)"),
    (0, b"PARE", "Parquet with an encrypted footer", "write it again without encryption"),
    (0, b"Obj\x01", "Avro", _EXPORT),
    (0, b"ORC", "ORC", _EXPORT),
    (0, b"ARROW1", "an Arrow (Feather) file", _EXPORT),
    (0, b"\xff\xff\xff\xff", "an Arrow stream", _EXPORT),
    (0, b"FEA1", "a Feather file", _EXPORT),
    (0, b"SEQ\x06", "a Hadoop sequence file", _EXPORT),
    (0, b"RCF\x01", "an RCFile", _EXPORT),
    (0, b"SQLite format 3\0", "an SQLite database", _EXPORT),
    (8, b"DUCK", "a DuckDB database", _EXPORT),
    (0, b"\x89HDF\r\n", "HDF5", _EXPORT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", _EXPORT),
    (0, b"%PDF-", "a PDF document", _EXPORT),
    (0, b"\x80\x04\x95", "a Python pickle", _EXPORT),
    (0, b"\x00\x00\xfe\xff", "UTF-32", "convert it to UTF-8 (iconv -f UTF-32 -t UTF-8)"),
    (0, b"\xff\xfe\x00\x00", "UTF-32", "convert it to UTF-8 (iconv -f UTF-32 -t UTF-8)"),
    (0, b"\xff\xfe", "UTF-16", "convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"),
    (0, b"\xfe\xff", "UTF-16", "convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"),
    (0, b"\x1e", "a JSON text sequence", "remove the record separators (tr -d '\\036')"),
    (0, b"version https://git-lfs.", "a Git LFS pointer", "fetch the file itself (git lfs pull)"),
    (0, b"-----BEGIN PGP MESSAGE", "encrypted with PGP", "decrypt it first"),
)
_UTF16_LE = re.compile(rb"(\s\0)*[{\[]\0")
_UTF16_BE = re.compile(rb"(\0\s)*\0[{\[]")
_ARRAY = re.compile(rb"\s*\[\s*\{")
_EMPTY_ARRAY = re.compile(rb"\s*\[\s*\]\s*")
_DELIMITERS = (b",", b";", b"\t", b"|")


def compression(head: bytes) -> str | None:
    """The compression that data begin with, of those that are read."""
    return next((name for name, magic in _COMPRESSED if magic.match(head)), None)


def is_array(head: bytes) -> bool:
    """Whether a text begins as a JSON array of objects, or is an empty array; `head` is all it has, if shorter."""
    empty = len(head) < HEAD and _EMPTY_ARRAY.fullmatch(head)
    return bool(empty or _ARRAY.match(head))


def check(head: bytes, name: str, compressed: bool = False) -> None:
    """Raise NoEventsError, whose message says what to do, when a file of this beginning can't be events.

    head: its first HEAD bytes, decompressed and without a byte order mark. compressed: whether it was.
    """
    found = _binary(head) or _text(head)
    if found:
        what, advice = found
        raise NoEventsError(f"{name} {'contains' if compressed else 'is'} {what}: {advice}")


def _binary(head: bytes) -> tuple[str, str] | None:
    if head.startswith(PARQUET_MAGIC):
        return "Parquet", "decompress it first, or give the file by its name"
    for at, magic, what, advice in _BINARY:
        if head.startswith(magic, at):
            return what, advice
    if _UTF16_LE.match(head):
        return "UTF-16", "convert it to UTF-8 (iconv -f UTF-16LE -t UTF-8)"
    if _UTF16_BE.match(head):
        return "UTF-16", "convert it to UTF-8 (iconv -f UTF-16BE -t UTF-8)"
    return None


def _text(head: bytes) -> tuple[str, str] | None:
    """What a text is where nothing in its beginning is an object on a line of its own."""
    lines = [line for line in map(bytes.strip, head.split(b"\n")) if line]
    if not lines or any(line.startswith(b"{") and line.endswith(b"}") for line in lines):
        if b"\n" not in head and re.search(rb"\}\s*\r\s*\{", head):
            return "a text whose lines end in CR alone", "convert the line ends to LF (tr '\\r' '\\n')"
        return None
    first, second = lines[0], lines[1] if len(lines) > 1 else b""
    if first.startswith(b"{") and second.startswith((b'"', b"}")):
        return "JSON that spans several lines", "write one event per line (jq -c .)"
    if first.startswith(b"<"):
        page = re.match(rb"<!doctype html|<html|<head", first, re.IGNORECASE)
        return ("an HTML page" if page else "XML or HTML"), f"{_EXPORT}, or download the file again"
    if (len(head) == HEAD and len(lines) == 1) or b"\0" in head:
        return None  # a line that goes on, or no text
    for delimiter in _DELIMITERS:
        if (
            delimiter in first
            and b"{" not in first
            and b"[" not in first
            and (not second or delimiter in second)
        ):
            return ("tab-separated text" if delimiter == b"\t" else "CSV"), _EXPORT
    return None
