"""Batches that the client can't read: every offset becomes something, and good records are what they were."""

import struct
import tracemalloc
import zlib
from itertools import islice

import pytest
from aiokafka import codec
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from agents.kafka import decompression, internals
from agents.kafka.record_batch import MAX_RAW_BYTES, batches, corrupt, salvage
from agents.kafka.refused_batches import tried
from tests.kit.batches import with_bad_header_name, with_body

names = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=8)
records = st.lists(
    st.tuples(
        st.none() | st.binary(max_size=20),
        st.none() | st.binary(max_size=200),
        st.lists(st.tuples(names, st.binary(max_size=10)), max_size=3),
    ),
    min_size=1,
    max_size=20,
)


def batch_of(rows, codec=0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, 0, 1 << 20)
    for offset, (key, value, headers) in enumerate(rows):
        builder.append(offset, 1_700_000_000_000 + offset, key, value, headers)
    return bytes(builder.build())


def parts(record):
    return record.offset, record.timestamp, record.key, record.value, list(record.headers)


@given(records, st.sampled_from([0, 1, 2, 3, 4]))
def test_good_records_are_what_the_client_makes_of_them(rows, codec):
    data = batch_of(rows, codec)
    found = list(salvage("t", 3, data, why="why"))
    assert [parts(one) for one in found] == [parts(one) for one in DefaultRecordBatch(bytearray(data))]
    assert {(one.topic, one.partition, one.problem) for one in found} == {("t", 3, "")}


def test_a_header_name_that_is_not_utf8_is_the_fault_of_its_record_alone():
    rows = [(b"k", b"one", []), (b"k", b"two", [("XX", b"v")]), (b"k", b"three", [])]
    data = batch_of(rows)
    data = with_bad_header_name(data)
    with pytest.raises(UnicodeDecodeError):
        list(DefaultRecordBatch(bytearray(data)))
    found = list(salvage("t", 0, data, why="why"))
    assert [(one.value, one.problem) for one in found] == [
        (b"one", ""),
        (b"two", "bad_headers"),
        (b"three", ""),
    ]
    assert found[1].headers == (("\\xe4\\xf6", b"v"),)
    assert "not UTF-8" in found[1].message


@given(st.binary(max_size=300), st.integers(0, 7), st.integers(0, 50), st.integers(0, 60))
def test_whatever_the_bytes_every_offset_is_there_once(body, codec, last, count):
    head = struct.pack(">qiibIhiqqqhii", 100, 49 + len(body), 0, 2, 0, codec, last, 5, 9, -1, -1, -1, count)
    for found in (list(salvage("t", 0, head + body, why="why")), list(corrupt("t", 0, head + body))):
        offsets = [one.offset for one in found]
        assert offsets == sorted(set(offsets))
        assert all(100 <= offset <= 100 + last for offset in offsets)
        assert all(one.problem for one in found) or count <= len(found)
        assert sum(len(one.value or one.raw or b"") for one in found) <= MAX_RAW_BYTES + len(body) * 1100
    head = struct.pack(">qiibI", 7, len(body) + 9, 0, 1, zlib.crc32(body))
    assert [one.offset for one in salvage("t", 0, head + body, why="old format")] == [7]


def test_a_fetch_answer_is_split_into_its_whole_batches():
    one, two = batch_of([(b"a", b"1", [])]), batch_of([(b"b", b"2", [])])
    assert list(batches(one + two + two[:30])) == [one, two]


def _unpacked(data: bytes, check_crcs: bool = True, first: int = 0):
    fetcher = internals.fetcher  # with what is changed there
    return fetcher.PartitionRecords(
        TopicPartition("t", 0), fetcher.MemoryRecords(data), [], first, None, None, check_crcs, 0
    )


def _at(data: bytes, base: int) -> bytes:
    return struct.pack(">q", base) + data[8:]


def test_a_consumer_goes_on_behind_what_it_cant_read():
    bad = batch_of([(b"k", b"one", []), (b"k", b"two", [("XX", b"v")])])
    bad = with_bad_header_name(bad)
    good = batch_of([(b"k", b"three", [])])
    found = list(_unpacked(bad + _at(good, 2)))
    assert [(one.offset, one.value, getattr(one, "problem", "")) for one in found] == [
        (0, b"one", ""),
        (1, b"two", "bad_headers"),
        (2, b"three", ""),
    ]


def test_a_wrong_checksum_is_fetched_once_more_and_then_given_up():
    tried.clear()
    bad = bytearray(batch_of([(b"k", b"one", []), (b"k", b"two", [])]))
    bad[-1] ^= 1
    good = _at(batch_of([(b"k", b"three", [])]), 2)
    with pytest.raises(Exception, match="CRC"):
        list(_unpacked(bytes(bad) + good))
    found = list(_unpacked(bytes(bad) + good))
    assert [(one.offset, getattr(one, "problem", "")) for one in found] == [
        (0, "bad_batch"),
        (1, "bad_batch"),
        (2, ""),
    ]


def _spoilt(data: bytes, at: int, kind: str, value: int) -> bytes:
    made = bytearray(data)
    struct.pack_into(kind, made, at, value)
    return bytes(made)


@pytest.mark.parametrize(
    ("last", "count"),
    [(2**31 - 1, 3), (2, 2**31 - 1), (-5, 3), (2, -5), (0, 3), (2, 0), (2**31 - 1, 2**31 - 1)],
)
def test_a_spoilt_head_of_a_batch_neither_skips_what_follows_nor_hides_what_it_had(last, count):
    tried.clear()
    three = batch_of([(b"k", b"v", [])] * 3)
    bad = _spoilt(_spoilt(three, 23, ">i", last), 57, ">i", count)
    with pytest.raises(Exception, match="CRC"):
        list(_unpacked(bad + _at(three, 3)))
    found = list(_unpacked(bad + _at(three, 3)))
    assert [one.offset for one in found] == [0, 1, 2, 3, 4, 5]
    assert [getattr(one, "problem", "") for one in found] == ["bad_batch"] * 3 + [""] * 3


