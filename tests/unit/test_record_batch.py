"""Batches that the client can't read: every offset becomes something, and good records are what they were."""

import struct
import zlib

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from agents.kafka import internals
from agents.kafka.record_batch import MAX_RAW_BYTES, batches, corrupt, salvage
from tests.kit.batches import with_bad_header_name

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


def _unpacked(data: bytes, check_crcs: bool = True):
    return fetcher.PartitionRecords(
        TopicPartition("t", 0), fetcher.MemoryRecords(data), [], 0, None, None, check_crcs, 0
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
    internals._corrupt.clear()
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


def test_a_codec_that_is_not_there_is_named():
    data = bytearray(batch_of([(b"k", b"one", [])] * 3))
    struct.pack_into(">h", data, 21, 7)
    found = list(_unpacked(bytes(data), check_crcs=False))
    assert [(one.offset, one.problem) for one in found] == [(n, "bad_batch") for n in range(3)]
    assert "codec 7" in found[0].message
