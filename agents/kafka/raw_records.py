"""Records as aiokafka's parser makes them, without the copy into a ConsumerRecord.

That copy costs over 1 us per event, more than anything else that is not ours. A consumer made with
`value_deserializer=as_it_is` yields the parser's own records: offset, timestamp, key, value and headers
as attributes, no topic and partition (`getmany` returns these). All other consumers are untouched.
Reaches into aiokafka 0.14, which is pinned; tests/broker shows that it holds.
"""

from typing import Any

from aiokafka.consumer import fetcher

_copied = fetcher.PartitionRecords._consumer_record


def as_it_is(value: Any) -> Any:
    """The mark of a consumer that wants the parser's records; as a deserializer it changes nothing."""
    return value


def _consumer_record(self: Any, tp: Any, record: Any) -> Any:
    return record if self._value_deserializer is as_it_is else _copied(self, tp, record)


fetcher.PartitionRecords._consumer_record = _consumer_record
