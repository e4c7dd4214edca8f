"""Files of events in every format that one meets: those that are read, and those that are named and refused."""

import bz2
import gzip
import io
import json
import lzma
import random
import sys
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather, orc

from tests.kit.files import event
from tests.kit.files import ndjson as as_lines

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BOM = b"\xef\xbb\xbf"
NOON = "2025-11-20T12:00:00Z"
EVENTS = [
    event("post.published", "1", "ada", NOON),
    event("comment.written", "2", "ada", NOON, author='b"o{b}[\\', words=9),
    event("session.started", "3", "ünï,}]", NOON),
]
PLAIN = as_lines(EVENTS)
SKIPPED = b"\x50\x2a\x4d\x18\x02\0\0\0ab"
"""A frame of zstd that holds no data."""


def as_array(**how):
    return json.dumps(EVENTS, **how).encode()


def padded(data, size=512):
    return data + bytes(-len(data) % size)


READ = {
    "plain": PLAIN,
    "without a last line end": PLAIN[:-1],
    "CRLF": PLAIN.replace(b"\n", b"\r\n"),
    "byte order mark": BOM + PLAIN,
    "a mark in each of the files that were joined": b"".join(
        BOM + line + b"\n" for line in PLAIN.splitlines()
    ),
    "blank lines first": b"\n\r\n  \n" + PLAIN,
    "gzip": gzip.compress(PLAIN),
    "gzip, byte order mark": gzip.compress(BOM + PLAIN),
    "gzip, a line end behind it": gzip.compress(PLAIN) + b"\r\n",
    "gzip, members": b"".join(gzip.compress(line + b"\n") for line in PLAIN.splitlines()),
    "gzip, members cut within lines": gzip.compress(PLAIN[:50]) + gzip.compress(PLAIN[50:]),
    "gzip, members and empty ones": gzip.compress(b"") + gzip.compress(PLAIN) + gzip.compress(b""),
    "gzip, members with line ends between them": gzip.compress(PLAIN[:99])
    + b"\n"
    + gzip.compress(PLAIN[99:]),
    "gzip, padded": padded(gzip.compress(PLAIN)),
    "gzip, padded members": padded(gzip.compress(PLAIN[:99])) + padded(gzip.compress(PLAIN[99:])),
    "gzip, something behind it": gzip.compress(PLAIN) + b"-- signature --",
    "gzip twice": gzip.compress(gzip.compress(PLAIN)),
    "gzip in xz in zstd": zstd.compress(lzma.compress(gzip.compress(PLAIN))),
    "zstd": zstd.compress(PLAIN),
    "zstd without size": zstd.ZstdCompressor().compress(PLAIN, zstd.ZstdCompressor.FLUSH_FRAME),
    "zstd, frames": zstd.compress(PLAIN[:60]) + zstd.compress(PLAIN[60:]),
    "zstd, skipped frames": SKIPPED
    + zstd.compress(PLAIN[:60])
    + SKIPPED
    + zstd.compress(PLAIN[60:])
    + SKIPPED,
    "zstd, a line end behind it": zstd.compress(PLAIN) + b"\r\n",
    "bzip2": bz2.compress(PLAIN),
    "bzip2, streams": bz2.compress(PLAIN[:60]) + bz2.compress(PLAIN[60:]),
    "bzip2, a line end behind it": bz2.compress(PLAIN) + b"\r\n",
    "xz": lzma.compress(PLAIN),
    "xz, streams and padding": lzma.compress(PLAIN[:60]) + bytes(4) + lzma.compress(PLAIN[60:]) + bytes(8),
    "xz, best": lzma.compress(PLAIN, preset=9 | lzma.PRESET_EXTREME),
    "lzma": lzma.compress(PLAIN, format=lzma.FORMAT_ALONE),
    "an array": as_array(),
    "an array, compact": as_array(separators=(",", ":"), ensure_ascii=False),
    "an array, indented": as_array(indent=2),
    "an array, a line each": b"[\n" + b",\n".join(PLAIN.splitlines()) + b"\n]\n",
    "an array, CRLF": as_array(indent="\t").replace(b"\n", b"\r\n"),
    "an array, a comma at its end": as_array()[:-1] + b",]",
    "an array, byte order mark, gzip": gzip.compress(BOM + as_array()),
    "arrays, a line each": b"".join(b"[" + line + b"]\n" for line in PLAIN.splitlines()),
    "an array, then lines": b"[" + PLAIN.splitlines()[0] + b"]\n" + b"\n".join(PLAIN.splitlines()[1:]),
}
EMPTY = {
    "nothing": b"",
    "blanks": b"\n \r\n",
    "a mark": BOM,
    "gzip": gzip.compress(b""),
    "zstd": zstd.compress(b""),
    "bzip2": bz2.compress(b""),
    "xz": lzma.compress(b""),
    "an array": b"[]",
    "an array with blanks": BOM + b" [ \n ]\n",
}


def archive(kind):
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as file:
            file.writestr("events.ndjson", PLAIN)
    else:
        with tarfile.open(fileobj=out, mode=kind) as tar:
            one = tarfile.TarInfo("events.ndjson")
            one.size = len(PLAIN)
            tar.addfile(one, io.BytesIO(PLAIN))
    return out.getvalue()


def table_as(write):
    out = io.BytesIO()
    write(pa.table({"id": ["1", "2"], "source": ["/", "/"]}), out)
    return out.getvalue()