def test_a_batch_of_which_no_end_can_be_made_out_is_given_up_offset_by_offset():
    """Its length is wrong, so nothing behind it is known: each offset is tried again before it is given up."""
    tried.clear()
    data = _spoilt(batch_of([(b"k", b"v", [])]), 8, ">i", -1)
    for offset in (0, 1):
        reading = _unpacked(data, first=offset)
        with pytest.raises(Exception, match="less than the minimum"):
            list(reading)
        reading = _unpacked(data, first=offset)
        assert [(one.offset, one.problem) for one in islice(reading, 1)] == [(offset, "bad_batch")]
        assert reading.next_fetch_offset == offset + 1


@pytest.mark.parametrize(("magic", "size"), [(2, 60), (2, 30), (1, 80), (0, 26)])
def test_a_batch_without_a_whole_head_or_of_an_old_format_is_given_up_too(magic, size):
    tried.clear()
    good = batch_of([(b"k", b"v" * 40, [])])
    bad = _spoilt(_spoilt(good[:size], 8, ">i", size - 12), 16, ">b", magic)
    try:
        found = list(_unpacked(bad + _at(good, 2)))
    except CorruptRecordException:
        found = list(_unpacked(bad + _at(good, 2)))
    assert {one.problem for one in found[:-1]} == {"bad_batch"}
    assert (found[0].offset, found[-1].offset, found[-1].value) == (0, 2, b"v" * 40)


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_a_batch_that_expands_without_end_is_given_up_with_bounded_memory(kind, monkeypatch):
    monkeypatch.setattr(decompression, "MAX_BYTES", 4 << 20)
    encode = {1: codec.gzip_encode, 2: codec.snappy_encode, 3: codec.lz4_encode, 4: codec.zstd_encode}[kind]
    small, large = batch_of([(b"k", b"v" * (3 << 20), [])], kind), batch_of([(b"k", b"v", [])] * 2)
    large = _spoilt(with_body(large, encode(b"\0" * (64 << 20))), 21, ">h", kind)
    tracemalloc.start()
    found = list(_unpacked(small + _at(large, 1) + _at(small, 3), check_crcs=False))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(one.offset, getattr(one, "problem", "")) for one in found] == [
        *((0, ""), (1, "bad_batch"), (2, "bad_batch"), (3, "")),
    ]
    assert "expands to more than 4 MiB" in found[1].message
    assert peak < 40 << 20


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@given(data=st.binary(min_size=1, max_size=3000), times=st.integers(1, 300), cut=st.integers(1, 40))
def test_decompression_gives_the_bytes_or_an_error(kind, data, times, cut):
    encode = {1: codec.gzip_encode, 2: codec.snappy_encode, 3: codec.lz4_encode, 4: codec.zstd_encode}[kind]
    whole = data * times
    packed = encode(whole)
    with pytest.MonkeyPatch.context() as patch:
        for limit in (len(whole), 128 << 20):
            patch.setattr(decompression, "MAX_BYTES", limit)
            assert decompression.BY_NUMBER[kind](memoryview(packed)) == whole
        if len(whole) > 1 and kind != 2:
            patch.setattr(decompression, "MAX_BYTES", len(whole) - 1)
            with pytest.raises(decompression.TooLargeError):
                decompression.BY_NUMBER[kind](packed)
            patch.undo()
        if kind != 2:  # what is cut off may be a whole number of blocks there
            with pytest.raises(Exception, match=r"."):
                decompression.BY_NUMBER[kind](packed[: max(1, len(packed) - cut)])


@pytest.mark.parametrize("body", [b"", b"\x02\xff", b"\x28\xb5\x2f\xfd"])
@pytest.mark.parametrize("codec", [0, 4])
def test_what_was_read_of_a_batch_with_very_many_offsets_is_not_gone_through_again(body, codec):
    """Found by fuzzing: a minute for a batch that says it has two million offsets, all of them read before."""
    last = 2**31 - 1
    head = struct.pack(">qiibIhiqqqhii", 0, 49 + len(body), 0, 2, 0, codec, last, 5, 9, -1, -1, -1, last)
    for make in (
        lambda first: salvage("t", 0, head + body, why="why", first=first),
        lambda first: corrupt("t", 0, head + body, first=first),
    ):
        assert next(make(2_000_000)).offset == 2_000_000
        assert list(make(2**31)) == []
        assert next(make(0)).offset == 0


def test_offsets_that_a_batch_has_no_records_of_are_passed():
    """As compaction leaves them: without that, the same batch would be fetched for ever."""
    data = batch_of([(b"k", b"one", []), (b"k", b"two", [("XX", b"v")]), (b"k", b"three", [])])
    data = _spoilt(with_bad_header_name(data), 23, ">i", 9)
    reading = _unpacked(data, check_crcs=False)
    assert [one.offset for one in reading] == [0, 1, 2]
    assert reading.next_fetch_offset == 10


def test_a_codec_that_is_not_there_is_named():
    data = bytearray(batch_of([(b"k", b"one", [])] * 3))
    struct.pack_into(">h", data, 21, 7)
    found = list(_unpacked(bytes(data), check_crcs=False))
    assert [(one.offset, one.problem) for one in found] == [(n, "bad_batch") for n in range(3)]
    assert "codec 7" in found[0].message
