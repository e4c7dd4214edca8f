"""No file ends in a traceback: whatever its bytes are, a command ends with a result or with one line."""

import bz2
import contextlib
import gzip
import io
import lzma
import sys

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.cli import _run
from agents.files.ndjson import Lines
from agents.files.parquet import Writer
from tests.kit.events import random_events
from tests.kit.files import ndjson, small_rubric

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LOG = list(random_events(7, 60))
PLAIN = ndjson(LOG)
ARRAY = orjson.dumps(LOG)
TEXTS = {
    "NDJSON": PLAIN,
    "an array": ARRAY,
    "an indented array": orjson.dumps(LOG[:9], option=orjson.OPT_INDENT_2),
    "UTF-16": PLAIN[:5000].decode().encode("utf-16"),
    "gzip": gzip.compress(PLAIN),
    "gzip, members": gzip.compress(PLAIN[:5000]) + gzip.compress(PLAIN[5000:]) + b"\r\n",
    "zstd": zstd.compress(PLAIN) + zstd.compress(ARRAY),
    "bzip2": bz2.compress(ARRAY),
    "xz": lzma.compress(PLAIN),
    "twice": gzip.compress(zstd.compress(PLAIN)),
}
PIECES = [
    *(
        b"",
        b"\n",
        b"\r\n",
        b"\0",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"[{",
        b"}\n]",
        b"\xef\xbb\xbf",
        b"\x1e",
    ),
    *(
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
        b"\x50\x2a\x4d\x18\xff\xff\xff\x7f",
        b"BZh91AY&SY",
        b"\xfd7zXZ\0",
        b"]\0\0",
    ),
    *(
        b"PAR1",
        b"PK\x03\x04",
        b"\xff\xfe",
        b"1e999999999",
        b"1" * 5000,
        b'"\\ud800"',
        b"NaN",
        b"[" * 3000,
        b"\xff" * 8,
    ),
]


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """Runs a command on a file of the given bytes, and checks how it ends."""
    folder = tmp_path_factory.mktemp("hostile")
    path, out, rejected = folder / "file", folder / "out.csv", folder / "rejected"

    def run(data, *arguments):
        path.write_bytes(data)
        out.write_bytes(b"kept")
        rejected.unlink(missing_ok=True)
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = _run([*arguments, str(path), "--out", str(out), "--rejected", str(rejected)])
        complaints = [line for line in said.getvalue().splitlines() if line.startswith("pillarscore: ")]
        assert code in (0, 1, 2)
        assert len(complaints) == (code > 0), said.getvalue()
        assert (out.read_bytes() == b"kept") == (code > 0)
        if rejected.exists():
            found = [orjson.loads(line) for line in rejected.read_bytes().splitlines()]
            assert all(one.keys() >= {"file", "number", "reason", "message"} for one in found)
        elif code == 0:
            raise AssertionError("no file of what was rejected")
        assert not list(folder.glob("*.part"))
        return code

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PILLARSCORE_RUBRIC", str(small_rubric(folder)))
        patch.setenv("PILLARSCORE_AS_OF", "2025-11-20")
        yield run


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Parquet files, of our own and of others."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("tables")
    plain, made = folder / "plain", folder / "made.parquet"
    plain.write_bytes(PLAIN)
    for _ in Writer(made).write(Lines([plain])):
        pass
    table = pq.read_table(made)
    ours = made.read_bytes()
    other = [one | {"data": orjson.dumps(one["data"]).decode()} for one in LOG[:20]]
    others = []
    for layout in (pa.Table.from_pylist(LOG[:20]), pa.Table.from_pylist(other), table.slice(0, 20)):
        for codec in ("none", "snappy"):
            pq.write_table(layout, made, compression=codec, row_group_size=7)
            others.append(made.read_bytes())
    return [ours, *others]


@st.composite
def spoilt(draw, data):
    """Bytes with a few of them changed, cut out, put in or doubled."""
    made = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(made)))
        match draw(st.sampled_from(["change", "change", "cut", "end", "put", "double"])):
            case "change":
                made[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del made[at : at + draw(st.integers(1, 300))]
            case "end":
                del made[at:]
            case "put":
                made[at:at] = draw(st.sampled_from(PIECES) | st.binary(max_size=20))
            case "double":
                made[at:at] = made[max(0, at - draw(st.integers(1, 300))) : at]
    return bytes(made)


@given(st.data())
def test_spoilt_files_of_every_kind(command, data):
    made = data.draw(st.sampled_from(list(TEXTS.values())).flatmap(spoilt))
    command(made, *data.draw(st.sampled_from([["score"], ["convert", "parquet"]])))


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=30), max_size=12).map(b"".join))
def test_any_bytes(command, data):
    command(data, "score")


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=30), max_size=12).map(b"".join), st.data())
def test_any_bytes_within_a_compression(command, inner, data):
    pack = data.draw(st.sampled_from([gzip.compress, zstd.compress, bz2.compress, lzma.compress]))
    command(pack(inner), "score")


# The same every time: what decodes Parquet is not ours, and a fault there must not fail another's change.
@settings(derandomize=True, max_examples=150)
@given(data=st.data())
def test_spoilt_parquet(command, tables, data):
    command(data.draw(st.sampled_from(tables).flatmap(spoilt)), "score")


@given(st.text(), st.lists(st.sampled_from(LOG), max_size=5))
def test_an_array_is_read_as_its_elements(command, text, chosen):
    """Whatever texts are in it, in whatever form."""
    events = [one | {"id": str(at), "extra": text} for at, one in enumerate(chosen)]
    try:
        forms = [orjson.dumps(events), orjson.dumps(events, option=orjson.OPT_INDENT_2)]
    except TypeError:  # a lone surrogate
        return
    for form in forms:
        assert command(form, "score") == 0