def arrow(kind):
    def write(table, out):
        with kind(out, table.schema) as file:
            file.write_table(table)

    return table_as(write)


TEXT = PLAIN.decode()
CSV = "id,source,type,subject,time\n1,/test,activity.post.published,ada,2025-11-20T12:00:00Z\n"
NAMED = {
    "UTF-16 little": (b"\xff\xfe" + TEXT.encode("utf-16-le"), "UTF-16"),
    "UTF-16 big": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "UTF-16"),
    "UTF-16 without a mark": (TEXT.encode("utf-16-le"), "UTF-16"),
    "UTF-16 big without a mark": (TEXT.encode("utf-16-be"), "UTF-16"),
    "UTF-16, an array": (("\n" + as_array().decode()).encode("utf-16-le"), "UTF-16"),
    "UTF-32": (TEXT.encode("utf-32"), "UTF-32"),
    "UTF-16 in gzip": (gzip.compress(TEXT.encode("utf-16")), "UTF-16"),
    "zip": (archive("zip"), "zip archive"),
    "tar": (archive("w"), "tar archive"),
    "tar.gz": (archive("w:gz"), "tar archive"),
    "lz4": (bytes(pa.Codec("lz4").compress(PLAIN)), "LZ4"),
    "CSV": (CSV.encode(), "CSV"),
    "CSV with a mark": (BOM + CSV.encode(), "CSV"),
    "CSV with semicolons": (CSV.replace(",", ";").encode(), "CSV"),
    "CSV, the names alone": (b"id,source\n", "CSV"),
    "TSV": (CSV.replace(",", "\t").encode(), "tab-separated"),
    "CSV in zstd": (zstd.compress(CSV.encode()), "CSV"),
    "CSV with a JSON column": (b'id;data\n1;{"a":1}\n', "CSV"),
    "indented objects": ("\n".join(json.dumps(one, indent=2) for one in EVENTS).encode(), "several lines"),
    "an indented object": (b"\n" + json.dumps({"events": EVENTS}, indent="\t").encode(), "several lines"),
    "HTML": (b"<!DOCTYPE html>\n<html><body>Log in, please</body></html>\n", "HTML"),
    "html": (b"\n  <html lang=en>\n<script>\n{\n}\n</script>\n", "HTML"),
    "XML": (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "XML"),
    "Avro": (b"Obj\x01\x04\x14avro.codec\x08null\x16avro.schema", "Avro"),
    "ORC": (table_as(orc.write_table), "ORC"),
    "Feather": (table_as(feather.write_feather), "Feather"),
    "Arrow file": (arrow(pa.ipc.new_file), "Arrow"),
    "Arrow stream": (arrow(pa.ipc.new_stream), "Arrow"),
    "Parquet in gzip": (gzip.compress(table_as(pq.write_table)), "Parquet"),
    "SQLite": (b"SQLite format 3\0\x10\0", "SQLite"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "PDF"),
    "a JSON text sequence": (
        b"".join(b"\x1e" + line + b"\n" for line in PLAIN.splitlines()),
        "JSON text sequence",
    ),
    "a pointer of Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "Git LFS",
    ),
    "CR line ends": (PLAIN.replace(b"\n", b"\r"), "CR"),
    "gzip four times": (
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(PLAIN)))),
        "more than 3 times",
    ),
}
LINES_WITHOUT_EVENTS = {
    "prose": b"It was a dark and stormy night.\nThe end.\n",
    "one line": b"oops",
    "concatenated objects": PLAIN.replace(b"\n", b""),
    "commas behind the objects": PLAIN.replace(b"\n", b",\n"),
    "strings of JSON": b"".join(json.dumps(line).encode() + b"\n" for line in TEXT.splitlines()),
    "a wrapped list": json.dumps({"events": EVENTS}).encode(),
    "Python": str(EVENTS[0]).encode(),
    "an array of numbers": b"[1, 2, 3]",
    "an array of other objects": b'[{"a": 1}, {"a": 2}]',
    "Latin-1": as_lines([EVENTS[2]]).replace("ü".encode(), b"\xfc").replace("ï".encode(), b"\xef"),
    "zeros": bytes(5000),
    "noise": random.Random(1).randbytes(5000),
    "log lines": b"2025-11-20 INFO [main] starting, please wait\n" * 3,
}
DAMAGED = {
    "gzip": gzip.compress(PLAIN)[:-9],
    "gzip, its head alone": gzip.compress(PLAIN)[:6],
    "gzip, the second member": gzip.compress(PLAIN) + gzip.compress(PLAIN)[:-9],
    "gzip, a bit": gzip.compress(PLAIN)[:40] + b"\xff\xff" + gzip.compress(PLAIN)[42:],
    "gzip, lines behind it": gzip.compress(PLAIN) + PLAIN,
    "gzip, much behind it": gzip.compress(PLAIN) + b"x" * 5000,
    "zstd": zstd.compress(PLAIN)[:-9],
    "zstd, the second frame": zstd.compress(PLAIN) + zstd.compress(PLAIN)[:-9],
    "zstd, its head alone": zstd.compress(PLAIN)[:5],
    "bzip2": bz2.compress(PLAIN)[:-9],
    "xz": lzma.compress(PLAIN)[:-9],
    "xz, a bit": lzma.compress(PLAIN)[:40] + b"\xff\xff" + lzma.compress(PLAIN)[42:],
    "an array": as_array()[:-1],
    "an array, within a text": as_array()[:30],
}
